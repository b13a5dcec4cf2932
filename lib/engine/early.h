/*
 * early: rows of time windows before the final one: --emit update and every. Not for other modules.
 *
 * update: the groups of a window when it is complete (W >= end), then the group of each record that it accepts until it
 * closes. every: when W reaches a multiple of D, the groups of open windows that took a record since the last one. A
 * window that closes in the same advance has its final row only. Each row has the number of those of its window and
 * group before it.
 */
#ifndef TLM_EARLY_H
#define TLM_EARLY_H

#include "engine/roll.h"
#include "engine/told.h"

struct panes;

/* Set in group_entry.spare: it took something since the last border. */
enum { EARLY_CHANGED = 1 };

struct early {
	struct told told;
	int64_t next_us;    /* early_step() has nothing to do before W is here */
	int64_t complete_k; /* windows up to this one are complete: their rows went out */
	bool is_started;    /* complete_k is known */
	struct roll *roll;  /* of complete windows, as that of panes: holds panes first .. end - 1 of the array */
	size_t first, end;
};

void early_open(struct panes *w);
void early_close(struct panes *w);

/* W has risen, what it closes has closed. 0, or -1 with err. */
int early_step(struct panes *w, int64_t watermark_us, struct err *err);

/* A group of a pane has taken something. */
int early_note(struct panes *w, struct pane *p, struct slice key, struct group_entry *entry, int64_t watermark_us,
	struct err *err);

/* A pane was made at this place of the array; the first n panes leave it, windows up to k have closed. */
void early_pane_made(struct panes *w, size_t at);
void early_panes_leave(struct panes *w, size_t n, int64_t k);

/* The state of complete windows that must take what a pane takes, or NULL. */
void *early_touch(struct panes *w, struct pane *p, struct slice key, const struct group_entry *entry);

/* All panes and what was told were loaded, W is. */
void early_loaded(struct panes *w, int64_t watermark_us);

/* The first multiple of D behind W. */
int64_t early_next_border(int64_t watermark_us, int64_t every_us);

#endif
