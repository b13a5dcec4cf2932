/*
 * Runs: what many threads have for agg_usual.c.
 *
 * A worker folds the usual records of one pane, as long as they follow each other, into a table of the block instead of
 * making an item of each. It knows no clock; but judging such a run is a matter of its bounds: if no window of the pane
 * is closed before it, none closes in it, since W stays below the largest time, and that below the end of the pane.
 * Then every record is taken, and each lane merges the states of its groups in the turn of the run. Else, or where a
 * record may be ahead of time, the rest of the block is read once more, into items.
 *
 * This is only for lists whose states merge exactly, and few groups: a run ends where it has too many for its records.
 */
#include "agg_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

enum { BLOCKS_WITHOUT = 64 }; /* before runs are tried again that had too many groups */

/* ---- read ---- */

/* W at which the first window of the pane closes. */
static int64_t closes_us(const struct agg *g, const struct window_pane *pane)
{
	return window_end(&g->window, pane->first) + g->opts.grace_us;
}

static struct agg_run *next_run(const struct agg *g, struct agg_block *block)
{
	struct agg_run *run;

	if (block->n_runs == block->cap_runs) {
		block->runs = mem_resize(block->runs, ++block->cap_runs, sizeof *block->runs);
		run = &block->runs[block->n_runs];
		group_table_init(&run->groups, g->list.state_bytes);
		run->tallies = mem_alloc(g->n_lanes, sizeof *run->tallies);
	}
	run = &block->runs[block->n_runs];
	memset(run->tallies, 0, g->n_lanes * sizeof *run->tallies);
	return run;
}

/* Whether the usual record that is the last item is in the pane of the one before it, which is open as far as one
 * knows. Time that goes back and forth makes items. */
static bool is_near(struct agg_worker *w, const struct agg_block *block)
{
	const struct agg_item *item = &block->items[block->n - 1];
	int64_t us = item->time_us;

	if (item->fate != AGG_GOOD)
		return false;
	if (us >= w->pane.start_us && us < w->pane.end_us)
		return block->watermark_us < closes_us(w->agg, &w->pane);
	w->pane = window_pane_at(&w->agg->window, us);
	return false;
}

/* The run behind the last item. False: that was the last line. */
static bool read_run(struct agg_worker *w, struct agg_block *block)
{
	const struct agg_item *last = &block->items[block->n - 1];
	const char *behind = block->in->p + last->raw_at + last->raw_bytes;
	struct agg_run *run = next_run(w->agg, block);
	bool is_more;

	run->at = block->n;
	run->from = (const char *)memchr(behind, '\n', (size_t)(block->in->p + block->in->len - behind)) + 1;
	run->first_line = agg_line_of(block, last) + 1;
	run->pane = w->pane;
	run->closes_us = closes_us(w->agg, &w->pane);
	run->n = 0;
	is_more = agg_usual_gather(w, block, run);
	block->n_runs += run->n > 0;
	if (agg_run_is_sparse(run))
		w->n_without_runs = BLOCKS_WITHOUT;
	return is_more;
}

void agg_run_read(struct agg_worker *w, struct agg_block *block)
{
	bool may_run = block->may_run && !w->n_without_runs, is_more = true;

	w->n_without_runs -= w->n_without_runs > 0;
	agg_block_reset(block);
	agg_runs_reset(block);
	while (is_more && may_run) {
		is_more = agg_block_add(w, block, 1);
		if (is_more && is_near(w, block))
			is_more = read_run(w, block);
		may_run = !w->n_without_runs;
	}
	if (is_more)
		agg_block_add(w, block, SIZE_MAX);
	agg_block_settle(w, block);
}

/* ---- judge ---- */

/* What comes now is in the items up to the run, and the rest of the lines. */
static void read_again(struct agg *g, struct agg_block *block, const struct agg_run *run)
{
	struct agg_worker *w = &g->workers[0];

	g->n_without_runs = (unsigned)g->max_blocks;
	block->n = run->at;
	block->from = run->from;
	block->first_line = run->first_line;
	agg_block_start(w, block);
	agg_block_add(w, block, SIZE_MAX);
	agg_block_settle(w, block);
}

bool agg_run_judge(struct agg *g, struct agg_block *block, size_t i)
{
	struct window_clock *clock = &g->clock;
	struct agg_run *run = &block->runs[i];
	int64_t stream_us = clock->inputs[block->in->input].stream_us;
	int64_t from_us = stream_us == WINDOW_NEVER ? run->min_us : stream_us;
	bool is_seen;

	if (clock->watermark_us >= run->closes_us ||
		(run->max_us > from_us && run->max_us - from_us > clock->max_ahead_us)) {
		read_again(g, block, run);
		block->n_runs = i;
		return false;
	}
	is_seen = window_clock_see(clock, block->in->input, run->max_us);
	assert(is_seen && clock->watermark_us < run->closes_us);
	(void)is_seen;
	run->watermark_us = clock->watermark_us;
	agg_note_newest(g, run->max_us);
	g->frame.ledger->read += run->n;
	return true;
}

/* ---- fold ---- */

int agg_run_fold(struct agg_worker *w, struct agg_run *run)
{
	const struct agg_tally *tally = &run->tallies[w->lane];
	struct group_table *groups = &run->groups; /* read by all lanes */
	struct group_entry *entry;
	struct engine_run now;
	bool has_run, is_new;

	if (!tally->n)
		return 0;
	w->seq = run->seq;
	if (engine_run_seek(w->engine, run->max_us, run->watermark_us, &w->err))
		return -1;
	has_run = engine_run_start(w->engine, &now);
	assert(has_run && run->watermark_us < now.due_us);
	(void)has_run;
	for (size_t offset = 0; (entry = group_table_next(groups, &offset));) {
		struct slice key = group_entry_key(groups, entry);
		uint64_t hash = group_hash(key);

		if (agg_lane_of(w->agg, hash) == w->lane)
			agg_states_merge(w->list, engine_run_states(w->engine, key, hash, &is_new), entry->state);
	}
	engine_run_end(w->engine, tally->n, tally->digest);
	return 0;
}

/* ---- memory ---- */

void agg_runs_reset(struct agg_block *block)
{
	const struct agg_list *list = &block->agg->list;
	struct group_entry *entry;

	/* those that were refused have states too */
	for (size_t i = 0; i < block->cap_runs; i++) {
		struct group_table *groups = &block->runs[i].groups;

		for (size_t offset = 0; list->has_memory && (entry = group_table_next(groups, &offset));)
			agg_states_release(list, entry->state);
		group_table_reset(groups);
	}
	block->n_runs = 0;
}

void agg_runs_release(struct agg_block *block)
{
	for (agg_runs_reset(block); block->cap_runs; block->cap_runs--) {
		group_table_release(&block->runs[block->cap_runs - 1].groups);
		free(block->runs[block->cap_runs - 1].tallies);
	}
	free(block->runs);
}
