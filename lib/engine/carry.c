#include "engine/carry.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

void carry_init(struct carry *c, const struct agg_list *list, struct keep *keep)
{
	*c = (struct carry){.list = list, .swept_us = INT64_MIN, .keep = keep};
	group_table_init(&c->groups, list->carried_bytes);
}

void carry_release(struct carry *c)
{
	free(c->copy);
	group_table_release(&c->groups);
}

/* A table without the groups whose values have ended by us. */
static void sweep(struct carry *c, int64_t us)
{
	struct group_table kept;
	struct group_entry *entry;

	group_table_init(&kept, c->list->carried_bytes);
	for (size_t offset = 0; (entry = group_table_next(&c->groups, &offset));) {
		struct slice key = group_entry_key(&c->groups, entry);
		struct group_entry *to;
		bool is_new;

		if (agg_carried_end(c->list, entry->state) <= us) {
			if (entry->spare & KEEP_THERE)
				keep_drop(c->keep, CARRY_KIND, 0, key);
			continue;
		}
		to = group_table_get(&kept, key, group_hash(key), &is_new);
		to->spare = entry->spare;
		memcpy(to->state, entry->state, c->list->carried_bytes);
	}
	group_table_release(&c->groups);
	c->groups = kept;
	c->swept_us = us;
}

/* Sweeps when so much time has gone that half of what is kept may have ended. */
static bool is_due(const struct carry *c, int64_t us)
{
	int64_t due_us;

	if (c->swept_us == INT64_MIN)
		return true;
	return !__builtin_add_overflow(c->swept_us, c->list->calls[0].hold_us, &due_us) && us >= due_us;
}

void carry_take(struct carry *c, struct group_table *groups, int64_t next_us)
{
	struct group_entry *entry;

	if (!c->list->carried_bytes)
		return;
	if (is_due(c, next_us))
		sweep(c, next_us);
	for (size_t offset = 0; (entry = group_table_next(groups, &offset));) {
		struct slice key = group_entry_key(groups, entry);
		struct group_entry *to;
		bool is_new;

		if (!agg_carried_has(c->list, entry->state))
			continue;
		to = group_table_get(&c->groups, key, group_hash(key), &is_new);
		keep_touch(c->keep, to);
		agg_carried_take(c->list, to->state, entry->state, next_us);
	}
}

const void *carry_find(const struct carry *c, struct slice key)
{
	const struct group_entry *entry = group_table_find(&c->groups, key, group_hash(key));

	return entry ? entry->state : NULL;
}

void carry_copy(struct carry *c, struct slice key)
{
	const void *carried = carry_find(c, key);

	if (!c->copy)
		c->copy = mem_alloc(1, c->list->carried_bytes);
	if (carried)
		memcpy(c->copy, carried, c->list->carried_bytes);
	else
		memset(c->copy, 0, c->list->carried_bytes);
}

size_t carry_memory(const struct carry *c)
{
	return c->groups.n_slots * sizeof *c->groups.slots + c->groups.n_words * sizeof *c->groups.words;
}
