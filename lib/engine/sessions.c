#include "engine/sessions.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sessions_impl.h"
#include "group/group.h"
#include "mem/mem.h"

/*
 * A hash table leads from a key to its owner, who holds the open sessions of the key by time: they are disjoint, so a
 * record finds its neighbours by one binary search.
 */

/* Values hold up to the last of their session, whatever is known. */
static int advance(
	struct engine_windows *windows, int64_t watermark_us, int64_t known_us, bool is_final, struct err *err)
{
	struct sessions *s = (struct sessions *)windows;

	(void)known_us;
	return sessions_close(s, watermark_us, is_final, err) ? -1 : sessions_tell(s, watermark_us, err);
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

struct session *sessions_insert(struct sessions *s, struct owner *o, size_t at, int64_t us)
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
	sessions_push(s, x);
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
		sessions_uncount(s, x);
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
		s->is_full = end > first || !sessions_are_closed(s, last_us, watermark_us);
		return NULL;
	}
	if (end > first) {
		merge_sessions(s, o, first, end);
		x = o->open[first];
	} else {
		if (sessions_are_closed(s, last_us, watermark_us))
			return NULL;
		x = sessions_insert(s, o ? o : owners_add(&s->owners, key, hash), first, last_us);
	}
	x->first_us = first_us < x->first_us ? first_us : x->first_us;
	x->last_us = last_us > x->last_us ? last_us : x->last_us;
	x->n_records++;
	x->owner->is_touched = true;
	return x;
}

void sessions_charge(struct sessions *s, struct session *x)
{
	const struct owner *o = x->owner;

	windows_charge(s->opts, s->counts, &x->charged,
		sizeof *x + s->opts->list->state_bytes + sizeof(struct due) + sizeof *o + o->head.key.len, x->states);
}

static void go_between(struct sessions *s, int64_t us)
{
	if (us < s->between.start_us || us >= s->between.end_us)
		s->between = sessions_borders(s, us);
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
	sessions_charge(s, x);
	return sessions_note_taken(s, x, watermark_us, err) ? ENGINE_ERROR : ENGINE_TAKEN;
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
	sessions_charge(s, x);
	return sessions_note_taken(s, x, watermark_us, err) ? ENGINE_ERROR : ENGINE_TAKEN;
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
		sessions_let_go(s, s->heap[i].session);
	for (size_t i = 0; i < s->ripening.n; i++)
		sessions_let_go(s, s->ripening.items[i].thing);
	waiting_release(&s->ripening);
	for (struct owner *o = owners_next(&s->owners, NULL); o; o = owners_next(&s->owners, o))
		free(o->open);
	owners_release(&s->owners);
	keep_release(&s->keep);
	free(s->heap);
	free(s->closing);
	free(s);
}

static const struct engine_windows_ops ops = {.add = add,
	.merge = merge,
	.advance = advance,
	.oldest_start = oldest_start,
	.digest = digest,
	.save = sessions_save,
	.load = sessions_load,
	.loaded = sessions_loaded,
	.memory = memory,
	.close = release_sessions};

struct engine_windows *sessions_open(
	const struct engine_opts *opts, struct engine_late *late, struct engine_counts *counts)
{
	struct sessions *s = mem_alloc_apart(1, sizeof *s);

	s->windows.ops = &ops;
	s->next_border_us = WINDOW_NEVER;
	s->opts = opts;
	s->keep.is_on = opts->is_kept;
	s->gap_us = opts->window.session_us;
	s->keep_us = window_add_us(s->gap_us, opts->grace_us);
	s->borders = (struct window_spec){
		.calendar = WINDOW_MULTIPLE, .size_us = opts->window.session_max_us, .zone = opts->window.zone};
	owners_init(&s->owners, sizeof(struct owner));
	s->late = late;
	s->counts = counts;
	return &s->windows;
}
