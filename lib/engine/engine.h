/*
 * engine: records in, rows out, clock in: the windows, their groups and what is kept of them.
 *
 * It knows nothing of files, JSON lines or output forms. A record comes with its time, its group key, its values and
 * the watermark W that it raised (struct window_clock is the caller's: one clock may drive several engines); a row goes
 * out through a callback when its window closes. Results depend on the records alone: not on batches.
 *
 * The rules: a window [s, e) is closed when W >= e + grace; a record is accepted for a window if and only if that
 * window is not closed when the record is judged; T is raised by the record first. Rows of one advance leave by (window
 * end, window start, group). Sessions, whose bounds are inclusive: sessions.h; count windows and trips: runs.h.
 *
 * Memory: open/close; one block per pane, freed when its last window closes. Not thread safe per object.
 */
#ifndef TLM_ENGINE_H
#define TLM_ENGINE_H

#include "aggregate/aggregate.h"
#include "buf/buf.h"
#include "err/err.h"
#include "window/window.h"

struct engine_bounds {
	int64_t start_us, end_us;
};

struct engine_row {
	bool has_bounds; /* false: a whole stream without times */
	int64_t start_us, end_us;
	struct slice key;   /* of the group, see group.h */
	const void *states; /* for agg_result() */
	int64_t closes_us;  /* W from which it leaves; WINDOW_NEVER: its last record is enough */
	bool is_final;
	bool is_first_of_window, is_last_of_window;
	bool has_rev;                         /* the engine tells rows before the final one */
	uint32_t rev;                         /* how many rows of this window and group there were before */
	const struct engine_bounds *replaces; /* rows that this one makes void: its session has grown since */
	size_t n_replaces;
	int64_t known_us; /* the largest time of the stream, where values of an unfinished window hold no longer; else
			     WINDOW_FOREVER */
	uint32_t part;    /* of a window whose groups went out before it closed, from 1 on; 0: the whole */
	bool is_cut;      /* a session or trip that a border of session_max parts: it may go on in its neighbour */
};

/* Takes one row; what it points at lives until the last row of its window was taken. 0, or -1 with err: the run ends.
 */
typedef int engine_row_fn(void *context, const struct engine_row *row, struct err *err);

/* Which rows go out: see early.h. */
enum engine_emit {
	ENGINE_FINAL,  /* one for each window and group, when the window closes */
	ENGINE_UPDATE, /* and when it is complete, then for each record that it accepts */
	ENGINE_EVERY   /* and whenever W reaches a multiple of emit_every_us, of what has changed */
};

/*
 * How much may be open: 0 is no limit. A group counts in each window (in each pane of hopping ones), as each session
 * does, and each group with a run or records that wait. Bytes are those of states, keys and what states own.
 */
struct engine_limits {
	uint64_t groups, bytes;
	/* What has no room makes the oldest windows go out as a part; else it is ENGINE_FULL. Only for windows of one
	 * pane that are not filled and have no values that hold, and without rows before the final one. */
	bool is_early;
};

struct engine_opts {
	struct window_spec window;
	struct engine_limits limits;
	bool has_time;         /* false: records have no time (window.is_all, every_n) */
	bool is_filling;       /* time windows have a row for each group that was seen before */
	int64_t grace_us;      /* how long a complete window stays open */
	bool is_kept;          /* engine_save() is called: what changes is noted */
	enum engine_emit emit; /* not for count windows and trips; update has a grace and an end of windows */
	int64_t emit_every_us;
	struct agg_list *list; /* borrowed */
	engine_row_fn *row;
	void *context;
};

struct engine_record {
	struct agg_place place; /* time_us is 0 without times */
	struct slice key;
	uint64_t hash;                  /* group_hash() of it */
	const struct agg_value *values; /* one per field of the list */
	bool is_start, is_end;          /* of a trip: window.has_start, has_end */
};

/* States that stand for the records of [start, end): of a window elsewhere. */
struct engine_part {
	int64_t start_us, end_us; /* 0 without times */
	struct slice key;
	const void *states;
	bool is_window; /* the bounds are those of a window here, which hops: its records are in its neighbours too */
};

enum engine_fate {
	ENGINE_ERROR = -1, /* the callback failed */
	ENGINE_TAKEN,      /* accepted by at least one window */
	ENGINE_LATE,       /* refused by all: see engine_late() */
	ENGINE_FULL,       /* refused: the limits are reached. Time has gone on all the same */
	ENGINE_MISFIT      /* a part that is in no window as a whole, or only in some: a border lies in it */
};

/* A record that was late: the newest window it missed, how many, and by how much. */
struct engine_late {
	int64_t start_us, end_us;
	uint64_t windows;
	int64_t late_us; /* W - (end + grace) of that window, at least 0; of a session W - (last + gap + grace) */
};

/* Records by fate; kept are in at least one final row. taken = kept + open + outside (in no trip). */
struct engine_counts {
	uint64_t taken, kept, outside, late, late_partial, rows;
	int64_t late_max_us;
	uint64_t unfilled;      /* windows without a record that a silence of more than FILL_MAX left without rows */
	uint64_t groups, bytes; /* that are open now, as engine_limits counts them; bytes only if they are limited */
};

struct engine;

struct engine *engine_open(const struct engine_opts *opts);
void engine_close(struct engine *e); /* does nothing for NULL */

/* Judges and adds one record; windows that W, raised by it, closes go out first. */
enum engine_fate engine_add(
	struct engine *e, const struct engine_record *record, int64_t watermark_us, struct err *err);

/*
 * The usual record does nothing but count: it goes where the last one went, nothing is due before it, and only final
 * rows tell of it. Several such may be added to their states by the caller, which is the same as engine_add() of each:
 * from engine_run_start() to engine_run_end() nothing else is called, and states stay where they are until a group is
 * new.
 */
struct engine_run {
	int64_t start_us, end_us; /* the times of its records */
	int64_t due_us;           /* their W is below it */
};

/* Whether this engine has such a way at times. */
bool engine_has_runs(const struct engine *e);

/* The next run is to be of the pane of this time, whose windows are all open, and W has risen: what it closes goes out.
 * engine_run_start() is true then, and the run has a record. The engine has runs. 0, or -1 with err. */
int engine_run_seek(struct engine *e, int64_t us, int64_t watermark_us, struct err *err);

/* False: there is no such way now. */
bool engine_run_start(struct engine *e, struct engine_run *run);

/* The states of a group, for agg_states_add() of one record or more. */
void *engine_run_states(struct engine *e, struct slice key, uint64_t hash, bool *is_new);

/* So many records were added; digest: the sum of the hashes of their groups. */
void engine_run_end(struct engine *e, uint64_t n_records, uint64_t digest);

/* Whether so much is open that engine_prefetch() is worth its call. */
bool engine_is_large(const struct engine *e);

/* Fetches into the cache what engine_add() of a record with this hash will read, as far as one can tell: first where
 * that is, and nearer to the call (is_near) what is there. */
void engine_prefetch(const struct engine *e, uint64_t hash, bool is_near);

/*
 * The same for a part: its states are merged into those of the windows that it lies in. No window may begin or end in
 * it; but sessions grow: a part of sessions is one (of a gap that is not longer, end_us is its last record), and late
 * when a session that it could have touched may have closed. Not for count windows and trips, and parts with is_window
 * do not go together with others.
 */
enum engine_fate engine_merge(struct engine *e, const struct engine_part *part, int64_t watermark_us, struct err *err);

/* About the record or part that was just ENGINE_LATE. */
const struct engine_late *engine_late(const struct engine *e);

/* W has risen without a record: what it closes goes out. 0, or -1 with err. */
int engine_advance(struct engine *e, int64_t watermark_us, struct err *err);

/* Sends out everything that is open: as final rows (the end of all inputs) or not (a signal). known_us is the largest
 * time of the stream: values hold (agg_states_settle()) no longer in a window that ends behind it. 0, or -1 with err.
 */
int engine_flush(struct engine *e, int64_t known_us, bool is_final, struct err *err);

/* The first and the last time of a whole stream, for its row, as far as this engine saw it: several engines that share
 * a stream tell each other before they are flushed. WINDOW_FOREVER and WINDOW_NEVER when it has seen none. */
void engine_span(const struct engine *e, int64_t *first_us, int64_t *last_us);
void engine_widen(struct engine *e, int64_t first_us, int64_t last_us);

const struct engine_counts *engine_counts(const struct engine *e);

/*
 * What is open, in one number: the sum over its records of a hash of window (or pane) and group. The sum of the digests
 * of several engines is that of one.
 */
uint64_t engine_digest(const struct engine *e);

/* What is open was rebuilt: from now on only that counts, and what comes. */
void engine_forget_counts(struct engine *e);

/*
 * What is open, piece by piece, to be kept elsewhere: a group in a pane, the sessions of a group, its count window or
 * trip, a record that waits, what a group carries over. Whoever keeps the last value of each name has all that is open.
 */
struct engine_piece {
	char kind; /* with id and key the name: a letter */
	int64_t id;
	struct slice key;   /* of a group, or empty */
	struct slice value; /* a JSON object, see docs/formats.md; p NULL: the piece has gone */
};

/* What it points at lives until it returns. */
typedef void engine_piece_fn(void *context, const struct engine_piece *piece);

/* What has changed or gone since the last call. */
void engine_save(struct engine *e, engine_piece_fn *save, void *context);

/* Brings a piece back, before the first record; value is that of the piece, JSON_PAD_BYTES readable behind it. When all
 * are there, engine_loaded() with the W at which they were saved. 0, or -1 with ERR_DATA: no such piece, damaged. */
int engine_load(struct engine *e, const struct engine_piece *piece, struct json_span value, struct err *err);
void engine_loaded(struct engine *e, int64_t watermark_us);

/* The earliest start of a session, trip or count window whose row has not been taken; WINDOW_FOREVER when there is
 * none. May be asked while a row is taken. Looks at each of them. Not for time windows, which close in the order of
 * starts. */
int64_t engine_oldest_start(const struct engine *e);

/* Bytes of state, and how many groups (in panes) they hold: for tests and figures. */
void engine_memory(const struct engine *e, size_t *bytes, size_t *groups);

#endif
