#include "engine/waiting.h"

#include <stdbool.h>
#include <stdlib.h>

#include "mem/mem.h"

static bool is_before(const struct waiting_item *x, const struct waiting_item *y)
{
	if (x->place.time_us != y->place.time_us)
		return x->place.time_us < y->place.time_us;
	if (x->place.input != y->place.input)
		return x->place.input < y->place.input;
	return x->place.line < y->place.line;
}

void waiting_add(struct waiting *w, const struct agg_place *place, void *thing)
{
	struct waiting_item new = {*place, thing};
	size_t at = w->n++, parent;

	if (w->n > w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->items = mem_resize(w->items, w->cap, sizeof *w->items);
	}
	for (; at && is_before(&new, &w->items[parent = (at - 1) / 2]); at = parent)
		w->items[at] = w->items[parent];
	w->items[at] = new;
}

void waiting_pop(struct waiting *w)
{
	struct waiting_item moved = w->items[--w->n];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < w->n) {
		if (child + 1 < w->n && is_before(&w->items[child + 1], &w->items[child]))
			child++;
		if (!is_before(&w->items[child], &moved))
			break;
		w->items[at] = w->items[child];
		at = child;
	}
	w->items[at] = moved;
}

void waiting_release(struct waiting *w)
{
	free(w->items);
	*w = (struct waiting){0};
}
