#include "lake/lake_impl.h"

#include <stdlib.h>

#include "mark/mark.h"
#include "mem/mem.h"
#include "num/num.h"

/* ---- event time ---- */

static size_t add_field(struct lake *l, struct timefield *field, const char *text)
{
	struct err err = ERR_INIT;

	if (timefield_parse(field, text, &err) < 0)
		mem_fail();
	return json_paths_add(l->paths, &field->path);
}

void lake_add_paths(struct lake *l)
{
	const char *name;

	l->message_us = BATCH_NO_TIME;
	if (l->opts.is_message_time) {
		l->clock = LAKE_CLOCK_MESSAGE;
	} else if (l->opts.time) {
		l->clock = LAKE_CLOCK_FIELD;
		l->time_slot = json_paths_add(l->paths, &l->opts.time->path);
	} else {
		l->start_slot = add_field(l, &l->window_start, "window_start:iso");
		l->end_slot = add_field(l, &l->window_end, "window_end:iso");
		l->session_slot = add_field(l, &l->session_end, "session_end:iso");
	}
	l->first_clock = l->clock;
	for (; (name = template_column(l->template, l->n_columns)); l->n_columns++) {
		l->column_slots = mem_resize(l->column_slots, l->n_columns + 1, sizeof *l->column_slots);
		l->column_slots[l->n_columns] = json_paths_add_key(l->paths, name);
	}
}

static bool needs_time(const struct lake *l)
{
	return template_has_time(l->template) || l->opts.max_span_us || l->opts.max_ahead_us;
}

/* Without --time the first record decides: rows of tlm-agg carry their own time. */
static int choose_clock(struct lake *l, const struct json_span *spans, struct err *err)
{
	if (spans[l->end_slot].type != JSON_ABSENT)
		l->clock = LAKE_CLOCK_WINDOW;
	else if (spans[l->session_slot].type != JSON_ABSENT)
		l->clock = LAKE_CLOCK_SESSION;
	else
		l->clock = LAKE_CLOCK_NONE;
	if (l->clock == LAKE_CLOCK_NONE && needs_time(l))
		return err_set(err, ERR_USAGE, "no --time: the %s the event time of a record, say --time FIELD:FORMAT",
			template_has_time(l->template) ? "'%' codes of the place need"
			: l->opts.max_span_us          ? "option --max-span needs"
						       : "option --max-ahead needs");
	return 0;
}

static int get(struct lake *l, const struct timefield *from, struct json_span span, int64_t *us, const char **field,
	const char **why)
{
	*field = from->path.text;
	return timefield_get(from, span, &l->tmp, us, why);
}

/* The time of a window is its last millisecond, so that its row falls into the window itself. */
int lake_time(struct lake *l, const struct json_span *spans, int64_t *us, const char **field, const char **why)
{
	int64_t start_us;

	switch (l->clock) {
	case LAKE_CLOCK_FIELD:
		return get(l, l->opts.time, spans[l->time_slot], us, field, why);
	case LAKE_CLOCK_SESSION:
		return get(l, &l->session_end, spans[l->session_slot], us, field, why);
	case LAKE_CLOCK_WINDOW:
		if (get(l, &l->window_end, spans[l->end_slot], us, field, why) < 0)
			return -1;
		*us -= 1000;
		if (get(l, &l->window_start, spans[l->start_slot], &start_us, field, why) == 0 && start_us > *us)
			*us = start_us;
		return 0;
	case LAKE_CLOCK_MESSAGE:
		if (l->message_us == BATCH_NO_TIME)
			break;
		*us = l->message_us;
		return 0;
	case LAKE_CLOCK_UNKNOWN:
	case LAKE_CLOCK_NONE:
		break;
	}
	*field = "";
	*why = l->clock == LAKE_CLOCK_MESSAGE ? "the message has no time" : "there is none";
	return -1;
}

/* ---- one record ---- */

static int reject(struct lake *l, const struct batch *b, const struct json_record *r, enum reject_reason reason,
	size_t byte, const char *field, const char *what, struct err *err)
{
	if (l->part && lake_batch_of(l)->is_again) {
		l->opts.ledger->read--; /* that was told before the plan was made */
		return 0;
	}
	return reject_add(l->opts.reject, reason, b, b->first_line + r->line, byte, (struct slice){r->p, r->len},
		r->len, err, "%.80s%s%s", field ? field : "", field ? " " : "", what);
}

/* A clock that is wrong must not pass hours that others are still in. It moves nothing itself. */
static bool is_ahead(const struct lake *l, int64_t us)
{
	int64_t stream_us = l->part ? l->part->stream_us : LAKE_NO_TIME;

	return l->opts.max_ahead_us && stream_us != LAKE_NO_TIME && us > stream_us &&
	       us - stream_us > l->opts.max_ahead_us;
}

static int reject_ahead(struct lake *l, const struct batch *b, const struct json_record *r, const char *field,
	int64_t us, struct err *err)
{
	struct buf what = BUF_INIT;
	int result;

	what.len += num_print_rough_duration(buf_reserve(&what, NUM_DOUBLE_BYTES), us - l->part->stream_us);
	buf_add_str(&what, " ahead of the partition, more than --max-ahead");
	result = reject(l, b, r, REJECT_AHEAD, 0, field, buf_cstr(&what), err);
	buf_release(&what);
	return result;
}

static void tell_hidden(struct lake *l, const struct json_span *spans)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < l->n_columns; i++) {
		const char *name = template_column(l->template, i);

		if (spans[l->column_slots[i]].type == JSON_ABSENT)
			continue;
		l->is_column_told = true;
		buf_reset(&text);
		buf_addf(&text, "the directory %s=... hides the field %s of the records for readers of the lake", name,
			name);
		l->opts.warn(l->opts.warn_ctx, buf_cstr(&text));
	}
	buf_release(&text);
}

/* A segment that this record must not join is stored first. NULL with err. */
static struct lake_dir *make_room(
	struct lake *l, struct lake_dir *d, size_t len, bool has_time, int64_t us, struct err *err)
{
	const struct lake_opts *o = &l->opts;
	bool is_full = d->records && d->raw_bytes + len > o->max_size_bytes;

	if (l->part)
		return d;
	if (o->max_span_us && has_time && d->has_first && us - d->first_us >= o->max_span_us)
		is_full = true;
	if (!is_full)
		return d;
	if (lake_seal(l, d, err) < 0)
		return NULL;
	return lake_find_dir(l, buf_slice(&l->name), err);
}

/* Lines that stand side by side become one run; a line that ended in CR LF is added as two pieces. */
static int add_line(struct lake *l, struct lake_dir *d, const struct json_record *r, struct err *err)
{
	struct lake_run *run = &l->run;

	if (run->dir == d && run->p + run->len == r->p && r->p[r->len] == '\n') {
		run->len += r->len + 1;
		run->records++;
		return 0;
	}
	if (lake_end_run(l, err) < 0)
		return -1;
	if (r->p[r->len] == '\n') {
		*run = (struct lake_run){d, r->p, r->len + 1, 1};
		return 0;
	}
	*run = (struct lake_run){d, r->p, r->len, 1};
	if (lake_end_run(l, err) < 0)
		return -1;
	*run = (struct lake_run){d, "\n", 1, 0};
	return lake_end_run(l, err);
}

static int store(struct lake *l, const struct json_record *r, bool has_time, int64_t us, struct err *err)
{
	struct lake_dir *d;

	if (l->part && lake_make_batch_room(l, r->len + 1, has_time, us, err) < 0)
		return -1;
	d = lake_find_dir(l, buf_slice(&l->name), err);
	if (d)
		d = make_room(l, d, r->len + 1, has_time, us, err);
	if (!d || add_line(l, d, r, err) < 0)
		return -1;
	d->records++;
	d->raw_bytes += r->len + 1;
	l->opts.ledger->open++;
	if (has_time) {
		segment_sum_time(&d->segment.sum, us);
		if (!d->has_first)
			d->first_us = us;
		d->has_first = true;
	}
	if (l->part) {
		lake_count_record(l, r->len + 1, has_time, us);
		return 0;
	}
	return d->records == l->opts.max_records ? lake_seal(l, d, err) : 0;
}

/* With the longest name that an object can have. */
static bool is_key_long(const struct lake *l)
{
	enum { NAME_BYTES = SPOOL_RUN_ID_MAX_BYTES + 32, OFFSETS_BYTES = 2 * 20 + 32 };
	size_t name_len = l->part ? strlen(l->part->topic) + OFFSETS_BYTES : NAME_BYTES;

	return l->opts.key_max_bytes &&
	       strlen(template_root(l->template)) + l->name.len + name_len > l->opts.key_max_bytes;
}

/* A record of a clock that was guessed needs its time only where the time is used. */
static int take_object(struct lake *l, const struct batch *b, const struct json_record *r, struct err *err)
{
	struct template_fault fault;
	const char *field = "the message is", *why;
	int64_t us = 0;
	bool has_time;

	if (l->clock == LAKE_CLOCK_UNKNOWN && choose_clock(l, r->spans, err) < 0)
		return -1;
	has_time = l->clock != LAKE_CLOCK_NONE && lake_time(l, r->spans, &us, &field, &why) == 0;
	if (!has_time && (l->opts.time || l->opts.is_message_time || needs_time(l)))
		return reject(l, b, r, REJECT_NO_TIME, 0, field, why, err);
	if (has_time && is_ahead(l, us))
		return reject_ahead(l, b, r, field, us, err);
	if (!template_is_same(l->template, us)) {
		buf_reset(&l->name);
		if (template_render(l->template, us, r->spans, &l->name, &fault) < 0)
			return reject(l, b, r, REJECT_PATH_VALUE, 0, fault.field, fault.why, err);
	}
	if (is_key_long(l))
		return reject(l, b, r, REJECT_PATH_VALUE, 0, NULL, "the key of the object would be too long", err);
	if (l->n_columns && !l->is_column_told)
		tell_hidden(l, r->spans);
	return store(l, r, has_time, us, err);
}

static int take_record(struct lake *l, const struct batch *b, const struct json_record *r, struct err *err)
{
	bool is_mark = l->opts.has_marks && r->status == JSON_OK && mark_is(r->p, r->len);
	const char *why;
	int64_t time_us;

	if (r->status == JSON_BLANK) {
		l->opts.ledger->empty++;
		return 0;
	}
	if (is_mark && mark_read(r->value, &time_us, &why) == 0)
		return 0;
	l->opts.ledger->read++;
	if (is_mark)
		return reject(l, b, r, REJECT_MARK, 0, NULL, why, err);
	if (r->status == JSON_BAD)
		return reject(l, b, r, REJECT_JSON, r->byte, NULL, r->message, err);
	if (r->status == JSON_TOO_DEEP)
		return reject(l, b, r, REJECT_TOO_DEEP, r->byte, NULL, r->message, err);
	if (r->type != JSON_OBJECT)
		return reject(l, b, r, REJECT_NOT_OBJECT, 0, NULL, "the record is not an object", err);
	return take_object(l, b, r, err);
}

/* What stands before the record that ends the run is added, too. */
int lake_take_batch(struct lake *l, const struct batch *b, struct err *err)
{
	struct json_record r;
	int got = 0;

	json_scan_batch(l->scan, b->p, b->len);
	while (got == 0 && json_scan_next(l->scan, &r)) {
		if (l->opts.is_message_time && b->records)
			l->message_us = b->records[r.line].time_us;
		got = take_record(l, b, &r, err);
		if (got == 0 && l->part)
			got = lake_pass(l, b->records[r.line].offset, err);
	}
	if (got == 0 || err->code == ERR_DATA) {
		struct err late = ERR_INIT;

		if (lake_end_run(l, &late) < 0) {
			*err = late;
			got = -1;
		}
	}
	return got;
}
