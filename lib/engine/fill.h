/*
 * fill: the groups that were seen, for time windows that give a row to each of them: --fill. Not for other modules.
 *
 * From the first window of a group that closes on, it is in every window. Windows then follow one another without a
 * gap; but after FILL_MAX windows without any record the next one is that which has some, so that a clock that jumps to
 * the year 9999 makes no output without an end. Memory: init/release; one key for each group ever seen.
 */
#ifndef TLM_FILL_H
#define TLM_FILL_H

#include "engine/roll.h"

enum { FILL_MAX = 100000 };

struct fill {
	bool is_on;
	int64_t next_k;      /* the window to close next, once some group is known */
	int64_t n_silent;    /* windows without a record before it */
	uint64_t n_left_out; /* windows without a record that were not filled, as windows behind them are known to be */
	struct group_table known;
	struct roll_row *rows;
	uint64_t *empty; /* states of the rows that were made up */
	size_t n_empty;
};

void fill_init(struct fill *f, bool is_on);
void fill_release(struct fill *f);

/* Window k closes with these groups: those that are missing get a zeroed state, those that are new are learned. */
void fill_window(struct fill *f, int64_t k, struct group_table *groups);

/* The same for sorted rows: returns those of all groups, until fill_release_rows(). */
const struct roll_row *fill_rows(
	struct fill *f, int64_t k, const struct agg_list *list, const struct roll_row *rows, size_t *n_rows);
void fill_release_rows(struct fill *f, const struct agg_list *list);

/* Whether window next_k closes next, with or without records. */
static inline bool fill_goes_on(const struct fill *f)
{
	return f->known.n > 0 && f->n_silent < FILL_MAX;
}

#endif
