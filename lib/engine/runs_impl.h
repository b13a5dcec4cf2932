/* runs_impl: what runs.c and runs_keep.c share. Not for other modules. */
#ifndef TLM_RUNS_IMPL_H
#define TLM_RUNS_IMPL_H

#include "engine/keep.h"
#include "engine/owners.h"
#include "engine/waiting.h"
#include "engine/windows.h"

/*
 * A hash table leads from a key to its owner, who has at most one open run. Records with times wait in one heap over
 * all groups, each with a state of its own, which is merged into that of its run when it is folded. A second heap says
 * which runs end without a record: one entry for each owner that has such a run, a lower bound as in sessions.c.
 */
struct run {
	struct owner *owner;
	int64_t first_us, last_us;
	uint64_t n_records;
	uint64_t number;   /* of those that close together: keeps the runs of one time in order */
	int64_t closes_us; /* W from which it leaves */
	int64_t border_us; /* where session_max cuts it, or WINDOW_FOREVER */
	bool is_cut;
	uint64_t charged; /* see windows_charge() */
	uint64_t states[];
};

struct owner {
	struct owners_head head;
	struct run *open;          /* NULL: none, or one that goes on behind a border without a record yet */
	int64_t last_us;           /* of the last record in a run */
	uint32_t n_holds;          /* waiting and closing things that point here */
	bool is_going;             /* inside a run */
	bool is_counted;           /* by the limits: something is open or waits */
	bool is_cut, is_due;       /* the run goes on behind a border; the heap knows this owner */
	bool is_touched, is_there; /* its run has changed since it was saved; one was saved */
};

/* A record that waits. */
struct held {
	struct owner *owner;
	uint64_t charged;
	bool is_start, is_end;
	bool is_there; /* it was saved */
	uint64_t states[];
};

struct runs {
	struct engine_windows windows;
	const struct engine_opts *opts;
	const struct window_spec *spec;
	struct window_spec borders; /* of session_max */
	struct owners owners;
	struct keep keep;
	struct waiting held, due;
	struct run **closing;
	size_t n_closing, cap_closing, closing_at;
	size_t n_runs;
	struct engine_late *late;
	struct engine_counts *counts;
};

/* ---- runs.c ---- */

/* The owner of a key, made if need be. */
struct owner *runs_owner(struct runs *r, struct slice key, uint64_t hash);

/* A run of an owner that has none open. */
struct run *runs_open_run(struct runs *r, struct owner *o, int64_t us);

/* A record that waits, still without a state. */
struct held *runs_hold(struct runs *r, struct slice key, uint64_t hash, const struct agg_place *place);

/* The limits count what they cost now. */
void runs_charge_run(struct runs *r, struct run *run);
void runs_charge_held(struct runs *r, struct held *h);
void runs_count_owner(struct runs *r, struct owner *o);

/* What an owner is in may end without a record: it does so in its turn. */
void runs_push_due(struct runs *r, struct owner *o, int64_t watermark_us);

/* ---- runs_keep.c: as engine_save(), engine_load(), engine_loaded(), engine_digest() ---- */

enum { RUNS_KIND = 'r', HELD_KIND = 'q' }; /* of pieces: the run of a group, a record that waits */

void runs_save(struct engine_windows *windows, engine_piece_fn *save, void *context);
int runs_load(
	struct engine_windows *windows, const struct engine_piece *piece, struct json_span value, struct err *err);
void runs_loaded(struct engine_windows *windows, int64_t watermark_us);
uint64_t runs_digest(const struct engine_windows *windows);

#endif
