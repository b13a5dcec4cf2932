/*
 * carry: the value that each group carries into a window, for aggregates whose values hold (see aggregate.h). Not for
 * other modules.
 *
 * Windows that close in order give their groups to carry_take(); carry_find() then says what a window begins with. A
 * group is forgotten when no value of it holds any more (--max-gap); without that limit one block is kept for each
 * group ever seen. A list without such aggregates costs nothing. carry.groups may be walked: those with
 * agg_carried_end() behind the start of a window are silent groups whose values still hold in it.
 */
#ifndef TLM_CARRY_H
#define TLM_CARRY_H

#include "aggregate/aggregate.h"
#include "engine/keep.h"

enum { CARRY_KIND = 'c' }; /* of pieces */

struct carry {
	const struct agg_list *list;
	struct group_table groups; /* states are the blocks of agg_carried_take() */
	int64_t swept_us;
	struct keep *keep; /* borrowed */
	void *copy;        /* of carry_copy() */
};

void carry_init(struct carry *c, const struct agg_list *list, struct keep *keep);
void carry_release(struct carry *c);

/*
 * A pane goes, the windows to come begin at next_us or behind it. A pane that reaches over that (a hopping window that
 * was made elsewhere) gives only what is before it: the rest is in the next window too.
 */
void carry_take(struct carry *c, struct group_table *groups, int64_t next_us);

/* For agg_states_settle(); NULL: nothing. */
const void *carry_find(const struct carry *c, struct slice key);

/* What a group carries, or an empty block, in c->copy: the caller may put later values into it. */
void carry_copy(struct carry *c, struct slice key);

size_t carry_memory(const struct carry *c);

#endif
