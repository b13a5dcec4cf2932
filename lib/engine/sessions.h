/*
 * sessions: the windows of engine.h that the records of a group make themselves: records at most the gap apart belong
 * together. Not for other modules.
 *
 * A record is merged with the open sessions of its group that it touches, within the borders of session_max. A session
 * is closed when W > last + gap + grace; a record without an open neighbour is late when a session of it alone is.
 */
#ifndef TLM_SESSIONS_H
#define TLM_SESSIONS_H

#include "engine/windows.h"

/* opts, late and counts are the engine's. */
struct engine_windows *sessions_open(
	const struct engine_opts *opts, struct engine_late *late, struct engine_counts *counts);

#endif
