#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "timefield/timefield.h"

static void expect_parts(const char *text, const char *path, enum etime_kind kind, const char *pattern)
{
	struct err err = ERR_INIT;
	struct timefield field;

	if (timefield_parse(&field, text, &err))
		fail_msg("%s: %s", text, err.msg);
	assert_string_equal(field.path.text, path);
	assert_int_equal(field.format.kind, kind);
	if (pattern)
		assert_string_equal(field.format.pattern, pattern);
	else
		assert_null(field.format.pattern);
	timefield_release(&field);
	timefield_release(&field);
}

static void field_ends_at_the_first_colon_outside_quotes(void **state)
{
	(void)state;
	expect_parts("ts", "ts", ETIME_AUTO, NULL);
	expect_parts("ts:ms", "ts", ETIME_MILLIS, NULL);
	expect_parts(".a.ts:s", ".a.ts", ETIME_SECONDS, NULL);
	expect_parts("ts:us", "ts", ETIME_MICROS, NULL);
	expect_parts("ts:ns", "ts", ETIME_NANOS, NULL);
	expect_parts(".[\"x:y\"]:iso", ".[\"x:y\"]", ETIME_ISO, NULL);
	expect_parts("[\"@kafka\"]:ms", "[\"@kafka\"]", ETIME_MILLIS, NULL);
	expect_parts("@kafka2:ms", "@kafka2", ETIME_MILLIS, NULL);
	expect_parts("Time:%Y-%m-%d %H:%M:%S", "Time", ETIME_STRPTIME, "%Y-%m-%d %H:%M:%S");
}

static void bad_fields_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{"", "path '': expected a key at byte 1"},
		{":ms", "path ':ms': expected a key at byte 1"},
		{"ts:", "unknown time format '' (know s, ms, us, ns, iso, or a pattern such as %Y-%m-%d)"},
		{"ts:parsec", "unknown time format 'parsec' (know s, ms, us, ns, iso, or a pattern such as %Y-%m-%d)"},
		{"@kafka", "time field @kafka: only tlm-agg and tlm-s3put take the time of a message, and no format (a "
			   "field: "
			   "[\"@kafka\"])"},
		{"@kafka:ms", "time field @kafka: only tlm-agg and tlm-s3put take the time of a message, and no format "
			      "(a field: "
			      "[\"@kafka\"])"},
		{"my ts:ms", "time field 'my ts:ms': expected ':' and a format, or the end, at byte 3"},
		{"a[:ms", "path 'a[:ms': expected an index or a quoted key at byte 3"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = ERR_INIT;
		struct timefield field;

		assert_int_equal(timefield_parse(&field, cases[i][0], &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_string_equal(err.msg, cases[i][1]);
	}
}

static void expect_time(const char *field_text, const char *json, int64_t want_us, const char *want_why)
{
	struct err err = ERR_INIT;
	struct timefield field;
	struct json_record record;
	struct json_span absent = {0};
	struct buf tmp = BUF_INIT;
	const char *why = NULL;
	int64_t us = -1;
	int status;

	assert_int_equal(timefield_parse(&field, field_text, &err), 0);
	if (json)
		json_check(json, strlen(json), JSON_DEPTH_DEFAULT, &record);
	status = timefield_get(&field, json ? record.value : absent, &tmp, &us, &why);
	if (want_why) {
		assert_int_equal(status, -1);
		assert_non_null(why);
		assert_string_equal(why, want_why);
	} else {
		assert_int_equal(status, 0);
		assert_int_equal(us, want_us);
	}
	buf_release(&tmp);
	timefield_release(&field);
}

static void times_are_got_or_refused_with_a_reason(void **state)
{
	static const char not_a_time[] = "is not a time of the format";
	static const char no_unit[] = "is a number without a unit: say --time FIELD:s|ms|us|ns";

	(void)state;
	expect_time("ts:ms", "1597602602123", 1597602602123000, NULL);
	expect_time("ts:ms", "\"1597602602123\"", 1597602602123000, NULL);
	expect_time("ts:ms", "\"159760260212\\u0033\"", 1597602602123000, NULL);
	expect_time("ts", "\"2020-08-16T18:30:02.123Z\"", 1597602602123000, NULL);
	expect_time("ts:iso", "\"2020-08-16T18:30:02.123Z\"", 1597602602123000, NULL);
	expect_time("ts:%d\\%m\\%Y", "\"16\\\\08\\\\2020\"", 1597536000000000, NULL);
	expect_time("ts", "1597602602123", 0, no_unit);
	expect_time("ts:iso", "1597602602123", 0, not_a_time);
	expect_time("ts:ms", "\"\"", 0, not_a_time);
	expect_time("ts:ms", "true", 0, not_a_time);
	expect_time("ts:ms", "[1]", 0, not_a_time);
	expect_time("ts:ms", "{}", 0, not_a_time);
	expect_time("ts:ms", "null", 0, "is null");
	expect_time("ts:ms", NULL, 0, "is absent");
	expect_time("ts", "\"20224-02-19 15:58:20\"", 0, not_a_time);
}

/* Epochs are read as words where they are whole and of usual length: the border of either way, digit by digit. */
static void whole_epochs_of_any_length(void **state)
{
	static const char no[] = "is not a time of the format";
	char text[32];
	int64_t want = 0;

	(void)state;
	for (int n = 1; n <= 14; n++) {
		want = want * 10 + n % 10;
		snprintf(text, sizeof text, "%lld", (long long)want);
		expect_time("t:us", text, want, NULL);
		expect_time("t:ms", text, want * 1000, NULL);
		if (n <= 11)
			expect_time("t:s", text, want * 1000000, NULL);
		snprintf(text, sizeof text, "-%lld", (long long)want);
		expect_time("t:ms", text, want * -1000, NULL);
		snprintf(text, sizeof text, "%lld.5", (long long)want);
		expect_time("t:ms", text, want * 1000 + 500, NULL);
	}
	expect_time("t:s", "253402300799", INT64_C(253402300799000000), NULL);
	expect_time("t:s", "253402300800", 0, no);
	expect_time("t:ms", "253402300799999", INT64_C(253402300799999000), NULL);
	expect_time("t:ms", "253402300800000", 0, no);
	expect_time("t:us", "253402300799999999", INT64_C(253402300799999999), NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(field_ends_at_the_first_colon_outside_quotes),
		cmocka_unit_test(bad_fields_are_refused),
		cmocka_unit_test(times_are_got_or_refused_with_a_reason),
		cmocka_unit_test(whole_epochs_of_any_length),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("timefield", tests, NULL, NULL);
}
