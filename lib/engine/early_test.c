#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../tests/kit/window_story.h"

/* ? is a row that is not final, # how many came before. */
static void complete_windows_are_told_and_told_again(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){
			.window = {.size_us = 10, .advance_us = 10}, .grace_us = 10, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add(&s, 1);
	add(&s, 9);
	buf_add_str(&s.text, "| ");
	add(&s, 10); /* W = end */
	add(&s, 3);
	add(&s, 20); /* W = end + grace: only the final row */
	add(&s, 10);
	add(&s, 55);
	flush(&s, true);
	story_end(&s, "| [0,10?)=2#0 [0,10?)=3#1 [0,10)=3#2 [10,20?)=1#0 [10,20?)=2#1 [10,20)=2#2 [20,30)=1#0 "
		      "[50,60)=1#0 ");
}

static void a_change_is_told_of_each_open_complete_window(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){.window = {.size_us = 10, .advance_us = 5}, .grace_us = 10, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add(&s, 7);
	add(&s, 20); /* [0,10) has closed, [5,15) is complete */
	add(&s, 7);
	add(&s, 12); /* [10,20) was empty when it was complete */
	add(&s, 21);
	flush(&s, true);
	story_end(&s, "[0,10)=1#0 [5,15?)=1#0 [5,15?)=2#1 [5,15?)=3#2 [10,20?)=1#0 [5,15)=3#3 [10,20)=1#1 "
		      "[15,25)=2#0 [20,30)=2#0 ");
}

/* Into a pane that a complete window shares with one that is not, and one older than panes that are complete. */
static void complete_windows_slide_over_late_records(void **state)
{
	const struct engine_opts opts = {
		.window = {.size_us = 10, .advance_us = 5}, .grace_us = 10, .emit = ENGINE_UPDATE};
	struct engine_opts patient = opts;
	struct story s;

	(void)state;
	story_open(&s, opts, (struct window_clock){0});
	add(&s, 7);
	add(&s, 12);
	add(&s, 7);
	add(&s, 15);
	flush(&s, true);
	story_end(&s, "[0,10?)=1#0 [0,10?)=2#1 [5,15?)=3#0 [0,10)=2#2 [5,15)=3#1 [10,20)=2#0 [15,25)=1#0 ");
	patient.grace_us = 100;
	story_open(&s, patient, (struct window_clock){0});
	add(&s, 12);
	add(&s, 40);
	add(&s, 7);
	add(&s, 50);
	flush(&s, true);
	story_end(&s, "[5,15?)=1#0 [10,20?)=1#0 [0,10?)=1#0 [5,15?)=2#1 [35,45?)=1#0 [40,50?)=1#0 [0,10)=1#1 "
		      "[5,15)=2#2 [10,20)=1#1 [35,45)=1#1 [40,50)=1#1 [45,55)=1#0 [50,60)=1#0 ");
}

/* A pane that comes before those of the newest complete window moves them, and none counts twice. */
static void a_late_pane_moves_those_that_were_told(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){
			.window = {.size_us = 10, .advance_us = 5}, .grace_us = 100, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add(&s, 12);
	add(&s, 17);
	add(&s, 20);
	add(&s, 7);
	buf_add_str(&s.text, "| ");
	add(&s, 25);
	flush(&s, true);
	story_end(&s, "[5,15?)=1#0 [10,20?)=2#0 [0,10?)=1#0 [5,15?)=2#1 | [15,25?)=2#0 [0,10)=1#1 [5,15)=2#2 "
		      "[10,20)=2#1 [15,25)=2#1 [20,30)=2#0 [25,35)=1#0 ");
}

static void borders_tell_what_has_changed(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){
			.window = {.size_us = 100, .advance_us = 100}, .emit = ENGINE_EVERY, .emit_every_us = 5},
		(struct window_clock){0});
	add_key(&s, 0, -12, "a");
	add_key(&s, 0, -11, "b");
	add_key(&s, 0, -10, "b"); /* W is at a border */
	add_key(&s, 0, -9, "b");
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, -5, "b");
	add_key(&s, 0, 4, "a"); /* over several: and the window has closed */
	add_key(&s, 0, 5, "b");
	add_key(&s, 0, 23, "b");
	flush(&s, false);
	story_end(&s, "[-100,0?)a=1#0 [-100,0?)b=1#0 | [-100,0?)b=3#1 [-100,0)a=1#1 [-100,0)b=4#2 [0,100?)a=1#0 "
		      "[0,100?)b=1#0 [0,100?)a=1#1 [0,100?)b=2#1 ");
}

/* A window has changed when any of its panes has. */
static void borders_see_each_pane_of_a_window(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){.window = {.size_us = 10, .advance_us = 5},
			.grace_us = 50,
			.emit = ENGINE_EVERY,
			.emit_every_us = 4},
		(struct window_clock){0});
	add(&s, 1);
	add(&s, 6);
	add(&s, 8);
	add(&s, 12);
	buf_add_str(&s.text, "| ");
	add(&s, 2);
	add(&s, 16);
	flush(&s, true);
	story_end(&s, "[-5,5?)=1#0 [0,10?)=1#0 [0,10?)=2#1 [5,15?)=1#0 [0,10?)=3#2 [5,15?)=2#1 | [-5,5?)=2#1 "
		      "[0,10?)=4#3 [5,15?)=3#2 [10,20?)=1#0 [-5,5)=2#2 [0,10)=4#4 [5,15)=3#3 [10,20)=2#1 [15,25)=1#0 ");
}

/* What was the end of a session says nothing when it has grown. */
static void a_session_that_grew_is_complete_later(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 5}, .grace_us = 20, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add_key(&s, 0, 0, "a");
	add_key(&s, 0, 4, "a");
	add_key(&s, 0, 9, "b"); /* W = 0 + gap is behind it, W = 4 + gap is not */
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 10, "b");
	flush(&s, true);
	story_end(&s, "| [0,4?)a=2#0 [0,4)a=2#1 [9,10)b=2#0 ");
}

static void sessions_make_rows_void(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 5}, .grace_us = 20, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add_key(&s, 0, 0, "a");
	add_key(&s, 0, 5, "b"); /* W = last + gap: not complete */
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 6, "b");
	add_key(&s, 0, 3, "a"); /* goes on */
	add_key(&s, 0, 9, "b");
	add_key(&s, 0, 0, "a"); /* the same bounds: nothing is void */
	add_key(&s, 0, 19, "b");
	add_key(&s, 0, 13, "a");
	add_key(&s, 0, 8, "a"); /* makes them one */
	flush(&s, true);
	story_end(&s, "| [0,0?)a=1#0 [0,3?)a=2#1<0,0> [0,3?)a=3#2 [5,9?)b=3#0 [13,13?)a=1#0 [0,13?)a=5#3<0,3><13,13> "
		      "[5,9)b=3#1 [0,13)a=5#4 [19,19)b=1#0 ");
}

/* The revisions of the session that is merged into another go on, where it had more. */
static void revisions_go_on_when_sessions_merge(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 5}, .grace_us = 20, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add_key(&s, 0, 0, "a");
	add_key(&s, 0, 10, "a");
	add_key(&s, 0, 19, "b");
	add_key(&s, 0, 10, "a");
	add_key(&s, 0, 10, "a");
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 5, "a");
	flush(&s, true);
	story_end(&s, "[0,0?)a=1#0 [10,10?)a=1#0 [10,10?)a=2#1 [10,10?)a=3#2 | [0,10?)a=5#3<0,0><10,10> [0,10)a=5#4 "
		      "[19,19)b=1#0 ");
}

/* W is at the border: that is enough. */
static void borders_tell_which_sessions_have_changed(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){
			.window = {.session_us = 5}, .grace_us = 20, .emit = ENGINE_EVERY, .emit_every_us = 10},
		(struct window_clock){0});
	add_key(&s, 0, 3, "a");
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 10, "b");
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 11, "b");
	add_key(&s, 0, 20, "c");
	flush(&s, true);
	story_end(&s, "| [3,3?)a=1#0 | [10,11?)b=2#0 [3,3)a=1#1 [10,11)b=2#1 [20,20)c=1#0 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(complete_windows_are_told_and_told_again),
		cmocka_unit_test(a_change_is_told_of_each_open_complete_window),
		cmocka_unit_test(complete_windows_slide_over_late_records),
		cmocka_unit_test(a_late_pane_moves_those_that_were_told),
		cmocka_unit_test(borders_tell_what_has_changed),
		cmocka_unit_test(borders_see_each_pane_of_a_window),
		cmocka_unit_test(a_session_that_grew_is_complete_later),
		cmocka_unit_test(sessions_make_rows_void),
		cmocka_unit_test(revisions_go_on_when_sessions_merge),
		cmocka_unit_test(borders_tell_which_sessions_have_changed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
