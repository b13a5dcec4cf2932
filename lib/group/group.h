/*
 * group: the values of the group-by fields as one key, and a table from keys to state.
 *
 * A key is canonical and ordered: two lists of values are equal by value (1 and 1.0, "a" and "\u0061") if and only if
 * their keys are the same bytes, and memcmp() orders keys as the values: absent < null < false < true < numbers by
 * value < strings by UTF-8 bytes, field after field. (The form of strings is that of FoundationDB's tuples.)
 *
 * The table is open addressing over 8-byte slots (a tag of the hash and an offset); entries stand one behind the other
 * in one growing block, so ten million groups are three allocations.
 * Memory: init/release. Not thread safe per object.
 */
#ifndef TLM_GROUP_H
#define TLM_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "buf/buf.h"
#include "json/json.h"

/* ---- keys ---- */

/* Appends one value. Returns false for an object or an array, which have no key. tmp is scratch for escaped strings. */
bool group_key_add(struct buf *key, struct json_span value, struct buf *tmp);

enum { GROUP_TAG_STRING = 6, GROUP_SHORT_BYTES = 32 };

/* The same where JSON_PAD_BYTES are readable behind the value, as in a batch: most strings without a call. */
static inline bool group_key_add_padded(struct buf *key, struct json_span value, struct buf *tmp)
{
	char *to;

	if (value.type != JSON_STRING || value.is_escaped || value.len > GROUP_SHORT_BYTES + 2)
		return group_key_add(key, value, tmp);
	/* the tag and a NUL take the place of the quotes */
	to = buf_reserve(key, GROUP_SHORT_BYTES + 2);
	*to = GROUP_TAG_STRING;
	memcpy(to + 1, value.p + 1, GROUP_SHORT_BYTES);
	to[value.len - 1] = 0;
	key->len += value.len;
	return true;
}

/* One value of a key, read back. */
struct group_value {
	uint8_t type;       /* JSON_ABSENT, JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER or JSON_STRING */
	struct slice bytes; /* a string: unescaped; a number: canonical JSON text; in tmp or in the key */
};

/* Takes the first value off *key. tmp is scratch that the result may point into. */
void group_key_next(struct slice *key, struct group_value *value, struct buf *tmp);

uint64_t group_hash(struct slice key);

/* ---- table ---- */

struct group_entry {
	uint32_t key_bytes;
	uint32_t spare;
	uint64_t state[]; /* state_bytes, then the key */
};

struct group_table {
	uint64_t *slots; /* tag << 32 | offset of the entry in 8-byte words + 1; 0 is free */
	uint32_t n_slots;
	uint32_t n; /* entries */
	uint64_t *words;
	size_t n_words, cap_words;
	uint32_t state_bytes; /* per entry, a multiple of 8 */
};

void group_table_init(struct group_table *t, uint32_t state_bytes);
void group_table_release(struct group_table *t);
void group_table_reset(struct group_table *t); /* no entries; it keeps its memory */

/*
 * The entry of a key. A new one (*is_new) has a zeroed state. Entries may move at the next call that adds one.
 * hash is group_hash(key).
 */
struct group_entry *group_table_get(struct group_table *t, struct slice key, uint64_t hash, bool *is_new);

/* The entry of a key, or NULL when there is none. */
struct group_entry *group_table_find(const struct group_table *t, struct slice key, uint64_t hash);

/* Fetches into the cache what group_table_get() will read first. */
static inline void group_table_prefetch(const struct group_table *t, uint64_t hash)
{
	if (t->n_slots)
		__builtin_prefetch(&t->slots[(uint32_t)hash & (t->n_slots - 1)]);
}

/* Fetches an entry that will be read soon. (gcc 12 takes a function that does nothing but fetch for one without effect
 * and leaves its calls out, unless it has no calls.) */
static inline __attribute__((always_inline)) void group_entry_prefetch(
	const struct group_table *t, const struct group_entry *e)
{
	enum { LINE_BYTES = 64, KEY_BYTES = 16 };
	const char *p = (const char *)e, *end = (const char *)e->state + t->state_bytes + KEY_BYTES;

	for (; p < end; p += LINE_BYTES)
		__builtin_prefetch(p, 1);
	__builtin_prefetch(end);
}

/* The same of what it will read then, where the slot is there by now: mostly the entry. */
static inline __attribute__((always_inline)) void group_table_prefetch_entry(const struct group_table *t, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & (t->n_slots - 1);

	for (int i = 0; t->n_slots && i < 2; i++, at = (at + 1) & (t->n_slots - 1)) {
		if ((uint32_t)(t->slots[at] >> 32) != (uint32_t)hash || !t->slots[at])
			continue;
		group_entry_prefetch(
			t, (const struct group_entry *)(const void *)(t->words + ((uint32_t)t->slots[at] - 1)));
		break;
	}
}

static inline struct slice group_entry_key(const struct group_table *t, const struct group_entry *e)
{
	return (struct slice){(const char *)e->state + t->state_bytes, e->key_bytes};
}

/* Bytes of its memory. */
static inline size_t group_table_bytes(const struct group_table *t)
{
	return t->n_slots * sizeof *t->slots + t->cap_words * sizeof *t->words;
}

/* Entries in the order in which they came: offset 0, then what the call returns; NULL at the end. */
struct group_entry *group_table_next(struct group_table *t, size_t *offset);

/* Fills order (room for t->n) with the entries by key. */
void group_table_sort(struct group_table *t, struct group_entry **order);

#endif
