#include "engine/sessions.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/early.h"
#include "engine/owners.h"
#include "engine/waiting.h"
#include "group/group.h"
#include "mem/mem.h"

/*
 * A hash table leads from a key to its owner, who holds the open sessions of the key by time: they are disjoint, so a
 * record finds its neighbours by one binary search. A heap over all sessions says which closes next. A session that
 * grows leaves its entry in the heap as it is: the entry is then a lower bound, and is put right when it comes to the
 * top. So a record in order costs no work there.
 */
struct session {
	struct owner *owner; /* NULL: merged into another, only the heap knows it */
	int64_t first_us, last_us;
	uint64_t n_records;
	uint32_t n_due;               /* entries of heaps that point here */
	uint32_t rev;                 /* rows so far */
	bool is_changed, is_ripening; /* since the last row; the heap of sessions to complete knows it */
	struct engine_bounds *told;   /* rows that were told and are not void yet */
	size_t n_told;
	uint64_t charged; /* see windows_charge() */
	uint64_t states[];
};

struct owner {
	struct owners_head head;
	struct session **open; /* by time */
	size_t n, cap;
};

struct due {
	int64_t last_us; /* the session ends here or later */
	struct session *session;
};

struct sessions {
	struct engine_windows windows;
	const struct engine_opts *opts;
	int64_t gap_us, keep_us;    /* keep: gap + grace */
	struct window_spec borders; /* of session_max */
	struct window_pane between; /* the borders around the last record */
	struct owners owners;
	struct due *heap;
	size_t n_heap, cap_heap;
	struct waiting ripening;  /* with --emit update: by the time behind which they may be complete */
	int64_t next_border_us;   /* with --emit every */
	struct session **closing; /* or told early */
	size_t n_closing, cap_closing;
	bool is_full;                  /* find_place() found no room */
	const struct session *leaving; /* whose row goes out */
	struct engine_late *late;
	struct engine_counts *counts;
};

static struct window_pane find_borders(const struct sessions *s, int64_t us)
{
	return s->opts->window.session_max_us ? window_pane_at(&s->borders, us)
					      : (struct window_pane){WINDOW_NEVER, WINDOW_FOREVER, 0, 0};
}

/* A heap points to it no more: it goes with the last one. */
static void let_go(struct sessions *s, struct session *x)
{
	if (--x->n_due)
		return;
	if (x->owner)
		agg_states_release(s->opts->list, x->states);
	free(x->told);
	free(x);
}

/* ---- the heap ---- */

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

static void push(struct sessions *s, struct session *x)
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
static bool is_closed(const struct sessions *s, int64_t last_us, int64_t watermark_us)
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

static int emit(struct sessions *s, struct session *x, bool is_final, struct err *err)
{
	int result;
	struct window_pane borders = find_borders(s, x->first_us);
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

static void uncount(struct sessions *s, struct session *x)
{
	s->counts->groups--;
	s->counts->bytes -= x->charged;
}

/* Sessions of one owner close in the order of time: it is the first. */
static void drop_session(struct sessions *s, struct session *x)
{
	struct owner *o = x->owner;

	assert(o->open[0] == x);
	uncount(s, x);
	agg_states_release(s->opts->list, x->states);
	x->owner = NULL;
	let_go(s, x);
	if (--o->n) {
		memmove(o->open, o->open + 1, o->n * sizeof *o->open);
	} else {
		free(o->open);
		owners_drop(&s->owners, o);
	}
}

static void note_closing(struct sessions *s, struct session *x)
{
	if (s->n_closing == s->cap_closing) {
		s->cap_closing = s->cap_closing ? 2 * s->cap_closing : 16;
		s->closing = mem_resize(s->closing, s->cap_closing, sizeof *s->closing);
	}
	s->closing[s->n_closing++] = x;
}

static void sort_closing(struct sessions *s)
{
	if (s->n_closing > 1)
		qsort(s->closing, s->n_closing, sizeof *s->closing, compare_sessions);
}

static int close_sessions(struct sessions *s, int64_t watermark_us, bool is_final, struct err *err)
{
	int result = 0;

	s->n_closing = 0;
	while (s->n_heap && is_closed(s, s->heap[0].last_us, watermark_us)) {
		struct session *x = s->heap[0].session;

		if (x->owner && x->last_us > s->heap[0].last_us) {
			s->heap[0].last_us = x->last_us;
			sift_down(s);
			continue;
		}
		pop(s);
		if (x->owner)
			note_closing(s, x);
		else
			let_go(s, x);
	}
	sort_closing(s);
	for (size_t i = 0; i < s->n_closing; i++) {
		s->leaving = s->closing[i];
		if (result == 0)
			result = emit(s, s->closing[i], is_final, err);
		s->leaving = NULL;
		drop_session(s, s->closing[i]);
	}
	return result;
}

/* ---- rows before the final one ---- */

static int emit_early(struct sessions *s, struct err *err)
{
	int result = 0;

	sort_closing(s);
	for (size_t i = 0; i < s->n_closing && result == 0; i++)
		result = emit(s, s->closing[i], false, err);
	return result;
}

/* W == last + gap: a record could still go on with it. */
static bool is_complete(const struct sessions *s, int64_t last_us, int64_t watermark_us)
{
	return watermark_us > window_add_us(last_us, s->gap_us);
}

static void ripen(struct sessions *s, struct session *x)
{
	waiting_add(&s->ripening, &(struct agg_place){.time_us = x->last_us}, x);
	x->is_ripening = true;
	x->n_due++;
}

/* Those that W completes. An entry is a lower bound, as in the other heap. */
static int tell_complete(struct sessions *s, int64_t watermark_us, struct err *err)
{
	struct waiting *w = &s->ripening;

	s->n_closing = 0;
	while (w->n && is_complete(s, w->items[0].place.time_us, watermark_us)) {
		struct session *x = w->items[0].thing;
		bool is_behind = x->owner && x->last_us > w->items[0].place.time_us;

		waiting_pop(w);
		x->is_ripening = false;
		if (is_behind)
			ripen(s, x);
		else if (x->owner)
			note_closing(s, x);
		let_go(s, x);
	}
	return emit_early(s, err);
}

/* Those that have changed since the last border. */
static int tell_changed(struct sessions *s, struct err *err)
{
	s->n_closing = 0;
	for (struct owner *o = owners_next(&s->owners, NULL); o; o = owners_next(&s->owners, o)) {
		for (size_t k = 0; k < o->n; k++) {
			if (o->open[k]->is_changed)
				note_closing(s, o->open[k]);
		}
	}
	return emit_early(s, err);
}

static int tell_early(struct sessions *s, int64_t watermark_us, struct err *err)
{
	if (s->opts->emit == ENGINE_FINAL || watermark_us == WINDOW_NEVER || watermark_us == WINDOW_FOREVER)
		return 0;
	if (s->opts->emit == ENGINE_UPDATE)
		return tell_complete(s, watermark_us, err);
	if (watermark_us < s->next_border_us)
		return 0;
	s->next_border_us = early_next_border(watermark_us, s->opts->emit_every_us);
	return tell_changed(s, err);
}

/* A session has taken something. */
static int note_taken(struct sessions *s, struct session *x, int64_t watermark_us, struct err *err)
{
	s->counts->taken++;
	x->is_changed = true;
	if (s->opts->emit != ENGINE_UPDATE)
		return 0;
	if (is_complete(s, x->last_us, watermark_us))
		return emit(s, x, false, err);
	if (!x->is_ripening)
		ripen(s, x);
	return 0;
}

/* Values hold up to the last of their session, whatever is known. */
static int advance(
	struct engine_windows *windows, int64_t watermark_us, int64_t known_us, bool is_final, struct err *err)
{
	struct sessions *s = (struct sessions *)windows;

	(void)known_us;
	return close_sessions(s, watermark_us, is_final, err) ? -1 : tell_early(s, watermark_us, err);
}

/* ---- records in ---- */

static enum engine_fate refuse(struct sessions *s, int64_t first_us, int64_t last_us, int64_t late_us)
{
	*s->late = (struct engine_late){.start_us = first_us, .end_us = last_us, .windows = 1, .late_us = late_us};
	s->counts->late++;
	if (s->late->late_us > s->counts->late_max_us)
		s->counts->late_max_us = s->late->late_us;
	return ENGINE_LATE;
}

static struct session *insert_session(struct sessions *s, struct owner *o, size_t at, int64_t us)
{
	struct session *x = mem_alloc(1, sizeof *x + s->opts->list->state_bytes);

	*x = (struct session){.owner = o, .first_us = us, .last_us = us};
	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 1;
		o->open = mem_resize(o->open, o->cap, sizeof(struct session *));
	}
	memmove(o->open + at + 1, o->open + at, (o->n - at) * sizeof(struct session *));
	o->open[at] = x;
	o->n++;
	push(s, x);
	s->counts->groups++;
	return x;
}

/* The rows of a session that is merged into another. */
static void take_told(struct session *into, const struct session *x)
{
	into->rev = x->rev > into->rev ? x->rev : into->rev;
	if (!x->n_told)
		return;
	into->told = mem_resize(into->told, into->n_told + x->n_told, sizeof *into->told);
	memcpy(into->told + into->n_told, x->told, x->n_told * sizeof *x->told);
	into->n_told += x->n_told;
}

/* Sessions first + 1 .. end - 1 of an owner go into the first. */
static void merge_sessions(struct sessions *s, struct owner *o, size_t first, size_t end)
{
	struct session *into = o->open[first];

	for (size_t i = first + 1; i < end; i++) {
		struct session *x = o->open[i];

		agg_states_merge(s->opts->list, into->states, x->states);
		uncount(s, x);
		agg_states_release(s->opts->list, x->states);
		into->last_us = x->last_us;
		into->n_records += x->n_records;
		take_told(into, x);
		x->owner = NULL; /* it goes when the heap comes to it */
	}
	memmove(o->open + first + 1, o->open + end, (o->n - end) * sizeof(struct session *));
	o->n -= end - first - 1;
}

/* The first session that ends at or behind from_us. */
static size_t find_session(const struct owner *o, int64_t from_us)
{
	size_t low = 0, high = o->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (o->open[middle]->last_us < from_us)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The open session that takes what lies between two times, made or merged if need be; NULL when there is none and it is
 * late, or full. */
static struct session *find_place(
	struct sessions *s, struct slice key, uint64_t hash, int64_t first_us, int64_t last_us, int64_t watermark_us)
{
	int64_t from_us = window_add_us(first_us, -s->gap_us), to_us = window_add_us(last_us, s->gap_us);
	struct owner *o = owners_find(&s->owners, key, hash);
	struct session *x;
	size_t first = 0, end;

	/* no session spans a border, so those that are reached within the borders are whole */
	s->is_full = false;
	from_us = from_us < s->between.start_us ? s->between.start_us : from_us;
	to_us = to_us >= s->between.end_us ? s->between.end_us - 1 : to_us;
	first = o ? find_session(o, from_us) : 0;
	for (end = first; o && end < o->n && o->open[end]->first_us <= to_us; end++)
		;
	if (windows_are_full(s->opts, s->counts) && (end == first || windows_cannot_grow(s->opts, s->counts))) {
		s->is_full = end > first || !is_closed(s, last_us, watermark_us);
		return NULL;
	}
	if (end > first) {
		merge_sessions(s, o, first, end);
		x = o->open[first];
	} else {
		if (is_closed(s, last_us, watermark_us))
			return NULL;
		x = insert_session(s, o ? o : owners_add(&s->owners, key, hash), first, last_us);
	}
	x->first_us = first_us < x->first_us ? first_us : x->first_us;
	x->last_us = last_us > x->last_us ? last_us : x->last_us;
	x->n_records++;
	return x;
}

static void charge(struct sessions *s, struct session *x)
{
	const struct owner *o = x->owner;

	windows_charge(s->opts, s->counts, &x->charged,
		sizeof *x + s->opts->list->state_bytes + sizeof(struct due) + sizeof *o + o->head.key.len, x->states);
}

static void go_between(struct sessions *s, int64_t us)
{
	if (us < s->between.start_us || us >= s->between.end_us)
		s->between = find_borders(s, us);
}

static enum engine_fate add(
	struct engine_windows *windows, const struct engine_record *record, int64_t watermark_us, struct err *err)
{
	struct sessions *s = (struct sessions *)windows;
	int64_t us = record->place.time_us;
	struct session *x;

	if (advance(windows, watermark_us, WINDOW_FOREVER, true, err))
		return ENGINE_ERROR;
	go_between(s, us);
	x = find_place(s, record->key, record->hash, us, us, watermark_us);
	if (!x && s->is_full)
		return ENGINE_FULL;
	if (!x)
		return refuse(s, us, us, watermark_us - window_add_us(us, s->keep_us));
	agg_states_add(s->opts->list, x->states, record->values, &record->place);
	charge(s, x);
	return note_taken(s, x, watermark_us, err) ? ENGINE_ERROR : ENGINE_TAKEN;
}

/* Up to this W every session that a part could touch is open: such a session ends the gap before it at the earliest,
 * but within the borders. */
static int64_t latest_watermark(const struct sessions *s, const struct engine_part *part)
{
	int64_t least_us = window_add_us(part->start_us, -s->gap_us);

	return window_add_us(least_us > s->between.start_us ? least_us : s->between.start_us, s->keep_us);
}

static enum engine_fate merge(
	struct engine_windows *windows, const struct engine_part *part, int64_t watermark_us, struct err *err)
{
	struct sessions *s = (struct sessions *)windows;
	struct session *x;
	int64_t latest_us;

	if (advance(windows, watermark_us, WINDOW_FOREVER, true, err))
		return ENGINE_ERROR;
	go_between(s, part->start_us);
	if (part->end_us >= s->between.end_us)
		return ENGINE_MISFIT;
	latest_us = latest_watermark(s, part);
	if (watermark_us > latest_us)
		return refuse(s, part->start_us, part->end_us, watermark_us - latest_us);
	x = find_place(s, part->key, group_hash(part->key), part->start_us, part->end_us, watermark_us);
	assert(x || s->is_full);
	if (!x)
		return ENGINE_FULL;
	agg_states_merge(s->opts->list, x->states, part->states);
	charge(s, x);
	return note_taken(s, x, watermark_us, err) ? ENGINE_ERROR : ENGINE_TAKEN;
}

static int64_t oldest_start(const struct engine_windows *windows)
{
	const struct sessions *s = (const struct sessions *)windows;
	int64_t oldest_us = WINDOW_FOREVER;

	for (const struct owner *o = owners_next(&s->owners, NULL); o; o = owners_next(&s->owners, o)) {
		size_t first = o->open[0] == s->leaving;

		if (first < o->n && o->open[first]->first_us < oldest_us)
			oldest_us = o->open[first]->first_us;
	}
	return oldest_us;
}

/* The sum, over records in sessions, of a hash of session and group. */
static uint64_t digest(const struct engine_windows *windows)
{
	const struct sessions *s = (const struct sessions *)windows;
	uint64_t sum = 0;

	for (const struct owner *o = owners_next(&s->owners, NULL); o; o = owners_next(&s->owners, o)) {
		for (size_t k = 0; k < o->n; k++) {
			const struct session *x = o->open[k];

			sum += windows_mix((uint64_t)x->first_us * 3 + (uint64_t)x->last_us) * o->head.hash *
			       x->n_records;
		}
	}
	return sum;
}

static void memory(const struct engine_windows *windows, size_t *bytes, size_t *groups)
{
	const struct sessions *s = (const struct sessions *)windows;

	*groups = s->n_heap;
	*bytes = s->n_heap * (sizeof(struct session) + s->opts->list->state_bytes + sizeof(struct due)) +
		 owners_bytes(&s->owners);
}

static void release_sessions(struct engine_windows *windows)
{
	struct sessions *s = (struct sessions *)windows;

	for (size_t i = 0; i < s->n_heap; i++)
		let_go(s, s->heap[i].session);
	for (size_t i = 0; i < s->ripening.n; i++)
		let_go(s, s->ripening.items[i].thing);
	waiting_release(&s->ripening);
	for (struct owner *o = owners_next(&s->owners, NULL); o; o = owners_next(&s->owners, o))
		free(o->open);
	owners_release(&s->owners);
	free(s->heap);
	free(s->closing);
	free(s);
}

static const struct engine_windows_ops ops = {.add = add,
	.merge = merge,
	.advance = advance,
	.oldest_start = oldest_start,
	.digest = digest,
	.memory = memory,
	.close = release_sessions};

struct engine_windows *sessions_open(
	const struct engine_opts *opts, struct engine_late *late, struct engine_counts *counts)
{
	struct sessions *s = mem_alloc(1, sizeof *s);

	s->windows.ops = &ops;
	s->next_border_us = WINDOW_NEVER;
	s->opts = opts;
	s->gap_us = opts->window.session_us;
	s->keep_us = window_add_us(s->gap_us, opts->grace_us);
	s->borders = (struct window_spec){
		.calendar = WINDOW_MULTIPLE, .size_us = opts->window.session_max_us, .zone = opts->window.zone};
	owners_init(&s->owners, sizeof(struct owner));
	s->late = late;
	s->counts = counts;
	return &s->windows;
}
