/* panes: the windows of engine.h that time alone makes: tumbling, hopping, of the calendar, the whole stream. Not for
 * other modules. */
#ifndef TLM_PANES_H
#define TLM_PANES_H

#include "engine/windows.h"

/* opts, late and counts are the engine's. */
struct engine_windows *panes_open(
	const struct engine_opts *opts, struct engine_late *late, struct engine_counts *counts);

#endif
