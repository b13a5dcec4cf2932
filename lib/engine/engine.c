#include "engine/engine.h"

#include <stdlib.h>

#include "engine/panes.h"
#include "engine/runs.h"
#include "engine/sessions.h"
#include "mem/mem.h"

struct engine {
	struct engine_opts opts;
	struct engine_windows *windows;
	struct engine_late late;
	struct engine_counts counts;
};

struct engine *engine_open(const struct engine_opts *opts)
{
	struct engine *e = mem_alloc_apart(1, sizeof *e);

	e->opts = *opts;
	if (opts->window.every_n || opts->window.has_start || opts->window.has_end)
		e->windows = runs_open(&e->opts, &e->late, &e->counts);
	else if (opts->window.session_us)
		e->windows = sessions_open(&e->opts, &e->late, &e->counts);
	else
		e->windows = panes_open(&e->opts, &e->late, &e->counts);
	return e;
}

void engine_close(struct engine *e)
{
	if (!e)
		return;
	e->windows->ops->close(e->windows);
	free(e);
}

enum engine_fate engine_add(struct engine *e, const struct engine_record *record, int64_t watermark_us, struct err *err)
{
	return e->windows->ops->add(e->windows, record, watermark_us, err);
}

enum engine_fate engine_merge(struct engine *e, const struct engine_part *part, int64_t watermark_us, struct err *err)
{
	return e->windows->ops->merge(e->windows, part, watermark_us, err);
}

bool engine_has_runs(const struct engine *e)
{
	return e->windows->ops->has_runs && e->windows->ops->has_runs(e->windows);
}

int engine_run_seek(struct engine *e, int64_t us, int64_t watermark_us, struct err *err)
{
	return e->windows->ops->run_seek(e->windows, us, watermark_us, err);
}

bool engine_run_start(struct engine *e, struct engine_run *run)
{
	return e->windows->ops->run_start && e->windows->ops->run_start(e->windows, run);
}

void *engine_run_states(struct engine *e, struct slice key, uint64_t hash, bool *is_new)
{
	return e->windows->ops->run_states(e->windows, key, hash, is_new);
}

void engine_run_end(struct engine *e, uint64_t n_records, uint64_t digest)
{
	e->windows->ops->run_end(e->windows, n_records, digest);
}

bool engine_is_large(const struct engine *e)
{
	enum { SMALL_GROUPS = 2048 }; /* their table fits the first cache */

	return e->counts.groups > SMALL_GROUPS;
}

void engine_prefetch(const struct engine *e, uint64_t hash, bool is_near)
{
	if (e->windows->ops->prefetch)
		e->windows->ops->prefetch(e->windows, hash, is_near);
}

void engine_span(const struct engine *e, int64_t *first_us, int64_t *last_us)
{
	*first_us = WINDOW_FOREVER;
	*last_us = WINDOW_NEVER;
	if (e->windows->ops->span)
		e->windows->ops->span(e->windows, first_us, last_us);
}

void engine_widen(struct engine *e, int64_t first_us, int64_t last_us)
{
	if (e->windows->ops->widen)
		e->windows->ops->widen(e->windows, first_us, last_us);
}

const struct engine_late *engine_late(const struct engine *e)
{
	return &e->late;
}

int engine_advance(struct engine *e, int64_t watermark_us, struct err *err)
{
	return e->windows->ops->advance(e->windows, watermark_us, WINDOW_FOREVER, true, err);
}

int engine_flush(struct engine *e, int64_t known_us, bool is_final, struct err *err)
{
	return e->windows->ops->advance(e->windows, WINDOW_FOREVER, known_us, is_final, err);
}

const struct engine_counts *engine_counts(const struct engine *e)
{
	return &e->counts;
}

uint64_t engine_digest(const struct engine *e)
{
	return e->windows->ops->digest(e->windows);
}

void engine_save(struct engine *e, engine_piece_fn *save, void *context)
{
	e->windows->ops->save(e->windows, save, context);
}

int engine_load(struct engine *e, const struct engine_piece *piece, struct json_span value, struct err *err)
{
	return e->windows->ops->load(e->windows, piece, value, err);
}

void engine_loaded(struct engine *e, int64_t watermark_us)
{
	e->windows->ops->loaded(e->windows, watermark_us);
}

void engine_forget_counts(struct engine *e)
{
	struct engine_counts *c = &e->counts;

	c->taken -= c->kept + c->outside;
	c->kept = c->outside = c->late = c->late_partial = c->rows = 0;
	c->late_max_us = 0;
}

int64_t engine_oldest_start(const struct engine *e)
{
	return e->windows->ops->oldest_start(e->windows);
}

void engine_memory(const struct engine *e, size_t *bytes, size_t *groups)
{
	e->windows->ops->memory(e->windows, bytes, groups);
}
