#include "survey.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "merge.h"
#include "stop/stop.h"
#include "timeline.h"

enum { RECORDS_A_LOOK = 4096 }; /* at the clock */

struct survey {
	const struct replay_opts *opts;
	struct tool *tool;
	struct merge *merge;
	struct timeline timeline;
	size_t n_inputs;
	uint64_t n_records; /* that would be sent in one loop */
	uint64_t n_bytes;   /* of them as NDJSON */
};

static void tell(struct survey *s, struct err *err)
{
	char text[512];

	err_format(err, text, sizeof text);
	tool_warn(s->tool, "%s", text);
	s->tool->status = err_worse(s->tool->status, err_status(err->code));
	err_reset(err);
}

static void take_record(struct survey *s, const struct record *r)
{
	const struct replay_opts *o = s->opts;

	s->tool->ledger.read++;
	if ((o->has_from && r->time_us < o->from_us) || (o->has_to && r->time_us >= o->to_us)) {
		s->tool->ledger.filtered++;
		return;
	}
	s->tool->ledger.kept++;
	s->n_records++;
	s->n_bytes += r->len + 1;
	timeline_add(&s->timeline, r->time_us);
}

static enum reader_result take_next(struct survey *s, struct err *err)
{
	uint64_t n, left = s->opts->limit ? (uint64_t)s->opts->limit - s->n_records : 0;
	enum reader_result got;
	struct record r;
	struct slice text;

	if (s->opts->needs_time) {
		got = merge_next(s->merge, &r, err);
		if (got == READ_RECORD)
			take_record(s, &r);
		return got;
	}
	got = merge_text(s->merge, &text, &n, left, err);
	if (got == READ_RECORD) {
		s->n_records += n;
		s->n_bytes += text.len;
		s->tool->ledger.kept += n;
	}
	return got;
}

/* What the pump does for a replay: the meter, and a status line. */
static void do_due(struct survey *s)
{
	struct meter *meter = &s->tool->meter;
	int64_t now_us = ledger_now_us(), at_us = meter_deadline(meter);
	uint64_t read_bytes, total_bytes;

	if (at_us >= 0 && now_us >= at_us) {
		merge_progress(s->merge, &read_bytes, &total_bytes);
		meter_tick(meter, &s->tool->ledger, now_us, read_bytes, total_bytes);
	}
	if (stop_take_status())
		meter_status(meter, &s->tool->ledger, now_us);
}

static int read_all(struct survey *s, struct err *err)
{
	for (unsigned n = 0; !stop_signal() && !(s->opts->limit && s->n_records >= (uint64_t)s->opts->limit); n++) {
		if (!s->opts->needs_time || n % RECORDS_A_LOOK == 0)
			do_due(s);
		switch (take_next(s, err)) {
		case READ_STOP:
			return -1;
		case READ_ERROR:
			tell(s, err);
			break;
		case READ_WAIT:
			reader_wait(merge_reader(s->merge), meter_deadline(&s->tool->meter));
			stop_drain();
			do_due(s);
			break;
		case READ_END:
			return 0;
		case READ_AGAIN:
			do_due(s);
			break;
		case READ_RECORD:
			break;
		}
	}
	return 0;
}

/* How long all loops take, in microseconds; negative: as long as the reader likes, or for ever. */
static double expect_duration(const struct survey *s)
{
	const struct replay_opts *o = s->opts;
	double loops = (double)o->loops, span_us, by_speed = 0, by_rate = 0;

	if (!o->is_paced || o->loops == LOOP_FOREVER || (o->limit && o->loops > 1))
		return -1;
	if (o->speed > 0 && s->n_records) {
		span_us = (double)timeline_span(&s->timeline);
		by_speed = (loops * span_us +
				   (loops - 1) * (double)timeline_loop_gap(&s->timeline, timeline_span(&s->timeline))) /
			   o->speed;
	}
	if (o->rate > 0 && s->n_records)
		by_rate = (loops * (double)s->n_records - 1) * 1e6 / o->rate;
	return by_speed > by_rate ? by_speed : by_rate;
}

static void add_time(struct buf *out, const char *key, int64_t us)
{
	char text[ETIME_ISO_BYTES];

	buf_addf(out, ",\"%s\":\"%.*s\"", key, (int)etime_print_iso(text, us), text);
}

static void add_times(struct buf *out, const struct timeline *t)
{
	add_time(out, "min_time", t->min_us);
	add_time(out, "max_time", t->max_us);
	buf_addf(out, ",\"span_us\":%" PRId64 ",\"disorder\":%" PRIu64 ",\"disorder_max_us\":%" PRId64,
		t->max_us - t->min_us, t->n_disorder, t->disorder_us);
	buf_addf(out, ",\"gap_max_us\":%" PRId64, t->widest_us);
	if (t->widest_us > 0)
		add_time(out, "gap_max_at", t->widest_at_us);
	if (t->max_gap_us)
		buf_addf(out, ",\"gaps_cut\":%" PRIu64 ",\"gaps_cut_us\":%" PRIu64, t->n_cut, t->all_cut_us);
}

static void print(const struct survey *s)
{
	const struct ledger *l = &s->tool->ledger;
	double duration_us = expect_duration(s);
	struct buf out = BUF_INIT;

	buf_addf(&out, "{\"tool\":\"tlm-replay\",\"inputs\":%zu,\"records\":%" PRIu64 ",\"bytes\":%" PRIu64,
		s->n_inputs, s->n_records, s->n_bytes);
	buf_addf(&out, ",\"filtered\":%" PRIu64 ",\"rejected\":%" PRIu64 ",\"empty\":%" PRIu64, l->filtered,
		l->rejected, l->empty);
	if (duration_us < 0)
		buf_add_str(&out, ",\"duration_us\":null");
	else
		buf_addf(&out, ",\"duration_us\":%.0f", floor(duration_us + 0.5));
	if (s->opts->needs_time && s->n_records)
		add_times(&out, &s->timeline);
	buf_add_str(&out, "}\n");
	fwrite(out.p, 1, out.len, stdout);
	buf_release(&out);
}

int survey_run(const struct replay_opts *o, struct tool *t, const char *const *names, size_t n_names, struct err *err)
{
	struct survey s = {.opts = o, .tool = t, .n_inputs = n_names};
	int r = -1;

	timeline_init(&s.timeline, o->max_gap_us);
	s.merge = merge_open(o, t, names, n_names, err);
	if (s.merge && read_all(&s, err) == 0) {
		/* A part of the answer would pass for the whole. */
		if (!stop_signal())
			print(&s);
		r = 0;
	}
	merge_close(s.merge);
	return r;
}
