/*
 * The open directories: a hash table by name, and a list from the one least recently used. A directory that was closed
 * is used again for the next, with the memory of its codec.
 */
#include "lake/lake_impl.h"

#include <stdlib.h>

#include "mem/mem.h"
#include "stop/stop.h"

enum { BLOCKED_US = 1000000 };

/* ---- the list by use, and the table ---- */

static void list_remove(struct lake *l, struct lake_dir *d)
{
	if (d->newer)
		d->newer->older = d->older;
	else
		l->newest = d->older;
	if (d->older)
		d->older->newer = d->newer;
	else
		l->oldest = d->newer;
}

static void list_add(struct lake *l, struct lake_dir *d)
{
	d->newer = NULL;
	d->older = l->newest;
	if (l->newest)
		l->newest->newer = d;
	else
		l->oldest = d;
	l->newest = d;
}

static struct lake_dir **bucket_of(struct lake *l, uint64_t hash)
{
	return &l->buckets[hash & (l->n_buckets - 1)];
}

void lake_drop_dir(struct lake *l, struct lake_dir *d)
{
	struct lake_dir **at = bucket_of(l, d->hash);

	while (*at != d)
		at = &(*at)->next_same;
	*at = d->next_same;
	list_remove(l, d);
	l->n_open--;
	if (d->batch)
		d->batch->n_dirs--;
	d->next_same = l->unused;
	l->unused = d;
}

/* ---- opening ---- */

static struct lake_dir *take_unused(struct lake *l)
{
	struct lake_dir *d = l->unused;

	if (d) {
		l->unused = d->next_same;
		return d;
	}
	d = mem_alloc(1, sizeof *d);
	if (l->spool)
		segment_init(&d->segment, &l->codecs, l->lanes);
	l->dirs = mem_resize(l->dirs, l->n_dirs + 1, sizeof *l->dirs);
	l->dirs[l->n_dirs++] = d;
	return d;
}

static struct lake_dir *open_dir(struct lake *l, struct slice name, uint64_t hash, struct err *err)
{
	struct lake_dir *d = take_unused(l);
	struct buf object = BUF_INIT;
	int got = 0;

	buf_reset(&d->name);
	buf_add_slice(&d->name, name);
	d->hash = hash;
	d->seq = l->next_seq++;
	d->records = d->raw_bytes = 0;
	d->opened_us = l->now_us;
	d->has_first = false;
	d->segment.sum = (struct segment_sum){0};
	d->batch = l->batch;
	if (d->batch)
		buf_addf(&object, "%llu", (unsigned long long)d->seq);
	else
		lake_object_name(l, d->seq, &object);
	if (l->spool)
		got = spool_begin(l->spool, &d->segment, name, buf_cstr(&object), err);
	buf_release(&object);
	if (got < 0) {
		d->next_same = l->unused;
		l->unused = d;
		return NULL;
	}
	d->next_same = *bucket_of(l, hash);
	*bucket_of(l, hash) = d;
	list_add(l, d);
	l->n_open++;
	if (d->batch)
		d->batch->n_dirs++;
	else if (l->opts.max_age_us && l->next_age_us < 0)
		l->next_age_us = l->now_us + l->opts.max_age_us;
	return d;
}

/* Batches that are made again must hold what they held: then there are more. */
static int seal_early(struct lake *l, struct err *err)
{
	int got = 0;

	if (l->opts.group && !lake_seal_widest(l, &got, err))
		return 0;
	if (l->n_early++ == 0)
		lake_tell_early(l);
	return l->opts.group ? got : lake_seal(l, l->oldest, err);
}

struct lake_dir *lake_find_dir(struct lake *l, struct slice name, struct err *err)
{
	struct lake_batch *batch = l->part ? lake_batch_of(l) : NULL;
	struct lake_dir *d = l->newest;
	uint64_t hash;

	if (d && d->batch == batch && slice_eq(buf_slice(&d->name), name))
		return d;
	hash = slice_hash(name) + (uint64_t)(uintptr_t)batch * UINT64_C(0x9e3779b97f4a7c15);
	for (d = *bucket_of(l, hash); d; d = d->next_same) {
		if (d->hash == hash && d->batch == batch && slice_eq(buf_slice(&d->name), name)) {
			list_remove(l, d);
			list_add(l, d);
			return d;
		}
	}
	if (l->n_open < l->opts.max_open)
		return open_dir(l, name, hash, err);
	if (seal_early(l, err) < 0)
		return NULL;
	if (l->part && lake_batch_of(l) != batch)
		return lake_find_dir(l, name, err);
	return open_dir(l, name, hash, err);
}

/* ---- adding and sealing ---- */

int lake_end_run(struct lake *l, struct err *err)
{
	struct lake_run run = l->run;

	l->run = (struct lake_run){0};
	if (!run.dir || !l->spool)
		return 0;
	if (l->next_sync_us < 0 && l->opts.sync_us && !l->opts.run_id && !l->opts.group)
		l->next_sync_us = l->now_us + l->opts.sync_us;
	return segment_add(&run.dir->segment, run.p, run.len, run.records, err);
}

/* Counts the records of an object as stored once it is told. */
static int tell_own(void *lake, const struct spool_object *object, struct err *err)
{
	struct lake *l = lake;
	int got = object->tag ? lake_tell_batch(l, object, err) : lake_tell(l, object, err);

	if (got || object->tag)
		return got;
	l->opts.ledger->open -= object->sum->records;
	l->opts.ledger->kept += object->sum->records;
	l->n_told++;
	l->records_told += object->sum->records;
	return 0;
}

static int keep(void *lake, struct err *err)
{
	const struct lake *l = lake;

	return l->opts.group ? 0 : lake_keep_manifest(lake, err);
}

/* A source with a group must hear that we live. A signal lets what was read go into the spool, full as it may be. */
static bool idle(void *ctx)
{
	struct lake *l = ctx;
	int64_t now_us = ledger_now_us();

	lake_tell_notes(l);
	if (l->base.on_blocked && now_us >= l->next_blocked_us) {
		l->next_blocked_us = now_us + BLOCKED_US;
		l->base.on_blocked(l->base.blocked_ctx);
	}
	return stop_signal() != 0 || l->late.code != ERR_NONE;
}

struct spool_hooks lake_salvage_hooks(struct lake *l)
{
	return (struct spool_hooks){.tell = lake_tell, .keep = keep, .idle = idle, .ctx = l};
}

struct spool_hooks lake_own_hooks(struct lake *l)
{
	return (struct spool_hooks){
		.tell = tell_own, .keep = keep, .idle = idle, .forgive = lake_forgive_batch, .ctx = l};
}

/*
 * What a server says no to ends the run, but not before the batch at hand is in the spool; so does what no request can
 * be made without, as a command for credentials that fails.
 */
static int put_off(struct lake *l, int got, struct err *err)
{
	if (got == 0 || !l->opts.store || err->code == ERR_PIPE)
		return got;
	if (l->late.code == ERR_NONE)
		l->late = *err;
	err_reset(err);
	return 0;
}

int lake_publish(struct lake *l, struct err *err)
{
	struct spool_hooks hooks = lake_own_hooks(l);

	if (!l->spool)
		return 0;
	if (lake_is_manifest_old(l) && !spool_is_full(l->spool) && lake_seal_manifest(l, false, err) < 0)
		return -1;
	return put_off(l, spool_publish(l->spool, &hooks, err), err);
}

int lake_settle(struct lake *l, struct err *err)
{
	struct spool_hooks hooks = lake_own_hooks(l);

	return l->spool ? spool_settle(l->spool, &hooks, err) : 0;
}

static int store_dry(struct lake *l, struct lake_dir *d, struct err *err)
{
	if (lake_tell_dry(l, d, &d->segment.sum, err) < 0)
		return -1;
	l->opts.ledger->open -= d->records;
	l->opts.ledger->kept += d->records;
	return 0;
}

int lake_seal(struct lake *l, struct lake_dir *d, struct err *err)
{
	if (l->run.dir == d && lake_end_run(l, err) < 0)
		return -1;
	if ((l->spool ? spool_add(l->spool, &d->segment, err) : store_dry(l, d, err)) < 0)
		return -1;
	lake_drop_dir(l, d);
	return l->spool && spool_is_full(l->spool) ? lake_publish(l, err) : 0;
}

static int by_seq(const void *a, const void *b)
{
	const struct lake_dir *x = *(struct lake_dir *const *)a, *y = *(struct lake_dir *const *)b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* The open ones that opened at or before a moment, in the order of their numbers. */
static int seal_older(struct lake *l, int64_t until_us, struct err *err)
{
	struct lake_dir **list = mem_alloc(l->n_open, sizeof *list);
	size_t n = 0;
	int got = 0;

	for (struct lake_dir *d = l->newest; d; d = d->older) {
		if (d->opened_us <= until_us)
			list[n++] = d;
	}
	qsort(list, n, sizeof *list, by_seq);
	for (size_t i = 0; i < n && got == 0; i++)
		got = lake_seal(l, list[i], err);
	free(list);
	return got;
}

int lake_seal_all(struct lake *l, struct err *err)
{
	if (seal_older(l, INT64_MAX, err) < 0)
		return -1;
	return lake_publish(l, err);
}

int lake_seal_aged(struct lake *l, struct err *err)
{
	if (seal_older(l, l->now_us - l->opts.max_age_us, err) < 0 || lake_publish(l, err) < 0)
		return -1;
	l->next_age_us = -1;
	for (struct lake_dir *d = l->newest; d; d = d->older) {
		int64_t at_us = d->opened_us + l->opts.max_age_us;

		if (l->next_age_us < 0 || at_us < l->next_age_us)
			l->next_age_us = at_us;
	}
	return 0;
}

int lake_sync_begin(struct lake *l, struct err *err)
{
	struct segment **list = mem_alloc(l->n_open, sizeof *list);
	size_t n = 0;
	int got;

	for (struct lake_dir *d = l->newest; d; d = d->older)
		list[n++] = &d->segment;
	got = spool_sync_begin(l->spool, list, n, err);
	free(list);
	l->next_sync_us = -1;
	return got;
}

int lake_sync_wait(struct lake *l, struct err *err)
{
	return l->spool ? spool_sync_wait(l->spool, err) : 0;
}

int lake_sync_all(struct lake *l, struct err *err)
{
	return lake_publish(l, err) < 0 ? -1 : lake_sync_begin(l, err);
}

void lake_release_dirs(struct lake *l)
{
	for (size_t i = 0; i < l->n_dirs; i++) {
		if (l->spool)
			segment_release(&l->dirs[i]->segment);
		buf_release(&l->dirs[i]->name);
		free(l->dirs[i]);
	}
	free(l->dirs);
	free(l->buckets);
}
