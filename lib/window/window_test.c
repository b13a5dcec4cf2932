#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "window/window.h"

/* Every window by the definition: [offset + k * advance, + size). */
static void panes_agree_with_the_definition(void **state)
{
	static const struct window_spec specs[] = {{false, 10, 10, 0}, {false, 10, 10, 3}, {false, 10, 1, 0},
		{false, 10, 3, 0}, {false, 10, 3, 2}, {false, 7, 5, 4}, {false, 12, 4, 1}, {false, 1, 1, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		const struct window_spec *s = &specs[i];

		for (int64_t us = -50; us < 50; us++) {
			struct window_pane p = window_pane_at(s, us);

			assert_true(p.start_us <= us && us < p.end_us);
			for (int64_t k = -80; k < 80; k++) {
				int64_t start = s->offset_us + k * s->advance_us;
				bool holds = start <= us && us < start + s->size_us;

				assert_int_equal(window_start(s, k), start);
				assert_int_equal(window_end(s, k), start + s->size_us);
				assert_int_equal(holds, p.first <= k && k <= p.last);
				assert_int_equal(start + s->size_us > us, k >= window_first_behind(s, us));
			}
			/* a pane is as long as nothing begins or ends in it */
			for (int64_t other = p.start_us; other < p.end_us; other++) {
				struct window_pane q = window_pane_at(s, other);

				assert_memory_equal(&q, &p, sizeof p);
			}
		}
	}
}

static void watermark_is_the_least_of_the_inputs(void **state)
{
	struct window_clock c;

	(void)state;
	window_clock_init(&c, 3, 10, WINDOW_FOREVER);
	assert_true(window_clock_see(&c, 0, 100));
	assert_true(c.watermark_us == WINDOW_NEVER); /* two were not read */
	window_clock_end(&c, 0);
	assert_true(window_clock_see(&c, 1, 50));
	assert_true(c.watermark_us == WINDOW_NEVER);
	assert_true(window_clock_see(&c, 2, 70));
	assert_int_equal(c.watermark_us, 40);
	assert_true(window_clock_see(&c, 1, 90));
	assert_int_equal(c.watermark_us, 60);
	assert_true(window_clock_see(&c, 1, 20)); /* T never falls */
	assert_int_equal(c.watermark_us, 60);
	window_clock_end(&c, 2);
	assert_int_equal(c.watermark_us, 80);
	window_clock_end(&c, 2);
	assert_int_equal(c.watermark_us, 80);
	assert_int_equal(c.max_us, 100);
	window_clock_end(&c, 1);
	assert_true(c.watermark_us == WINDOW_FOREVER);
	window_clock_release(&c);
}

/* An input without records stands in the way until it has ended. */
static void a_silent_input_holds_until_it_ends(void **state)
{
	struct window_clock c;

	(void)state;
	window_clock_init(&c, 2, 0, WINDOW_FOREVER);
	window_clock_see(&c, 0, 5);
	assert_true(c.watermark_us == WINDOW_NEVER);
	window_clock_end(&c, 1);
	assert_int_equal(c.watermark_us, 5);
	window_clock_release(&c);
}

static void ahead_is_by_more_than_the_limit(void **state)
{
	struct window_clock c;

	(void)state;
	window_clock_init(&c, 1, 0, 10);
	assert_true(window_clock_see(&c, 0, INT64_C(253402300799999999))); /* the first is never ahead */
	window_clock_release(&c);
	window_clock_init(&c, 1, 0, 10);
	assert_true(window_clock_see(&c, 0, -5));
	assert_true(window_clock_see(&c, 0, 5));
	assert_false(window_clock_see(&c, 0, 16));
	assert_int_equal(c.watermark_us, 5);
	assert_true(window_clock_see(&c, 0, 15));
	window_clock_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(panes_agree_with_the_definition),
		cmocka_unit_test(watermark_is_the_least_of_the_inputs),
		cmocka_unit_test(a_silent_input_holds_until_it_ends),
		cmocka_unit_test(ahead_is_by_more_than_the_limit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
