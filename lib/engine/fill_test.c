#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/fill.h"

static void add(struct group_table *t, const char *key)
{
	bool is_new;

	group_table_get(t, slice_str(key), group_hash(slice_str(key)), &is_new)->state[0]++;
}

static void groups_stay_from_their_first_window_on(void **state)
{
	struct fill f;
	struct group_table t;
	struct slice key = SLICE_LIT("a");

	(void)state;
	fill_init(&f, true);
	assert_false(fill_goes_on(&f));
	group_table_init(&t, sizeof(uint64_t));
	add(&t, "a");
	add(&t, "b");
	fill_window(&f, 7, &t);
	assert_int_equal(t.n, 2);
	assert_true(fill_goes_on(&f));
	assert_int_equal(f.next_k, 8);
	group_table_release(&t);

	group_table_init(&t, sizeof(uint64_t));
	add(&t, "c");
	fill_window(&f, 8, &t);
	assert_int_equal(t.n, 3);
	assert_int_equal(group_table_find(&t, key, group_hash(key))->state[0], 0);
	group_table_release(&t);

	group_table_init(&t, sizeof(uint64_t));
	fill_window(&f, 9, &t);
	assert_int_equal(t.n, 3);
	assert_int_equal(f.next_k, 10);
	group_table_release(&t);
	fill_release(&f);
}

static void nothing_is_filled_unasked(void **state)
{
	struct fill f;
	struct group_table t;

	(void)state;
	fill_init(&f, false);
	group_table_init(&t, sizeof(uint64_t));
	add(&t, "a");
	fill_window(&f, 7, &t);
	assert_false(fill_goes_on(&f));
	group_table_release(&t);
	fill_release(&f);
}

/* Up to FILL_MAX, then on from the next one with records. */
static void a_silence_is_not_filled_for_ever(void **state)
{
	struct fill f;
	struct group_table t;
	int64_t k = 1;

	(void)state;
	fill_init(&f, true);
	for (int round = 1; round <= 2; round++) {
		group_table_init(&t, sizeof(uint64_t));
		add(&t, "a");
		fill_window(&f, k++, &t);
		group_table_release(&t);
		for (int i = 0; i < FILL_MAX; i++) {
			assert_true(fill_goes_on(&f));
			group_table_init(&t, sizeof(uint64_t));
			fill_window(&f, k++, &t);
			assert_int_equal(t.n, 1);
			group_table_release(&t);
		}
		assert_false(fill_goes_on(&f));
		assert_int_equal(f.n_left_out, (round - 1) * 1000);
		k += 1000;
	}
	fill_release(&f);
}

/* Windows that hop: however many have gone, those with records are no silence. */
static void what_is_said_is_no_silence(void **state)
{
	struct agg_list list;
	struct err err = ERR_INIT;
	struct fill f;
	uint64_t count = 1;
	const struct roll_row row = {SLICE_LIT("a"), &count};

	(void)state;
	assert_int_equal(agg_list_parse(&list, "count", &err), 0);
	fill_init(&f, true);
	for (int64_t k = 0; k <= FILL_MAX; k++) {
		size_t n = 1;

		assert_ptr_equal(fill_rows(&f, k, &list, &row, &n)->states, &count);
		assert_int_equal(n, 1);
		fill_release_rows(&f, &list);
	}
	assert_true(fill_goes_on(&f));
	fill_release(&f);
	agg_list_release(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_stay_from_their_first_window_on),
		cmocka_unit_test(nothing_is_filled_unasked),
		cmocka_unit_test(what_is_said_is_no_silence),
		cmocka_unit_test(a_silence_is_not_filled_for_ever),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
