/*
 * timeline: recorded time as played time: microseconds since the first record, long gaps cut, loops one behind the
 * other.
 */
#ifndef REPLAY_TIMELINE_H
#define REPLAY_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

enum { TIMELINE_GAPS = 256 }; /* cut gaps that are remembered for records out of order */

struct timeline_gap {
	int64_t from_us, to_us; /* the records at its sides */
	int64_t cut_before_us;  /* cut from all gaps before it */
};

struct timeline {
	int64_t max_gap_us; /* 0: none is cut */
	bool has_first;
	int64_t first_us, min_us, max_us; /* recorded, of this loop */
	int64_t cut_us;                   /* of this loop */
	uint64_t n_records;               /* of this loop */
	int64_t loop_played_us;           /* where this loop begins */
	int64_t loop_recorded_us;         /* what to add to recorded times in this loop */
	struct timeline_gap gaps[TIMELINE_GAPS];
	uint64_t n_gaps;

	/* of the whole run, for a survey */
	uint64_t n_disorder; /* records older than one before them */
	int64_t disorder_us; /* by how much at most */
	uint64_t n_cut;      /* gaps longer than max_gap_us */
	uint64_t all_cut_us; /* cut from them */
	int64_t widest_us;   /* the widest gap, and the record before it */
	int64_t widest_at_us;
};

void timeline_init(struct timeline *t, int64_t max_gap_us);

/* The played time of the next record. A record that is out of order has its own place, before others. */
int64_t timeline_add(struct timeline *t, int64_t recorded_us);

/* How long this loop is, as played, without the gap to the next one; 0 for none. */
int64_t timeline_span(const struct timeline *t);

/* What lies between two loops: the mean distance of records, or a second where there is none. */
int64_t timeline_loop_gap(const struct timeline *t, int64_t span_us);

/* The next record is the first of another loop. */
void timeline_rewind(struct timeline *t);

#endif
