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

#include "lake/lake_impl.h"

#include "../../tests/kit/lake_member.h"
#include "../../tests/kit/test_root.h"

enum { N_RUNS = 40, N_TURNS_MAX = 500 };

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

/* Whoever waited for a time that nobody moves on would not wait at all. */
static void open_batches_wake_nobody(void **state)
{
	struct group g = {0};
	struct member m;
	char place[128], folder[64];

	(void)state;
	name_place(place, folder, 4000);
	join(&m, &g, place, 50, NULL);
	assert_int_equal(give(&m, 40), 0);
	assert_int_equal(m.lake->ops->deadline(m.lake), -1);
	while (m.next < N_RECORDS)
		assert_int_equal(give(&m, 17), 0);
	assert_int_equal(lake_deliver(m.lake, true, &m.err), 0);
	assert_int_equal(m.lake->ops->deadline(m.lake), -1);
	leave(&m);
	expect_all_once(folder);
	buf_release(&g.metadata);
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
	struct slice whole, words;
	struct err err = ERR_INIT;
	struct buf text = BUF_INIT;

	(void)state;
	lake_print_plan(&plan, NULL, &text);
	assert_string_equal(buf_cstr(&text), "tlm-lake1 b=10 t=-5 w=1795341600000 e=20 n=9 k=3 o=fedcba9876543210");
	assert_int_equal(lake_parse_plan(buf_slice(&text), &again, &err), 0);
	assert_memory_equal(&again, &plan, sizeof plan);
	assert_int_equal(lake_parse_plan((struct slice){NULL, 0}, &again, &err), 0);
	assert_int_equal(again.to, -1);
	buf_reset(&text);
	lake_print_plan(&plan, "--time 'a c=b' -o file:///x", &text);
	assert_int_equal(lake_parse_plan(buf_slice(&text), &again, &err), 0);
	assert_memory_equal(&again, &plan, sizeof plan);
	whole = buf_slice(&text);
	words = lake_plan_words(&whole);
	assert_true(slice_eq(words, SLICE_LIT("--time 'a c=b' -o file:///x")));
	assert_int_equal(lake_plan_words(&whole).len, 0);
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
		cmocka_unit_test(open_batches_wake_nobody),
		cmocka_unit_test(a_zombie_stores_nothing),
		cmocka_unit_test(what_was_read_before_it_was_lost_is_void),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("lake_group", tests, make_root, remove_root);
}
