#include "num/num_shortest.h"

#include <stdbool.h>
#include <string.h>

#include "num/num_pow10.h"

__extension__ typedef unsigned __int128 num_u128;

enum { MANTISSA_BITS = 52, EXPONENT_MIN = -1074, EXPONENT_SPECIAL = 2047 };

/* floor(log10(2^e)), or of 3/4 of that where the neighbour below is nearer; exact for |e| < 1500 */
static int floor_log10_pow2(int e, bool is_lower_nearer)
{
	return (e * 1262611 - (is_lower_nearer ? 524031 : 0)) >> 22;
}

/*
 * The highest 64 of 192 bits of power * x. Its lowest bit is set when anything is lost below ("round to odd"), so
 * that comparisons with numbers of one bit less come out as with the exact product.
 */
static uint64_t multiply_to_odd(struct pow10 power, uint64_t x)
{
	num_u128 low = (num_u128)power.low * x;
	num_u128 high = (num_u128)power.high * x + (uint64_t)(low >> 64);

	return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/*
 * Schubfach. All are quarters of the last place that is tried: the value and the two halves towards its neighbours
 * (which belong to it when its mantissa is even) are scaled by one power of ten so that the interval is 2 to 20
 * units wide: if a multiple of ten lies inside it is the shortest, else one of the two integers beside the value.
 */
static struct shortest scale(uint64_t mantissa, int exponent, bool is_lower_nearer)
{
	bool is_odd = mantissa & 1;
	uint64_t units = 4 * mantissa;
	int k = floor_log10_pow2(exponent, is_lower_nearer);
	int shift = exponent + num_pow10_log2(-k) + 1;
	struct pow10 power = num_pow10(-k);
	uint64_t value, lower, upper, s, tens;
	bool is_low_inside, is_high_inside;

	/* the power rounded up: entries below 0 and up to 55 are so already */
	power.low += -k > POW10_EXACT_MAX;
	lower = multiply_to_odd(power, (units - 2 + is_lower_nearer) << shift) + is_odd;
	value = multiply_to_odd(power, units << shift);
	upper = multiply_to_odd(power, (units + 2) << shift) - is_odd;
	s = value / 4;
	if (s >= 10) {
		tens = s / 10;
		is_low_inside = lower <= 40 * tens;
		is_high_inside = 40 * tens + 40 <= upper;
		if (is_low_inside != is_high_inside)
			return (struct shortest){tens + is_high_inside, k + 1};
	}
	is_low_inside = lower <= 4 * s;
	is_high_inside = 4 * s + 4 <= upper;
	if (is_low_inside != is_high_inside)
		return (struct shortest){s + is_high_inside, k};
	/* both inside: the nearer one, from the middle the even one */
	return (struct shortest){s + (value > 4 * s + 2 || (value == 4 * s + 2 && (s & 1))), k};
}

struct shortest num_shortest(double value)
{
	uint64_t bits, mantissa;
	int exponent;
	bool is_lower_nearer;

	memcpy(&bits, &value, sizeof bits);
	mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
	exponent = (int)(bits >> MANTISSA_BITS) & EXPONENT_SPECIAL;
	is_lower_nearer = mantissa == 0 && exponent > 1;
	if (exponent == 0)
		return scale(mantissa, EXPONENT_MIN, false);
	mantissa |= UINT64_C(1) << MANTISSA_BITS;
	exponent += EXPONENT_MIN - 1;
	/* integers below 2^53 are their own shortest */
	if (exponent <= 0 && exponent >= -MANTISSA_BITS && (mantissa & ((UINT64_C(1) << -exponent) - 1)) == 0)
		return (struct shortest){mantissa >> -exponent, 0};
	return scale(mantissa, exponent, is_lower_nearer);
}
