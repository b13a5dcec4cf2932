#include "engine/owners.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

enum { FIRST_BUCKETS = 8 }; /* a power of two, as their number always is */

void owners_init(struct owners *t, size_t owner_bytes)
{
	*t = (struct owners){.n_buckets = FIRST_BUCKETS, .owner_bytes = owner_bytes};
	t->buckets = mem_alloc(t->n_buckets, sizeof *t->buckets);
}

void owners_release(struct owners *t)
{
	for (struct owners_head *o = owners_next(t, NULL), *next; o; o = next) {
		next = owners_next(t, o);
		free(o);
	}
	free(t->buckets);
}

static struct owners_head **bucket_of(const struct owners *t, uint64_t hash)
{
	return &t->buckets[hash & (t->n_buckets - 1)];
}

void *owners_find(const struct owners *t, struct slice key, uint64_t hash)
{
	struct owners_head *o = *bucket_of(t, hash);

	while (o && (o->hash != hash || !slice_eq(o->key, key)))
		o = o->next;
	return o;
}

static void link_owner(struct owners *t, struct owners_head *o)
{
	struct owners_head **bucket = bucket_of(t, o->hash);

	o->next = *bucket;
	*bucket = o;
}

static void grow(struct owners *t)
{
	struct owners old = *t;

	t->n_buckets = 2 * old.n_buckets;
	t->buckets = mem_alloc(t->n_buckets, sizeof *t->buckets);
	for (size_t i = 0; i < old.n_buckets; i++) {
		for (struct owners_head *o = old.buckets[i], *next; o; o = next) {
			next = o->next;
			link_owner(t, o);
		}
	}
	free(old.buckets);
}

void *owners_add(struct owners *t, struct slice key, uint64_t hash)
{
	struct owners_head *o = mem_alloc(1, t->owner_bytes + key.len);
	char *bytes = (char *)o + t->owner_bytes;

	if (t->n == t->n_buckets)
		grow(t);
	if (key.len)
		memcpy(bytes, key.p, key.len);
	o->hash = hash;
	o->key = (struct slice){bytes, key.len};
	link_owner(t, o);
	t->n++;
	t->key_bytes += key.len;
	return o;
}

void owners_drop(struct owners *t, void *owner)
{
	struct owners_head *o = owner, **at = bucket_of(t, o->hash);

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	t->n--;
	t->key_bytes -= o->key.len;
	free(o);
}

void *owners_next(const struct owners *t, const void *owner)
{
	const struct owners_head *o = owner;
	size_t i = 0;

	if (o && o->next)
		return o->next;
	if (o)
		i = (o->hash & (t->n_buckets - 1)) + 1;
	while (i < t->n_buckets && !t->buckets[i])
		i++;
	return i < t->n_buckets ? t->buckets[i] : NULL;
}
