#include "agg_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "etime/etime.h"
#include "jq/jq.h"
#include "mem/mem.h"
#include "num/num.h"

enum { ROW_SHIFT_US = 1000 }; /* the time of a row is the last millisecond of its window */

/* ---- rows out ---- */

/* The books follow the engine's. */
static void keep_books(struct agg *g)
{
	const struct engine_counts *c = engine_counts(g->engine);
	const struct window_clock *clock = engine_clock(g->engine);
	struct ledger *l = g->frame.ledger;

	l->kept = c->kept;
	l->open = c->taken - c->kept;
	l->late = c->late;
	l->late_partial = c->late_partial;
	l->out = g->n_rows - rows_withheld(g->rows);
	if (clock->watermark_us != WINDOW_NEVER && clock->watermark_us != WINDOW_FOREVER) {
		l->has_time = true;
		l->max_time_us = clock->max_us;
		l->watermark_us = clock->watermark_us;
	}
}

static int end_call(struct agg *g, struct err *err)
{
	if (g->rows && g->frame.is_live)
		rows_flush(g->rows, g->out);
	if (g->engine)
		keep_books(g);
	if (g->latest && latest_write(g->latest, !g->frame.is_live, err))
		return -1;
	if (!g->late_rows.len)
		return 0;
	if (sink_write_bytes(g->late, buf_slice(&g->late_rows), err) || g->late->ops->flush(g->late, err))
		return -1;
	buf_reset(&g->late_rows);
	return 0;
}

/* ---- records in ---- */

static int start_engine(struct agg *g, struct json_span record, struct err *err)
{
	struct engine_opts opts = {.window = g->window,
		.delay_us = g->opts.delay_us,
		.grace_us = g->opts.grace_us,
		.max_ahead_us = g->opts.max_ahead_us < 0 ? WINDOW_FOREVER : g->opts.max_ahead_us,
		.n_inputs = g->frame.n_inputs,
		.list = &g->list,
		.row = agg_take_row,
		.context = g};

	if (agg_plan_first_record(g, record, err))
		return -1;
	opts.has_time = g->time_from != TIME_NONE;
	g->engine = engine_open(&opts);
	for (uint32_t i = 0; i < g->frame.n_inputs; i++) {
		if (g->have_ended[i] && engine_input_end(g->engine, i, err))
			return -1;
	}
	return 0;
}

/* One record on its way: where it stands, for rejects and late rows. */
struct at {
	const struct batch *batch;
	const struct json_record *record;
	uint64_t line;
};

/* 0, 1 when the record was rejected, -1 with err. */
static int reject_field(struct agg *g, const struct at *at, enum reject_reason reason, const char *field,
	const char *what, struct err *err)
{
	struct slice raw = {at->record->p, at->record->len};

	return reject_add(g->frame.reject, reason, at->batch, at->line, 0, raw, raw.len, err, "%s %s", field, what) ? -1
														    : 1;
}

static int read_time(struct agg *g, const struct at *at, int64_t *us, struct err *err)
{
	const struct json_span *spans = at->record->spans;
	const char *why;
	int64_t end_us;

	if (timefield_get(&g->time, spans[g->time_slot], &g->tmp, us, &why))
		return reject_field(g, at, REJECT_NO_TIME, g->time.path.text, why, err);
	if (g->time_from != TIME_WINDOW)
		return 0;
	if (timefield_get(&g->time_end, spans[g->time_end_slot], &g->tmp, &end_us, &why))
		return reject_field(g, at, REJECT_NO_TIME, g->time_end.path.text, why, err);
	if (end_us - ROW_SHIFT_US > *us)
		*us = end_us - ROW_SHIFT_US;
	return 0;
}

static int read_group(struct agg *g, const struct at *at, struct err *err)
{
	buf_reset(&g->key);
	for (size_t i = 0; i < g->n_groups; i++) {
		if (!group_key_add(&g->key, at->record->spans[g->group_slots[i]], &g->tmp))
			return reject_field(g, at, REJECT_GROUP_VALUE, g->groups[i].path.text,
				"is an array or an object and cannot be a group", err);
	}
	return 0;
}

/* Which of the aggregates with a condition see the record. */
static int judge(struct agg *g, const struct at *at, struct err *err)
{
	struct slice raw = {at->record->p, at->record->len};
	const struct jq_result *failed = agg_judge(&g->list, at->record, g->values);

	if (!failed)
		return 0;
	return reject_add(g->frame.reject, failed->status == JQ_ERROR ? REJECT_PROGRAM : REJECT_LIMIT, at->batch,
		       at->line, 0, raw, raw.len, err, "%.*s", (int)failed->message.len, failed->message.p)
		       ? -1
		       : 1;
}

static int read_values(struct agg *g, const struct at *at, struct err *err)
{
	for (size_t i = 0; i < g->list.n_fields; i++) {
		const char *why = agg_read(&g->list, i, at->record->spans[g->field_slots[i]], &g->values[i]);

		if (why)
			return reject_field(g, at, REJECT_TYPE, g->list.fields[i].path.text, why, err);
	}
	return g->list.n_conditions ? judge(g, at, err) : 0;
}

static void add_late_row(struct agg *g, const struct at *at, int64_t time_us)
{
	const struct engine_late *late = engine_late(g->engine);
	struct buf *out = &g->late_rows;

	buf_add_str(out, "{\"reason\":\"late\",\"source\":");
	reject_add_text(out, at->batch->name);
	buf_addf(out, ",\"line\":%llu,\"time\":", (unsigned long long)at->line);
	rows_add_time(out, ROWS_ISO, time_us);
	buf_add_str(out, ",\"window_start\":");
	rows_add_time(out, (enum rows_time)g->opts.time_out, late->start_us);
	buf_add_str(out, ",\"window_end\":");
	rows_add_time(out, (enum rows_time)g->opts.time_out, late->end_us);
	buf_addf(
		out, ",\"windows\":%llu,\"late_us\":%lld", (unsigned long long)late->windows, (long long)late->late_us);
	reject_add_raw(out, (struct slice){at->record->p, at->record->len});
	buf_addf(out, ",\"tool\":\"%s\"}\n", g->frame.tool);
}

static int say_ahead(struct agg *g, const struct at *at, int64_t time_us, struct err *err)
{
	int64_t stream_us = engine_clock(g->engine)->inputs[at->batch->input].stream_us;
	struct buf by = BUF_INIT;
	int result;

	by.len += num_print_rough_duration(buf_reserve(&by, NUM_DOUBLE_BYTES), time_us - stream_us);
	buf_add_str(&by, " ahead of the stream, more than --max-ahead");
	result = reject_field(g, at, REJECT_AHEAD, g->time.path.text, buf_cstr(&by), err);
	buf_release(&by);
	return result;
}

/* A valid object: all its fields are read before any clock moves. */
static int take_object(struct agg *g, const struct at *at, struct err *err)
{
	struct engine_record r = {
		.place = {.line = at->line, .input = at->batch->input},
		.values = g->values,
	};
	int bad = 0;

	if (g->time_from != TIME_NONE)
		bad = read_time(g, at, &r.place.time_us, err);
	if (!bad)
		bad = read_group(g, at, err);
	if (!bad)
		bad = read_values(g, at, err);
	if (bad)
		return bad < 0 ? -1 : 0;
	r.key = buf_slice(&g->key);
	switch (engine_add(g->engine, &r, err)) {
	case ENGINE_TAKEN:
		return 0;
	case ENGINE_LATE:
		if (g->late)
			add_late_row(g, at, r.place.time_us);
		return 0;
	case ENGINE_AHEAD:
		return say_ahead(g, at, r.place.time_us, err) < 0 ? -1 : 0;
	case ENGINE_ERROR:
		break;
	}
	return -1;
}

static const char *type_text(uint8_t type)
{
	static const char *const text[] = {
		"nothing", "null", "false", "true", "a number", "a string", "an array", "an object"};

	return text[type];
}

/* A record that is no JSON, too deep, or no object. */
static int reject_record(struct agg *g, const struct at *at, struct err *err)
{
	struct slice raw = {at->record->p, at->record->len};
	struct buf what = BUF_INIT;
	int result;

	if (at->record->status != JSON_OK)
		return reject_add(g->frame.reject, at->record->status == JSON_TOO_DEEP ? REJECT_TOO_DEEP : REJECT_JSON,
			at->batch, at->line, at->record->byte, raw, raw.len, err, "%s", at->record->message);
	buf_addf(&what, "the record is %s, not an object", type_text(at->record->type));
	result = reject_add(
		g->frame.reject, REJECT_NOT_OBJECT, at->batch, at->line, 0, raw, raw.len, err, "%s", buf_cstr(&what));
	buf_release(&what);
	return result;
}

/* Whether --where takes a record: 1, 0 when it was left out or rejected, -1 with err. */
static int ask_where(struct agg *g, const struct at *at, struct err *err)
{
	struct slice raw = {at->record->p, at->record->len}, message;
	enum condition_answer answer = condition_ask(g->where, at->record, &message);

	switch (answer) {
	case CONDITION_YES:
		return 1;
	case CONDITION_NO:
		g->frame.ledger->read++;
		g->frame.ledger->filtered++;
		return 0;
	case CONDITION_ERROR:
	case CONDITION_LIMIT:
		break;
	}
	g->frame.ledger->read++;
	return reject_add(g->frame.reject, answer == CONDITION_ERROR ? REJECT_PROGRAM : REJECT_LIMIT, at->batch,
		at->line, 0, raw, raw.len, err, "--where: %.*s", (int)message.len, message.p);
}

static int take_batch(struct stage *stage, const struct batch *in, struct buf *out, struct err *err)
{
	struct agg *g = (struct agg *)stage;
	struct json_record record;
	struct at at = {in, &record, 0};
	uint64_t first_line = in->first_line;
	int result = 0;

	g->out = out;
	json_scan_batch(g->scan, in->p, in->len);
	while (result == 0 && json_scan_next(g->scan, &record)) {
		at.line = first_line + record.line;
		if (record.status == JSON_BLANK) {
			g->frame.ledger->empty++;
			continue;
		}
		if (record.status == JSON_OK && g->where) {
			result = ask_where(g, &at, err);
			if (result <= 0)
				continue;
			result = 0;
		}
		if (record.status == JSON_OK && record.type == JSON_OBJECT && !g->engine) {
			/* the first record: from here on with the paths that it needs */
			if (start_engine(g, record.value, err))
				return -1;
			json_scan_batch(g->scan, record.p, (size_t)(in->p + in->len - record.p));
			first_line = at.line;
			continue;
		}
		g->frame.ledger->read++;
		if (record.status == JSON_OK && record.type == JSON_OBJECT)
			result = take_object(g, &at, err);
		else
			result = reject_record(g, &at, err);
	}
	return end_call(g, err) ? -1 : result;
}

static int take_input_end(struct stage *stage, uint32_t input, struct buf *out, struct err *err)
{
	struct agg *g = (struct agg *)stage;

	g->out = out;
	g->have_ended[input] = true; /* the engine may start later */
	if (!g->engine)
		return 0;
	if (engine_input_end(g->engine, input, err))
		return -1;
	return end_call(g, err);
}

static int end(struct stage *stage, bool is_stopped, struct buf *out, struct err *err)
{
	struct agg *g = (struct agg *)stage;

	g->out = out;
	if (!g->engine)
		return 0;
	if (!g->opts.no_flush && engine_flush(g->engine, !is_stopped, err))
		return -1;
	rows_flush(g->rows, out);
	if (g->latest && latest_write(g->latest, false, err))
		return -1;
	return end_call(g, err);
}

/* ---- life ---- */

static void close_stage(struct stage *stage)
{
	agg_close((struct agg *)stage);
}

static const struct stage_ops ops = {take_batch, take_input_end, end, close_stage};

static int plan(struct agg *g, const char *list, struct err *err)
{
	struct rows *rows;

	if (agg_list_parse(&g->list, list, err) || agg_plan_window(g, err) || agg_plan_groups(g, err) ||
		agg_plan_time(g, err) || agg_plan_where(g, err) || agg_plan_choice(g, err))
		return -1;
	g->list.is_coercing = g->opts.is_coercing;
	g->list.exact_max = (uint32_t)g->opts.exact_max;
	/* names that clash are told before anything is read */
	rows = agg_plan_rows(g, (enum rows_format)g->opts.format, err);
	if (!rows)
		return -1;
	rows_close(rows);
	return 0;
}

struct agg *agg_open(const struct agg_options *opts, const char *list, const struct agg_frame *frame, struct err *err)
{
	struct agg *g = mem_alloc(1, sizeof *g);

	g->stage.ops = &ops;
	g->opts = *opts;
	g->frame = *frame;
	if (plan(g, list, err))
		goto fail;
	g->have_ended = mem_alloc(frame->n_inputs, sizeof *g->have_ended);
	g->values = mem_alloc(g->list.n_fields + g->list.n_conditions, sizeof *g->values);
	g->scan = json_scan_open(g->paths, frame->max_depth);
	if (opts->late && frame->sink) {
		g->late = sink_file(opts->late, err);
		if (!g->late)
			goto fail;
	}
	return g;

fail:
	agg_close(g);
	return NULL;
}

struct stage *agg_stage(struct agg *g)
{
	return &g->stage;
}

void agg_close(struct agg *g)
{
	if (!g)
		return;
	sink_close(g->late);
	engine_close(g->engine);
	rows_close(g->rows);
	rows_close(g->having_rows);
	latest_close(g->latest);
	json_scan_close(g->scan);
	json_scan_close(g->having_scan);
	condition_close(g->having);
	top_close(g->top);
	if (g->where)
		condition_close(g->where);
	else
		json_paths_close(g->paths);
	timefield_release(&g->time);
	timefield_release(&g->time_end);
	rows_fields_release(g->groups, g->n_groups);
	agg_list_release(&g->list);
	etime_zone_close(g->zone);
	free(g->group_slots);
	free(g->field_slots);
	free(g->values);
	free(g->have_ended);
	buf_release(&g->row_text);
	buf_release(&g->unjudged);
	buf_release(&g->late_rows);
	buf_release(&g->key);
	buf_release(&g->tmp);
	free(g);
}

static void tell_late(const struct engine_counts *c, struct buf *out)
{
	if (c->late == 1)
		buf_add_str(out, "1 record was late, by ");
	else
		buf_addf(out, "%llu records were late, by at most ", (unsigned long long)c->late);
	out->len += num_print_rough_duration(buf_reserve(out, NUM_DOUBLE_BYTES), c->late_max_us);
	buf_add_str(out, ", and in no row: a longer --delay waits for such records, --late FILE keeps them");
}

/* The next of several sentences. */
static struct buf *next_sentence(struct buf *out)
{
	if (out->len)
		buf_add_str(out, "; ");
	return out;
}

int agg_finish(struct agg *g, struct buf *out, struct err *err)
{
	const struct engine_counts *c = g->engine ? engine_counts(g->engine) : NULL;
	bool is_lost = c && c->late && !g->late;

	if (g->rows && rows_withheld(g->rows))
		buf_addf(next_sentence(out),
			"rows of open windows that were not written, csv and tsv having no column for final: %llu",
			(unsigned long long)rows_withheld(g->rows));
	if (g->n_unjudged) {
		buf_addf(next_sentence(out),
			"rows that --having could not judge, and that were not written: %llu, the first: ",
			(unsigned long long)g->n_unjudged);
		buf_add_slice(out, buf_slice(&g->unjudged));
	}
	if (is_lost)
		tell_late(c, next_sentence(out));
	if (g->late && g->late->ops->finish(g->late, true, err))
		return -1;
	return is_lost || g->n_unjudged ? STATUS_REJECTED : STATUS_OK;
}
