/*
 * Native programs: what becomes of the lines of a part, on any thread.
 */
#include <string.h>

#include "filter_impl.h"

/* The part is left for the stage's thread, behind the record whose line ends here. */
static void pause_behind(struct part *p, struct slice raw, uint64_t line)
{
	const char *end = p->lines.p + p->lines.len, *from = raw.p + raw.len;
	const char *lf = memchr(from, '\n', (size_t)(end - from));

	p->at = (size_t)(lf + 1 - p->lines.p);
	p->line = line + 1;
}

static bool is_full(const struct part *p)
{
	return p->out->len >= FILTER_SPILL_BYTES;
}

/* False: the record is for libjq. Outputs before an error stand, as in jq; the record was rejected all the same. */
static bool take_result(
	struct part *p, const struct jq_result *result, struct slice record, struct slice raw, uint64_t line)
{
	if (result->status == JQ_ELSEWHERE) {
		p->is_elsewhere = true;
		p->record = record;
		p->elsewhere = (struct sent){.raw = raw, .line = line};
		return false;
	}
	filter_take_fate(p, result->outputs, result->is_last_true, result->status == JQ_OK);
	if (result->status != JQ_OK)
		filter_fail(
			p, result->status == JQ_ERROR ? REJECT_PROGRAM : REJECT_LIMIT, raw, line, 0, result->message);
	return true;
}

static bool evaluate(struct part *p, struct lane *lane, const struct json_record *record)
{
	struct jq_result result;

	filter_flush_copy(p);
	jq_run_record(lane->run, record, p->out, &result);
	return take_result(p, &result, (struct slice){record->value.p, record->value.len},
		(struct slice){record->p, record->len}, record->line);
}

static void take_mark(struct part *p, const struct json_record *record)
{
	const char *why = NULL;
	int64_t time_us;

	if (mark_read(record->value, &time_us, &why))
		filter_fail(p, REJECT_MARK, (struct slice){record->p, record->len}, record->line, 0, slice_str(why));
	else if (!p->filter->sink->is_topic)
		filter_copy_line(p, (struct slice){record->p, record->len});
	/* what is written next goes behind it */
	filter_flush_copy(p);
}

/* One good record; false where the part pauses. */
static bool take_record(struct part *p, struct lane *lane, const struct json_record *record)
{
	bool is_taken = true;

	switch (jq_judge(lane->run, record, p->out)) {
	case JQ_DROP:
		p->fates.filtered++;
		return true;
	case JQ_KEEP:
		filter_copy_line(p, (struct slice){record->p, record->len});
		filter_take_fate(p, 1, record->type != JSON_NULL && record->type != JSON_FALSE, true);
		break;
	case JQ_WROTE:
		filter_take_fate(p, 1, true, true);
		break;
	case JQ_EVALUATE:
		is_taken = evaluate(p, lane, record);
		break;
	}
	filter_note_lines(p, record->line);
	return is_taken && !is_full(p);
}

static bool next_record(struct part *p, struct lane *lane, struct json_record *record)
{
	bool is_there = json_scan_next(lane->scan, record);

	if (lane->has_sieve)
		p->fates.filtered += json_scan_passed(lane->scan);
	return is_there;
}

static void work_on_records(struct part *p, struct lane *lane)
{
	const struct filter *f = p->filter;
	struct json_record record;
	uint64_t first = p->line;

	json_scan_batch(lane->scan, p->lines.p + p->at, p->lines.len - p->at);
	while (next_record(p, lane, &record)) {
		record.line += first;
		if (record.status == JSON_BLANK) {
			p->fates.empty++;
		} else if (record.status != JSON_OK) {
			filter_fail_json(p, &record);
		} else if (filter_is_mark(f, &record)) {
			take_mark(p, &record);
			filter_note_lines(p, record.line);
		} else if (!take_record(p, lane, &record)) {
			pause_behind(p, (struct slice){record.p, record.len}, record.line);
			return;
		}
	}
	p->at = p->lines.len;
}

static void place(const struct part *p, struct lane *lane, uint64_t line)
{
	const char *input;

	line = filter_place(p, line, &input);
	jq_run_place(lane->run, input, line);
}

static bool take_text(struct part *p, struct lane *lane, struct slice text)
{
	struct jq_result result;
	bool is_taken;

	if (!json_is_utf8(text.p, text.len)) {
		filter_fail(p, REJECT_JSON, text, p->line, 0, SLICE_LIT("the line is not UTF-8"));
		return true;
	}
	place(p, lane, p->line);
	jq_run_text(lane->run, text, p->out, &result);
	is_taken = take_result(p, &result, text, text, p->line);
	filter_note_lines(p, p->line);
	return is_taken && !is_full(p);
}

static void work_on_texts(struct part *p, struct lane *lane)
{
	const char *at = p->lines.p + p->at, *end = p->lines.p + p->lines.len;
	bool is_on = true;
	struct slice text;

	while (is_on && filter_next_line(&at, end, &text)) {
		is_on = take_text(p, lane, text);
		p->at = (size_t)(at - p->lines.p);
		p->line++;
	}
}

/* Goes on with a part until its end, a full output, or a record for libjq. */
void filter_work(struct part *p, struct lane *lane)
{
	if (p->filter->opts.is_raw_input) {
		work_on_texts(p, lane);
	} else {
		place(p, lane, 0);
		work_on_records(p, lane);
	}
}

/* Settles a part that was worked on, and does what is left of it. Its last output stays in out, or in the input. */
int filter_finish_native(struct filter *f, struct part *p, struct err *err)
{
	int result;

	for (;;) {
		result = filter_settle(f, p, err);
		if (p->is_elsewhere)
			filter_flush_copy(p);
		if (result == 0 && p->is_elsewhere)
			result = filter_ask_worker(f, p, err);
		if (result || filter_part_is_done(p))
			return result;
		if (filter_spill(f, p, err))
			return -1;
		filter_work(p, &f->lanes[0]);
	}
}

int filter_take_here(struct filter *f, struct batch *in, struct buf *out, struct err *err)
{
	struct part *p = &f->part;
	int result;

	p->in = *in;
	p->out = out;
	filter_part_begin(p, f, (struct slice){in->p, in->len}, 0);
	filter_work(p, &f->lanes[0]);
	result = filter_finish_native(f, p, err);
	if (result >= 0 && p->copy_from && !out->len)
		return filter_write(f, p, err) ? -1 : result;
	filter_flush_copy(p);
	return result < 0 ? result : filter_spill(f, p, err) ? -1 : result;
}
