/*
 * latest: the newest row of each group in one file that is always whole: --latest.
 *
 * Rows as the suffix says (.csv, .tsv, .ndjson, .jsonl), sorted by group, each with last_updated behind it: the end of
 * its window. The file is written beside and renamed. Memory: open/close; one row for each group ever seen. One thread.
 */
#ifndef TLM_AGG_LATEST_H
#define TLM_AGG_LATEST_H

#include <stdbool.h>

#include "err/err.h"
#include "rows/rows.h"

struct latest;

/* The form of a name, by its suffix: 0, or -1 with ERR_USAGE. */
int latest_form(const char *name, enum rows_format *form, struct err *err);

/* rows (of that form) belongs to the object from here on; time is the form of last_updated. */
struct latest *latest_open(const char *name, struct rows *rows, enum rows_format form, enum rows_time time);
void latest_close(struct latest *t); /* does nothing for NULL; the file stands as it was last written */

/* Takes a row: final ones come by the end of their windows, so each is the newest of its group; others are told
 * again, and count unless the group has one of a newer window. */
void latest_add(struct latest *t, const struct engine_row *row);

/* Replaces the file, if rows came since; is_lazy: unless that was done within the last second. 0, or -1 with ERR_IO. */
int latest_write(struct latest *t, bool is_lazy, struct err *err);

#endif
