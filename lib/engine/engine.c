#include "engine/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sessions.h"
#include "group/group.h"
#include "mem/mem.h"

/*
 * Panes stand in order of time in one array. A record goes into its pane; a window's row is the merge of its panes, or
 * the pane itself where the window has but one. Windows close in the order of their ends, which is that of their
 * numbers; a pane goes when its newest window has closed.
 */
struct pane {
	struct window_pane at;
	int64_t first_closes_us; /* W at which its oldest window closes: later records of it are late for some */
	uint64_t n_unreported;   /* records that are in no final row yet */
	struct group_table groups;
};

struct engine {
	struct engine_opts opts;
	struct window_clock clock;
	struct pane **block; /* room for cap_panes; panes begins in it, behind those that went */
	struct pane **panes;
	size_t n_panes, cap_panes;
	struct pane *hot;          /* of the last record */
	int64_t closed_us;         /* W up to which windows were closed */
	int64_t next_close_us;     /* nothing closes before W is here */
	int64_t first_us, last_us; /* times of a whole stream */
	struct sessions *sessions; /* the windows, where they are sessions; else NULL */
	struct engine_late late;
	struct engine_counts counts;
};

struct engine *engine_open(const struct engine_opts *opts)
{
	struct engine *e = mem_alloc(1, sizeof *e);

	assert(opts->n_inputs >= 1 && (opts->has_time || opts->window.is_all));
	e->opts = *opts;
	window_clock_init(&e->clock, opts->n_inputs, opts->delay_us, opts->max_ahead_us);
	e->closed_us = WINDOW_NEVER;
	e->next_close_us = WINDOW_FOREVER;
	e->first_us = WINDOW_FOREVER;
	e->last_us = WINDOW_NEVER;
	if (opts->window.session_us)
		e->sessions = sessions_open(opts, &e->late, &e->counts);
	return e;
}

static void release_groups(struct engine *e, struct group_table *t)
{
	struct group_entry *entry;

	for (size_t offset = 0; e->opts.list->has_memory && (entry = group_table_next(t, &offset));)
		agg_states_release(e->opts.list, entry->state);
	group_table_release(t);
}

static void close_pane(struct engine *e, struct pane *p)
{
	if (e->hot == p)
		e->hot = NULL;
	release_groups(e, &p->groups);
	free(p);
}

void engine_close(struct engine *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n_panes; i++)
		close_pane(e, e->panes[i]);
	free(e->block);
	sessions_close(e->sessions);
	window_clock_release(&e->clock);
	free(e);
}

/* ---- rows out ---- */

/* The groups of one table as the rows of window k. */
static int emit_table(struct engine *e, int64_t k, struct group_table *t, bool is_final, struct err *err)
{
	const struct window_spec *w = &e->opts.window;
	struct engine_row row = {.has_bounds = e->opts.has_time,
		.start_us = w->is_all ? e->first_us : window_start(w, k),
		.end_us = w->is_all ? e->last_us : window_end(w, k),
		.is_final = is_final,
		.is_first_of_window = true};
	struct group_entry **order = mem_resize(NULL, t->n, sizeof *order);
	int result = 0;

	group_table_sort(t, order);
	for (uint32_t i = 0; i < t->n && result == 0; i++) {
		row.key = group_entry_key(t, order[i]);
		row.states = order[i]->state;
		row.is_last_of_window = i + 1 == t->n;
		result = e->opts.row(e->opts.context, &row, err);
		row.is_first_of_window = false;
		e->counts.rows++;
	}
	free(order);
	return result;
}

static void merge_table(struct engine *e, struct group_table *into, struct group_table *from)
{
	struct group_entry *entry;

	for (size_t offset = 0; (entry = group_table_next(from, &offset));) {
		struct slice key = group_entry_key(from, entry);
		bool is_new;

		agg_states_merge(
			e->opts.list, group_table_get(into, key, group_hash(key), &is_new)->state, entry->state);
	}
}

/* Panes of window k are the first n of the array (older ones are gone). */
static int emit_merged(struct engine *e, int64_t k, size_t n, bool is_final, struct err *err)
{
	struct group_table merged;
	int result;

	group_table_init(&merged, e->opts.list->state_bytes);
	for (size_t i = 0; i < n; i++)
		merge_table(e, &merged, &e->panes[i]->groups);
	result = emit_table(e, k, &merged, is_final, err);
	release_groups(e, &merged);
	return result;
}

static int emit_window(struct engine *e, int64_t k, bool is_final, struct err *err)
{
	size_t n = 0;

	while (n < e->n_panes && e->panes[n]->at.first <= k)
		n++;
	for (size_t i = 0; is_final && i < n; i++) {
		e->counts.kept += e->panes[i]->n_unreported;
		e->panes[i]->n_unreported = 0;
	}
	return n == 1 ? emit_table(e, k, &e->panes[0]->groups, is_final, err) : emit_merged(e, k, n, is_final, err);
}

/* Panes whose newest window is k or older go. */
static void drop_panes(struct engine *e, int64_t k)
{
	size_t n = 0;

	while (n < e->n_panes && e->panes[n]->at.last <= k)
		close_pane(e, e->panes[n++]);
	e->n_panes -= n;
	e->panes += n;
}

/* The number of the next window to close: the oldest with records that was not closed before. */
static int64_t next_window(const struct engine *e)
{
	int64_t k = e->panes[0]->at.first, open;

	if (e->closed_us == WINDOW_NEVER)
		return k;
	open = window_first_behind(&e->opts.window, e->closed_us - e->opts.grace_us);
	return k > open ? k : open;
}

static int64_t closing_of(const struct engine *e, int64_t k)
{
	return e->opts.window.is_all ? WINDOW_FOREVER : window_end(&e->opts.window, k) + e->opts.grace_us;
}

/* Closes what ends at or before W. Windows were closed in the order of their ends, so closed_us follows them. */
static int close_windows(struct engine *e, int64_t watermark_us, bool is_final, struct err *err)
{
	while (e->n_panes) {
		int64_t k = next_window(e), at = closing_of(e, k);

		if (at > watermark_us || (at == WINDOW_FOREVER && !e->opts.window.is_all)) {
			e->next_close_us = at;
			break;
		}
		if (emit_window(e, k, is_final, err))
			return -1;
		e->closed_us = e->opts.window.is_all ? e->closed_us : at;
		drop_panes(e, k);
	}
	if (!e->n_panes)
		e->next_close_us = WINDOW_FOREVER;
	return 0;
}

/* ---- records in ---- */

/* Room for one more: where half of the block is free in front the panes move there, else it grows, so that closing
 * and opening n panes costs O(n). */
static void make_room(struct engine *e)
{
	size_t gone = (size_t)(e->panes - e->block);

	if (gone + e->n_panes < e->cap_panes)
		return;
	if (gone <= e->cap_panes / 2) {
		e->cap_panes = e->cap_panes ? e->cap_panes * 2 : 8;
		e->block = mem_resize(e->block, e->cap_panes, sizeof(struct pane *));
	}
	if (e->n_panes)
		memmove(e->block, e->block + gone, e->n_panes * sizeof(struct pane *));
	e->panes = e->block;
}

static struct pane *make_pane(struct engine *e, size_t at, const struct window_pane *where)
{
	struct pane *p = mem_alloc(1, sizeof *p);

	make_room(e);
	memmove(e->panes + at + 1, e->panes + at, (e->n_panes - at) * sizeof *e->panes);
	e->panes[at] = p;
	e->n_panes++;
	p->at = *where;
	p->first_closes_us = closing_of(e, where->first);
	group_table_init(&p->groups, e->opts.list->state_bytes);
	return p;
}

/* The pane that starts at `where`, made if it is not there. */
static struct pane *get_pane(struct engine *e, const struct window_pane *where)
{
	size_t low = 0, high = e->n_panes;
	struct pane *p;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (e->panes[middle]->at.start_us < where->start_us)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < e->n_panes && e->panes[low]->at.start_us == where->start_us)
		return e->panes[low];
	p = make_pane(e, low, where);
	/* windows of it that are closed by now closed without it */
	if (e->clock.watermark_us > e->closed_us)
		e->closed_us = e->clock.watermark_us;
	if (low == 0)
		e->next_close_us = closing_of(e, next_window(e));
	return p;
}

static enum engine_fate refuse(struct engine *e, const struct window_pane *where)
{
	const struct window_spec *w = &e->opts.window;

	e->late = (struct engine_late){.start_us = window_start(w, where->last),
		.end_us = window_end(w, where->last),
		.windows = (uint64_t)(where->last - where->first) + 1,
		.late_us = e->clock.watermark_us - closing_of(e, where->last)};
	e->counts.late++;
	if (e->late.late_us > e->counts.late_max_us)
		e->counts.late_max_us = e->late.late_us;
	return ENGINE_LATE;
}

/* Finds the pane of a time that is not in the hot one; NULL when every window of it is closed. */
static struct pane *find_pane(struct engine *e, int64_t us)
{
	struct window_pane where = window_pane_at(&e->opts.window, us);

	if (closing_of(e, where.last) <= e->clock.watermark_us) {
		refuse(e, &where);
		return NULL;
	}
	return e->hot = get_pane(e, &where);
}

static void note_time(struct engine *e, int64_t us)
{
	if (us < e->first_us)
		e->first_us = us;
	if (us > e->last_us)
		e->last_us = us;
}

enum engine_fate engine_add(struct engine *e, const struct engine_record *record, struct err *err)
{
	int64_t us = record->place.time_us;
	struct group_entry *entry;
	struct pane *p;
	bool is_new;

	if (e->opts.has_time && !window_clock_see(&e->clock, record->place.input, us))
		return ENGINE_AHEAD;
	if (e->sessions)
		return sessions_add(e->sessions, record, e->clock.watermark_us, err);
	if (e->clock.watermark_us >= e->next_close_us && close_windows(e, e->clock.watermark_us, true, err))
		return ENGINE_ERROR;
	/* a pane that is there has a window that is open */
	p = e->hot;
	if (!p || us < p->at.start_us || us >= p->at.end_us) {
		p = find_pane(e, us);
		if (!p)
			return ENGINE_LATE;
	}
	if (e->clock.watermark_us >= p->first_closes_us)
		e->counts.late_partial++;
	if (e->opts.window.is_all && e->opts.has_time)
		note_time(e, us);
	entry = group_table_get(&p->groups, record->key, group_hash(record->key), &is_new);
	agg_states_add(e->opts.list, entry->state, record->values, &record->place);
	p->n_unreported++;
	e->counts.taken++;
	return ENGINE_TAKEN;
}

const struct engine_late *engine_late(const struct engine *e)
{
	return &e->late;
}

int engine_input_end(struct engine *e, uint32_t input, struct err *err)
{
	window_clock_end(&e->clock, input);
	if (e->clock.watermark_us == WINDOW_FOREVER)
		return 0; /* after the last input the caller says what becomes of open windows: engine_flush() */
	if (e->sessions)
		return sessions_advance(e->sessions, e->clock.watermark_us, true, err);
	if (e->clock.watermark_us < e->next_close_us)
		return 0;
	return close_windows(e, e->clock.watermark_us, true, err);
}

int engine_flush(struct engine *e, bool is_final, struct err *err)
{
	if (e->sessions)
		return sessions_advance(e->sessions, WINDOW_FOREVER, is_final, err);
	return close_windows(e, WINDOW_FOREVER, is_final, err);
}

const struct engine_counts *engine_counts(const struct engine *e)
{
	return &e->counts;
}

const struct window_clock *engine_clock(const struct engine *e)
{
	return &e->clock;
}

void engine_memory(const struct engine *e, size_t *bytes, size_t *groups)
{
	*bytes = *groups = 0;
	if (e->sessions)
		sessions_memory(e->sessions, bytes, groups);
	for (size_t i = 0; i < e->n_panes; i++) {
		const struct group_table *t = &e->panes[i]->groups;

		*groups += t->n;
		*bytes += sizeof(struct pane) + t->n_slots * sizeof *t->slots + t->n_words * sizeof *t->words;
	}
}
