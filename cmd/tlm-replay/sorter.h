/*
 * sorter: the sort window of one input. A record is held until a later one is more than the window ahead of it; then
 * the held ones leave by time, ties by line. One that is older than what has left goes on at once: it is too late.
 *
 * Memory: as many records as the window holds; their memory is used again.
 */
#ifndef REPLAY_SORTER_H
#define REPLAY_SORTER_H

#include "reader.h"

struct sorter;

/* in is borrowed. window_us 0: records pass as they come. */
struct sorter *sorter_open(struct reader *in, int64_t window_us);
void sorter_close(struct sorter *s);

/* Nothing more is read: what is held leaves, then comes READ_END. */
void sorter_end(struct sorter *s);

/* As reader_next(): the next record in the order of the window. */
enum reader_result sorter_next(struct sorter *s, struct record *r, struct err *err);

#endif
