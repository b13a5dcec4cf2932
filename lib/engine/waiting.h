/*
 * waiting: things that wait for a place in the order of records, the earliest first: a binary heap. Not for other
 * modules.
 *
 * What comes in order costs one comparison. Memory: release; the things are the caller's.
 */
#ifndef TLM_WAITING_H
#define TLM_WAITING_H

#include <stddef.h>

#include "aggregate/aggregate.h"

struct waiting_item {
	struct agg_place place;
	void *thing;
};

struct waiting {
	struct waiting_item *items; /* [0] is the earliest */
	size_t n, cap;
};

void waiting_add(struct waiting *w, const struct agg_place *place, void *thing);
void waiting_pop(struct waiting *w);
void waiting_release(struct waiting *w);

#endif
