/*
 * owners: a table from keys to what stands for a group whose windows come and go: sessions.h, runs.h. Not for other
 * modules.
 *
 * Unlike the entries of a group_table (group.h) an owner stays where it is and can be dropped. Memory: init/release.
 */
#ifndef TLM_OWNERS_H
#define TLM_OWNERS_H

#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"

/* The head of an owner, first in a struct of its user. */
struct owners_head {
	struct owners_head *next; /* of the same bucket */
	uint64_t hash;
	struct slice key; /* behind the user's struct */
};

struct owners {
	struct owners_head **buckets;
	size_t n_buckets, n;
	size_t owner_bytes, key_bytes; /* of the user's struct; of all keys */
};

/* owner_bytes: of the struct that begins with the head. */
void owners_init(struct owners *t, size_t owner_bytes);

/* Frees the owners too: what they own is released by the user before. */
void owners_release(struct owners *t);

/* hash is group_hash(key). NULL when there is none. */
void *owners_find(const struct owners *t, struct slice key, uint64_t hash);

/* A zeroed owner of a key that has none yet. */
void *owners_add(struct owners *t, struct slice key, uint64_t hash);

void owners_drop(struct owners *t, void *owner);

/* Each owner in no order: NULL begins, NULL ends. The one behind is found before this one may be dropped. */
void *owners_next(const struct owners *t, const void *owner);

static inline size_t owners_bytes(const struct owners *t)
{
	return t->n * t->owner_bytes + t->key_bytes;
}

#endif
