/*
 * jq: the language of tlm-filter: jq programs compiled and run in process, on the spans of a record.
 *
 * jq_program_open() parses the whole grammar of jq 1.6. Programs made of what the native evaluator knows run here;
 * for any other jq_foreign() says why, and libjq's workers run it. Native answers are those of the installed jq
 * byte for byte, but for what tlm-filter(1) lists: a value that no program changed keeps its text. Messages of errors
 * and what `try` catches differ between versions: natively they are those of 1.6, and for a later library whatever
 * raises an error is left to it.
 *
 * Values are spans of the record until something is computed from them. Everything computed for one record lives in an
 * arena that is reset with the next, under a budget of steps and bytes; no recursion depends on a record.
 *
 * Memory: a program is read-only after jq_program_open() and may be shared; a run belongs to one thread.
 */
#ifndef TLM_JQ_H
#define TLM_JQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"
#include "json/json.h"

/* ---- programs ---- */

/* A global variable: --arg, --argjson: `$name`. Both are copied by jq_program_open(). */
struct jq_var {
	const char *name;  /* without '$' */
	struct slice json; /* one valid JSON value */
};

/* Which libjq the answers shall be like. */
enum jq_dialect { JQ_DIALECT_1_6, JQ_DIALECT_1_7, JQ_DIALECT_1_8 /* and later */ };

struct jq_setup {
	const struct jq_var *vars;
	size_t n_vars;
	enum jq_dialect dialect;
};

struct jq_program;

/*
 * setup may be NULL: no variables, 1.6. Returns NULL with ERR_PROGRAM ("line 1, column 9: unexpected ')'"), and *at is
 * the byte in text where it happened:
 * `.a | )`, `{a:1+2}`, `$x` without such a variable, `1/0`.
 */
struct jq_program *jq_program_open(struct slice text, const struct jq_setup *setup, size_t *at, struct err *err);
void jq_program_close(struct jq_program *program); /* does nothing for NULL */

/* NULL when the native evaluator runs the program, else why not: "'reduce' at line 1, column 1". */
const char *jq_foreign(const struct jq_program *program);

/*
 * Whether the program was not read to its end, since it has modules or is very large: libjq runs it, and what it calls
 * is not known.
 */
bool jq_is_unread(const struct jq_program *program);

/* Where it begins behind its directives (import, include, module). */
size_t jq_body_at(const struct jq_program *program);

/*
 * Of one unread whose syntax is not that of 1.6: what is wrong with it if libjq does not read it either, with the place
 * in *at. False, and nothing done, where there is no doubt.
 */
bool jq_doubt(const struct jq_program *program, size_t *at, struct err *err);

/* "input_line_number", "input_filename" when the program calls it: it needs jq_run_place(); or NULL. */
const char *jq_place_call(const struct jq_program *program);

/* Whether it calls what libjq does not have: tlm::time(f), tlm::iso, tlm::haversine(a; b; c; d). */
bool jq_is_native_only(const struct jq_program *program);

/* "input" or "inputs" when the program calls it, so that records are not alone; or NULL. */
const char *jq_input_call(const struct jq_program *program);

/* Whether the program calls $ENV or env: libjq's workers see no environment otherwise. */
bool jq_reads_environment(const struct jq_program *program);

/* The paths that a native program reads directly: for json_scan_open(). */
const struct json_paths *jq_paths(const struct jq_program *program);

/* The same set for a caller that reads more of a record than the program does: it adds its own paths, before any
 * scanner over the set is open; those of the program keep their slots. */
struct json_paths *jq_own_paths(struct jq_program *program);

/* For --explain: lines for people: which evaluator, its shape, the paths it reads. */
void jq_explain(const struct jq_program *program, struct buf *out);

/* Line and column (in characters), from 1, of a byte of a program. */
void jq_place(struct slice text, size_t at, size_t *line, size_t *column);

/* ---- runs ---- */

struct jq_format {
	int indent;     /* 0: one compact line; 1..7 blanks; -1: tabs */
	bool is_raw;    /* -r: strings without quotes and escapes */
	bool is_joined; /* -j: as raw, and no line end */
	bool is_nul;    /* --raw-output0: as raw, a NUL behind each output instead of a line end */
	bool is_seq;    /* --seq: 0x1e in front of each output */
	bool is_ascii;  /* -a */
	bool is_sorted; /* -S */
	bool is_colored;
};

enum {
	JQ_STEPS_DEFAULT = 20000000,    /* per record: about half a second */
	JQ_BYTES_DEFAULT = 256 << 20,   /* per record, of values and of output */
	JQ_KEPT_BYTES_DEFAULT = 1 << 20 /* of the arena kept between records */
};

struct jq_limits {
	uint64_t steps, bytes; /* 0: the defaults above */
};

enum jq_status {
	JQ_OK,
	JQ_ERROR,    /* the program raised an error: message is what jq prints */
	JQ_LIMIT,    /* the budget is spent: message says which */
	JQ_ELSEWHERE /* libjq's workers shall run this record: a regular expression took too long, or an error came up
		      */
};

struct jq_result {
	enum jq_status status;
	uint64_t outputs;     /* before the error, if there was one */
	bool is_last_true;    /* the last output is neither false nor null */
	struct slice message; /* until the next jq_run_*() */
};

struct jq_run;

/* program must be native and outlive the run. limits may be NULL. */
struct jq_run *jq_run_open(
	const struct jq_program *program, const struct jq_format *format, const struct jq_limits *limits);
void jq_run_close(struct jq_run *run);

/* For programs with a jq_place_call(): the input of the records that follow (borrowed; NULL or "-": null), and the
 * number of the line where json_record.line is 0. */
void jq_run_place(struct jq_run *run, const char *input, uint64_t first_line);

/* The short way: what simple programs do with a record, decided on its spans. */
enum jq_verdict {
	JQ_DROP,    /* no output */
	JQ_KEEP,    /* one output: the record itself, unchanged: copy its line */
	JQ_WROTE,   /* one output, an object or an array, which was appended to out */
	JQ_EVALUATE /* ask jq_run_record() */
};
enum jq_verdict jq_judge(struct jq_run *run, const struct json_record *record, struct buf *out);

/* Whether jq_judge() drops every record whose value in *slot is a string other than *text: for json_scan_sieve(). */
bool jq_sieve(const struct jq_run *run, size_t *slot, struct slice *text);

/* Runs on a JSON_OK record of a scanner over jq_paths(); appends the output lines to out. */
void jq_run_record(struct jq_run *run, const struct json_record *record, struct buf *out, struct jq_result *result);

/*
 * Asks a program that is a select() whether it takes a JSON_OK record: 1 (some output) or 0, or -1 when it raised what
 * *result says (untouched otherwise). scratch is emptied and used.
 */
int jq_takes(struct jq_run *run, const struct json_record *record, struct buf *scratch, struct jq_result *result);

/* Runs on a string (-R): valid UTF-8, unescaped. */
void jq_run_text(struct jq_run *run, struct slice text, struct buf *out, struct jq_result *result);

#endif
