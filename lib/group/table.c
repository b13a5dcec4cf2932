#include "group/group.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "mem/mem.h"

/*
 * Open addressing with linear probing, at most three quarters full. A slot holds 32 bits of the hash beside the offset:
 * its low bits are the home of the slot, so the table grows without reading an entry, and the rest keeps most misses
 * from touching one.
 */
enum { FIRST_SLOTS = 16, FIRST_WORDS = 64 };
enum { RADIX_MIN = 256 }; /* groups from which the radix sort is faster */
enum { FEW_ITEMS = 16, AHEAD = 16 };
enum { ENTRY_HEAD_WORDS = sizeof(struct group_entry) / 8 };

uint64_t group_hash(struct slice key)
{
	return XXH3_64bits(key.p, key.len);
}

void group_table_init(struct group_table *t, uint32_t state_bytes)
{
	*t = (struct group_table){.state_bytes = state_bytes};
}

void group_table_release(struct group_table *t)
{
	free(t->slots);
	free(t->words);
	group_table_init(t, t->state_bytes);
}

void group_table_reset(struct group_table *t)
{
	if (t->n)
		memset(t->slots, 0, t->n_slots * sizeof *t->slots);
	t->n = 0;
	t->n_words = 0;
}

static void grow_slots(struct group_table *t)
{
	uint32_t n = t->n_slots ? t->n_slots * 2 : FIRST_SLOTS;
	uint64_t *slots;

	if (n < t->n_slots)
		mem_fail();
	slots = mem_alloc(n, sizeof *slots);
	for (uint32_t i = 0; i < t->n_slots; i++) {
		uint32_t at = (uint32_t)(t->slots[i] >> 32) & (n - 1);

		if (!t->slots[i])
			continue;
		while (slots[at])
			at = (at + 1) & (n - 1);
		slots[at] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
}

static size_t entry_words(const struct group_table *t, size_t key_bytes)
{
	return ENTRY_HEAD_WORDS + (t->state_bytes + key_bytes + 7) / 8;
}

/* A new entry behind the last; a block that must move grows by half, so memory that was never touched stays unused. */
static struct group_entry *add_entry(struct group_table *t, struct slice key)
{
	size_t need = entry_words(t, key.len);
	struct group_entry *e;

	if (t->cap_words - t->n_words < need) {
		t->cap_words += t->cap_words / 2 + need + FIRST_WORDS;
		t->words = mem_resize(t->words, t->cap_words, sizeof *t->words);
	}
	if (t->n_words + need > UINT32_MAX)
		mem_fail();
	e = (struct group_entry *)(void *)(t->words + t->n_words);
	t->n_words += need;
	e->key_bytes = (uint32_t)key.len;
	e->spare = 0;
	memset(e->state, 0, t->state_bytes);
	if (key.len) /* an empty key may have no bytes to point at */
		memcpy((char *)e->state + t->state_bytes, key.p, key.len);
	return e;
}

static inline bool same_words(const char *a, const char *b)
{
	uint64_t x, y;

	memcpy(&x, a, 8);
	memcpy(&y, b, 8);
	return x == y;
}

/* memcmp() for keys of the usual length: two words or four that may overlap. */
static inline bool same_bytes(const char *a, const char *b, size_t len)
{
	uint64_t x[2], y[2];
	uint32_t v[2], w[2];

	if (len >= 8 && len <= 16) {
		memcpy(&x[0], a, 8);
		memcpy(&x[1], a + len - 8, 8);
		memcpy(&y[0], b, 8);
		memcpy(&y[1], b + len - 8, 8);
		return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
	}
	if (len > 16 && len <= 32)
		return same_words(a, b) && same_words(a + 8, b + 8) && same_words(a + len - 16, b + len - 16) &&
		       same_words(a + len - 8, b + len - 8);
	if (len >= 4 && len < 8) {
		memcpy(&v[0], a, 4);
		memcpy(&v[1], a + len - 4, 4);
		memcpy(&w[0], b, 4);
		memcpy(&w[1], b + len - 4, 4);
		return ((v[0] ^ w[0]) | (v[1] ^ w[1])) == 0;
	}
	return len == 0 || memcmp(a, b, len) == 0;
}

/* The entry of a key, or NULL and the slot where it would be. There is a free slot. */
static inline struct group_entry *probe(const struct group_table *t, struct slice key, uint64_t hash, uint32_t *slot)
{
	uint32_t tag = (uint32_t)hash, at;

	for (at = tag & (t->n_slots - 1); t->slots[at]; at = (at + 1) & (t->n_slots - 1)) {
		struct group_entry *e;

		if ((uint32_t)(t->slots[at] >> 32) != tag)
			continue;
		e = (struct group_entry *)(void *)(t->words + ((uint32_t)t->slots[at] - 1));
		if (e->key_bytes == key.len && same_bytes(group_entry_key(t, e).p, key.p, key.len))
			return e;
	}
	*slot = at;
	return NULL;
}

struct group_entry *group_table_find(const struct group_table *t, struct slice key, uint64_t hash)
{
	uint32_t slot;

	return t->n ? probe(t, key, hash, &slot) : NULL;
}

/* slot: a free one where probe() ended; without one, or where the table grows, it is looked for. */
static __attribute__((noinline)) struct group_entry *insert(
	struct group_table *t, struct slice key, uint64_t hash, uint32_t slot)
{
	struct group_entry *e;

	if (t->n >= t->n_slots / 4 * 3) {
		grow_slots(t);
		probe(t, key, hash, &slot);
	}
	e = add_entry(t, key);
	t->slots[slot] = hash << 32 | (uint64_t)((uint64_t *)(void *)e - t->words + 1);
	t->n++;
	return e;
}

struct group_entry *group_table_get(struct group_table *t, struct slice key, uint64_t hash, bool *is_new)
{
	uint32_t slot = 0;
	struct group_entry *e = t->n_slots ? probe(t, key, hash, &slot) : NULL;

	*is_new = !e;
	return e ? e : insert(t, key, hash, slot);
}

struct group_entry *group_table_next(struct group_table *t, size_t *offset)
{
	struct group_entry *e;

	if (*offset >= t->n_words)
		return NULL;
	e = (struct group_entry *)(void *)(t->words + *offset);
	*offset += entry_words(t, e->key_bytes);
	return e;
}

/* ---- sorting ---- */

struct sort_item {
	uint64_t prefix; /* the 8 bytes behind what all keys share, big-endian */
	struct group_entry *e;
};

struct sort_context {
	const struct group_table *table;
	size_t shared_bytes;
};

static int compare_items(const void *a, const void *b, void *context)
{
	const struct sort_item *x = a, *y = b;
	const struct sort_context *c = context;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	return slice_cmp(group_entry_key(c->table, x->e), group_entry_key(c->table, y->e));
}

static size_t shared_bytes(struct slice a, struct slice b, size_t limit)
{
	size_t n = 0;

	while (n < limit && n < a.len && n < b.len && a.p[n] == b.p[n])
		n++;
	return n;
}

static uint64_t prefix_of(struct slice key, size_t skip)
{
	uint64_t prefix = 0;
	size_t n = key.len - skip < 8 ? key.len - skip : 8;

	memcpy(&prefix, key.p + skip, n);
	return __builtin_bswap64(prefix);
}

/* One pass of a radix sort: stable by one byte of the prefix. Returns false when all have the same. */
static bool sort_by_byte(const struct sort_item *from, struct sort_item *to, size_t n, int shift)
{
	size_t starts[256] = {0}, sum = 0;

	for (size_t i = 0; i < n; i++)
		starts[from[i].prefix >> shift & 255]++;
	if (starts[from[0].prefix >> shift & 255] == n)
		return false;
	for (int b = 0; b < 256; b++) {
		size_t count = starts[b];

		starts[b] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		to[starts[from[i].prefix >> shift & 255]++] = from[i];
	return true;
}

/* The keys of two neighbours will be compared. */
static inline __attribute__((always_inline)) void fetch_equals(
	const struct sort_item *item, const struct sort_context *c)
{
	if (item[-1].prefix != item->prefix)
		return;
	__builtin_prefetch(group_entry_key(c->table, item[-1].e).p);
	__builtin_prefetch(group_entry_key(c->table, item->e).p);
}

/* Items of one prefix are few: each goes to its place among those before it. */
static void sort_run(struct sort_item *items, size_t n, struct sort_context *c)
{
	if (n > FEW_ITEMS) {
		qsort_r(items, n, sizeof *items, compare_items, c);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct sort_item item = items[i];
		size_t at = i;

		for (; at && compare_items(&items[at - 1], &item, c) > 0; at--)
			items[at] = items[at - 1];
		items[at] = item;
	}
}

/* Many items: by their prefixes with a radix sort, then the runs of one prefix by their whole keys. items has room for
 * 2 * n. Returns where the sorted ones are. */
static struct sort_item *sort_many(struct sort_item *items, size_t n, struct sort_context *c)
{
	struct sort_item *from = items, *to = items + n;

	for (int shift = 0; shift < 64; shift += 8) {
		if (sort_by_byte(from, to, n, shift)) {
			struct sort_item *swap = from;

			from = to;
			to = swap;
		}
	}
	for (size_t i = 0, run; i < n; i += run) {
		run = 0;
		do {
			if (i + run + AHEAD < n)
				fetch_equals(from + i + run + AHEAD, c);
			run++;
		} while (i + run < n && from[i + run].prefix == from[i].prefix);
		sort_run(from + i, run, c);
	}
	return from;
}

void group_table_sort(struct group_table *t, struct group_entry **order)
{
	struct sort_context c = {t, SIZE_MAX};
	struct sort_item *items = mem_resize(NULL, t->n, 2 * sizeof *items), *sorted = items;
	struct slice first = {NULL, 0};
	struct group_entry *e;
	size_t n = 0;

	for (size_t offset = 0; (e = group_table_next(t, &offset));) {
		if (!n)
			first = group_entry_key(t, e);
		c.shared_bytes = shared_bytes(first, group_entry_key(t, e), c.shared_bytes);
		items[n++].e = e;
	}
	for (size_t i = 0; i < n; i++)
		items[i].prefix = prefix_of(group_entry_key(t, items[i].e), c.shared_bytes);
	if (n < RADIX_MIN)
		qsort_r(items, n, sizeof *items, compare_items, &c);
	else
		sorted = sort_many(items, n, &c);
	for (size_t i = 0; i < n; i++)
		order[i] = sorted[i].e;
	free(items);
}
