#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
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
		{"0.000001s", 1}, {"1.0000000000000000000000us", 1}, {"0.0000000001d", -1},
		{"100000d", INT64_C(8640000000000000)}};
	static const char *const bad[] = {"", "10", "00", "5y", "-1s", "1.5", "1.s", ".5s", "0.5us", "0.0000001s",
		"100001d", "1 s", "s", "1e3s", "99999999999999999999d", "18446744073709551616us"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct err err = ERR_INIT;
		int64_t us = -1;

		if (good[i].us < 0) {
			assert_int_equal(num_parse_duration(slice_str(good[i].text), &us, &err), -1);
			continue;
		}
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

static void expect_double(const char *text)
{
	double got = num_to_double(text, strlen(text)), want = strtod(text, NULL);

	if (memcmp(&got, &want, sizeof got) != 0)
		fail_msg("%.80s: got %.17g, strtod %.17g", text, got, want);
}

static void hard_doubles_are_read_as_strtod_does(void **state)
{
	static const char *const texts[] = {"0", "-0", "0.0", "-0.0e5", "1", "83.125", "1597602602000", "5e-324",
		"4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "2.47032822920623272088e-324",
		"2.2250738585072014e-308", "2.2250738585072011e-308", "2.2250738585072012e-308",
		"1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "-1.8e308", "1e309",
		"1e999999999999999999999", "1e-999999999999999999999", "0e999999999999999999999", "9007199254740991",
		"9007199254740992", "9007199254740993", "9007199254740993.0000000000000000000000000001",
		"9007199254740994", "9007199254740995", "18014398509481985", "18446744073709551615",
		"18446744073709551616", "36893488147419103232", "1e22", "1e23", "8.5e22", "123456789e-30",
		"0.000000000000000000000000000000000000000000000000000000001", "6.631236846766476e-316",
		"3.2378839133029012895883524125015321748630094e-319",
		"179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096"
		"330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730"
		"270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880e0",
		"0.1e-5", "100000000000000000000000000000000000000e-38",
		"1.00000000000000011102230246251565404236316680908203125",
		"1.00000000000000011102230246251565404236316680908203124",
		"1.00000000000000011102230246251565404236316680908203126", "7.3177701707893310e+15"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		expect_double(texts[i]);
}

/* Exact halves between neighbours, and one digit above and below, with hundreds of digits. */
static void long_digit_strings_are_decided_by_their_last_digit(void **state)
{
	uint64_t random = 7;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint64_t bits = next_random(&random) % UINT64_C(0x0010000000000000);
		char text[2048];
		double low, high;
		size_t len;

		if (i % 2) /* any exponent, else subnormal */
			bits = next_random(&random) % UINT64_C(0x7FE0000000000000);
		memcpy(&low, &bits, sizeof low);
		bits++;
		memcpy(&high, &bits, sizeof high);
		/* long double holds the half exactly; its digits are printed to the end */
		snprintf(text, sizeof text, "%.1100Lf", ((long double)low + high) / 2);
		if (strlen(text) > 1500 || low < 1e-300)
			snprintf(text, sizeof text, "%.800Le", ((long double)low + high) / 2);
		expect_double(text);
		len = strcspn(text, "e") - 1;
		text[len] = '1';
		expect_double(text);
		memmove(text + 1, text, strlen(text) + 1);
		text[0] = '-';
		expect_double(text);
	}
}

static void random_doubles_are_read_as_strtod_does(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		uint64_t bits = next_random(&random);
		double value;
		char text[64];

		memcpy(&value, &bits, sizeof value);
		if (!isfinite(value))
			continue;
		snprintf(text, sizeof text, "%.*e", (int)(next_random(&random) % 20), value);
		expect_double(text);
		snprintf(text, sizeof text, "%llu.%llue%d",
			(unsigned long long)(next_random(&random) >> next_random(&random) % 64),
			(unsigned long long)(next_random(&random) >> next_random(&random) % 64),
			(int)(next_random(&random) % 700) - 350);
		expect_double(text);
		snprintf(text, sizeof text, "%llu.%03llu", (unsigned long long)(next_random(&random) % 100000),
			(unsigned long long)(next_random(&random) % 1000));
		expect_double(text);
	}
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

static void expect_print(double value, const char *want)
{
	char out[NUM_DOUBLE_BYTES + 1];
	size_t len = num_print_double(out, value);

	assert_true(len <= NUM_DOUBLE_BYTES);
	out[len] = '\0';
	assert_string_equal(out, want);
}

/* What `jq -nc '[...]'` of jq 1.6 prints for these. */
static void doubles_print_as_jq_does(void **state)
{
	(void)state;
	expect_print(0, "0");
	expect_print(-0.0, "-0");
	expect_print(83, "83");
	expect_print(-1.5, "-1.5");
	expect_print(1e300, "1e+300");
	expect_print(1e-5, "1e-05");
	expect_print(1e-7, "1e-07");
	expect_print(5e-324, "5e-324");
	expect_print(0.0001, "0.0001");
	expect_print(0.00012345, "0.00012345");
	expect_print(0.00001234, "1.234e-05");
	expect_print(1.25e-5, "1.25e-05");
	expect_print(123456789012345678.0, "123456789012345680");
	expect_print(12345678901234567.0, "12345678901234568");
	expect_print(1e15, "1000000000000000");
	expect_print(1e16, "1e+16");
	expect_print(1e17, "1e+17");
	expect_print(1.5e17, "1.5e+17");
	expect_print(1e20, "1e+20");
	expect_print(123456.789e20, "1.23456789e+25");
	expect_print(DBL_MAX, "1.7976931348623157e+308");
	expect_print(-DBL_MAX, "-1.7976931348623157e+308");
	expect_print(DBL_MIN, "2.2250738585072014e-308");
	expect_print(-2.2250738585072014e-308, "-2.2250738585072014e-308");
	expect_print(0.1, "0.1");
	expect_print(0.3, "0.3");
	expect_print(0.1 + 0.2, "0.30000000000000004");
	expect_print(9007199254740993.0, "9007199254740992");
}

/* The digits of the first precision of %e that reads back, by the C library. */
static void expect_shortest(double value)
{
	char out[NUM_DOUBLE_BYTES + 1], want[64], got[64];
	size_t len = num_print_double(out, value);
	int n = 0;

	out[len] = '\0';
	if (strtod(out, NULL) != value)
		fail_msg("%.17g printed %s", value, out);
	do
		snprintf(want, sizeof want, "%.*e", n, value);
	while (strtod(want, NULL) != value && ++n < 17);
	snprintf(got, sizeof got, "%.*e", n, strtod(out, NULL));
	assert_string_equal(got, want);
	/* as many digits as needed, no more: print what was printed to that precision */
	len = 0;
	for (char *p = out; *p && *p != 'e'; p++)
		if (*p >= '0' && *p <= '9' && (len || *p != '0'))
			len++;
	if (strchr(out, '.') && len > (size_t)n + 1)
		fail_msg("%s has more digits than %s", out, want);
}

static void random_doubles_print_shortest(void **state)
{
	uint64_t random = 11;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		uint64_t bits = next_random(&random);
		double value;

		memcpy(&value, &bits, sizeof value);
		if (isfinite(value))
			expect_shortest(value);
		expect_shortest((double)(next_random(&random) % 10000000) / 1000);
		expect_shortest((double)(bits >> bits % 64));
	}
}

static void expect_digits(double value, int digits, const char *want)
{
	char out[NUM_DOUBLE_BYTES + 1];

	out[num_print_digits(out, value, digits)] = '\0';
	assert_string_equal(out, want);
}

static void digits_are_limited(void **state)
{
	uint64_t random = 5;

	(void)state;
	expect_digits(1.0 / 3, 12, "0.333333333333");
	expect_digits(2.0 / 3, 3, "0.667");
	expect_digits(0.1, 17, "0.10000000000000001");
	expect_digits(100, 3, "100");
	expect_digits(12345, 2, "12000");
	expect_digits(0.125, 2, "0.12");
	expect_digits(0.375, 2, "0.38");
	expect_digits(9.96, 2, "10");
	expect_digits(-0.0, 2, "-0");
	expect_digits(1e300, 5, "1e+300");
	for (int i = 0; i < 100000; i++) {
		uint64_t bits = next_random(&random);
		char out[NUM_DOUBLE_BYTES + 1], want[64], got[64];
		int digits = 1 + (int)(next_random(&random) % 17);
		double value;

		memcpy(&value, &bits, sizeof value);
		if (i % 3 == 0)
			value = (double)(bits % 100000000) / 256;
		if (!isfinite(value))
			continue;
		out[num_print_digits(out, value, digits)] = '\0';
		snprintf(want, sizeof want, "%.*e", digits - 1, value);
		snprintf(got, sizeof got, "%.*e", digits - 1, strtod(out, NULL));
		if (strtod(want, NULL) != strtod(out, NULL))
			fail_msg("%.17g with %d digits: %s, printf %s", value, digits, out, want);
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
		cmocka_unit_test(sizes_are_exact),
		cmocka_unit_test(whole_numbers_have_bounds),
		cmocka_unit_test(numbers_of_json_are_told_from_others),
		cmocka_unit_test(hard_doubles_are_read_as_strtod_does),
		cmocka_unit_test(long_digit_strings_are_decided_by_their_last_digit),
		cmocka_unit_test(random_doubles_are_read_as_strtod_does),
		cmocka_unit_test(integers_are_taken_exactly),
		cmocka_unit_test(scaled_integers_are_cut_downward),
		cmocka_unit_test(order_is_exact),
		cmocka_unit_test(doubles_print_as_jq_does),
		cmocka_unit_test(random_doubles_print_shortest),
		cmocka_unit_test(digits_are_limited),
		cmocka_unit_test(integers_print),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
