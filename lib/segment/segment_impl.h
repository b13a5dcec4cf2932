/* segment_impl: what the files of this module share. Private. */
#ifndef TLM_SEGMENT_IMPL_H
#define TLM_SEGMENT_IMPL_H

#include "segment/segment.h"

/* ---- segment.c ---- */

/* Encodes and stores, in the thread that has the segment at the moment; out: CODEC_OUT_BYTES of that thread, NULL: the
 * caller's. */
int segment_encode(struct segment *s, char *out, const char *p, size_t len, enum codec_op op, struct err *err);

/* ---- lane.c ---- */

/* The lane of the next segment, in turn. NULL: there are none. */
struct segment_lane *segment_lanes_next(struct segment_lanes *lanes);

/* Takes the bytes in s->raw, which is empty then. False: there is no thread, nothing was done. *got: 0, or -1 with err
 * when an earlier piece of the segment has failed. */
bool segment_lane_give(struct segment_lane *lane, struct segment *s, int *got, struct err *err);

/* Waits until all pieces of the segment are done. 0, or -1 with what went wrong. */
int segment_lane_settle(struct segment_lane *lane, struct segment *s, struct err *err);

#endif
