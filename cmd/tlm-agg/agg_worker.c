/* What each thread has for itself: the list with its scratch memory, the programs, the scanner, a lane. */
#include "agg_impl.h"

#include <assert.h>
#include <stdlib.h>

#include "mem/mem.h"

static int open_programs(struct agg_worker *w, const struct agg_options *o, struct err *err)
{
	if (o->where && !(w->where = condition_open("--where", o->where, err)))
		return -1;
	if (o->start && !(w->start = condition_open("--start", o->start, err)))
		return -1;
	if (o->end && !(w->end = condition_open("--end", o->end, err)))
		return -1;
	w->paths = w->where ? condition_paths(w->where) : json_paths_open();
	return 0;
}

int agg_worker_open(struct agg *g, unsigned number, struct err *err)
{
	struct agg_worker *w = &g->workers[number];

	w->agg = g;
	w->lane = (uint16_t)number;
	w->list = &g->list;
	if (number) {
		w->list = mem_alloc_apart(1, sizeof *w->list);
		if (agg_list_parse(w->list, g->list_text, err))
			return -1;
	}
	agg_plan_list(g, w->list);
	if (open_programs(w, &g->opts, err))
		return -1;
	if (g->opts.is_merging)
		agg_plan_merge(g, w->paths);
	w->scan = json_scan_open(w->paths, g->frame.max_depth);
	return 0;
}

void agg_worker_close(struct agg_worker *w)
{
	if (!w->agg)
		return;
	engine_close(w->engine);
	agg_usual_close(w->usual);
	rows_close(w->rows);
	json_scan_close(w->scan);
	condition_close(w->start);
	condition_close(w->end);
	if (w->where)
		condition_close(w->where);
	else
		json_paths_close(w->paths);
	if (w->list != &w->agg->list) {
		agg_list_release(w->list);
		free(w->list);
	}
	free(w->lates);
	free(w->made);
	buf_release(&w->tmp);
	buf_release(&w->keys);
	buf_release(&w->texts);
}

/* Rows of several lanes are made into texts without a header. */
static void begin_rows(struct agg_worker *w)
{
	struct err err = ERR_INIT;
	enum rows_format format = (enum rows_format)w->agg->opts.format;

	w->rows = agg_plan_rows(w->agg, w->list, format, &err);
	assert(w->rows && "the rows of the stage were opened with the same names");
	if (format != ROWS_NDJSON)
		rows_add_header(w->rows, &w->texts);
	buf_reset(&w->texts);
}

void agg_worker_begin(struct agg_worker *w)
{
	struct agg *g = w->agg;
	bool is_alone = g->n_lanes == 1;
	struct engine_opts opts = {.window = g->window,
		.has_time = g->time_from != TIME_NONE,
		.limits = {(uint64_t)g->opts.max_keys, g->opts.max_mem_bytes, g->opts.on_full == ON_FULL_EMIT_EARLY},
		.is_filling = g->opts.is_filling,
		.is_kept = g->opts.state_topic != NULL,
		.emit = g->emit,
		.emit_every_us = g->emit_every_us,
		.grace_us = g->opts.grace_us,
		.list = w->list,
		.row = is_alone ? agg_take_row : agg_keep_row,
		.context = is_alone ? (void *)g : (void *)w};

	if (!g->opts.is_merging) {
		json_scan_close(w->scan);
		agg_plan_paths(g, w->paths, w->lane == 0);
		w->scan = json_scan_open(w->paths, g->frame.max_depth);
	}
	w->is_usual = g->time_from == TIME_FIELD && !g->clock.quorum && !g->opts.has_marks && !g->opts.is_merging &&
		      !w->where && !w->start && !w->end && !w->list->n_conditions;
	w->usual = w->is_usual ? agg_usual_open(w) : NULL;
	if (w->lane >= g->n_lanes)
		return;
	w->engine = engine_open(&opts);
	if (!is_alone)
		begin_rows(w);
}
