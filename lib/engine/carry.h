/*
 * carry: the value that each group carries into a window, for aggregates whose values hold (see aggregate.h). Not for
 * other modules.
 *
 * Windows that close in order give their groups to carry_take(); carry_begin() and carry_find() then say what a window
 * begins with. A
 * group is forgotten when no value of it holds any more (--max-gap); without that limit one block is kept for each
 * group ever seen. A list without such aggregates costs nothing. carry.groups may be walked: those with
 * agg_carried_end() behind the start of a window are silent groups whose values still hold in it.
 */
#ifndef TLM_CARRY_H
#define TLM_CARRY_H

#include "aggregate/aggregate.h"
#include "group/group.h"

struct carry {
	const struct agg_list *list;
	struct group_table groups; /* states are the blocks of agg_carried_take() */
	struct carry_rest *rests;  /* of windows that overlap with those to come, the oldest first */
	size_t n_rests, cap_rests;
	int64_t swept_us;
	void *copy; /* of carry_copy() */
};

void carry_init(struct carry *c, const struct agg_list *list);
void carry_release(struct carry *c);

/*
 * The groups of records up to end_us go. The windows to come begin at next_us or behind it; if that is before end_us
 * the table is taken and left empty, since any of its records may be the last one before such a window.
 */
void carry_take(struct carry *c, struct group_table *groups, int64_t end_us, int64_t next_us);

/* carry_find() is about a window that begins here, until the next call. */
void carry_begin(struct carry *c, int64_t start_us);

/* For agg_states_settle(); NULL: nothing. */
const void *carry_find(const struct carry *c, struct slice key);

/* What a group carries, or an empty block, in c->copy: the caller may put later values into it. */
void carry_copy(struct carry *c, struct slice key);

size_t carry_memory(const struct carry *c);

#endif
