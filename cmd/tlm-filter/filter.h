/*
 * filter: the stage of tlm-filter: each record through a jq program, native or in libjq's workers.
 *
 * Memory: open/close; constant in the length of the stream. The stage is one thread's, which has others
 * help it (jobs); what comes out does not depend on how many there are.
 */
#ifndef TLM_FILTER_H
#define TLM_FILTER_H

#include <stdbool.h>

#include "buf/buf.h"
#include "err/err.h"
#include "jq/jq.h"
#include "ledger/ledger.h"
#include "reject/reject.h"
#include "sink/sink.h"
#include "stage/stage.h"

enum filter_evaluator { FILTER_AUTO, FILTER_NATIVE, FILTER_LIBJQ };

struct filter_opts {
	struct slice program;
	int evaluator; /* enum filter_evaluator */
	struct jq_format format;
	bool is_raw_input;                       /* -R */
	bool is_null_input, is_slurp, is_stream; /* -n, -s, --stream */
	bool is_reading;                         /* set by filter_open(): one process of libjq reads, see reading.c */
	bool has_marks;                          /* --marks */
	const struct jq_var *vars;
	size_t n_vars;
	const char *named_json, *positional_json; /* the same for libjq: $ARGS */
	const char *const *lib_dirs;              /* -L, NULL-terminated, or NULL */
	const char *program_dir;                  /* of the -f file, or NULL */
	int max_depth;
	int jobs;              /* 1..JOBS_MAX: threads of a native program, processes of another */
	struct ledger *ledger; /* borrowed, as is reject */
	struct reject *reject;
};

struct filter;

/* NULL with ERR_PROGRAM when the program does not compile; then *at is the byte where, or SIZE_MAX. */
struct filter *filter_open(const struct filter_opts *opts, size_t *at, struct err *err);
void filter_close(struct filter *f);

/* sink is where the run writes: borrowed, large outputs of a batch go there while they are made. */
struct stage *filter_stage(struct filter *f, struct sink *sink);

/* NULL, or the lines that stand for the sources: of -n and a program without `input`, which runs once, on null. */
const char *filter_lines(const struct filter *f);

/* For --explain and --dry-run. */
void filter_explain(const struct filter *f, struct buf *out);

/* What -e asks for: STATUS_OK, STATUS_NO (the last output was false or null), STATUS_NO_OUTPUT. */
int filter_verdict(const struct filter *f);

/* Whether the program called halt or halt_error, and with which status; halt_error's text goes to message. */
bool filter_halted(const struct filter *f, int *status, struct buf *message);

#endif
