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

struct group_entry *told_entry(struct told *t, int64_t k, struct slice key)
{
	size_t at = find(t, k);
	bool is_new;

	if (at == t->n || t->windows[at].k != k)
		insert(t, at, k);
	return group_table_get(&t->windows[at].rows, key, group_hash(key), &is_new);
}

uint32_t told_next(struct told *t, int64_t k, struct slice key, bool is_last)
{
	struct group_entry *entry = NULL;
	size_t at;

	if (is_last) {
		at = find(t, k);
		if (at < t->n && t->windows[at].k == k)
			entry = group_table_find(&t->windows[at].rows, key, group_hash(key));
		return entry ? (uint32_t)entry->state[0] : 0;
	}
	entry = told_entry(t, k, key);
	keep_touch(t->keep, entry);
	return (uint32_t)entry->state[0]++;
}

void told_drop(struct told *t, int64_t k)
{
	size_t n = 0;

	for (; n < t->n && t->windows[n].k <= k; n++) {
		keep_drop_table(t->keep, TOLD_KIND, t->windows[n].k, &t->windows[n].rows);
		group_table_release(&t->windows[n].rows);
	}
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
	for (size_t i = 0; i < t->n; i++)
		group_table_release(&t->windows[i].rows);
	free(t->windows);
	*t = (struct told){0};
}
