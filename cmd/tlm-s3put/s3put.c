#include "s3put.h"

#include <sched.h>
#include <string.h>

#include "bucket.h"
#include "store/store.h"

static void warn(void *ctx, const char *text)
{
	struct tool *t = ctx;

	if (!t->common.is_quiet)
		tool_warn(t, "%s", text);
}

static int check_place(const struct tool *t, struct place *place, struct err *err)
{
	const char *output = t->common.output;

	if (!output)
		return err_set(err, ERR_USAGE, "no lake: say where with -o s3://BUCKET/PREFIX or file:///DIR");
	if (place_parse(place, output, err) < 0)
		return -1;
	if (!place_is_lake(place))
		return err_set(
			err, ERR_USAGE, "-o %.100s: not a lake, write s3://BUCKET/PREFIX or file:///DIR", output);
	if (t->common.rejects && strcmp(t->common.rejects, "-") == 0)
		return err_set(err, ERR_USAGE, "--rejects -: the manifest goes to stdout already");
	return 0;
}

/* A run that can be repeated must cut its objects by the records alone. */
static int check_options(const struct s3put_options *o, bool has_group, struct err *err)
{
	if (o->is_planning_anew && !has_group)
		return err_set(err, ERR_USAGE, "--forget-plan: there is no group, see -G");
	if (o->max_ahead_us && !has_group)
		return err_set(err, ERR_USAGE, "--max-ahead: only the partitions of a group have a time, see -G");
	if (o->spool && !*o->spool)
		return err_set(err, ERR_USAGE, "--spool: the name is empty");
	if (!o->run_id)
		return 0;
	if (o->max_age_us)
		return err_set(
			err, ERR_USAGE, "--run-id: objects cut by the clock cannot be repeated, leave out --max-age");
	if (o->sync_us >= 0)
		return err_set(
			err, ERR_USAGE, "--run-id: such a run is repeated, not salvaged, leave out --sync-interval");
	return 0;
}

/* The options of S3 are for S3. */
static int check_place_options(const struct s3put_options *o, struct err *err)
{
	const struct {
		const char *name;
		bool is_given;
	} all[] = {{"endpoint-url", o->endpoint_url}, {"region", o->region}, {"profile", o->profile},
		{"ca-bundle", o->ca_bundle}, {"sse", o->sse >= 0}, {"sse-kms-key-id", o->sse_kms_key_id},
		{"storage-class", o->storage_class}, {"metadata", o->metadata.n}, {"tagging", o->tagging}};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (all[i].is_given)
			return err_set(err, ERR_USAGE, "--%s: is for s3://", all[i].name);
	}
	return 0;
}

/* Threads beside the one that reads. */
static unsigned lanes_of(const struct s3put_options *o)
{
	cpu_set_t cpus;

	if (o->jobs)
		return (unsigned)o->jobs - 1;
	return sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) < 2 ? 0 : 1;
}

static struct lake_opts lake_options(struct s3put *s, struct tool *t, const struct s3put_options *o)
{
	return (struct lake_opts){
		.time = o->time && !s->is_message_time ? &s->time : NULL,
		.is_message_time = s->is_message_time,
		.zone = s->zone,
		.spool = o->spool,
		.run_id = o->run_id,
		.codec = (enum codec_kind)o->compression,
		.level = (int)o->level,
		.n_lanes = lanes_of(o),
		.max_open = (size_t)o->max_open,
		.max_size_bytes = o->max_size_bytes,
		.max_records = (uint64_t)o->max_records,
		.max_age_us = o->max_age_us,
		.max_span_us = o->max_span_us,
		.max_ahead_us = o->max_ahead_us,
		.sync_us = o->sync_us >= 0 ? o->sync_us : LAKE_SYNC_DEFAULT_US,
		.depth_max = (int)t->common.max_depth,
		.has_marks = o->has_marks,
		.is_dry_run = t->common.is_dry_run,
		.ledger = &t->ledger,
		.reject = t->reject,
		.manifest = s->manifest,
		.warn = warn,
		.warn_ctx = t,
	};
}

/* The path of the place for manifests, which must be where the lake is. NULL with err. */
static const char *manifest_path(const struct place *lake, const char *manifest, struct err *err)
{
	size_t bucket_len = lake->kind == PLACE_LAKE_S3 ? strcspn(lake->path, "/") : 0;
	struct place place;

	if (place_parse(&place, manifest, err) < 0)
		return NULL;
	if (place.kind == lake->kind && strncmp(place.path, lake->path, bucket_len) == 0 &&
		place.path[bucket_len] == '/')
		return place.path + bucket_len;
	err_set(err, ERR_USAGE, "--manifest %.100s: must be in the root of the lake", manifest);
	return NULL;
}

/* S3 behind a lake: what names it, and where its objects wait; a dry run asks nothing and opens no store. */
static int open_bucket(struct s3put *s, const struct tool *t, const struct place *place, const struct s3put_options *o,
	struct lake_opts *opts, struct err *err)
{
	s->bucket = bucket_open(place, o, err);
	if (!s->bucket || (!o->spool && bucket_add_spool(&s->spool, err) < 0))
		return -1;
	opts->url = bucket_url(s->bucket);
	opts->place = bucket_path(s->bucket);
	opts->identity = bucket_identity(s->bucket);
	opts->key_max_bytes = S3_KEY_MAX_BYTES;
	if (!o->spool)
		opts->spool = s->spool.p;
	opts->max_spool_bytes = o->max_spool_bytes;
	if (t->common.is_dry_run)
		return 0;
	opts->store = store_open_s3(bucket_s3(s->bucket), (size_t)o->uploads, err);
	return opts->store ? 0 : -1;
}

static int parse_time(struct s3put *s, const struct tool *t, const char *text, struct err *err)
{
	s->is_message_time = text && strcmp(text, "@kafka") == 0;
	if (s->is_message_time)
		return t->source ? 0 : err_set(err, ERR_USAGE, "--time @kafka: there is no topic to read");
	return text ? timefield_parse(&s->time, text, err) : 0;
}

int s3put_open(
	struct s3put *s, struct tool *t, const struct s3put_options *o, const struct lake_group *group, struct err *err)
{
	struct lake_opts opts;
	struct place place;

	if (check_place(t, &place, err) < 0 || check_options(o, group, err) < 0)
		return -1;
	if (parse_time(s, t, o->time, err) < 0)
		return -1;
	if (o->tz && !(s->zone = etime_zone_open(o->tz, err)))
		return -1;
	s->manifest = sink_file("-", err);
	if (!s->manifest)
		return -1;
	t->pump.is_whole = o->run_id != NULL; /* objects behind a failed input would not be those of the repetition */
	opts = lake_options(s, t, o);
	opts.place = place.path;
	opts.group = group;
	if (place.kind == PLACE_LAKE_S3 && open_bucket(s, t, &place, o, &opts, err) < 0)
		return -1;
	if (place.kind == PLACE_LAKE_DIR && check_place_options(o, err) < 0)
		return -1;
	if (o->manifest && !(opts.manifests = manifest_path(&place, o->manifest, err)))
		return -1;
	s->lake = lake_open(&opts, err);
	return s->lake ? 0 : -1;
}

void s3put_close(struct s3put *s)
{
	sink_close(s->lake);
	sink_close(s->manifest);
	bucket_close(s->bucket);
	buf_release(&s->spool);
	etime_zone_close(s->zone);
	timefield_release(&s->time);
}
