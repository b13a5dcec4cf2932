#include "agg_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "etime/etime.h"
#include "mark/mark.h"
#include "mem/mem.h"

enum {
	BLOCK_LINES = 256,     /* read, judged and folded at a time by one thread: they stay in the cache */
	BATCHES_PER_THREAD = 4 /* held back for a round of several */
};

/* ---- rows out ---- */

/* Adds what has changed since it was told last: several stages may keep one ledger. */
static void tell(uint64_t *total, uint64_t *told, uint64_t now)
{
	*total += now - *told;
	*told = now;
}

/* The books follow the engines'. */
static void keep_books(struct agg *g)
{
	const struct engine_counts c = agg_counts(g);
	const struct window_clock *clock = &g->clock;
	struct ledger *l = g->frame.ledger;

	tell(&l->kept, &g->told.kept, c.kept + g->n_explained);
	tell(&l->open, &g->told.open, c.taken - c.kept - c.outside);
	tell(&l->filtered, &g->told.outside, c.outside);
	tell(&l->late, &g->told.late, c.late);
	tell(&l->late_partial, &g->told.late_partial, c.late_partial);
	tell(&l->out, &g->told.out, g->n_rows - agg_withheld(g));
	if (clock->watermark_us != WINDOW_NEVER && clock->watermark_us != WINDOW_FOREVER) {
		l->has_time = true;
		l->max_time_us = clock->max_us;
		l->watermark_us = clock->watermark_us;
	}
}

void agg_forget_books(struct agg *g)
{
	for (unsigned k = 0; k < g->n_lanes && g->has_begun; k++)
		engine_forget_counts(g->workers[k].engine);
	g->told = (struct agg_books){.out = g->n_rows};
	g->frame.ledger->read += agg_counts(g).taken;
	if (g->has_begun)
		keep_books(g);
}

int agg_end_call(struct agg *g, struct err *err)
{
	if (g->rows && g->frame.is_live && !g->lateness)
		rows_flush(g->rows, g->out);
	if (g->has_begun)
		keep_books(g);
	return g->latest && latest_write(g->latest, !g->frame.is_live, err) ? -1 : 0;
}

/* ---- records in ---- */

int agg_start_engine(struct agg *g, struct err *err)
{
	if (agg_plan_outputs(g, err))
		return -1;
	for (unsigned i = 0; i < g->n_workers; i++)
		agg_worker_begin(&g->workers[i]);
	g->has_runs = g->n_workers > 1 && g->workers[0].is_usual && !g->lateness && g->list.merges_exactly &&
		      engine_has_runs(g->workers[0].engine);
	g->has_begun = true;
	return 0;
}

/* What is over a limit goes to the rejects: line by line, in the order of all rejects. */
static bool has_limits(const struct agg *g)
{
	return g->opts.max_keys || g->opts.max_mem_bytes;
}

/* What a round has made goes out, also of one that ended with an error. */
static int end_round(struct agg *g, int result, struct err *err)
{
	struct err inner = ERR_INIT;

	if (agg_write_kept(g, &inner)) {
		*err = inner;
		return -1;
	}
	return result;
}

/* A batch that this thread reads alone, part by part. */
static int take_parts(struct agg *g, const struct batch *in, struct err *err)
{
	struct agg_block *block = &g->blocks[0];
	bool is_single = g->opts.is_merging || has_limits(g);
	size_t max = is_single ? 1 : g->n_lanes == 1 ? BLOCK_LINES : SIZE_MAX;
	bool is_more = true;

	block->in = in;
	block->from = in->p;
	block->first_line = in->first_line;
	agg_block_reset(block); /* where all lines are folded without items, none of another batch is left in it */
	agg_block_start(&g->workers[0], block);
	while (is_more) {
		if (!is_single && g->has_begun && agg_usual_fits(g) && !agg_usual_fold(g, block))
			break;
		is_more = agg_block_read(&g->workers[0], block, max);
		if (end_round(g, agg_do_round(g, block, 1, err), err))
			return -1;
		if (block->first.type == JSON_ABSENT)
			continue;
		if (agg_plan_first_record(g, block->first, err) || agg_start_engine(g, err))
			return -1;
		agg_block_start(&g->workers[0], block);
	}
	return 0;
}

static void read_whole(void *context, unsigned thread)
{
	struct agg_block *block = context;
	struct agg_worker *w = &block->agg->workers[thread];

	agg_block_start(w, block);
	agg_run_read(w, block);
}

/* The rows of the round before are written while the lines of this one are read. */
static int do_held(struct agg *g, struct err *err)
{
	int result = agg_write_kept(g, err) ? -1 : agg_do_round(g, g->blocks, g->n_blocks, err);

	jobs_wait(g->jobs); /* also where rows cannot be written */
	g->n_blocks = 0;
	return result;
}

static int settle(struct stage *stage, struct buf *out, struct err *err)
{
	struct agg *g = (struct agg *)stage;
	int result;

	g->out = out;
	if (!g->n_blocks && g->n_lanes == 1)
		return 0;
	result = end_round(g, g->n_blocks ? do_held(g, err) : 0, err);
	return agg_end_call(g, err) ? -1 : result;
}

/* A batch that some thread reads while the next ones come. */
static int hold(struct agg *g, struct batch *in, struct err *err)
{
	struct agg_block *block = &g->blocks[g->n_blocks++];
	int result;

	batch_take(in, &block->own);
	block->in = &block->own;
	block->from = block->own.p;
	block->first_line = block->own.first_line;
	block->watermark_us = g->clock.watermark_us;
	block->may_run = g->has_runs && !g->n_without_runs;
	g->n_without_runs -= g->n_without_runs > 0;
	block->task = jobs_add(g->jobs, read_whole, block);
	if (g->n_blocks < g->max_blocks)
		return 0;
	if ((result = do_held(g, err)))
		end_round(g, result, err);
	return agg_end_call(g, err) ? -1 : result;
}

/* The records of a topic are known to their source until it reads on: such a batch cannot be held back. */
static int take_batch(struct stage *stage, struct batch *in, struct buf *out, struct err *err)
{
	struct agg *g = (struct agg *)stage;
	int result;

	g->out = out;
	if (g->n_workers > 1 && g->has_begun && !in->records)
		return hold(g, in, err);
	if (settle(stage, out, err) || (g->frame.is_topic && agg_see_input(g, in->input, err)))
		return -1;
	result = take_parts(g, in, err);
	return agg_end_call(g, err) ? -1 : result;
}

static int take_input_end(struct stage *stage, uint32_t input, struct buf *out, struct err *err)
{
	struct agg *g = (struct agg *)stage;

	if (settle(stage, out, err) || (g->frame.is_topic && agg_see_input(g, input, err)))
		return -1;
	window_clock_end(&g->clock, input);
	if (!g->has_begun)
		return 0;
	/* after the last input end() says what becomes of open windows */
	if (g->clock.watermark_us != WINDOW_FOREVER && agg_advance(g, err))
		return -1;
	return agg_end_call(g, err);
}

static int end(struct stage *stage, bool is_stopped, struct buf *out, struct err *err)
{
	struct agg *g = (struct agg *)stage;

	if (settle(stage, out, err))
		return -1;
	if (!g->has_begun)
		return 0;
	if (g->lateness) {
		g->n_rows += lateness_write(g->lateness, (enum rows_format)g->opts.format, g->groups, g->n_groups, out);
		return agg_end_call(g, err);
	}
	if (!g->opts.no_flush && agg_flush(g, !is_stopped, err))
		return -1;
	rows_flush(g->rows, out);
	if (g->latest && latest_write(g->latest, false, err))
		return -1;
	return agg_end_call(g, err);
}

/* ---- life ---- */

static void close_stage(struct stage *stage)
{
	agg_close((struct agg *)stage);
}

static const struct stage_ops ops = {
	.batch = take_batch,
	.settle = settle,
	.input_end = take_input_end,
	.end = end,
	.close = close_stage,
	.caught_up = agg_caught_up,
	.deadline = agg_deadline,
	.tick = agg_tick,
};

static int plan(struct agg *g, const char *list, struct err *err)
{
	struct rows *rows;

	if (agg_plan_lateness(g, err))
		return -1;
	agg_plan_format(g);
	if (agg_list_parse(&g->list, list, err) || agg_plan_window(g, err) || agg_plan_emit(g, err) ||
		agg_plan_groups(g, err) || agg_plan_time(g, err) || agg_plan_quorum(g, err) ||
		agg_plan_choice(g, err) || agg_plan_limits(g, err) || agg_plan_files(g, err))
		return -1;
	agg_plan_list(g, &g->list);
	if ((g->opts.is_partial || g->opts.is_merging) && agg_plan_partial(g, err))
		return -1;
	/* names that clash are told before anything is read */
	rows = agg_plan_rows(g, &g->list, (enum rows_format)g->opts.format, err);
	if (!rows)
		return -1;
	rows_close(rows);
	return 0;
}

/* Whether somebody has to see every row in turn, or every group. */
static bool needs_one_lane(const struct agg *g)
{
	const struct agg_options *o = &g->opts;

	return o->top || o->latest || o->having || o->format == ROWS_TABLE || o->is_filling || o->is_partial ||
	       o->state_topic || g->emit != ENGINE_FINAL || g->frame.rotate;
}

static int open_workers(struct agg *g, struct err *err)
{
	g->n_workers = g->frame.is_dry_run || g->opts.is_merging || has_limits(g) ? 1 : (unsigned)g->opts.jobs;
	g->n_lanes = needs_one_lane(g) ? 1 : g->n_workers;
	g->workers = mem_alloc_apart(g->n_workers, sizeof *g->workers);
	g->max_blocks = g->n_workers * BATCHES_PER_THREAD;
	g->blocks = mem_alloc_apart(g->max_blocks, sizeof *g->blocks);
	for (size_t i = 0; i < g->max_blocks; i++)
		g->blocks[i].agg = g;
	for (unsigned i = 0; i < g->n_workers; i++) {
		if (agg_worker_open(g, i, err))
			return -1;
	}
	g->jobs = jobs_open(g->n_workers);
	return 0;
}

struct agg *agg_open(const struct agg_options *opts, const char *list, const struct agg_frame *frame, struct err *err)
{
	struct agg *g = mem_alloc(1, sizeof *g);

	g->stage.ops = &ops;
	g->opts = *opts;
	g->frame = *frame;
	g->has_delay = opts->delay_us >= 0;
	g->opts.delay_us = g->has_delay ? opts->delay_us : 0;
	g->list_text = list;
	window_clock_init(&g->clock, frame->n_inputs, opts->is_explaining ? 0 : g->opts.delay_us,
		opts->max_ahead_us < 0 ? WINDOW_FOREVER : opts->max_ahead_us);
	g->oldest_us = WINDOW_FOREVER;
	g->walked_us = -1;
	if (plan(g, list, err) || open_workers(g, err))
		goto fail;
	if (opts->is_explaining)
		g->lateness = lateness_open(&g->window, opts->grace_us, g->opts.delay_us);
	return g;

fail:
	agg_close(g);
	return NULL;
}

void agg_set_sink(struct agg *g, struct sink *sink)
{
	g->frame.sink = sink;
}

void agg_set_late(struct agg *g, struct sink *late)
{
	g->late = late;
}

/* A group field stands in the row at its own path, or under its name. */
void agg_row(struct agg *g, struct kafka_row *row)
{
	static const char *const units[] = {[ROWS_SECONDS] = "s", [ROWS_MILLIS] = "ms", [ROWS_MICROS] = "us"};

	g->row_key = mem_alloc(g->n_groups, sizeof *g->row_key);
	for (size_t i = 0; i < g->n_groups; i++) {
		struct err ignored = ERR_INIT;

		if (g->groups[i].name)
			fieldpath_parse(&g->row_key[i], slice_str(g->groups[i].name), NULL, &ignored);
		else
			fieldpath_copy(&g->row_key[i], &g->groups[i].path);
	}
	*row = (struct kafka_row){
		.key = g->row_key, .n_key = g->n_groups, .is_keyed = g->opts.is_partial, .has_row_time = true};
	if (g->opts.time_out != ROWS_ISO)
		row->time_unit = units[g->opts.time_out];
}

struct stage *agg_stage(struct agg *g)
{
	return &g->stage;
}

void agg_close(struct agg *g)
{
	if (!g)
		return;
	jobs_close(g->jobs);
	for (unsigned i = 0; i < g->n_workers; i++)
		agg_worker_close(&g->workers[i]);
	for (size_t i = 0; i < g->max_blocks; i++)
		agg_block_release(&g->blocks[i]);
	lateness_close(g->lateness);
	rows_close(g->rows);
	rows_close(g->having_rows);
	latest_close(g->latest);
	json_scan_close(g->having_scan);
	condition_close(g->having);
	top_close(g->top);
	timefield_release(&g->time);
	timefield_release(&g->time_end);
	for (size_t i = 0; g->row_key && i < g->n_groups; i++)
		fieldpath_release(&g->row_key[i]);
	free(g->row_key);
	free(g->caught_up_us);
	rows_fields_release(g->groups, g->n_groups);
	agg_merge_release(g);
	agg_list_release(&g->list);
	buf_release(&g->window_text);
	etime_zone_close(g->zone);
	free(g->workers);
	free(g->blocks);
	free(g->watermarks);
	free(g->group_slots);
	free(g->field_slots);
	window_clock_release(&g->clock);
	buf_release(&g->row_text);
	buf_release(&g->unjudged);
	buf_release(&g->late_rows);
	fieldpath_release(&g->voter);
	free(g);
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
	const struct engine_counts c = agg_counts(g);
	bool is_lost = c.late && !g->late;

	if (agg_withheld(g))
		buf_addf(next_sentence(out),
			"rows of open windows that were not written, csv and tsv having no column for final: %llu",
			(unsigned long long)agg_withheld(g));
	if (g->n_unjudged) {
		buf_addf(next_sentence(out),
			"rows that --having could not judge, and that were not written: %llu, the first: ",
			(unsigned long long)g->n_unjudged);
		buf_add_slice(out, buf_slice(&g->unjudged));
	}
	if (c.unfilled)
		buf_addf(next_sentence(out), "windows that --fill gave no rows, behind 100,000 without a record: %llu",
			(unsigned long long)c.unfilled);
	if (is_lost)
		agg_tell_late(&c, g->opts.is_merging, next_sentence(out));
	if (g->late && g->late->ops->finish(g->late, true, err))
		return -1;
	return is_lost || g->n_unjudged ? STATUS_REJECTED : STATUS_OK;
}
