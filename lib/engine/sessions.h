/*
 * sessions: the windows of engine.h that the records of a group make themselves: records at most the gap apart belong
 * together. Not for other modules.
 *
 * A record is merged with the open sessions of its group that it touches, within the borders of session_max. A session
 * is closed when W > last + gap + grace; a record without an open neighbour is late when a session of it alone is.
 */
#ifndef TLM_SESSIONS_H
#define TLM_SESSIONS_H

#include "engine/engine.h"

struct sessions;

/* late and counts are the engine's. */
struct sessions *sessions_open(const struct engine_opts *opts, struct engine_late *late, struct engine_counts *counts);
void sessions_close(struct sessions *s); /* does nothing for NULL */

/* As engine_add(), after the clock has seen the record. */
enum engine_fate sessions_add(
	struct sessions *s, const struct engine_record *record, int64_t watermark_us, struct err *err);

/* Sends out what W closes: all of it for WINDOW_FOREVER. 0, or -1 with err. */
int sessions_advance(struct sessions *s, int64_t watermark_us, bool is_final, struct err *err);

void sessions_memory(const struct sessions *s, size_t *bytes, size_t *groups);

#endif
