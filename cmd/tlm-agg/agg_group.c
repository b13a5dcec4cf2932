#include "agg_group_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

enum { KEYS_CHECKED = 100 };

/* ---- a partition comes and goes ---- */

static struct part *part_of(struct agg_group *g, uint32_t input)
{
	if (input >= g->n_parts) {
		g->parts = mem_resize(g->parts, input + 1, sizeof *g->parts);
		memset(g->parts + g->n_parts, 0, (input + 1 - g->n_parts) * sizeof *g->parts);
		g->n_parts = input + 1;
	}
	return &g->parts[input];
}

void agg_group_go_silent(struct agg_group *g, struct agg *agg)
{
	agg->is_replaying = true;
	agg->frame.ledger = &g->replayed;
	agg->frame.reject = g->silent;
}

/* What is open counts as read, nothing else of what was rebuilt does. */
static void go_live(struct agg_group *g, struct agg *agg)
{
	agg->is_replaying = false;
	agg->frame.ledger = g->frame.ledger;
	agg->frame.reject = g->frame.reject;
	agg_forget_books(agg);
}

static void tell_replay(struct agg_group *g, const struct rebuild *r, const char *name)
{
	struct buf text = BUF_INIT;

	if (r->position - r->low <= g->opts->max_replay)
		return;
	buf_addf(&text,
		"%s: up to %lld records are read again to rebuild the open windows, more than --max-replay "
		"(--state-topic would keep them)",
		name, (long long)(r->position - r->low));
	g->warn(g->warn_ctx, buf_cstr(&text));
	buf_release(&text);
}

static void forget_part(void *ctx, uint32_t input)
{
	struct agg_group *g = ctx;
	struct part *p = part_of(g, input);
	struct engine_counts c;

	if (!p->agg)
		return;
	c = agg_counts(p->agg);
	if (!p->agg->is_replaying) {
		/* what was open is read again, by somebody else */
		g->frame.ledger->read -= c.taken - c.kept - c.outside;
		g->frame.ledger->open -= c.taken - c.kept - c.outside;
		g->past.late += c.late;
		if (c.late_max_us > g->past.late_max_us)
			g->past.late_max_us = c.late_max_us;
	}
	agg_close(p->agg);
	rebuild_release(&p->rebuild);
	buf_release(&p->names);
	buf_release(&p->head);
	p->agg = NULL;
}

/* ---- what is committed ---- */

static int64_t bound(void *ctx, uint32_t input, int64_t offset)
{
	struct part *p = part_of(ctx, input);

	return p->agg ? rebuild_bound(&p->rebuild, offset) : INT64_MAX;
}

static uint64_t digest_of(const struct agg *agg)
{
	uint64_t sum = 0;

	for (unsigned k = 0; k < agg->n_lanes && agg->has_begun; k++)
		sum += engine_digest(agg->workers[k].engine);
	return sum;
}

/* Records before this time are in no open window, and no value of them holds in one. */
static int64_t needed_from(const struct agg *agg)
{
	int64_t us = WINDOW_FOREVER;

	if (agg->window.session_us) {
		for (unsigned k = 0; k < agg->n_lanes && agg->has_begun; k++) {
			int64_t oldest_us = engine_oldest_start(agg->workers[k].engine);

			us = oldest_us < us ? oldest_us : us;
		}
		return us;
	}
	us = rebuild_oldest_start(&agg->window, agg->clock.watermark_us, agg->opts.grace_us);
	return us == WINDOW_NEVER || !agg->list.carried_bytes ? us : us - agg->opts.max_gap_us;
}

static bool position(void *ctx, uint32_t input, int64_t *offset, struct buf *metadata)
{
	struct agg_group *g = ctx;
	struct part *p = part_of(g, input);

	if (!p->agg || !rebuild_commit(&p->rebuild, g->table ? WINDOW_FOREVER : needed_from(p->agg), &p->agg->clock,
			       agg_counts(p->agg).groups, digest_of(p->agg), offset, metadata))
		return false;
	if (g->table && !slice_eq(buf_slice(metadata), buf_slice(&p->head)))
		agg_group_save(g, p, metadata);
	return true;
}

/* ---- records ---- */

/* The error is told when the source, and the name with it, is gone. */
static int place(struct err *err, const char *name)
{
	static char kept[BATCH_PLACE_BYTES];

	snprintf(kept, sizeof kept, "%s", name);
	return err_at(err, kept, 0, 0);
}

/* T rises without a record. */
static int push(struct agg *agg, int64_t us, struct err *err)
{
	if (us <= agg->clock.inputs[0].stream_us)
		return 0;
	window_clock_raise(&agg->clock, 0, us);
	return agg->has_begun ? agg_advance(agg, err) : 0;
}

/* The clock on the wall as it was, and the end of the replay, if they come before the record of this offset (-1: if the
 * position was reached). */
static int catch_up(struct agg_group *g, struct part *p, int64_t offset, struct err *err)
{
	int64_t us;

	while (rebuild_next_push(&p->rebuild, offset < 0 ? p->rebuild.next : offset, &us)) {
		if (push(p->agg, us, err))
			return -1;
	}
	if (!rebuild_is_there(&p->rebuild, offset))
		return 0;
	if (rebuild_check(&p->rebuild, &p->agg->clock, agg_counts(p->agg).groups, digest_of(p->agg), err))
		return -1;
	go_live(g, p->agg);
	return 0;
}

/* "kafka:TOPIC[3]" */
static struct slice topic_of(const char *name)
{
	const char *topic = name + strlen("kafka:");

	return (struct slice){topic, (size_t)(strrchr(topic, '[') - topic)};
}

struct agg *agg_group_begin(const struct agg_group *g, const char *name, int32_t partition, struct err *err)
{
	struct agg_frame frame = g->frame;
	struct agg *agg;

	frame.n_inputs = 1;
	frame.topic = topic_of(name);
	frame.partition = partition;
	agg = agg_open(g->opts, g->list, &frame, err);
	if (!agg)
		return NULL;
	agg_set_sink(agg, g->frame.sink);
	agg_set_late(agg, g->late);
	return agg;
}

static int take_part(void *ctx, uint32_t input, const char *name, int32_t partition, int64_t committed,
	struct slice metadata, struct err *err)
{
	struct agg_group *g = ctx;
	struct part *p = part_of(g, input);

	p->name = name;
	p->agg = agg_group_begin(g, name, partition, err);
	if (!p->agg)
		return -1;
	rebuild_init(&p->rebuild, g->options);
	if (committed >= 0 &&
		rebuild_take(&p->rebuild, committed, metadata, g->opts->is_accepting, &p->agg->clock, err))
		return -1;
	if (p->rebuild.is_replaying) {
		agg_group_go_silent(g, p->agg);
		tell_replay(g, &p->rebuild, name);
	}
	if (!g->table && p->rebuild.state < 0)
		return 0;
	return agg_group_restore(g, p, partition, metadata, err) || catch_up(g, p, -1, err) ? -1 : 0;
}

/* Whether the key of a message is the group of its record, as far as one can tell: the text of a string, JSON of
 * others.
 */
static bool is_group_key(const struct agg *agg, struct slice key, struct slice record_key)
{
	struct buf tmp = BUF_INIT, text = BUF_INIT;
	struct group_value value;
	bool is_same;

	for (size_t i = 0; i < agg->n_groups; i++) {
		group_key_next(&key, &value, &tmp);
		if (agg->n_groups > 1)
			buf_add_char(&text, i ? ',' : '[');
		if (value.type == JSON_STRING && agg->n_groups > 1)
			json_add_string(&text, value.bytes);
		else if (value.type == JSON_STRING || value.type == JSON_NUMBER)
			buf_add_slice(&text, value.bytes);
		else
			buf_add_str(&text, value.type == JSON_TRUE    ? "true"
					   : value.type == JSON_FALSE ? "false"
								      : "null");
	}
	if (agg->n_groups > 1)
		buf_add_char(&text, ']');
	is_same = slice_eq(buf_slice(&text), record_key);
	buf_release(&tmp);
	buf_release(&text);
	return is_same;
}

/* Some first records are looked at: rows of groups that live in several partitions are partial. Of parts, which come
 * into a block one by one, it is the last of a batch. */
static void check_keys(struct agg_group *g, const struct agg *agg, const struct batch *in)
{
	const struct agg_block *block = &agg->blocks[0];

	if (!agg->n_groups || !agg->has_begun)
		return;
	for (size_t i = 0; i < block->n && g->n_keys < KEYS_CHECKED; i++) {
		const struct agg_item *item = &block->items[i];
		bool is_part = item->fate == AGG_PART;

		if ((item->fate != AGG_GOOD && !is_part) || !in->records)
			continue;
		g->n_keys++;
		if (is_group_key(agg, is_part ? buf_slice(&agg->merge.key) : agg_key_of(block, item),
			    in->records[item->line].key))
			continue;
		g->n_keys = KEYS_CHECKED;
		g->warn(g->warn_ctx,
			"the key of a record is not its group: groups that are in several partitions have a "
			"row of each (--partial and a second tlm-agg --merge make one of them)");
	}
}

/* A stage of one partition knows one input. */
static int take_batch(struct stage *stage, struct batch *in, struct buf *out, struct err *err)
{
	struct agg_group *g = (struct agg_group *)stage;
	struct part *p = part_of(g, in->input);
	uint32_t input = in->input;
	int64_t last = in->records[in->n_records - 1].offset;
	int result;

	p->agg->out = out;
	if (catch_up(g, p, in->records[0].offset, err))
		return place(err, in->name);
	rebuild_begin(&p->rebuild, in->records[0].offset, &p->agg->clock);
	p->agg->newest_us = WINDOW_NEVER;
	in->input = 0;
	result = agg_stage(p->agg)->ops->batch(agg_stage(p->agg), in, out, err);
	in->input = input;
	if (result == 0 || err->code == ERR_DATA)
		rebuild_end(&p->rebuild,
			result ? in->records[reject_last_line(g->frame.reject) - in->first_line].offset - 1 : last,
			p->agg->newest_us);
	if (result)
		return result;
	g->has_unsynced_late = true;
	if (g->n_keys < KEYS_CHECKED)
		check_keys(g, p->agg, in);
	return catch_up(g, p, -1, err) ? place(err, in->name) : 0;
}

/* ---- the clock on the wall ---- */

static int caught_up(struct stage *stage, uint32_t input, struct buf *out, struct err *err)
{
	struct agg_group *g = (struct agg_group *)stage;
	struct part *p = part_of(g, input);

	if (!p->agg)
		return 0;
	p->agg->out = out;
	/* what stood at the end of the log may be gone since */
	if (p->rebuild.is_replaying && catch_up(g, p, p->rebuild.position, err))
		return place(err, p->name);
	return agg_stage(p->agg)->ops->caught_up(agg_stage(p->agg), 0, out, err);
}

static bool can_push(const struct part *p)
{
	return p->agg && !p->agg->is_replaying && p->rebuild.next >= 0 && rebuild_can_push(&p->rebuild);
}

static int64_t deadline(const struct stage *stage)
{
	const struct agg_group *g = (const struct agg_group *)stage;
	int64_t least_us = -1;

	for (uint32_t i = 0; i < g->n_parts; i++) {
		int64_t us = can_push(&g->parts[i]) ? agg_deadline(agg_stage(g->parts[i].agg)) : -1;

		if (us >= 0 && (least_us < 0 || us < least_us))
			least_us = us;
	}
	return least_us;
}

/* A forced advance is remembered: the windows that it closed must be closed again in a replay. */
static int tick(struct stage *stage, int64_t now_us, struct buf *out, struct err *err)
{
	struct agg_group *g = (struct agg_group *)stage;

	for (uint32_t i = 0; i < g->n_parts; i++) {
		struct part *p = &g->parts[i];
		int64_t before_us, us;

		if (!can_push(p) || (us = agg_deadline(agg_stage(p->agg))) < 0 || now_us < us)
			continue;
		before_us = p->agg->clock.inputs[0].stream_us;
		if (agg_tick(agg_stage(p->agg), now_us, out, err))
			return -1;
		us = p->agg->clock.inputs[0].stream_us;
		if (us > before_us)
			rebuild_push(&p->rebuild, us);
	}
	return 0;
}

/* Late records in a file are safe before the offsets of what stands behind them are committed. */
static int settle(struct stage *stage, struct buf *out, struct err *err)
{
	struct agg_group *g = (struct agg_group *)stage;

	(void)out;
	if (!g->late || !g->has_unsynced_late)
		return 0;
	g->has_unsynced_late = false;
	return g->late->ops->sync ? g->late->ops->sync(g->late, err) : g->late->ops->flush(g->late, err);
}

/* ---- life ---- */

static void close_stage(struct stage *stage)
{
	agg_group_close((struct agg_group *)stage);
}

struct agg_group *agg_group_open(struct agg *model, const struct agg_options *opts, const char *list,
	const struct agg_frame *frame, struct source *source, void (*warn)(void *ctx, const char *text), void *warn_ctx,
	struct err *err)
{
	static const struct stage_ops ops = {.batch = take_batch,
		.settle = settle,
		.caught_up = caught_up,
		.deadline = deadline,
		.tick = tick,
		.close = close_stage};
	struct agg_group *g;

	if (agg_group_check(model, opts, err))
		return NULL;
	g = mem_alloc(1, sizeof *g);
	*g = (struct agg_group){.stage.ops = &ops,
		.model = model,
		.opts = opts,
		.list = list,
		.frame = *frame,
		.options = agg_group_hash(opts, list),
		.warn = warn,
		.warn_ctx = warn_ctx};
	g->keeper = (struct kafka_keeper){.ctx = g,
		.take = take_part,
		.forget = forget_part,
		.bound = bound,
		.position = position,
		.read_up_to = rebuild_read_up_to,
		.gone = "open windows must be rebuilt from here, which is no longer there: begin without them (set the "
			"offsets, --accept-new-config) or take another group"};
	ledger_init(&g->replayed, frame->tool);
	g->silent = reject_open(&(struct reject_opts){.place = "/dev/null", .is_dry_run = true}, &g->replayed, err);
	reject_note_good(g->silent);
	kafka_source_keep(source, &g->keeper);
	return g;
}

void agg_group_close(struct agg_group *g)
{
	if (!g)
		return;
	for (uint32_t i = 0; i < g->n_parts; i++) {
		if (g->parts[i].agg)
			rebuild_release(&g->parts[i].rebuild);
		buf_release(&g->parts[i].names);
		buf_release(&g->parts[i].head);
		agg_close(g->parts[i].agg);
	}
	free(g->parts);
	reject_close(g->silent);
	free(g);
}

struct stage *agg_group_stage(struct agg_group *g)
{
	return &g->stage;
}

void agg_group_set_table(struct agg_group *g, struct kafka_table *table)
{
	g->table = table;
}

void agg_group_set_sinks(struct agg_group *g, struct sink *sink, struct sink *late)
{
	g->frame.sink = sink;
	g->late = late;
}

int agg_group_finish(struct agg_group *g, struct buf *out, struct err *err)
{
	for (uint32_t i = 0; i < g->n_parts; i++) {
		struct engine_counts c;

		if (!g->parts[i].agg || g->parts[i].agg->is_replaying)
			continue;
		c = agg_counts(g->parts[i].agg);
		g->past.late += c.late;
		if (c.late_max_us > g->past.late_max_us)
			g->past.late_max_us = c.late_max_us;
	}
	if (g->late)
		return g->late->ops->finish(g->late, true, err) ? -1 : STATUS_OK;
	if (!g->past.late)
		return STATUS_OK;
	agg_tell_late(&g->past, g->opts->is_merging, out);
	return STATUS_REJECTED;
}
