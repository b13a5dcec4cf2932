#include "engine/told.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

/* Where window k is or belongs: new ones come at the end. */
static size_t find(const struct told *t, int64_t k)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->windows[middle].k < k)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert(struct told *t, size_t at, int64_t k)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 8;
		t->windows = mem_resize(t->windows, t->cap, sizeof *t->windows);
	}
	memmove(t->windows + at + 1, t->windows + at, (t->n - at) * sizeof *t->windows);
	t->n++;
	t->windows[at].k = k;
	group_table_init(&t->windows[at].rows, sizeof(uint64_t));
}

uint32_t told_next(struct told *t, int64_t k, struct slice key, bool is_last)
{
	size_t at = find(t, k);
	uint64_t hash = group_hash(key);
	struct group_entry *entry;
	bool is_new;

	if (is_last) {
		entry = at < t->n && t->windows[at].k == k ? group_table_find(&t->windows[at].rows, key, hash) : NULL;
		return entry ? (uint32_t)entry->state[0] : 0;
	}
	if (at == t->n || t->windows[at].k != k)
		insert(t, at, k);
	entry = group_table_get(&t->windows[at].rows, key, hash, &is_new);
	return (uint32_t)entry->state[0]++;
}

void told_drop(struct told *t, int64_t k)
{
	size_t n = 0;

	while (n < t->n && t->windows[n].k <= k)
		group_table_release(&t->windows[n++].rows);
	t->n -= n;
	if (n && t->n)
		memmove(t->windows, t->windows + n, t->n * sizeof *t->windows);
}

size_t told_bytes(const struct told *t)
{
	size_t bytes = t->n * sizeof *t->windows;

	for (size_t i = 0; i < t->n; i++)
		bytes += (t->windows[i].rows.n_slots + t->windows[i].rows.n_words) * sizeof(uint64_t);
	return bytes;
}

void told_release(struct told *t)
{
	told_drop(t, INT64_MAX);
	free(t->windows);
	*t = (struct told){0};
}
