#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "num/num_pow10.h"

enum { LIMBS = 48 }; /* of 32 bits: more than the 128 + 795 bits that are needed */

struct big {
	uint32_t limb[LIMBS];
};

static void multiply(struct big *b, uint32_t factor)
{
	uint64_t carry = 0;

	for (int i = 0; i < LIMBS; i++) {
		carry += (uint64_t)b->limb[i] * factor;
		b->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	assert_true(carry == 0);
}

static struct big power_of_5(int q)
{
	struct big b = {{1}};

	while (q--)
		multiply(&b, 5);
	return b;
}

static int bit_length(const struct big *b)
{
	for (int i = LIMBS - 1; i >= 0; i--)
		if (b->limb[i])
			return i * 32 + 32 - __builtin_clz(b->limb[i]);
	return 0;
}

static unsigned bit_at(const struct big *b, int i)
{
	return i < 0 ? 0 : b->limb[i / 32] >> i % 32 & 1;
}

static void whole_powers_are_the_highest_bits(void **state)
{
	(void)state;
	for (int q = 0; q <= POW10_MAX; q++) {
		struct big power = power_of_5(q);
		int length = bit_length(&power);
		struct pow10 p = num_pow10(q);

		for (int i = 0; i < 128; i++) {
			uint64_t limb = i < 64 ? p.high : p.low;

			if (bit_at(&power, length - 1 - i) != (limb >> (63 - i % 64) & 1))
				fail_msg("10^%d: bit %d", q, i);
		}
		if (q <= POW10_EXACT_MAX)
			assert_true(length <= 128);
		else
			assert_true(length > 128);
	}
}

/* entry * 5^n; 5^n is small enough for schoolbook multiplication limb by limb. */
static struct big times(const struct big *a, struct pow10 p)
{
	const uint32_t factor[4] = {
		(uint32_t)p.low, (uint32_t)(p.low >> 32), (uint32_t)p.high, (uint32_t)(p.high >> 32)};
	struct big sum = {{0}};

	for (int j = 0; j < 4; j++) {
		uint64_t carry = 0;

		for (int i = 0; i + j < LIMBS; i++) {
			carry += (uint64_t)a->limb[i] * factor[j] + sum.limb[i + j];
			sum.limb[i + j] = (uint32_t)carry;
			carry >>= 32;
		}
	}
	return sum;
}

/* The least integer whose product with 5^n is above 2^b: (entry - 1) * 5^n <= 2^b < entry * 5^n. */
static void reciprocals_are_rounded_up(void **state)
{
	(void)state;
	for (int q = POW10_MIN; q < 0; q++) {
		struct big power = power_of_5(-q);
		int b = 127 + bit_length(&power);
		struct pow10 p = num_pow10(q);
		struct pow10 less = {p.high - (p.low == 0), p.low - 1};
		struct big above = times(&power, p), below = times(&power, less);

		assert_true(p.high >> 63);
		if (bit_length(&above) != b + 1 || bit_length(&below) > b)
			fail_msg("10^%d", q);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_powers_are_the_highest_bits),
		cmocka_unit_test(reciprocals_are_rounded_up),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("num_pow10", tests, NULL, NULL);
}
