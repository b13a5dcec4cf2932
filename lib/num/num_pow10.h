/*
 * num_pow10: the powers of ten that reading and printing share. Private to lib/num.
 *
 * Entry q is the 128 bits from the highest set bit of 10^q on: cut for q >= 0 (exact up to 55), rounded up for q < 0.
 * The table is committed, not built, so that a build needs nothing but a C compiler and cross-compiles;
 * tools/pow10.py prints it and num_pow10_test.c proves it.
 */
#ifndef TLM_NUM_POW10_H
#define TLM_NUM_POW10_H

#include <stdint.h>

enum { POW10_MIN = -342, POW10_MAX = 324, POW10_EXACT_MAX = 55 };

struct pow10 {
	uint64_t high, low;
};

extern const struct pow10 num_pow10_table[POW10_MAX - POW10_MIN + 1];

static inline struct pow10 num_pow10(int q)
{
	return num_pow10_table[q - POW10_MIN];
}

/* floor(log2(10^q)), exact for |q| < 1233 (shifts of negative numbers go down in every compiler we build with) */
static inline int num_pow10_log2(int q)
{
	return (q * 1741647) >> 19;
}

#endif
