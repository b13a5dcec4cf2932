/*
 * rebuild: windows of a partition that live in no file: they are made anew from the log.
 *
 * What a group of Kafka commits for a partition is the low water: the offset of the first record that an open window
 * still needs. Beside it, as the metadata of the commit, stands what the log does not say: the position (the next
 * offset), the stream time T there and at the low water, the pairs of a quorum at the low water, times to which T was
 * raised by a clock on the wall since, and a count and a digest of what was open. Whoever gets the partition reads from
 * the low water, beginning with T as it was there, sends out nothing, repeats what the clock had decided, and at the
 * position has the very windows that were open: count and digest prove it.
 *
 * Which records a window takes depends on T alone (and for sessions on the open sessions of its key), so this is exact
 * from any offset at or below the low water, if T there is known. So the log of possible low waters may be coarse.
 *
 * Where what is open is kept elsewhere, the low water is the position: nothing is read again, and count and digest
 * prove what was brought back.
 *
 * Pure functions of what they are given: no broker, no clock. Memory: init/release. Not thread safe per object.
 */
#ifndef TLM_REBUILD_H
#define TLM_REBUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"
#include "window/window.h"

enum {
	REBUILD_PUSHES_MAX = 64,    /* forced advances above the low water; then T holds */
	REBUILD_METADATA_MAX = 4095 /* bytes, ASCII */
};

struct rebuild_vote {
	int64_t us;
	uint64_t value; /* a hash of it: the votes of clocks that are rebuilt are the 8 bytes of rebuild_vote_value() */
};

/* The clock of a partition before the record of an offset. */
struct rebuild_point {
	int64_t offset;
	int64_t stream_us; /* T, WINDOW_NEVER: there was none */
	int64_t newest_us; /* the largest time of the records from here up to the next point */
	uint32_t n_votes;
	struct rebuild_vote *votes; /* owned; NULL without a quorum */
};

/* T was raised to us before the record of this offset. */
struct rebuild_push {
	int64_t offset, us;
};

struct rebuild {
	uint64_t options;             /* a hash of what the windows depend on */
	int64_t next;                 /* behind the last record, -1: none was seen */
	struct rebuild_point *points; /* by offset; the newest times rise */
	size_t n, cap;
	struct rebuild_push pushes[REBUILD_PUSHES_MAX];
	uint32_t n_pushes, at_push; /* those before at_push are done */
	int32_t state;              /* the partition of a topic that keeps what is open, -1: nothing does */

	/* what was committed */
	bool is_replaying, is_unchecked;
	int64_t low, position, position_us;
	uint64_t groups, digest;
};

void rebuild_init(struct rebuild *r, uint64_t options);
void rebuild_release(struct rebuild *r);

/* ---- start ---- */

/*
 * What the group has committed: the offset and its metadata. Afterwards r replays if is_replaying. *clock (one input,
 * as new) gets T and the pairs of the low water. is_accepted: other options, or offsets that somebody else has set, are
 * taken; nothing can be compared then. r->state is what was committed. Returns 0, or -1 with ERR_REFUSED that says what
 * to do.
 */
int rebuild_take(struct rebuild *r, int64_t offset, struct slice metadata, bool is_accepted, struct window_clock *clock,
	struct err *err);

/* The next offset after all that had been read at that commit; the offset itself where the metadata are not ours. */
int64_t rebuild_read_up_to(int64_t offset, struct slice metadata);

/* ---- each batch ---- */

/* A batch must not hold records of both sides of this offset; INT64_MAX: there is none. */
int64_t rebuild_bound(const struct rebuild *r, int64_t offset);

/* While it replays: the next time to which T is raised before the record of that offset. False: none (any more). */
bool rebuild_next_push(struct rebuild *r, int64_t offset, int64_t *us);

/* Before and behind the records of a batch. newest_us: the largest time of any record in it. */
void rebuild_begin(struct rebuild *r, int64_t offset, const struct window_clock *clock);
void rebuild_end(struct rebuild *r, int64_t last_offset, int64_t newest_us);

/* Whether the position is reached when the record of this offset comes next (-1: what came so far). */
bool rebuild_is_there(const struct rebuild *r, int64_t offset);

/* It is: 0, or -1 with ERR_REFUSED when what is open is not what was open. Ends the replay. */
int rebuild_check(
	struct rebuild *r, const struct window_clock *clock, uint64_t groups, uint64_t digest, struct err *err);

/* T is raised to us by a clock on the wall. False: too often since the low water, T must hold. */
bool rebuild_push(struct rebuild *r, int64_t us);
bool rebuild_can_push(const struct rebuild *r);

/* ---- commit ---- */

/*
 * What to commit now: the low water and its metadata. need_us: records before this time are needed by no window that is
 * open; where r->state is set it does not matter. False: nothing (no record was seen, or it replays).
 */
bool rebuild_commit(struct rebuild *r, int64_t need_us, const struct window_clock *clock, uint64_t groups,
	uint64_t digest, int64_t *offset, struct buf *metadata);

/* The bytes that stand for a value in the votes of a quorum. */
struct slice rebuild_vote_value(uint64_t hash, char bytes[8]);

/* The start of the oldest window of that kind that W has not closed: what is before is needed no more. Not for
 * sessions. */
int64_t rebuild_oldest_start(const struct window_spec *window, int64_t watermark_us, int64_t grace_us);

/* A hash of bytes, to be continued; begin with 0. */
uint64_t rebuild_hash(uint64_t hash, struct slice bytes);

#endif
