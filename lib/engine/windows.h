/*
 * windows: what each kind of windows does, behind the engine: panes.h, sessions.h. Not for other modules.
 *
 * Each judges and counts a record in the engine's late and counts, and sends its rows out itself.
 */
#ifndef TLM_WINDOWS_H
#define TLM_WINDOWS_H

#include "engine/engine.h"

struct engine_windows {
	const struct engine_windows_ops *ops;
};

/* Whether a group that is new has no room; whether one that is there has none either. */
static inline bool windows_are_full(const struct engine_opts *opts, const struct engine_counts *counts)
{
	return (opts->limits.groups && counts->groups >= opts->limits.groups) ||
	       (opts->limits.bytes && counts->bytes >= opts->limits.bytes);
}

static inline bool windows_cannot_grow(const struct engine_opts *opts, const struct engine_counts *counts)
{
	return opts->limits.bytes && counts->bytes >= opts->limits.bytes && opts->list->has_memory;
}

/* One group, session or run: what it is charged with, and what it costs now; fixed: besides what its states own. */
static inline void windows_charge(const struct engine_opts *opts, struct engine_counts *counts, uint64_t *charged,
	uint64_t fixed_bytes, const void *states)
{
	uint64_t bytes = opts->limits.bytes ? fixed_bytes + agg_states_owned(opts->list, states) : 0;

	counts->bytes += bytes - *charged;
	*charged = bytes;
}

/* Every bit of a hash depends on every bit of x (the last step of SplitMix64); odd. */
static inline uint64_t windows_mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (x ^ x >> 31) | 1;
}

struct engine_windows_ops {
	/* As engine_add(): W has been raised by the record. */
	enum engine_fate (*add)(struct engine_windows *windows, const struct engine_record *record,
		int64_t watermark_us, struct err *err);
	/* As engine_merge(); NULL where nothing can be merged. */
	enum engine_fate (*merge)(
		struct engine_windows *windows, const struct engine_part *part, int64_t watermark_us, struct err *err);
	/* Sends out what W closes: all of it for WINDOW_FOREVER. known_us: as in engine_flush(). 0, or -1 with err. */
	int (*advance)(
		struct engine_windows *windows, int64_t watermark_us, int64_t known_us, bool is_final, struct err *err);
	/* As engine_oldest_start(). */
	int64_t (*oldest_start)(const struct engine_windows *windows);
	/* Optional, all five: engine_run_start() and what goes with it. */
	bool (*has_runs)(const struct engine_windows *windows);
	int (*run_seek)(struct engine_windows *windows, int64_t us, int64_t watermark_us, struct err *err);
	bool (*run_start)(struct engine_windows *windows, struct engine_run *run);
	void *(*run_states)(struct engine_windows *windows, struct slice key, uint64_t hash, bool *is_new);
	void (*run_end)(struct engine_windows *windows, uint64_t n_records, uint64_t digest);
	/* Optional: engine_prefetch(), and engine_span() with engine_widen(). */
	void (*prefetch)(const struct engine_windows *windows, uint64_t hash, bool is_near);
	void (*span)(const struct engine_windows *windows, int64_t *first_us, int64_t *last_us);
	void (*widen)(struct engine_windows *windows, int64_t first_us, int64_t last_us);
	/* As engine_digest(). */
	uint64_t (*digest)(const struct engine_windows *windows);
	/* engine_save(), engine_load() and engine_loaded(). */
	void (*save)(struct engine_windows *windows, engine_piece_fn *save, void *context);
	int (*load)(struct engine_windows *windows, const struct engine_piece *piece, struct json_span value,
		struct err *err);
	void (*loaded)(struct engine_windows *windows, int64_t watermark_us);
	void (*memory)(const struct engine_windows *windows, size_t *bytes, size_t *groups);
	void (*close)(struct engine_windows *windows);
};

#endif
