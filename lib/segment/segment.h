/*
 * segment: a run of records of one directory on its way to become one object: encoded into a file of the spool.
 *
 * The bytes are counted and hashed on both sides: raw (the lines) and stored (the object). An object of this type is
 * used for one segment after the other and keeps its memory: SEGMENT_BUFFER_BYTES and that of its codec.
 *
 * With lanes, threads of their own encode what was added, each segment in one of them, while the caller goes on; the
 * object is the same to the byte. When a lane is SEGMENT_LANE_BYTES behind, adding waits. All calls: one thread.
 */
#ifndef TLM_SEGMENT_H
#define TLM_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "buf/buf.h"
#include "digest/digest.h"
#include "codec/codec.h"
#include "err/err.h"

enum {
	SEGMENT_BUFFER_BYTES = 16 << 10, /* lines are encoded in pieces of this size; longer runs go straight on */
	SEGMENT_LANE_BYTES = 1 << 20,
	SEGMENT_LANES_MAX = 64
};

struct segment_lanes;
struct segment_lane;

/* n threads, 0 to SEGMENT_LANES_MAX, which start when there is work for them; one that cannot be had is done without.
 * Never NULL. Outlive their segments. */
struct segment_lanes *segment_lanes_open(unsigned n);
void segment_lanes_close(struct segment_lanes *lanes); /* does nothing for NULL */

/* What a segment holds; the fields of a manifest row. */
struct segment_sum {
	uint64_t records, bytes, raw_bytes;
	char sha256[DIGEST_HEX_BYTES + 1], raw_sha256[DIGEST_HEX_BYTES + 1];
	bool has_time;
	int64_t min_us, max_us;
};

struct segment {
	struct segment_sum sum; /* hashes and bytes are filled by segment_end() */
	bool is_open;
	bool is_dirty;       /* something was added since the last segment_flush() */
	bool is_unsynced;    /* something was flushed since the last segment_sync() */
	bool is_name_synced; /* for the spool: the names that lead to the file are on disk */
	struct buf path;     /* of the file, NUL-terminated */
	int fd;              /* for the spool: what segment_sync() syncs */
	/* private */
	struct codec *codec;
	struct buf raw;
	struct digest *stored_digest, *raw_digest;
	struct segment_lanes *lanes;
	struct segment_lane *lane; /* of the file that is open; NULL: none */
	uint64_t lane_end;         /* how many pieces the lane must have done until all of this segment are */
	struct err late;           /* what happened there */
};

/* Set and lanes (NULL: none) are borrowed. */
void segment_init(struct segment *s, struct codec_set *set, struct segment_lanes *lanes);
void segment_release(struct segment *s); /* an open file is closed and stays */

/* Creates the file, which must not exist; its directory must. 0, or -1 with ERR_IO; errno stands in err->sys. */
int segment_begin(struct segment *s, const char *path, struct err *err);

/* Adds whole lines: n_records of them, each with its '\n'. With lanes an error may come with one of the next calls. */
int segment_add_slow(struct segment *s, const char *p, size_t len, struct err *err);

static inline int segment_add(struct segment *s, const char *p, size_t len, uint64_t n_records, struct err *err)
{
	s->sum.records += n_records;
	s->sum.raw_bytes += len;
	s->is_dirty = true;
	if (s->raw.len + len > SEGMENT_BUFFER_BYTES)
		return segment_add_slow(s, p, len, err);
	memcpy(s->raw.p + s->raw.len, p, len);
	s->raw.len += len;
	return 0;
}

/* Widens min_us..max_us by an event time. */
static inline void segment_sum_time(struct segment_sum *sum, int64_t us)
{
	if (!sum->has_time || us < sum->min_us)
		sum->min_us = us;
	if (!sum->has_time || us > sum->max_us)
		sum->max_us = us;
	sum->has_time = true;
}

/* All lines so far leave the process and can be read back from the file (writing to disk begins); segment_sync(): they
 * are on disk, too. */
int segment_flush(struct segment *s, struct err *err);
int segment_sync(struct segment *s, struct err *err);

/*
 * Ends the object: all its bytes are written, on their way to disk, and sum is complete. The file is the caller's, who
 * syncs and closes *fd; path and sum stand until the next segment_begin(), for which the segment is free. -1: the file
 * was closed.
 */
int segment_end(struct segment *s, int *fd, struct err *err);

/* Closes the file and leaves it as it is (after an error). */
void segment_abandon(struct segment *s);

/*
 * Reads an object or a leftover back as far as whole lines go. Each piece of lines goes to `lines` (may be NULL).
 * Fills sum (no times; sha256 and bytes are of the whole file) and *is_whole: it ended as an object must, with a
 * whole line. 0, or -1.
 */
typedef int segment_lines_fn(void *ctx, const char *p, size_t len, struct err *err);
int segment_read(enum codec_kind kind, const char *path, struct segment_sum *sum, bool *is_whole,
	segment_lines_fn *lines, void *ctx, struct err *err);

#endif
