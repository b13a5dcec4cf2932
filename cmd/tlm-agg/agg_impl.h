/* agg_impl: what the files of the stage share. */
#ifndef TLM_AGG_IMPL_H
#define TLM_AGG_IMPL_H

#include "agg.h"
#include "condition.h"
#include "group/group.h"
#include "json/json.h"
#include "lateness.h"
#include "latest.h"
#include "timefield/timefield.h"
#include "top.h"

/* Where the time of a record comes from. */
enum time_from {
	TIME_UNKNOWN, /* the first record decides */
	TIME_NONE,    /* a whole stream without times */
	TIME_FIELD,   /* --time, or session_end of a row */
	TIME_WINDOW   /* max(window_start, window_end - 1 ms) of a row */
};

/* The partial rows that --merge reads: agg_merge.c. */
struct agg_merge {
	size_t state_slot, final_slot, window_slots[2], session_slots[2];
	struct buf there;                   /* the windows of the last part in words */
	struct buf misfit;                  /* why those do not fit here, "" if they do */
	bool is_session, is_all, is_window; /* of those windows; is_window: they hop, and are ours */
	void *states;                       /* of the part, zero between */
	uint32_t *n_inputs, *first_inputs;  /* by producer */
	int64_t known_us; /* up to when values hold at the end: the largest time of all producers, as far as it matters
			   */
};

struct agg {
	struct stage stage;
	struct agg_options opts;
	struct agg_frame frame;
	struct window_spec window;
	enum engine_emit emit;
	int64_t emit_every_us;
	struct etime_zone *zone; /* of a calendar; NULL is UTC */
	struct agg_list list;
	struct rows_field *groups;
	size_t n_groups;
	enum time_from time_from;
	struct timefield time, time_end; /* time_end: window_end of TIME_WINDOW */

	struct fieldpath voter; /* the field of a quorum, if the clock has one */

	struct condition *where;       /* NULL: all records */
	struct json_paths *paths;      /* what the scanner looks for: of where, if there is one */
	struct condition *start, *end; /* of a trip; NULL: none */

	/* from the first record on */
	struct json_scan *scan;
	size_t time_slot, time_end_slot, voter_slot;
	size_t *group_slots, *field_slots;
	struct window_clock clock;
	struct engine *engine;
	uint64_t n_outside; /* records in no trip, as far as the books know */
	struct rows *rows;

	/* which rows are written: agg_rows.c */
	struct condition *having; /* NULL: all, as for top */
	struct rows *having_rows; /* what the program sees */
	struct json_scan *having_scan;
	struct buf row_text;
	struct top *top;
	int64_t oldest_us;     /* the oldest open session that kept a file of -o open, WINDOW_FOREVER: not known */
	int64_t next_k;        /* the window behind the last one that gave rows to files */
	bool is_first_pending; /* the first row of the window was not written */
	uint64_t n_rows;       /* given to rows_add() */
	uint64_t n_unjudged;   /* the program raised an error */
	struct buf unjudged;   /* the first message */

	enum rows_format latest_form;
	struct latest *latest; /* from the first record on */

	struct lateness *lateness; /* what each delay would lose, instead of windows */
	uint64_t n_explained;      /* records given to it */

	bool has_delay;              /* --delay was given */
	struct buf window_text;      /* the windows in words */
	struct rows_partial partial; /* what partial rows have in common */
	struct agg_merge merge;

	struct sink *late;
	struct buf late_rows;
	struct agg_value *values;
	struct buf key, vote, tmp;
	struct buf *out; /* of the call that runs */
};

/* agg_plan.c: options and the first record into what will be done. */
void agg_plan_format(struct agg *g); /* by the suffix of -o */
int agg_plan_window(struct agg *g, struct err *err);
int agg_plan_emit(struct agg *g, struct err *err);
int agg_plan_groups(struct agg *g, struct err *err);
int agg_plan_lateness(struct agg *g, struct err *err); /* before the format */
int agg_plan_quorum(struct agg *g, struct err *err);
int agg_plan_where(struct agg *g, struct err *err); /* and the paths */
int agg_plan_time(struct agg *g, struct err *err);
int agg_plan_first_record(struct agg *g, struct json_span record, struct err *err);
int agg_plan_outputs(struct agg *g, struct err *err);
int agg_plan_limits(struct agg *g, struct err *err);
int agg_plan_files(struct agg *g, struct err *err); /* of -o with the time in their names */
struct rows *agg_plan_rows(const struct agg *g, enum rows_format format, struct err *err);

/* One record on its way: where it stands, for rejects and late rows. */
struct at {
	const struct batch *batch;
	const struct json_record *record;
	uint64_t line;
};

/* agg.c: the engine and the outputs, when it is known where times come from */
int agg_start_engine(struct agg *g, struct err *err);

/* agg_record.c */
int agg_ask_where(
	struct agg *g, const struct at *at, struct err *err); /* 1: taken, 0: left out or rejected, -1 with err */
int agg_take_object(struct agg *g, const struct at *at, struct err *err);   /* a valid object: 0, or -1 with err */
int agg_take_mark(struct agg *g, const struct at *at, struct err *err);     /* 0, or -1 with err */
int agg_reject_record(struct agg *g, const struct at *at, struct err *err); /* no JSON, too deep, or no object */
/* 0, 1 when the record was rejected, -1 with err. */
int agg_reject_field(struct agg *g, const struct at *at, enum reject_reason reason, const char *field, const char *what,
	struct err *err);

/* The group values into g->key: 0, 1 when the record was rejected, -1 with err. */
int agg_read_group(struct agg *g, const struct at *at, struct err *err);

/* agg_partial.c: what --partial and --merge go together with, and the head of partial rows */
int agg_plan_partial(struct agg *g, struct err *err);

/* agg_merge.c */
void agg_plan_merge(struct agg *g);
int agg_take_part(struct agg *g, const struct at *at, struct err *err); /* a valid object: 0, or -1 with err */
void agg_merge_release(struct agg *g);

/* agg_late.c */
void agg_add_late_row(struct agg *g, const struct at *at, int64_t time_us);
int agg_refuse_full(struct agg *g, const struct at *at, struct err *err); /* as --on-full says */
int agg_reject_ahead(struct agg *g, const struct at *at, int64_t time_us, struct err *err);
void agg_tell_late(const struct engine_counts *c, struct buf *out);

/* agg_rows.c */
int agg_plan_choice(struct agg *g, struct err *err);
int agg_take_row(void *context, const struct engine_row *row, struct err *err);

#endif
