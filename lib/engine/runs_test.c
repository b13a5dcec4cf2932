#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "group/group.h"

#include "../../tests/kit/engine_story.h"

/* A story is told as text: records of a group at a time, and the rows that came out where they came out. */
struct story {
	struct engine *e;
	struct window_clock clock;
	struct agg_list list;
	struct buf text;
	uint64_t line;
	bool has_time;
	uint64_t n_kept; /* in final rows */
	int64_t late_max_us;
	int64_t closes_us;     /* of the last row */
	bool is_telling_start; /* rows say which start is the oldest that is open still */
};

static int tell_row(void *context, const struct engine_row *row, struct err *err)
{
	struct story *s = context;
	struct agg_result r;

	(void)err;
	r = story_add_row(&s->text, &s->list, row, ']');
	s->n_kept += row->is_final ? (uint64_t)r.integer : 0;
	s->closes_us = row->closes_us;
	if (s->is_telling_start)
		buf_addf(&s->text, "<%lld", (long long)engine_oldest_start(s->e));
	buf_add_char(&s->text, ' ');
	return 0;
}

static void open_engine(struct story *s, struct engine_opts opts, int64_t delay_us, bool has_time)
{
	*s = (struct story){.has_time = has_time};
	opts.row = tell_row;
	opts.has_time = has_time;
	window_clock_init(&s->clock, 1, delay_us, WINDOW_FOREVER);
	s->e = story_engine(&s->list, "count", opts, s);
}

static void story_open(struct story *s, struct window_spec window, int64_t delay_us, int64_t grace_us, bool has_time)
{
	open_engine(s, (struct engine_opts){.window = window, .grace_us = grace_us}, delay_us, has_time);
}

/* Records: key, time, and "<" or ">" where a trip begins or ends: "a5< a7 b7 a9>". A line of dashes behind that is the
 * number of the input. */
static void add(struct story *s, const char *records)
{
	char key[2] = "", sides[3], dashes[4];
	enum engine_fate fate;
	int us, n;

	for (const char *p = records; *p; p += n) {
		struct engine_record r = {.key = {key, 1}};
		struct err err = ERR_INIT;

		sides[0] = '\0';
		assert_true(sscanf(p, "%1[a-z]%d%n%2[<>]%n", key, &us, &n, sides, &n) >= 2);
		sprintf(dashes, "%.*s", (int)strspn(p + n, "-"), p + n);
		n += (int)strlen(dashes);
		n += (int)strspn(p + n, " ");
		r.place = (struct agg_place){
			.time_us = s->has_time ? us : 0, .line = ++s->line, .input = (uint32_t)strlen(dashes)};
		r.hash = group_hash(r.key);
		r.is_start = strchr(sides, '<');
		r.is_end = strchr(sides, '>');
		if (s->has_time)
			window_clock_see(&s->clock, 0, us);
		fate = engine_add(s->e, &r, s->clock.watermark_us, &err);
		if (fate == ENGINE_FULL)
			buf_add_str(&s->text, "full ");
		if (fate == ENGINE_LATE && engine_late(s->e)->late_us > s->late_max_us)
			s->late_max_us = engine_late(s->e)->late_us;
		if (fate == ENGINE_LATE)
			buf_addf(&s->text, "late(%lld,%lld) ", (long long)engine_late(s->e)->start_us,
				(long long)engine_late(s->e)->late_us);
	}
	buf_add_str(&s->text, "| ");
}

static void story_end(struct story *s, bool is_final, const char *text, uint64_t n_outside)
{
	struct err err = ERR_INIT;
	const struct engine_counts *c = engine_counts(s->e);
	size_t bytes, groups;

	assert_int_equal(engine_flush(s->e, s->clock.max_us, is_final, &err), 0);
	assert_string_equal(buf_cstr(&s->text), text);
	assert_int_equal(c->outside, n_outside);
	assert_int_equal(c->kept, s->n_kept);
	assert_true(!is_final || c->kept == c->taken - n_outside);
	assert_int_equal(c->late_max_us, s->late_max_us);
	assert_int_equal(c->groups, 0);
	assert_int_equal(c->bytes, 0);
	engine_memory(s->e, &bytes, &groups);
	assert_int_equal(groups, 0);
	assert_int_equal(bytes, 0);
	window_clock_release(&s->clock);
	story_release(s->e, &s->list, &s->text);
}

static void a_count_window_is_full(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.every_n = 2}, 0, 0, false);
	add(&s, "a0 b0 a0 ");
	add(&s, "a0 b0 b0 ");
	story_end(&s, true, "[0,0]a=2 | [0,0]b=2 | [0,0]a=1 [0,0]b=1 ", 0);
}

/* 3 comes behind 5, but within the delay: the windows are those of 1 3 5 7. A window leaves when nothing can come
 * before its last record any more, and an earlier record is late. */
static void count_windows_are_in_order_of_time(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.every_n = 2}, 4, 0, true);
	add(&s, "a1 a5 a3 a7 ");
	add(&s, "a3 ");
	add(&s, "a8 a2 a9 ");
	story_end(&s, true, "| | [1,3]a=2 late(2,2) | [3,5]a=2 [7,8]a=2 [9,9]a=1 ", 0);
}

static void grace_waits_longer(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.every_n = 1}, 1, 2, true);
	add(&s, "a1 a4 ");
	add(&s, "a5 a1 ");
	assert_int_equal(s.closes_us, 1 + 2 + 1); /* W is more than the grace behind it */
	story_end(&s, false, "| [1,1]a=1 late(1,1) | [4,4?]a=1 [5,5?]a=1 ", 0);
}

static void a_trip_goes_from_start_to_end(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.has_start = true, .has_end = true}, 0, 0, true);
	add(&s, "a0 a1< a2 b2<> a3< a4> a5> a6 ");
	add(&s, "a7< a8 ");
	story_end(&s, false, "[2,2]b=1 [1,4]a=4 | | [7,8?]a=2 ", 3);
}

static void a_start_alone_ends_the_trip_before(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.has_start = true}, 0, 0, true);
	add(&s, "a0 a1< a2 a3< a4 ");
	story_end(&s, true, "[1,2]a=2 | [3,4]a=2 ", 1);
}

static void an_end_alone_begins_the_next(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.has_end = true}, 0, 0, true);
	add(&s, "a0 a1> a2 a3 ");
	story_end(&s, true, "[0,1]a=2 | [2,3]a=2 ", 0);
}

/* Equality belongs to the trip; without a record it ends when W passes the gap. */
static void a_trip_needs_no_times(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.has_start = true}, 0, 0, false);
	add(&s, "a0 a0< a0 b0 ");
	story_end(&s, true, "| [0,0]a=2 ", 2);
}

/* The start comes second, but from an earlier input. */
static void records_of_one_time_are_in_the_order_of_inputs(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.has_start = true}, 0, 0, true);
	add(&s, "a5- a5< ");
	story_end(&s, true, "| [5,5]a=2 ", 0);
}

/* What closes with the row, what is open, and what waits. */
static void the_oldest_start_is_known_at_each_row(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.has_start = true, .has_end = true}, 10, 0, true);
	s.is_telling_start = true;
	add(&s, "a1< b2< a3> b4> c12< c20 ");
	assert_int_equal(engine_oldest_start(s.e), 12);
	add(&s, "d40<> "); /* c is open since 12 */
	add(&s, "e60 ");
	story_end(&s, true, "[1,3]a=2<2 [2,4]b=2<12 | | [40,40]d=1<12 | [12,20]c=2<9223372036854775807 ", 1);
}

static void a_gap_ends_a_trip(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.has_start = true, .has_end = true, .session_us = 5}, 0, 0, true);
	add(&s, "a0< a5 b10 ");
	add(&s, "b11 a12 a13> a20< a26> ");
	story_end(&s, true, "| [0,5]a=2 [20,20]a=1 | ", 5);
}

static void borders_cut_a_trip(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.has_start = true, .has_end = true, .session_max_us = 10}, 0, 0, true);
	add(&s, "a3< a9 b10 ");
	add(&s, "a25 a26> a27 b31< b39> b40< b49 ");
	story_end(&s, true, "[3,9!]a=2 | [25,26!]a=2 [31,39]b=2 | [40,49]b=2 ", 2);
}

static void a_group_needs_room(void **state)
{
	struct story s;

	(void)state;
	open_engine(&s, (struct engine_opts){.window = {.has_start = true, .has_end = true}, .limits = {.groups = 1}},
		0, true);
	add(&s, "a1< a2 b3< a4 a5> ");
	add(&s, "b6< b7 b8> ");
	add(&s, "a9< ");
	story_end(&s, true, "full | [1,5]a=4 | [6,8]b=3 | [9,9]a=1 ", 0);
}

/* A record that waits needs it too. */
static void what_waits_needs_room(void **state)
{
	struct story s;

	(void)state;
	open_engine(&s, (struct engine_opts){.window = {.every_n = 2}, .limits = {.groups = 1}}, 9, true);
	add(&s, "a1 b1 a2 ");
	story_end(&s, true, "full | [1,2]a=2 ", 0);
	open_engine(&s, (struct engine_opts){.window = {.every_n = 2}, .limits = {.bytes = 1}}, 9, true);
	add(&s, "a1 a2 ");
	story_end(&s, true, "full | [1,1]a=1 ", 0);
}

/* A gap that ends just at a border ends the trip there. */
static void a_gap_wins_at_a_border(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.has_start = true, .session_us = 4, .session_max_us = 10}, 0, 0, true);
	add(&s, "a5< a10 a15< a16 a20 a30 ");
	story_end(&s, true, "[5,5]a=1 [15,16!]a=2 [20,20!]a=1 | ", 2);
}

/* Behind a border a trip goes on with 12; it ends at the next border, and leaves with what ends there: at 20, not
 * at 26. */
static void the_next_border_cuts_it_again(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct window_spec){.has_start = true, .session_us = 20, .session_max_us = 10}, 0, 0, true);
	add(&s, "a5< b11 a12 b19< ");
	add(&s, "b20 ");
	add(&s, "a26 a51 ");
	story_end(&s, true, "[5,5!]a=1 | [12,12!]a=1 [19,19!]b=1 | [20,20!]b=1 [26,26!]a=1 | ", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_count_window_is_full),
		cmocka_unit_test(count_windows_are_in_order_of_time),
		cmocka_unit_test(grace_waits_longer),
		cmocka_unit_test(a_trip_goes_from_start_to_end),
		cmocka_unit_test(a_start_alone_ends_the_trip_before),
		cmocka_unit_test(an_end_alone_begins_the_next),
		cmocka_unit_test(a_gap_ends_a_trip),
		cmocka_unit_test(borders_cut_a_trip),
		cmocka_unit_test(a_gap_wins_at_a_border),
		cmocka_unit_test(the_next_border_cuts_it_again),
		cmocka_unit_test(a_group_needs_room),
		cmocka_unit_test(what_waits_needs_room),
		cmocka_unit_test(a_trip_needs_no_times),
		cmocka_unit_test(records_of_one_time_are_in_the_order_of_inputs),
		cmocka_unit_test(the_oldest_start_is_known_at_each_row),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
