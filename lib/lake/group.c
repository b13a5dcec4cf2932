/*
 * A lake that is fed by a group: which partitions are ours, and what was read of each. Of a partition one batch is
 * open, others before it wait in a list: the first is on its way, those behind it wait for their plans, since the
 * offset of a plan says that all before it is stored.
 *
 * Nothing waits but lake_group_write() before it takes the first record, and lake_deliver() and lake_hand_over(): the
 * callbacks of the group that run meanwhile find no record half judged.
 */
#include "lake/lake_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "mem/mem.h"
#include "stop/stop.h"

enum { UNKNOWN = -1 };

static int64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- partitions come and go ---- */

struct lake_part *lake_part_of(struct lake *l, uint32_t input)
{
	if (input >= l->n_parts) {
		l->parts = mem_resize(l->parts, input + 1, sizeof *l->parts);
		while (l->n_parts <= input)
			l->parts[l->n_parts++] = NULL;
	}
	if (!l->parts[input])
		l->parts[input] = mem_alloc(1, sizeof **l->parts);
	return l->parts[input];
}

/* With which options it was made, or what is to be done when it is forgotten. */
static void tell_plan(struct lake *l, const struct lake_plan *plan, struct slice words)
{
	int64_t first = plan->from, last = plan->to - 1;
	struct buf text = BUF_INIT;

	buf_addf(&text, "offsets %lld to %lld", (long long)first, (long long)last);
	if (l->opts.group->is_planning_anew)
		buf_addf(&text, " are planned anew: remove what is stored as *-%012lld-%012lld.*; they",
			(long long)first, (long long)last);
	buf_add_str(&text, " were planned");
	if (words.len)
		buf_addf(&text, " by: tlm-s3put %.*s", (int)words.len, words.p);
	l->opts.warn(l->opts.warn_ctx, buf_cstr(&text));
	buf_release(&text);
}

/* Only what was there when we came: a plan of our own is on its way when the partition comes back. */
static void forget_plan(struct lake *l, struct lake_plan *plan, int64_t committed, struct slice words)
{
	tell_plan(l, plan, words);
	if (plan->to <= committed)
		plan->from = -1;
	plan->to = -1;
}

int lake_take(struct sink *lake, uint32_t input, int64_t committed, struct slice metadata, struct err *err)
{
	struct lake *l = (struct lake *)lake;
	struct lake_part *part = lake_part_of(l, input);
	struct lake_plan *plan = &part->again;
	struct slice words;

	lake_forget(lake, input);
	if (lake_parse_plan(metadata, plan, err) < 0)
		return -1;
	words = lake_plan_words(&metadata);
	if (plan->to >= 0 && l->opts.group->is_planning_anew && part->n_takes == 0)
		forget_plan(l, plan, committed, words);
	if (plan->to >= 0 && plan->to <= committed)
		return err_set(err, ERR_REFUSED,
			"the offset of the group is behind its plan: somebody has set it; see --forget-plan");
	if (plan->to >= 0 && plan->options != l->opts.group->options) {
		tell_plan(l, plan, words);
		return err_set(err, ERR_REFUSED,
			"what an earlier run had begun to store was planned with another place or other options: run "
			"once with "
			"those and --until-end, then with these; or see --forget-plan");
	}
	part->is_ours = true;
	part->n_takes++;
	part->next = committed < 0 ? UNKNOWN : committed;
	part->from = plan->from >= 0 && plan->from <= committed ? plan->from : part->next;
	part->stream_us = plan->stream_us;
	part->since_ms = plan->since_ms;
	return 0;
}

void lake_forget(struct sink *lake, uint32_t input)
{
	struct lake *l = (struct lake *)lake;
	struct lake_part *part = lake_part_of(l, input);

	while (part->first) {
		struct lake_batch *b = part->first;

		part->first = b->next;
		lake_lose_batch(l, b);
	}
	part->last = part->asked = NULL;
	part->is_ours = false;
}

void lake_release_parts(struct lake *l)
{
	for (uint32_t i = 0; i < l->n_parts; i++) {
		if (!l->parts[i])
			continue;
		while (l->parts[i]->first) {
			struct lake_batch *b = l->parts[i]->first;

			l->parts[i]->first = b->next;
			lake_release_batch(b);
		}
		free(l->parts[i]->topic);
		free(l->parts[i]);
	}
	while (l->lost) {
		struct lake_batch *b = l->lost;

		l->lost = b->next;
		lake_release_batch(b);
	}
	free(l->parts);
}

/* ---- the open batch ---- */

static int64_t opened_us(const struct lake *l, int64_t since_ms)
{
	int64_t ago_ms = since_ms ? wall_ms() - since_ms : 0;

	return ago_ms > 0 ? l->now_us - ago_ms * 1000 : l->now_us;
}

struct lake_batch *lake_batch_of(struct lake *l)
{
	struct lake_part *part = l->part;
	struct lake_batch *b = l->batch;

	if (b)
		return b;
	b = l->batch = part->last;
	if (b && b->stage == LAKE_OPEN)
		return b;
	b = l->batch = mem_alloc(1, sizeof *b);
	b->part = part;
	b->clock = l->clock = l->first_clock;
	b->is_again = part->again.to >= 0;
	b->start = part->next;
	b->plan = (struct lake_plan){.from = part->from, .stream_us = part->stream_us, .to = -1};
	b->plan.since_ms = part->since_ms ? part->since_ms : wall_ms();
	b->opened_us = opened_us(l, part->since_ms);
	part->since_ms = 0;
	if (part->last)
		part->last->next = b;
	else
		part->first = b;
	part->last = b;
	if (l->opts.max_age_us && !b->is_again)
		l->next_age_us = l->next_age_us < 0 || b->opened_us + l->opts.max_age_us < l->next_age_us
					 ? b->opened_us + l->opts.max_age_us
					 : l->next_age_us;
	return b;
}

/* Multiples of the span, as windows are cut. */
static int64_t cell(int64_t us, int64_t span_us)
{
	return us / span_us - (us % span_us < 0);
}

int lake_make_batch_room(struct lake *l, size_t len, bool has_time, int64_t us, struct err *err)
{
	const struct lake_opts *o = &l->opts;
	struct lake_batch *b = lake_batch_of(l);
	int64_t stream_us = l->part->stream_us;
	bool is_full = b->raw_bytes + len > o->max_size_bytes;

	if (b->is_again || b->n_dirs == 0)
		return 0;
	if (o->max_span_us && has_time && stream_us != LAKE_NO_TIME && us > stream_us &&
		cell(us, o->max_span_us) > cell(stream_us, o->max_span_us))
		is_full = true;
	return is_full ? lake_seal_batch(l, b, err) : 0;
}

void lake_count_record(struct lake *l, size_t len, bool has_time, int64_t us)
{
	struct lake_batch *b = l->batch;

	b->plan.records++;
	b->n_open++;
	b->raw_bytes += len;
	if (!has_time)
		return;
	if (b->plan.stream_us == LAKE_NO_TIME)
		b->plan.stream_us = us;
	if (l->part->stream_us == LAKE_NO_TIME || us > l->part->stream_us)
		l->part->stream_us = us;
}

int lake_pass(struct lake *l, int64_t offset, struct err *err)
{
	struct lake_batch *b = l->batch;

	l->part->next = offset + 1;
	if (b && !b->is_again && b->plan.records == l->opts.max_records && l->opts.max_records)
		return lake_seal_batch(l, b, err);
	return 0;
}

bool lake_seal_widest(struct lake *l, int *got, struct err *err)
{
	struct lake_batch *widest = NULL;

	for (uint32_t i = 0; i < l->n_parts; i++) {
		struct lake_batch *b = l->parts[i] ? l->parts[i]->last : NULL;

		if (b && b->stage == LAKE_OPEN && !b->is_again && b->n_dirs > (widest ? widest->n_dirs : 0))
			widest = b;
	}
	*got = widest ? lake_seal_batch(l, widest, err) : 0;
	return widest != NULL;
}

int lake_seal_older(struct lake *l, int64_t until_us, struct err *err)
{
	for (uint32_t i = 0; i < l->n_parts; i++) {
		struct lake_batch *b = l->parts[i] ? l->parts[i]->last : NULL;

		if (b && b->stage == LAKE_OPEN && !b->is_again && b->opened_us <= until_us &&
			lake_seal_batch(l, b, err) < 0)
			return -1;
	}
	return 0;
}

void lake_end_batches(struct sink *lake)
{
	struct lake *l = (struct lake *)lake;

	l->has_to_end = true;
	l->next_age_us = 0;
}

int lake_seal_aged_batches(struct lake *l, struct err *err)
{
	if (lake_seal_older(l, l->has_to_end ? INT64_MAX : l->now_us - l->opts.max_age_us, err) < 0)
		return -1;
	l->has_to_end = false;
	l->next_age_us = -1;
	for (uint32_t i = 0; i < l->n_parts; i++) {
		const struct lake_batch *b = l->parts[i] ? l->parts[i]->last : NULL;
		int64_t at_us = b ? b->opened_us + l->opts.max_age_us : 0;

		/* one without objects is looked at when it has some */
		if (b && b->stage == LAKE_OPEN && !b->is_again && b->n_dirs &&
			(l->next_age_us < 0 || at_us < l->next_age_us))
			l->next_age_us = at_us;
	}
	return 0;
}

/* ---- records ---- */

/* After a signal nothing more is read: the batch at hand is left. */
static int wait_for_room(struct lake *l, struct err *err)
{
	while (l->opts.max_spool_bytes && spool_waiting_bytes(l->spool) >= l->opts.max_spool_bytes && !stop_signal()) {
		if (lake_wait_some(l, err) < 0)
			return -1;
	}
	return 0;
}

static int take_records(struct lake *l, const struct batch *b, struct err *err)
{
	int got;

	if (l->part->next < 0)
		l->part->next = l->part->from = b->records[0].offset;
	l->batch = NULL;
	l->clock = lake_batch_of(l)->clock;
	got = lake_take_batch(l, b, err);
	if (l->batch)
		l->batch->clock = l->clock;
	if (got == 0 && l->part->again.to >= 0 && l->part->next >= l->part->again.to)
		got = lake_seal_batch(l, lake_batch_of(l), err);
	l->batch = NULL;
	l->part = NULL;
	return got;
}

/* The last records of what was planned are there, or not any more where the topic is compacted. */
static int end_again(struct lake *l, const struct batch *b, struct err *err)
{
	struct lake_part *part = l->part;

	if (part->again.to < 0 || b->records[0].offset < part->again.to)
		return 0;
	return lake_seal_batch(l, lake_batch_of(l), err);
}

int lake_group_write(struct lake *l, const struct batch *b, struct err *err)
{
	struct lake_part *part = lake_part_of(l, b->input);
	unsigned n_takes = part->n_takes;

	if (lake_advance(l, 0, err) < 0 || wait_for_room(l, err) < 0)
		return -1;
	if (!part->is_ours || part->n_takes != n_takes)
		return 0; /* it was lost meanwhile: others read it, or we do so again */
	assert(b->records);
	if (!part->topic)
		part->topic = mem_dup(b->topic, strlen(b->topic));
	part->partition = b->partition;
	l->part = part;
	if (end_again(l, b, err) < 0 || take_records(l, b, err) < 0)
		return -1;
	return lake_advance(l, 0, err);
}
