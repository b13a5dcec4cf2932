#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "etime/etime.h"
#include "mark/mark.h"

/* Returns mark_read() of a line, which must be a mark and JSON. */
static int read_line(const char *line, int64_t *time_us, const char **why)
{
	struct json_record record;

	assert_true(mark_is(line, strlen(line)));
	json_check(line, strlen(line), 64, &record);
	assert_int_equal(record.status, JSON_OK);
	return mark_read(record.value, time_us, why);
}

static void a_mark_that_was_written_is_read(void **state)
{
	static const int64_t times[] = {0, 1795341600000000, -1, ETIME_MIN_US, ETIME_MAX_US};
	struct buf line = BUF_INIT;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		int64_t us = 7;

		buf_reset(&line);
		mark_add(&line, times[i], "a \"day\"\n\xff.csv");
		assert_int_equal(line.p[line.len - 1], '\n');
		line.len--;
		assert_int_equal(read_line(buf_cstr(&line), &us, &why), 0);
		assert_int_equal(us, times[i]);
	}
	buf_reset(&line);
	mark_add(&line, 1795341600000000, "day.csv");
	assert_string_equal(buf_cstr(&line), "{\"_tlm\":{\"time_us\":1795341600000000,\"source\":\"day.csv\"}}\n");
	buf_release(&line);
}

static void only_lines_that_begin_so_are_marks(void **state)
{
	static const char *const others[] = {"", "{", "{\"_tlm\"", " {\"_tlm\":{}}", "{ \"_tlm\":{}}", "{\"_tlm\" :{}}",
		"{\"_tlM\":{}}", "{\"a\":1,\"_tlm\":{}}", "{\"\\u005ftlm\":{}}"};

	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(mark_is(others[i], strlen(others[i])));
	assert_true(mark_is("{\"_tlm\":", 8));
}

static void bad_marks_say_why(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{"{\"_tlm\":1}", "not an object"},
		{"{\"_tlm\":null}", "not an object"},
		{"{\"_tlm\":{}}", "no time_us"},
		{"{\"_tlm\":{\"time_us\":\"5\"}}", "no time_us"},
		{"{\"_tlm\":{\"time_us\":1.5}}", "no time_us"},
		{"{\"_tlm\":{\"time_us\":5,\"time_us\":null}}", "no time_us"},
		{"{\"_tlm\":{\"time_us\":9223372036854775808}}", "no time_us"},
		{"{\"_tlm\":{\"time_us\":9223372036854775807}}", "years 1 to 9999"},
		{"{\"_tlm\":{\"time_us\":-9223372036854775808}}", "years 1 to 9999"},
		{"{\"_tlm\":{\"time_us\":253402300800000000}}", "years 1 to 9999"},
		{"{\"_tlm\":{\"time_us\":1,\"source\":7}}", "not a text"},
		{"{\"_tlm\":{\"time_us\":1},\"v\":1}", "a field beside _tlm"},
		{"{\"_tlm\":{\"time_us\":1},\"_tlm\":2}", "not an object"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *why = NULL;
		int64_t us;

		assert_int_equal(read_line(cases[i].line, &us, &why), -1);
		if (!strstr(why, cases[i].why))
			fail_msg("%s: %s", cases[i].line, why);
	}
}

static void good_marks_may_hold_more(void **state)
{
	static const char *const lines[] = {"{\"_tlm\":{\"time_us\":5}}",
		"{\"_tlm\": { \"x\":[1], \"time_us\" : 5e0 } } ",
		"{\"_tlm\":{\"time_us\":4},\"_tlm\":{\"time_us\":5.0,\"source\":\"\\u0000\"}}"};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		const char *why = "";
		int64_t us = 0;

		if (read_line(lines[i], &us, &why))
			fail_msg("%s: %s", lines[i], why);
		assert_int_equal(us, 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_that_was_written_is_read),
		cmocka_unit_test(only_lines_that_begin_so_are_marks),
		cmocka_unit_test(bad_marks_say_why),
		cmocka_unit_test(good_marks_may_hold_more),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
