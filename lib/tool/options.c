/* The options of every tool, one table. */
#include "tool/tool.h"

#include <stddef.h>

#include "batch/batch.h"
#include "json/json.h"
#include "num/num.h"

#define AT(member) offsetof(struct tool_common, member)

static const char *const colors[] = {"auto", "always", "never", NULL};

static int call_stats(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct tool_common *c = opts;
	struct err sub = ERR_INIT;

	c->has_stats = true;
	c->stats_every_us = 0;
	if (!args[0])
		return 0;
	if (num_parse_duration(slice_str(args[0]), &c->stats_every_us, &sub))
		return err_set(err, ERR_USAGE, "--%s: %s", name, sub.msg);
	if (c->stats_every_us < 1000)
		return err_set(err, ERR_USAGE, "--%s %.64s: must be at least 1ms", name, args[0]);
	return 0;
}

static int call_help(void *opts, const char *name, const char *const *args, struct err *err)
{
	(void)name, (void)args, (void)err;
	((struct tool_common *)opts)->help = 2;
	return 0;
}

static int call_short_help(void *opts, const char *name, const char *const *args, struct err *err)
{
	(void)name, (void)args, (void)err;
	((struct tool_common *)opts)->help = 1;
	return 0;
}

static int call_nothing(void *opts, const char *name, const char *const *args, struct err *err)
{
	(void)opts, (void)name, (void)args, (void)err;
	return 0;
}

static const char *const deliveries[] = {"exactly-once", "at-least-once", NULL};

const struct opt tool_source_options[] = {
	{.kind = OPT_HEADING, .help = "Topics as sources"},
	{.name = "consumer-group",
		.letter = 'G',
		.kind = OPT_STRING,
		.offset = AT(kafka.group),
		.arg = "GROUP",
		.help = "share the partitions with other members of the group and go on where it left off. Offsets are "
			"committed when the output is safe."},
	{.name = "instance",
		.kind = OPT_STRING,
		.offset = AT(kafka.instance),
		.arg = "NAME",
		.help = "a static member of the group: a restart within its session moves no partition."},
	{.name = "delivery",
		.kind = OPT_ENUM,
		.offset = AT(delivery),
		.arg = "HOW",
		.values = deliveries,
		.help = "exactly-once: output and offsets in one transaction; for a group, to topics of the same "
			"cluster, and "
			"the default there. at-least-once: records may come again after a failure."},
	{.name = "commit-interval",
		.kind = OPT_DURATION,
		.offset = AT(kafka.commit_us),
		.arg = "DURATION",
		.min = 1000,
		.max = INT64_C(3600000000),
		.help = "how often the group is told what is safe. Default: 1s."},
	{.name = "until-end",
		.kind = OPT_FLAG,
		.offset = AT(kafka.is_until_end),
		.help = "read what the topics hold now, and end. Default: go on with what comes."},
	{.kind = OPT_END},
};

const struct opt tool_common_options[] = {
	{.kind = OPT_HEADING, .help = "Output and rejects"},
	{.name = "output",
		.letter = 'o',
		.kind = OPT_STRING,
		.offset = AT(output),
		.arg = "SINK",
		.is_file = true,
		.is_short = true,
		.help = "where the output goes. A file is written beside and renamed when the run was good; a name "
			"that ends "
			"in .gz .zst .xz .lz4 .bz2 is compressed. Default: stdout."},
	{.name = "rejects",
		.kind = OPT_STRING,
		.offset = AT(rejects),
		.arg = "FILE",
		.is_file = true,
		.is_short = true,
		.help = "where bad records go, one JSON line for each. It holds the reason, the place and the raw "
			"bytes. Without "
			"it they are told on stderr and the exit status is 5; /dev/null accepts the loss."},
	{.name = "strict", .kind = OPT_FLAG, .offset = AT(is_strict), .help = "stop at the first rejected record."},
	{.name = "max-rejects",
		.kind = OPT_INT,
		.offset = AT(max_rejects),
		.arg = "N",
		.min = 1,
		.max = INT64_MAX,
		.help = "stop when N records were rejected. Default: no limit, but the first 1,000 records all "
			"rejected "
			"end the run."},
	{.name = "max-line",
		.kind = OPT_SIZE,
		.offset = AT(max_line_bytes),
		.arg = "SIZE",
		.min = 64,
		.max = BATCH_LINE_MAX_BYTES,
		.help = "the longest line that is a record; longer ones are rejected. Default: 1M, at most 64M."},
	{.name = "max-depth",
		.kind = OPT_INT,
		.offset = AT(max_depth),
		.arg = "N",
		.min = 1,
		.max = JSON_DEPTH_MAX,
		.help = "how many arrays and objects may stand inside each other. Default: 64, at most 10000."},
	{.kind = OPT_HEADING, .help = "Kafka"},
	{.name = "brokers",
		.letter = 'b',
		.kind = OPT_STRING,
		.offset = AT(kafka.brokers),
		.arg = "HOST:PORT,...",
		.help = "the brokers of kafka:TOPIC. Default: TLM_BROKERS, KAFKA_BROKERS, or a file of properties."},
	{.name = "property",
		.letter = 'X',
		.kind = OPT_LIST,
		.offset = AT(kafka.properties),
		.arg = "NAME=VALUE",
		.help = "a property of librdkafka; repeatable."},
	{.name = "properties",
		.letter = 'F',
		.kind = OPT_STRING,
		.offset = AT(kafka.file),
		.arg = "FILE",
		.is_file = true,
		.help = "properties, lines NAME=VALUE: the place for passwords."},
	{.name = "envelope",
		.letter = 'J',
		.kind = OPT_FLAG,
		.offset = AT(kafka.is_envelope),
		.help = "a message is an object with topic, partition, offset, ts, key, headers and value; read back "
			"by "
			"sinks."},
	{.kind = OPT_HEADING, .help = "Run"},
	{.name = "dry-run",
		.kind = OPT_FLAG,
		.offset = AT(is_dry_run),
		.is_short = true,
		.help = "say what would be done, and do nothing."},
	{.name = "dryrun",
		.kind = OPT_FLAG,
		.offset = AT(is_dry_run),
		.is_hidden = true,
		.help = "the same as --dry-run."},
	{.name = "stop-timeout",
		.kind = OPT_DURATION,
		.offset = AT(stop_timeout_us),
		.arg = "DURATION",
		.min = 1000,
		.max = INT64_C(86400000000),
		.help = "how long finishing may take after SIGINT, SIGTERM or SIGHUP; a second signal ends at once. "
			"Default: 5s."},
	{.kind = OPT_HEADING, .help = "Messages"},
	{.name = "stats",
		.kind = OPT_CALL,
		.n_args = 1,
		.is_optional = true,
		.call = call_stats,
		.arg = "DURATION",
		.is_short = true,
		.help = "print the books of the run as JSON on stderr. One line at the end; with a duration also that "
			"often "
			"between."},
	{.name = "quiet",
		.letter = 'q',
		.kind = OPT_FLAG,
		.offset = AT(is_quiet),
		.is_short = true,
		.help = "no progress, and nothing about single records. Errors are still told."},
	{.name = "verbose",
		.letter = 'v',
		.kind = OPT_COUNT,
		.offset = AT(verbose),
		.help = "tell more; repeatable. Once: every rejected record, not only the first of a kind."},
	{.name = "no-progress",
		.kind = OPT_FLAG,
		.offset = AT(no_progress),
		.help = "no progress line. It is drawn only if stderr is a terminal and the output is not stdout."},
	{.name = "color",
		.kind = OPT_ENUM,
		.offset = AT(color),
		.arg = "WHEN",
		.values = colors,
		.help = "auto, always or never. Default: auto, on a terminal unless NO_COLOR is set or TERM is dumb."},
	{.name = "completion",
		.kind = OPT_STRING,
		.offset = AT(completion),
		.arg = "SHELL",
		.help = "print the completion script for bash, zsh or fish."},
	{.letter = 'h',
		.kind = OPT_CALL,
		.call = call_short_help,
		.is_short = true,
		.help = "the common options, on one screen."},
	{.name = "help", .kind = OPT_CALL, .call = call_help, .is_short = true, .help = "all options."},
	{.name = "version",
		.letter = 'V',
		.kind = OPT_FLAG,
		.offset = AT(is_version),
		.is_short = true,
		.help = "print name and version."},
	{.name = "unbuffered",
		.kind = OPT_CALL,
		.call = call_nothing,
		.is_hidden = true,
		.help = "changes nothing: output is always flushed before a wait."},
	{.name = "line-buffered",
		.kind = OPT_CALL,
		.call = call_nothing,
		.is_hidden = true,
		.help = "changes nothing: output is always flushed before a wait."},
	{.kind = OPT_END},
};
