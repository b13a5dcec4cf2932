/* lake_member: members of a group that store a topic of one partition, of which the test is the broker. */
#ifndef TLM_TESTS_LAKE_MEMBER_H
#define TLM_TESTS_LAKE_MEMBER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "durable/durable.h"
#include "lake/lake_impl.h"

enum { N_RECORDS = 120 };

static char root[40]; /* where there are no disks to wait for, if there is such a place */

static unsigned next_random(unsigned *state, unsigned n)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 16) % n;
}

/* ---- the group: one partition ---- */

struct group {
	int64_t offset;
	struct buf metadata;
	int generation; /* of the member that has the partition */
};

/* ---- a store that takes its time ---- */

struct slow_store {
	struct store base;
	struct store_object *first, *last;
	unsigned chance;
};

static void begin(struct store *store, struct store_object *o)
{
	struct slow_store *s = (struct slow_store *)store;

	o->next = NULL;
	if (s->last)
		s->last->next = o;
	else
		s->first = o;
	s->last = o;
}

static void read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "re");
	size_t n;

	buf_reset(out);
	assert_non_null(f);
	while ((n = fread(buf_reserve(out, 4096), 1, 4096, f)) > 0)
		out->len += n;
	fclose(f);
}

/* Never over an object that is there; one with other lines is refused. */
static int store_one(struct store_object *o, struct err *err)
{
	struct buf to = BUF_INIT, have = BUF_INIT, want = BUF_INIT;
	int got = 1;

	buf_addf(&to, "%s/%s", root, o->name);
	read_file(o->path, &want);
	o->is_old = access(buf_cstr(&to), F_OK) == 0;
	if (o->is_old) {
		read_file(to.p, &have);
		if (!slice_eq(buf_slice(&have), buf_slice(&want)))
			got = err_set(err, ERR_REFUSED, "%s: other lines", o->name);
	} else {
		FILE *f;

		*strrchr(to.p, '/') = '\0';
		assert_int_equal(durable_make_dirs(to.p, err), 0);
		to.p[strlen(to.p)] = '/';
		f = fopen(to.p, "we");
		assert_non_null(f);
		fwrite(want.p, 1, want.len, f);
		fclose(f);
	}
	buf_release(&to);
	buf_release(&have);
	buf_release(&want);
	return got;
}

static int take(struct store *store, int64_t wait_us, struct store_object **o, struct err *err)
{
	struct slow_store *s = (struct slow_store *)store;

	(void)wait_us;
	if (!s->first || next_random(&s->chance, 3))
		return 0;
	*o = s->first;
	s->first = s->first->next;
	if (!s->first)
		s->last = NULL;
	return store_one(*o, err);
}

static bool take_notes(struct store *store, struct buf *out)
{
	(void)store;
	(void)out;
	return false;
}

static void close_store(struct store *store)
{
	free(store);
}

static struct store *open_slow_store(unsigned chance)
{
	static const struct store_ops ops = {begin, take, take_notes, close_store};
	struct slow_store *s = calloc(1, sizeof *s);

	s->base.ops = &ops;
	s->chance = chance;
	return &s->base;
}

/* ---- one member ---- */

struct member {
	struct group *group;
	int generation;
	struct lake_group hook;
	struct timefield time;
	struct ledger ledger;
	struct reject *reject;
	struct sink *rows, *lake;
	int64_t next;
	unsigned *chance; /* it dies at a commit with this, before or behind it; NULL: never */
	unsigned n_commits, n_moves;
	bool is_dead;
	struct err err;
};

static void warn(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static int die(struct member *m, struct err *err)
{
	m->is_dead = true;
	return err_set(err, ERR_UNREACHABLE, "killed");
}

/* Who is not of this generation is not heard. */
static int commit(void *ctx, bool is_final, struct err *err)
{
	struct member *m = ctx;
	struct group *g = m->group;
	struct buf metadata = BUF_INIT;
	int64_t offset;
	int got = 0;

	(void)is_final;
	if (m->generation != g->generation)
		return 0;
	if (m->chance && next_random(m->chance, 6) == 0)
		return die(m, err);
	if (lake_position(m->lake, 0, &offset, &metadata)) {
		assert_true(offset >= g->offset);
		m->n_commits++;
		g->offset = offset;
		buf_reset(&g->metadata);
		buf_add_slice(&g->metadata, buf_slice(&metadata));
		lake_committed(m->lake, 0);
	}
	buf_release(&metadata);
	if (m->chance && next_random(m->chance, 6) == 0)
		got = die(m, err);
	return got;
}

static void lose(void *ctx)
{
	struct member *m = ctx;

	if (m->generation != m->group->generation)
		lake_forget(m->lake, 0);
}

/* It loses the partition while it waits, and has it again at once. */
static void move(void *ctx)
{
	struct member *m = ctx;

	lake_forget(m->lake, 0);
	assert_int_equal(lake_take(m->lake, 0, m->group->offset, buf_slice(&m->group->metadata), &m->err), 0);
	m->next = m->group->offset;
	m->n_moves++;
}

/* The place without the root is that of a store. */
static void join(struct member *m, struct group *g, const char *place, uint64_t max_records, unsigned *chance)
{
	char spool[64];
	struct reject_opts rejects = {.is_quiet = true};
	struct lake_opts opts = {.place = place,
		.group = &m->hook,
		.codec = CODEC_NONE,
		.max_open = 64,
		.max_size_bytes = 1 << 20,
		.max_records = max_records,
		.depth_max = 64,
		.sync_us = 1000000,
		.warn = warn};

	*m = (struct member){.group = g, .generation = ++g->generation, .hook = {commit, m, 7}, .next = g->offset};
	if (strncmp(place, root, strlen(root)) != 0) {
		opts.store = open_slow_store((unsigned)g->generation);
		snprintf(spool, sizeof spool, "%s/spool", root);
		opts.spool = spool;
		opts.url = "s3://bucket";
		opts.max_spool_bytes = 1;
	}
	assert_int_equal(timefield_parse(&m->time, "ms:ms", &m->err), 0);
	ledger_init(&m->ledger, "tlm-s3put");
	m->reject = reject_open(&rejects, &m->ledger, &m->err);
	reject_note_good(m->reject);
	m->rows = sink_file("/dev/null", &m->err);
	opts.time = &m->time;
	opts.ledger = &m->ledger;
	opts.reject = m->reject;
	opts.manifest = m->rows;
	m->lake = lake_open(&opts, &m->err);
	assert_non_null(m->lake);
	m->lake->on_blocked = lose;
	m->lake->blocked_ctx = m;
	assert_int_equal(lake_take(m->lake, 0, g->offset, buf_slice(&g->metadata), &m->err), 0);
	m->chance = chance;
}

static void leave(struct member *m)
{
	sink_close(m->lake);
	sink_close(m->rows);
	reject_close(m->reject);
	timefield_release(&m->time);
}

/* Every tenth is a tombstone, every eleventh is bad; time goes on by ten minutes. */
static void add_line(struct buf *out, int64_t offset)
{
	if (offset % 10 == 9)
		buf_add_str(out, "\n");
	else if (offset % 11 == 3)
		buf_add_str(out, "[]\n");
	else
		buf_addf(out, "{\"o\":%lld,\"d\":\"%c\",\"ms\":%lld}\n", (long long)offset, (char)('a' + offset % 3),
			(long long)(1795341600000 + offset * 600000));
}

/* As the source gives them: up to n, none beyond the end of a plan. */
static int give(struct member *m, size_t n)
{
	struct batch_record records[N_RECORDS];
	int64_t bound = lake_bound(m->lake, 0, m->next);
	struct batch b;
	int got;

	batch_init(&b);
	b.records = records;
	b.topic = "t";
	b.name = "kafka:t[0]";
	b.first_line = (uint64_t)m->next + 1;
	for (; b.n_records < n && m->next < N_RECORDS && m->next < bound; m->next++) {
		records[b.n_records++] = (struct batch_record){.offset = m->next, .time_us = BATCH_NO_TIME};
		add_line(&b.own, m->next);
	}
	buf_reserve(&b.own, JSON_PAD_BYTES);
	b.p = b.own.p;
	b.len = b.own.len;
	got = b.n_records ? m->lake->ops->write(m->lake, &b, &m->err) : 0;
	batch_release(&b);
	return got;
}

#endif
