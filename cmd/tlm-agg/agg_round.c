/* A round: blocks that were read are judged by the clock and folded by the lanes. */
#include "agg_impl.h"

#include <stdlib.h>

#include "mem/mem.h"
#include "rebuild/rebuild.h"

/* So many records of a lane before one is needed its item, then its values and slot of the table, then the entry are
 * fetched. */
enum { ITEM = 24, AHEAD = 16, NEAR = 8 };

/* ---- judge: in the order of the input ---- */

static int reject_item(struct agg *g, const struct agg_block *block, const struct agg_item *item, struct err *err)
{
	struct slice raw = agg_raw_of(block, item);

	return reject_add(g->frame.reject, (enum reject_reason)item->reason, block->in, agg_line_of(block, item),
		item->byte, raw, raw.len, err, "%.*s", (int)item->more_bytes, block->text.p + item->more_at);
}

/* Raises T; false: the record is ahead of it. What is not behind T needs no vote. */
static bool see_time(struct agg *g, const struct agg_block *block, const struct agg_item *item)
{
	struct slice vote = {block->text.p + item->more_at, item->more_bytes};
	char bytes[8];

	if (!g->clock.quorum)
		return window_clock_see(&g->clock, block->input, item->time_us);
	if (item->time_us <= g->clock.inputs[block->input].stream_us)
		vote.len = 0;
	if (g->frame.has_group && vote.len)
		vote = rebuild_vote_value(rebuild_hash(0, vote), bytes);
	return window_clock_vote(&g->clock, block->input, item->time_us, vote);
}

/* What is committed for a group rests on it. */
void agg_note_newest(struct agg *g, int64_t us)
{
	if (us > g->newest_us)
		g->newest_us = us;
}

static int judge_record(struct agg *g, const struct agg_block *block, struct agg_item *item, struct err *err)
{
	if (g->time_from != TIME_NONE && !see_time(g, block, item)) {
		item->fate = AGG_DONE;
		return agg_reject_ahead(g, block, item, err);
	}
	agg_note_newest(g, item->time_us);
	if (g->lateness) {
		lateness_add(g->lateness, item->time_us, agg_key_of(block, item), g->clock.watermark_us);
		g->n_explained++;
		item->fate = AGG_DONE;
	}
	return 0;
}

/* A mark is in no books, unless it is a bad one. */
static int judge_mark(struct agg *g, const struct agg_block *block, struct agg_item *item, struct err *err)
{
	struct slice raw = agg_raw_of(block, item);

	if (window_clock_mark(&g->clock, block->input, item->time_us))
		return 0;
	item->fate = AGG_DONE;
	g->frame.ledger->read++;
	return reject_add(g->frame.reject, REJECT_AHEAD, block->in, agg_line_of(block, item), 0, raw, raw.len, err,
		"the mark is ahead of the stream by more than --max-ahead");
}

static int judge_item(struct agg *g, const struct agg_block *block, struct agg_item *item, struct err *err)
{
	switch ((enum agg_fate)item->fate) {
	case AGG_BLANK:
		g->frame.ledger->empty++;
		return 0;
	case AGG_FILTERED:
		g->frame.ledger->read++;
		g->frame.ledger->filtered++;
		return 0;
	case AGG_REJECTED:
		g->frame.ledger->read++;
		return reject_item(g, block, item, err);
	case AGG_MARK:
		return judge_mark(g, block, item, err);
	case AGG_PART:
		g->frame.ledger->read++;
		return agg_take_part(g, block, item, err);
	case AGG_GOOD:
		g->frame.ledger->read++;
		return judge_record(g, block, item, err);
	case AGG_DONE:
		break;
	}
	return 0;
}

/* Rows of several lanes find the line that let them go by its W. */
static void note_watermark(struct agg *g)
{
	if (g->n_lanes == 1)
		return;
	if (g->n_watermarks == g->cap_watermarks) {
		g->cap_watermarks = g->cap_watermarks ? 2 * g->cap_watermarks : 1024;
		g->watermarks = mem_resize(g->watermarks, g->cap_watermarks, sizeof *g->watermarks);
	}
	g->watermarks[g->n_watermarks++] = g->clock.watermark_us;
}

/* The usual record, when one thread does it all: it is counted and raises the clock. */
static bool judge_usual(struct agg *g, const struct agg_block *block, const struct agg_item *item)
{
	if (item->fate != AGG_GOOD || !window_clock_see(&g->clock, block->input, item->time_us))
		return false;
	agg_note_newest(g, item->time_us);
	g->frame.ledger->read++;
	return true;
}

/* Those that come before an item. What judges one may put items there. */
static void judge_runs(struct agg *g, struct agg_block *block, size_t item, size_t *run)
{
	while (*run < block->n_runs && block->runs[*run].at == item && agg_run_judge(g, block, *run)) {
		block->runs[*run].seq = g->n_watermarks;
		note_watermark(g);
		++*run;
	}
}

/* Where it ends with an error, the block ends before that line. */
static int judge_block(struct agg *g, struct agg_block *block, struct err *err)
{
	bool is_usual = g->n_lanes == 1 && g->time_from == TIME_FIELD && !g->clock.quorum && !g->lateness;
	size_t run = 0;

	block->first_seq = g->n_watermarks;
	for (size_t i = 0;; i++) {
		judge_runs(g, block, i, &run);
		if (i == block->n)
			break;
		if (is_usual && judge_usual(g, block, &block->items[i])) {
			block->items[i].watermark_us = g->clock.watermark_us;
			continue;
		}
		if (judge_item(g, block, &block->items[i], err)) {
			block->n = i;
			block->n_runs = run;
			return -1;
		}
		block->items[i].watermark_us = g->clock.watermark_us;
		note_watermark(g);
	}
	return 0;
}

/* ---- fold: each lane its records; of those of others it reads what they do not write ---- */

void agg_keep_late(struct agg_worker *w, struct agg_item *item)
{
	if (w->n_lates == w->cap_lates) {
		w->cap_lates = w->cap_lates ? 2 * w->cap_lates : 64;
		w->lates = mem_resize(w->lates, w->cap_lates, sizeof *w->lates);
	}
	w->lates[w->n_lates++] = *engine_late(w->engine);
	item->late = (uint32_t)w->n_lates;
}

/* What the n items from this one on will need soon. */
static void fetch(const struct agg_worker *w, const struct agg_block *block, const uint32_t *order, size_t n)
{
	const struct agg_item *item;

	if (n > ITEM)
		__builtin_prefetch(&block->items[order[ITEM]]);
	if (n > AHEAD) {
		item = &block->items[order[AHEAD]];
		__builtin_prefetch(block->values + order[AHEAD] * block->n_values);
		engine_prefetch(w->engine, item->hash, false);
	}
	if (n > NEAR)
		engine_prefetch(w->engine, block->items[order[NEAR]].hash, true);
}

static struct engine_record record_of(const struct agg_block *block, uint32_t at)
{
	const struct agg_item *item = &block->items[at];

	return (struct engine_record){
		.place = {.time_us = item->time_us, .line = agg_line_of(block, item), .input = block->input},
		.key = agg_key_of(block, item),
		.hash = item->hash,
		.values = block->values + at * block->n_values,
		.is_start = item->is_start,
		.is_end = item->is_end};
}

static int fold_item(struct agg_worker *w, const struct agg_block *block, uint32_t at)
{
	struct agg_item *item = &block->items[at];
	struct engine_record record;

	/* other lanes come to its W with their next record, or at the end of the round */
	if (item->fate == AGG_MARK)
		return engine_advance(w->engine, item->watermark_us, &w->err);
	if (item->fate != AGG_GOOD)
		return 0;
	record = record_of(block, at);
	switch (engine_add(w->engine, &record, item->watermark_us, &w->err)) {
	case ENGINE_TAKEN:
		break;
	case ENGINE_LATE:
		agg_keep_late(w, item);
		break;
	case ENGINE_FULL:
		return agg_refuse_full(w->agg, block, item, &w->err);
	case ENGINE_MISFIT: /* of parts alone */
	case ENGINE_ERROR:
		return -1;
	}
	return 0;
}

/* Those that come before an item. */
static int fold_runs(struct agg_worker *w, struct agg_block *block, size_t item, size_t *run)
{
	for (; *run < block->n_runs && block->runs[*run].at <= item; ++*run) {
		if (agg_run_fold(w, &block->runs[*run]))
			return -1;
	}
	return 0;
}

static int fold_block(struct agg_worker *w, struct agg_block *block)
{
	const uint32_t *order = block->order + (w->lane ? block->ends[w->lane - 1] : 0);
	const uint32_t *end = block->order + block->ends[w->lane];
	bool is_fetching = engine_is_large(w->engine);
	size_t run = 0;

	for (; order < end && *order < block->n; order++) {
		if (is_fetching)
			fetch(w, block, order, (size_t)(end - order));
		if (fold_runs(w, block, *order, &run))
			return -1;
		w->seq = block->first_seq + *order + run; /* as judge_block() noted them */
		if (fold_item(w, block, *order))
			return -1;
	}
	return fold_runs(w, block, block->n, &run);
}

static bool is_time(int64_t watermark_us)
{
	return watermark_us != WINDOW_NEVER && watermark_us != WINDOW_FOREVER;
}

/* Several lanes come to the same W, so that all rows up to it are there. */
static void fold(void *context, unsigned thread)
{
	struct agg_worker *w = context;
	struct agg *g = w->agg;

	(void)thread;
	for (size_t i = 0; i < g->n_round; i++) {
		if (fold_block(w, &g->round[i]))
			return;
	}
	if (g->n_lanes > 1 && is_time(g->clock.watermark_us))
		engine_advance(w->engine, g->clock.watermark_us, &w->err);
}

/* ---- write ---- */

static int write_lates(struct agg *g, struct err *err)
{
	size_t n = 0;

	for (unsigned k = 0; k < g->n_lanes; k++) {
		n += g->workers[k].n_lates;
		g->workers[k].n_lates = 0;
	}
	if (!n || !g->late || g->is_replaying)
		return 0;
	for (size_t b = 0; b < g->n_round; b++) {
		for (size_t i = 0; i < g->round[b].n; i++) {
			const struct agg_item *item = &g->round[b].items[i];

			if (item->late)
				agg_add_late_row(g, &g->round[b], item, &g->workers[item->lane].lates[item->late - 1]);
		}
	}
	if (sink_write_bytes(g->late, buf_slice(&g->late_rows), err) || g->late->ops->flush(g->late, err))
		return -1;
	buf_reset(&g->late_rows);
	return 0;
}

/* Runs a task for each lane; the error of the first lane that has one. */
static int run_lanes(struct agg *g, jobs_fn *run, struct err *err)
{
	for (unsigned k = 0; k < g->n_lanes; k++) {
		g->workers[k].found_us = WINDOW_NEVER;
		jobs_add(g->jobs, run, &g->workers[k]);
	}
	jobs_wait(g->jobs);
	for (unsigned k = 0; k < g->n_lanes; k++) {
		if (g->workers[k].err.code != ERR_NONE) {
			*err = g->workers[k].err;
			err_reset(&g->workers[k].err);
			return -1;
		}
	}
	return 0;
}

/* Blocks that other threads read: one is judged while they read the next ones. */
static int judge(struct agg *g, size_t n, struct err *err)
{
	int result = 0;

	for (g->n_round = 0; g->n_round < n && result == 0; g->n_round++) {
		struct agg_block *block = &g->round[g->n_round];

		if (block->in == &block->own)
			jobs_wait_for(g->jobs, block->task);
		result = judge_block(g, block, err);
	}
	jobs_wait(g->jobs); /* where it ended early, for the rest */
	return result;
}

int agg_do_round(struct agg *g, struct agg_block *blocks, size_t n, struct err *err)
{
	struct err inner = ERR_INIT;
	int result;

	g->round = blocks;
	g->n_watermarks = 0;
	result = judge(g, n, err);
	/* what was read behind the end of the run is no part of it */
	for (size_t i = g->n_round; i < n; i++)
		g->frame.ledger->bytes_in -= blocks[i].in->len;
	/* the records before the one that ends the run stand */
	if (g->has_begun && !g->lateness && (run_lanes(g, fold, &inner) || write_lates(g, &inner))) {
		*err = inner;
		result = -1;
	}
	g->n_round = g->n_watermarks = 0;
	return result;
}

/* ---- W rises without a record ---- */

static int run_and_write(struct agg *g, jobs_fn *run, struct err *err)
{
	if (agg_write_kept(g, err) || run_lanes(g, run, err))
		return -1;
	return agg_write_kept(g, err);
}

static void advance(void *context, unsigned thread)
{
	struct agg_worker *w = context;

	(void)thread;
	w->seq = 0;
	engine_advance(w->engine, w->agg->clock.watermark_us, &w->err);
}

static void flush(void *context, unsigned thread)
{
	struct agg_worker *w = context;

	(void)thread;
	w->seq = 0;
	engine_flush(w->engine, w->agg->opts.is_merging ? w->agg->merge.known_us : w->agg->clock.max_us,
		w->agg->is_final, &w->err);
}

int agg_advance(struct agg *g, struct err *err)
{
	return run_and_write(g, advance, err);
}

/* The row of a whole stream has the bounds of all lanes. */
int agg_flush(struct agg *g, bool is_final, struct err *err)
{
	int64_t first_us = WINDOW_FOREVER, last_us = WINDOW_NEVER, from_us, to_us;

	for (unsigned k = 0; k < g->n_lanes; k++) {
		engine_span(g->workers[k].engine, &from_us, &to_us);
		first_us = from_us < first_us ? from_us : first_us;
		last_us = to_us > last_us ? to_us : last_us;
	}
	for (unsigned k = 0; k < g->n_lanes; k++)
		engine_widen(g->workers[k].engine, first_us, last_us);
	g->is_final = is_final;
	return run_and_write(g, flush, err);
}

struct engine_counts agg_counts(const struct agg *g)
{
	struct engine_counts all = {0};

	for (unsigned k = 0; k < g->n_lanes && g->has_begun; k++) {
		const struct engine_counts *c = engine_counts(g->workers[k].engine);

		all.taken += c->taken;
		all.kept += c->kept;
		all.outside += c->outside;
		all.late += c->late;
		all.late_partial += c->late_partial;
		all.rows += c->rows;
		all.groups += c->groups;
		all.unfilled += c->unfilled;
		all.late_max_us = c->late_max_us > all.late_max_us ? c->late_max_us : all.late_max_us;
	}
	return all;
}
