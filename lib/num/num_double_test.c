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

/* Every length and every place of the point. */
static void plain_decimals_are_read_as_strtod_does(void **state)
{
	uint64_t random = 13;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		int n = 1 + i % 24, dot = i / 24 % (n + 1);
		char text[40], *out = text;

		if (next_random(&random) % 4 == 0)
			*out++ = '-';
		for (int k = 0; k < n; k++) {
			if (k == dot && k > 0)
				*out++ = '.';
			*out++ = (char)('0' + next_random(&random) % 10);
		}
		*out = '\0';
		expect_double(text);
	}
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

/* The digits of a number's text, without zeros at either end. */
static void digits_of(char out[64], const char *text)
{
	size_t n = 0;

	for (; *text && *text != 'e'; text++)
		if (*text >= '0' && *text <= '9' && (n || *text != '0'))
			out[n++] = *text;
	while (n && out[n - 1] == '0')
		n--;
	out[n] = '\0';
}

/* The same digits and the same value as another text: no other layout can hide behind strtod's rounding. */
static void expect_same(const char *got, const char *want)
{
	char got_digits[64], want_digits[64];

	digits_of(got_digits, got);
	digits_of(want_digits, want);
	if (strcmp(got_digits, want_digits) != 0 || strtod(got, NULL) != strtod(want, NULL))
		fail_msg("printed %s, not %s", got, want);
}

/* The first precision of the C library's %e that reads back. */
static void expect_shortest(double value)
{
	char out[NUM_DOUBLE_BYTES + 1], want[64];
	int n = 0;

	out[num_print_double(out, value)] = '\0';
	do
		snprintf(want, sizeof want, "%.*e", n, value);
	while (strtod(want, NULL) != value && ++n < 17);
	expect_same(out, want);
}

/*
 * Below a power of two the neighbour is nearer than above. The nearest decimal of some length may then lie below and
 * read back to the neighbour, while the next one above reads back to the power: shorter than what %e finds.
 */
static void expect_shortest_power(double value)
{
	char out[NUM_DOUBLE_BYTES + 1], digits[64], above[64];

	out[num_print_double(out, value)] = '\0';
	digits_of(digits, out);
	snprintf(above, sizeof above, "%.*e", (int)strlen(digits) - 1, value);
	if (strtod(above, NULL) == value)
		expect_shortest(value);
	else
		assert_true(strtod(out, NULL) == value && strtod(above, NULL) < value);
}

static void powers_of_two_print_shortest(void **state)
{
	(void)state;
	for (int e = -1074; e < 1024; e++) {
		double value = ldexp(1, e);

		expect_shortest_power(value);
		expect_shortest(nextafter(value, 0));
		expect_shortest(nextafter(value, INFINITY));
	}
	for (double value = 9007199254740992.0; value < 9007199254742000.0; value += 2)
		expect_shortest(value * 2 + 4);
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
		char out[NUM_DOUBLE_BYTES + 1], want[64];
		int digits = 1 + (int)(next_random(&random) % 17);
		double value;

		memcpy(&value, &bits, sizeof value);
		if (i % 3 == 0)
			value = (double)(bits % 100000000) / 256;
		if (!isfinite(value))
			continue;
		out[num_print_digits(out, value, digits)] = '\0';
		snprintf(want, sizeof want, "%.*e", digits - 1, value);
		expect_same(out, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hard_doubles_are_read_as_strtod_does),
		cmocka_unit_test(long_digit_strings_are_decided_by_their_last_digit),
		cmocka_unit_test(plain_decimals_are_read_as_strtod_does),
		cmocka_unit_test(random_doubles_are_read_as_strtod_does),
		cmocka_unit_test(doubles_print_as_jq_does),
		cmocka_unit_test(powers_of_two_print_shortest),
		cmocka_unit_test(random_doubles_print_shortest),
		cmocka_unit_test(digits_are_limited),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("num_double", tests, NULL, NULL);
}
