/*
 * window: stream time and the geometry of time windows.
 *
 * The clock: each input (a file, a pipe, a partition) has its stream time T, the largest event time accepted from it,
 * or with a quorum the N-th largest of the maxima of the values of a field. The watermark W is the smallest T - delay
 * over the inputs that have not ended; an input without a T counts as minus infinity. Neither T nor W ever falls.
 *
 * Panes: time is cut at every start and every end of a window, so each window is a run of whole panes and a record
 * belongs to one pane: work per record does not grow with size / advance. Where the size is no multiple of the advance
 * there are two panes per advance (Krishnamurthy, Wu and Franklin, "On-the-fly sharing for streamed aggregation",
 * 2006). Times are microseconds (see etime); windows are half-open; floor division for times before 1970. Memory:
 * init/release. Not thread safe per object.
 */
#ifndef TLM_WINDOW_H
#define TLM_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "buf/buf.h"

#define WINDOW_NEVER INT64_MIN   /* before every time: an input that was not read */
#define WINDOW_FOREVER INT64_MAX /* behind every time: all inputs have ended */

/* A time or a length of time, and another: us + by_us, held between the two. */
static inline int64_t window_add_us(int64_t us, int64_t by_us)
{
	int64_t sum;

	if (__builtin_add_overflow(us, by_us, &sum))
		return by_us < 0 ? WINDOW_NEVER : WINDOW_FOREVER;
	return sum;
}

/* ---- the clock ---- */

enum { WINDOW_QUORUM_MAX = 32 };

/* The largest time of one value of the quorum's field. */
struct window_vote {
	int64_t us;
	struct buf value;
};

struct window_input {
	int64_t stream_us; /* T, or WINDOW_NEVER */
	bool is_ended;
	bool is_idle; /* it has left the minimum until something comes */
	uint32_t n_votes;
	struct window_vote *votes; /* with a quorum: up to so many, in no order */
};

struct window_clock {
	int64_t delay_us;
	int64_t max_ahead_us; /* WINDOW_FOREVER: no limit */
	int64_t watermark_us; /* W */
	int64_t max_us;       /* the largest T of all inputs, or WINDOW_NEVER */
	struct window_input *inputs;
	uint32_t n_inputs;
	uint32_t quorum;    /* 0: T is the largest time */
	uint32_t n_silent;  /* not ended, not idle and still at WINDOW_NEVER */
	uint32_t n_running; /* not ended, not idle and with a T */
	uint32_t n_idle;    /* not ended */
};

/* n_inputs: how many there will be in all, at least 1. */
void window_clock_init(struct window_clock *c, uint32_t n_inputs, int64_t delay_us, int64_t max_ahead_us);
void window_clock_release(struct window_clock *c);

/* From now on T of an input is the n-th largest (1..WINDOW_QUORUM_MAX) of the maxima of the values that are given to
 * window_clock_vote(), which takes the place of window_clock_see(). Before anything was seen. */
void window_clock_set_quorum(struct window_clock *c, uint32_t n);

/* Slow path of window_clock_see(): T of the input rises. */
void window_clock_raise(struct window_clock *c, uint32_t input, int64_t us);

/* A record of this time has come: raises T and W. Returns false when it is ahead of T by more than the limit: nothing
 * moves then. */
static inline bool window_clock_see(struct window_clock *c, uint32_t input, int64_t us)
{
	struct window_input *in = &c->inputs[input];

	if (us <= in->stream_us)
		return true;
	if (in->stream_us != WINDOW_NEVER && us - in->stream_us > c->max_ahead_us)
		return false;
	/* the only input that runs: as window_clock_raise() has it */
	if (c->n_inputs == 1 && in->stream_us != WINDOW_NEVER && !in->is_ended && !in->is_idle) {
		in->stream_us = us;
		if (us > c->max_us)
			c->max_us = us;
		if (us - c->delay_us > c->watermark_us)
			c->watermark_us = us - c->delay_us;
		return true;
	}
	window_clock_raise(c, input, us);
	return true;
}

/*
 * The same with a quorum: a record of this time and this value (any bytes that tell values apart) has come. An empty
 * value has no vote: it moves nothing. Until n values have voted there is no T, and nothing is ahead.
 */
bool window_clock_vote(struct window_clock *c, uint32_t input, int64_t us, struct slice value);

/* Time has come so far without a record: T rises to it where it is less. False as in window_clock_see(). With a quorum
 * T then stays there until the n-th largest maximum is above it. */
static inline bool window_clock_mark(struct window_clock *c, uint32_t input, int64_t us)
{
	return window_clock_see(c, input, us);
}

/* An input has ended: it leaves the minimum. After the last one W is WINDOW_FOREVER. */
void window_clock_end(struct window_clock *c, uint32_t input);

/* Nothing comes from an input for now: it leaves the minimum. Where all that have not ended are idle, W is that of the
 * newest record. */
void window_clock_idle(struct window_clock *c, uint32_t input);

/* Something comes again: the input is back in the minimum, with its T; W does not fall. */
void window_clock_wake(struct window_clock *c, uint32_t input);

/* W rises to us at least, and T of idle inputs with it: the clock on the wall decides, not a record. */
void window_clock_push(struct window_clock *c, int64_t us);

/* There are more inputs than there were. */
void window_clock_grow(struct window_clock *c, uint32_t n_inputs);

/* ---- geometry ---- */

struct etime_zone;

enum window_calendar { WINDOW_NO_CALENDAR, WINDOW_DAY, WINDOW_WEEK, WINDOW_MONTH, WINDOW_MULTIPLE };

struct window_spec {
	bool is_all;                 /* one window without bounds; the rest is 0 */
	int64_t size_us, advance_us; /* 0 < advance <= size */
	int64_t offset_us;           /* starts are offset + k * advance */
	enum window_calendar
		calendar; /* days, weeks from Monday on, months of a zone, or multiples of size_us by its clocks */
	const struct etime_zone *zone; /* of the calendar, borrowed; NULL is UTC */
	int64_t session_us;            /* sessions instead: the gap that ends one; not for the functions of panes */
	int64_t session_max_us;        /* multiples of it (by the clocks of zone) cut sessions; 0: nothing does */
	uint64_t every_n;              /* windows of so many records instead; 0: no */
	bool has_start, has_end;       /* windows from a record of a condition to one of another instead */
};

/* Windows are numbered by k: [start, end). */
int64_t window_start(const struct window_spec *s, int64_t k);
int64_t window_end(const struct window_spec *s, int64_t k);

struct window_pane {
	int64_t start_us, end_us; /* half-open */
	int64_t first, last;      /* numbers of the oldest and the newest window that contain it */
};

/* The pane that holds a time. */
struct window_pane window_pane_at(const struct window_spec *s, int64_t us);

/* The number of the oldest window that ends behind us. */
int64_t window_first_behind(const struct window_spec *s, int64_t us);

/* calendar.c: the start of window k, which is the end of k - 1, and the number of the window that holds a time. */
int64_t window_calendar_start(const struct window_spec *s, int64_t k);
int64_t window_calendar_at(const struct window_spec *s, int64_t us);

#endif
