#include "agg_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "etime/etime.h"
#include "mark/mark.h"
#include "mem/mem.h"

/* ---- rows out ---- */

/* The books follow the engine's. */
static void keep_books(struct agg *g)
{
	const struct engine_counts *c = engine_counts(g->engine);
	const struct window_clock *clock = &g->clock;
	struct ledger *l = g->frame.ledger;

	l->kept = c->kept + g->n_explained;
	l->open = c->taken - c->kept - c->outside;
	l->filtered += c->outside - g->n_outside;
	g->n_outside = c->outside;
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
	if (g->rows && g->frame.is_live && !g->lateness)
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

int agg_start_engine(struct agg *g, struct err *err)
{
	struct engine_opts opts = {.window = g->window,
		.has_time = g->time_from != TIME_NONE,
		.limits = {(uint64_t)g->opts.max_keys, g->opts.max_mem_bytes, g->opts.on_full == ON_FULL_EMIT_EARLY},
		.is_filling = g->opts.is_filling,
		.emit = g->emit,
		.emit_every_us = g->emit_every_us,
		.grace_us = g->opts.grace_us,
		.list = &g->list,
		.row = agg_take_row,
		.context = g};

	if (agg_plan_outputs(g, err))
		return -1;
	g->engine = engine_open(&opts);
	return 0;
}

static int take_batch(struct stage *stage, struct batch *in, struct buf *out, struct err *err)
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
		if (g->opts.has_marks && record.status == JSON_OK && mark_is(record.p, record.len)) {
			result = agg_take_mark(g, &at, err);
			continue;
		}
		if (record.status == JSON_OK && g->where) {
			result = agg_ask_where(g, &at, err);
			if (result <= 0)
				continue;
			result = 0;
		}
		if (record.status == JSON_OK && record.type == JSON_OBJECT && !g->engine && !g->opts.is_merging) {
			/* the first record: from here on with the paths that it needs */
			if (agg_plan_first_record(g, record.value, err) || agg_start_engine(g, err))
				return -1;
			json_scan_batch(g->scan, record.p, (size_t)(in->p + in->len - record.p));
			first_line = at.line;
			continue;
		}
		g->frame.ledger->read++;
		if (record.status == JSON_OK && record.type == JSON_OBJECT)
			result = g->opts.is_merging ? agg_take_part(g, &at, err) : agg_take_object(g, &at, err);
		else
			result = agg_reject_record(g, &at, err);
	}
	return end_call(g, err) ? -1 : result;
}

static int take_input_end(struct stage *stage, uint32_t input, struct buf *out, struct err *err)
{
	struct agg *g = (struct agg *)stage;

	g->out = out;
	window_clock_end(&g->clock, input);
	if (!g->engine)
		return 0;
	/* after the last input end() says what becomes of open windows */
	if (g->clock.watermark_us != WINDOW_FOREVER && engine_advance(g->engine, g->clock.watermark_us, err))
		return -1;
	return end_call(g, err);
}

static int end(struct stage *stage, bool is_stopped, struct buf *out, struct err *err)
{
	struct agg *g = (struct agg *)stage;
	int64_t known_us;

	g->out = out;
	if (!g->engine)
		return 0;
	if (g->lateness) {
		g->n_rows += lateness_write(g->lateness, (enum rows_format)g->opts.format, g->groups, g->n_groups, out);
		return end_call(g, err);
	}
	known_us = g->opts.is_merging ? g->merge.known_us : g->clock.max_us;
	if (!g->opts.no_flush && engine_flush(g->engine, known_us, !is_stopped, err))
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

static const struct stage_ops ops = {
	.batch = take_batch,
	.input_end = take_input_end,
	.end = end,
	.close = close_stage,
};

static int plan(struct agg *g, const char *list, struct err *err)
{
	struct rows *rows;

	if (agg_plan_lateness(g, err))
		return -1;
	agg_plan_format(g);
	if (agg_list_parse(&g->list, list, err) || agg_plan_window(g, err) || agg_plan_emit(g, err) ||
		agg_plan_groups(g, err) || agg_plan_time(g, err) || agg_plan_quorum(g, err) || agg_plan_where(g, err) ||
		agg_plan_choice(g, err) || agg_plan_limits(g, err) || agg_plan_files(g, err))
		return -1;
	g->list.is_coercing = g->opts.is_coercing;
	if (g->opts.max_gap_us)
		agg_list_hold(&g->list, g->opts.max_gap_us);
	g->list.exact_max = (uint32_t)g->opts.exact_max;
	if ((g->opts.is_partial || g->opts.is_merging) && agg_plan_partial(g, err))
		return -1;
	if (g->opts.is_merging)
		agg_plan_merge(g);
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
	g->has_delay = opts->delay_us >= 0;
	g->opts.delay_us = g->has_delay ? opts->delay_us : 0;
	window_clock_init(&g->clock, frame->n_inputs, opts->is_explaining ? 0 : g->opts.delay_us,
		opts->max_ahead_us < 0 ? WINDOW_FOREVER : opts->max_ahead_us);
	g->oldest_us = WINDOW_FOREVER;
	if (plan(g, list, err))
		goto fail;
	if (opts->is_explaining)
		g->lateness = lateness_open(&g->window, opts->grace_us, g->opts.delay_us);
	g->values = mem_alloc(g->list.n_fields + g->list.n_conditions, sizeof *g->values);
	g->scan = json_scan_open(g->paths, g->frame.max_depth);
	if (opts->late && !frame->is_dry_run && !opts->is_explaining) {
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
	lateness_close(g->lateness);
	rows_close(g->rows);
	rows_close(g->having_rows);
	latest_close(g->latest);
	json_scan_close(g->scan);
	json_scan_close(g->having_scan);
	condition_close(g->having);
	top_close(g->top);
	condition_close(g->start);
	condition_close(g->end);
	if (g->where)
		condition_close(g->where);
	else
		json_paths_close(g->paths);
	timefield_release(&g->time);
	timefield_release(&g->time_end);
	rows_fields_release(g->groups, g->n_groups);
	agg_merge_release(g);
	agg_list_release(&g->list);
	buf_release(&g->window_text);
	etime_zone_close(g->zone);
	free(g->group_slots);
	free(g->field_slots);
	free(g->values);
	window_clock_release(&g->clock);
	buf_release(&g->row_text);
	buf_release(&g->unjudged);
	buf_release(&g->late_rows);
	fieldpath_release(&g->voter);
	buf_release(&g->key);
	buf_release(&g->vote);
	buf_release(&g->tmp);
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
		agg_tell_late(c, next_sentence(out));
	if (g->late && g->late->ops->finish(g->late, true, err))
		return -1;
	return is_lost || g->n_unjudged ? STATUS_REJECTED : STATUS_OK;
}
