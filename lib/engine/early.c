#include "engine/early.h"

#include <stdlib.h>
#include <string.h>

#include "engine/panes_impl.h"
#include "mem/mem.h"

void early_open(struct panes *w)
{
	w->early.told.keep = &w->keep;
	w->early.next_us = w->opts->emit == ENGINE_FINAL ? WINDOW_FOREVER : WINDOW_NEVER;
	if (w->opts->emit == ENGINE_UPDATE && w->roll)
		w->early.roll = roll_open(w->opts->list, w->opts->limits.bytes);
}

void early_close(struct panes *w)
{
	roll_close(w->early.roll);
	told_release(&w->early.told);
}

/* ---- complete windows ---- */

static bool is_in(const struct panes *w, const struct pane *p)
{
	const struct early *y = &w->early;

	return y->first < y->end && p->at.start_us >= w->panes[y->first]->at.start_us &&
	       p->at.start_us <= w->panes[y->end - 1]->at.start_us;
}

/* Panes whose newest window is older than k have left. */
static void leave_until(struct panes *w, int64_t k)
{
	struct early *y = &w->early;

	for (; y->first < w->n_panes && w->panes[y->first]->at.last < k; y->first++) {
		if (y->roll && y->first < y->end)
			roll_drop(y->roll, w->panes[y->first]);
	}
	if (y->end < y->first)
		y->end = y->first;
}

static void take_until(struct panes *w, int64_t k)
{
	struct early *y = &w->early;

	for (; y->end < w->n_panes && w->panes[y->end]->at.first <= k; y->end++) {
		if (y->roll)
			roll_take(y->roll, w->panes[y->end]);
	}
}

/* The groups of a table as rows that are not final: all, or those that changed. */
static int emit_groups(struct panes *w, int64_t k, struct group_table *t, uint32_t wanted, struct err *err)
{
	struct engine_row row = panes_row(w, k, false);
	struct group_entry **order = mem_resize(NULL, t->n, sizeof *order);
	size_t n = 0;
	int result = 0;

	group_table_sort(t, order);
	for (size_t i = 0; i < t->n; i++) {
		if ((order[i]->spare & wanted) == wanted)
			order[n++] = order[i];
	}
	for (size_t i = 0; i < n && result == 0; i++) {
		row.key = group_entry_key(t, order[i]);
		row.is_last_of_window = i + 1 == n;
		result = panes_emit(w, k, &row, order[i]->state, err);
	}
	free(order);
	return result;
}

static int emit_roll(struct panes *w, int64_t k, struct err *err)
{
	struct engine_row row = panes_row(w, k, false);
	const struct roll_row *rows;
	size_t n = roll_rows(w->early.roll, &rows);
	int result = 0;

	for (size_t i = 0; i < n && result == 0; i++) {
		row.key = rows[i].key;
		row.is_last_of_window = i + 1 == n;
		result = panes_emit(w, k, &row, rows[i].states, err);
	}
	roll_release_rows(w->early.roll);
	return result;
}

/* Windows that W completes and that have not closed, in the order of their ends. */
static int tell_complete(struct panes *w, int64_t watermark_us, struct err *err)
{
	struct early *y = &w->early;
	int64_t last = window_first_behind(&w->opts->window, watermark_us) - 1, k;
	int result = 0;

	while (w->n_panes && result == 0) {
		k = panes_next_window(w);
		k = y->is_started && y->complete_k >= k ? y->complete_k + 1 : k;
		leave_until(w, k);
		if (y->first == w->n_panes)
			break;
		if (w->panes[y->first]->at.first > k)
			k = w->panes[y->first]->at.first;
		if (k > last)
			break;
		take_until(w, k);
		result = y->roll ? emit_roll(w, k, err) : emit_groups(w, k, &w->panes[y->first]->groups, 0, err);
		y->complete_k = k;
		y->is_started = true;
	}
	y->complete_k = last;
	y->is_started = true;
	y->next_us = window_end(&w->opts->window, last + 1);
	return result;
}

void early_pane_made(struct panes *w, size_t at)
{
	struct early *y = &w->early;

	if (at < y->first)
		y->first++;
	if (at < y->end)
		y->end++;
}

void early_panes_leave(struct panes *w, size_t n, int64_t k)
{
	struct early *y = &w->early;

	leave_until(w, k + 1);
	y->first -= n < y->first ? n : y->first;
	y->end -= n < y->end ? n : y->end;
	told_drop(&y->told, k);
}

void *early_touch(struct panes *w, struct pane *p, struct slice key, const struct group_entry *entry)
{
	return w->early.roll && is_in(w, p) ? roll_touch(w->early.roll, p, key, group_hash(key), entry) : NULL;
}

void early_loaded(struct panes *w, int64_t watermark_us)
{
	struct early *y = &w->early;

	if (w->opts->emit == ENGINE_FINAL || watermark_us == WINDOW_NEVER)
		return;
	if (w->opts->emit == ENGINE_EVERY) {
		y->next_us = early_next_border(watermark_us, w->opts->emit_every_us);
		return;
	}
	y->complete_k = window_first_behind(&w->opts->window, watermark_us) - 1;
	y->is_started = true;
	y->next_us = window_end(&w->opts->window, y->complete_k + 1);
	leave_until(w, y->complete_k);
	take_until(w, y->complete_k);
}

/* ---- the group of one record ---- */

static void merge_key(struct panes *w, int64_t k, struct slice key, void *states)
{
	uint64_t hash = group_hash(key);
	size_t low = 0, high = w->n_panes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (w->panes[middle]->at.last < k)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < w->n_panes && w->panes[low]->at.first <= k; low++) {
		const struct group_entry *e = group_table_find(&w->panes[low]->groups, key, hash);

		if (e)
			agg_states_merge(w->opts->list, states, e->state);
	}
}

static int emit_key(struct panes *w, int64_t k, struct slice key, struct group_entry *entry, struct err *err)
{
	struct engine_row row = panes_row(w, k, false);
	void *merged = w->roll ? mem_alloc(1, w->opts->list->state_bytes) : NULL;
	int result;

	if (merged)
		merge_key(w, k, key, merged);
	row.key = key;
	row.is_last_of_window = true;
	result = panes_emit(w, k, &row, merged ? merged : entry->state, err);
	if (merged)
		agg_states_release(w->opts->list, merged);
	free(merged);
	return result;
}

int early_note(struct panes *w, struct pane *p, struct slice key, struct group_entry *entry, int64_t watermark_us,
	struct err *err)
{
	const struct window_spec *spec = &w->opts->window;
	int64_t k, open;
	int result = 0;

	entry->spare |= EARLY_CHANGED;
	if (w->opts->emit != ENGINE_UPDATE || watermark_us == WINDOW_NEVER ||
		window_end(spec, p->at.first) > watermark_us)
		return 0;
	open = window_first_behind(spec, watermark_us - w->opts->grace_us);
	k = p->at.first > open ? p->at.first : open;
	for (; k <= p->at.last && window_end(spec, k) <= watermark_us && result == 0; k++)
		result = emit_key(w, k, key, entry, err);
	return result;
}

/* ---- borders ---- */

static bool has_changes(struct pane *p)
{
	struct group_entry *e;

	for (size_t offset = 0; (e = group_table_next(&p->groups, &offset));) {
		if (e->spare & EARLY_CHANGED)
			return true;
	}
	return false;
}

static void forget_changes(const struct panes *w, struct pane *p)
{
	struct group_entry *e;

	for (size_t offset = 0; (e = group_table_next(&p->groups, &offset));) {
		if (!(e->spare & EARLY_CHANGED))
			continue;
		e->spare &= ~(uint32_t)EARLY_CHANGED;
		keep_touch(&w->keep, e);
		p->is_touched = true;
	}
}

/* Panes from `first` on are those of window k. */
static int emit_merged(struct panes *w, int64_t k, size_t first, struct err *err)
{
	struct agg_list *list = w->opts->list;
	struct group_table merged;
	struct group_entry *e;
	int result;

	group_table_init(&merged, list->state_bytes);
	for (size_t i = first; i < w->n_panes && w->panes[i]->at.first <= k; i++) {
		struct group_table *from = &w->panes[i]->groups;

		for (size_t offset = 0; (e = group_table_next(from, &offset));) {
			struct slice key = group_entry_key(from, e);
			bool is_new;
			struct group_entry *into = group_table_get(&merged, key, group_hash(key), &is_new);

			agg_states_merge(list, into->state, e->state);
			into->spare |= e->spare;
		}
	}
	result = emit_groups(w, k, &merged, EARLY_CHANGED, err);
	for (size_t offset = 0; list->has_memory && (e = group_table_next(&merged, &offset));)
		agg_states_release(list, e->state);
	group_table_release(&merged);
	return result;
}

static int tell_changed(struct panes *w, struct err *err)
{
	size_t first = 0;
	int result = 0;

	for (int64_t k = w->n_panes ? panes_next_window(w) : 0; result == 0; k++) {
		bool is_changed = false;

		while (first < w->n_panes && w->panes[first]->at.last < k)
			first++;
		if (first == w->n_panes)
			break;
		k = w->panes[first]->at.first > k ? w->panes[first]->at.first : k;
		for (size_t i = first; i < w->n_panes && w->panes[i]->at.first <= k && !is_changed; i++)
			is_changed = has_changes(w->panes[i]);
		if (is_changed)
			result = w->roll ? emit_merged(w, k, first, err)
					 : emit_groups(w, k, &w->panes[first]->groups, EARLY_CHANGED, err);
	}
	for (size_t i = 0; i < w->n_panes; i++)
		forget_changes(w, w->panes[i]);
	return result;
}

int64_t early_next_border(int64_t watermark_us, int64_t every_us)
{
	int64_t over = watermark_us % every_us;

	return watermark_us - (over < 0 ? over + every_us : over) + every_us;
}

int early_step(struct panes *w, int64_t watermark_us, struct err *err)
{
	int result;

	if (watermark_us == WINDOW_NEVER || watermark_us == WINDOW_FOREVER)
		return 0;
	if (w->opts->emit == ENGINE_UPDATE)
		return tell_complete(w, watermark_us, err);
	w->early.next_us = early_next_border(watermark_us, w->opts->emit_every_us);
	w->known_us = watermark_us;
	result = tell_changed(w, err);
	w->known_us = WINDOW_FOREVER;
	return result;
}
