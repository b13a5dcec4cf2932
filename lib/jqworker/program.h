/* libjq itself: a compiled program and one run of it over a record. Private to lib/jqworker; used in children only. */
#ifndef TLM_JQWORKER_PROGRAM_H
#define TLM_JQWORKER_PROGRAM_H

#include <jq.h>
#include <jv.h>

#include "buf/buf.h"
#include "jqworker/jqworker.h"

/* What a run gave; the bufs are kept from run to run. */
struct result {
	enum jqworker_fate fate;
	bool is_same;
	uint32_t outputs;
	enum jqworker_last last;
	int status;
	struct buf out, message, notes;
};

struct program;

/* NULL with a message in *why ("line 1: foo/0 is not defined"). opts is borrowed as long as the program lives. */
struct program *program_open(const struct jqworker_opts *opts, struct buf *why);

/* What stands in front of a record where opts->has_place: program_run() takes it off. */
void program_put_place(struct buf *out, const char *input, uint64_t line);

/* record[len] is followed by a newline that may be read. */
void program_run(struct program *p, const char *record, size_t len, struct result *r);

/*
 * The compiled form of the program, modules and all: a line "CALL_BUILTIN NAME" for each call of a function of libjq's
 * own that is written in C. In a process of its own: standard output is no longer what it was.
 */
void program_show(const struct program *p, struct buf *out);

/* ---- for sessions ---- */

/* A record without what stands in front of it. */
struct slice program_take_place(struct program *p, struct slice record);

jv program_read(struct program *p, const char *record, size_t len); /* a record as a value, or an error */

/* Where `input` and `inputs` take their values. */
void program_take_inputs(struct program *p, jq_input_cb give, void *ctx);

/* One run whose outputs leave through add() while they are made; input is consumed, and may be an error. */
void program_play(struct program *p, jv input, struct result *r, void (*add)(void *ctx, struct slice text), void *ctx);

#endif
