/*
 * told: how many rows went out of each window and group that is still open: the number of the next one. Not for other
 * modules. Memory: release.
 */
#ifndef TLM_TOLD_H
#define TLM_TOLD_H

#include "engine/keep.h"

struct told_window {
	int64_t k;
	struct group_table rows; /* state: the number of rows so far */
};

struct told {
	struct told_window *windows; /* by k */
	size_t n, cap;
	struct keep *keep; /* borrowed */
};

enum { TOLD_KIND = 't' }; /* of pieces */

/* The number of the row that goes out now, from 0. is_last: nothing has to be kept for it. */
uint32_t told_next(struct told *t, int64_t k, struct slice key, bool is_last);

/* Windows up to k have closed. */
void told_drop(struct told *t, int64_t k);

/* The entry of a group in window k, made if need be. */
struct group_entry *told_entry(struct told *t, int64_t k, struct slice key);

size_t told_bytes(const struct told *t);
void told_release(struct told *t);

#endif
