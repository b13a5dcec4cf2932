/*
 * pace: when a record is due on the monotonic clock, and how late records really left.
 *
 * The schedule is absolute: start + played time / speed, so a late wake-up is not late for ever. A rate is a token
 * bucket that holds one second. A record out of order is due with the one before it.
 */
#ifndef REPLAY_PACE_H
#define REPLAY_PACE_H

#include "buf/buf.h"
#include "ledger/ledger.h"
#include "options.h"

enum {
	PACE_BEHIND_US = 100000,                     /* --catchup skip and stretch act on what is later than this */
	PACE_FINE_US = 1024,                         /* errors below are counted to the microsecond, */
	PACE_BUCKETS = PACE_FINE_US + (63 - 10) * 64 /* above in 64 steps for each power of two */
};

#define PACE_NEVER INT64_MAX /* due behind the end of the clock */

struct pace {
	double speed; /* 0: none */
	double rate;  /* 0: none */
	enum catchup catchup;
	bool has_start;
	int64_t start_us; /* when played time 0 is due; moved by stretch */
	int64_t wall_us;  /* the wall clock minus the monotonic clock at the start */
	int64_t last_due_us;
	int64_t tokens_from_us; /* the bucket: token k is there at tokens_from + k / rate */
	uint64_t n_tokens;

	struct buf sent; /* int64_t: when the records that were handed out last were due */
	uint64_t n_sent;
	int64_t error_max_us;
	uint64_t errors[PACE_BUCKETS];
};

void pace_init(struct pace *p, const struct replay_opts *o);
void pace_release(struct pace *p);

/*
 * When the record at played_us is due. has_waited: the input was waited for since the last one, so the bucket gained
 * nothing in between. Returns false when it is to be left out (--catchup skip).
 */
bool pace_due(struct pace *p, int64_t played_us, int64_t now_us, bool has_waited, int64_t *due_us);

/* The record goes out: takes its token and notes when it was due. */
void pace_send(struct pace *p, int64_t due_us);

/* What was sent has left the process. */
void pace_settle(struct pace *p, int64_t now_us);

/* Writes the errors into the ledger. */
void pace_report(const struct pace *p, struct ledger *l);

/* Wall-clock time (event time) of a moment of the schedule. */
int64_t pace_wall(const struct pace *p, int64_t due_us);

#endif
