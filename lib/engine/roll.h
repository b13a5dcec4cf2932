/*
 * roll: the groups of hopping windows as they slide over their panes. Not for other modules.
 *
 * A window's row is the merge of its panes. Merging all of them at each closing costs size / advance merges for each
 * group and window; here a closing costs some constant number of merges for each group, whatever the size.
 *
 * Each group has a queue of the panes that hold it, as two stacks (Tangwongsan, Hirzel and Schneider, "Low-latency
 * sliding-window aggregation in worst-case constant time", 2017, call it so): the back is one state, the merge of what
 * came in since the last turn; the front holds for each of its panes the merge from there up to the back. A pane that
 * comes is merged into the back; one that goes takes its front state away; when the front is used up the back is
 * turned into a new one. So that the front does not hold a state for each pane, it holds one for each block of about
 * sqrt(n) panes, and those of the panes of the first block.
 *
 * States that keep every sample would be kept many times over: they are not in the stacks but merged from the panes for
 * each row, which reads all samples anyway.
 *
 * A record that comes for a pane that is in already goes into the back too, or makes the front void: it is made
 * anew for the next row. Memory: open/close. Not thread safe per object.
 */
#ifndef TLM_ROLL_H
#define TLM_ROLL_H

#include "aggregate/aggregate.h"
#include "group/group.h"
#include "window/window.h"

struct pane {
	struct window_pane at;
	int64_t first_closes_us; /* W at which its oldest window closes: later records of it are late for some */
	uint64_t n_records;
	uint64_t digest;          /* the sum of the hashes of their groups */
	uint64_t n_groups, bytes; /* as the limits count them */
	uint32_t n_parts;         /* how often its groups went out before it closed */
	bool is_touched;          /* some group of it has changed since it was saved */
	bool is_ready;            /* it was in a row: what it holds is in the roll, if there is one */
	struct group_table groups;
};

struct roll;

/* is_counted: roll_bytes() counts what states own, too. */
struct roll *roll_open(struct agg_list *list, bool is_counted);
void roll_close(struct roll *r); /* does nothing for NULL */

/* A pane comes in: it is newer than all that did. It stands until roll_drop(). */
void roll_take(struct roll *r, struct pane *p);

/* The oldest pane goes. */
void roll_drop(struct roll *r, struct pane *p);

/* A group of a pane that is in takes a record, or the states of others: returns the state that must take it too, or
 * NULL. entry is that of the key in the pane. */
void *roll_touch(struct roll *r, struct pane *p, struct slice key, uint64_t hash, const struct group_entry *entry);

/* The groups of the panes that are in, sorted; states may be settled, no more. The rows live until roll_release_rows().
 */
struct roll_row {
	struct slice key;
	void *states;
};
size_t roll_rows(struct roll *r, const struct roll_row **rows);
void roll_release_rows(struct roll *r);

size_t roll_bytes(struct roll *r);

#endif
