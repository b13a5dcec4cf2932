#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "etime/etime.h"
#include "window/window.h"

/* Every window by the definition: [offset + k * advance, + size). */
static void panes_agree_with_the_definition(void **state)
{
	static const struct window_spec specs[] = {{.size_us = 10, .advance_us = 10},
		{.size_us = 10, .advance_us = 10, .offset_us = 3}, {.size_us = 10, .advance_us = 1},
		{.size_us = 10, .advance_us = 3}, {.size_us = 10, .advance_us = 3, .offset_us = 2},
		{.size_us = 7, .advance_us = 5, .offset_us = 4}, {.size_us = 12, .advance_us = 4, .offset_us = 1},
		{.size_us = 1, .advance_us = 1}};

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

static int64_t read_iso(const char *text)
{
	static const struct etime_format iso = {ETIME_ISO, NULL};
	int64_t us;

	assert_true(etime_parse(&iso, text, strlen(text), false, &us));
	return us;
}

static void expect_calendar(
	enum window_calendar calendar, const char *zone_name, const char *time, const char *start, const char *end)
{
	struct err err = ERR_INIT;
	struct etime_zone *zone = etime_zone_open(zone_name, &err);
	struct window_spec s = {.calendar = calendar, .zone = zone};
	struct window_pane p = window_pane_at(&s, read_iso(time));
	char text[2 * ETIME_ISO_BYTES + 2];
	size_t len = etime_print_iso(text, p.start_us);

	text[len++] = ' ';
	len += etime_print_iso(text + len, p.end_us);
	text[len] = '\0';
	if (p.start_us != read_iso(start) || p.end_us != read_iso(end))
		fail_msg("%s in %s: %s, not %s %s", time, zone_name, text, start, end);
	assert_int_equal(p.first, p.last);
	assert_int_equal(window_start(&s, p.first), p.start_us);
	assert_int_equal(window_end(&s, p.first), p.end_us);
	assert_int_equal(window_first_behind(&s, p.end_us - 1), p.first);
	assert_true(window_first_behind(&s, p.end_us) > p.first);
	assert_int_equal(window_pane_at(&s, p.start_us).first, p.first);
	assert_true(window_pane_at(&s, p.start_us - 1).first < p.first);
	etime_zone_close(zone);
}

static void calendars_follow_the_clocks_of_a_zone(void **state)
{
	static const struct {
		enum window_calendar calendar;
		const char *zone, *time, *start, *end;
	} cases[] = {
		{WINDOW_DAY, "UTC", "1969-12-31T23:59:59.999999Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"},
		{WINDOW_WEEK, "UTC", "1970-01-01T00:00:00Z", "1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z"},
		{WINDOW_MONTH, "UTC", "1969-12-31T23:59:59Z", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{WINDOW_MONTH, "UTC", "1969-02-15T12:00:00Z", "1969-02-01T00:00:00Z", "1969-03-01T00:00:00Z"},
		{WINDOW_MONTH, "UTC", "1967-11-30T00:00:00Z", "1967-11-01T00:00:00Z", "1967-12-01T00:00:00Z"},
		{WINDOW_MONTH, "UTC", "2024-02-29T12:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
		/* 23 and 25 hours */
		{WINDOW_DAY, "Europe/Warsaw", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{WINDOW_DAY, "Europe/Warsaw", "2026-10-25T22:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{WINDOW_WEEK, "Europe/Warsaw", "2026-03-29T21:59:59Z", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"},
		{WINDOW_MONTH, "Europe/Warsaw", "2026-10-01T00:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"},
		/* far behind the table of tzdata */
		{WINDOW_DAY, "Europe/Warsaw", "3026-07-01T00:00:00Z", "3026-06-30T22:00:00Z", "3026-07-01T22:00:00Z"},
		/* half an hour */
		{WINDOW_DAY, "Australia/Lord_Howe", "2026-04-04T16:00:00Z", "2026-04-04T13:00:00Z",
			"2026-04-05T13:30:00Z"},
		/* a day that the zone skipped */
		{WINDOW_DAY, "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
		{WINDOW_DAY, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		/* midnight skipped, and within a gap */
		{WINDOW_DAY, "America/Sao_Paulo", "2017-10-15T03:00:00Z", "2017-10-15T03:00:00Z",
			"2017-10-16T02:00:00Z"},
		{WINDOW_DAY, "America/Toronto", "1919-03-31T04:30:00Z", "1919-03-31T04:30:00Z", "1919-04-01T04:00:00Z"},
		/* one minute of the day, then the last hour of the day before again: the first midnight counts */
		{WINDOW_DAY, "America/St_Johns", "2006-10-29T02:45:00Z", "2006-10-29T02:30:00Z",
			"2006-10-30T03:30:00Z"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_calendar(cases[i].calendar, cases[i].zone, cases[i].time, cases[i].start, cases[i].end);
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

/* T by the definition, from every maximum, over random votes. */
static void a_quorum_keeps_all_that_the_rule_needs(void **state)
{
	enum { VALUES = 9, VOTES = 400 };
	uint32_t seed = 1;

	(void)state;
	for (uint32_t n = 1; n <= 6; n++) {
		int64_t maxima[VALUES], sorted[VALUES], last_us = WINDOW_NEVER;
		struct window_clock c;

		for (int i = 0; i < VALUES; i++)
			maxima[i] = WINDOW_NEVER;
		window_clock_init(&c, 1, 3, WINDOW_FOREVER);
		window_clock_set_quorum(&c, n);
		for (int i = 0; i < VOTES; i++) {
			char value;
			int64_t us;

			seed = seed * 1664525 + 1013904223;
			value = (char)(seed >> 16 & 0xff) % VALUES;
			value = (char)(value < 0 ? -value : value);
			us = i / 4 + (int64_t)(seed >> 24) % 40;
			assert_true(window_clock_vote(&c, 0, us, (struct slice){&value, 1}));
			if (us > maxima[(int)value])
				maxima[(int)value] = us;
			memcpy(sorted, maxima, sizeof maxima);
			for (int a = 0; a < VALUES; a++) {
				for (int b = a + 1; b < VALUES; b++) {
					if (sorted[b] > sorted[a]) {
						int64_t swap = sorted[a];

						sorted[a] = sorted[b];
						sorted[b] = swap;
					}
				}
			}
			assert_int_equal(c.inputs[0].stream_us, sorted[n - 1]);
			assert_true(sorted[n - 1] >= last_us);
			last_us = sorted[n - 1];
			assert_int_equal(c.watermark_us, last_us == WINDOW_NEVER ? WINDOW_NEVER : last_us - 3);
		}
		assert_int_equal(c.inputs[0].n_votes, n);
		window_clock_release(&c);
	}
}

static void without_a_vote_nothing_moves(void **state)
{
	struct window_clock c;

	(void)state;
	window_clock_init(&c, 1, 0, 10);
	window_clock_set_quorum(&c, 2);
	assert_true(window_clock_vote(&c, 0, 5, SLICE_LIT("a")));
	assert_true(window_clock_vote(&c, 0, 500, SLICE_LIT("b"))); /* there is no T that it could be ahead of */
	assert_int_equal(c.watermark_us, 5);
	assert_true(window_clock_vote(&c, 0, 15, SLICE_LIT("")));
	assert_int_equal(c.watermark_us, 5);
	assert_false(window_clock_vote(&c, 0, 16, SLICE_LIT("")));
	assert_false(window_clock_vote(&c, 0, 16, SLICE_LIT("a")));
	assert_true(window_clock_vote(&c, 0, 15, SLICE_LIT("a")));
	assert_int_equal(c.watermark_us, 15);
	window_clock_end(&c, 0);
	assert_int_equal(c.watermark_us, WINDOW_FOREVER);
	window_clock_release(&c);
}

/* A mark moves T beyond the votes that there were: they do not pull it back. */
static void votes_do_not_undo_a_mark(void **state)
{
	struct window_clock c;

	(void)state;
	window_clock_init(&c, 1, 0, WINDOW_FOREVER);
	window_clock_set_quorum(&c, 2);
	assert_true(window_clock_vote(&c, 0, 5, SLICE_LIT("a")));
	assert_true(window_clock_vote(&c, 0, 6, SLICE_LIT("b")));
	assert_true(window_clock_mark(&c, 0, 9));
	assert_true(window_clock_vote(&c, 0, 20, SLICE_LIT("a")));
	assert_int_equal(c.inputs[0].stream_us, 9);
	assert_true(window_clock_vote(&c, 0, 15, SLICE_LIT("b")));
	assert_int_equal(c.inputs[0].stream_us, 15);
	window_clock_release(&c);
}

static void an_idle_input_holds_nothing_back(void **state)
{
	struct window_clock c;

	(void)state;
	window_clock_init(&c, 2, 5, WINDOW_FOREVER);
	assert_true(window_clock_see(&c, 0, 100));
	assert_int_equal(c.watermark_us, WINDOW_NEVER);
	window_clock_idle(&c, 1);
	assert_int_equal(c.watermark_us, 95);
	window_clock_idle(&c, 0);
	assert_int_equal(c.watermark_us, 95);
	window_clock_push(&c, 200);
	assert_int_equal(c.watermark_us, 200);
	/* it comes back behind the time that has come, which does not fall and waits for it */
	window_clock_wake(&c, 1);
	assert_true(window_clock_see(&c, 1, 50));
	assert_int_equal(c.watermark_us, 200);
	window_clock_wake(&c, 0);
	assert_true(window_clock_see(&c, 0, 300));
	assert_int_equal(c.watermark_us, 200);
	assert_true(window_clock_see(&c, 1, 400));
	assert_int_equal(c.watermark_us, 295);
	/* a new input is waited for; all idle, time stands at the newest record; all ended, behind every time */
	window_clock_grow(&c, 3);
	assert_true(window_clock_see(&c, 0, 500));
	assert_int_equal(c.watermark_us, 295);
	window_clock_idle(&c, 2);
	assert_int_equal(c.watermark_us, 395);
	window_clock_idle(&c, 0);
	window_clock_idle(&c, 1);
	assert_int_equal(c.watermark_us, 495);
	for (uint32_t i = 0; i < 3; i++)
		window_clock_end(&c, i);
	assert_int_equal(c.watermark_us, WINDOW_FOREVER);
	window_clock_release(&c);
	/* its first record is behind what the others have reached */
	window_clock_init(&c, 2, 5, WINDOW_FOREVER);
	assert_true(window_clock_see(&c, 0, 100));
	window_clock_idle(&c, 1);
	assert_true(window_clock_see(&c, 1, 50));
	assert_int_equal(c.watermark_us, 95);
	assert_true(window_clock_see(&c, 1, 99));
	assert_int_equal(c.watermark_us, 95);
	assert_true(window_clock_see(&c, 1, 101));
	assert_int_equal(c.watermark_us, 95);
	window_clock_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_input_holds_nothing_back),
		cmocka_unit_test(panes_agree_with_the_definition),
		cmocka_unit_test(a_quorum_keeps_all_that_the_rule_needs),
		cmocka_unit_test(without_a_vote_nothing_moves),
		cmocka_unit_test(votes_do_not_undo_a_mark),
		cmocka_unit_test(calendars_follow_the_clocks_of_a_zone),
		cmocka_unit_test(watermark_is_the_least_of_the_inputs),
		cmocka_unit_test(a_silent_input_holds_until_it_ends),
		cmocka_unit_test(ahead_is_by_more_than_the_limit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
