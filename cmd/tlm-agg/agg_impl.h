/*
 * agg_impl: what the files of the stage share.
 *
 * A batch goes this way:
 *	read    agg_run.c, agg_read.c: a worker reads its lines into a block: time, key, values, or what is wrong
 *	        (many threads)
 *	judge   agg_round.c: in the order of the input the clock sees the times and fixes W for each record, and what is
 *	        wrong goes to the rejects (one thread)
 *	fold    agg_round.c: each lane, an engine with the groups of its own, takes its records in the order of the
 *	        input with their W (one thread for each lane)
 *	write   agg_rows.c: rows, which several lanes have made into texts, in their order (one thread); agg_late.c
 *
 * Most records are usual ones: nothing is to be judged but that time goes on in a window that is open. They are folded
 * where they are read: by one thread into the engine (agg_usual.c), by many into runs, which lanes merge (agg_run.c).
 *
 * So what comes out is the same for any number of threads. One thread does a few hundred lines of a batch at a time;
 * -j N holds some batches back and does them as one round; while threads read its lines, the first blocks are judged,
 * and the rows of the round before are written. What has to see all rows in turn (--top, --latest, --having,
 * files by time, a table) has one lane.
 */
#ifndef TLM_AGG_IMPL_H
#define TLM_AGG_IMPL_H

#include "agg.h"
#include "condition.h"
#include "group/group.h"
#include "jobs/jobs.h"
#include "json/json.h"
#include "lateness.h"
#include "latest.h"
#include "mem/mem.h"
#include "timefield/timefield.h"
#include "top.h"

/* Where the time of a record comes from. */
enum time_from {
	TIME_UNKNOWN, /* the first record decides */
	TIME_NONE,    /* a whole stream without times */
	TIME_MESSAGE, /* --time @kafka */
	TIME_FIELD,   /* --time, or session_end of a row */
	TIME_WINDOW   /* max(window_start, window_end - 1 ms) of a row */
};

/* The partial rows that --merge reads: agg_merge.c. */
struct agg_merge {
	size_t state_slot, final_slot, window_slots[2], session_slots[2];
	struct buf there; /* the windows of the last part in words */
	struct buf key;
	struct buf misfit;                  /* why those do not fit here, "" if they do */
	bool is_session, is_all, is_window; /* of those windows; is_window: they hop, and are ours */
	void *states;                       /* of the part, zero between */
	uint32_t *n_inputs, *first_inputs;  /* by producer */
	int64_t known_us; /* up to when values hold at the end: the largest time of all producers, as far as it matters
			   */
};

enum agg_fate {
	AGG_BLANK,
	AGG_FILTERED, /* --where left it out */
	AGG_REJECTED, /* reason, byte and message tell why */
	AGG_MARK,     /* the time of a mark */
	AGG_PART,     /* a row of --partial: the block is this line alone */
	AGG_GOOD,     /* a record for its lane */
	AGG_DONE
};

/* One line of a block. As small as it can be: threads write items that others read, and a block of them is more than a
 * cache holds. */
struct agg_item {
	int64_t time_us;              /* 0 without times */
	int64_t watermark_us;         /* W, which the record raised */
	uint64_t hash;                /* of the key */
	uint32_t line;                /* of the batch, from 0 */
	uint32_t raw_at, raw_bytes;   /* in the batch */
	uint32_t key_at, key_bytes;   /* in the text of the block */
	uint32_t more_at, more_bytes; /* there, too: the message of a reject, or the vote of a record */
	uint32_t byte;                /* of a reject */
	uint32_t late;                /* 0, or it found its windows closed: its number among such of the lane, from 1 */
	uint8_t lane;
	uint8_t fate;                  /* enum agg_fate */
	uint8_t reason;                /* of a reject */
	bool is_start : 1, is_end : 1; /* of a trip */
};

struct agg_tally {
	uint64_t n, digest; /* records, and the sum of the hashes of their groups */
};

/* Usual records of one pane behind each other, folded where they were read: agg_run.c. */
struct agg_run {
	size_t at;        /* so many items of the block come before it */
	const char *from; /* its first line, and the number of that */
	uint64_t first_line;
	struct window_pane pane;
	int64_t closes_us; /* W below it: all windows of the pane are open */
	int64_t min_us, max_us;
	uint64_t n;
	struct group_table groups;
	struct agg_tally *tallies; /* by lane */
	uint64_t seq;              /* as of a line of the round */
	int64_t watermark_us;      /* W, which its records raised */
};

/* Lines that were read: of a batch or a part of one. */
struct agg_block {
	_Alignas(MEM_APART_BYTES) struct agg *agg;
	struct batch own;       /* of a batch that was held back */
	const struct batch *in; /* where the lines come from: own, or the batch that is at hand */
	const char *from;       /* the first one that counts */
	uint64_t first_line;
	struct json_span first;        /* the first record of the stream, which is yet to be read; else absent */
	const struct json_span *spans; /* of the last line */
	uint64_t first_seq;            /* number of the first line in the round */
	struct agg_item *items;
	size_t n, cap;
	uint32_t *order;          /* items by lane, those of one in their turn */
	uint32_t ends[JOBS_MAX];  /* of lanes in the order */
	struct agg_value *values; /* of all items in turn, so many of each */
	size_t n_values;
	uint32_t input;       /* of the batch */
	uint64_t task;        /* of jobs, that reads a batch that was held back */
	bool may_run;         /* runs are worth a try */
	int64_t watermark_us; /* W when it was given to a thread */
	struct agg_run *runs;
	size_t n_runs, cap_runs;
	struct buf text; /* keys, votes, messages */
};

static inline uint64_t agg_line_of(const struct agg_block *block, const struct agg_item *item)
{
	return block->in->first_line + item->line;
}

static inline struct slice agg_raw_of(const struct agg_block *block, const struct agg_item *item)
{
	return (struct slice){block->in->p + item->raw_at, item->raw_bytes};
}

static inline struct slice agg_key_of(const struct agg_block *block, const struct agg_item *item)
{
	return (struct slice){block->text.p + item->key_at, item->key_bytes};
}

/* A row of one of several lanes: its place in the order of rows, and its text. */
struct agg_row {
	uint64_t seq; /* of the line in the round whose W let it go */
	int64_t end_us, start_us;
	size_t key_at, text_at; /* in the row keys and the row texts of the lane */
	size_t text_bytes;
	uint32_t key_bytes;
};

/* What one thread needs to read lines, and to fold as a lane. */
struct agg_worker {
	_Alignas(MEM_APART_BYTES) struct agg *agg;
	struct agg_list *list;         /* worker 0: that of agg */
	struct condition *where;       /* NULL: all records */
	struct condition *start, *end; /* of a trip; NULL: none */
	struct json_paths *paths;      /* what the scanner looks for: of where, if there is one */
	struct json_scan *scan;
	bool is_usual; /* a record is a time, groups and values, and nothing else is asked of it */
	struct agg_usual *usual;
	struct window_pane pane; /* of the last record that was no part of a run */
	unsigned n_without_runs; /* blocks to come that this worker reads without */
	bool is_ahead;           /* the next record was taken from the scanner already */
	struct json_record ahead;
	struct buf tmp;

	uint16_t lane;
	struct engine *engine; /* NULL: not a lane */
	struct engine_late *lates;
	size_t n_lates, cap_lates;
	uint64_t seq;     /* of the record that is folded */
	int64_t found_us; /* what find_seq() was asked last in this round, or WINDOW_NEVER, and its answer */
	uint64_t found_seq;
	struct err err;

	/* one of several lanes: */
	struct rows *rows;
	struct agg_row *made;
	size_t n_made, cap_made;
	struct buf keys, texts;
};

/* The part of the books that is read off the engines. */
struct agg_books {
	uint64_t kept, open, outside, late, late_partial, out;
};

struct agg {
	struct stage stage;
	struct agg_options opts;
	struct agg_frame frame;
	const char *list_text;
	struct window_spec window;
	enum engine_emit emit;
	int64_t emit_every_us;
	struct etime_zone *zone; /* of a calendar; NULL is UTC */
	struct agg_list list;
	struct rows_field *groups;
	size_t n_groups;
	struct fieldpath *row_key; /* where they stand in a row: the key of a message; NULL: nobody asks */
	enum time_from time_from;
	struct timefield time, time_end; /* time_end: window_end of TIME_WINDOW */
	struct fieldpath voter;          /* the field of a quorum, if the clock has one */

	struct jobs *jobs;
	struct agg_worker *workers; /* one for each thread; the first ones are the lanes */
	unsigned n_workers, n_lanes;
	bool has_begun; /* the first record was seen: the slots are known, there are engines */
	size_t time_slot, time_end_slot, voter_slot;
	size_t *group_slots, *field_slots;
	struct window_clock clock;
	struct lateness *lateness; /* what each delay would lose, instead of windows */
	uint64_t n_explained;      /* records given to it */
	struct agg_books told;     /* what the books know */
	struct rows *rows;

	bool has_runs;            /* several threads make runs of usual records */
	unsigned n_without_runs;  /* blocks to come without */
	struct agg_block *blocks; /* batches that are held back for the next round */
	size_t n_blocks, max_blocks;
	struct agg_block *round; /* the round that runs */
	size_t n_round;
	bool is_final;       /* the flush that runs */
	int64_t *watermarks; /* of each line of the round, where there are several lanes */
	size_t n_watermarks, cap_watermarks;

	/* which rows are written: agg_rows.c */
	struct condition *having; /* NULL: all, as for top */
	struct rows *having_rows; /* what the program sees */
	struct json_scan *having_scan;
	struct buf row_text;
	struct top *top;
	int64_t oldest_us;     /* the oldest open session that kept a file of -o open, WINDOW_FOREVER: not known */
	int64_t next_k;        /* the window behind the last one that gave rows to files */
	bool is_first_pending; /* the first row of the window was not written */
	bool has_header;       /* of the rows of several lanes */
	uint64_t n_rows;       /* given to rows_add() */
	uint64_t n_unjudged;   /* the program raised an error */
	struct buf unjudged;   /* the first message */

	enum rows_format latest_form;
	struct latest *latest; /* from the first record on */

	bool has_delay;              /* --delay was given */
	struct buf window_text;      /* the windows in words */
	struct rows_partial partial; /* what partial rows have in common */
	uint32_t first_input;        /* of the places in them, in a group: the partition */
	struct agg_merge merge;

	/* of a group: agg_group.c */
	bool is_replaying; /* windows are rebuilt: nothing goes out */
	int64_t newest_us; /* the largest time that was judged, of a part its last; agg_group.c sets it back */

	/* idle.c */
	int64_t *caught_up_us; /* by input: since when all of it was read, -1: more waits, or it is idle */
	uint32_t n_caught_up;  /* size of caught_up_us */
	int64_t walked_us;     /* --idle-close walk: up to when T has grown, -1: it does not */

	struct sink *late; /* borrowed */
	struct buf late_rows;
	struct buf *out; /* of the call that runs */
};

/* idle.c: inputs that have nothing for now. */
int agg_see_input(struct agg *g, uint32_t input, struct err *err); /* something came from it; it may be new */
int agg_caught_up(struct stage *stage, uint32_t input, struct buf *out, struct err *err);
int64_t agg_deadline(const struct stage *stage);
int agg_tick(struct stage *stage, int64_t now_us, struct buf *out, struct err *err);
int agg_end_call(struct agg *g, struct err *err); /* agg.c */

/* agg_windows.c and agg_plan.c: options and the first record into what will be done. */
void agg_plan_format(struct agg *g); /* by the suffix of -o */
int agg_plan_window(struct agg *g, struct err *err);
int agg_plan_emit(struct agg *g, struct err *err);
int agg_plan_groups(struct agg *g, struct err *err);
int agg_plan_lateness(struct agg *g, struct err *err); /* before the format */
int agg_plan_quorum(struct agg *g, struct err *err);
int agg_plan_time(struct agg *g, struct err *err);
int agg_plan_first_record(struct agg *g, struct json_span record, struct err *err);
int agg_plan_outputs(struct agg *g, struct err *err);
int agg_plan_limits(struct agg *g, struct err *err);
int agg_plan_files(struct agg *g, struct err *err); /* of -o with the time in their names */
struct rows *agg_plan_rows(const struct agg *g, const struct agg_list *list, enum rows_format format, struct err *err);
void agg_plan_list(const struct agg *g, struct agg_list *list);              /* options of a list that was parsed */
void agg_plan_paths(struct agg *g, struct json_paths *paths, bool is_first); /* the slots; is_first: they are noted */

/* agg_worker.c */
int agg_worker_open(struct agg *g, unsigned number, struct err *err); /* that agg_plan_first_record() may fill */
void agg_worker_close(struct agg_worker *w);
void agg_worker_begin(struct agg_worker *w); /* the slots are planned */

/* agg.c: the engines and the outputs, when it is known where times come from */
int agg_start_engine(struct agg *g, struct err *err);
void agg_forget_books(struct agg *g); /* what is open was rebuilt, and is all that counts of what came so far */

/* agg_read.c */
static inline uint16_t agg_lane_of(const struct agg *g, uint64_t hash)
{
	return (uint16_t)(g->n_lanes == 1 ? 0 : (hash >> 32) % g->n_lanes);
}

/* Begins with the lines of block->in from block->from on, the number of which is block->first_line. */
void agg_block_start(struct agg_worker *w, struct agg_block *block);
/* The next lines, up to max of them, into the block: agg_block_read() has emptied it before; behind the last
 * agg_block_add() items are where they will stay. False: these are the last. Where block->first is a record, nothing
 * was planned for it yet: it comes next, after another start. */
bool agg_block_read(struct agg_worker *w, struct agg_block *block, size_t max);
bool agg_block_add(struct agg_worker *w, struct agg_block *block, size_t max);
void agg_block_reset(struct agg_block *block);
void agg_block_settle(const struct agg_worker *w, struct agg_block *block);
void agg_block_release(struct agg_block *block);

/* The bound of a window as rows have it. */
bool agg_read_bound(struct json_span span, struct buf *tmp, int64_t *us);

/* agg_usual.c */
struct agg_usual *agg_usual_open(struct agg_worker *w);
void agg_usual_close(struct agg_usual *u); /* does nothing for NULL */
bool agg_usual_fits(const struct agg *g);  /* whether agg_usual_fold() is worth its call now */
/* Usual records of the block's lines, up to one that is not, which then is ahead. False: there is none. */
bool agg_usual_fold(struct agg *g, const struct agg_block *block);

/* The same into a run, as far as it is of use. */
bool agg_usual_gather(struct agg_worker *w, const struct agg_block *block, struct agg_run *run);

/* agg_run.c */
void agg_run_read(struct agg_worker *w, struct agg_block *block); /* all lines of a block that has started */
/* Its turn has come. False: its records must be judged one by one, and it is gone with all behind it, in their place
 * are items. */
bool agg_run_judge(struct agg *g, struct agg_block *block, size_t i);
int agg_run_fold(struct agg_worker *w, struct agg_run *run); /* the groups of the lane: 0, or -1 with w->err */
void agg_runs_reset(struct agg_block *block);
void agg_runs_release(struct agg_block *block);

/* So many groups that to fold them twice is more work than items are. */
static inline bool agg_run_is_sparse(const struct agg_run *run)
{
	enum { FREE_GROUPS = 64, RECORDS_PER_GROUP = 4 };

	return run->groups.n > FREE_GROUPS + run->n / RECORDS_PER_GROUP;
}

/* agg_round.c */
void agg_note_newest(struct agg *g, int64_t us); /* every record and part that the clock has taken passes here */
/* Judges and folds what the blocks hold, as soon as it was read; rows of several lanes are kept. 0, or -1 with err:
 * what came before the place of the error stands. */
int agg_do_round(struct agg *g, struct agg_block *blocks, size_t n, struct err *err);
int agg_advance(struct agg *g, struct err *err);                 /* W has risen without a record: 0, or -1 with err */
int agg_flush(struct agg *g, bool is_final, struct err *err);    /* all that is open goes: 0, or -1 with err */
void agg_keep_late(struct agg_worker *w, struct agg_item *item); /* its engine just said ENGINE_LATE */
struct engine_counts agg_counts(const struct agg *g);            /* of all lanes */

/* agg_partial.c: what --partial and --merge go together with, and the head of partial rows */
int agg_plan_partial(struct agg *g, struct err *err);

/* agg_merge.c */
void agg_plan_merge(struct agg *g, struct json_paths *paths);
/* A valid object, whose spans are at hand: 0, or -1 with err. */
int agg_take_part(struct agg *g, const struct agg_block *block, struct agg_item *item, struct err *err);
void agg_merge_release(struct agg *g);

/* agg_late.c */
void agg_add_late_row(
	struct agg *g, const struct agg_block *block, const struct agg_item *item, const struct engine_late *late);
/* As --on-full says: 0, or -1 with err. */
int agg_refuse_full(struct agg *g, const struct agg_block *block, const struct agg_item *item, struct err *err);
int agg_reject_ahead(struct agg *g, const struct agg_block *block, const struct agg_item *item, struct err *err);
void agg_tell_late(const struct engine_counts *c, bool is_merging, struct buf *out);

/* agg_rows.c */
int agg_plan_choice(struct agg *g, struct err *err);
uint64_t agg_withheld(const struct agg *g); /* rows that have no form */
/* The rows of the only lane go out at once; those of several are made into texts, until all lanes are done. They are
 * written before the next round makes others. */
int agg_take_row(void *agg, const struct engine_row *row, struct err *err);
int agg_keep_row(void *worker, const struct engine_row *row, struct err *err);
int agg_write_kept(struct agg *g, struct err *err);

#endif
