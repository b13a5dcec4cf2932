#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "group/group.h"

enum { SECOND_US = 1000000 };

struct story {
	struct agg_list list;
	struct engine *e;
	struct window_clock clock;
	struct buf text;
	uint64_t line;
};

static int take_row(void *context, const struct engine_row *row, struct err *err)
{
	struct story *s = context;
	struct agg_result r;

	(void)err;
	agg_result(&s->list, 0, row->states, &r);
	buf_addf(&s->text, "%lld%s=", (long long)row->start_us / SECOND_US, row->is_final ? "" : "?");
	agg_result_print(&s->text, &r);
	buf_add_char(&s->text, ' ');
	return 0;
}

/* Integrals over minutes of values at seconds. */
static void check_story(struct engine_opts opts, const char *text)
{
	static const double records[][2] = {{10, 2}, {40, 4}, {65, 1}, {95, 3}, {58, 9}, {125, 7}, {145, 0}};
	struct story s = {.text = BUF_INIT};
	struct err err = ERR_INIT;

	assert_int_equal(agg_list_parse(&s.list, "integral(x)", &err), 0);
	opts.window = (struct window_spec){.size_us = 60 * SECOND_US, .advance_us = 60 * SECOND_US};
	opts.has_time = true;
	opts.list = &s.list;
	opts.row = take_row;
	opts.context = &s;
	window_clock_init(&s.clock, 1, 0, WINDOW_FOREVER);
	s.e = engine_open(&opts);
	for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
		struct agg_value value = {.is_present = true, .num = {records[i][1], 0}};
		struct engine_record r = {.place = {.time_us = (int64_t)records[i][0] * SECOND_US, .line = ++s.line},
			.hash = group_hash((struct slice){NULL, 0}),
			.values = &value};

		assert_true(window_clock_see(&s.clock, 0, r.place.time_us));
		assert_int_equal(engine_add(s.e, &r, s.clock.watermark_us, &err), ENGINE_TAKEN);
	}
	assert_int_equal(engine_flush(s.e, s.clock.max_us, true, &err), 0);
	assert_string_equal(buf_cstr(&s.text), text);
	engine_close(s.e);
	window_clock_release(&s.clock);
	agg_list_release(&s.list);
	buf_release(&s.text);
}

static void final_rows_hold_over_borders(void **state)
{
	(void)state;
	check_story((struct engine_opts){.grace_us = 60 * SECOND_US}, "0=150 60=150 120=155 ");
}

/* What older windows that are still open hold goes over; what is not known yet is not counted. */
static void rows_before_the_final_one_hold_as_far_as_is_known(void **state)
{
	(void)state;
	check_story(
		(struct engine_opts){.grace_us = 60 * SECOND_US, .emit = ENGINE_EVERY, .emit_every_us = 30 * SECOND_US},
		"0?=60 0?=140 60?=50 0=150 60?=150 60=150 120=155 ");
	check_story((struct engine_opts){.grace_us = 60 * SECOND_US, .emit = ENGINE_UPDATE},
		"0?=140 0?=150 0=150 60?=150 60=150 120=155 ");
}

/* A value of a whole stream holds up to the last of its group, though the stream goes on. */
static void a_whole_stream_ends_for_each_group(void **state)
{
	static const struct {
		const char *key;
		int64_t s;
	} records[] = {{"a", 0}, {"a", 10}, {"b", 20}, {"b", 50}};
	struct story s = {.text = BUF_INIT};
	struct engine_opts opts = {
		.window.is_all = true, .has_time = true, .list = &s.list, .row = take_row, .context = &s};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(agg_list_parse(&s.list, "integral(x)", &err), 0);
	s.e = engine_open(&opts);
	for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
		struct agg_value value = {.is_present = true, .num = {2, 0}};
		struct slice key = slice_str(records[i].key);
		struct engine_record r = {.place = {.time_us = records[i].s * SECOND_US, .line = i},
			.key = key,
			.hash = group_hash(key),
			.values = &value};

		assert_int_equal(engine_add(s.e, &r, r.place.time_us, &err), ENGINE_TAKEN);
	}
	assert_int_equal(engine_flush(s.e, WINDOW_FOREVER, true, &err), 0);
	assert_string_equal(buf_cstr(&s.text), "0=20 0=60 ");
	engine_close(s.e);
	agg_list_release(&s.list);
	buf_release(&s.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_stream_ends_for_each_group),
		cmocka_unit_test(final_rows_hold_over_borders),
		cmocka_unit_test(rows_before_the_final_one_hold_as_far_as_is_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("held", tests, NULL, NULL);
}
