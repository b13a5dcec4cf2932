/*
 * tool: start and finish of every tool: option table, descriptors 0-2, signals, rejects, ledger, meter, exit status.
 *
 *     tool_start()  - one call that does the work -  tool_finish()
 */
#ifndef TLM_TOOL_H
#define TLM_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "err/err.h"
#include "kafka/kafka.h"
#include "ledger/ledger.h"
#include "meter/meter.h"
#include "opt/opt.h"
#include "pump/pump.h"
#include "reject/reject.h"

#define TLM_VERSION "0.1.0"

/* --delivery; without it, exactly once where that can be. */
enum tool_delivery { TOOL_DELIVERY_AUTO = -1, TOOL_EXACTLY_ONCE, TOOL_AT_LEAST_ONCE };

enum tool_color_when { TOOL_COLOR_AUTO, TOOL_COLOR_ALWAYS, TOOL_COLOR_NEVER };

/* The options that every tool has; their table is tool_common_options[]. */
struct tool_common {
	const char *output;      /* -o, NULL: stdout */
	const char *rejects;     /* --rejects PLACE */
	bool is_strict;          /* --strict */
	int64_t max_rejects;     /* --max-rejects N */
	uint64_t max_line_bytes; /* --max-line SIZE */
	int64_t max_depth;       /* --max-depth N */
	bool is_quiet;           /* -q */
	int verbose;             /* -v, repeatable */
	bool has_stats;          /* --stats[=DURATION] */
	int64_t stats_every_us;
	bool no_progress;        /* --no-progress */
	int color;               /* --color: enum tool_color_when */
	bool is_dry_run;         /* --dry-run, --dryrun */
	int64_t stop_timeout_us; /* --stop-timeout */
	int help;                /* -h 1, --help 2 */
	bool is_version;         /* -V */
	const char *completion;  /* --completion SHELL */
	int delivery;            /* --delivery: enum tool_delivery */
	struct kafka_opts
		kafka; /* -b -X -F -J, and where topics are read -G --instance --until-end --commit-interval */
};

extern const struct opt tool_common_options[];

/* For `more` of the spec of a tool that reads topics. A tool without them reads none. */
extern const struct opt tool_source_options[];

struct tool {
	const struct opt_spec *spec;
	struct tool_common common;
	char **operands; /* n_operands, then NULL */
	int n_operands;
	struct ledger ledger;
	struct reject *reject;
	struct meter meter;
	struct pump pump;
	int status;                /* the worst so far */
	bool is_endless;           /* a source has no end, or is a group's: a file of output is appended to */
	struct source *source;     /* of tool_source(), if it reads topics; borrowed */
	bool has_group;            /* and they are read by a group */
	bool has_chosen, is_exact; /* whether output and offsets share a transaction: known with the sink */
};

/*
 * Opens missing descriptors 0-2 on /dev/null, installs signals, parses, prints help, version or completions and exits
 * with 0; a usage error is printed and exits with 2. opts is the tool's options struct with its defaults in it.
 */
void tool_start(struct tool *t, const struct opt_spec *spec, void *opts, int argc, char **argv);

/* A message on stderr in the tool's form: "tlm-filter: ..." (the progress line is erased first). */
void tool_warn(struct tool *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Whether colour is wanted on this descriptor (--color, NO_COLOR, TERM, isatty). */
bool tool_color(const struct tool *t, int fd);

/* The names of the sources from an operand on, checked (none: "-"). Returns 0, or -1 with err. */
int tool_source_names(
	const struct tool *t, int first_operand, const char *const **names, size_t *n_names, struct err *err);

/* Whether one of the sources is the regular file of this name: it must not be written over. */
bool tool_reads(const struct tool *t, int first_operand, const char *name);

/*
 * The source of these names, and the sink of -o (none: stdout); NULL with err. Names are all topics or none is. With a
 * group the first rejected record ends the run unless --rejects has a place.
 */
struct source *tool_source(struct tool *t, int first_operand, struct err *err);
struct sink *tool_sink(struct tool *t, struct err *err);

/* tool_sink() for lines that are no records of the source; see kafka_sink(). */
struct sink *tool_row_sink(struct tool *t, const struct kafka_row *row, struct err *err);

/* For a tool that opens its sink itself, which is no topic: a topic of --rejects is opened. 0, or -1 with err. */
int tool_other_sink(struct tool *t, struct err *err);

/* The same for a lake, which is exactly once by its own means. */
int tool_lake_sink(struct tool *t, struct err *err);

/* Whether an option's place for further rows can be written: a file or "-", nothing is opened. 0, or -1 with err. */
int tool_check_file(const char *option, const char *name, struct err *err);

/* The same where it may be a topic too. */
int tool_check_place(const struct tool *t, const char *option, const char *name, struct err *err);

/* A place for further rows, after the sink of -o: a topic shares its transactions. NULL with err. */
struct sink *tool_beside(struct tool *t, const char *name, struct err *err);

/*
 * Rejects' totals, stats, ledger check; flushes, checks and closes stdout; prints the error once; returns the exit
 * status by the precedence of tlm(7): or ends the process by the signal that stopped it (SIGPIPE for ERR_PIPE).
 */
int tool_finish(struct tool *t, struct err *err);

/* What users of kcat and of the broker's own commands type, for the hints of a tool. */
/* clang-format off */
#define TOOL_TOPIC_HINTS \
	{"-t", "a topic is a place: kafka:TOPIC to read, -o kafka:TOPIC to write"}, \
	{"--topic", "a topic is a place: kafka:TOPIC to read, -o kafka:TOPIC to write"}, \
	{"-C", "a topic that is read is a place: kafka:TOPIC"}, \
	{"-P", "a topic that is written is a place: -o kafka:TOPIC"}, \
	{"--bootstrap-server", "write -b HOST:PORT"}, \
	{"--from-beginning", "a topic is read from its beginning unless offset= or a group says otherwise"}
/* clang-format on */

#endif
