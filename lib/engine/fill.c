#include "engine/fill.h"

#include <stdlib.h>

#include "mem/mem.h"

void fill_init(struct fill *f, bool is_on)
{
	*f = (struct fill){.is_on = is_on};
	group_table_init(&f->known, 0);
}

void fill_release(struct fill *f)
{
	group_table_release(&f->known);
}

static void add_missing(struct group_table *into, struct group_table *keys)
{
	struct group_entry *entry;
	bool is_new;

	for (size_t offset = 0; (entry = group_table_next(keys, &offset));) {
		struct slice key = group_entry_key(keys, entry);

		group_table_get(into, key, group_hash(key), &is_new);
	}
}

static void note_window(struct fill *f, int64_t k, bool is_silent)
{
	if (f->n_silent == FILL_MAX)
		f->n_left_out += (uint64_t)(k - f->next_k);
	f->n_silent = is_silent ? f->n_silent + 1 : 0;
	f->next_k = k + 1;
}

void fill_window(struct fill *f, int64_t k, struct group_table *groups)
{
	uint32_t n_own = groups->n;

	if (!f->is_on)
		return;
	add_missing(groups, &f->known);
	if (n_own && groups->n > f->known.n)
		add_missing(&f->known, groups);
	note_window(f, k, !n_own);
}

const struct roll_row *fill_rows(
	struct fill *f, int64_t k, const struct agg_list *list, const struct roll_row *rows, size_t *n_rows)
{
	struct group_entry **order;
	uint64_t *empty;
	size_t n_own = 0;
	bool is_new;

	for (size_t i = 0; i < *n_rows; i++)
		group_table_get(&f->known, rows[i].key, group_hash(rows[i].key), &is_new);
	note_window(f, k, !*n_rows);
	order = mem_resize(NULL, f->known.n, sizeof *order);
	group_table_sort(&f->known, order);
	f->n_empty = f->known.n - *n_rows;
	f->empty = empty = mem_alloc(f->n_empty, list->state_bytes);
	f->rows = mem_resize(NULL, f->known.n, sizeof *f->rows);
	for (uint32_t i = 0; i < f->known.n; i++) {
		f->rows[i] = (struct roll_row){group_entry_key(&f->known, order[i]), empty};
		if (n_own < *n_rows && slice_eq(f->rows[i].key, rows[n_own].key))
			f->rows[i].states = rows[n_own++].states;
		else
			empty += list->state_bytes / sizeof *empty;
	}
	free(order);
	*n_rows = f->known.n;
	return f->rows;
}

void fill_release_rows(struct fill *f, const struct agg_list *list)
{
	for (size_t i = 0; i < f->n_empty; i++)
		agg_states_release(list, f->empty + i * list->state_bytes / sizeof *f->empty);
	free(f->empty);
	free(f->rows);
	f->empty = NULL;
	f->rows = NULL;
	f->n_empty = 0;
}
