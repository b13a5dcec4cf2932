/* sessions_impl: what sessions.c, sessions_close.c and sessions_early.c share. Not for other modules. */
#ifndef TLM_SESSIONS_IMPL_H
#define TLM_SESSIONS_IMPL_H

#include "engine/keep.h"
#include "engine/owners.h"
#include "engine/waiting.h"
#include "engine/windows.h"

struct session {
	struct owner *owner; /* NULL: merged into another, only the heap knows it */
	int64_t first_us, last_us;
	uint64_t n_records;
	uint32_t n_due;               /* entries of heaps that point here */
	uint32_t rev;                 /* rows so far */
	bool is_changed, is_ripening; /* since the last row; the heap of sessions to complete knows it */
	struct engine_bounds *told;   /* rows that were told and are not void yet */
	size_t n_told;
	uint64_t charged; /* see windows_charge() */
	uint64_t states[];
};

struct owner {
	struct owners_head head;
	struct session **open; /* by time */
	size_t n, cap;
	bool is_touched, is_there; /* it has changed since it was saved; it was saved */
};

struct due {
	int64_t last_us; /* the session ends here or later */
	struct session *session;
};

struct sessions {
	struct engine_windows windows;
	const struct engine_opts *opts;
	int64_t gap_us, keep_us;    /* keep: gap + grace */
	struct window_spec borders; /* of session_max */
	struct window_pane between; /* the borders around the last record */
	struct owners owners;
	struct keep keep;
	struct due *heap;
	size_t n_heap, cap_heap;
	struct waiting ripening;  /* with --emit update: by the time behind which they may be complete */
	int64_t next_border_us;   /* with --emit every */
	struct session **closing; /* or told early */
	size_t n_closing, cap_closing;
	bool is_full;                  /* find_place() found no room */
	const struct session *leaving; /* whose row goes out */
	struct engine_late *late;
	struct engine_counts *counts;
};

/* The borders of session_max around a time. */
static inline struct window_pane sessions_borders(const struct sessions *s, int64_t us)
{
	return s->opts->window.session_max_us ? window_pane_at(&s->borders, us)
					      : (struct window_pane){WINDOW_NEVER, WINDOW_FOREVER, 0, 0};
}

/* ---- sessions.c ---- */

/* A session of one record at a place among those of its owner. */
struct session *sessions_insert(struct sessions *s, struct owner *o, size_t at, int64_t us);

/* The limits count what it costs now. */
void sessions_charge(struct sessions *s, struct session *x);

/* ---- sessions_keep.c: as engine_save(), engine_load(), engine_loaded() ---- */

enum { SESSIONS_KIND = 's' }; /* of pieces */

void sessions_save(struct engine_windows *windows, engine_piece_fn *save, void *context);
int sessions_load(
	struct engine_windows *windows, const struct engine_piece *piece, struct json_span value, struct err *err);
void sessions_loaded(struct engine_windows *windows, int64_t watermark_us);

/* ---- sessions_close.c ---- */

/* A session is new: it closes in its turn. */
void sessions_push(struct sessions *s, struct session *x);

/* A heap points to it no more: it goes with the last one. */
void sessions_let_go(struct sessions *s, struct session *x);

/* The limits count it no more. */
void sessions_uncount(struct sessions *s, const struct session *x);

/* Whether a session that ends there has closed. */
bool sessions_are_closed(const struct sessions *s, int64_t last_us, int64_t watermark_us);

/* Sends out what W closes. 0, or -1 with err. */
int sessions_close(struct sessions *s, int64_t watermark_us, bool is_final, struct err *err);

/* Sets aside a session whose row goes out: s->closing; and brings those into the order of rows. */
void sessions_set_aside(struct sessions *s, struct session *x);
void sessions_sort_aside(struct sessions *s);

int sessions_emit(struct sessions *s, struct session *x, bool is_final, struct err *err);

/* ---- sessions_early.c ---- */

/* It is told when W has completed it. */
void sessions_ripen(struct sessions *s, struct session *x);

/* W has risen, what it closes has closed: the rows before the final one. 0, or -1 with err. */
int sessions_tell(struct sessions *s, int64_t watermark_us, struct err *err);

/* A session has taken something. 0, or -1 with err. */
int sessions_note_taken(struct sessions *s, struct session *x, int64_t watermark_us, struct err *err);

#endif
