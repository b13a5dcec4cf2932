#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "../../tests/kit/window_story.h"

static void sessions_merge_and_close(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 5}, .grace_us = 2},
		(struct window_clock){.delay_us = 10});
	add_key(&s, 0, 0, "a");
	add_key(&s, 0, 5, "a"); /* the gap is inclusive */
	add_key(&s, 0, 11, "a");
	add_key(&s, 0, 11, "b");
	add_key(&s, 0, 17, "a"); /* W = 7: nothing closes */
	add_key(&s, 0, 8, "a");  /* 0..5 and 11 are one now */
	add_key(&s, 0, 12, "a"); /* and 17 */
	add_key(&s, 0, 28, "c"); /* W = 18 = last + gap + grace of b */
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 29, "c");
	add_key(&s, 0, 9, "b");  /* nothing open, 16 < W */
	add_key(&s, 0, 12, "b"); /* equality */
	add_key(&s, 0, 12, "a"); /* late alone or not, a is open to 24 */
	add_key(&s, 0, 1, "a");
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->kept, 12);
	assert_int_equal(engine_counts(s.e)->late, 1);
	story_end(&s, "| [11,11)b=1 late(9,9,1,3) [12,12)b=1 [0,17)a=8 [28,29)c=2 ");
}

/* Not by group: of two that end together the one that began first. */
static void sessions_of_one_end_leave_by_their_start(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 5}}, (struct window_clock){0});
	for (int64_t us = 1; us <= 10; us++)
		add_key(&s, 0, us, us % 5 ? "b" : "a");
	add_key(&s, 0, 10, "b");
	flush(&s, true);
	story_end(&s, "[1,10)b=9 [5,10)a=2 ");
}

static void sessions_are_cut_at_borders(void **state)
{
	struct story s;

	(void)state;
	story_open(
		&s, (struct engine_opts){.window = {.session_us = 3, .session_max_us = 10}}, (struct window_clock){0});
	add(&s, -4);
	add(&s, -1);
	add(&s, 1);
	add(&s, 5); /* 4 apart: the session of 1 is closed */
	add(&s, 7); /* 7 + 3 reaches over */
	add(&s, 13);
	add(&s, 16);
	flush(&s, false);
	assert_int_equal(engine_counts(s.e)->kept, 5);
	story_end(&s, "[-4,-1!)=2 [1,1!)=1 [5,7!)=2 [13,16?)=2 ");
}

/* From either side: the record before a border may come second. */
static void no_session_spans_a_border(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 3, .session_max_us = 10}},
		(struct window_clock){.delay_us = 50});
	add(&s, 10);
	add(&s, 9);
	add(&s, 19);
	add(&s, 20);
	add(&s, 18);
	flush(&s, true);
	story_end(&s, "[9,9!)=1 [10,10!)=1 [18,19!)=2 [20,20!)=1 ");
}

/* Every record against all of its key, as the rule is written. */
static void sessions_agree_with_the_definition(void **state)
{
	enum { N = 4000, GAP = 7, KEYS = 3 };
	static int64_t times[N];
	static char key[N][2];
	struct story s;
	size_t n = 0;
	uint32_t seed = 1;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = GAP}}, (struct window_clock){.delay_us = 40 * N});
	for (size_t i = 0; i < N; i++) {
		seed = seed * 1664525 + 1013904223;
		times[i] = (seed >> 8) % (20 * N / KEYS);
		key[i][0] = (char)('a' + (seed >> 4) % KEYS);
		add_key(&s, 0, times[i], key[i]);
	}
	flush(&s, true);
	/* a session begins where no record is in the gap before */
	for (size_t i = 0; i < N; i++) {
		bool begins = true;

		for (size_t k = 0; k < N && begins; k++) {
			if (key[k][0] == key[i][0] && times[k] <= times[i] && (times[k] < times[i] || k < i))
				begins = times[i] - times[k] > GAP;
		}
		n += begins;
	}
	assert_true(n > N / 10 && n < N);
	assert_int_equal(engine_counts(s.e)->rows, n);
	assert_int_equal(engine_counts(s.e)->kept, N);
	buf_reset(&s.text);
	story_end(&s, "");
}

/* State is what is open, and of sessions that were merged nothing stays. */
static void closed_sessions_leave_nothing(void **state)
{
	struct story s;
	size_t bytes, groups;
	char key[16];

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 10}}, (struct window_clock){.delay_us = 20});
	for (int64_t us = 0; us < 30000; us++) {
		snprintf(key, sizeof key, "k%d", (int)(us % 7));
		add_key(&s, 0, us * 3 - (us % 5) * 11, key);
		engine_memory(s.e, &bytes, &groups);
		assert_true(groups < 60 && bytes < 60 * 200);
		buf_reset(&s.text);
	}
	flush(&s, true);
	buf_reset(&s.text);
	story_end(&s, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_merge_and_close),
		cmocka_unit_test(sessions_of_one_end_leave_by_their_start),
		cmocka_unit_test(sessions_are_cut_at_borders),
		cmocka_unit_test(no_session_spans_a_border),
		cmocka_unit_test(sessions_agree_with_the_definition),
		cmocka_unit_test(closed_sessions_leave_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}
