/*
 * Windows that close. They do so in the order of their ends, which is that of their numbers; a pane goes when its
 * newest window has closed.
 */
#include <stdlib.h>

#include "engine/panes_impl.h"

/* It is in no row any more. */
static void forget_pane(struct panes *w, struct pane *p)
{
	if (w->hot == p)
		w->hot = NULL;
	panes_uncount(w, p);
	if (p->is_ready) {
		w->n_ready--;
		if (w->roll)
			roll_drop(w->roll, p);
	}
}

void panes_free_pane(struct panes *w, struct pane *p)
{
	panes_release_groups(w, &p->groups);
	free(p);
}

/* The next pane mostly has as many groups: its table need not grow. Not one that was made for many more. */
static void spare_table(struct panes *w, struct group_table *t)
{
	enum { SLOTS_PER_GROUP = 16 };

	if (w->spare.n_slots || t->n < t->n_slots / SLOTS_PER_GROUP)
		return;
	panes_release_states(w, t);
	group_table_reset(t);
	w->spare = *t;
	group_table_init(t, t->state_bytes);
}

/* What it carries over stays. */
static void leave(struct panes *w, struct pane *p)
{
	const struct window_spec *spec = &w->opts->window;

	forget_pane(w, p);
	keep_drop_table(&w->keep, PANES_KIND, p->at.start_us, &p->groups);
	if (!spec->is_all)
		carry_take(&w->carry, &p->groups, window_start(spec, p->at.last + 1));
	if (w->is_plain)
		spare_table(w, &p->groups);
	panes_free_pane(w, p);
}

/* Panes whose newest window is k or older go. */
static void drop_panes(struct panes *w, int64_t k)
{
	size_t n = 0;

	while (n < w->n_panes && w->panes[n]->at.last <= k)
		n++;
	if (w->opts->emit != ENGINE_FINAL)
		early_panes_leave(w, n, k);
	for (size_t i = 0; i < n; i++)
		leave(w, w->panes[i]);
	w->n_panes -= n;
	w->panes += n;
}

int64_t panes_next_window(const struct panes *w)
{
	int64_t k, open;

	if (fill_goes_on(&w->fill)) {
		k = w->fill.next_k;
		/* a day that a calendar leaves out is no window */
		while (window_start(&w->opts->window, k) == window_end(&w->opts->window, k))
			k++;
		return k;
	}
	k = w->panes[0]->at.first;
	if (w->closed_us == WINDOW_NEVER)
		return k;
	open = window_first_behind(&w->opts->window, w->closed_us - w->opts->grace_us);
	return k > open ? k : open;
}

/* Closes what ends at or before W. Windows were closed in the order of their ends, so closed_us follows them. */
static int close_windows(struct panes *w, int64_t watermark_us, bool is_final, struct err *err)
{
	/* at the end windows are filled up to the newest one with records */
	while (w->n_panes || (fill_goes_on(&w->fill) && watermark_us != WINDOW_FOREVER)) {
		int64_t k = panes_next_window(w), at = panes_closing_of(w, k);

		if (at > watermark_us || (at == WINDOW_FOREVER && !w->opts->window.is_all)) {
			w->next_close_us = at;
			break;
		}
		if (panes_emit_window(w, k, is_final, err))
			return -1;
		w->closed_us = w->opts->window.is_all ? w->closed_us : at;
		drop_panes(w, k);
	}
	if (!w->n_panes && !fill_goes_on(&w->fill))
		w->next_close_us = WINDOW_FOREVER;
	return 0;
}

/* Where bytes are limited: what is kept besides the groups of panes. */
static void charge_shared(struct panes *w)
{
	uint64_t bytes = 0;

	if (!w->opts->limits.bytes)
		return;
	bytes = carry_memory(&w->carry) + group_table_bytes(&w->fill.known) + told_bytes(&w->early.told);
	if (w->roll)
		bytes += roll_bytes(w->roll) + (w->early.roll ? roll_bytes(w->early.roll) : 0);
	w->counts->bytes += bytes - w->shared_bytes;
	w->shared_bytes = bytes;
}

int panes_step(struct panes *w, int64_t watermark_us, bool is_final, struct err *err)
{
	int result = 0;

	if (watermark_us >= w->next_close_us)
		result = close_windows(w, watermark_us, is_final, err);
	if (result == 0 && watermark_us >= w->early.next_us)
		result = early_step(w, watermark_us, err);
	charge_shared(w);
	return result;
}
