/* lake_impl: what the files of this module share. Private. */
#ifndef TLM_LAKE_IMPL_H
#define TLM_LAKE_IMPL_H

#include "json/json.h"
#include "lake/lake.h"
#include "spool/spool.h"
#include "template/template.h"

/* An open directory: the segment that collects its records. */
struct lake_dir {
	struct buf name; /* below the root */
	uint64_t hash, seq;
	uint64_t records, raw_bytes; /* with those that the segment has not yet been given */
	int64_t opened_us;           /* monotonic */
	bool has_first;
	int64_t first_us; /* event time of its first record */
	struct segment segment;
	struct lake_dir *next_same; /* of one bucket */
	struct lake_dir *older, *newer;
};

/* Whole lines of one directory that stand side by side in the batch and were not yet added. */
struct lake_run {
	struct lake_dir *dir; /* NULL: none */
	const char *p;
	size_t len;
	uint64_t records;
};

/* Where the event time of a record comes from. */
enum lake_clock {
	LAKE_CLOCK_UNKNOWN, /* no --time, and no record yet */
	LAKE_CLOCK_FIELD,   /* --time */
	LAKE_CLOCK_WINDOW,  /* window_end of rows of tlm-agg */
	LAKE_CLOCK_SESSION, /* session_end */
	LAKE_CLOCK_NONE
};

struct lake {
	struct sink base;
	struct lake_opts opts;
	struct template *template;
	struct json_paths *paths;
	struct json_scan *scan;
	struct spool *spool; /* NULL in a dry run */
	struct codec_set codecs;
	struct segment_lanes *lanes;
	bool has_failed;
	struct err late; /* what a server said; the run ends with it once the batch at hand is in the spool */

	enum lake_clock clock;
	struct timefield window_start, window_end, session_end; /* without --time */
	size_t time_slot, start_slot, end_slot, session_slot;

	size_t *column_slots;
	size_t n_columns;
	bool is_column_told;

	struct lake_dir **buckets; /* n_buckets, a power of two */
	size_t n_buckets, n_open, n_dirs;
	struct lake_dir **dirs; /* n_dirs that were ever made */
	struct lake_dir *newest, *oldest, *unused;
	uint64_t next_seq, n_early;
	int64_t now_us, next_sync_us, next_age_us; /* monotonic; -1: nothing is due */
	int64_t next_look_us, next_blocked_us;

	/* the rows that become an object of their own */
	struct codec_set manifest_codecs;
	struct segment manifest;
	uint64_t manifest_seq;
	int64_t manifest_us;           /* when it was begun */
	uint64_t n_told, records_told; /* of the own run */

	struct lake_run run;
	struct buf name, row, tmp, lines;
};

/* ---- lake.c ---- */

/* Warns that objects are closed early; at the first one, so that nobody waits for a million small ones to learn it. */
void lake_tell_early(struct lake *l);

/* ---- record.c ---- */

/* The time of a record's spans: 0, or -1 with *field and *why. */
int lake_time(struct lake *l, const struct json_span *spans, int64_t *us, const char **field, const char **why);

/* Prepares the paths of time and columns; before the scanner is opened. */
void lake_add_paths(struct lake *l);

int lake_take_batch(struct lake *l, const struct batch *b, struct err *err);

/* ---- dirs.c ---- */

/* The open directory of that name, opened if need be; it is then the newest. NULL with err. */
struct lake_dir *lake_find_dir(struct lake *l, struct slice name, struct err *err);

/* Gives the run to its segment. */
int lake_end_run(struct lake *l, struct err *err);

/* Closes a directory; its segment joins the group that is published next. */
int lake_seal(struct lake *l, struct lake_dir *d, struct err *err);

/* Publishes what was sealed; with a store, begins to. lake_settle() waits for the rest. */
int lake_publish(struct lake *l, struct err *err);
int lake_settle(struct lake *l, struct err *err);

/* The hooks for objects of other runs. */
struct spool_hooks lake_salvage_hooks(struct lake *l);

/* Tells what the store has to say. */
void lake_tell_notes(struct lake *l);

/* These publish, too. */
int lake_seal_all(struct lake *l, struct err *err); /* in the order of their numbers */
int lake_seal_aged(struct lake *l, struct err *err);
int lake_sync_all(struct lake *l, struct err *err);

/* All that was added to open segments is on disk; nothing is published. */
int lake_sync_open(struct lake *l, struct err *err);
void lake_release_dirs(struct lake *l);

/* ---- row.c ---- */

/* As a hook of the spool: writes the manifest row of an object and flushes it. 1: it is a manifest itself. */
int lake_tell(void *lake, const struct spool_object *object, struct err *err);

/* ---- manifest.c ---- */

void lake_open_manifest(struct lake *l);
void lake_close_manifest(struct lake *l);

/* Adds a row to the manifest object. */
int lake_add_manifest(struct lake *l, struct slice row, struct err *err);

/* The rows so far are on disk, in the spool. */
int lake_keep_manifest(struct lake *l, struct err *err);

/* Whether the manifest object is large enough to be ended. */
bool lake_is_manifest_full(const struct lake *l);

/* Ends it; with the row that tells the end of the run if is_end. It joins the group that is published next. */
int lake_seal_manifest(struct lake *l, bool is_end, struct err *err);

/* The row of a dry run. */
int lake_tell_dry(struct lake *l, const struct lake_dir *d, const struct segment_sum *sum, struct err *err);

/* "RUN-000012.ndjson.zst" into out (reset first). */
void lake_object_name(const struct lake *l, uint64_t seq, struct buf *out);

#endif
