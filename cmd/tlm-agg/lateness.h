/*
 * lateness: what each delay would lose: --explain-lateness.
 *
 * T of the stream does not depend on the delay, so for each record there is one number that tells with which delays it
 * is lost: in windows with bounds, T - (end + grace) of its newest window: all delays up to it; elsewhere (sessions,
 * runs, the whole stream) T - (time + gap + grace): all delays below it. One pass counts these numbers by steps, so the
 * counts at each step are exact; a session may save a record by an open neighbour, there they are upper bounds.
 *
 * Memory: open/close; a few hundred bytes for each of up to LATENESS_GROUPS_MAX groups. One thread.
 */
#ifndef TLM_AGG_LATENESS_H
#define TLM_AGG_LATENESS_H

#include "rows/rows.h"
#include "window/window.h"

enum {
	LATENESS_GROUPS_MAX = 100000, /* later groups are in the whole only */
	LATENESS_WORST = 10           /* groups that are told: those that need the longest delay */
};

struct lateness;

/* spec is borrowed. delay_us: of --delay, a step of its own. */
struct lateness *lateness_open(const struct window_spec *spec, int64_t grace_us, int64_t delay_us);
void lateness_close(struct lateness *l); /* does nothing for NULL */

/* A record, the key of its group, and the watermark (raised by it) of a delay of 0. */
void lateness_add(struct lateness *l, int64_t time_us, struct slice key, int64_t watermark_us);

/* Appends the report, as rows of ndjson or as a table with the fields of -g over it; returns the number of rows. */
uint64_t lateness_write(
	struct lateness *l, enum rows_format format, const struct rows_field *fields, size_t n_fields, struct buf *out);

#endif
