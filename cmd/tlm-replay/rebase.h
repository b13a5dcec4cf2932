/*
 * rebase: a record with another time in its time field: the value is written in the format and the type that it had, as
 * many digits of fraction, the same separator and zone; every other byte stays.
 */
#ifndef REPLAY_REBASE_H
#define REPLAY_REBASE_H

#include "reader.h"

/* Appends the record with its time changed to new_us, without line end. tmp is scratch. Returns false, with nothing
 * added, when that time lies outside the years 1 to 9999. */
bool rebase_add(
	struct buf *out, const struct timefield *field, const struct record *r, int64_t new_us, struct buf *tmp);

#endif
