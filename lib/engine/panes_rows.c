/* The rows of time windows: the groups of a pane, or those that the roll has merged. */
#include <stdlib.h>

#include "engine/panes_impl.h"
#include "group/group.h"
#include "mem/mem.h"

enum { AHEAD = 8 }; /* entries in their order lie anywhere: they are fetched before they are needed */

void panes_release_states(const struct panes *w, struct group_table *t)
{
	struct group_entry *entry;

	for (size_t offset = 0; w->opts->list->has_memory && (entry = group_table_next(t, &offset));)
		agg_states_release(w->opts->list, entry->state);
}

void panes_release_groups(struct panes *w, struct group_table *t)
{
	panes_release_states(w, t);
	group_table_release(t);
}

/* The latest values before a window: of older panes that are still there (rows before the final one), or carried. */
static const void *find_carried(struct panes *w, const struct engine_row *row)
{
	uint64_t hash = group_hash(row->key);

	if (!w->n_panes || w->panes[0]->at.start_us >= row->start_us)
		return carry_find(&w->carry, row->key);
	carry_copy(&w->carry, row->key);
	for (size_t i = 0; i < w->n_panes && w->panes[i]->at.start_us < row->start_us; i++) {
		const struct group_entry *e = group_table_find(&w->panes[i]->groups, row->key, hash);

		if (e)
			agg_carried_take(w->opts->list, w->carry.copy, e->state, row->start_us);
	}
	return w->carry.copy;
}

/* Values hold up to the end of the window, as far as time has come. */
static void settle(struct panes *w, const struct engine_row *row, void *states)
{
	struct agg_bounds window = {row->start_us, row->end_us < w->known_us ? row->end_us : w->known_us};

	agg_states_settle(w->opts->list, states, &window, find_carried(w, row));
}

struct engine_row panes_row(const struct panes *w, int64_t k, bool is_final)
{
	const struct window_spec *spec = &w->opts->window;

	return (struct engine_row){.has_bounds = w->opts->has_time,
		.start_us = spec->is_all ? w->first_us : window_start(spec, k),
		.end_us = spec->is_all ? w->last_us : window_end(spec, k),
		.closes_us = panes_closing_of(w, k),
		.is_final = is_final,
		.part = w->part,
		.known_us = w->known_us,
		.is_first_of_window = true};
}

int panes_emit(struct panes *w, int64_t k, struct engine_row *row, void *states, struct err *err)
{
	int result;

	if (w->opts->list->carried_bytes && !w->opts->window.is_all)
		settle(w, row, states);
	row->states = states;
	if (w->opts->emit != ENGINE_FINAL) {
		row->has_rev = true;
		row->rev = told_next(&w->early.told, k, row->key, row->is_final);
	}
	result = w->opts->row(w->opts->context, row, err);
	row->is_first_of_window = false;
	w->counts->rows++;
	return result;
}

int panes_emit_table(struct panes *w, int64_t k, struct group_table *t, bool is_final, struct err *err)
{
	struct engine_row row = panes_row(w, k, is_final);
	struct group_entry **order;
	int result = 0;

	fill_window(&w->fill, k, t);
	order = mem_resize(NULL, t->n, sizeof *order);
	group_table_sort(t, order);
	for (uint32_t i = 0; i < t->n && result == 0; i++) {
		if (i + AHEAD < t->n)
			group_entry_prefetch(t, order[i + AHEAD]);
		row.key = group_entry_key(t, order[i]);
		row.is_last_of_window = i + 1 == t->n;
		result = panes_emit(w, k, &row, order[i]->state, err);
	}
	free(order);
	return result;
}

/* The panes that are there and begin before the end of window k are its panes. */
static int emit_rolled(struct panes *w, int64_t k, bool is_final, struct err *err)
{
	struct engine_row row = panes_row(w, k, is_final);
	const struct roll_row *rows;
	size_t n_rows;
	int result = 0;

	n_rows = roll_rows(w->roll, &rows);
	if (w->fill.is_on)
		rows = fill_rows(&w->fill, k, w->opts->list, rows, &n_rows);
	for (size_t i = 0; i < n_rows && result == 0; i++) {
		row.key = rows[i].key;
		row.is_last_of_window = i + 1 == n_rows;
		result = panes_emit(w, k, &row, rows[i].states, err);
	}
	roll_release_rows(w->roll);
	fill_release_rows(&w->fill, w->opts->list);
	return result;
}

/* A window without records, which is filled. */
static int emit_empty(struct panes *w, int64_t k, bool is_final, struct err *err)
{
	struct group_table t;
	int result;

	group_table_init(&t, w->opts->list->state_bytes);
	result = panes_emit_table(w, k, &t, is_final, err);
	panes_release_groups(w, &t);
	return result;
}

int panes_emit_window(struct panes *w, int64_t k, bool is_final, struct err *err)
{
	int result;

	for (; w->n_ready < w->n_panes && w->panes[w->n_ready]->at.first <= k; w->n_ready++) {
		struct pane *p = w->panes[w->n_ready];

		w->n_unreported += p->n_records;
		p->is_ready = true;
		if (w->roll)
			roll_take(w->roll, p);
	}
	if (is_final) {
		w->counts->kept += w->n_unreported;
		w->n_unreported = 0;
	}
	w->part = w->n_ready && w->panes[0]->n_parts ? w->panes[0]->n_parts + 1 : 0;
	if (w->roll)
		result = emit_rolled(w, k, is_final, err);
	else if (w->n_ready)
		result = panes_emit_table(w, k, &w->panes[0]->groups, is_final, err);
	else
		result = emit_empty(w, k, is_final, err);
	w->counts->unfilled = w->fill.n_left_out;
	return result;
}

void panes_uncount(struct panes *w, struct pane *p)
{
	w->counts->groups -= p->n_groups;
	w->counts->bytes -= p->bytes;
	p->n_groups = p->bytes = 0;
}

int panes_emit_part(struct panes *w, struct err *err)
{
	struct pane *p;
	size_t i = 0;

	while (!w->panes[i]->n_groups)
		i++;
	p = w->panes[i];
	w->part = ++p->n_parts;
	w->counts->kept += p->n_records;
	p->n_records = p->digest = 0;
	if (panes_emit_table(w, p->at.first, &p->groups, true, err))
		return -1;
	panes_uncount(w, p);
	keep_drop_table(&w->keep, PANES_KIND, p->at.start_us, &p->groups);
	panes_release_groups(w, &p->groups);
	group_table_init(&p->groups, panes_entry_bytes(w));
	w->first_us = WINDOW_FOREVER;
	w->last_us = WINDOW_NEVER;
	return 0;
}
