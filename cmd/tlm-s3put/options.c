#include "options.h"

#include <stddef.h>

#include "lake/lake.h"
#include "s3put.h"

#define AT(member) offsetof(struct s3put_options, member)

static const char *const compressions[] = {[CODEC_ZST] = "zst", [CODEC_GZ] = "gz", [CODEC_NONE] = "none", NULL};
static const char *const styles[] = {
	[S3_STYLE_AUTO] = "auto", [S3_STYLE_PATH] = "path", [S3_STYLE_VIRTUAL] = "virtual", NULL};
static const char *const checksums[] = {[S3_SHA256] = "SHA256", [S3_CRC32C] = "CRC32C", NULL};
static const char *const sses[] = {"AES256", "aws:kms", "aws:kms:dsse", NULL};

/* clang-format off */
static const struct opt options[] = {
	{.kind = OPT_HEADING, .help = "Directories"},
	{.name = "time", .kind = OPT_STRING, .offset = AT(time), .arg = "FIELD[:FORMAT]", .is_short = true,
	 .help = "the field of the event time, for the % codes of the place; FORMAT is s, ms, us, ns, iso or a pattern of "
		 "strptime(3) with %f. @kafka is the time of the message. Rows of tlm-agg need none."},
	{.name = "tz", .kind = OPT_STRING, .offset = AT(tz), .arg = "ZONE",
	 .help = "the time zone of the % codes, as Europe/Warsaw. Default: UTC."},
	{.name = "max-open", .kind = OPT_INT, .offset = AT(max_open), .arg = "N", .min = 1, .max = LAKE_OPEN_MAX,
	 .help = "how many directories are open at once; one more closes the object of the one least recently used. Default: 256."},
	{.name = "max-ahead", .kind = OPT_DURATION, .offset = AT(max_ahead_us), .arg = "DURATION", .min = 1, .max = INT64_MAX,
	 .help = "with -G: a record that is later than all before it in its partition by more than this is rejected (ahead): a wrong clock "
		 "completes no hours. Default: no limit."},
	{.name = "marks", .kind = OPT_FLAG, .offset = AT(has_marks),
	 .help = "lines that begin with {\"_tlm\": are marks of tlm-replay --marks: they are not stored."},
	{.kind = OPT_HEADING, .help = "Objects (with -G: all objects of a batch of a partition)"},
	{.name = "max-size", .kind = OPT_SIZE, .offset = AT(max_size_bytes), .arg = "SIZE", .min = 1, .max = INT64_MAX, .is_short = true,
	 .help = "raw bytes of an object at most (a longer record makes a longer one). Default: 256M."},
	{.name = "max-records", .kind = OPT_INT, .offset = AT(max_records), .arg = "N", .min = 1, .max = INT64_MAX,
	 .help = "records of an object at most. Default: no limit."},
	{.name = "max-age", .kind = OPT_DURATION, .offset = AT(max_age_us), .arg = "DURATION", .min = 1000, .max = INT64_C(3153600000000000), .is_short = true,
	 .help = "an object is stored so long after its first record came, by the clock. Default: no limit; with -G 10m."},
	{.name = "max-span", .kind = OPT_DURATION, .offset = AT(max_span_us), .arg = "DURATION", .min = 1, .max = INT64_MAX,
	 .help = "a record so much later than the first of an object, in event time, begins the next; with -G one that passes a multiple of it. Default: no limit."},
	{.name = "compression", .kind = OPT_ENUM, .offset = AT(compression), .arg = "KIND", .values = compressions, .is_short = true,
	 .help = "zst (default), gz or none: .ndjson.zst, .ndjson.gz, .ndjson."},
	{.name = "level", .kind = OPT_INT, .offset = AT(level), .arg = "N", .min = 1, .max = 19,
	 .help = "how hard to compress: zst 1 to 19, default 3; gz 1 to 9, default 6."},
	{.name = "jobs", .letter = 'j', .kind = OPT_INT, .offset = AT(jobs), .arg = "N", .min = 1, .max = SEGMENT_LANES_MAX + 1,
	 .help = "threads: one reads, the others compress, each other directories. Objects are the same for every N. Default: 2, where "
		 "there are two processors."},
	{.kind = OPT_HEADING, .help = "Safety"},
	{.name = "run-id", .kind = OPT_STRING, .offset = AT(run_id), .arg = "NAME", .is_short = true,
	 .help = "makes the run repeatable: objects are NAME-000001 and so on, and one that exists with the same records is done."},
	{.name = "sync-interval", .kind = OPT_DURATION, .offset = AT(sync_us), .arg = "DURATION", .min = 1000, .max = INT64_C(86400000000),
	 .help = "open objects are flushed to the spool and synced so often; a killed run loses no more than that. Default: 1s."},
	{.name = "spool", .kind = OPT_STRING, .offset = AT(spool), .arg = "DIR", .is_file = true,
	 .help = "where objects wait until they are stored. Default: .tlm-spool inside a lake that is a directory (DIR must be on its "
		 "file system); $XDG_STATE_HOME/tlm/spool or ~/.local/state/tlm/spool for S3."},
	{.name = "max-spool", .kind = OPT_SIZE, .offset = AT(max_spool_bytes), .arg = "SIZE", .min = 1, .max = INT64_MAX,
	 .help = "finished objects that wait for S3 at most; then reading waits. Default: 1G."},
	{.name = "manifest", .kind = OPT_STRING, .offset = AT(manifest), .arg = "PLACE",
	 .help = "the rows of stdout become objects, too: PLACE is _manifests in the root of the lake, as s3://BUCKET/PREFIX/_manifests/."},
	{.name = "forget-plan", .kind = OPT_FLAG, .offset = AT(is_planning_anew),
	 .help = "with -G and --until-end, while no other member runs: what earlier runs had planned and not committed is planned anew. "
		 "Remove what is stored of it first."},
	{.name = "audit", .kind = OPT_STRING, .offset = AT(audit), .arg = "PLACE",
	 .help = "store nothing; read the objects below PLACE and the rows that tell of them (in its _manifests and in each SOURCE) and say "
		 "what is missing, changed or there twice: status 1."},
	{.kind = OPT_HEADING, .help = "S3 (names, files and variables of the aws command)"},
	{.name = "endpoint-url", .kind = OPT_STRING, .offset = AT(endpoint_url), .arg = "URL", .is_short = true,
	 .help = "another server than AWS, as http://127.0.0.1:9000; also AWS_ENDPOINT_URL."},
	{.name = "region", .kind = OPT_STRING, .offset = AT(region), .arg = "NAME", .help = "the region of the bucket. Default: us-east-1."},
	{.name = "profile", .kind = OPT_STRING, .offset = AT(profile), .arg = "NAME",
	 .help = "the profile of ~/.aws/config and ~/.aws/credentials."},
	{.name = "ca-bundle", .kind = OPT_STRING, .offset = AT(ca_bundle), .arg = "FILE", .is_file = true,
	 .help = "certificates of the authorities that are trusted (PEM)."},
	{.name = "addressing-style", .kind = OPT_ENUM, .offset = AT(addressing_style), .arg = "STYLE", .values = styles,
	 .help = "auto, path or virtual: where the name of the bucket stands. Default: path with an endpoint of your own, virtual else."},
	{.name = "sse", .kind = OPT_ENUM, .offset = AT(sse), .arg = "KIND", .values = sses,
	 .help = "encryption by the server: AES256, aws:kms or aws:kms:dsse."},
	{.name = "sse-kms-key-id", .kind = OPT_STRING, .offset = AT(sse_kms_key_id), .arg = "ID", .help = "the key of aws:kms."},
	{.name = "storage-class", .kind = OPT_STRING, .offset = AT(storage_class), .arg = "CLASS",
	 .help = "as STANDARD_IA or INTELLIGENT_TIERING."},
	{.name = "metadata", .kind = OPT_LIST, .offset = AT(metadata), .arg = "NAME=VALUE[,...]",
	 .help = "metadata of each object. Repeatable."},
	{.name = "tagging", .kind = OPT_STRING, .offset = AT(tagging), .arg = "TAGS", .help = "tags of each object, as 'team=fleet&kind=raw'."},
	{.name = "checksum-algorithm", .kind = OPT_ENUM, .offset = AT(checksum), .arg = "NAME", .values = checksums,
	 .help = "SHA256 (default) or CRC32C: the checksum that S3 keeps with an object. The SHA-256 of what is sent is always signed."},
	{.name = "multipart-threshold", .kind = OPT_SIZE, .offset = AT(threshold_bytes), .arg = "SIZE", .min = 1, .max = INT64_C(5) << 30,
	 .help = "a larger object is stored in parts. Default: 64M."},
	{.name = "multipart-chunksize", .kind = OPT_SIZE, .offset = AT(chunk_bytes), .arg = "SIZE", .min = 5 << 20, .max = INT64_C(5) << 30,
	 .help = "of a part. Default: 16M."},
	{.name = "uploads", .kind = OPT_INT, .offset = AT(uploads), .arg = "N", .min = 1, .max = STORE_UPLOADS_MAX,
	 .help = "how many objects are sent at once. Default: 4."},
	{.name = "give-up-after", .kind = OPT_DURATION, .offset = AT(give_up_us), .arg = "DURATION", .min = 1, .max = INT64_C(86400000000000), .is_short = true,
	 .help = "how long a server that cannot be reached is tried again; then the run ends with status 7. Default: 10m."},
	{.name = "cli-connect-timeout", .kind = OPT_INT, .offset = AT(connect_s), .arg = "SECONDS", .min = 1, .max = 86400,
	 .help = "how long a connection may take. Default: 60."},
	{.name = "cli-read-timeout", .kind = OPT_INT, .offset = AT(read_s), .arg = "SECONDS", .min = 1, .max = 86400,
	 .help = "how long nothing may move on one. Default: 60."},
	{.kind = OPT_END},
};

static const struct opt_hint hints[] = {
	{"--partition-by", "write the directories in the place: -o 'file:///DIR/dt=%Y-%m-%d/device={deviceId}/'"},
	{"--prefix", "write it in the place: -o s3://BUCKET/PREFIX"},
	{"--bucket", "write the place: -o s3://BUCKET/PREFIX"},
	{"--no-verify-ssl", "a certificate that is not trusted is refused; --ca-bundle FILE says whom to trust"},
	{"--no-sign-request", "every request is signed"},
	{"--metadata-directive", "--metadata NAME=VALUE is for new objects"},
	{"--tags", "write --tagging 'NAME=VALUE&NAME=VALUE'"},
	{"--recursive", "each SOURCE is read; -o is the lake"},
	TOOL_TOPIC_HINTS,
	{NULL, NULL},
};

const struct opt_spec options_spec = {
	.tool = "tlm-s3put",
	.summary = "stores each record in exactly one object of a lake",
	.usage = "[options] [SOURCE...] -o s3://BUCKET/TEMPLATE",
	.details = "A lake may be a directory: -o file:///DIR/TEMPLATE. TEMPLATE gives the directory of a record: strftime(3) codes of its event time, {field} for a value; %%, {{ and }} are "
		   "the characters. Each stored object is one JSON line on stdout. What a killed run left is stored by the next. With -G each record of a topic is in one object, whoever dies.",
	.examples = "tlm-s3put --time ts:ms -o 's3://lake/t/dt=%F/dev={deviceId}/' x.ndjson\n"
		    "tlm-s3put -G lake --time ts:ms -o 's3://lake/t/dt=%F/hour=%H/' kafka:trips\n"
		    "tlm-s3put --time ts:ms -o 'file:///srv/lake/dt=%F/dev={deviceId}/' day.ndjson\n"
		    "tlm-s3put --run-id night-2026-11-25 -o file:///srv/lake/raw/ day.ndjson.zst\n",
	.options = options,
	.more = tool_source_options,
	.common = tool_common_options,
	.hints = hints,
};
/* clang-format on */
