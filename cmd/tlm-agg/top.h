/*
 * top: the N rows of a window with the largest value of one output: --top.
 *
 * Values have the order of groups: null, false, true, numbers, strings. Of rows with the same value the earlier ones in
 * the order of the rows win. Rows are kept as they come from the engine, without a copy: they live until the last row
 * of their window was taken. Memory: open/close; N values. One thread.
 */
#ifndef TLM_AGG_TOP_H
#define TLM_AGG_TOP_H

#include "aggregate/aggregate.h"
#include "engine/engine.h"
#include "err/err.h"

struct top;

/* text is "N:NAME". NULL with ERR_USAGE ("--top 0:x") or ERR_PROGRAM (no output has this name). list is borrowed. */
struct top *top_open(const char *text, const struct agg_list *list, struct err *err);
void top_close(struct top *t); /* does nothing for NULL */

void top_add(struct top *t, const struct engine_row *row);

/* The window is complete: how many rows were kept; they are numbered in the order in which they came. */
size_t top_end(struct top *t);
const struct engine_row *top_row(const struct top *t, size_t i);

/* Forgets the rows, for the next window. */
void top_reset(struct top *t);

#endif
