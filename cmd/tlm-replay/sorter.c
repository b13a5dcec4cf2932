/*
 * A binary heap of pointers to slots; a slot owns the copy of its record and is used again. The input's own buffers go
 * away with its next batch, so what is held must be copied; what passes is not.
 */
#include "sorter.h"

#include <stdlib.h>

#include "mem/mem.h"

struct slot {
	struct record record; /* p is set when it leaves: bytes may move as the slot grows */
	struct buf bytes;
};

struct sorter {
	struct reader *in;
	int64_t window_us;
	struct slot **heap; /* heap[0] is the next to leave; n in use, n_slots allocated, the rest free to use */
	size_t n, n_slots;
	int64_t newest_us; /* the largest time read */
	int64_t left_us;   /* the largest time that has left */
	bool has_any, has_left, has_ended;
};

struct sorter *sorter_open(struct reader *in, int64_t window_us)
{
	struct sorter *s = mem_alloc(1, sizeof *s);

	s->in = in;
	s->window_us = window_us;
	return s;
}

void sorter_close(struct sorter *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_slots; i++) {
		buf_release(&s->heap[i]->bytes);
		free(s->heap[i]);
	}
	free(s->heap);
	free(s);
}

static bool is_before(const struct slot *a, const struct slot *b)
{
	if (a->record.time_us != b->record.time_us)
		return a->record.time_us < b->record.time_us;
	return a->record.line < b->record.line;
}

static void swap(struct sorter *s, size_t i, size_t k)
{
	struct slot *slot = s->heap[i];

	s->heap[i] = s->heap[k];
	s->heap[k] = slot;
}

static void hold(struct sorter *s, const struct record *r)
{
	struct slot *slot;
	size_t i = s->n++;

	if (i == s->n_slots) {
		s->heap = mem_resize(s->heap, ++s->n_slots, sizeof(struct slot *));
		s->heap[i] = mem_alloc(1, sizeof(struct slot));
	}
	slot = s->heap[i];
	slot->record = *r;
	buf_reset(&slot->bytes);
	buf_add(&slot->bytes, r->p, r->len);
	for (; i > 0 && is_before(s->heap[i], s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(s, i, (i - 1) / 2);
}

/* The slot that leaves goes behind the used ones: its bytes stay until the next record is held. */
static void take_first(struct sorter *s, struct record *r)
{
	swap(s, 0, --s->n);
	for (size_t i = 0, child; (child = 2 * i + 1) < s->n; i = child) {
		child += child + 1 < s->n && is_before(s->heap[child + 1], s->heap[child]);
		if (!is_before(s->heap[child], s->heap[i]))
			break;
		swap(s, i, child);
	}
	*r = s->heap[s->n]->record;
	r->p = s->heap[s->n]->bytes.p;
	s->left_us = r->time_us;
	s->has_left = true;
}

enum reader_result sorter_next(struct sorter *s, struct record *r, struct err *err)
{
	if (s->window_us == 0)
		return reader_next(s->in, r, err);
	for (;;) {
		enum reader_result got;

		if (s->n && (s->has_ended || s->heap[0]->record.time_us <= s->newest_us - s->window_us)) {
			take_first(s, r);
			return READ_RECORD;
		}
		if (s->has_ended)
			return READ_END;
		got = reader_next(s->in, r, err);
		if (got == READ_END) {
			s->has_ended = true;
			continue;
		}
		if (got != READ_RECORD)
			return got;
		if (!s->has_any || r->time_us > s->newest_us)
			s->newest_us = r->time_us;
		s->has_any = true;
		if (s->has_left && r->time_us < s->left_us)
			return READ_RECORD;
		hold(s, r);
	}
}
