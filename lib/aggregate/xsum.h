/*
 * xsum: sums of doubles without any error, so that they are the same in whatever order the numbers come; they are
 * rounded once, when they are asked for. Not for other modules.
 *
 * A sum is two doubles (dd.h) as long as they hold it to the last bit, which is what measured values need. What an
 * addition leaves besides them goes to a number of fixed point that is wide enough for all doubles (a long accumulator:
 * Kulisch; Neal, "Fast exact summation using small and large superaccumulators", 2015), made when it is needed first.
 * So sums beyond the largest double are no special case, and a sum that comes back into the range of doubles is right.
 *
 * Memory: xsum_release(). A sum of zero bytes is 0. Not thread safe.
 */
#ifndef TLM_AGGREGATE_XSUM_H
#define TLM_AGGREGATE_XSUM_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aggregate/dd.h"
#include "num/num.h"

struct xsum_wide;

struct xsum {
	struct dd near;         /* high is the double nearest to high + low */
	struct xsum_wide *wide; /* to be added to it; NULL: nothing */
};

/* Numbers below it cannot make two doubles overflow, however many they are. */
#define XSUM_NEAR_END 0x1p900

/* Adds x where two doubles hold the result; else false, and nothing is changed. */
static inline bool xsum_add_near(struct dd *sum, double x)
{
	struct dd s = dd_two_sum(sum->high, x);
	double t = s.low + sum->low;

	/* t is exact if both ways back are: its error, by Knuth's two-sum, is made of these two differences */
	if (!(fabs(x) < XSUM_NEAR_END) || t - s.low != sum->low || t - sum->low != s.low)
		return false;
	/* t is not above the last bit of s (Dekker's fast two-sum) */
	sum->high = s.high + t;
	sum->low = t - (sum->high - s.high);
	return true;
}

void xsum_add_far(struct xsum *sum, double x);

/* A number that is not finite makes the sum so for ever. */
static inline void xsum_add(struct xsum *sum, double x)
{
	if (!xsum_add_near(&sum->near, x))
		xsum_add_far(sum, x);
}

void xsum_merge(struct xsum *into, const struct xsum *from);
void xsum_release(struct xsum *sum);
size_t xsum_owned(const struct xsum *sum); /* bytes of its memory */

bool xsum_is_zero(const struct xsum *sum);

/* Whether whole + sum is an integer of 128 bits, and which. */
bool xsum_integer(const struct xsum *sum, num_i128 whole, num_i128 *total);

/* The double nearest to (whole + sum) / n, ties to even; infinity where it is beyond, or the sum is not finite.
 * n: up to INT64_MAX. */
double xsum_divide(const struct xsum *sum, num_i128 whole, uint64_t n);

/*
 * The sum as over * 2^1024 + parts[0] + parts[1] + ..., each part the double nearest to what those before it leave;
 * over is not 0 only where no double is near. Equal sums have equal parts. Returns how many, from 2; 0: not finite.
 */
enum { XSUM_PARTS_MAX = 40 };
size_t xsum_parts(const struct xsum *sum, double parts[XSUM_PARTS_MAX], int64_t *over);

/* Adds over * 2^1024. */
#define XSUM_OVER_MAX (INT64_C(1) << 53)
void xsum_add_over(struct xsum *sum, int64_t over);

#endif
