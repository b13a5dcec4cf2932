#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "sketch/sketch.h"

enum { MANY = 20000 };

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * UINT64_C(2685821657736338717);
}

static double uniform(void)
{
	return (double)(next_random() >> 11) * 0x1p-53;
}

static double draw(int shape)
{
	switch (shape) {
	case 0:
		return uniform() * 200 - 100;
	case 1: /* over 30 orders of magnitude */
		return exp((uniform() + uniform() + uniform() - 1.5) * 46);
	case 2:
		return uniform() < 0.5 ? uniform() : 1e6 + uniform();
	case 3:
		return 42.5;
	case 4: /* powers of two, both signs, zero */
		return uniform() < 0.1 ? 0 : ldexp(uniform() < 0.5 ? -1 : 1, (int)(uniform() * 2000) - 1000);
	default: /* among the smallest there are */
		return ldexp(uniform(), -1060);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void quantiles_keep_their_promise(void **state)
{
	static double values[MANY];

	(void)state;
	for (int shape = 0; shape < 6; shape++) {
		struct ddsketch *s = ddsketch_open();

		for (int i = 0; i < MANY; i++)
			ddsketch_add(s, values[i] = draw(shape));
		qsort(values, MANY, sizeof *values, compare);
		for (uint64_t rank = 1; rank <= MANY; rank += 37) {
			double truth = values[rank - 1], off = fabs(ddsketch_rank(s, rank) - truth);

			assert_true(off <= fabs(truth) * SKETCH_QUANTILE_ERROR * 1.000001 + 5e-324);
		}
		assert_true(ddsketch_rank(s, 1) == values[0]);
		assert_true(ddsketch_rank(s, MANY) == values[MANY - 1]);
		ddsketch_close(s);
	}
}

static void order_and_splitting_change_nothing(void **state)
{
	struct ddsketch *one = ddsketch_open(), *back = ddsketch_open(), *parts[3];
	static double values[MANY];

	(void)state;
	for (int i = 0; i < 3; i++)
		parts[i] = ddsketch_open();
	for (int i = 0; i < MANY; i++) {
		values[i] = draw(4);
		ddsketch_add(one, values[i]);
		ddsketch_add(parts[i % 3], values[i]);
	}
	for (int i = MANY; i-- > 0;)
		ddsketch_add(back, values[i]);
	ddsketch_merge(parts[2], parts[0]);
	ddsketch_merge(parts[2], parts[1]);
	assert_int_equal(ddsketch_count(parts[2]), MANY);
	for (uint64_t rank = 1; rank <= MANY; rank += 11) {
		assert_true(ddsketch_rank(one, rank) == ddsketch_rank(back, rank));
		assert_true(ddsketch_rank(one, rank) == ddsketch_rank(parts[2], rank));
	}
	for (int i = 0; i < 3; i++)
		ddsketch_close(parts[i]);
	ddsketch_close(one);
	ddsketch_close(back);
}

/* The middle of a bucket may lie beyond all values. */
static void nothing_is_beyond_what_was_seen(void **state)
{
	(void)state;
	for (double x = 1; x < 1.1; x += 0.0007) {
		for (int sign = -1; sign <= 1; sign += 2) {
			struct ddsketch *s = ddsketch_open();

			for (int i = 0; i < 3; i++)
				ddsketch_add(s, sign * x);
			assert_true(ddsketch_rank(s, 2) == sign * x);
			ddsketch_close(s);
		}
	}
}

/* As many values as no test can add: registers as they would be, by their distribution, a third of them at the largest
 * rank. */
static void so_many_that_registers_are_full(void **state)
{
	const double q = HLL_RANK_MAX - 1, rate = ldexp(0.43, (int)q); /* values for each register */
	struct hll h = {{0}};

	(void)state;
	for (int i = 0; i < HLL_REGISTERS; i++) {
		double share = (i + 0.5) / HLL_REGISTERS;
		int k = 0;

		while (k <= q && exp(-rate * ldexp(1, -k)) < share)
			k++;
		h.registers[i] = (uint8_t)k;
	}
	assert_int_equal(h.registers[HLL_REGISTERS - 1], HLL_RANK_MAX);
	assert_true(fabs((double)hll_count(&h) / (rate * HLL_REGISTERS) - 1) < 0.01);
}

static void infinity_has_a_place(void **state)
{
	struct ddsketch *s = ddsketch_open();

	(void)state;
	ddsketch_add(s, 1);
	ddsketch_add(s, INFINITY);
	ddsketch_add(s, INFINITY);
	ddsketch_add(s, -INFINITY);
	assert_true(isinf(ddsketch_rank(s, 3)));
	assert_true(isinf(ddsketch_rank(s, 1)) && ddsketch_rank(s, 1) < 0);
	assert_true(fabs(ddsketch_rank(s, 2) - 1) <= SKETCH_QUANTILE_ERROR);
	ddsketch_close(s);
}

/* The mean error over many sets must be what the paper says, not only small: 1.04 / sqrt(4096). */
static void distinct_keeps_its_promise(void **state)
{
	static const uint64_t sizes[] = {1, 10, 1000, 5000, 30000, 100000};

	(void)state;
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		double squares = 0, bias = 0;
		int rounds = 25;

		for (int round = 0; round < rounds; round++) {
			struct hll h = {{0}};

			for (uint64_t i = 0; i < sizes[k]; i++)
				hll_add(&h, next_random());
			bias += ((double)hll_count(&h) / (double)sizes[k] - 1) / rounds;
			squares += pow((double)hll_count(&h) / (double)sizes[k] - 1, 2);
		}
		assert_true(sqrt(squares / rounds) < 1.3 * 1.04 / sqrt(HLL_REGISTERS));
		assert_true(fabs(bias) < 0.01);
	}
}

static void registers_merge(void **state)
{
	struct hll one = {{0}}, a = {{0}}, b = {{0}};

	(void)state;
	assert_int_equal(hll_count(&one), 0);
	for (uint64_t i = 0; i < 10000; i++) {
		uint64_t hash = next_random();

		hll_add(&one, hash);
		hll_add(i % 2 ? &a : &b, hash);
	}
	hll_merge(&a, &b);
	assert_memory_equal(&a, &one, sizeof one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_keep_their_promise),
		cmocka_unit_test(order_and_splitting_change_nothing),
		cmocka_unit_test(nothing_is_beyond_what_was_seen),
		cmocka_unit_test(so_many_that_registers_are_full),
		cmocka_unit_test(infinity_has_a_place),
		cmocka_unit_test(distinct_keeps_its_promise),
		cmocka_unit_test(registers_merge),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sketch", tests, NULL, NULL);
}
