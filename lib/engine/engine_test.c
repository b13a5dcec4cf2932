#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "../../tests/kit/window_story.h"

static void a_window_closes_at_its_end(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}}, (struct window_clock){0});
	add(&s, 0);
	add(&s, 9);
	buf_add_str(&s.text, "| ");
	add(&s, 10); /* W = end: closed */
	add(&s, 9);
	add(&s, 10);
	add(&s, 35); /* no rows for windows without records */
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->kept, 5);
	assert_int_equal(engine_counts(s.e)->late, 1);
	story_end(&s, "| [0,10)=2 late(0,10,1,0) [10,20)=2 [30,40)=1 ");
}

static void the_first_and_the_last_row_of_a_window_say_so(void **state)
{
	struct story s;

	(void)state;
	/* tell_row() looks: rows of one pane, of merged panes, of one group, and of those that a signal sends out */
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 5}}, (struct window_clock){0});
	for (int64_t us = 0; us < 20; us += 4) {
		add_key(&s, 0, us, "a");
		add_key(&s, 0, us, "b");
	}
	add_key(&s, 0, 31, "c");
	flush(&s, false);
	story_end(&s, "[-5,5)a=2 [-5,5)b=2 [0,10)a=3 [0,10)b=3 [5,15)a=2 [5,15)b=2 [10,20)a=2 [10,20)b=2 [15,25)a=1 "
		      "[15,25)b=1 [25,35?)c=1 [30,40?)c=1 ");
	story_open(&s, (struct engine_opts){.window = {.session_us = 3}}, (struct window_clock){0});
	add_key(&s, 0, 0, "b");
	add_key(&s, 0, 0, "a");
	flush(&s, true);
	story_end(&s, "[0,0)a=1 [0,0)b=1 ");
}

static void delay_and_grace_keep_it_open(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}, .grace_us = 2},
		(struct window_clock){.delay_us = 3});
	add(&s, -1);
	add(&s, 4); /* W = 1, the first window closes at 2 */
	add(&s, -10);
	add(&s, 5);
	add(&s, -1);
	add(&s, 6);
	add(&s, -1);
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->late_max_us, 1);
	story_end(&s, "[-10,0)=2 late(-10,0,1,0) late(-10,0,1,1) [0,10)=3 ");
}

/* A record that is late for some windows counts in the others. */
static void hopping_windows_refuse_one_by_one(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 5}}, (struct window_clock){0});
	add(&s, 7);
	add(&s, 10); /* closes [0,10) */
	add(&s, 7);  /* still in [5,15) */
	add(&s, 4);
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->late_partial, 1);
	assert_int_equal(engine_counts(s.e)->late, 1);
	assert_int_equal(engine_counts(s.e)->kept, 3);
	story_end(&s, "[0,10)=1 late(0,10,2,0) [5,15)=3 [10,20)=1 ");
}

/* Also the second record of a pane that came too late for its first window. */
static void each_record_that_some_windows_refuse_counts(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 5}}, (struct window_clock){0});
	add(&s, 10); /* [0,10) is over */
	add(&s, 7);
	add(&s, 8);
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->late_partial, 2);
	story_end(&s, "[5,15)=3 [10,20)=1 ");
}

/* A window that closed without records stays closed when a late one comes for its neighbours. */
static void an_empty_window_does_not_open_again(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 5}}, (struct window_clock){0});
	add(&s, 31);
	add(&s, 26); /* [20,30) has closed, [25,35) is open */
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->late_partial, 1);
	story_end(&s, "[25,35)=2 [30,40)=1 ");
}

static void sizes_need_not_fit_the_advance(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 4, .offset_us = 1}},
		(struct window_clock){0});
	add(&s, 1); /* -7 .. 1: three windows hold it: -7, -3, 1 */
	add(&s, 3);
	flush(&s, true);
	story_end(&s, "[-7,3)=1 [-3,7)=2 [1,11)=2 ");
}

static void rows_leave_by_end_and_group(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}},
		(struct window_clock){.delay_us = 100});
	add_key(&s, 0, 15, "b");
	add_key(&s, 0, 5, "b");
	add_key(&s, 0, 5, "a");
	add_key(&s, 0, 5, "");
	flush(&s, true);
	story_end(&s, "[0,10)=1 [0,10)a=1 [0,10)b=1 [10,20)b=1 ");
}

static void inputs_wait_for_each_other(void **state)
{
	struct story s;
	struct err err = ERR_INIT;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}},
		(struct window_clock){.n_inputs = 2});
	add_key(&s, 0, 5, "");
	add_key(&s, 0, 25, "");
	window_clock_end(&s.clock, 0);
	assert_int_equal(engine_advance(s.e, s.clock.watermark_us, &err), 0);
	buf_add_str(&s.text, "| ");
	add_key(&s, 1, 6, "");
	add_key(&s, 1, 12, "");
	flush(&s, true);
	story_end(&s, "| [0,10)=2 [10,20)=1 [20,30)=1 ");
}

static void a_record_ahead_moves_nothing(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}},
		(struct window_clock){.max_ahead_us = 20});
	add(&s, 5);
	add(&s, 26);
	add(&s, 4);
	add(&s, 25);
	flush(&s, true);
	story_end(&s, "ahead [0,10)=2 [20,30)=1 ");
}

static void a_signal_leaves_windows_open(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 5}}, (struct window_clock){0});
	add(&s, 7);
	add(&s, 12);
	flush(&s, false);
	assert_int_equal(engine_counts(s.e)->taken, 2);
	assert_int_equal(engine_counts(s.e)->kept, 1); /* the second is in no final row */
	story_end(&s, "[0,10)=1 [5,15?)=2 [10,20?)=1 ");
}

static void a_whole_stream_has_its_own_bounds(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.is_all = true}}, (struct window_clock){0});
	add_key(&s, 0, 7, "a");
	add_key(&s, 0, -12, "b");
	add_key(&s, 0, 500, "a");
	flush(&s, true);
	story_end(&s, "[-12,500)a=2 [-12,500)b=1 ");
}

/* State is what is open, however long the stream. */
static void closed_windows_leave_nothing(void **state)
{
	size_t bytes, groups, most = 0;
	struct story s;
	char key[16];

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 20, .advance_us = 10}},
		(struct window_clock){.delay_us = 7});
	for (int64_t us = 0; us < 20000; us++) {
		snprintf(key, sizeof key, "k%d", (int)(us * 7 % 100));
		add_key(&s, 0, us, key);
		engine_memory(s.e, &bytes, &groups);
		assert_true(groups <= 50);
		if (us == 100)
			most = bytes;
		if (us > 100)
			assert_true(bytes <= most * 3 / 2);
		buf_reset(&s.text);
	}
	flush(&s, true);
	buf_reset(&s.text);
	story_end(&s, "");
}

/* A long delay keeps many panes open; they come in any order, and leave one by one in theirs. */
static void many_windows_are_open(void **state)
{
	enum { N = 30000 };
	char row[64];
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}},
		(struct window_clock){.delay_us = 10 * N});
	for (int64_t i = 0; i < N; i++)
		add(&s, i * 7 % N * 10);
	for (int64_t i = 0; i < 3 * N; i++) {
		add(&s, (N + i) * 10 + 5);
		snprintf(row, sizeof row, "[%lld,%lld)=1 ", (long long)(i - 1) * 10, (long long)i * 10);
		assert_string_equal(buf_cstr(&s.text), i ? row : "");
		buf_reset(&s.text);
	}
	story_end(&s, "");
}

/* A stream for long windows: keys come and go, most records are in order, some are old. */
enum { LONG_N = 4000, LONG_SIZE = 300, LONG_KEYS = 4 };

struct long_record {
	int64_t us;
	int key;
	int64_t closed_us; /* W when it was judged */
};

static struct long_record long_records[LONG_N];

static int64_t count_in_window(int64_t start_us, int key, int64_t sum[2])
{
	sum[0] = sum[1] = 0;
	for (size_t i = 0; i < LONG_N; i++) {
		const struct long_record *r = &long_records[i];

		if (r->key == key && r->us >= start_us && r->us < start_us + LONG_SIZE &&
			r->closed_us < start_us + LONG_SIZE) {
			sum[0]++;
			sum[1] += r->us * 3 + key;
		}
	}
	return sum[0];
}

struct long_story {
	struct agg_list list;
	uint64_t n_rows;
};

/* Rows against the definition: all records of the window that came before it closed. */
static int check_long_row(void *context, const struct engine_row *row, struct err *err)
{
	struct long_story *s = context;
	struct agg_result count, sum, gap;
	int64_t expected[2];

	(void)err;
	count_in_window(row->start_us, row->key.p[0] - 'a', expected);
	agg_result(&s->list, 0, row->states, &count);
	agg_result(&s->list, 1, row->states, &sum);
	agg_result(&s->list, 2, row->states, &gap);
	assert_int_equal(count.integer, expected[0]);
	assert_int_equal(sum.integer, expected[1]);
	assert_int_equal(gap.type == AGG_NULL, expected[0] < 2);
	s->n_rows++;
	return 0;
}

static void make_long_records(void)
{
	uint32_t seed = 7;
	int64_t now = 0, most = WINDOW_NEVER;

	for (size_t i = 0; i < LONG_N; i++) {
		struct long_record *r = &long_records[i];

		seed = seed * 1664525 + 1013904223;
		now += (seed >> 10) % 1500 ? (seed >> 9) % 2 : 500;
		r->us = now;
		r->key = (int)((seed >> 20) % LONG_KEYS);
		if (r->key == 3)
			r->key = (int)(now / 700 % LONG_KEYS); /* a group that is away for a while */
		if ((seed >> 25) % 4 == 0)
			r->us -= (seed >> 13) % ((seed >> 27) % 4 ? 20 : LONG_SIZE);
		most = r->us > most ? r->us : most;
		r->closed_us = most;
	}
}

/* Hundreds of panes for each window, late records in old ones. */
static void long_windows_agree_with_the_definition(void **state)
{
	static const int64_t advances[] = {1, 7, 150};
	int64_t expected[2];

	(void)state;
	make_long_records();
	for (size_t a = 0; a < sizeof advances / sizeof *advances; a++) {
		struct long_story s = {0};
		struct err err = ERR_INIT;
		struct engine_opts opts = {.window = {.size_us = LONG_SIZE, .advance_us = advances[a]},
			.has_time = true,
			.list = &s.list,
			.row = check_long_row,
			.context = &s};
		struct engine *e;
		uint64_t n = 0;

		assert_int_equal(agg_list_parse(&s.list, "count, sum(v), max_gap", &err), 0);
		e = engine_open(&opts);
		for (size_t i = 0; i < LONG_N; i++) {
			struct long_record *r = &long_records[i];
			char key[2] = {(char)('a' + r->key)};
			struct agg_value v = {.is_present = true, .is_integer = true, .integer = r->us * 3 + r->key};
			struct engine_record record = {.place = {.time_us = r->us, .line = i},
				.key = slice_str(key),
				.hash = group_hash(slice_str(key)),
				.values = &v};

			assert_int_not_equal(engine_add(e, &record, r->closed_us, &err), ENGINE_ERROR);
		}
		assert_int_equal(engine_flush(e, WINDOW_FOREVER, true, &err), 0);
		for (int64_t k = -2 * LONG_SIZE; k < LONG_N + 20 * LONG_SIZE; k++) {
			for (int key = 0; key < LONG_KEYS; key++)
				n += window_start(&opts.window, k) < 4 * LONG_N &&
				     count_in_window(window_start(&opts.window, k), key, expected) > 0;
		}
		assert_int_equal(s.n_rows, n);
		assert_true(n > 50);
		engine_close(e);
		agg_list_release(&s.list);
	}
}

/* Without a record, and without a pane. */
static void silent_windows_close_one_by_one(void **state)
{
	struct err err = ERR_INIT;
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}, .is_filling = true},
		(struct window_clock){0});
	add(&s, 1);
	for (int64_t us = 15; us <= 35; us += 5) {
		assert_int_equal(engine_advance(s.e, us, &err), 0);
		buf_add_str(&s.text, "| ");
	}
	flush(&s, true);
	story_end(&s, "[0,10)=1 | [10,20)=0 | | [20,30)=0 | | ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_closes_at_its_end),
		cmocka_unit_test(the_first_and_the_last_row_of_a_window_say_so),
		cmocka_unit_test(delay_and_grace_keep_it_open),
		cmocka_unit_test(hopping_windows_refuse_one_by_one),
		cmocka_unit_test(each_record_that_some_windows_refuse_counts),
		cmocka_unit_test(an_empty_window_does_not_open_again),
		cmocka_unit_test(sizes_need_not_fit_the_advance),
		cmocka_unit_test(rows_leave_by_end_and_group),
		cmocka_unit_test(inputs_wait_for_each_other),
		cmocka_unit_test(a_record_ahead_moves_nothing),
		cmocka_unit_test(a_signal_leaves_windows_open),
		cmocka_unit_test(a_whole_stream_has_its_own_bounds),
		cmocka_unit_test(closed_windows_leave_nothing),
		cmocka_unit_test(many_windows_are_open),
		cmocka_unit_test(long_windows_agree_with_the_definition),
		cmocka_unit_test(silent_windows_close_one_by_one),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
