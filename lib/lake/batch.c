/* What becomes of a batch of a partition: sealed, planned, stored, ended; see lake.h. */
#include "lake/lake_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "mem/mem.h"

/* ---- sealing ---- */

static int by_seq(const void *a, const void *b)
{
	const struct lake_dir *x = *(struct lake_dir *const *)a, *y = *(struct lake_dir *const *)b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* In the order in which they were opened, which is that of their records. */
static struct lake_dir **dirs_of(struct lake *l, const struct lake_batch *b)
{
	struct lake_dir **list = mem_alloc(b->n_dirs ? b->n_dirs : 1, sizeof *list);
	size_t n = 0;

	for (struct lake_dir *d = l->newest; d; d = d->older) {
		if (d->batch == b)
			list[n++] = d;
	}
	qsort(list, n, sizeof *list, by_seq);
	return list;
}

static void name_batch(struct lake_batch *b)
{
	buf_reset(&b->name);
	buf_addf(&b->name, "%s-%d-%012" PRId64 "-%012" PRId64, b->part->topic, (int)b->part->partition, b->plan.from,
		b->plan.to - 1);
	buf_cstr(&b->name);
}

static int pack_dirs(struct lake *l, struct lake_batch *b, struct err *err)
{
	struct lake_dir **list = dirs_of(l, b);
	struct buf name = BUF_INIT;
	size_t n = b->n_dirs;
	int got = 0;

	buf_addf(&name, "%s%s", b->name.p, codec_suffix(l->opts.codec));
	b->pack = spool_pack_open(l->spool, b);
	for (size_t i = 0; i < n && got == 0; i++) {
		got = spool_pack_add(b->pack, &list[i]->segment, buf_cstr(&name), err);
		if (got == 0)
			lake_drop_dir(l, list[i]);
	}
	buf_release(&name);
	free(list);
	return got;
}

/* What an earlier owner has planned must come out of the very records. */
static int compare_plan(const struct lake_batch *b, const struct lake_plan *earlier, struct err *err)
{
	if (b->plan.to == earlier->to && b->plan.records == earlier->records && b->plan.objects == earlier->objects)
		return 0;
	return err_set(err, ERR_REFUSED,
		"%s: the topic does not hold the records any more that were to be stored: %llu of them in %llu objects "
		"are there, it were %llu in %llu; see --forget-plan",
		b->name.p, (unsigned long long)b->plan.records, (unsigned long long)b->plan.objects,
		(unsigned long long)earlier->records, (unsigned long long)earlier->objects);
}

/* A batch without objects goes on: its names would tell of nothing. */
int lake_seal_batch(struct lake *l, struct lake_batch *b, struct err *err)
{
	struct lake_part *part = b->part;

	if (lake_end_run(l, err) < 0)
		return -1;
	if (b->n_dirs == 0 && !b->is_again)
		return 0;
	if (l->batch == b)
		l->batch = NULL;
	b->plan.to = b->is_again ? part->again.to : part->next;
	b->plan.objects = b->n_dirs;
	b->stream_us = part->stream_us;
	name_batch(b);
	if (b->is_again && compare_plan(b, &part->again, err) < 0)
		return -1;
	if (pack_dirs(l, b, err) < 0)
		return -1;
	b->stage = b->is_again ? LAKE_PLANNED : LAKE_SEALED;
	part->again.to = -1;
	part->from = b->plan.to;
	part->next = part->next > b->plan.to ? part->next : b->plan.to;
	l->has_news = true;
	return 0;
}

/* ---- storing ---- */

static int publish(struct lake *l, struct lake_batch *b, struct err *err)
{
	struct spool_hooks hooks = lake_own_hooks(l);
	struct spool_pack *pack = b->pack;

	b->pack = NULL;
	l->has_news = true;
	return spool_pack_publish(pack, &hooks, err);
}

/* The last row of a batch tells how many there are. */
static void add_end(struct lake_batch *b)
{
	buf_add_char(&b->rows, '{');
	lake_add_range(&b->rows, b);
	buf_addf(&b->rows, ",\"end\":true,\"objects\":%llu,\"records\":%llu}\n", (unsigned long long)b->plan.objects,
		(unsigned long long)b->plan.records);
}

static int add_manifest(struct lake *l, struct lake_batch *b, size_t *n, struct err *err)
{
	struct buf name = BUF_INIT;
	int got;

	*n = 0;
	if (!l->opts.manifests)
		return 0;
	add_end(b);
	buf_addf(&name, "%s.ndjson", b->name.p);
	got = lake_add_object(
		l, b->pack, SLICE_LIT(LAKE_MANIFESTS), buf_cstr(&name), buf_slice(&b->rows), b->plan.objects + 1, err);
	buf_release(&name);
	*n = 1;
	return got;
}

/* Its manifest and its marks, when all of its objects are there. */
static int end_batch(struct lake *l, struct lake_batch *b, struct err *err)
{
	size_t n_manifests, n_marks;

	b->pack = spool_pack_open(l->spool, b);
	if (add_manifest(l, b, &n_manifests, err) < 0 || lake_add_marks(l, b, b->pack, &n_marks, err) < 0)
		return -1;
	b->n_left = n_manifests + n_marks;
	b->stage = LAKE_ENDING;
	return publish(l, b, err);
}

int lake_step_batch(struct lake *l, struct lake_batch *b, struct err *err)
{
	switch (b->stage) {
	case LAKE_PLANNED:
		b->n_left = b->plan.objects;
		b->stage = LAKE_STORING;
		return publish(l, b, err);
	case LAKE_STORING:
		return b->n_left ? 0 : end_batch(l, b, err);
	case LAKE_ENDING:
		if (b->n_left == 0) {
			b->stage = LAKE_STORED;
			l->has_news = true;
		}
		return 0;
	case LAKE_OPEN:
	case LAKE_SEALED:
	case LAKE_STORED:
		break;
	}
	return 0;
}

/* ---- the end of a batch ---- */

void lake_release_batch(struct lake_batch *b)
{
	spool_pack_close(b->pack);
	buf_release(&b->rows);
	buf_release(&b->name);
	free(b);
}

static void drop_open(struct lake *l, struct lake_batch *b)
{
	struct lake_dir **list = dirs_of(l, b);
	size_t n = b->n_dirs;

	for (size_t i = 0; i < n; i++) {
		segment_abandon(&list[i]->segment);
		unlink(list[i]->segment.path.p);
		lake_drop_dir(l, list[i]);
	}
	free(list);
	if (l->batch == b)
		l->batch = NULL;
}

/* Outcomes that are still to come find it among the lost. Its records are read again by whoever is next. */
void lake_lose_batch(struct lake *l, struct lake_batch *b)
{
	if (b->stage == LAKE_OPEN)
		drop_open(l, b);
	l->opts.ledger->read -= b->n_open;
	l->opts.ledger->open -= b->n_open;
	b->part = NULL;
	if (b->n_left == 0) {
		lake_release_batch(b);
		return;
	}
	b->next = l->lost;
	l->lost = b;
}
