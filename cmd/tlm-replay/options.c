#include "options.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "marker.h"
#include "num/num.h"
#include "tool/tool.h"

#define AT(member) offsetof(struct replay_opts, member)

enum { HOUR_S = 3600, DAYS_MAX = 36500 };

#define DURATION_MAX_US (INT64_C(1000000) * HOUR_S * 24 * DAYS_MAX)

static const char *const rebases[] = {"none", "shift", "scale", NULL};
static const char *const catchups[] = {"burst", "skip", "stretch", NULL};
static const char *const empties[] = {"null", "string", "omit", NULL};
static const char *const encodings[] = {"utf-8", "latin1", NULL};

static int call_speed(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct replay_opts *o = opts;
	size_t len = strlen(args[0]);

	o->speed = 0;
	if (strcmp(args[0], "max") == 0)
		return 0;
	if (num_is_json(args[0], len))
		o->speed = num_to_double(args[0], len);
	if (!(o->speed >= 1e-6 && o->speed <= 1e9))
		return err_set(
			err, ERR_USAGE, "--%s %.64s: must be a number from 0.000001 to 1e9, or max", name, args[0]);
	return 0;
}

static int call_rate(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct replay_opts *o = opts;
	size_t len = strlen(args[0]);

	o->rate = num_is_json(args[0], len) ? num_to_double(args[0], len) : 0;
	if (!(o->rate >= 1e-6 && o->rate <= 1e9))
		return err_set(err, ERR_USAGE, "--%s %.64s: must be a number from 0.000001 to 1e9", name, args[0]);
	return 0;
}

static int call_loop(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct replay_opts *o = opts;
	struct err sub = ERR_INIT;

	o->loops = LOOP_FOREVER;
	if (strcmp(args[0], "inf") == 0)
		return 0;
	if (num_parse_int(slice_str(args[0]), 1, 1000000000, &o->loops, &sub))
		return err_set(
			err, ERR_USAGE, "--%s %.64s: must be a number from 1 to 1000000000, or inf", name, args[0]);
	return 0;
}

static int call_marks(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct replay_opts *o = opts;
	struct err sub = ERR_INIT;

	o->marks_us = MARKER_EVERY_US;
	if (!args[0])
		return 0;
	if (num_parse_duration(slice_str(args[0]), &o->marks_us, &sub))
		return err_set(err, ERR_USAGE, "--%s: %s", name, sub.msg);
	if (o->marks_us < 1000)
		return err_set(err, ERR_USAGE, "--%s %.64s: must be at least 1ms", name, args[0]);
	return 0;
}

/* clang-format off */
static const struct opt options[] = {
	{.kind = OPT_HEADING, .help = "Pace (default: as fast as it can)"},
	{.name = "speed", .kind = OPT_CALL, .n_args = 1, .call = call_speed, .arg = "N|max", .is_short = true,
	 .help = "N times the speed of the recording, by --time: 1, 60, 0.5. Default: max, as fast as it can."},
	{.name = "rate", .kind = OPT_CALL, .n_args = 1, .call = call_rate, .arg = "N", .is_short = true,
	 .help = "at most N records a second (a token bucket that holds one second). With --speed both must allow it."},
	{.name = "max-gap", .kind = OPT_DURATION, .offset = AT(max_gap_us), .arg = "DURATION", .min = 1, .max = DURATION_MAX_US,
	 .is_short = true,
	 .help = "a longer gap in the recording is played as one of this length; --rebase shifts times to match."},
	{.name = "loop", .kind = OPT_CALL, .n_args = 1, .call = call_loop, .arg = "N|inf", .is_short = true,
	 .help = "play everything N times; files only. With --time the times of each further loop are moved on by "
		 "the span of the recording and its mean gap, so time never runs back."},
	{.name = "catchup", .kind = OPT_ENUM, .offset = AT(catchup), .arg = "HOW", .values = catchups,
	 .help = "what --speed does when the output cannot keep up: burst sends all that is due at once, skip "
		 "leaves out what is more than 100ms late (counted as filtered), stretch moves the rest of the "
		 "schedule by what it is late then. Default: burst."},
	{.name = "max-lag", .kind = OPT_INT, .offset = AT(max_lag), .arg = "N", .min = 1, .max = INT64_MAX,
	 .help = "wait while the group of --lag-group is N records or more behind the end of the topic that is "
		 "written. What was due in the meantime is late, and --catchup says what becomes of it."},
	{.name = "lag-group", .kind = OPT_STRING, .offset = AT(lag_group), .arg = "GROUP",
	 .help = "the consumer group that --max-lag watches, by what it has committed."},
	{.kind = OPT_HEADING, .help = "Selection and order"},
	{.name = "time", .kind = OPT_STRING, .offset = AT(time), .arg = "FIELD[:FORMAT]", .is_short = true,
	 .help = "which field is the recorded time; FORMAT is s, ms, us, ns, iso or a pattern of strptime with %f. "
		 "Needed for --speed N, --from, --to, --max-gap, --rebase, --sort-window. With it several inputs "
		 "are merged in time order, without it they follow one another."},
	{.name = "from", .kind = OPT_STRING, .offset = AT(from), .arg = "TIME", .is_short = true,
	 .help = "leave out records before this recorded time: RFC 3339, or a value in the format of --time."},
	{.name = "to", .kind = OPT_STRING, .offset = AT(to), .arg = "TIME", .is_short = true,
	 .help = "leave out records at or after this recorded time."},
	{.name = "limit", .kind = OPT_INT, .offset = AT(limit), .arg = "N", .min = 1, .max = INT64_MAX, .is_short = true,
	 .help = "stop after N records were sent."},
	{.name = "sort-window", .kind = OPT_DURATION, .offset = AT(sort_window_us), .arg = "DURATION", .min = 1,
	 .max = DURATION_MAX_US,
	 .help = "put records of one input in order that are out of it by up to this much recorded time. They are "
		 "held in memory for as long; one that is still too late is sent at once."},
	{.name = "marks", .kind = OPT_CALL, .n_args = 1, .is_optional = true, .call = call_marks, .arg = "DURATION",
	 .help = "tell the tools behind how far time has come, also where records are left out or the recording is silent: "
		 "a line {\"_tlm\":...} each time that another second (or DURATION) has begun. Give --marks to them too."},
	{.kind = OPT_HEADING, .help = "Rewriting the time"},
	{.name = "rebase", .kind = OPT_ENUM, .offset = AT(rebase), .arg = "HOW", .values = rebases,
	 .help = "move the time of each record to the present, in its own format, other bytes untouched: shift "
		 "keeps the distances of the recording, scale writes the time at which the record is due. Default: "
		 "none."},
	{.name = "rebase-to", .kind = OPT_STRING, .offset = AT(rebase_to), .arg = "TIME",
	 .help = "the new time of the first record. Default: the time of the start."},
	{.kind = OPT_HEADING, .help = "CSV and TSV"},
	{.name = "csv", .kind = OPT_FLAG, .offset = AT(is_csv), .is_short = true,
	 .help = "every input is CSV. Default: by suffix, .csv, .tsv, .csv.zst ...; all else, and stdin, is NDJSON."},
	{.name = "tsv", .kind = OPT_FLAG, .offset = AT(is_tsv), .is_short = true, .help = "every input is TSV."},
	{.name = "ndjson", .kind = OPT_FLAG, .offset = AT(is_ndjson), .help = "every input is NDJSON."},
	{.name = "header", .kind = OPT_STRING, .offset = AT(header), .arg = "NAMES",
	 .help = "names of the columns, with commas between them; the first row is data then."},
	{.name = "skip-lines", .kind = OPT_INT, .offset = AT(skip_lines), .arg = "N", .min = 0, .max = UINT32_MAX,
	 .help = "leave out the first N lines of each input."},
	{.name = "delimiter", .kind = OPT_STRING, .offset = AT(delimiter), .arg = "CHAR",
	 .help = "what stands between cells: one byte, or \\t. Default: a comma, in TSV a tab."},
	{.name = "types", .kind = OPT_STRING, .offset = AT(types), .arg = "NAME:TYPE,...",
	 .help = "columns that are always str or always num; a cell that is no number is rejected then. Default: a "
		 "cell that is a JSON number of at most 17 digits (integers up to 2^53) is a number, all else a "
		 "string."},
	{.name = "no-infer", .kind = OPT_FLAG, .offset = AT(no_infer),
	 .help = "every cell is a string, except in columns that --types calls num."},
	{.name = "empty", .kind = OPT_ENUM, .offset = AT(empty), .arg = "HOW", .values = empties,
	 .help = "what an empty cell becomes: null, string (\"\") or omit (no field). Default: null."},
	{.name = "encoding", .kind = OPT_ENUM, .offset = AT(encoding), .arg = "NAME", .values = encodings,
	 .help = "utf-8 or latin1. Default: utf-8; rows with other bytes are rejected."},
	{.kind = OPT_END},
};
/* clang-format on */

static const struct opt_hint hints[] = {
	{"--follow", "tlm-replay reads files to their end; for a growing file write: tail -F FILE | tlm-replay"},
	{"--separator", "write --delimiter"},
	{"--fs", "write --delimiter"},
	{"--ifs", "write --delimiter"},
	{"--icsv", "write --csv"},
	{"--itsv", "write --tsv"},
	{"--implicit-csv-header", "write --header NAMES"},
	{"--no-header", "write --header NAMES"},
	TOOL_TOPIC_HINTS,
	{NULL, NULL},
};

const struct opt_spec replay_spec = {
	.tool = "tlm-replay",
	.summary = "replays recorded telemetry as NDJSON, as fast as it can or at its own pace",
	.usage = "[options] [SOURCE...] [-o SINK]",
	.details = "Sources are files or - for stdin (the default): NDJSON, CSV or TSV, compressed or not (gz zst "
		   "xz lz4 bz2). Every record is checked; one that is not good JSON, or a row that does not fit its "
		   "header, is rejected. Without --speed and --rate records leave as fast as the reader takes them. "
		   "With a pace each record is due at start + (time - first time) / speed on the monotonic clock; "
		   "--stats tells how late they left.",
	.examples = "tlm-replay trips.csv.zst\n"
		    "tlm-replay --time timeMili:ms --speed 60 --max-gap 5m trips.csv\n"
		    "tlm-replay --time timeMili:ms --dry-run a.ndjson b.ndjson\n",
	.options = options,
	.common = tool_common_options,
	.hints = hints,
};

static bool ends_in(const char *name, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && strncasecmp(name + len - n, suffix, n) == 0;
}

enum input_kind replay_opts_kind(const struct replay_opts *o, const char *name)
{
	static const char *const compressed[] = {".gz", ".zst", ".xz", ".lz4", ".bz2"};
	size_t len = strlen(name);

	if (o->is_csv || o->is_tsv || o->is_ndjson)
		return o->is_csv ? INPUT_CSV : o->is_tsv ? INPUT_TSV : INPUT_NDJSON;
	for (size_t i = 0; i < sizeof compressed / sizeof *compressed; i++) {
		if (ends_in(name, len, compressed[i])) {
			len -= strlen(compressed[i]);
			break;
		}
	}
	return ends_in(name, len, ".csv") ? INPUT_CSV : ends_in(name, len, ".tsv") ? INPUT_TSV : INPUT_NDJSON;
}

/* A point of recorded time: RFC 3339, or as --time has it. */
static int read_time(const struct replay_opts *o, const char *name, const char *text, int64_t *us, struct err *err)
{
	static const struct etime_format iso = {.kind = ETIME_ISO};
	size_t len = strlen(text);

	if (etime_parse(&iso, text, len, false, us))
		return 0;
	if (o->has_time && o->field.format.kind != ETIME_AUTO &&
		etime_parse(&o->field.format, text, len, num_is_json(text, len), us))
		return 0;
	return err_set(err, ERR_USAGE,
		"--%s %.64s: expected a time as 2026-11-22T10:00:00Z, or in the format of --time", name, text);
}

static int read_times(struct replay_opts *o, struct err *err)
{
	o->has_from = o->from != NULL;
	o->has_to = o->to != NULL;
	o->has_rebase_to = o->rebase_to != NULL;
	if ((o->from && read_time(o, "from", o->from, &o->from_us, err)) ||
		(o->to && read_time(o, "to", o->to, &o->to_us, err)) ||
		(o->rebase_to && read_time(o, "rebase-to", o->rebase_to, &o->rebase_to_us, err)))
		return -1;
	if (o->has_from && o->has_to && o->from_us >= o->to_us)
		return err_set(err, ERR_USAGE, "--from %.40s: must be before --to %.40s", o->from, o->to);
	return 0;
}

/* The first option that cannot work without --time, or NULL. */
static const char *time_user(const struct replay_opts *o)
{
	return o->speed > 0        ? "--speed"
	       : o->from           ? "--from"
	       : o->to             ? "--to"
	       : o->max_gap_us     ? "--max-gap"
	       : o->rebase         ? "--rebase"
	       : o->sort_window_us ? "--sort-window"
	       : o->marks_us       ? "--marks"
				   : NULL;
}

static int check_pace(struct replay_opts *o, struct err *err)
{
	o->is_paced = o->speed > 0 || o->rate > 0;
	if (o->rebase == REBASE_SCALE && !o->is_paced)
		return err_set(err, ERR_USAGE, "--rebase scale: needs --speed N or --rate N, else nothing is ever due");
	if (o->rebase_to && !o->rebase)
		return err_set(err, ERR_USAGE, "--rebase-to: needs --rebase shift or --rebase scale");
	if (o->catchup != CATCHUP_BURST && o->speed <= 0)
		return err_set(err, ERR_USAGE, "--catchup: needs --speed N, only a schedule can be missed");
	return 0;
}

static int check_lag(const struct replay_opts *o, const char *sink, struct err *err)
{
	if (!o->max_lag && !o->lag_group)
		return 0;
	if (!o->lag_group || !*o->lag_group)
		return err_set(err, ERR_USAGE, "--max-lag: needs --lag-group GROUP");
	if (!o->max_lag)
		return err_set(err, ERR_USAGE, "--lag-group: needs --max-lag N");
	if (!sink || !kafka_is_place(sink))
		return err_set(err, ERR_USAGE, "--max-lag: needs -o kafka:TOPIC, only a topic has consumer groups");
	return 0;
}

static int check_csv(struct replay_opts *o, bool has_csv, struct err *err)
{
	const char *user = o->delimiter    ? "--delimiter"
			   : o->header     ? "--header"
			   : o->types      ? "--types"
			   : o->skip_lines ? "--skip-lines"
			   : o->no_infer   ? "--no-infer"
			   : o->empty      ? "--empty"
			   : o->encoding   ? "--encoding"
					   : NULL;

	struct err sub = ERR_INIT;

	if (o->is_csv + o->is_tsv + o->is_ndjson > 1)
		return err_set(err, ERR_USAGE, "--csv, --tsv and --ndjson: say one of them");
	if (user && !has_csv)
		return err_set(err, ERR_USAGE, "%s: no input is CSV; say --csv or --tsv if it is", user);
	if (o->delimiter && csv_delimiter_parse(o->delimiter, &o->delimiter_char, &sub))
		return err_set(err, ERR_USAGE, "--delimiter %.20s: %s", o->delimiter, sub.msg);
	return 0;
}

static int check_loops(const struct replay_opts *o, const char *const *names, size_t n_names, struct err *err)
{
	struct stat st;

	for (size_t i = 0; i < n_names && o->loops > 1; i++) {
		if (strcmp(names[i], "-") == 0 ||
			(stat(names[i], &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
			return err_set(err, ERR_USAGE, "--loop: %.100s can be read only once",
				strcmp(names[i], "-") == 0 ? "stdin" : names[i]);
	}
	return 0;
}

/* A merge reads its inputs side by side: each would get pieces of stdin. */
static int check_stdin(const struct replay_opts *o, const char *const *names, size_t n_names, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < n_names; i++)
		n += strcmp(names[i], "-") == 0;
	if (n > 1 && o->needs_time)
		return err_set(err, ERR_USAGE, "-: stdin cannot be merged with itself");
	return 0;
}

int replay_opts_check(
	struct replay_opts *o, const char *const *names, size_t n_names, const char *sink, struct err *err)
{
	bool has_csv = false;

	for (size_t i = 0; i < n_names; i++)
		has_csv |= replay_opts_kind(o, names[i]) != INPUT_NDJSON;
	o->has_time = o->time != NULL;
	if (o->time && timefield_parse(&o->field, o->time, err)) {
		o->has_time = false;
		return -1;
	}
	if (time_user(o) && !o->time)
		return err_set(err, ERR_USAGE, "%s: needs --time FIELD[:FORMAT]", time_user(o));
	o->needs_time = o->has_time && (time_user(o) || n_names > 1 || o->loops > 1);
	if (check_pace(o, err) || check_lag(o, sink, err) || check_csv(o, has_csv, err) || read_times(o, err))
		return -1;
	if (check_stdin(o, names, n_names, err))
		return -1;
	return check_loops(o, names, n_names, err);
}

void replay_opts_release(struct replay_opts *o)
{
	if (o->has_time)
		timefield_release(&o->field);
}
