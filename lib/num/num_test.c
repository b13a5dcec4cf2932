#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "num/num.h"

/* A small generator of its own, so that a failure comes again. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

static void durations_are_exact(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} good[] = {{"0", 0}, {"0s", 0}, {"90us", 90}, {"250ms", 250000}, {"10s", 10000000}, {"5m", 300000000},
		{"1h", INT64_C(3600000000)}, {"2d", INT64_C(172800000000)}, {"1.5h", INT64_C(5400000000)},
		{"0.000001s", 1}, {"1.0000000000000000000000us", 1}, {"100000d", INT64_C(8640000000000000)}};
	static const char *const bad[] = {"", "10", "00", "5y", "-1s", "1.5", "1.s", ".5s", "0.5us", "0.0000000001d",
		"0.0000001s", "100001d", "1 s", "s", "1e3s", "99999999999999999999d", "18446744073709551616us"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct err err = ERR_INIT;
		int64_t us = -1;

		if (num_parse_duration(slice_str(good[i].text), &us, &err))
			fail_msg("%s: %s", good[i].text, err.msg);
		assert_int_equal(us, good[i].us);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err = ERR_INIT;
		int64_t us;

		if (!num_parse_duration(slice_str(bad[i]), &us, &err))
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

static void durations_print_and_read_back(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} cases[] = {{0, "0s"}, {250000, "250ms"}, {INT64_C(5400000000), "1.5h"}, {1, "1us"}, {60000000, "1m"},
		{61500000, "61.5s"}, {100000000, "100s"}, {1234567, "1234567us"}, {INT64_C(86400000000), "1d"},
		{-250000, "-250ms"}};
	uint64_t random = 1;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char out[NUM_DOUBLE_BYTES];
		size_t len = num_print_duration(out, cases[i].us);

		out[len] = '\0';
		assert_string_equal(out, cases[i].text);
	}
	for (int i = 0; i < 100000; i++) {
		char out[NUM_DOUBLE_BYTES];
		int64_t us = (int64_t)(next_random(&random) % UINT64_C(8640000000000000) >> next_random(&random) % 50);
		int64_t back;
		struct err err = ERR_INIT;

		if (i % 2)
			us -= us % 1000000;
		assert_int_equal(num_parse_duration((struct slice){out, num_print_duration(out, us)}, &back, &err), 0);
		assert_int_equal(back, us);
	}
}

static void rough_durations_are_short_and_long_enough(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} cases[] = {{0, "0s"}, {1, "1us"}, {61500000, "61.5s"}, {100000000, "100s"}, {1234567, "1.24s"},
		{INT64_C(153845000000), "1.79d"}, {INT64_C(153845000000) / 2, "21.4h"}, {1000001, "1.01s"},
		{INT64_C(3600000001), "1.01h"}, {INT64_C(100) * 86400000000 + 1, "101d"}, {59999999, "60s"},
		{99999, "100ms"}, {1050, "1.05ms"}, {INT64_C(5400000001), "1.51h"}, {INT64_C(7200000000), "2h"}};
	uint64_t random = 1;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char out[NUM_DOUBLE_BYTES];
		size_t len = num_print_rough_duration(out, cases[i].us);

		out[len] = '\0';
		assert_string_equal(out, cases[i].text);
	}
	for (int i = 0; i < 100000; i++) {
		char out[NUM_DOUBLE_BYTES];
		int64_t us = (int64_t)(next_random(&random) % UINT64_C(8640000000000000) >> next_random(&random) % 50);
		size_t len = num_print_rough_duration(out, us);
		int64_t back;
		struct err err = ERR_INIT;

		assert_int_equal(num_parse_duration((struct slice){out, len}, &back, &err), 0);
		assert_in_range(len, 2, 6);
		assert_true(back >= us && (double)back <= (double)us * 1.01);
	}
}

static void sizes_are_exact(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"0", 0}, {"512", 512}, {"512B", 512}, {"64K", 65536}, {"16M", 16777216}, {"1G", 1073741824},
		{"2T", UINT64_C(2199023255552)}, {"1KiB", 1024}, {"10MB", 10000000}, {"10MiB", 10485760}, {"1kB", 1000},
		{"9223372036854775807", INT64_MAX}};
	static const char *const bad[] = {"", "1X", "-1", "1.5G", "K", "1 K", "9223372036854775808", "8388608T", "1e3",
		"99999999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct err err = ERR_INIT;
		uint64_t bytes;

		assert_int_equal(num_parse_size(slice_str(good[i].text), &bytes, &err), 0);
		assert_true(bytes == good[i].bytes);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err = ERR_INIT;
		uint64_t bytes;

		if (!num_parse_size(slice_str(bad[i]), &bytes, &err))
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

static void whole_numbers_have_bounds(void **state)
{
	struct err err = ERR_INIT;
	int64_t v;

	(void)state;
	assert_int_equal(num_parse_int(SLICE_LIT("-12"), -100, 100, &v, &err), 0);
	assert_int_equal(v, -12);
	assert_int_equal(num_parse_int(SLICE_LIT("+7"), -100, 100, &v, &err), 0);
	assert_int_equal(v, 7);
	assert_int_equal(num_parse_int(SLICE_LIT("-9223372036854775808"), INT64_MIN, INT64_MAX, &v, &err), 0);
	assert_true(v == INT64_MIN);
	assert_int_equal(num_parse_int(SLICE_LIT("101"), -100, 100, &v, &err), -1);
	assert_string_equal(err.msg, "101 is not between -100 and 100");
	err_reset(&err);
	assert_int_equal(num_parse_int(SLICE_LIT("9223372036854775808"), INT64_MIN, INT64_MAX, &v, &err), -1);
	err_reset(&err);
	assert_int_equal(num_parse_int(SLICE_LIT(""), 0, 1, &v, &err), -1);
	err_reset(&err);
	assert_int_equal(num_parse_int(SLICE_LIT("1x"), 0, 1, &v, &err), -1);
	assert_string_equal(err.msg, "expected a whole number, not '1x'");
	err_reset(&err);
	assert_int_equal(num_parse_int(SLICE_LIT("-"), 0, 1, &v, &err), -1);
}

static void numbers_of_json_are_told_from_others(void **state)
{
	static const char *const good[] = {"0", "-0", "1", "10", "-0.5e3", "1.25", "1e5", "1E+5", "1e-05", "0e0",
		"123456789012345678901234567890", "0.0"};
	static const char *const bad[] = {"", "-", "01", "+1", ".5", "1.", " 1", "1 ", "1e", "1e+", "0x1", "1.e1",
		"--1", "NaN", "Infinity", "-01", "1.2.3", "1e1.5", "00"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(num_is_json(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (num_is_json(bad[i], strlen(bad[i])))
			fail_msg("'%s' was taken", bad[i]);
}

static void integers_are_taken_exactly(void **state)
{
	static const struct {
		const char *text;
		bool is_int;
		int64_t value;
	} cases[] = {{"7", true, 7}, {"-12", true, -12}, {"1.0", true, 1}, {"25e2", true, 2500}, {"-0", true, 0},
		{"0e999999999", true, 0}, {"1.5", false, 0}, {"1e30", false, 0}, {"1e-1", false, 0}, {"10e-1", true, 1},
		{"0.0001e4", true, 1}, {"9223372036854775807", true, INT64_MAX}, {"9223372036854775808", false, 0},
		{"-9223372036854775808", true, INT64_MIN}, {"-9223372036854775809", false, 0},
		{"922337203685477580.7e1", true, INT64_MAX}, {"1e18", true, INT64_C(1000000000000000000)},
		{"1e19", false, 0}, {"1e999999999", false, 0}, {"1e-999999999", false, 0}, {"1.2300e2", true, 123},
		{"18446744073709551617", false, 0}, {"100000000000000000000", false, 0},
		{"1597602602000", true, INT64_C(1597602602000)}, {"0.00", true, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t v = 0;

		if (num_to_i64(cases[i].text, strlen(cases[i].text), &v) != cases[i].is_int || v != cases[i].value)
			fail_msg("%s gave %lld", cases[i].text, (long long)v);
	}
}

static void scaled_integers_are_cut_downward(void **state)
{
	static const struct {
		const char *text;
		int decimals;
		bool fits;
		int64_t value;
	} cases[] = {{"1597602602.25", 6, true, INT64_C(1597602602250000)},
		{"1597602602", 6, true, INT64_C(1597602602000000)},
		{"1597602602250", 3, true, INT64_C(1597602602250000)}, {"-0", 6, true, 0}, {"-0", -3, true, 0},
		{"-0.0000001", 6, true, -1}, {"0.0000001", 6, true, 0}, {"-1.5", 0, true, -2}, {"1.5", 0, true, 1},
		{"-1.0", 0, true, -1}, {"1234567", -3, true, 1234}, {"-1234567", -3, true, -1235}, {"-1", -3, true, -1},
		{"1", -3, true, 0}, {"1e12", 6, true, INT64_C(1000000000000000000)}, {"1e13", 6, false, 0},
		{"1e999999999", 6, false, 0}, {"1e-999999999", 6, true, 0}, {"-1e-999999999", 6, true, -1},
		{"9223372036854.775807", 6, true, INT64_MAX}, {"9223372036854.775808", 6, false, 0},
		{"-9223372036854.775808", 6, true, INT64_MIN}, {"-9223372036854.7758081", 6, false, 0},
		{"1.6e9", 3, true, INT64_C(1600000000000)},
		{"1597602602.123456789", 6, true, INT64_C(1597602602123456)}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t v = 0;

		if (num_to_scaled(cases[i].text, strlen(cases[i].text), cases[i].decimals, &v) != cases[i].fits ||
			(cases[i].fits && v != cases[i].value))
			fail_msg("%s * 10^%d gave %lld", cases[i].text, cases[i].decimals, (long long)v);
	}
}

static void order_is_exact(void **state)
{
	/* ascending; equal ones share a line */
	static const char *const groups[][5] = {{"-1e999999999999999999999"}, {"-1e999999999"},
		{"-10", "-1e1", "-10.0"}, {"-9.99999999999999999999"}, {"-1e-999999999"},
		{"0", "-0", "0.0", "0e5", "-0e99"}, {"1e-999999999999999999999"}, {"1e-999999999"},
		{"0.1", "1e-1", "10e-2", "0.10"}, {"0.100000000000000000001"}, {"0.5"},
		{"1", "1.0", "10e-1", "0.1e1", "100e-2"}, {"9007199254740992"},
		{"9007199254740993", "9007199254740993.0"}, {"9007199254740993.5"}, {"9007199254740994"},
		{"1e999999999"}, {"1e999999999999999999999"}};
	enum { N = sizeof groups / sizeof *groups };

	(void)state;
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < N; j++)
			for (size_t k = 0; k < 5 && groups[i][k]; k++)
				for (size_t l = 0; l < 5 && groups[j][l]; l++) {
					int got = num_cmp(slice_str(groups[i][k]), slice_str(groups[j][l]));

					if ((got > 0) - (got < 0) != (i > j) - (i < j))
						fail_msg("%s and %s: %d", groups[i][k], groups[j][l], got);
				}
}

static void expect_i128(num_i128 value, const char *want)
{
	char out[NUM_I128_BYTES + 1];

	out[num_print_i128(out, value)] = '\0';
	assert_string_equal(out, want);
}

static void integers_print(void **state)
{
	static const int64_t values[] = {0, 1, -1, 9, 10, 99, 100, 12345678, 123456789, INT64_MAX, INT64_MIN, -100};
	num_i128 big = (num_i128)INT64_MAX * INT64_MAX;

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char out[NUM_DOUBLE_BYTES + 1], want[32];

		out[num_print_i64(out, values[i])] = '\0';
		snprintf(want, sizeof want, "%lld", (long long)values[i]);
		assert_string_equal(out, want);
		expect_i128(values[i], want);
	}
	expect_i128(big, "85070591730234615847396907784232501249");
	expect_i128(-big * 2 - 1, "-170141183460469231694793815568465002499");
	expect_i128((num_i128)1 << 64, "18446744073709551616");
	expect_i128(((((num_i128)1 << 126) - 1) * 2) + 1, "170141183460469231731687303715884105727");
	expect_i128(-((((num_i128)1 << 126) - 1) * 2) - 2, "-170141183460469231731687303715884105728");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_exact),
		cmocka_unit_test(durations_print_and_read_back),
		cmocka_unit_test(rough_durations_are_short_and_long_enough),
		cmocka_unit_test(sizes_are_exact),
		cmocka_unit_test(whole_numbers_have_bounds),
		cmocka_unit_test(numbers_of_json_are_told_from_others),
		cmocka_unit_test(integers_are_taken_exactly),
		cmocka_unit_test(scaled_integers_are_cut_downward),
		cmocka_unit_test(order_is_exact),
		cmocka_unit_test(integers_print),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
