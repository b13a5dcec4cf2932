/*
 * opt: one table of options feeds getopt_long, -h, --help, the range checks and the completions for bash, zsh and fish;
 * tests compare it with the man page. Messages and help texts are literals. One thread, at start.
 */
#ifndef TLM_OPT_H
#define TLM_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"

enum opt_kind {
	OPT_END = 0,
	OPT_HEADING,  /* help: a heading for the options that follow (name is NULL) */
	OPT_FLAG,     /* bool: true */
	OPT_COUNT,    /* int: one more each time */
	OPT_STRING,   /* const char * */
	OPT_LIST,     /* struct opt_list: one more each time */
	OPT_INT,      /* int64_t within min..max */
	OPT_NUMBER,   /* double within min..max */
	OPT_DURATION, /* int64_t microseconds within min..max */
	OPT_SIZE,     /* uint64_t bytes within min..max */
	OPT_ENUM,     /* int: index in values */
	OPT_CALL      /* call(opts, name, arg, err); for options with several arguments see n_args */
};

struct opt_list {
	const char **items;
	size_t n;
};

struct opt {
	const char *name; /* long name */
	char letter;      /* short name, or 0 */
	uint8_t kind;     /* enum opt_kind */
	uint8_t n_args;   /* OPT_CALL: arguments taken, 0..2 (--arg NAME VALUE has 2) */
	bool is_optional; /* the argument may be left out (--stats, --stats=30s): args[0] is NULL, the value zero */
	bool is_file;     /* completions offer files */
	bool is_short;    /* stands in -h too */
	bool is_hidden;   /* accepted, completed, in --help's last line only (--unbuffered) */
	size_t offset;    /* offsetof(the tool's options struct, member) */
	const char *arg;  /* name of the argument in help: "DURATION" */
	const char *help; /* one or more sentences; wrapped by the printer */
	int64_t min, max; /* both 0: no range */
	const char *const *values; /* OPT_ENUM: NULL-terminated */
	int (*call)(void *opts, const char *name, const char *const *args, struct err *err);
};

/* A word that users of other tools type: its one line of help ("--compact: write -c"). */
struct opt_hint {
	const char *word; /* "--tab-separated", "-P" */
	const char *text;
};

struct opt_spec {
	const char *tool;          /* "tlm-filter" */
	const char *summary;       /* one line */
	const char *usage;         /* "[options] PROGRAM [SOURCE...] [-o SINK]" */
	const char *details;       /* --help only: a paragraph or two behind the options; may be NULL */
	const char *examples;      /* both helps: lines of commands */
	const struct opt *options; /* the tool's own, OPT_END last; offsets into its struct */
	const struct opt
		*more; /* options of several tools, OPT_END last; offsets into the common struct; may be NULL */
	const struct opt *common;     /* options of every tool, OPT_END last; offsets into the common struct */
	const struct opt_hint *hints; /* {NULL, NULL} last; may be NULL */
	bool has_program;             /* an operand may begin with '-' when no letter follows: "-.value" */
	/*
	 * May be NULL. Called for each operand in the order of the command line, between the options around it (jq's
	 * --args changes what the operands behind it mean). Returns 0 (it stays an operand), 1 (taken), or -1 with err.
	 */
	int (*operand)(void *opts, const char *word, struct err *err);
};

/*
 * Parses by GNU permutation, whatever POSIXLY_CORRECT says: the operands end up in order at the end of argv, the first
 * at *operands (argv is borrowed by the values). "--" ends the options; a unique beginning of a long name will do; the
 * tool's own options win over common ones with the same name or letter. Returns 0, or -1 with ERR_USAGE: "unknown
 * option --foo" (with the hint, or the nearest name),
 * "--window: needs an argument", "--delay: duration '5' has no unit", "--jobs 99: must be 1 to 64".
 */
int opt_parse(
	const struct opt_spec *spec, void *opts, void *common, int argc, char **argv, int *operands, struct err *err);

/* The complete help, or the one screen of -h (45 lines of 79 columns at most). */
void opt_help(const struct opt_spec *spec, bool is_short, struct buf *out);

/* Completion script; shell is "bash", "zsh" or "fish". Returns 0, or -1 with ERR_USAGE. */
int opt_completion(const struct opt_spec *spec, const char *shell, struct buf *out, struct err *err);

void opt_list_release(struct opt_list *list);

#endif
