/* Records that no window takes: late ones and those far ahead. */
#include "agg_impl.h"

#include "num/num.h"

void agg_add_late_row(
	struct agg *g, const struct agg_block *block, const struct agg_item *item, const struct engine_late *late)
{
	struct buf *out = &g->late_rows;

	buf_add_str(out, "{\"reason\":\"late\"");
	reject_add_place(out, block->in, agg_line_of(block, item));
	buf_add_str(out, ",\"time\":");
	rows_add_time(out, ROWS_ISO, item->time_us);
	buf_add_str(out, ",\"window_start\":");
	rows_add_time(out, (enum rows_time)g->opts.time_out, late->start_us);
	buf_add_str(out, ",\"window_end\":");
	rows_add_time(out, (enum rows_time)g->opts.time_out, late->end_us);
	buf_addf(
		out, ",\"windows\":%llu,\"late_us\":%lld", (unsigned long long)late->windows, (long long)late->late_us);
	reject_add_raw(out, agg_raw_of(block, item));
	buf_addf(out, ",\"tool\":\"%s\"}\n", g->frame.tool);
}

int agg_reject_ahead(struct agg *g, const struct agg_block *block, const struct agg_item *item, struct err *err)
{
	struct slice raw = agg_raw_of(block, item);
	struct buf by = BUF_INIT;
	int result;

	by.len += num_print_rough_duration(
		buf_reserve(&by, NUM_DOUBLE_BYTES), item->time_us - g->clock.inputs[block->input].stream_us);
	result = reject_add(g->frame.reject, REJECT_AHEAD, block->in, agg_line_of(block, item), 0, raw, raw.len, err,
		"%s %s ahead of the stream, more than --max-ahead",
		g->time_from == TIME_MESSAGE ? "the message is" : g->time.path.text, buf_cstr(&by));
	buf_release(&by);
	return result;
}

int agg_refuse_full(struct agg *g, const struct agg_block *block, const struct agg_item *item, struct err *err)
{
	const struct engine_counts *c = engine_counts(g->workers[item->lane].engine);
	bool is_keys = g->opts.max_keys && c->groups >= (uint64_t)g->opts.max_keys;
	struct slice raw = agg_raw_of(block, item);
	static char place[BATCH_PLACE_BYTES]; /* the error is told when the batch is gone */
	struct buf what = BUF_INIT;
	const char *name;
	uint64_t shown;
	int result;

	if (is_keys)
		buf_addf(&what, "no room for one more group: %lld are open, all that --max-keys allows",
			(long long)g->opts.max_keys);
	else
		buf_addf(&what, "no room: the %llu groups that are open, and what is kept besides them, fill --max-mem",
			(unsigned long long)c->groups);
	if (g->opts.on_full == ON_FULL_DROP) {
		result = reject_add(g->frame.reject, REJECT_FULL, block->in, agg_line_of(block, item), 0, raw, raw.len,
			err, "%s", buf_cstr(&what));
	} else {
		err_set(err, ERR_IO, "%s%s", buf_cstr(&what),
			g->frame.has_group ? "" : "; --on-full drop refuses such records and goes on");
		name = batch_place(block->in, agg_line_of(block, item), place, &shown);
		result = err_at(err, name, shown, 0);
	}
	buf_release(&what);
	return result;
}

void agg_tell_late(const struct engine_counts *c, bool is_merging, struct buf *out)
{
	if (c->late == 1)
		buf_add_str(out, "1 record was late, by ");
	else
		buf_addf(out, "%llu records were late, by at most ", (unsigned long long)c->late);
	out->len += num_print_rough_duration(buf_reserve(out, NUM_DOUBLE_BYTES), c->late_max_us);
	buf_addf(out, ", and in no row: a longer --delay waits for such records%s, --late FILE keeps them",
		is_merging ? "" : " (--explain-lateness tells how long)");
}
