/*
 * rotate: rows into files that are named by the start of their window: -o 'metrics-%Y%m%dT%H%M.csv'.
 *
 * The name is a pattern of etime_strftime(). Each file has its header and is written beside its name, which it gets
 * when no later row can belong to it (rotate_pass()), or at the end. A name that comes again in the run is NAME.1, then
 * NAME.2. At most ROTATE_FILES are open at once: the one whose rows are oldest goes first. Memory: the sink owns it:
 * sink_close(). One thread.
 */
#ifndef TLM_AGG_ROTATE_H
#define TLM_AGG_ROTATE_H

#include <stdbool.h>

#include "err/err.h"
#include "etime/etime.h"
#include "rows/rows.h"
#include "sink/sink.h"

enum { ROTATE_FILES = 100 };

struct rotate;

/* Whether a place of -o (NULL: none) is such a pattern: a plain path with a '%'. */
bool rotate_is_pattern(const char *place);

/* pattern is borrowed. NULL with ERR_PROGRAM: "%Q". */
struct rotate *rotate_open(const char *pattern, struct err *err);
struct sink *rotate_sink(struct rotate *r); /* takes no bytes; finish() and close() are for the whole */

/* Before the first row. zone is borrowed, NULL is UTC; has_header: csv and tsv. */
void rotate_start(struct rotate *r, const struct etime_zone *zone, bool has_header);

/* Writes a row into its file, if it has a form in rows; *n_bytes grows by it. 0, or -1 with err. */
int rotate_add(struct rotate *r, struct rows *rows, const struct engine_row *row, uint64_t *n_bytes, struct err *err);

/* No later row begins before from_us: files behind which that is get their names. 0, or -1 with err. */
int rotate_pass(struct rotate *r, int64_t from_us, struct err *err);

/* Whether a file would get its name then, or none is open: no later time needs a look. */
bool rotate_can_pass(struct rotate *r, int64_t from_us);

#endif
