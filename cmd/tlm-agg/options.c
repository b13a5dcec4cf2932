#include "options.h"

#include <stddef.h>

#include "agg.h"
#include "jobs/jobs.h"
#include "tool/tool.h"

static const char *const idle_closes[] = {[IDLE_HOLD] = "hold", [IDLE_JUMP] = "jump", [IDLE_WALK] = "walk", NULL};
static const char *const time_forms[] = {"iso", "s", "ms", "us", NULL};
static const char *const on_full[] = {"fail", "emit-early", "drop", NULL};
static const char *const formats[] = {"ndjson", "csv", "tsv", "table", NULL};

#define SESSION_MAX_US (INT64_C(3652425) * 86400 * 1000000) /* the calendar: 10,000 years */
#define AT(member) offsetof(struct agg_options, member)

/* clang-format off */
static const struct opt options[] = {
	{.kind = OPT_HEADING, .help = "Time and windows"},
	{.name = "time", .kind = OPT_STRING, .offset = AT(time), .arg = "FIELD[:FORMAT]", .is_short = true,
	 .help = "the field of the event time; FORMAT is s, ms, us, ns, iso or a pattern of strptime(3) with %f. Rows of tlm-agg need none."},
	{.name = "window", .letter = 'w', .kind = OPT_STRING, .offset = AT(window), .arg = "DURATION|day|week|month|all", .is_short = true,
	 .help = "length of a window, 1m for example; day, week and month are those of the calendar; all (default) is the whole stream."},
	{.name = "tz", .kind = OPT_STRING, .offset = AT(tz), .arg = "ZONE",
	 .help = "the time zone of days, weeks, months, --session-max and names of -o, as Europe/Warsaw. Default: UTC."},
	{.name = "every", .kind = OPT_DURATION, .offset = AT(every_us), .arg = "DURATION", .is_short = true, .min = 1, .max = INT64_MAX,
	 .help = "a new window begins so often: hopping windows. Default: the length of -w."},
	{.name = "offset", .kind = OPT_DURATION, .offset = AT(offset_us), .arg = "DURATION",
	 .help = "windows begin so long after a multiple of --every."},
	{.name = "session", .kind = OPT_DURATION, .offset = AT(session_us), .arg = "GAP", .is_short = true, .min = 1, .max = INT64_MAX,
	 .help = "sessions instead of windows: records of a group at most this apart belong together."},
	{.name = "session-max", .kind = OPT_DURATION, .offset = AT(session_max_us), .arg = "DURATION", .min = 1, .max = SESSION_MAX_US,
	 .help = "cut sessions and trips at multiples of this, by the clocks of --tz."},
	{.name = "every-n", .kind = OPT_INT, .offset = AT(every_n), .arg = "N", .min = 1, .max = INT64_MAX,
	 .help = "windows of N records of a group, in the order of their times; without --time as they come."},
	{.name = "start", .kind = OPT_STRING, .offset = AT(start), .arg = "PROGRAM",
	 .help = "trips instead of windows: one begins with a record of a group for which this jq program gives neither false nor null,"},
	{.name = "end", .kind = OPT_STRING, .offset = AT(end), .arg = "PROGRAM",
	 .help = "and ends with one of this program. Only --start: it ends where the next begins; only --end: it begins behind the last."},
	{.name = "delay", .kind = OPT_DURATION, .offset = AT(delay_us), .arg = "DURATION", .is_short = true,
	 .help = "wait so long (in event time) for records out of order. Default 0s."},
	{.name = "grace", .kind = OPT_DURATION, .offset = AT(grace_us), .arg = "DURATION",
	 .help = "keep a complete window open so much longer. Default 0s."},
	{.name = "late", .kind = OPT_STRING, .offset = AT(late), .arg = "PLACE", .is_file = true, .is_short = true,
	 .help = "where records go that come after their windows have closed. Without it they are counted and the status is 5."},
	{.name = "explain-lateness", .kind = OPT_FLAG, .offset = AT(is_explaining), .is_short = true,
	 .help = "instead of rows tell which share of the records each --delay from 0 to an hour would lose, and the shortest that loses none."},
	{.name = "max-ahead", .kind = OPT_DURATION, .offset = AT(max_ahead_us), .arg = "DURATION",
	 .help = "reject a record that is later than all before it by more than this."},
	{.name = "quorum", .kind = OPT_STRING, .offset = AT(quorum), .arg = "N:FIELD",
	 .help = "time has passed where N values of FIELD (1 to 32) have reached it: fewer wrong clocks close no window."},
	{.name = "marks", .kind = OPT_FLAG, .offset = AT(has_marks),
	 .help = "lines that begin with {\"_tlm\": are marks of tlm-replay --marks: they move the time and are no records."},
	{.name = "fill", .kind = OPT_FLAG, .offset = AT(is_filling),
	 .help = "a group that was seen once has a row in each time window from then on, also where it has no records."},
	{.name = "emit", .kind = OPT_STRING, .offset = AT(emit), .arg = "final|update|every=DURATION",
	 .help = "update: a row when a window is complete and for each change within --grace; every=10s: rows of open windows on the way. Default: final."},
	{.name = "idle", .kind = OPT_DURATION, .offset = AT(idle_us), .arg = "DURATION", .min = 1, .max = INT64_C(86400000000000),
	 .help = "a partition that was read to its end for so long, by the clock on the wall, is not waited for. Default: each one is."},
	{.name = "idle-close", .kind = OPT_ENUM, .offset = AT(idle_close), .arg = "HOW", .values = idle_closes,
	 .help = "when all partitions are idle: hold leaves open windows open (default), jump closes them, walk lets time go on with the clock."},
	{.name = "no-flush", .kind = OPT_FLAG, .offset = AT(no_flush),
	 .help = "windows that are open at the end of the input give no row."},
	{.kind = OPT_HEADING, .help = "Groups and values"},
	{.name = "where", .kind = OPT_STRING, .offset = AT(where), .arg = "PROGRAM",
	 .help = "only records for which this jq program gives a value that is neither false nor null."},
	{.name = "group-by", .letter = 'g', .kind = OPT_LIST, .offset = AT(groups), .arg = "PATH[,...]", .is_short = true,
	 .help = "one row per value of these fields; PATH as NAME renames. May be given more than once."},
	{.name = "coerce", .kind = OPT_FLAG, .offset = AT(is_coercing),
	 .help = "take numbers written as text."},
	{.name = "max-gap", .kind = OPT_DURATION, .offset = AT(max_gap_us), .arg = "DURATION", .min = 1, .max = INT64_MAX,
	 .help = "how long a value holds at most in twa, integral, duration, time_above and increase. Default: until the next one."},
	{.name = "exact", .kind = OPT_INT, .offset = AT(exact_max), .arg = "N", .min = 1, .max = AGG_EXACT_MAX,
	 .help = "values of a group that percentiles and distinct keep before they become approximate. Default 512."},
	{.name = "max-keys", .kind = OPT_INT, .offset = AT(max_keys), .arg = "N", .min = 1, .max = INT64_MAX,
	 .help = "how many groups may be open, over all windows. Default: no limit."},
	{.name = "max-mem", .kind = OPT_SIZE, .offset = AT(max_mem_bytes), .arg = "SIZE", .min = 1, .max = INT64_MAX,
	 .help = "how much memory their states may take. Default: no limit."},
	{.name = "on-full", .kind = OPT_ENUM, .offset = AT(on_full), .arg = "HOW", .values = on_full,
	 .help = "when there is no room: fail (default), emit-early: the oldest window goes out in parts, or drop: reject the record."},
	{.name = "jobs", .letter = 'j', .kind = OPT_INT, .offset = AT(jobs), .arg = "N", .is_short = true, .min = 1, .max = JOBS_MAX,
	 .help = "work with N threads; what comes out is the same. Default 1."},
	{.kind = OPT_HEADING, .help = "In a group"},
	{.name = "accept-new-config", .kind = OPT_FLAG, .offset = AT(is_accepting),
	 .help = "go on though the group has run with other windows or aggregates, or its offsets were set by others."},
	{.name = "state-topic", .kind = OPT_STRING, .offset = AT(state_topic), .arg = "TOPIC",
	 .help = "keep what is open in this compacted topic too: whoever has a partition next reads it there, not from the records again."},
	{.name = "max-replay", .kind = OPT_INT, .offset = AT(max_replay), .arg = "N", .min = 0, .max = INT64_MAX,
	 .help = "tell when more than N records are read again to rebuild the open windows of a partition. Default 1000000."},
	{.kind = OPT_HEADING, .help = "In parts"},
	{.name = "partial", .kind = OPT_FLAG, .offset = AT(is_partial),
	 .help = "rows hold the states of the aggregates in place of results, for --merge."},
	{.name = "merge", .kind = OPT_FLAG, .offset = AT(is_merging),
	 .help = "read rows of --partial, of any number of producers: the rows are those of one process over all records. Windows may be longer than those of the producers; aggregates and groups must be the same."},
	{.kind = OPT_HEADING, .help = "Output"},
	{.name = "format", .kind = OPT_ENUM, .offset = AT(format), .arg = "FORM", .values = formats, .is_short = true,
	 .help = "ndjson, csv, tsv, or table for people. Default: by the suffix of -o, else ndjson."},
	{.name = "having", .kind = OPT_STRING, .offset = AT(having), .arg = "PROGRAM",
	 .help = "only rows for which this jq program gives a value that is neither false nor null."},
	{.name = "top", .kind = OPT_STRING, .offset = AT(top), .arg = "N:NAME",
	 .help = "of each window only the N rows with the largest value of the aggregate NAME."},
	{.name = "latest", .kind = OPT_STRING, .offset = AT(latest), .arg = "FILE", .is_file = true,
	 .help = "the newest row of each group, replaced as a whole when windows close; .csv, .tsv, .ndjson or .jsonl."},
	{.name = "time-out", .kind = OPT_ENUM, .offset = AT(time_out), .arg = "FORM", .values = time_forms,
	 .help = "window_start and window_end as iso (default), or as integers: s, ms, us."},
	{.kind = OPT_END},
};

static const struct opt_hint hints[] = {
	{"--by", "-g FIELD groups"},
	{"--group", "-g FIELD groups"},
	{"-f", "the aggregates are the first operand: 'count, mean(value)'; -g FIELD groups"},
	TOOL_TOPIC_HINTS,
	{NULL, NULL},
};

const struct opt_spec options_spec = {
	.tool = "tlm-agg",
	.summary = "aggregates records by windows of event time and by groups",
	.usage = "[options] AGGREGATES [SOURCE...] [-o SINK]",
	.details = "AGGREGATES is a list of count, count(FIELD), sum(FIELD), mean, min, max, range, first, last, stddev, var, "
		   "pNN (p50, p95, p99.9), median, distinct, argmin(FIELD, BY), argmax, mode, topk(FIELD, N), set, values(FIELD, N), hist(FIELD, WIDTH), "
		   "skew, kurt, covar(X, Y), corr, slope(Y, X), r2, delta, rate, transitions, max_gap, ewma(FIELD, SHARE), twa, integral, duration(FIELD, VALUE), time_above(FIELD, LIMIT), increase, lttb(FIELD, N), distance(LAT, LON), bbox(LAT, LON) and round(AGGREGATE, DIGITS), each with `as NAME` and, before it, `where PROGRAM`: count where .value > 80 as fast. Absent and null values are skipped.",
	.examples = "tlm-agg --time ts:iso -w 5m -g deviceId 'count, p95(value)' day.ndjson.zst\n"
		    "tlm-agg -g variable --format table 'count, max(value)' trips.ndjson\n",
	.options = options,
	.more = tool_source_options,
	.common = tool_common_options,
	.hints = hints,
};
/* clang-format on */
