#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "group/group.h"

#include "../../tests/kit/engine_story.h"

/* What went in of groups of one letter, and the rows that came out where they came out: [start,end)key=result, with the
 * number of the part where it is one. */
struct story {
	struct engine *e;
	struct window_clock clock;
	struct agg_list list;
	struct buf text;
	uint64_t line;
	uint64_t left_bytes; /* what an engine without groups may hold: the tables of windows that slide */
};

static int tell_row(void *context, const struct engine_row *row, struct err *err)
{
	struct story *s = context;

	(void)err;
	story_add_row(&s->text, &s->list, row, ')');
	if (row->part)
		buf_addf(&s->text, "/%u", row->part);
	buf_add_char(&s->text, ' ');
	return 0;
}

static void story_open(struct story *s, const char *list, struct engine_opts opts, int64_t delay_us)
{
	*s = (struct story){0};
	s->left_bytes = opts.window.advance_us < opts.window.size_us ? 1024 : 0;
	opts.has_time = true;
	opts.row = tell_row;
	window_clock_init(&s->clock, 1, delay_us, WINDOW_FOREVER);
	s->e = story_engine(&s->list, list, opts, s);
}

/* The value of each field is 1. */
static enum engine_fate add(struct story *s, const char *key, int64_t us)
{
	static const struct json_span one = {.p = "1", .len = 1, .type = JSON_NUMBER};
	struct agg_value value = {.span = one, .is_present = true, .is_integer = true, .integer = 1, .num = {1, 0}};
	struct engine_record r = {.place = {.time_us = us, .line = ++s->line},
		.key = slice_str(key),
		.hash = group_hash(slice_str(key)),
		.values = &value};
	struct err err = ERR_INIT;
	enum engine_fate fate;

	assert_true(window_clock_see(&s->clock, 0, us));
	fate = engine_add(s->e, &r, s->clock.watermark_us, &err);
	assert_int_not_equal(fate, ENGINE_ERROR);
	if (fate == ENGINE_FULL)
		buf_add_str(&s->text, "full ");
	if (fate == ENGINE_LATE)
		buf_add_str(&s->text, "late ");
	return fate;
}

static void story_end(struct story *s, const char *text)
{
	const struct engine_counts *c = engine_counts(s->e);
	struct err err = ERR_INIT;

	assert_int_equal(engine_flush(s->e, s->clock.max_us, true, &err), 0);
	assert_string_equal(buf_cstr(&s->text), text);
	assert_int_equal(c->groups, 0);
	assert_in_range(c->bytes, 0, s->left_bytes);
	assert_int_equal(c->kept, c->taken);
	window_clock_release(&s->clock);
	story_release(s->e, &s->list, &s->text);
}

static void groups_of_windows_need_room(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, "count",
		(struct engine_opts){.window = {.size_us = 10, .advance_us = 10}, .limits = {.groups = 2}}, 0);
	add(&s, "a", 1);
	add(&s, "b", 2);
	assert_int_equal(engine_counts(s.e)->groups, 2);
	add(&s, "c", 3);
	add(&s, "a", 4);
	add(&s, "c", 11); /* [0,10) has gone, and what it held */
	assert_int_equal(engine_counts(s.e)->groups, 1);
	add(&s, "b", 12);
	add(&s, "a", 13);
	story_end(&s, "full [0,10)a=2 [0,10)b=1 full [10,20)b=1 [10,20)c=1 ");
}

/* The oldest window that holds a group makes room; what comes for it later is another part. */
static void the_oldest_window_goes_out_early(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, "count",
		(struct engine_opts){
			.window = {.size_us = 10, .advance_us = 10}, .limits = {.groups = 2, .is_early = true}},
		20);
	add(&s, "a", 1);
	add(&s, "a", 11);
	add(&s, "b", 12); /* [0,10) makes room */
	add(&s, "b", 2);  /* [0,10) has no group, so it is [10,20) */
	add(&s, "c", 3);
	buf_add_str(&s.text, "| ");
	add(&s, "b", 4); /* is there */
	add(&s, "a", 5);
	story_end(&s, "[0,10)a=1/1 [10,20)a=1/1 [10,20)b=1/1 | [0,10)b=2/2 [0,10)c=1/2 [0,10)a=1/3 ");
	/* a part of a whole stream has the times of its own records */
	story_open(&s, "count",
		(struct engine_opts){.window = {.is_all = true}, .limits = {.groups = 1, .is_early = true}}, 0);
	add(&s, "a", 1);
	add(&s, "a", 5);
	add(&s, "b", 7);
	add(&s, "b", 9);
	story_end(&s, "[1,5)a=2/1 [7,9)b=2/2 ");
}

static void sessions_need_room(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, "count", (struct engine_opts){.window = {.session_us = 5}, .limits = {.groups = 2}}, 50);
	add(&s, "a", 0);
	add(&s, "a", 10);
	add(&s, "a", 20); /* would be a third */
	add(&s, "a", 12); /* goes on */
	assert_int_equal(engine_counts(s.e)->groups, 2);
	add(&s, "a", 5); /* makes them one */
	assert_int_equal(engine_counts(s.e)->groups, 1);
	add(&s, "b", 20);
	add(&s, "c", 20);
	story_end(&s, "full full [0,12)a=4 [20,20)b=1 ");
}

/* ---- bytes ---- */

static const struct window_spec each_kind[] = {{.size_us = 1000, .advance_us = 1000}, {.session_us = 100},
	{.has_end = true, .session_us = 100}, {.every_n = 2000}, {.size_us = 1000, .advance_us = 500}};
enum { N_KINDS = sizeof each_kind / sizeof *each_kind };

/* Each value that is kept costs, and what has closed costs nothing: story_end() looks. */
static void bytes_follow_what_is_open(void **state)
{
	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		struct story s;
		uint64_t first, more;

		story_open(&s, "values(x, 1000)",
			(struct engine_opts){.window = each_kind[k], .limits = {.bytes = 1 << 30}}, 2);
		add(&s, "a", 0);
		first = engine_counts(s.e)->bytes;
		assert_true(first > 0);
		for (int64_t us = 1; us < 100; us++)
			add(&s, "a", us);
		more = engine_counts(s.e)->bytes;
		assert_true(more >= first + 99 * sizeof(struct agg_place));
		buf_reset(&s.text);
		if (!each_kind[k].every_n) {
			add(&s, "a", 2000);
			add(&s, "a", 2001);
			assert_true(engine_counts(s.e)->bytes < more / 2);
		}
		buf_reset(&s.text);
		assert_int_equal(engine_counts(s.e)->late, 0);
		assert_int_equal(engine_flush(s.e, s.clock.max_us, true, &(struct err)ERR_INIT), 0);
		buf_reset(&s.text);
		story_end(&s, "");
	}
}

/* Where states grow, a group that is there has no room either; a record that waits never has. */
static void bytes_are_limited(void **state)
{
	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		for (int is_growing = 0; is_growing < 2; is_growing++) {
			struct story s;
			bool is_run = each_kind[k].has_end || each_kind[k].every_n;

			story_open(&s, is_growing ? "values(x, 9)" : "count",
				(struct engine_opts){.window = each_kind[k], .limits = {.bytes = 1}}, 2);
			assert_int_equal(add(&s, "a", 0), ENGINE_TAKEN);
			assert_int_equal(add(&s, "b", 0), ENGINE_FULL);
			assert_int_equal(add(&s, "a", 1), is_growing || is_run ? ENGINE_FULL : ENGINE_TAKEN);
			assert_int_equal(engine_flush(s.e, 1, true, &(struct err)ERR_INIT), 0);
			engine_close(s.e);
			window_clock_release(&s.clock);
			agg_list_release(&s.list);
			buf_release(&s.text);
		}
	}
}

/* Values that are carried over, groups that are known for rows to fill, sums of windows that slide: after a silence
 * they stand beside the one group that is open. */
static void what_stays_besides_groups_costs_too(void **state)
{
	static const struct {
		const char *list;
		struct engine_opts opts;
	} cases[] = {{"twa(x)", {.window = {.size_us = 10, .advance_us = 10}}},
		{"count", {.window = {.size_us = 10, .advance_us = 10}, .is_filling = true}},
		{"count", {.window = {.size_us = 10, .advance_us = 5}}}};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct engine_opts opts = cases[k].opts;
		struct story s;
		uint64_t first;

		opts.limits.bytes = 1 << 30;
		story_open(&s, cases[k].list, opts, 0);
		add(&s, "a", 1);
		first = engine_counts(s.e)->bytes;
		for (const char *key = "b\0c\0d\0e\0f\0"; *key; key += 2)
			add(&s, key, 1);
		add(&s, "k", 45);
		assert_true(engine_counts(s.e)->bytes > first);
		buf_reset(&s.text);
		s.left_bytes = UINT64_MAX;
		assert_int_equal(engine_flush(s.e, s.clock.max_us, true, &(struct err)ERR_INIT), 0);
		buf_reset(&s.text);
		story_end(&s, "");
	}
}

/* What sums of windows that slide own is taken away when it goes: engine_close() looks. */
static void sums_that_slide_own_nothing_at_the_end(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, "values(x, 1000)",
		(struct engine_opts){.window = {.size_us = 20, .advance_us = 5}, .limits = {.bytes = 1 << 30}}, 0);
	for (int64_t us = 0; us < 500; us++) {
		add(&s, us % 7 ? "a" : "b", us);
		add(&s, us % 3 ? "a" : "b", us - us % 11); /* late for some windows, now and then */
	}
	assert_true(engine_counts(s.e)->late_partial > 50);
	assert_int_equal(engine_flush(s.e, s.clock.max_us, true, &(struct err)ERR_INIT), 0);
	buf_reset(&s.text);
	story_end(&s, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_of_windows_need_room),
		cmocka_unit_test(the_oldest_window_goes_out_early),
		cmocka_unit_test(sessions_need_room),
		cmocka_unit_test(bytes_follow_what_is_open),
		cmocka_unit_test(bytes_are_limited),
		cmocka_unit_test(what_stays_besides_groups_costs_too),
		cmocka_unit_test(sums_that_slide_own_nothing_at_the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
