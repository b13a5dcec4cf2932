/* A lake that is fed by a group, of which this test is the broker: members die before and behind their commits. */
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

#include "../../tests/kit/test_root.h"

enum { N_RECORDS = 120, N_RUNS = 40, N_TURNS_MAX = 500 };

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

/* ---- what is stored ---- */

static unsigned seen[N_RECORDS];
static int64_t covered; /* by names, from 0 on without a gap */
static struct ranges {
	int64_t first, last;
} ranges[N_RECORDS];
static size_t n_ranges, n_marks;

static void see_range(const char *name)
{
	long long first, last;

	assert_int_equal(sscanf(name, "t-0-%lld-%lld.ndjson", &first, &last), 2);
	for (size_t i = 0; i < n_ranges; i++) {
		if (ranges[i].first == first) {
			assert_int_equal(ranges[i].last, last);
			return;
		}
	}
	ranges[n_ranges++] = (struct ranges){first, last};
}

static int see_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char line[256];
	FILE *f;

	(void)st;
	if (type != FTW_F)
		return 0;
	assert_null(strstr(path, SPOOL_DIR));
	assert_null(strstr(path, "/spool/"));
	if (strstr(path, "_complete")) {
		n_marks++;
		return 0;
	}
	see_range(path + ftw->base);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		int o;

		assert_int_equal(sscanf(line, "{\"o\":%d,", &o), 1);
		seen[o]++;
	}
	fclose(f);
	return 0;
}

static int by_first(const void *a, const void *b)
{
	const struct ranges *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static void look(const char *folder)
{
	memset(seen, 0, sizeof seen);
	n_ranges = n_marks = 0;
	covered = 0;
	assert_int_equal(nftw(folder, see_file, 8, FTW_PHYS), 0);
	qsort(ranges, n_ranges, sizeof *ranges, by_first);
	for (size_t i = 0; i < n_ranges; i++) {
		assert_int_equal(ranges[i].first, covered);
		covered = ranges[i].last + 1;
	}
}

static void expect_all_once(const char *folder)
{
	look(folder);
	for (int64_t o = 0; o < N_RECORDS; o++)
		assert_int_equal(seen[o], o % 10 != 9 && o % 11 != 3);
	assert_int_equal(n_marks, 19); /* of 10 o'clock up to 4 on the next day; the last record is of 5:40 */
}

static void name_place(char place[128], char folder[64], int run)
{
	snprintf(folder, 64, "%s/%d", root, run);
	snprintf(place, 128, "%s/hour=%%H/d={d}", folder);
}

/* ---- tests ---- */

static void each_record_is_stored_once(void **state)
{
	struct group g = {0};
	struct member m;
	char place[128], folder[64];

	(void)state;
	name_place(place, folder, 1000);
	join(&m, &g, place, 25, NULL);
	while (m.next < N_RECORDS)
		assert_int_equal(give(&m, 13), 0);
	assert_int_equal(lake_deliver(m.lake, true, &m.err), 0);
	assert_int_equal(g.offset, N_RECORDS);
	assert_int_equal(m.ledger.open, 0);
	assert_int_equal(ledger_check(&m.ledger, &m.err), 0);
	leave(&m);
	expect_all_once(folder);
	buf_release(&g.metadata);
}

static void let_them_die(bool is_store)
{
	unsigned n_deaths = 0;

	for (unsigned run = 0; run < N_RUNS; run++) {
		struct group g = {0};
		char path[128], folder[64], *place = path;
		unsigned chance = run * 7919, turns = 0;

		name_place(path, folder, (int)run + is_store * N_RUNS);
		place += is_store ? strlen(root) : 0;
		while (g.offset < N_RECORDS && turns++ < N_TURNS_MAX) {
			struct member m;
			int got = 0;

			join(&m, &g, place, 5 + next_random(&chance, 30), &chance);
			while (got == 0 && m.next < N_RECORDS) {
				got = give(&m, 1 + next_random(&chance, 20));
				if (got == 0 && next_random(&chance, 4) == 0)
					got = lake_deliver(m.lake, false, &m.err);
			}
			if (got == 0)
				got = lake_deliver(m.lake, true, &m.err);
			assert_true(got == 0 || m.is_dead);
			n_deaths += m.is_dead;
			leave(&m);
		}
		assert_int_equal(g.offset, N_RECORDS);
		expect_all_once(folder);
		buf_release(&g.metadata);
	}
	assert_true(n_deaths > N_RUNS);
}

static void members_die_at_any_commit(void **state)
{
	(void)state;
	let_them_die(false);
}

static void members_die_while_objects_are_on_their_way(void **state)
{
	(void)state;
	let_them_die(true);
}

/* It holds records, and a plan that it could not commit; others have done without it. */
static void a_zombie_stores_nothing(void **state)
{
	struct group g = {0};
	struct member zombie, other;
	char place[128], folder[64];

	(void)state;
	name_place(place, folder, 2000);
	join(&zombie, &g, place, 50, NULL);
	assert_int_equal(give(&zombie, 40), 0);
	join(&other, &g, place, 30, NULL);
	while (other.next < N_RECORDS)
		assert_int_equal(give(&other, 17), 0);
	assert_int_equal(give(&zombie, 40), 0);
	assert_int_equal(lake_deliver(other.lake, true, &other.err), 0);
	assert_int_equal(lake_deliver(zombie.lake, true, &zombie.err), 0);
	assert_int_equal(zombie.n_commits, 0);
	assert_int_equal(zombie.ledger.read, zombie.ledger.rejected);
	zombie.next = 0;
	assert_int_equal(give(&zombie, 40), 0);
	assert_int_equal(zombie.ledger.read, zombie.ledger.rejected);
	leave(&zombie);
	leave(&other);
	expect_all_once(folder);
	buf_release(&g.metadata);
}

static void what_was_read_before_it_was_lost_is_void(void **state)
{
	unsigned n_moves = 0;

	(void)state;
	for (unsigned run = 0; run < N_RUNS; run++) {
		struct group g = {0};
		struct member m;
		char path[128], folder[64];
		unsigned chance = run;

		name_place(path, folder, 3000 + (int)run);
		join(&m, &g, path + strlen(root), 10 + run, NULL);
		m.lake->on_blocked = move;
		while (m.next < N_RECORDS && m.n_moves < 3)
			assert_int_equal(give(&m, 1 + next_random(&chance, 20)), 0);
		m.lake->on_blocked = NULL;
		while (m.next < N_RECORDS)
			assert_int_equal(give(&m, 1 + next_random(&chance, 20)), 0);
		assert_int_equal(lake_deliver(m.lake, true, &m.err), 0);
		n_moves += m.n_moves;
		assert_int_equal(ledger_check(&m.ledger, &m.err), 0);
		leave(&m);
		expect_all_once(folder);
		buf_release(&g.metadata);
	}
	assert_true(n_moves > N_RUNS / 2);
}

static void plans_are_read_as_they_were_written(void **state)
{
	static const char *const bad[] = {"tlm1 o=1", "tlm-lake1", "tlm-lake2 b=1", "tlm-lake1 b=x",
		"tlm-lake1 b=1 e=1", "tlm-lake1 t=5", "tlm-lake1 b=1 q=2", "tlm-lake1 b=1  t=1", "tlm-lake1 b=-1",
		"tlm-lake1 b=99999999999999999999"};
	const struct lake_plan plan = {.options = UINT64_C(0xfedcba9876543210),
		.from = 10,
		.stream_us = -5,
		.since_ms = 1795341600000,
		.to = 20,
		.records = 9,
		.objects = 3};
	struct lake_plan again;
	struct err err = ERR_INIT;
	struct buf text = BUF_INIT;

	(void)state;
	lake_print_plan(&plan, &text);
	assert_string_equal(buf_cstr(&text), "tlm-lake1 b=10 t=-5 w=1795341600000 e=20 n=9 k=3 o=fedcba9876543210");
	assert_int_equal(lake_parse_plan(buf_slice(&text), &again, &err), 0);
	assert_memory_equal(&again, &plan, sizeof plan);
	assert_int_equal(lake_parse_plan((struct slice){NULL, 0}, &again, &err), 0);
	assert_int_equal(again.to, -1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		err_reset(&err);
		assert_int_equal(lake_parse_plan(slice_str(bad[i]), &again, &err), -1);
		assert_int_equal(err.code, ERR_REFUSED);
	}
	buf_release(&text);
}

static int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "%s/lake-group-test-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	(void)state;
	return remove_tree(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_are_read_as_they_were_written),
		cmocka_unit_test(each_record_is_stored_once),
		cmocka_unit_test(members_die_at_any_commit),
		cmocka_unit_test(members_die_while_objects_are_on_their_way),
		cmocka_unit_test(a_zombie_stores_nothing),
		cmocka_unit_test(what_was_read_before_it_was_lost_is_void),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("lake_group", tests, make_root, remove_root);
}
