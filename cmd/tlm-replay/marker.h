/*
 * marker: when the stream is told how far time has come: --marks.
 *
 * T is the largest time of the records that went by, sent or left out. A mark is written where T enters another
 * multiple of the interval, so where marks stand depends on the records alone; and while the schedule waits for a
 * record, whose time is known, at the multiples that are passed on the way to it, which is sooner but changes nothing:
 * the record, or its own mark, would have raised T by as much.
 */
#ifndef REPLAY_MARKER_H
#define REPLAY_MARKER_H

#include "buf/buf.h"

enum { MARKER_EVERY_US = 1000000 }; /* the default interval */

struct marker {
	int64_t every_us;  /* 0: no marks */
	int64_t time_us;   /* T, INT64_MIN before the first record */
	int64_t told_us;   /* of the last mark of a record, or INT64_MIN */
	int64_t walked_us; /* the last multiple that was told on the way to a record, or INT64_MIN */
};

void marker_init(struct marker *m, int64_t every_us);

/* A record of this time (in the output) has gone by. Appends a mark where one is due. source: of the record. */
void marker_see(struct marker *m, int64_t us, const char *source, struct buf *out);

/* Time has come to us without a record, and the next record is at next_us. Appends a mark of the last multiple before
 * it that was passed, if it was not told. Returns the next multiple, or next_us where none lies before. */
int64_t marker_walk(struct marker *m, int64_t us, int64_t next_us, const char *source, struct buf *out);

#endif
