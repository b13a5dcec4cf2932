/* tlm-s3put: each record into exactly one object of a lake. Options and wiring; lib/lake is the sink. */
#include <stddef.h>

#include "lake/lake.h"
#include "s3put.h"
#include "source/source.h"

static const char *const compressions[] = {[CODEC_ZST] = "zst", [CODEC_GZ] = "gz", [CODEC_NONE] = "none", NULL};

#define AT(member) offsetof(struct s3put_options, member)

/* clang-format off */
static const struct opt options[] = {
	{.kind = OPT_HEADING, .help = "Directories"},
	{.name = "time", .kind = OPT_STRING, .offset = AT(time), .arg = "FIELD[:FORMAT]", .is_short = true,
	 .help = "the field of the event time, for the % codes of the place; FORMAT is s, ms, us, ns, iso or a pattern of "
		 "strptime(3) with %f. Rows of tlm-agg need none."},
	{.name = "tz", .kind = OPT_STRING, .offset = AT(tz), .arg = "ZONE", .is_short = true,
	 .help = "the time zone of the % codes, as Europe/Warsaw. Default: UTC."},
	{.name = "max-open", .kind = OPT_INT, .offset = AT(max_open), .arg = "N", .min = 1, .max = LAKE_OPEN_MAX, .is_short = true,
	 .help = "how many directories are open at once; one more closes the object of the one least recently used. Default: 256."},
	{.name = "marks", .kind = OPT_FLAG, .offset = AT(has_marks),
	 .help = "lines that begin with {\"_tlm\": are marks of tlm-replay --marks: they are not stored."},
	{.kind = OPT_HEADING, .help = "Objects"},
	{.name = "max-size", .kind = OPT_SIZE, .offset = AT(max_size_bytes), .arg = "SIZE", .min = 1, .max = INT64_MAX, .is_short = true,
	 .help = "raw bytes of an object at most (a longer record makes a longer one). Default: 256M."},
	{.name = "max-records", .kind = OPT_INT, .offset = AT(max_records), .arg = "N", .min = 1, .max = INT64_MAX, .is_short = true,
	 .help = "records of an object at most. Default: no limit."},
	{.name = "max-age", .kind = OPT_DURATION, .offset = AT(max_age_us), .arg = "DURATION", .min = 1000, .max = INT64_C(3153600000000000), .is_short = true,
	 .help = "an object is stored so long after its first record came, by the clock. Default: no limit."},
	{.name = "max-span", .kind = OPT_DURATION, .offset = AT(max_span_us), .arg = "DURATION", .min = 1, .max = INT64_MAX, .is_short = true,
	 .help = "a record so much later than the first of an object, in event time, begins the next. Default: no limit."},
	{.name = "compression", .kind = OPT_ENUM, .offset = AT(compression), .arg = "KIND", .values = compressions, .is_short = true,
	 .help = "zst (default), gz or none: .ndjson.zst, .ndjson.gz, .ndjson."},
	{.name = "level", .kind = OPT_INT, .offset = AT(level), .arg = "N", .min = 1, .max = 19,
	 .help = "how hard to compress: zst 1 to 19, default 3; gz 1 to 9, default 6."},
	{.kind = OPT_HEADING, .help = "Safety"},
	{.name = "run-id", .kind = OPT_STRING, .offset = AT(run_id), .arg = "NAME", .is_short = true,
	 .help = "makes the run repeatable: objects are NAME-000001 and so on, and one that exists with the same records is done."},
	{.name = "sync-interval", .kind = OPT_DURATION, .offset = AT(sync_us), .arg = "DURATION", .min = 1000, .max = INT64_C(86400000000),
	 .help = "open objects are flushed to the spool and synced so often; a killed run loses no more than that. Default: 1s."},
	{.name = "spool", .kind = OPT_STRING, .offset = AT(spool), .arg = "DIR", .is_file = true,
	 .help = "where open objects wait, on the file system of the lake. Default: .tlm-spool inside the lake."},
	{.kind = OPT_END},
};

static const struct opt_hint hints[] = {
	{"--partition-by", "write the directories in the place: -o 'file:///DIR/dt=%Y-%m-%d/device={deviceId}/'"},
	{"--prefix", "write it in the place: -o file:///DIR"},
	{"--bucket", "write the place: -o file:///DIR"},
	{"--endpoint-url", "this version stores in file:///DIR"},
	{"--recursive", "each SOURCE is read; -o is the lake"},
	{NULL, NULL},
};

static const struct opt_spec spec = {
	.tool = "tlm-s3put",
	.summary = "stores each record in exactly one object of a lake",
	.usage = "[options] [SOURCE...] -o file:///DIR/TEMPLATE",
	.details = "TEMPLATE gives the directory of a record: strftime(3) codes of its event time, {field} for a value; %%, {{ and }} are "
		   "the characters. Each stored object is one JSON line on stdout. What a killed run left is stored by the next.",
	.examples = "tlm-s3put --time ts:ms -o 'file:///srv/lake/dt=%F/dev={deviceId}/' day.ndjson\n"
		    "tlm-agg --time ts -w 1m count x.ndjson | tlm-s3put -o file:///srv/m/dt=%F/\n"
		    "tlm-s3put --run-id night-2026-11-25 -o file:///srv/lake/raw/ day.ndjson.zst\n",
	.options = options,
	.more = tool_source_options,
	.common = tool_common_options,
	.hints = hints,
};
/* clang-format on */

static struct source *open_source(struct tool *t, struct err *err)
{
	const char *const *names;
	size_t n_names;

	if (tool_source_names(t, 0, &names, &n_names, err))
		return NULL;
	if (kafka_has_group(&t->common.kafka, names, n_names)) {
		err_set(err, ERR_USAGE, "-G: a group is not in this version; without -G all partitions are read");
		return NULL;
	}
	return tool_source(t, 0, err);
}

int main(int argc, char **argv)
{
	struct s3put_options o = S3PUT_OPTIONS_DEFAULT;
	struct s3put s = {0};
	struct err err = ERR_INIT;
	struct source *source;
	struct tool t;
	int status;

	tool_start(&t, &spec, &o, argc, argv);
	source = open_source(&t, &err);
	if (source && s3put_open(&s, &t, &o, &err) == 0)
		pump_run(&t.pump, source, NULL, s.lake, &err);
	s3put_close(&s);
	source_close(source);
	status = tool_finish(&t, &err);
	return status;
}
