#include "group.h"

#include "num/num.h"
#include "rebuild/rebuild.h"

#define MAX_AGE_US (INT64_C(600) * 1000000)

/* ---- between group and lake ---- */

static int take(void *ctx, uint32_t input, const char *name, int32_t partition, int64_t committed,
	struct slice metadata, struct err *err)
{
	struct group *g = ctx;

	(void)name;
	(void)partition;
	return lake_take(g->lake, input, committed, metadata, err);
}

static void forget(void *ctx, uint32_t input)
{
	lake_forget(((struct group *)ctx)->lake, input);
}

static int64_t bound(void *ctx, uint32_t input, int64_t offset)
{
	return lake_bound(((struct group *)ctx)->lake, input, offset);
}

static bool position(void *ctx, uint32_t input, int64_t *offset, struct buf *metadata)
{
	return lake_position(((struct group *)ctx)->lake, input, offset, metadata);
}

static void committed(void *ctx, uint32_t input)
{
	lake_committed(((struct group *)ctx)->lake, input);
}

static void read_all(void *ctx)
{
	lake_end_batches(((struct group *)ctx)->lake);
}

/* Rejected records are safe before the group goes past them. */
static int commit(void *ctx, bool is_final, struct err *err)
{
	struct group *g = ctx;

	if (reject_flush(g->tool->reject, err) || reject_sync(g->tool->reject, err))
		return -1;
	return g->source->ops->commit(g->source, is_final, err);
}

static int deliver(void *ctx, struct source *source, struct sink *sink, bool is_final, struct err *err)
{
	(void)ctx;
	(void)source;
	return lake_deliver(sink, is_final, err);
}

/* ---- opening ---- */

static int refuse(struct err *err, const char *option, const char *why)
{
	return err_set(err, ERR_USAGE, "%s with a group: %s", option, why);
}

static int check(const struct tool *t, const struct s3put_options *o, struct err *err)
{
	if (o->run_id)
		return refuse(err, "--run-id", "objects are named by their offsets");
	if (o->sync_us >= 0)
		return refuse(err, "--sync-interval", "the topic holds what is not yet stored");
	if (t->common.is_dry_run)
		return refuse(err, "--dry-run", "it would take partitions from the other members; leave out -G");
	if (o->is_planning_anew && !t->common.kafka.is_until_end)
		return refuse(err, "--forget-plan", "no member may find it at work; add --until-end");
	return 0;
}

static void add_text(uint64_t *hash, const char *text)
{
	*hash = rebuild_hash(*hash, slice_str(text ? text : ""));
}

/* Which objects become of the records of a batch; how hard they are compressed does not matter. */
static uint64_t hash_options(const struct tool *t, const struct s3put_options *o)
{
	const int64_t numbers[] = {o->compression, o->has_marks, (int64_t)t->common.max_line_bytes, t->common.max_depth,
		t->common.kafka.is_envelope};
	uint64_t hash = 0;

	hash = rebuild_hash(hash, (struct slice){(const char *)numbers, sizeof numbers});
	add_text(&hash, t->common.output);
	add_text(&hash, o->time);
	add_text(&hash, o->tz);
	if (o->max_ahead_us)
		hash = rebuild_hash(hash, (struct slice){(const char *)&o->max_ahead_us, sizeof o->max_ahead_us});
	return hash;
}

/* In quotes if a shell takes it for something else. */
static void add_word(struct buf *out, const char *option, const char *value)
{
	bool is_plain =
		!value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/=%@._+-")];

	buf_addf(out, "%s%s ", out->len ? " " : "", option);
	if (is_plain) {
		buf_add_str(out, value);
		return;
	}
	buf_add_char(out, '\'');
	for (; *value; value++) {
		if (*value == '\'')
			buf_add_str(out, "'\\'");
		buf_add_char(out, *value);
	}
	buf_add_char(out, '\'');
}

static void add_number(struct buf *out, const char *option, int64_t value, int64_t usual)
{
	if (value != usual)
		buf_addf(out, " %s %lld", option, (long long)value);
}

/* The options of the hash as they are typed. */
static void name_options(struct buf *out, const struct tool *t, const struct s3put_options *o)
{
	static const char *const compressions[] = {
		[CODEC_ZST] = "", [CODEC_GZ] = " --compression gz", [CODEC_NONE] = " --compression none"};

	if (o->time)
		add_word(out, "--time", o->time);
	if (o->tz)
		add_word(out, "--tz", o->tz);
	add_word(out, "-o", t->common.output);
	if (o->max_ahead_us) {
		buf_add_str(out, " --max-ahead ");
		out->len += num_print_duration(buf_reserve(out, NUM_DOUBLE_BYTES), o->max_ahead_us);
	}
	buf_add_str(out, compressions[o->compression]);
	buf_add_str(out, o->has_marks ? " --marks" : "");
	buf_add_str(out, t->common.kafka.is_envelope ? " -J" : "");
	add_number(out, "--max-line", (int64_t)t->common.max_line_bytes, BATCH_LINE_DEFAULT_BYTES);
	add_number(out, "--max-depth", t->common.max_depth, JSON_DEPTH_DEFAULT);
	buf_cstr(out);
}

int group_open(struct group *g, struct tool *t, struct source *source, struct s3put_options *o, struct err *err)
{
	*g = (struct group){.tool = t, .source = source};
	if (check(t, o, err) < 0 || kafka_exact_offsets(source, &t->common.kafka, err) < 0)
		return -1;
	if (!o->max_age_us)
		o->max_age_us = MAX_AGE_US;
	name_options(&g->words, t, o);
	g->lake_group = (struct lake_group){.commit = commit,
		.ctx = g,
		.options = hash_options(t, o),
		.words = g->words.p,
		.is_planning_anew = o->is_planning_anew};
	g->keeper = (struct kafka_keeper){.ctx = g,
		.take = take,
		.forget = forget,
		.bound = bound,
		.position = position,
		.committed = committed,
		.read_all = read_all};
	return 0;
}

void group_join(struct group *g, struct sink *lake)
{
	g->lake = lake;
	kafka_source_keep(g->source, &g->keeper);
	g->tool->pump.deliver = deliver;
	g->tool->pump.deliver_ctx = g;
}

void group_close(struct group *g)
{
	buf_release(&g->words);
}
