/*
 * held: bad rows of CSV that wait for their turn. A batch becomes lines at once, but where records are taken one by
 * one nobody may ask for those behind a row, and then it is not judged.
 */
#ifndef REPLAY_HELD_H
#define REPLAY_HELD_H

#include "buf/buf.h"
#include "csv/csv.h"

struct held {
	struct buf rows; /* from at on */
	size_t at;
	struct buf messages;
};

/* n_good: rows of the batch that stand before it. What bad borrows must live on; its message is copied. */
void held_add(struct held *h, const struct csv_bad *bad, size_t n_good);

/* The next one that stands before the n_good-th good row (from 0), if there is one. bad borrows until held_add(). */
bool held_take(struct held *h, size_t n_good, struct csv_bad *bad);

void held_release(struct held *h);

#endif
