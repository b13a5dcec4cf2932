#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate/xsum.h"

/*
 * The other way to an exact sum, to compare with: a list of doubles that do not overlap, to which each number is added
 * from the smallest on (Shewchuk, 1997), as math.fsum of Python does it. Numbers and their sums stay below 2^1000 here:
 * larger ones are given to it smaller, by a power of two.
 */
struct partials {
	double parts[64];
	size_t n;
};

static void partials_add(struct partials *p, double x)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct dd s = dd_two_sum(p->parts[i], x);

		x = s.high;
		if (s.low != 0)
			p->parts[n++] = s.low;
	}
	p->parts[n++] = x;
	p->n = n;
}

static double partials_round(const struct partials *p)
{
	size_t i = p->n;
	struct dd s = {0, 0};

	while (i && s.low == 0)
		s = dd_two_sum(s.high, p->parts[--i]);
	/* a tie is none if there is more on the same side */
	if (i && ((s.low < 0 && p->parts[i - 1] < 0) || (s.low > 0 && p->parts[i - 1] > 0))) {
		double twice = 2 * s.low, next = s.high + twice;

		if (next - s.high == twice)
			return next;
	}
	return s.high;
}

/* ---- hard cases ---- */

enum { VALUES_MAX = 40 };

static int draw_between(int low, int high)
{
	return low + rand() % (high - low + 1);
}

static double draw(int low, int high)
{
	double digits = (double)((int64_t)rand() << 31 | rand());

	for (int cut = draw_between(0, 2); cut; cut--)
		digits = floor(digits / 0x1p20);
	return ldexp(rand() % 2 ? digits : -digits, draw_between(low, high));
}

/* Exponents, the share of numbers that are followed by nearly their opposite, and how much too large they are. */
static const struct kind {
	const char *name;
	int low, high, cancelled, shift;
} kinds[] = {
	{"decimals", -60, -50, 0, 0},
	{"far apart", -1000, 900, 0, 0},
	{"far apart and cancelled", -1000, 900, 80, 0},
	{"subnormal", -1074, -1050, 20, 0},
	{"subnormal and cancelled", -1074, -1020, 80, 0},
	{"all over the doubles", -1074, 900, 60, 0},
	{"up to the largest double", 840, 961, 20, 300},
	{"up to the largest double and cancelled", 880, 961, 80, 300},
	{"around the limit of the near sum", 780, 900, 50, 0},
	{"close and cancelled", -100, -60, 90, 0},
	{"ties", -2, -2, 0, 0},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static size_t draw_values(const struct kind *kind, double *values)
{
	size_t n = (size_t)draw_between(1, VALUES_MAX / 2), k = 0;

	for (size_t i = 0; i < n; i++) {
		double x = draw(kind->low, kind->high);

		values[k++] = x;
		if (rand() % 100 < kind->cancelled)
			values[k++] = rand() % 3 ? -x : -nextafter(x, rand() % 2 ? DBL_MAX : -DBL_MAX);
		else if (!strcmp(kind->name, "ties"))
			values[k++] = ldexp(x, -53 - rand() % 3);
	}
	return k;
}

static void shuffle(double *values, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = (size_t)rand() % i;
		double x = values[k];

		values[k] = values[i - 1];
		values[i - 1] = x;
	}
}

/* Adds them in some order, split into some sums. */
static void add_somehow(struct xsum *sum, double *values, size_t n)
{
	struct xsum parts[4];
	size_t n_parts = (size_t)draw_between(1, 4);

	memset(parts, 0, sizeof parts);
	shuffle(values, n);
	for (size_t i = 0; i < n; i++)
		xsum_add(&parts[(size_t)rand() % n_parts], values[i]);
	for (size_t i = 0; i < n_parts; i++) {
		xsum_merge(sum, &parts[i]);
		xsum_release(&parts[i]);
	}
}

static void check_bits(double a, double b, const char *what)
{
	a += 0.0, b += 0.0; /* one zero */
	if (memcmp(&a, &b, sizeof a) != 0)
		print_message("# %s: %.17g is not %.17g\n", what, a, b);
	assert_memory_equal(&a, &b, sizeof a);
}

/* No neighbour of sum / n is nearer: 2 sum lies between n (q + the one before) and n (q + the next one). */
static void check_quotient(const double *values, size_t n_values, double q, uint64_t n)
{
	for (int side = -1; side <= 1; side += 2) {
		double next = nextafter(q, side < 0 ? -DBL_MAX : DBL_MAX);
		struct dd a = dd_two_product(q, (double)n), b = dd_two_product(next, (double)n);
		struct partials p = {{0}, 0};

		for (size_t i = 0; i < n_values; i++)
			partials_add(&p, 2 * values[i]);
		partials_add(&p, -a.high);
		partials_add(&p, -a.low);
		partials_add(&p, -b.high);
		partials_add(&p, -b.low);
		assert_true(side * partials_round(&p) <= 0);
	}
}

static void check_parts(const struct xsum *sum)
{
	double parts[XSUM_PARTS_MAX], again[XSUM_PARTS_MAX];
	struct xsum copy = {{0, 0}, NULL};
	int64_t over, over_again;
	size_t n = xsum_parts(sum, parts, &over);

	assert_in_range(n, 2, XSUM_PARTS_MAX);
	for (size_t i = 0; i < n; i++)
		xsum_add(&copy, parts[i]);
	if (over)
		xsum_add_over(&copy, over);
	assert_int_equal(xsum_parts(&copy, again, &over_again), n);
	assert_memory_equal(parts, again, n * sizeof *parts);
	assert_int_equal(over, over_again);
	/* up to half a last bit of the part before */
	for (size_t i = 1; i < n; i++)
		assert_true(parts[i - 1] + nextafter(parts[i], 0) == parts[i - 1] && (i < 2 || parts[i] != 0));
	xsum_release(&copy);
}

static void sums_are_those_of_fsum_in_any_order(void **state)
{
	size_t n_wide = 0;

	(void)state;
	srand(11);
	for (size_t k = 0; k < N_KINDS * 4000; k++) {
		const struct kind *kind = &kinds[k % N_KINDS];
		double values[VALUES_MAX];
		size_t n = draw_values(kind, values);
		struct partials expected = {{0}, 0};

		for (size_t i = 0; i < n; i++)
			partials_add(&expected, ldexp(values[i], -kind->shift));
		for (int order = 0; order < 3; order++) {
			struct xsum sum = {{0, 0}, NULL};
			uint64_t divisor = 2 + (uint64_t)rand() % (rand() % 2 ? 30 : 1 << 30);

			add_somehow(&sum, values, n);
			check_bits(xsum_divide(&sum, 0, 1), ldexp(partials_round(&expected), kind->shift), kind->name);
			assert_int_equal(xsum_is_zero(&sum), partials_round(&expected) == 0);
			if (kind->low > -1000 && !kind->shift)
				check_quotient(values, n, xsum_divide(&sum, 0, divisor), divisor);
			check_parts(&sum);
			n_wide += sum.wide != NULL;
			xsum_release(&sum);
		}
	}
	/* both ways were taken often */
	assert_in_range(n_wide, N_KINDS * 1000, N_KINDS * 11000);
}

/* ---- integers ---- */

#define I128_MAX ((num_i128)((((num_i128)1 << 126) - 1) * 2 + 1))

static void check_integer(const double *values, num_i128 whole, bool is_integer, num_i128 expected)
{
	struct xsum sum = {{0, 0}, NULL};
	num_i128 total;

	for (; *values != 0; values++)
		xsum_add(&sum, *values);
	assert_true(xsum_integer(&sum, whole, &total) == is_integer);
	assert_true(!is_integer || total == expected);
	xsum_release(&sum);
}

static void integers_join_exactly(void **state)
{
	struct xsum sum = {{0, 0}, NULL};

	(void)state;
	check_integer((double[]){0}, I128_MAX, true, I128_MAX);
	check_integer((double[]){0.5, 0.5, 0}, -I128_MAX - 1, true, -I128_MAX);
	check_integer((double[]){0.5, 0.5, 0}, I128_MAX, false, 0);
	check_integer((double[]){0.5, 0.25, 0}, 5, false, 0);
	check_integer((double[]){1e300, 1e-300, 2.5, -1e300, 0}, 7, false, 0);
	check_integer((double[]){1e300, 1e-300, 2.5, -1e300, -1e-300, -1.5, 0}, -7, true, -6);
	check_integer((double[]){0x1p127, 0}, -1, true, I128_MAX);
	check_integer((double[]){-0x1p127, 0}, -1, false, 0);
	/* the last bit of a large integer, and a small number that decides a tie */
	check_bits(xsum_divide(&sum, ((num_i128)1 << 53) + 1, 1), 0x1p53, "tie to even");
	xsum_add(&sum, 5e-324);
	check_bits(xsum_divide(&sum, ((num_i128)1 << 53) + 1, 1), 0x1p53 + 2, "a little more than a tie");
	check_bits(xsum_divide(&sum, ((num_i128)1 << 54) + 2, 2), 0x1p53 + 2, "a quotient a little more than a tie");
	check_bits(xsum_divide(&sum, 0, 2), 0, "half of the smallest number: to even");
	xsum_add(&sum, 1e-323);
	check_bits(xsum_divide(&sum, 0, 2), 1e-323, "1.5 of the smallest number: to even");
	check_bits(xsum_divide(&sum, -I128_MAX - 1, INT64_MAX), -0x1p64, "the largest of all");
	xsum_release(&sum);
}

/* Two doubles hold such a sum, but a quotient below 2^-1022 has fewer bits: it must not be rounded twice. */
static void check_tiny(double units, double more, uint64_t n, double quotient)
{
	struct xsum sum = {{0, 0}, NULL};

	xsum_add(&sum, ldexp(units, -1074));
	xsum_add(&sum, ldexp(more, -1074));
	check_bits(xsum_divide(&sum, 0, n), ldexp(quotient, -1074), "a tiny quotient");
	assert_null(sum.wide);
	xsum_release(&sum);
}

static void tiny_quotients_are_rounded_once(void **state)
{
	(void)state;
	/* (2^53 + 11) / 8 = 2^50 + 1.375, but the larger of the two doubles is 2^53 + 12 */
	check_tiny(0x1p53 + 8, 3, 8, 0x1p50 + 1);
	/* 9007199254741005 / 6 is a tie; the larger of the two doubles is one less */
	check_tiny(9007199254741004, 1, 6, 1501199875790168);
}

/* ---- beyond ---- */

static void sums_come_back_from_beyond_the_largest_double(void **state)
{
	static const double values[] = {1e308, 1e308, -1e308, DBL_MAX, -1e-308, -DBL_MAX, 0.1};
	struct xsum sum = {{0, 0}, NULL};
	double shuffled[7];
	double parts[XSUM_PARTS_MAX];
	int64_t over;

	(void)state;
	srand(12);
	for (int i = 0; i < 1000; i++) {
		memset(&sum, 0, sizeof sum);
		memcpy(shuffled, values, sizeof values);
		add_somehow(&sum, shuffled, 7);
		check_bits(xsum_divide(&sum, 0, 1), 1e308, "back");
		check_parts(&sum);
		/* DBL_MAX and more: no double, but the mean is one */
		xsum_add(&sum, 1e308);
		assert_true(isinf(xsum_divide(&sum, 0, 1)));
		check_bits(xsum_divide(&sum, 0, 2), 1e308, "mean");
		check_parts(&sum);
		assert_int_not_equal(xsum_parts(&sum, parts, &over), 0);
		assert_int_equal(over, 1);
		xsum_add(&sum, -1e308);
		xsum_add(&sum, -1e308);
		xsum_add(&sum, -1e308);
		xsum_add(&sum, -1e308);
		assert_true(isinf(xsum_divide(&sum, 0, 1)) && xsum_divide(&sum, 0, 1) < 0);
		check_parts(&sum);
		xsum_release(&sum);
	}
}

/* So near below 2 * 2^1024 that what is left above 2^1024 is no double either: the multiple is the nearest one. */
static void the_nearest_multiple_of_2_to_1024_goes(void **state)
{
	static const double values[] = {DBL_MAX, DBL_MAX, 0x1p971, 0x1p970};
	double parts[XSUM_PARTS_MAX];
	int64_t over;

	(void)state;
	for (int sign = -1; sign <= 1; sign += 2) {
		struct xsum sum = {{0, 0}, NULL};

		for (size_t i = 0; i < 4; i++)
			xsum_add(&sum, sign * values[i]);
		assert_int_equal(xsum_parts(&sum, parts, &over), 2);
		assert_int_equal(over, 2 * sign);
		check_bits(parts[0], sign * -0x1p970, "the rest");
		check_parts(&sum);
		xsum_release(&sum);
	}
}

static void numbers_that_are_not_finite_stay(void **state)
{
	static const double odd[] = {INFINITY, -INFINITY, NAN};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct xsum sum = {{0, 0}, NULL}, other = {{0, 0}, NULL};
		double parts[XSUM_PARTS_MAX];
		num_i128 total;
		int64_t over;

		xsum_add(&sum, 1);
		xsum_add(&sum, odd[i]);
		xsum_add(&sum, -odd[i]);
		xsum_merge(&other, &sum);
		xsum_add(&other, 0.5);
		assert_true(isinf(xsum_divide(&other, 0, 1)));
		assert_false(xsum_integer(&other, 1, &total));
		assert_false(xsum_is_zero(&other));
		assert_int_equal(xsum_parts(&other, parts, &over), 0);
		xsum_release(&sum);
		xsum_release(&other);
	}
}

static void memory_is_only_for_what_two_doubles_do_not_hold(void **state)
{
	struct xsum sum = {{0, 0}, NULL};

	(void)state;
	/* decimals of a year of milliseconds, about */
	srand(13);
	for (int i = 0; i < 1000000; i++)
		xsum_add(&sum, (rand() % 2000000 - 1000000) / 1000.0);
	assert_null(sum.wide);
	assert_int_equal(xsum_owned(&sum), 0);
	xsum_add(&sum, 1e-300);
	assert_in_range(xsum_owned(&sum), 280, 296);
	xsum_release(&sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_fsum_in_any_order),
		cmocka_unit_test(integers_join_exactly),
		cmocka_unit_test(tiny_quotients_are_rounded_once),
		cmocka_unit_test(sums_come_back_from_beyond_the_largest_double),
		cmocka_unit_test(the_nearest_multiple_of_2_to_1024_goes),
		cmocka_unit_test(numbers_that_are_not_finite_stay),
		cmocka_unit_test(memory_is_only_for_what_two_doubles_do_not_hold),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
