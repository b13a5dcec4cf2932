/*
 * options: what the command line of tlm-filter says, in jq's letters.
 */
#ifndef TLM_FILTER_OPTIONS_H
#define TLM_FILTER_OPTIONS_H

#include "buf/buf.h"
#include "err/err.h"
#include "jq/jq.h"
#include "opt/opt.h"
#include "tool/tool.h"

struct options {
	const char *where;     /* --where PROGRAM */
	const char *from_file; /* -f FILE */
	int evaluator;
	int64_t jobs;
	bool is_explain;
	bool has_marks;
	bool is_null_input, is_slurp, is_stream, is_seq, is_raw_nul;
	bool is_raw_output, is_joined, is_raw_input, is_ascii, is_sorted, is_color, is_mono;
	bool is_status; /* -e */
	int64_t indent; /* see struct jq_format */
	struct opt_list lib_dirs;
	/* $name, in the order of the command line; what they own is in own */
	struct jq_var *vars;
	size_t n_vars;
	struct buf named, positional; /* members of $ARGS.named, elements of $ARGS.positional */
	enum { OPERANDS_ARE_FILES, OPERANDS_ARE_TEXT, OPERANDS_ARE_JSON } operands;
	bool has_program; /* the first operand was seen */
};

extern const struct opt_spec options_spec;

void options_release(struct options *o);

/* The program of --where, -f or the first operand; *n_used: how many operands it took. 0, or -1 with err. */
int options_program(const struct options *o, char *const *operands, int n_operands, struct buf *program, int *n_used,
	struct err *err);

/* Tells the line of a program where an error is, and marks the place below it. */
void options_show_place(struct tool *t, struct slice program, size_t at);

/* Whether a topic of -o can take what the program prints: one value a line. 0, or -1 with ERR_USAGE. */
int options_check_topic(const struct options *o, const struct tool *t, struct err *err);

/* The program of --where must be one by itself; places are told in what was typed. 0, or -1 with err. */
int options_check_where(const struct options *o, struct tool *t, struct err *err);

/* What --marks cannot stand beside: output that is not one record a line. 0, or -1 with err. */
int options_check_marks(const struct options *o, struct err *err);

/* Completes vars with $ARGS, closes named and positional. */
void options_finish(struct options *o);

/* The directories of -L, NULL-terminated: free() it. */
const char **options_dirs(const struct options *o);

/* The directory of the -f file, or NULL: free() it. */
char *options_program_dir(const struct options *o);

struct jq_format options_format(const struct options *o, bool is_colored);

#endif
