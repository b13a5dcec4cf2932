/*
 * merge: all inputs as one stream of records: in time order (ties: order of the inputs, then line) where times are
 * needed, else one input after the other. Also the loops: after the end everything is opened again.
 *
 * A record out of order inside its input (or beyond the sort window) comes as soon as it stands at the front.
 */
#ifndef REPLAY_MERGE_H
#define REPLAY_MERGE_H

#include "reader.h"

struct merge;

/* names are borrowed. NULL with err for bad options of CSV. */
struct merge *merge_open(
	const struct replay_opts *o, struct tool *t, const char *const *names, size_t n_names, struct err *err);
void merge_close(struct merge *m);

/* As reader_next(). READ_END is the end of one loop. */
enum reader_result merge_next(struct merge *m, struct record *r, struct err *err);

/* As reader_text(), one input after the other. */
enum reader_result merge_text(struct merge *m, struct slice *text, uint64_t *n, uint64_t max, struct err *err);

/* After READ_END: everything from the start again, this time uncounted. Returns 0, or -1 with err. */
int merge_rewind(struct merge *m, struct err *err);

/* Whether no record was given since the start, or since the last rewind. */
bool merge_is_empty(const struct merge *m);

/* No input is read any more: what was read goes on, then comes READ_END. */
void merge_end(struct merge *m);

/* The input to wait for after READ_WAIT. */
struct reader *merge_reader(const struct merge *m);

void merge_progress(const struct merge *m, uint64_t *read_bytes, uint64_t *total_bytes);

#endif
