/*
 * jqworker: libjq in child processes: no record and no program can crash, hang or bloat the tool.
 *
 * A spawner is forked by jqworker_open(). It compiles the program and forks the workers from itself, so a new worker
 * costs a fork, not a compilation. Records go to the workers and answers come back through shared memory; a worker
 * that dies loses nothing but the record it was running: that one is answered as killed with the reason, a new worker
 * goes on with the next. Answers come in the order of the records, whatever the number of workers.
 *
 * A record never sees another one: `input` and `inputs` find nothing here.
 *
 * A worker has no environment but what it was given, no descriptor but its doorbell, cannot open a file once the
 * program is compiled, ignores the signals of the terminal, leaves no core, and ends with its parent.
 *
 *     while (records) jqworker_add(w, record, &err);
 *     while ((rc = jqworker_next(w, &answer, &err)) == 1) ...
 *
 * Memory: open/close; constant in the length of the stream. One thread; the process must not have started any other
 * before jqworker_open(). Works with libjq 1.6 and later.
 */
#ifndef TLM_JQWORKER_H
#define TLM_JQWORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"

enum {
	JQWORKER_TIME_MS = 1000,           /* processor time for one record */
	JQWORKER_MEMORY_BYTES = 512 << 20, /* beyond what a worker needs to start */
	JQWORKER_OUTPUT_BYTES = 64 << 20,  /* all outputs of one record */
	JQWORKER_HELD_BYTES = 4 << 20,     /* records that wait for their answers */
	JQWORKER_FAILURES_MAX = 8          /* so many first records all killed: the program never succeeds */
};

/* How an output becomes text (jq's own letters). */
enum {
	JQWORKER_RAW = 1,     /* -r: strings without quotes */
	JQWORKER_JOIN = 2,    /* -j: as -r, and no newline behind an output */
	JQWORKER_NUL = 4,     /* --raw-output0: as -r, a NUL behind each output instead of a newline */
	JQWORKER_ASCII = 8,   /* -a */
	JQWORKER_SORTED = 16, /* -S */
	JQWORKER_COLOR = 32,  /* -C */
	JQWORKER_SEQ = 64     /* --seq: 0x1e before each output */
};

struct jqworker_opts {
	const char *program;         /* text, NUL-terminated */
	const char *named_json;      /* $__prog_args and $ARGS.named: an object, {"name":value}; NULL for {} */
	const char *positional_json; /* $ARGS.positional: an array; NULL for [] */
	const char *const *lib_dirs; /* -L; NULL-terminated, or NULL: no module is found */
	const char *program_dir;     /* where relative module paths of a -f file begin; NULL: the working directory */
	const char *const *env; /* what $ENV, env and the time zone see: "NAME=value", NULL-terminated; NULL: nothing */
	unsigned form;          /* JQWORKER_RAW | ... */
	int indent;             /* 0 compact (-c), 1..7, -1 --tab */
	bool is_raw_input;      /* -R: a record is text, not JSON */
	bool has_place; /* input_filename and input_line_number are what jqworker_place() says; else null and 0 */
	size_t body_at; /* has_place: where the program begins behind its directives (import, include, module) */
	bool is_proven; /* the program succeeds on other records: no JQWORKER_FAILURES_MAX */
	int workers;    /* 1.. */
	long time_ms;   /* 0: the defaults above */
	size_t memory_bytes;
	size_t output_bytes;
};

enum jqworker_fate {
	JQWORKER_DONE,   /* outputs 0.. */
	JQWORKER_ERROR,  /* the program raised an error: message; the outputs before it are there */
	JQWORKER_KILLED, /* over a limit, or the worker died: message says why; no outputs */
	JQWORKER_HALTED  /* halt, halt_error: status, and message for halt_error; the outputs before it are there. What
			    was  added behind this record is dropped: jqworker_next() says 0 then. */
};

enum jqworker_last { JQWORKER_LAST_NONE, JQWORKER_LAST_FALSE, JQWORKER_LAST_TRUE };

struct jqworker_answer {
	enum jqworker_fate fate;
	bool is_same;            /* the only output is the record itself, unchanged: pass its own bytes; out is empty.
				    (Only when form and indent would print it as it is.) */
	uint32_t outputs;        /* how many */
	enum jqworker_last last; /* whether the last one was false or null (-e) */
	struct slice out;        /* the outputs as text, each with its newline */
	struct slice message; /* "null (null) has no keys", "the program took longer than 1s", ... ; without a newline;
				 of halt_error as jq prints it */
	struct slice notes;   /* what debug and stderr said: lines "debug: VALUE\n", "stderr: VALUE\n" */
	int status;           /* JQWORKER_HALTED */
};

/* Of the installed libjq: 6 for 1.6, 7, 8 for 1.8 and later. */
int jqworker_minor_version(void);

/* The colours of JQWORKER_COLOR in workers that are opened from then on, as $JQ_COLORS has them. False: not understood.
 */
bool jqworker_set_colors(const char *colors);

struct jqworker;

/*
 * Compiles the program; everything in opts is borrowed for this call only. NULL with ERR_PROGRAM: "line 1: syntax
 * error, unexpected end", "line 1: foo/0 is not defined", "the program could not be compiled within 10s"; ERR_IO when
 * there are no processes or memory left.
 */
struct jqworker *jqworker_open(const struct jqworker_opts *opts, struct err *err);
void jqworker_close(struct jqworker *w); /* ends the children; nothing for NULL */

/*
 * Whether the program, or a module of it, calls `input`, which finds nothing in a worker: that program wants a session.
 * Libjq is asked: it takes as long as to compile the program. 0, or -1 with err as jqworker_open().
 */
int jqworker_ask_input(const struct jqworker_opts *opts, bool *calls_input, struct err *err);

/* Where the record stands that is added next (has_place): input_filename (NULL or "-": null) and input_line_number. */
void jqworker_place(struct jqworker *w, const char *input, uint64_t line);

/*
 * Adds a record: one valid JSON value (or any text with is_raw_input), without its line end, up to 64 MiB; copied. The
 * workers begin while more is added: who takes the oldest answers and adds more meanwhile keeps them busy. Up to
 * JQWORKER_HELD_BYTES of records may be without an answer; from 0 on 128 MiB at once. Returns 0, or -1 with err.
 */
int jqworker_add(struct jqworker *w, struct slice record, struct err *err);

/*
 * The answer to the oldest record that has none: 1 with *answer (its slices borrowed until the next call of this
 * module), 0 when all are answered, or -1: ERR_PROGRAM when the first JQWORKER_FAILURES_MAX records were all killed
 * ("the program never succeeds: ..."), ERR_IO when no new worker can be started.
 */
int jqworker_next(struct jqworker *w, struct jqworker_answer *answer, struct err *err);

/* ---- sessions: programs that read their records themselves (-n, -s, --stream, `input`, `inputs`) ----
 *
 * One child runs the program, with no limit of time or memory, as the jq command would; its death ends the run.
 *
 *     jqworker_session_give(s, record) ...                    records of a batch, each copied
 *     while (jqworker_session_next(s, &e, &err) == 0)         until JQWORKER_NEED: all were taken, more are wanted
 *     jqworker_session_no_more(s)                             then until JQWORKER_ENDED
 */
enum jqworker_reading {
	JQWORKER_EACH, /* the program starts with each record that no `input` has taken */
	JQWORKER_NULL  /* -n: once, with null */
};

struct jqworker_session_opts {
	const struct jqworker_opts *worker; /* limits, workers and is_proven do not matter */
	enum jqworker_reading reading;
	bool is_stream; /* --stream: each record as events of its leaves */
	bool is_slurp;  /* -s: one input, the array of all; of texts the text of all, given with their line ends */
};

enum jqworker_event {
	JQWORKER_COMPILED, /* not for callers */
	JQWORKER_OUTPUT,   /* text: outputs, each with its newline; outputs: how many the run has put out so far */
	JQWORKER_NOTES,    /* text: what debug and stderr said */
	JQWORKER_RUN,      /* one run has ended: fate, outputs, last, status, text: the message of its error */
	JQWORKER_NEED,
	JQWORKER_ENDED
};

struct jqworker_session_event {
	enum jqworker_event what;
	enum jqworker_fate fate;
	enum jqworker_last last;
	uint32_t outputs;
	int status;
	uint64_t taken;    /* records that were taken, ever */
	struct slice text; /* until the next call */
};

struct jqworker_session;

/* NULL with ERR_PROGRAM when it does not compile, ERR_IO. What opts points to is borrowed for this call. */
struct jqworker_session *jqworker_session_open(const struct jqworker_session_opts *opts, struct err *err);
void jqworker_session_close(struct jqworker_session *s);                                   /* does nothing for NULL */
void jqworker_session_place(struct jqworker_session *s, const char *input, uint64_t line); /* as jqworker_place() */
void jqworker_session_give(struct jqworker_session *s, struct slice record);
void jqworker_session_no_more(struct jqworker_session *s);

/* Waits for what happens next. 0, or -1: ERR_DATA when the child has died, ERR_IO. */
int jqworker_session_next(struct jqworker_session *s, struct jqworker_session_event *e, struct err *err);

#endif
