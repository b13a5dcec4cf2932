/*
 * How the batches of a group go on: each is stored by steps, of which the commits of the group are two, that of its
 * plan and that of the offset behind it.
 */
#include "lake/lake_impl.h"

#include <time.h>

#include "stop/stop.h"

enum {
	WAIT_US = 100000,
	AGAIN_US = 100000,       /* until a commit that the group did not take is tried again */
	BLOCKED_US = 500000,     /* how often the group hears of us meanwhile */
	HAND_OVER_US = 10000000, /* others wait for the partitions */
};

/* ---- commits ---- */

int64_t lake_bound(struct sink *lake, uint32_t input, int64_t offset)
{
	const struct lake_part *part = lake_part_of((struct lake *)lake, input);

	return part->is_ours && offset < part->again.to ? part->again.to : INT64_MAX;
}

/* One that has only seen records that are not stored is passed: names still begin where it did. */
static void pass_over(struct lake_batch *b)
{
	b->start = b->part->next;
	b->plan.stream_us = b->part->stream_us;
}

bool lake_position(struct sink *lake, uint32_t input, int64_t *offset, struct buf *metadata)
{
	struct lake *l = (struct lake *)lake;
	struct lake_part *part = lake_part_of(l, input);
	struct lake_plan plan = {.from = part->from, .stream_us = part->stream_us, .to = -1};
	struct lake_batch *b = part->first;

	while (b && b->stage == LAKE_STORED)
		b = b->next;
	part->asked = b;
	if (!part->is_ours || part->next < 0 || part->again.to >= 0)
		return false;
	*offset = part->next;
	if (b) {
		if (b->stage == LAKE_OPEN && b->n_dirs == 0)
			pass_over(b);
		*offset = b->start;
		plan = b->plan;
		plan.options = l->opts.group->options;
	}
	lake_print_plan(&plan, l->opts.group->words, metadata);
	return true;
}

void lake_committed(struct sink *lake, uint32_t input)
{
	struct lake *l = (struct lake *)lake;
	struct lake_part *part = lake_part_of(l, input);

	while (part->first && part->first->stage == LAKE_STORED) {
		struct lake_batch *b = part->first;

		part->first = b->next;
		if (!part->first)
			part->last = NULL;
		lake_release_batch(b);
	}
	if (part->first && part->first == part->asked && part->first->stage == LAKE_SEALED)
		part->first->stage = LAKE_PLANNED;
	l->has_news = true;
}

/* ---- going on ---- */

/* Whether a commit would let something go on. */
static bool has_to_commit(const struct lake *l)
{
	for (uint32_t i = 0; i < l->n_parts; i++) {
		const struct lake_batch *b = l->parts[i] ? l->parts[i]->first : NULL;

		if (b && (b->stage == LAKE_STORED || b->stage == LAKE_SEALED))
			return true;
	}
	return false;
}

static void free_lost(struct lake *l)
{
	for (struct lake_batch **at = &l->lost; *at;) {
		struct lake_batch *b = *at;

		if (b->n_left) {
			at = &b->next;
			continue;
		}
		*at = b->next;
		lake_release_batch(b);
	}
}

static int step_all(struct lake *l, struct err *err)
{
	for (uint32_t i = 0; i < l->n_parts; i++) {
		struct lake_batch *b = l->parts[i] ? l->parts[i]->first : NULL;

		while (b && b->stage == LAKE_STORED)
			b = b->next;
		if (b && lake_step_batch(l, b, err) < 0)
			return -1;
	}
	return 0;
}

static int commit(struct lake *l, bool is_final, struct err *err)
{
	if (l->opts.group->commit(l->opts.group->ctx, is_final, err) < 0)
		return -1;
	l->next_commit_us = has_to_commit(l) ? ledger_now_us() + AGAIN_US : -1;
	return 0;
}

int lake_advance(struct lake *l, int64_t wait_us, struct err *err)
{
	struct spool_hooks hooks = lake_own_hooks(l);

	do {
		l->has_news = false;
		if (spool_take(l->spool, wait_us, &hooks, err) < 0 || step_all(l, err) < 0)
			return -1;
		if (has_to_commit(l) && ledger_now_us() >= l->next_commit_us && commit(l, false, err) < 0)
			return -1;
		wait_us = 0;
	} while (l->has_news);
	free_lost(l);
	return 0;
}

int lake_wait_some(struct lake *l, struct err *err)
{
	int64_t now_us = ledger_now_us();
	bool is_idle = !spool_is_waiting(l->spool);

	if (l->base.on_blocked && now_us >= l->next_blocked_us) {
		l->next_blocked_us = now_us + BLOCKED_US;
		l->is_waiting = true;
		l->base.on_blocked(l->base.blocked_ctx);
		l->is_waiting = false;
	}
	lake_tell_notes(l);
	if (is_idle)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	return lake_advance(l, is_idle ? 0 : WAIT_US, err);
}

int64_t lake_group_deadline(const struct lake *l)
{
	return has_to_commit(l) ? l->next_commit_us : -1;
}

int lake_tell_batch(struct lake *l, const struct spool_object *object, struct err *err)
{
	struct lake_batch *b = object->tag;
	uint64_t records = object->sum->records;

	b->n_left--;
	l->has_news = true;
	if (!b->part)
		return 0;
	if (b->stage == LAKE_ENDING)
		return 1;
	if (lake_tell(l, object, err) < 0)
		return -1;
	b->n_open -= records;
	l->opts.ledger->open -= records;
	l->opts.ledger->kept += records;
	return 0;
}

bool lake_forgive_batch(void *lake, void *batch)
{
	struct lake_batch *b = batch;

	(void)lake;
	b->n_left--;
	return !b->part;
}

/* ---- the end ---- */

static bool has_sealed(const struct lake *l, enum lake_stage least)
{
	for (uint32_t i = 0; i < l->n_parts; i++) {
		for (const struct lake_batch *b = l->parts[i] ? l->parts[i]->first : NULL; b; b = b->next) {
			if (b->stage >= least)
				return true;
		}
	}
	return false;
}

/* What is read again up to the end of a plan stays planned: the next run finds it. */
int lake_deliver(struct sink *lake, bool is_final, struct err *err)
{
	struct lake *l = (struct lake *)lake;

	l->now_us = ledger_now_us();
	l->next_commit_us = -1;
	if (is_final && lake_seal_older(l, INT64_MAX, err) < 0)
		return -1;
	if (lake_advance(l, 0, err) < 0)
		return -1;
	while (is_final && has_sealed(l, LAKE_SEALED)) {
		if (lake_wait_some(l, err) < 0)
			return -1;
	}
	if (commit(l, is_final, err) < 0)
		return -1;
	return lake_advance(l, 0, err);
}

/* Called inside of the group's own callback: it is not asked for anything but to commit. */
int lake_hand_over(struct lake *l, struct err *err)
{
	int64_t end_us = ledger_now_us() + HAND_OVER_US;

	if (l->is_waiting)
		return 0;
	do {
		if (lake_advance(l, WAIT_US, err) < 0)
			return -1;
	} while (has_sealed(l, LAKE_PLANNED) && spool_is_waiting(l->spool) && ledger_now_us() < end_us &&
		 !stop_signal());
	return 0;
}
