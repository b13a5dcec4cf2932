#include "sketch/sketch.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

/* Counts of the buckets first .. first + n - 1. */
struct store {
	uint64_t *counts;
	int32_t first;
	uint32_t n;
};

struct ddsketch {
	uint64_t n, n_zero;
	double min, max;
	struct store positive, negative; /* negative: by absolute value */
};

/*
 * The place of |x| on a scale of about log2: the exponent plus a cubic of the significand in [0,1) that meets 0 and 1
 * at its ends. Its slope against ln(x) is 10/7 at least, so buckets of WIDTH hold a ratio of at most
 * (1 + error) / (1 - error), with 1 % more buckets than the true logarithm and none of its cost.
 */
static const double A = 6.0 / 35, B = -3.0 / 5, C = 10.0 / 7;
#define WIDTH (10.0 / 7 * 0.010000083334583356) /* ln((1 + 0.005) / (1 - 0.005)) */
#define PER_WIDTH (1 / WIDTH)

static double cubic(double s)
{
	return ((A * s + B) * s + C) * s;
}

static int32_t bucket_of(double x)
{
	uint64_t bits;
	int shift = 0;
	int32_t bucket;
	double s;

	if (x < 0x1p-1022) {
		x *= 0x1p54;
		shift = 54;
	}
	memcpy(&bits, &x, sizeof bits);
	s = (double)(bits & ((UINT64_C(1) << 52) - 1)) * 0x1p-52;
	s = ((double)((int)(bits >> 52) - 1023 - shift) + cubic(s)) * PER_WIDTH;
	bucket = (int32_t)s;
	return bucket - (s < bucket); /* floor */
}

/* The x whose place on the scale is at: the cubic is turned round by halving. */
static double place_to_value(double at)
{
	double exponent = floor(at), want = at - exponent, low = 0, high = 1;

	for (int i = 0; i < 60; i++) {
		double mid = (low + high) / 2;

		if (cubic(mid) < want)
			low = mid;
		else
			high = mid;
	}
	return ldexp(1 + (low + high) / 2, (int)exponent);
}

/* The point of a bucket whose relative distance from both borders is the same. */
static double bucket_value(int32_t bucket)
{
	double low = place_to_value(bucket * WIDTH), high = place_to_value((bucket + 1) * WIDTH);

	return low / (low + high) * 2 * high;
}

/* Room for bucket, growing to the side where it lies. */
static void stretch(struct store *t, int32_t bucket)
{
	int32_t first = t->n ? t->first : bucket, end = t->n ? t->first + (int32_t)t->n : bucket + 1;
	int32_t spare = (int32_t)(t->n / 2) + 8;
	uint64_t *counts;

	if (bucket < first || !t->n)
		first = bucket - spare;
	if (bucket >= end || !t->n)
		end = bucket + spare;
	counts = mem_alloc((size_t)(end - first), sizeof *counts);
	if (t->n)
		memcpy(counts + (t->first - first), t->counts, t->n * sizeof *counts);
	free(t->counts);
	*t = (struct store){counts, first, (uint32_t)(end - first)};
}

static inline void count(struct store *t, int32_t bucket, uint64_t n)
{
	if ((uint32_t)(bucket - t->first) >= t->n)
		stretch(t, bucket);
	t->counts[bucket - t->first] += n;
}

/* Counts that were read from somewhere may add up to anything. */
static uint64_t add_capped(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

struct ddsketch *ddsketch_open(void)
{
	struct ddsketch *s = mem_alloc(1, sizeof *s);

	s->min = INFINITY;
	s->max = -INFINITY;
	return s;
}

void ddsketch_close(struct ddsketch *s)
{
	if (!s)
		return;
	free(s->positive.counts);
	free(s->negative.counts);
	free(s);
}

void ddsketch_add(struct ddsketch *s, double value)
{
	s->n++;
	s->min = value < s->min ? value : s->min;
	s->max = value > s->max ? value : s->max;
	if (value > 0)
		count(&s->positive, bucket_of(value), 1);
	else if (value < 0)
		count(&s->negative, bucket_of(-value), 1);
	else
		s->n_zero++;
}

static void merge_store(struct store *into, const struct store *from)
{
	for (uint32_t i = 0; i < from->n; i++) {
		if (from->counts[i])
			count(into, from->first + (int32_t)i, from->counts[i]);
	}
}

void ddsketch_merge(struct ddsketch *into, const struct ddsketch *from)
{
	into->n = add_capped(into->n, from->n);
	into->n_zero = add_capped(into->n_zero, from->n_zero);
	into->min = from->min < into->min ? from->min : into->min;
	into->max = from->max > into->max ? from->max : into->max;
	merge_store(&into->positive, &from->positive);
	merge_store(&into->negative, &from->negative);
}

bool ddsketch_next(const struct ddsketch *s, size_t *at, struct ddsketch_bucket *b)
{
	const struct store *negative = &s->negative, *positive = &s->positive;

	for (; *at < (size_t)negative->n + 1 + positive->n; ++*at) {
		size_t i = *at;

		if (i < negative->n)
			*b = (struct ddsketch_bucket){-1, negative->first + (int32_t)i, negative->counts[i]};
		else if (i == negative->n)
			*b = (struct ddsketch_bucket){0, 0, s->n_zero};
		else
			*b = (struct ddsketch_bucket){1, positive->first + (int32_t)(i - negative->n - 1),
				positive->counts[i - negative->n - 1]};
		if (b->n) {
			++*at;
			return true;
		}
	}
	return false;
}

bool ddsketch_put(struct ddsketch *s, const struct ddsketch_bucket *b)
{
	if (b->sign == 0) {
		s->n_zero += b->n;
	} else {
		if (b->bucket < bucket_of(0x1p-1074) || b->bucket > bucket_of(INFINITY))
			return false;
		count(b->sign < 0 ? &s->negative : &s->positive, b->bucket, b->n);
	}
	s->n = add_capped(s->n, b->n);
	return true;
}

void ddsketch_range(const struct ddsketch *s, double *min, double *max)
{
	*min = s->min;
	*max = s->max;
}

void ddsketch_widen(struct ddsketch *s, double min, double max)
{
	s->min = min < s->min ? min : s->min;
	s->max = max > s->max ? max : s->max;
}

size_t ddsketch_bytes(const struct ddsketch *s)
{
	return sizeof *s + (s->positive.n + s->negative.n) * sizeof *s->positive.counts;
}

uint64_t ddsketch_count(const struct ddsketch *s)
{
	return s->n;
}

/* From the most negative up: negative buckets backwards, zero, positive buckets. */
static double find_rank(const struct ddsketch *s, uint64_t rank)
{
	for (uint32_t i = s->negative.n; i-- > 0;) {
		if (rank <= s->negative.counts[i])
			return -bucket_value(s->negative.first + (int32_t)i);
		rank -= s->negative.counts[i];
	}
	if (rank <= s->n_zero)
		return 0;
	rank -= s->n_zero;
	for (uint32_t i = 0; i < s->positive.n; i++) {
		if (rank <= s->positive.counts[i])
			return bucket_value(s->positive.first + (int32_t)i);
		rank -= s->positive.counts[i];
	}
	return s->max;
}

double ddsketch_rank(const struct ddsketch *s, uint64_t rank)
{
	double value;

	assert(rank >= 1 && rank <= s->n);
	if (rank == 1)
		return s->min;
	if (rank == s->n)
		return s->max;
	value = find_rank(s, rank);
	if (!(value < s->max)) /* the bucket of infinity has no middle */
		return s->max;
	return value > s->min ? value : s->min;
}
