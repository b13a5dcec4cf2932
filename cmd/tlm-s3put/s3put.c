#include "s3put.h"

#include <string.h>

#include "lake/lake.h"
#include "place/place.h"

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
		return err_set(err, ERR_USAGE, "no lake: say where with -o file:///DIR");
	if (place_parse(place, output, err) < 0)
		return -1;
	if (place->kind != PLACE_LAKE_DIR)
		return err_set(err, ERR_USAGE, "-o %.100s: not a lake, write file:///DIR", output);
	if (t->common.rejects && strcmp(t->common.rejects, "-") == 0)
		return err_set(err, ERR_USAGE, "--rejects -: the manifest goes to stdout already");
	return 0;
}

/* A run that can be repeated must cut its objects by the records alone. */
static int check_options(const struct s3put_options *o, struct err *err)
{
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

static struct lake_opts lake_options(struct s3put *s, struct tool *t, const struct s3put_options *o)
{
	return (struct lake_opts){
		.time = o->time ? &s->time : NULL,
		.zone = s->zone,
		.spool = o->spool,
		.run_id = o->run_id,
		.codec = (enum codec_kind)o->compression,
		.level = (int)o->level,
		.max_open = (size_t)o->max_open,
		.max_size_bytes = o->max_size_bytes,
		.max_records = (uint64_t)o->max_records,
		.max_age_us = o->max_age_us,
		.max_span_us = o->max_span_us,
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

int s3put_open(struct s3put *s, struct tool *t, const struct s3put_options *o, struct err *err)
{
	struct lake_opts opts;
	struct place place;

	if (check_place(t, &place, err) < 0 || check_options(o, err) < 0)
		return -1;
	if (o->time && timefield_parse(&s->time, o->time, err) < 0)
		return -1;
	if (o->tz && !(s->zone = etime_zone_open(o->tz, err)))
		return -1;
	s->manifest = sink_file("-", err);
	if (!s->manifest)
		return -1;
	opts = lake_options(s, t, o);
	opts.place = place.path;
	s->lake = lake_open(&opts, err);
	return s->lake ? 0 : -1;
}

void s3put_close(struct s3put *s)
{
	sink_close(s->lake);
	sink_close(s->manifest);
	etime_zone_close(s->zone);
	timefield_release(&s->time);
}
