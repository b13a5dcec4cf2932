#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "group/group.h"

/* Parts of count(x) are merged; rows and refusals are told in a text. */
struct story {
	struct agg_list list;
	struct engine *e;
	struct buf text;
};

static int take_row(void *context, const struct engine_row *row, struct err *err)
{
	struct story *s = context;
	struct agg_result n;

	(void)err;
	agg_result(&s->list, 0, row->states, &n);
	buf_addf(&s->text, "%.*s[%lld,%lld)=%d%s ", (int)row->key.len, row->key.p, (long long)row->start_us,
		(long long)row->end_us, (int)n.integer, row->is_cut ? "cut" : "");
	return 0;
}

static void open_telling(struct story *s, const struct window_spec *window, int64_t grace_us, enum engine_emit emit)
{
	struct engine_opts opts = {.window = *window,
		.has_time = true,
		.grace_us = grace_us,
		.emit = emit,
		.list = &s->list,
		.row = take_row,
		.context = s};
	struct err err = ERR_INIT;

	*s = (struct story){.text = BUF_INIT};
	assert_int_equal(agg_list_parse(&s->list, "count", &err), 0);
	s->e = engine_open(&opts);
}

static void story_open(struct story *s, const struct window_spec *window, int64_t grace_us)
{
	open_telling(s, window, grace_us, ENGINE_FINAL);
}

/* n records of key between two times, when W is there. */
static void part(
	struct story *s, const char *key, int64_t start_us, int64_t end_us, int n, bool is_window, int64_t watermark_us)
{
	uint64_t *states = calloc(1, s->list.state_bytes);
	struct engine_part p = {start_us, end_us, slice_str(key), states, is_window};
	struct agg_place place = {.line = 1};
	struct err err = ERR_INIT;

	for (int i = 0; i < n; i++)
		agg_states_add(&s->list, states, NULL, &place);
	switch (engine_merge(s->e, &p, watermark_us, &err)) {
	case ENGINE_TAKEN:
		break;
	case ENGINE_LATE:
		buf_addf(&s->text, "late(%lld,%lld)by%lld ", (long long)engine_late(s->e)->start_us,
			(long long)engine_late(s->e)->end_us, (long long)engine_late(s->e)->late_us);
		break;
	case ENGINE_MISFIT:
		buf_add_str(&s->text, "misfit ");
		break;
	case ENGINE_FULL:
	case ENGINE_ERROR:
		fail();
	}
	agg_states_release(&s->list, states);
	free(states);
}

static void story_end(struct story *s, const char *text)
{
	const struct engine_counts *c = engine_counts(s->e);
	struct err err = ERR_INIT;

	assert_int_equal(engine_flush(s->e, WINDOW_FOREVER, true, &err), 0);
	assert_string_equal(buf_cstr(&s->text), text);
	assert_int_equal(c->kept, c->taken);
	engine_close(s->e);
	agg_list_release(&s->list);
	buf_release(&s->text);
}

static void parts_add_up_in_larger_windows(void **state)
{
	static const struct window_spec hour = {.size_us = 60, .advance_us = 60};
	struct story s;

	(void)state;
	story_open(&s, &hour, 0);
	part(&s, "a", 0, 10, 1, false, 9);
	part(&s, "b", 10, 20, 2, false, 19);
	part(&s, "a", 50, 60, 4, false, 59);
	part(&s, "a", 55, 65, 4, false, 59);
	part(&s, "a", 60, 120, 8, false, 60);
	part(&s, "a", 50, 60, 4, false, 61);
	story_end(&s, "misfit a[0,60)=5 b[0,60)=2 late(0,60)by1 a[60,120)=8 ");
}

/* Also the sum that slides over them, in which the pane of a late part stays when older panes go. */
static void parts_change_windows_that_are_complete(void **state)
{
	static const struct window_spec hopping = {.size_us = 30, .advance_us = 10};
	struct story s;

	(void)state;
	open_telling(&s, &hopping, 200, ENGINE_UPDATE);
	for (int64_t us = 0; us < 40; us += 10)
		part(&s, "a", us, us + 10, 1, false, us + 9);
	part(&s, "b", 40, 50, 1, false, 45);
	part(&s, "a", 30, 40, 4, false, 46);
	buf_add_str(&s.text, "| ");
	part(&s, "b", 50, 60, 1, false, 51);
	buf_add_str(&s.text, "| ");
	story_end(&s, "a[-20,10)=1 a[-10,20)=2 a[0,30)=3 a[10,40)=3 a[10,40)=7 | a[20,50)=6 b[20,50)=1 | "
		      "a[-20,10)=1 a[-10,20)=2 a[0,30)=3 a[10,40)=7 a[20,50)=6 b[20,50)=1 a[30,60)=5 b[30,60)=2 "
		      "b[40,70)=2 b[50,80)=1 ");
}

static void parts_of_panes_go_into_all_windows_around_them(void **state)
{
	static const struct window_spec hopping = {.size_us = 20, .advance_us = 10};
	struct story s;

	(void)state;
	story_open(&s, &hopping, 0);
	part(&s, "a", 0, 10, 1, false, 9);
	part(&s, "a", 10, 20, 2, false, 19);
	part(&s, "a", 0, 10, 4, false, 15); /* [-10, 10) is closed */
	part(&s, "a", 0, 20, 4, false, 19);
	assert_int_equal(engine_counts(s.e)->late_partial, 1);
	story_end(&s, "a[-10,10)=1 misfit a[0,20)=7 a[10,30)=2 ");
}

static void whole_windows_stay_in_theirs(void **state)
{
	static const struct window_spec hopping = {.size_us = 20, .advance_us = 10};
	struct story s;

	(void)state;
	story_open(&s, &hopping, 5);
	part(&s, "a", 0, 20, 1, true, 0);
	part(&s, "a", 10, 30, 2, true, 0);
	part(&s, "a", 0, 20, 4, true, 0);
	part(&s, "a", 5, 25, 4, true, 0);
	part(&s, "a", 0, 10, 4, true, 0);
	part(&s, "b", 10, 30, 8, true, 25);
	part(&s, "b", 0, 20, 8, true, 25);
	story_end(&s, "misfit misfit a[0,20)=5 late(0,20)by0 a[10,30)=2 b[10,30)=8 ");
}

static void the_whole_stream_is_as_long_as_its_parts(void **state)
{
	static const struct window_spec all = {.is_all = true};
	struct story s;

	(void)state;
	story_open(&s, &all, 0);
	part(&s, "a", 5, 8, 1, false, 7);
	part(&s, "a", -3, 6, 2, false, 7);
	part(&s, "b", 6, 7, 2, false, 7);
	story_end(&s, "a[-3,7)=3 b[-3,7)=2 ");
}

static void sessions_within_the_gap_become_one(void **state)
{
	static const struct window_spec session = {.session_us = 5};
	struct story s;

	(void)state;
	story_open(&s, &session, 0);
	part(&s, "a", 0, 10, 1, false, WINDOW_NEVER);
	part(&s, "a", 20, 30, 2, false, WINDOW_NEVER);
	part(&s, "b", 0, 30, 4, false, WINDOW_NEVER);
	part(&s, "a", 36, 37, 8, false, WINDOW_NEVER);
	part(&s, "a", 15, 15, 16, false, WINDOW_NEVER); /* reaches both */
	part(&s, "a", 3, 4, 32, false, WINDOW_NEVER);   /* lies in one */
	story_end(&s, "a[0,30)=51 b[0,30)=4 a[36,37)=8 ");
}

/* A part that may have missed a closed session that it belongs to is late, however long it is. */
static void long_sessions_are_late(void **state)
{
	static const struct window_spec session = {.session_us = 5}, cut = {.session_us = 5, .session_max_us = 100};
	struct story s;

	(void)state;
	story_open(&s, &session, 0);
	part(&s, "a", 0, 10, 1, false, 0);
	part(&s, "b", 0, 100, 2, false, 16);
	part(&s, "a", 16, 100, 4, false, 16);
	part(&s, "a", 12, 12, 8, false, 13);
	story_end(&s, "a[0,10)=1 late(0,100)by16 late(12,12)by1 a[16,100)=4 ");
	/* no session from before a border reaches behind it */
	story_open(&s, &cut, 0);
	part(&s, "a", 90, 99, 1, false, 50);
	part(&s, "a", 100, 103, 2, false, 105);
	part(&s, "a", 100, 103, 4, false, 106);
	part(&s, "a", 198, 201, 4, false, 106);
	story_end(&s, "a[90,99)=1cut late(100,103)by1 misfit a[100,103)=2cut ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_add_up_in_larger_windows),
		cmocka_unit_test(parts_change_windows_that_are_complete),
		cmocka_unit_test(parts_of_panes_go_into_all_windows_around_them),
		cmocka_unit_test(whole_windows_stay_in_theirs),
		cmocka_unit_test(the_whole_stream_is_as_long_as_its_parts),
		cmocka_unit_test(sessions_within_the_gap_become_one),
		cmocka_unit_test(long_sessions_are_late),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
