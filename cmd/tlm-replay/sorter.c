/*
 * Telemetry is nearly in order, so what is held stands in two places: a ring of records that came in order, and a
 * binary heap of those that did not; the next to leave is the older of the two fronts. In order nothing is ever
 * compared but neighbours. A slot owns the copy of its record (the input's own bytes go away with its next batch) and
 * is used again.
 */
#include "sorter.h"

#include <stdlib.h>

#include "mem/mem.h"

struct slot {
	struct record record;
	struct buf bytes;
	struct slot *next_free;
};

struct sorter {
	struct reader *in;
	int64_t window_us;
	struct slot **ring; /* n_ring of them from ring_at on; ring_cap is a power of two */
	size_t ring_at, n_ring, ring_cap;
	struct slot **heap; /* heap[0] is the first */
	size_t n_heap, heap_cap;
	struct slot *free, *left; /* left: handed out by the last call */
	int64_t newest_us;        /* the largest time read */
	int64_t left_us;          /* the largest time that has left */
	bool has_any, has_left, has_ended;
};

struct sorter *sorter_open(struct reader *in, int64_t window_us)
{
	struct sorter *s = mem_alloc(1, sizeof *s);

	s->in = in;
	s->window_us = window_us;
	return s;
}

static void give_back(struct sorter *s, struct slot *slot)
{
	slot->next_free = s->free;
	s->free = slot;
}

static struct slot *take_slot(struct sorter *s, const struct record *r)
{
	struct slot *slot = s->free;

	if (slot)
		s->free = slot->next_free;
	else
		slot = mem_alloc(1, sizeof *slot);
	buf_reset(&slot->bytes);
	buf_add(&slot->bytes, r->p, r->len);
	slot->record = *r;
	slot->record.p = slot->bytes.p;
	return slot;
}

void sorter_close(struct sorter *s)
{
	if (!s)
		return;
	while (s->n_ring)
		give_back(s, s->ring[(s->ring_at + --s->n_ring) & (s->ring_cap - 1)]);
	while (s->n_heap)
		give_back(s, s->heap[--s->n_heap]);
	if (s->left)
		give_back(s, s->left);
	while (s->free) {
		struct slot *slot = s->free;

		s->free = slot->next_free;
		buf_release(&slot->bytes);
		free(slot);
	}
	free(s->ring);
	free(s->heap);
	free(s);
}

static bool is_before(const struct slot *a, const struct slot *b)
{
	if (a->record.time_us != b->record.time_us)
		return a->record.time_us < b->record.time_us;
	return a->record.line < b->record.line;
}

/* Doubles the ring; what had wrapped around its end is laid behind the rest. */
static void grow_ring(struct sorter *s)
{
	size_t cap = s->ring_cap ? 2 * s->ring_cap : 64;
	struct slot **ring = mem_alloc(cap, sizeof(struct slot *));

	for (size_t i = 0; i < s->n_ring; i++)
		ring[i] = s->ring[(s->ring_at + i) & (s->ring_cap - 1)];
	free(s->ring);
	s->ring = ring;
	s->ring_at = 0;
	s->ring_cap = cap;
}

static void add_to_heap(struct sorter *s, struct slot *slot)
{
	size_t i = s->n_heap++;

	if (i == s->heap_cap) {
		s->heap_cap = s->heap_cap ? 2 * s->heap_cap : 64;
		s->heap = mem_resize(s->heap, s->heap_cap, sizeof(struct slot *));
	}
	for (; i > 0 && is_before(slot, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = slot;
}

static struct slot *take_from_heap(struct sorter *s)
{
	struct slot *first = s->heap[0], *moved = s->heap[--s->n_heap];
	size_t i = 0;

	for (size_t child; (child = 2 * i + 1) < s->n_heap; i = child) {
		child += child + 1 < s->n_heap && is_before(s->heap[child + 1], s->heap[child]);
		if (!is_before(s->heap[child], moved))
			break;
		s->heap[i] = s->heap[child];
	}
	s->heap[i] = moved;
	return first;
}

static void hold(struct sorter *s, const struct record *r)
{
	struct slot *slot = take_slot(s, r);
	size_t mask = s->ring_cap - 1;

	if (s->n_ring && is_before(slot, s->ring[(s->ring_at + s->n_ring - 1) & mask])) {
		add_to_heap(s, slot);
		return;
	}
	if (s->n_ring == s->ring_cap)
		grow_ring(s);
	s->ring[(s->ring_at + s->n_ring++) & (s->ring_cap - 1)] = slot;
}

/* Whether the first one is due to leave; then it is taken. */
static bool take_first(struct sorter *s, struct record *r)
{
	bool is_heap = s->n_heap && (!s->n_ring || is_before(s->heap[0], s->ring[s->ring_at]));
	struct slot *slot = is_heap ? s->heap[0] : s->n_ring ? s->ring[s->ring_at] : NULL;

	if (!slot || (!s->has_ended && slot->record.time_us > s->newest_us - s->window_us))
		return false;
	if (is_heap) {
		take_from_heap(s);
	} else {
		s->ring_at = (s->ring_at + 1) & (s->ring_cap - 1);
		s->n_ring--;
	}
	*r = slot->record;
	s->left = slot;
	s->left_us = r->time_us;
	s->has_left = true;
	return true;
}

void sorter_end(struct sorter *s)
{
	s->has_ended = true;
}

enum reader_result sorter_next(struct sorter *s, struct record *r, struct err *err)
{
	if (s->window_us == 0)
		return s->has_ended ? READ_END : reader_next(s->in, r, err);
	if (s->left)
		give_back(s, s->left);
	s->left = NULL;
	while (!take_first(s, r)) {
		enum reader_result got;

		if (s->has_ended)
			return READ_END;
		got = reader_next(s->in, r, err);
		if (got == READ_END)
			s->has_ended = true;
		else if (got != READ_RECORD)
			return got;
		if (s->has_ended)
			continue;
		if (!s->has_any || r->time_us > s->newest_us)
			s->newest_us = r->time_us;
		s->has_any = true;
		if (s->has_left && r->time_us < s->left_us)
			return READ_RECORD;
		hold(s, r);
	}
	return READ_RECORD;
}
