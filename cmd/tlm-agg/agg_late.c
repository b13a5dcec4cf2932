/* Records that no window takes: late ones and those far ahead. */
#include "agg_impl.h"

#include "mark/mark.h"
#include "num/num.h"

void agg_add_late_row(struct agg *g, const struct at *at, int64_t time_us)
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

int agg_reject_ahead(struct agg *g, const struct at *at, int64_t time_us, struct err *err)
{
	int64_t stream_us = g->clock.inputs[at->batch->input].stream_us;
	struct buf by = BUF_INIT;
	int result;

	by.len += num_print_rough_duration(buf_reserve(&by, NUM_DOUBLE_BYTES), time_us - stream_us);
	buf_add_str(&by, " ahead of the stream, more than --max-ahead");
	result = agg_reject_field(g, at, REJECT_AHEAD, g->time.path.text, buf_cstr(&by), err);
	buf_release(&by);
	return result < 0 ? -1 : 0;
}

/* What the mark closes leaves at once. A mark is in no books, unless it is a bad one. */
int agg_take_mark(struct agg *g, const struct at *at, struct err *err)
{
	struct slice raw = {at->record->p, at->record->len};
	enum reject_reason reason = REJECT_MARK;
	const char *why;
	int64_t us;

	if (mark_read(at->record->value, &us, &why) == 0) {
		if (window_clock_mark(&g->clock, at->batch->input, us))
			return g->engine ? engine_advance(g->engine, g->clock.watermark_us, err) : 0;
		reason = REJECT_AHEAD;
		why = "the mark is ahead of the stream by more than --max-ahead";
	}
	g->frame.ledger->read++;
	return reject_add(g->frame.reject, reason, at->batch, at->line, 0, raw, raw.len, err, "%s", why);
}

int agg_refuse_full(struct agg *g, const struct at *at, struct err *err)
{
	const struct engine_counts *c = engine_counts(g->engine);
	bool is_keys = g->opts.max_keys && c->groups >= (uint64_t)g->opts.max_keys;
	struct slice raw = {at->record->p, at->record->len};
	struct buf what = BUF_INIT;
	int result;

	if (is_keys)
		buf_addf(&what, "no room for one more group: %lld are open, all that --max-keys allows",
			(long long)g->opts.max_keys);
	else
		buf_addf(&what, "no room: the %llu groups that are open fill --max-mem", (unsigned long long)c->groups);
	if (g->opts.on_full == ON_FULL_DROP) {
		result = reject_add(
			g->frame.reject, REJECT_FULL, at->batch, at->line, 0, raw, raw.len, err, "%s", buf_cstr(&what));
	} else {
		err_set(err, ERR_IO, "%s; --on-full drop refuses such records and goes on", buf_cstr(&what));
		result = err_at(err, at->batch->name, at->line, 0);
	}
	buf_release(&what);
	return result;
}

void agg_tell_late(const struct engine_counts *c, struct buf *out)
{
	if (c->late == 1)
		buf_add_str(out, "1 record was late, by ");
	else
		buf_addf(out, "%llu records were late, by at most ", (unsigned long long)c->late);
	out->len += num_print_rough_duration(buf_reserve(out, NUM_DOUBLE_BYTES), c->late_max_us);
	buf_add_str(out,
		", and in no row: a longer --delay waits for such records (--explain-lateness tells how long), "
		"--late FILE keeps them");
}
