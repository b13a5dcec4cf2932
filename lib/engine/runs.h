/*
 * runs: the windows of engine.h that consecutive records of a group make: count windows (--every-n) and trips
 * (--start, --end). Not for other modules.
 *
 * Records of a group are looked at in the order of their places: (time, input, line); without times as they come. So a
 * record waits until no earlier one can come: it is folded when W > its time + grace, and one that comes with W beyond
 * that is late. Disorder within the delay then changes nothing.
 *
 * A count window is full with its record N. A trip begins with a record of start (without start: with any record that
 * is in no trip) and ends with one of end, which belongs to it; a record of start inside a trip goes on with it, or,
 * where there is no end, begins the next one. A gap of more than session_us behind a record ends a trip too, and
 * session_max_us cuts those that go on at its borders. Records in no trip are counted as outside.
 */
#ifndef TLM_RUNS_H
#define TLM_RUNS_H

#include "engine/windows.h"

/* opts, late and counts are the engine's. */
struct engine_windows *runs_open(
	const struct engine_opts *opts, struct engine_late *late, struct engine_counts *counts);

#endif
