/* The lines of a batch into a block: --where, time, group, values; or what is wrong with them. Knows no clock. */
#include "agg_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jq/jq.h"
#include "mark/mark.h"
#include "mem/mem.h"

enum { ROW_SHIFT_US = 1000 }; /* the time of a row is the last millisecond of its window */

/* One line on its way. */
struct line {
	struct agg_worker *w;
	struct agg_block *block;
	const struct json_record *record;
	struct agg_item *item;
	struct agg_value *values;
};

/* Returns false, as those do who call it. */
static bool reject(struct line *l, enum reject_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool reject(struct line *l, enum reject_reason reason, const char *fmt, ...)
{
	char text[ERR_MSG_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	l->item->fate = AGG_REJECTED;
	l->item->reason = (uint8_t)reason;
	l->item->more_at = (uint32_t)l->block->text.len;
	l->item->more_bytes = (uint32_t)strlen(text);
	buf_add_str(&l->block->text, text);
	return false;
}

static bool reject_field(struct line *l, enum reject_reason reason, const char *field, const char *what)
{
	return reject(l, reason, "%s %s", field, what);
}

/* A program that cannot judge the record; option: "--where: ", or "". */
static bool reject_program(struct line *l, bool is_error, const char *option, struct slice message)
{
	return reject(l, is_error ? REJECT_PROGRAM : REJECT_LIMIT, "%s%.*s", option, (int)message.len, message.p);
}

/* There may be several: the text tells which, the beginning of its first line. */
static bool reject_condition(struct line *l, struct slice text, const struct jq_result *raised)
{
	enum { SHOWN_MAX = 60 };
	char which[SHOWN_MAX + 16];
	size_t n = 0;

	while (n < text.len && n < SHOWN_MAX && text.p[n] != '\n')
		n++;
	while (n && n < text.len && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	snprintf(which, sizeof which, "where %.*s%s: ", (int)n, text.p, n < text.len ? ".." : "");
	return reject_program(l, raised->status == JQ_ERROR, which, raised->message);
}

bool agg_read_bound(struct json_span span, struct buf *tmp, int64_t *us)
{
	struct slice text;

	if (span.type != JSON_STRING)
		return false;
	text = json_text(span, tmp);
	return etime_parse_bound(text.p, text.len, us);
}

/* A bound of a row, which may lie outside of the years of records. */
static bool read_bound(struct line *l, const struct timefield *field, size_t slot, int64_t *us)
{
	struct json_span span = l->record->spans[slot];
	const char *why;

	return !timefield_get(field, span, &l->w->tmp, us, &why) || agg_read_bound(span, &l->w->tmp, us) ||
	       reject_field(l, REJECT_NO_TIME, field->path.text, why);
}

static bool read_row_time(struct line *l)
{
	const struct agg *g = l->w->agg;
	int64_t *us = &l->item->time_us, end_us;

	if (!read_bound(l, &g->time, g->time_slot, us) || !read_bound(l, &g->time_end, g->time_end_slot, &end_us))
		return false;
	if (end_us - ROW_SHIFT_US > *us)
		*us = end_us - ROW_SHIFT_US;
	return (*us >= ETIME_MIN_US && *us <= ETIME_MAX_US) ||
	       reject_field(l, REJECT_NO_TIME, g->time_end.path.text, "is outside of the years 1 to 9999");
}

static bool read_time(struct line *l)
{
	const struct agg *g = l->w->agg;
	int64_t *us = &l->item->time_us;
	const char *why;

	if (g->time_from == TIME_MESSAGE) {
		*us = l->block->in->records[l->item->line].time_us;
		return *us != BATCH_NO_TIME || reject_field(l, REJECT_NO_TIME, "the message", "has no time");
	}
	if (g->time_from == TIME_WINDOW)
		return read_row_time(l);
	return !timefield_get(&g->time, l->record->spans[g->time_slot], &l->w->tmp, us, &why) ||
	       reject_field(l, REJECT_NO_TIME, g->time.path.text, why);
}

/* The value that votes on the time; null or nothing has no vote. */
static bool read_vote(struct line *l)
{
	const struct agg *g = l->w->agg;
	struct json_span voter = l->record->spans[g->voter_slot];
	struct buf *text = &l->block->text;

	l->item->more_at = (uint32_t)text->len;
	if (voter.type == JSON_ABSENT || voter.type == JSON_NULL)
		return true;
	if (!group_key_add(text, voter, &l->w->tmp))
		return reject_field(
			l, REJECT_GROUP_VALUE, g->voter.text, "is an array or an object and cannot be in a quorum");
	l->item->more_bytes = (uint32_t)text->len - l->item->more_at;
	return true;
}

/* The key is what stands in the text of the block from there on. */
static inline void put_key(const struct line *l, size_t at)
{
	const struct buf *text = &l->block->text;
	struct agg_item *item = l->item;

	item->key_at = (uint32_t)at;
	item->key_bytes = (uint32_t)(text->len - at);
	item->hash = group_hash((struct slice){text->p + at, item->key_bytes});
	item->lane = (uint8_t)agg_lane_of(l->w->agg, item->hash);
}

static bool read_group(struct line *l)
{
	const struct agg *g = l->w->agg;
	struct buf *text = &l->block->text;
	size_t at = text->len;

	for (size_t i = 0; i < g->n_groups; i++) {
		if (!group_key_add(text, l->record->spans[g->group_slots[i]], &l->w->tmp))
			return reject_field(l, REJECT_GROUP_VALUE, g->groups[i].path.text,
				"is an array or an object and cannot be a group");
	}
	put_key(l, at);
	return true;
}

static bool read_value(struct line *l, size_t field)
{
	struct agg_list *list = l->w->list;
	const char *why = agg_read(list, field, l->record->spans[l->w->agg->field_slots[field]], &l->values[field]);

	return !why || reject_field(l, REJECT_TYPE, list->fields[field].path.text, why);
}

/* The fields, and which of the aggregates with a condition see the record: of what none sees the type is no matter. */
static bool read_values(struct line *l)
{
	struct agg_list *list = l->w->list;
	const struct jq_result *raised;
	int32_t failed;

	for (size_t i = 0; i < list->n_fields; i++) {
		if (list->fields[i].condition < 0 && !read_value(l, i))
			return false;
	}
	if (!list->n_conditions)
		return true;
	failed = agg_judge(list, l->record, l->values, &raised);
	if (failed >= 0)
		return reject_condition(l, agg_condition_text(list, failed), raised);
	for (size_t i = 0; i < list->n_fields; i++) {
		int32_t condition = list->fields[i].condition;

		if (condition < 0)
			continue;
		l->values[i] = (struct agg_value){.is_present = false};
		if (l->values[list->n_fields + (size_t)condition].is_present && !read_value(l, i))
			return false;
	}
	return true;
}

/* Whether a trip begins or ends with the record. */
static bool ask_trip(struct line *l, struct condition *c, const char *option, bool *is_true)
{
	struct slice message;
	enum condition_answer answer = c ? condition_scan(c, l->record, &message) : CONDITION_NO;

	*is_true = answer == CONDITION_YES;
	if (answer == CONDITION_YES || answer == CONDITION_NO)
		return true;
	return reject_program(l, answer == CONDITION_ERROR, option, message);
}

/* A valid object. */
static bool read_object(struct line *l)
{
	const struct agg *g = l->w->agg;
	bool is_start, is_end;

	if ((g->time_from != TIME_NONE && !read_time(l)) || (g->clock.quorum && !read_vote(l)) || !read_group(l) ||
		!read_values(l) || !ask_trip(l, l->w->start, "--start: ", &is_start) ||
		!ask_trip(l, l->w->end, "--end: ", &is_end))
		return false;
	l->item->is_start = is_start;
	l->item->is_end = is_end;
	l->item->fate = AGG_GOOD;
	return true;
}

/* The usual record, in a third of the instructions of read_line(). False: it is another one, and nothing was done. */
static bool read_usual(const struct line *l)
{
	const struct agg_worker *w = l->w;
	const struct agg *g = w->agg;
	const struct json_span *spans = l->record->spans;
	struct buf *text = &l->block->text, *tmp = &l->w->tmp;
	struct agg_item *item = l->item;
	size_t at = text->len;
	const char *why;

	if (l->record->status != JSON_OK || l->record->type != JSON_OBJECT ||
		timefield_get(&g->time, spans[g->time_slot], tmp, &item->time_us, &why))
		return false;
	for (size_t i = 0; i < g->n_groups; i++) {
		if (!group_key_add_padded(text, spans[g->group_slots[i]], tmp))
			goto other;
	}
	for (size_t i = 0; i < w->list->n_fields; i++) {
		if (agg_read(w->list, i, spans[g->field_slots[i]], &l->values[i]))
			goto other;
	}
	put_key(l, at);
	item->fate = AGG_GOOD;
	return true;

other:
	text->len = at;
	return false;
}

static const char *type_text(uint8_t type)
{
	static const char *const text[] = {
		"nothing", "null", "false", "true", "a number", "a string", "an array", "an object"};

	return text[type];
}

/* No JSON, too deep, or no object. */
static bool refuse(struct line *l)
{
	const struct json_record *record = l->record;

	if (record->status == JSON_OK)
		return reject(l, REJECT_NOT_OBJECT, "the record is %s, not an object", type_text(record->type));
	l->item->byte = (uint32_t)record->byte;
	return reject(l, record->status == JSON_TOO_DEEP ? REJECT_TOO_DEEP : REJECT_JSON, "%s", record->message);
}

static void read_mark(struct line *l)
{
	const char *why;

	l->item->fate = AGG_MARK;
	if (mark_read(l->record->value, &l->item->time_us, &why))
		reject(l, REJECT_MARK, "%s", why);
}

/* Whether --where takes the record. */
static bool ask_where(struct line *l)
{
	struct slice message;

	switch (condition_ask(l->w->where, l->record, &message)) {
	case CONDITION_YES:
		return true;
	case CONDITION_NO:
		l->item->fate = AGG_FILTERED;
		return false;
	case CONDITION_ERROR:
		return reject_program(l, true, "--where: ", message);
	case CONDITION_LIMIT:
		break;
	}
	return reject_program(l, false, "--where: ", message);
}

/* False: it is the first record, for which nothing is planned yet. */
static bool read_line(struct line *l)
{
	const struct json_record *record = l->record;
	const struct agg *g = l->w->agg;
	bool is_good = record->status == JSON_OK;

	if (record->status == JSON_BLANK)
		l->item->fate = AGG_BLANK;
	else if (is_good && g->opts.has_marks && mark_is(record->p, record->len))
		read_mark(l);
	else if (is_good && l->w->where && !ask_where(l))
		return true;
	else if (!is_good || record->type != JSON_OBJECT)
		refuse(l);
	else if (g->opts.is_merging)
		l->item->fate = AGG_PART;
	else if (!g->has_begun)
		return false;
	else
		read_object(l);
	return true;
}

/* ---- blocks ---- */

/* Room for one more. */
static struct agg_item *next_item(struct agg_block *b)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 256;
		b->items = mem_resize(b->items, b->cap, sizeof *b->items);
		b->order = mem_resize(b->order, b->cap, sizeof *b->order);
		b->values = mem_resize(b->values, b->cap * b->n_values, sizeof *b->values);
	}
	return &b->items[b->n];
}

/* Only what not every line sets: less than the whole, which costs as much as all the rest of a line. */
static void clear(struct agg_item *item)
{
	item->time_us = 0;
	item->hash = 0;
	item->key_at = item->key_bytes = item->more_at = item->more_bytes = 0;
	item->byte = item->late = 0;
	item->lane = 0;
	item->is_start = item->is_end = false;
}

/* Each lane finds its items without a look at those of others. ends: their number by lane. */
static void sort_by_lane(struct agg_block *b, unsigned n_lanes)
{
	uint32_t end = 0;

	for (unsigned k = 0; k < n_lanes; k++) {
		uint32_t n = b->ends[k];

		b->ends[k] = end;
		end += n;
	}
	for (size_t i = 0; i < b->n; i++)
		b->order[b->ends[b->items[i].lane]++] = (uint32_t)i;
}

/* All items are there. */
void agg_block_settle(const struct agg_worker *w, struct agg_block *b)
{
	memset(b->ends, 0, w->agg->n_lanes * sizeof *b->ends);
	for (size_t i = 0; i < b->n; i++)
		b->ends[b->items[i].lane]++;
	sort_by_lane(b, w->agg->n_lanes);
}

void agg_block_start(struct agg_worker *w, struct agg_block *block)
{
	json_scan_batch(w->scan, block->from, (size_t)(block->in->p + block->in->len - block->from));
}

static inline bool next_record(struct agg_worker *w, struct json_record *record)
{
	if (__builtin_expect(w->is_ahead, 0)) {
		w->is_ahead = false;
		*record = w->ahead;
		return true;
	}
	return json_scan_next(w->scan, record);
}

void agg_block_reset(struct agg_block *block)
{
	block->n = 0;
	block->first = (struct json_span){0};
	buf_reset(&block->text);
	buf_reserve(&block->text, 1);
}

bool agg_block_read(struct agg_worker *w, struct agg_block *block, size_t max)
{
	bool is_more;

	agg_block_reset(block);
	is_more = agg_block_add(w, block, max);
	agg_block_settle(w, block);
	return is_more;
}

bool agg_block_add(struct agg_worker *w, struct agg_block *block, size_t max)
{
	struct json_record record;
	struct line l = {w, block, &record, NULL, NULL};
	uint32_t first_line = (uint32_t)(block->first_line - block->in->first_line);
	size_t end = max < SIZE_MAX - block->n ? block->n + max : SIZE_MAX;
	bool is_more = true;

	block->n_values = w->list->n_fields + w->list->n_conditions;
	block->input = block->in->input;
	while (block->n < end && (is_more = next_record(w, &record))) {
		l.item = next_item(block);
		l.values = block->values + block->n * block->n_values;
		clear(l.item);
		l.item->raw_at = (uint32_t)(record.p - block->in->p);
		l.item->raw_bytes = (uint32_t)record.len;
		l.item->line = first_line + (uint32_t)record.line;
		if (!(w->is_usual && read_usual(&l)) && !read_line(&l)) {
			block->first = record.value;
			block->from = record.p;
			block->first_line += record.line;
			break;
		}
		block->spans = record.spans;
		block->n++;
	}
	return is_more;
}

void agg_block_release(struct agg_block *block)
{
	batch_release(&block->own);
	agg_runs_release(block);
	free(block->items);
	free(block->order);
	free(block->values);
	buf_release(&block->text);
}
