/* panes_impl: what the files of panes and early.c share. Not for other modules. */
#ifndef TLM_PANES_IMPL_H
#define TLM_PANES_IMPL_H

#include "engine/carry.h"
#include "engine/early.h"
#include "engine/fill.h"
#include "engine/keep.h"
#include "engine/roll.h"
#include "engine/windows.h"

struct panes {
	struct engine_windows windows;
	const struct engine_opts *opts;
	struct pane **block; /* room for cap_panes; panes begins in it, behind those that went */
	struct pane **panes;
	size_t n_panes, cap_panes;
	size_t n_ready;            /* panes at the front of the array that were in a row */
	struct roll *roll;         /* holds those, where a window has several; NULL where it has one */
	uint64_t n_unreported;     /* records of those panes that are in no final row yet */
	struct pane *hot;          /* of the last record */
	struct group_table spare;  /* of a pane that went, emptied, for the next one: only if is_plain */
	bool is_plain;             /* no limits, only final rows, no bounds of a whole stream to note */
	int64_t closed_us;         /* W up to which windows were closed */
	int64_t next_close_us;     /* nothing closes before W is here */
	int64_t first_us, last_us; /* times of a whole stream */
	uint32_t part;             /* of the rows that go out, see engine_row */
	int64_t known_us;          /* a value of an unfinished window holds up to here */
	struct keep keep;
	struct carry carry;
	struct fill fill;
	struct early early;    /* rows before the final one */
	uint64_t shared_bytes; /* of those, as the limits count them */
	struct engine_late *late;
	struct engine_counts *counts;
};

/* W at which window k closes. */
static inline int64_t panes_closing_of(const struct panes *w, int64_t k)
{
	return w->opts->window.is_all ? WINDOW_FOREVER : window_end(&w->opts->window, k) + w->opts->grace_us;
}

/* Of pieces: a group in a pane. */
enum { PANES_KIND = 'w' };

/* The table of a pane; where it is kept, a word behind the states counts the records of a group. */
static inline uint32_t panes_entry_bytes(const struct panes *w)
{
	return w->opts->list->state_bytes + (w->keep.is_on ? (uint32_t)sizeof(uint64_t) : 0);
}

static inline uint64_t *panes_count_of(const struct panes *w, struct group_entry *e)
{
	return &e->state[w->opts->list->state_bytes / sizeof(uint64_t)];
}

/* The pane that starts at `where`, made if it is not there; NULL when a new one has no room. */
struct pane *panes_get(struct panes *w, const struct window_pane *where, int64_t watermark_us);

/* A group is new in a pane; `before` it was charged with that. */
void panes_count_group(struct panes *w, struct pane *p);
void panes_charge(struct panes *w, struct pane *p, const struct group_entry *entry, uint64_t before, bool is_new);

/* panes_close.c: W has risen: what closes goes out, then what is told early. 0, or -1 with err. */
int panes_step(struct panes *w, int64_t watermark_us, bool is_final, struct err *err);
void panes_free_pane(struct panes *w, struct pane *p);

/* Whether panes_step() has anything to do. */
static inline bool panes_is_due(const struct panes *w, int64_t watermark_us)
{
	return watermark_us >= w->next_close_us || watermark_us >= w->early.next_us;
}

/* panes_keep.c: as engine_save(), engine_load(), engine_loaded() */
void panes_save(struct engine_windows *windows, engine_piece_fn *save, void *context);
int panes_load(
	struct engine_windows *windows, const struct engine_piece *piece, struct json_span value, struct err *err);
void panes_loaded(struct engine_windows *windows, int64_t watermark_us);

/* The rows of window k: 0, or -1 with err. */
int panes_emit_window(struct panes *w, int64_t k, bool is_final, struct err *err);

/* The groups of a table, its only pane, as the rows of window k. */
int panes_emit_table(struct panes *w, int64_t k, struct group_table *t, bool is_final, struct err *err);

void panes_release_groups(struct panes *w, struct group_table *t);
void panes_release_states(const struct panes *w, struct group_table *t); /* what they own */

/* The oldest window with groups goes out as a part and begins anew. There is one. 0, or -1 with err. */
int panes_emit_part(struct panes *w, struct err *err);

/* The limits count the groups of a pane no more. */
void panes_uncount(struct panes *w, struct pane *p);

/* The row of window k that its groups fill in one by one. */
struct engine_row panes_row(const struct panes *w, int64_t k, bool is_final);
int panes_emit(struct panes *w, int64_t k, struct engine_row *row, void *states, struct err *err);

/* The number of the next window to close: the oldest with records that was not closed before, or the one behind the
 * last where windows are filled. */
int64_t panes_next_window(const struct panes *w);

/* panes_run.c */
bool panes_have_runs(const struct engine_windows *windows);
int panes_run_seek(struct engine_windows *windows, int64_t us, int64_t watermark_us, struct err *err);
bool panes_run_start(struct engine_windows *windows, struct engine_run *run);
void *panes_run_states(struct engine_windows *windows, struct slice key, uint64_t hash, bool *is_new);
void panes_run_end(struct engine_windows *windows, uint64_t n_records, uint64_t digest);

#endif
