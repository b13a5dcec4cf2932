#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sessions_impl.h"
#include "mem/mem.h"

/*
 * A heap over all sessions says which closes next. A session that grows leaves its entry in the heap as it is: the
 * entry is then a lower bound, and is put right when it comes to the top. So a record in order costs no work there.
 */
void sessions_let_go(struct sessions *s, struct session *x)
{
	if (--x->n_due)
		return;
	if (x->owner)
		agg_states_release(s->opts->list, x->states);
	free(x->told);
	free(x);
}

static void sift_up(struct sessions *s, size_t at)
{
	struct due moved = s->heap[at];

	for (; at && s->heap[(at - 1) / 2].last_us > moved.last_us; at = (at - 1) / 2)
		s->heap[at] = s->heap[(at - 1) / 2];
	s->heap[at] = moved;
}

static void sift_down(struct sessions *s)
{
	struct due moved = s->heap[0];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < s->n_heap) {
		if (child + 1 < s->n_heap && s->heap[child + 1].last_us < s->heap[child].last_us)
			child++;
		if (s->heap[child].last_us >= moved.last_us)
			break;
		s->heap[at] = s->heap[child];
		at = child;
	}
	s->heap[at] = moved;
}

void sessions_push(struct sessions *s, struct session *x)
{
	if (s->n_heap == s->cap_heap) {
		s->cap_heap = s->cap_heap ? 2 * s->cap_heap : 16;
		s->heap = mem_resize(s->heap, s->cap_heap, sizeof *s->heap);
	}
	x->n_due++;
	s->heap[s->n_heap] = (struct due){x->last_us, x};
	sift_up(s, s->n_heap++);
}

static void pop(struct sessions *s)
{
	s->heap[0] = s->heap[--s->n_heap];
	if (s->n_heap)
		sift_down(s);
}

/* ---- rows out ---- */

/* W == last + gap + grace still belongs to it. */
bool sessions_are_closed(const struct sessions *s, int64_t last_us, int64_t watermark_us)
{
	return watermark_us == WINDOW_FOREVER || watermark_us > window_add_us(last_us, s->keep_us);
}

static int compare_sessions(const void *a, const void *b)
{
	const struct session *x = *(struct session *const *)a, *y = *(struct session *const *)b;

	if (x->last_us != y->last_us)
		return x->last_us < y->last_us ? -1 : 1;
	if (x->first_us != y->first_us)
		return x->first_us < y->first_us ? -1 : 1;
	return slice_cmp(x->owner->head.key, y->owner->head.key);
}

/* What was told with other bounds than it has now, first in the list: how many. */
static size_t void_others(struct session *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n_told; i++) {
		if (x->told[i].start_us != x->first_us || x->told[i].end_us != x->last_us)
			x->told[n++] = x->told[i];
	}
	return n;
}

int sessions_emit(struct sessions *s, struct session *x, bool is_final, struct err *err)
{
	int result;
	struct window_pane borders = sessions_borders(s, x->first_us);
	struct engine_row row = {.has_bounds = true,
		.start_us = x->first_us,
		.end_us = x->last_us,
		.key = x->owner->head.key,
		.states = x->states,
		.closes_us = window_add_us(window_add_us(x->last_us, s->keep_us), 1),
		.is_final = is_final,
		.known_us = WINDOW_FOREVER,
		.is_first_of_window = true,
		.is_last_of_window = true};

	if (s->opts->window.session_max_us)
		row.is_cut = window_add_us(x->last_us, s->gap_us) >= borders.end_us ||
			     window_add_us(x->first_us, -s->gap_us) < borders.start_us;
	s->counts->rows++;
	if (is_final)
		s->counts->kept += x->n_records;
	if (s->opts->emit == ENGINE_FINAL)
		return s->opts->row(s->opts->context, &row, err);
	x->owner->is_touched = true;
	row.has_rev = true;
	row.rev = x->rev++;
	row.replaces = x->told;
	row.n_replaces = void_others(x);
	result = s->opts->row(s->opts->context, &row, err);
	x->told = mem_resize(x->told, 1, sizeof *x->told);
	x->told[0] = (struct engine_bounds){x->first_us, x->last_us};
	x->n_told = 1;
	x->is_changed = false;
	return result;
}

void sessions_uncount(struct sessions *s, const struct session *x)
{
	s->counts->groups--;
	s->counts->bytes -= x->charged;
}

/* Sessions of one owner close in the order of time: it is the first. */
static void drop_session(struct sessions *s, struct session *x)
{
	struct owner *o = x->owner;

	assert(o->open[0] == x);
	sessions_uncount(s, x);
	agg_states_release(s->opts->list, x->states);
	x->owner = NULL;
	sessions_let_go(s, x);
	if (--o->n) {
		o->is_touched = true;
		memmove(o->open, o->open + 1, o->n * sizeof *o->open);
	} else {
		if (s->keep.is_on && o->is_there)
			keep_drop(&s->keep, SESSIONS_KIND, 0, o->head.key);
		free(o->open);
		owners_drop(&s->owners, o);
	}
}

void sessions_set_aside(struct sessions *s, struct session *x)
{
	if (s->n_closing == s->cap_closing) {
		s->cap_closing = s->cap_closing ? 2 * s->cap_closing : 16;
		s->closing = mem_resize(s->closing, s->cap_closing, sizeof *s->closing);
	}
	s->closing[s->n_closing++] = x;
}

void sessions_sort_aside(struct sessions *s)
{
	if (s->n_closing > 1)
		qsort(s->closing, s->n_closing, sizeof *s->closing, compare_sessions);
}

int sessions_close(struct sessions *s, int64_t watermark_us, bool is_final, struct err *err)
{
	int result = 0;

	s->n_closing = 0;
	while (s->n_heap && sessions_are_closed(s, s->heap[0].last_us, watermark_us)) {
		struct session *x = s->heap[0].session;

		if (x->owner && x->last_us > s->heap[0].last_us) {
			s->heap[0].last_us = x->last_us;
			sift_down(s);
			continue;
		}
		pop(s);
		if (x->owner)
			sessions_set_aside(s, x);
		else
			sessions_let_go(s, x);
	}
	sessions_sort_aside(s);
	for (size_t i = 0; i < s->n_closing; i++) {
		s->leaving = s->closing[i];
		if (result == 0)
			result = sessions_emit(s, s->closing[i], is_final, err);
		s->leaving = NULL;
		drop_session(s, s->closing[i]);
	}
	return result;
}
