/* lake_impl: what the files of this module share. Private. */
#ifndef TLM_LAKE_IMPL_H
#define TLM_LAKE_IMPL_H

#include "json/json.h"
#include "lake/lake.h"
#include "spool/spool.h"
#include "template/template.h"

/* Where the event time of a record comes from. */
enum lake_clock {
	LAKE_CLOCK_UNKNOWN, /* no --time, and no record yet */
	LAKE_CLOCK_FIELD,   /* --time */
	LAKE_CLOCK_WINDOW,  /* window_end of rows of tlm-agg */
	LAKE_CLOCK_SESSION, /* session_end */
	LAKE_CLOCK_MESSAGE, /* of the message */
	LAKE_CLOCK_NONE
};

#define LAKE_NO_TIME INT64_MIN

/* ---- partitions of a group ---- */

enum lake_stage {
	LAKE_OPEN,    /* records come */
	LAKE_SEALED,  /* its plan is to be committed */
	LAKE_PLANNED, /* that was done: its objects may be stored */
	LAKE_STORING, /* they are on their way */
	LAKE_ENDING,  /* its manifest and marks are */
	LAKE_STORED   /* the offset behind it is to be committed */
};

/* What a partition's commit tells beside the offset, which is where reading begins. */
struct lake_plan {
	uint64_t options;
	int64_t from;      /* the first offset of names: where the batch before it ended */
	int64_t stream_us; /* the partition's T there, LAKE_NO_TIME: none */
	int64_t since_ms;  /* of the clock on the wall, when the batch was begun; 0: none was */
	int64_t to;        /* behind the last record of the batch, -1: it is not sealed */
	uint64_t records, objects;
};

/* Records of a partition that become objects together. */
struct lake_batch {
	struct lake_batch *next;
	struct lake_part *part; /* NULL: it is lost */
	enum lake_stage stage;
	bool is_again;         /* its plan is that of an earlier owner */
	int64_t start;         /* where reading begins */
	struct lake_plan plan; /* options is not used */
	int64_t stream_us;     /* T behind it */
	int64_t opened_us;     /* monotonic */
	uint64_t raw_bytes;
	enum lake_clock clock; /* chosen by its first record */
	uint64_t n_open;       /* records that are in the ledger as open */
	size_t n_dirs, n_left; /* open directories; objects on their way */
	struct spool_pack *pack;
	struct buf rows; /* for its manifest */
	struct buf name; /* "TOPIC-3-000000000100-000000000249" */
};

struct lake_part {
	bool is_ours;
	unsigned n_takes; /* a batch that was read before the last one is void */
	char *topic;      /* NULL: no record was seen */
	int32_t partition;
	int64_t next;           /* behind the last record, -1: none was seen */
	int64_t from;           /* where the names of the next batch begin */
	int64_t stream_us;      /* T */
	int64_t since_ms;       /* of the next batch; 0: now */
	struct lake_plan again; /* the plan of an earlier owner; to -1: none */
	struct lake_batch *first, *last;
	struct lake_batch *asked; /* the first that was not stored, when lake_position() was asked */
};

/* An open directory: the segment that collects its records. */
struct lake_dir {
	struct lake_batch *batch; /* NULL: there is no group */
	struct buf name;          /* below the root */
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

	enum lake_clock clock, first_clock;                     /* first_clock: before the first record */
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
	bool has_to_end;                           /* next_age_us is there for all that is open */
	int64_t next_look_us, next_blocked_us;

	/* the rows that become an object of their own */
	struct codec_set manifest_codecs;
	struct segment manifest;
	uint64_t manifest_seq;
	int64_t manifest_us;           /* when it was begun */
	uint64_t n_told, records_told; /* of the own run */

	struct lake_run run;
	struct buf name, row, tmp, lines;

	/* a group */
	struct lake_part **parts; /* by input, NULL where there never was one */
	uint32_t n_parts;
	struct lake_part *part;   /* of the records at hand */
	struct lake_batch *batch; /* of them, open; NULL: there is none yet */
	struct lake_batch *lost;  /* with objects on their way */
	int64_t message_us;       /* of the record at hand */
	int64_t next_commit_us;   /* monotonic; a commit that did not come through is tried again then */
	bool is_waiting, has_news;
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

/* These publish, too. The last only begins the sync. */
int lake_seal_all(struct lake *l, struct err *err); /* in the order of their numbers */
int lake_seal_aged(struct lake *l, struct err *err);
int lake_sync_all(struct lake *l, struct err *err);

/* All that was added to open segments is flushed, and on disk after lake_sync_wait(); nothing is published. */
int lake_sync_begin(struct lake *l, struct err *err);
int lake_sync_wait(struct lake *l, struct err *err);
void lake_release_dirs(struct lake *l);

/* The hooks for own objects. */
struct spool_hooks lake_own_hooks(struct lake *l);

/* Leaves the open directories; its segment is the caller's. */
void lake_drop_dir(struct lake *l, struct lake_dir *d);

/* ---- group.c ---- */

/* The partition of that input; there is one from then on. */
struct lake_part *lake_part_of(struct lake *l, uint32_t input);

int lake_group_write(struct lake *l, const struct batch *b, struct err *err);

/* The batch of the records at hand, opened if need be. */
struct lake_batch *lake_batch_of(struct lake *l);

/* The record of that time and length must not join the batch if it is full: it is sealed. */
int lake_make_batch_room(struct lake *l, size_t len, bool has_time, int64_t us, struct err *err);

/* A record has joined it. */
void lake_count_record(struct lake *l, size_t len, bool has_time, int64_t us);

/* A record of that offset was judged. */
int lake_pass(struct lake *l, int64_t offset, struct err *err);

/* Seals the batch with the most open directories, of any partition. False: there is none that may be. */
bool lake_seal_widest(struct lake *l, int *got, struct err *err);

/* Seals what was begun so long ago; what was begun at that time of the monotonic clock or before. */
int lake_seal_aged_batches(struct lake *l, struct err *err);
int lake_seal_older(struct lake *l, int64_t until_us, struct err *err);

void lake_release_parts(struct lake *l);

/* ---- advance.c ---- */

/* Everything that can be done without a wait for more than wait_us, but for the answers of brokers. */
int lake_advance(struct lake *l, int64_t wait_us, struct err *err);

/* A wait, while which the group hears that we live. */
int lake_wait_some(struct lake *l, struct err *err);

/* An object of a batch was stored, or not: see spool_hooks. */
int lake_tell_batch(struct lake *l, const struct spool_object *object, struct err *err);
bool lake_forgive_batch(void *lake, void *batch);

int64_t lake_group_deadline(const struct lake *l);
int lake_hand_over(struct lake *l, struct err *err);

/* ---- batch.c ---- */

/* Sealing, and what comes next of a batch, up to where it waits for something. */
int lake_seal_batch(struct lake *l, struct lake_batch *b, struct err *err);
int lake_step_batch(struct lake *l, struct lake_batch *b, struct err *err);

/* It is not ours any more, or was stored and committed: takes it off its partition. */
void lake_lose_batch(struct lake *l, struct lake_batch *b);
void lake_release_batch(struct lake_batch *b);

/* ---- plan.c ---- */

/* words: the options of the plan as the user typed them, for those who have others; NULL: unknown. */
void lake_print_plan(const struct lake_plan *plan, const char *words, struct buf *out);

/* These options; *text ends before them. */
struct slice lake_plan_words(struct slice *text);

/* 0, or -1 with ERR_REFUSED. No metadata is a plan without anything. */
int lake_parse_plan(struct slice text, struct lake_plan *plan, struct err *err);

/* ---- complete.c ---- */

/* Adds the marks of the hours that the partition has passed with this batch. *n: how many. */
int lake_add_marks(struct lake *l, const struct lake_batch *b, struct spool_pack *pack, size_t *n, struct err *err);

/* ---- row.c ---- */

/* As a hook of the spool: writes the manifest row of an object and flushes it. 1: it is a manifest itself. */
int lake_tell(void *lake, const struct spool_object *object, struct err *err);

/* Appends topic, partition and offsets of a batch. */
void lake_add_range(struct buf *row, const struct lake_batch *b);

/* ---- manifest.c ---- */

void lake_open_manifest(struct lake *l);
void lake_close_manifest(struct lake *l);

/* Adds lines as an object of a name of its own to a pack. */
int lake_add_object(struct lake *l, struct spool_pack *pack, struct slice dir, const char *name, struct slice lines,
	uint64_t n_lines, struct err *err);

/* Adds a row to the manifest object. */
int lake_add_manifest(struct lake *l, struct slice row, struct err *err);

/* The rows so far are on disk, in the spool. */
int lake_keep_manifest(struct lake *l, struct err *err);

/* Whether the manifest object was begun so long ago that it is ended. */
bool lake_is_manifest_old(const struct lake *l);

/* Ends it; with the row that tells the end of the run if is_end. It joins the group that is published next. */
int lake_seal_manifest(struct lake *l, bool is_end, struct err *err);

/* The row of a dry run. */
int lake_tell_dry(struct lake *l, const struct lake_dir *d, const struct segment_sum *sum, struct err *err);

/* "RUN-000012.ndjson.zst" into out (reset first). */
void lake_object_name(const struct lake *l, uint64_t seq, struct buf *out);

#endif
