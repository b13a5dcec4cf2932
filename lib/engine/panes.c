#include "engine/panes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/panes_impl.h"
#include "group/group.h"
#include "mem/mem.h"

/*
 * Panes stand in order of time in one array. A record goes into its pane; a window's row is the merge of its panes, see
 * roll.h, or the pane itself where the window has but one. How windows close: panes_close.c.
 */

/* Room for one more: where half of the block is free in front the panes move there, else it grows, so that closing
 * and opening n panes costs O(n). */
static void make_room(struct panes *w)
{
	size_t gone = (size_t)(w->panes - w->block);

	if (gone + w->n_panes < w->cap_panes)
		return;
	if (gone <= w->cap_panes / 2) {
		w->cap_panes = w->cap_panes ? w->cap_panes * 2 : 8;
		w->block = mem_resize(w->block, w->cap_panes, sizeof(struct pane *));
	}
	if (w->n_panes)
		memmove(w->block, w->block + gone, w->n_panes * sizeof(struct pane *));
	w->panes = w->block;
}

static struct pane *make_pane(struct panes *w, size_t at, const struct window_pane *where)
{
	struct pane *p = mem_alloc_apart(1, sizeof *p);

	make_room(w);
	memmove(w->panes + at + 1, w->panes + at, (w->n_panes - at) * sizeof *w->panes);
	w->panes[at] = p;
	w->n_panes++;
	p->at = *where;
	if (at < w->n_ready) {
		p->is_ready = true;
		w->n_ready++;
	}
	early_pane_made(w, at);
	p->first_closes_us = panes_closing_of(w, where->first);
	p->groups = w->spare;
	group_table_init(&w->spare, panes_entry_bytes(w));
	return p;
}

/* The pane that starts at `where`, made if it is not there; NULL when a new one has no room. */
struct pane *panes_get(struct panes *w, const struct window_pane *where, int64_t watermark_us)
{
	size_t low = 0, high = w->n_panes;
	struct pane *p;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (w->panes[middle]->at.start_us < where->start_us)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < w->n_panes && w->panes[low]->at.start_us == where->start_us)
		return w->panes[low];
	if (windows_are_full(w->opts, w->counts) && !w->opts->limits.is_early)
		return NULL;
	p = make_pane(w, low, where);
	/* windows of it that are closed by now closed without it */
	if (watermark_us > w->closed_us)
		w->closed_us = watermark_us;
	if (low == 0)
		w->next_close_us = panes_closing_of(w, panes_next_window(w));
	return p;
}

static void refuse(struct panes *w, const struct window_pane *where, int64_t watermark_us)
{
	const struct window_spec *spec = &w->opts->window;

	*w->late = (struct engine_late){.start_us = window_start(spec, where->last),
		.end_us = window_end(spec, where->last),
		.windows = (uint64_t)(where->last - where->first) + 1,
		.late_us = watermark_us - panes_closing_of(w, where->last)};
	w->counts->late++;
	if (w->late->late_us > w->counts->late_max_us)
		w->counts->late_max_us = w->late->late_us;
}

/* Finds the pane of a time that is not in the hot one. */
static enum engine_fate find_pane(struct panes *w, int64_t us, int64_t watermark_us, struct pane **p)
{
	struct window_pane where = window_pane_at(&w->opts->window, us);

	if (panes_closing_of(w, where.last) <= watermark_us) {
		refuse(w, &where, watermark_us);
		return ENGINE_LATE;
	}
	*p = panes_get(w, &where, watermark_us);
	if (*p)
		w->hot = *p;
	return *p ? ENGINE_TAKEN : ENGINE_FULL;
}

static void note_time(struct panes *w, int64_t us)
{
	if (us < w->first_us)
		w->first_us = us;
	if (us > w->last_us)
		w->last_us = us;
}

/* Whether a group of a pane may grow, or be made; -1 with err. */
static int find_room(struct panes *w, const struct pane *p, struct slice key, uint64_t hash, struct err *err)
{
	while (windows_are_full(w->opts, w->counts)) {
		if (!windows_cannot_grow(w->opts, w->counts) && group_table_find(&p->groups, key, hash))
			return 1;
		if (!w->opts->limits.is_early)
			return 0;
		if (panes_emit_part(w, err))
			return -1;
	}
	return 1;
}

/* Whether a pane takes something for a group. */
static inline enum engine_fate admit(
	struct panes *w, const struct pane *p, struct slice key, uint64_t hash, int64_t watermark_us, struct err *err)
{
	int room = windows_are_full(w->opts, w->counts) ? find_room(w, p, key, hash, err) : 1;

	if (room <= 0)
		return room ? ENGINE_ERROR : ENGINE_FULL;
	if (watermark_us >= p->first_closes_us)
		w->counts->late_partial++;
	return ENGINE_TAKEN;
}

void panes_count_group(struct panes *w, struct pane *p)
{
	p->n_groups++;
	w->counts->groups++;
}

/* Where bytes are limited: what a group owned before it takes something; and the difference, behind it. */
static uint64_t owned_by(const struct panes *w, const struct group_entry *entry)
{
	return w->opts->limits.bytes ? agg_states_owned(w->opts->list, entry->state) : 0;
}

void panes_charge(struct panes *w, struct pane *p, const struct group_entry *entry, uint64_t before, bool is_new)
{
	const uint64_t slot_bytes = 2 * sizeof *p->groups.slots;
	uint64_t fixed = is_new ? sizeof *entry + w->opts->list->state_bytes + entry->key_bytes + slot_bytes : 0;
	uint64_t charged = before;

	windows_charge(w->opts, w->counts, &charged, fixed, entry->state);
	p->bytes += charged - before;
}

/* A pane has taken something for a group. Where it was in a row already: returns the state that must take it too, or
 * NULL. */
static void *note_taken(struct panes *w, struct pane *p, struct slice key, uint64_t hash, struct group_entry *entry)
{
	if (w->keep.is_on) {
		entry->spare |= KEEP_CHANGED;
		++*panes_count_of(w, entry);
		p->is_touched = true;
	}
	p->n_records++;
	p->digest += hash;
	w->counts->taken++;
	if (!p->is_ready)
		return NULL;
	w->n_unreported++;
	return w->roll ? roll_touch(w->roll, p, key, hash, entry) : NULL;
}

static enum engine_fate add_any(
	struct panes *w, const struct engine_record *record, int64_t watermark_us, struct err *err)
{
	int64_t us = record->place.time_us;
	struct group_entry *entry;
	struct pane *p;
	void *also;
	uint64_t before;
	bool is_new;
	enum engine_fate fate;

	if (panes_is_due(w, watermark_us) && panes_step(w, watermark_us, true, err))
		return ENGINE_ERROR;
	/* a pane that is there has a window that is open */
	p = w->hot;
	if (!p || us < p->at.start_us || us >= p->at.end_us) {
		fate = find_pane(w, us, watermark_us, &p);
		if (fate != ENGINE_TAKEN)
			return fate;
	}
	fate = admit(w, p, record->key, record->hash, watermark_us, err);
	if (fate != ENGINE_TAKEN)
		return fate;
	if (w->opts->window.is_all && w->opts->has_time)
		note_time(w, us);
	entry = group_table_get(&p->groups, record->key, record->hash, &is_new);
	if (is_new)
		panes_count_group(w, p);
	before = owned_by(w, entry);
	agg_states_add(w->opts->list, entry->state, record->values, &record->place);
	panes_charge(w, p, entry, before, is_new);
	also = note_taken(w, p, record->key, record->hash, entry);
	if (also)
		agg_states_add(w->opts->list, also, record->values, &record->place);
	if (w->opts->emit == ENGINE_FINAL)
		return ENGINE_TAKEN;
	also = early_touch(w, p, record->key, entry);
	if (also)
		agg_states_add(w->opts->list, also, record->values, &record->place);
	return early_note(w, p, record->key, entry, watermark_us, err) ? ENGINE_ERROR : ENGINE_TAKEN;
}

/* The usual record does nothing but count: nothing is due, it goes where the last one went, and only final rows tell of
 * it. The same as add_any() then, in half the instructions. */
static enum engine_fate add(
	struct engine_windows *windows, const struct engine_record *record, int64_t watermark_us, struct err *err)
{
	struct panes *w = (struct panes *)windows;
	int64_t us = record->place.time_us;
	struct pane *p = w->hot;
	struct group_entry *entry;
	bool is_new;

	if (!w->is_plain || !p || us < p->at.start_us || us >= p->at.end_us || panes_is_due(w, watermark_us) ||
		watermark_us >= p->first_closes_us || p->is_ready)
		return add_any(w, record, watermark_us, err);
	entry = group_table_get(&p->groups, record->key, record->hash, &is_new);
	if (is_new)
		panes_count_group(w, p);
	p->n_records++;
	p->digest += record->hash;
	w->counts->taken++;
	agg_states_add(w->opts->list, entry->state, record->values, &record->place);
	return ENGINE_TAKEN;
}

/* Where a part goes: into the pane it lies in, or all of a window as one pane. False: a border lies in it. */
static bool find_whole(const struct window_spec *spec, const struct engine_part *part, struct window_pane *where)
{
	*where = window_pane_at(spec, part->start_us);
	if (!part->is_window)
		return part->end_us <= where->end_us;
	where->first = where->last;
	where->start_us = window_start(spec, where->last);
	where->end_us = window_end(spec, where->last);
	return part->start_us == where->start_us && part->end_us == where->end_us;
}

static enum engine_fate merge(
	struct engine_windows *windows, const struct engine_part *part, int64_t watermark_us, struct err *err)
{
	struct panes *w = (struct panes *)windows;
	uint64_t hash = group_hash(part->key), before;
	struct window_pane where;
	struct group_entry *entry;
	struct pane *p;
	void *also;
	bool is_new;
	enum engine_fate fate;

	if (panes_is_due(w, watermark_us) && panes_step(w, watermark_us, true, err))
		return ENGINE_ERROR;
	if (!find_whole(&w->opts->window, part, &where))
		return ENGINE_MISFIT;
	if (panes_closing_of(w, where.last) <= watermark_us) {
		refuse(w, &where, watermark_us);
		return ENGINE_LATE;
	}
	p = panes_get(w, &where, watermark_us);
	if (!p)
		return ENGINE_FULL;
	fate = admit(w, p, part->key, hash, watermark_us, err);
	if (fate != ENGINE_TAKEN)
		return fate;
	if (w->opts->window.is_all && w->opts->has_time) {
		note_time(w, part->start_us);
		note_time(w, part->end_us - 1);
	}
	entry = group_table_get(&p->groups, part->key, hash, &is_new);
	if (is_new)
		panes_count_group(w, p);
	before = owned_by(w, entry);
	agg_states_merge(w->opts->list, entry->state, part->states);
	panes_charge(w, p, entry, before, is_new);
	also = note_taken(w, p, part->key, hash, entry);
	if (also)
		agg_states_merge(w->opts->list, also, part->states);
	if (w->opts->emit == ENGINE_FINAL)
		return ENGINE_TAKEN;
	also = early_touch(w, p, part->key, entry);
	if (also)
		agg_states_merge(w->opts->list, also, part->states);
	return early_note(w, p, part->key, entry, watermark_us, err) ? ENGINE_ERROR : ENGINE_TAKEN;
}

static int advance(
	struct engine_windows *windows, int64_t watermark_us, int64_t known_us, bool is_final, struct err *err)
{
	struct panes *w = (struct panes *)windows;

	w->known_us = known_us;
	return panes_is_due(w, watermark_us) ? panes_step(w, watermark_us, is_final, err) : 0;
}

/* Most records go where the last one went. */
static void prefetch(const struct engine_windows *windows, uint64_t hash, bool is_near)
{
	const struct panes *w = (const struct panes *)windows;

	if (w->hot && is_near)
		group_table_prefetch_entry(&w->hot->groups, hash);
	else if (w->hot)
		group_table_prefetch(&w->hot->groups, hash);
}

static void span(const struct engine_windows *windows, int64_t *first_us, int64_t *last_us)
{
	const struct panes *w = (const struct panes *)windows;

	*first_us = w->first_us;
	*last_us = w->last_us;
}

static void widen(struct engine_windows *windows, int64_t first_us, int64_t last_us)
{
	struct panes *w = (struct panes *)windows;

	if (first_us > last_us)
		return;
	note_time(w, first_us);
	note_time(w, last_us);
}

/* The sum, over records in panes, of a hash of pane and group. */
static uint64_t digest(const struct engine_windows *windows)
{
	const struct panes *w = (const struct panes *)windows;
	uint64_t sum = 0;

	for (size_t i = 0; i < w->n_panes; i++)
		sum += windows_mix((uint64_t)w->panes[i]->at.start_us) * w->panes[i]->digest;
	return sum;
}

static void memory(const struct engine_windows *windows, size_t *bytes, size_t *groups)
{
	const struct panes *w = (const struct panes *)windows;

	*bytes = *groups = 0;
	for (size_t i = 0; i < w->n_panes; i++) {
		const struct group_table *t = &w->panes[i]->groups;

		*groups += t->n;
		*bytes += sizeof(struct pane) + t->n_slots * sizeof *t->slots + t->n_words * sizeof *t->words;
	}
	*groups += w->carry.groups.n;
	*bytes += carry_memory(&w->carry);
	if (w->roll && w->n_panes)
		*bytes += roll_bytes(w->roll) + (w->early.roll ? roll_bytes(w->early.roll) : 0);
	*bytes += told_bytes(&w->early.told);
}

static void close_panes(struct engine_windows *windows)
{
	struct panes *w = (struct panes *)windows;

	early_close(w);
	roll_close(w->roll);
	w->roll = NULL;
	for (size_t i = 0; i < w->n_panes; i++)
		panes_free_pane(w, w->panes[i]);
	group_table_release(&w->spare);
	carry_release(&w->carry);
	keep_release(&w->keep);
	fill_release(&w->fill);
	free(w->block);
	free(w);
}

static const struct engine_windows_ops ops = {
	.add = add,
	.merge = merge,
	.advance = advance,
	.has_runs = panes_have_runs,
	.run_seek = panes_run_seek,
	.run_start = panes_run_start,
	.run_states = panes_run_states,
	.run_end = panes_run_end,
	.prefetch = prefetch,
	.span = span,
	.widen = widen,
	.digest = digest,
	.save = panes_save,
	.load = panes_load,
	.loaded = panes_loaded,
	.memory = memory,
	.close = close_panes,
};

struct engine_windows *panes_open(
	const struct engine_opts *opts, struct engine_late *late, struct engine_counts *counts)
{
	struct panes *w = mem_alloc_apart(1, sizeof *w);

	assert(opts->has_time || opts->window.is_all);
	*w = (struct panes){.windows.ops = &ops,
		.opts = opts,
		.closed_us = WINDOW_NEVER,
		.next_close_us = WINDOW_FOREVER,
		.first_us = WINDOW_FOREVER,
		.last_us = WINDOW_NEVER,
		.known_us = WINDOW_FOREVER,
		.late = late,
		.counts = counts};
	w->is_plain = !opts->limits.groups && !opts->limits.bytes && opts->emit == ENGINE_FINAL && !opts->is_kept &&
		      !(opts->window.is_all && opts->has_time);
	w->keep.is_on = opts->is_kept;
	group_table_init(&w->spare, panes_entry_bytes(w));
	carry_init(&w->carry, opts->list, &w->keep);
	if (opts->window.advance_us < opts->window.size_us)
		w->roll = roll_open(opts->list, opts->limits.bytes);
	fill_init(&w->fill, opts->is_filling);
	early_open(w);
	return &w->windows;
}
