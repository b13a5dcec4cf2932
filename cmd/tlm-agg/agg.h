/*
 * agg: the stage of tlm-agg: JSON lines in, window rows out.
 *
 * It reads time, group and values of each record, hands them to the engine and writes the rows that come out; bad
 * records go to the rejects, late ones to the place of --late.
 */
#ifndef TLM_AGG_H
#define TLM_AGG_H

#include "engine/engine.h"
#include "kafka/kafka.h"
#include "ledger/ledger.h"
#include "opt/opt.h"
#include "reject/reject.h"
#include "rotate.h"
#include "rows/rows.h"
#include "sink/sink.h"
#include "stage/stage.h"

enum agg_idle_close { IDLE_HOLD, IDLE_JUMP, IDLE_WALK };

enum agg_on_full { ON_FULL_FAIL, ON_FULL_EMIT_EARLY, ON_FULL_DROP };

struct agg_options {
	const char *time;        /* --time FIELD[:FORMAT], NULL: see the semantics of its default */
	const char *window;      /* -w: "all", a duration, "day", "week", "month" */
	const char *tz;          /* --tz, NULL: UTC */
	int64_t every_us;        /* --every, 0: the window */
	int64_t offset_us;       /* --offset */
	int64_t session_us;      /* --session, 0: none */
	int64_t session_max_us;  /* --session-max, 0: none */
	int64_t every_n;         /* --every-n, 0: none */
	const char *emit;        /* --emit final|update|every=D */
	bool is_filling;         /* --fill */
	const char *start;       /* --start PROGRAM, NULL: none */
	const char *end;         /* --end PROGRAM */
	int64_t delay_us;        /* --delay, -1: not given */
	int64_t grace_us;        /* --grace */
	int64_t max_ahead_us;    /* --max-ahead, -1: no limit */
	const char *quorum;      /* --quorum N:FIELD, NULL: none */
	bool has_marks;          /* --marks */
	bool is_explaining;      /* --explain-lateness */
	struct opt_list groups;  /* -g */
	int64_t max_keys;        /* --max-keys, 0: no limit */
	uint64_t max_mem_bytes;  /* --max-mem, 0: no limit */
	int on_full;             /* --on-full: enum agg_on_full, -1: not given */
	const char *where;       /* --where PROGRAM, NULL: all records */
	const char *having;      /* --having PROGRAM, NULL: all rows */
	const char *top;         /* --top N:NAME, NULL: all rows */
	const char *latest;      /* --latest FILE, NULL: none */
	const char *late;        /* --late PLACE */
	bool is_coercing;        /* --coerce */
	bool no_flush;           /* --no-flush */
	int time_out;            /* --time-out: enum rows_time */
	int format;              /* --format: enum rows_format, -1: as the suffix of -o says */
	const char *output;      /* -o, NULL: none */
	int64_t exact_max;       /* --exact */
	int64_t max_gap_us;      /* --max-gap, 0: no limit */
	int64_t idle_us;         /* --idle, 0: an input is waited for */
	int idle_close;          /* --idle-close: enum agg_idle_close */
	bool is_partial;         /* --partial */
	bool is_merging;         /* --merge */
	int64_t jobs;            /* -j: threads */
	bool is_accepting;       /* --accept-new-config */
	int64_t max_replay;      /* --max-replay */
	const char *state_topic; /* --state-topic TOPIC, NULL: none */
};

/* What the stage works with; all borrowed. */
struct agg_frame {
	const char *tool;
	int max_depth;
	uint32_t n_inputs;
	bool is_live;    /* some input is no file: a table is shown as it grows */
	bool is_dry_run; /* nothing is opened */
	bool is_topic;   /* the inputs are partitions */
	bool has_group;  /* of a group: each has a stage of its own, behind the one of agg_group.h */
	bool has_topic;  /* rows tell it: the group reads several */
	struct slice topic;
	int32_t partition;
	struct ledger *ledger;
	struct reject *reject;
	struct sink *sink;     /* large results go there while they are made */
	struct rotate *rotate; /* rows go there instead; NULL: they do not */
};

struct agg;

/* list is the text of the aggregates. NULL with err: ERR_USAGE ("--every 2m is more than the window"), ERR_PROGRAM (the
 * list, a name twice, the time zone). */
struct agg *agg_open(const struct agg_options *opts, const char *list, const struct agg_frame *frame, struct err *err);
struct stage *agg_stage(struct agg *g); /* agg_close() closes it */

/* Where rows go, before the first record; *row says what of them makes a message of a topic (borrowed from g). */
void agg_set_sink(struct agg *g, struct sink *sink);
void agg_row(struct agg *g, struct kafka_row *row);

/* Where late records go, before the first one; NULL: nowhere. */
void agg_set_late(struct agg *g, struct sink *late);
void agg_close(struct agg *g);

/* What would be done, for people: one line per thing. */
void agg_explain(const struct agg *g, struct buf *out);

/* The end: the place of --late stands. Late records without a place are told in *out ("" when there are none).
 * Returns STATUS_OK, STATUS_REJECTED when records were late with no place to go, or -1 with ERR_IO. */
int agg_finish(struct agg *g, struct buf *out, struct err *err);

#endif
