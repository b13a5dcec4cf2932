#include "sketch/sketch.h"

#include <math.h>

void hll_add(struct hll *h, uint64_t hash)
{
	uint64_t rest = hash << HLL_BITS | UINT64_C(1) << (HLL_BITS - 1);
	uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
	uint8_t *at = &h->registers[hash >> (64 - HLL_BITS)];

	if (*at < rank)
		*at = rank;
}

void hll_merge(struct hll *into, const struct hll *from)
{
	for (int i = 0; i < HLL_REGISTERS; i++) {
		if (into->registers[i] < from->registers[i])
			into->registers[i] = from->registers[i];
	}
}

/* The sums sigma and tau of Ertl's estimator: what empty and saturated registers are worth. */
static double sigma(double x)
{
	double y = 1, z = x, last;

	if (x == 1)
		return INFINITY;
	do {
		x *= x;
		last = z;
		z += x * y;
		y += y;
	} while (z != last);
	return z;
}

static double tau(double x)
{
	double y = 1, z = 1 - x, last;

	if (x == 0 || x == 1)
		return 0;
	do {
		x = sqrt(x);
		last = z;
		y *= 0.5;
		z -= (1 - x) * (1 - x) * y;
	} while (z != last);
	return z / 3;
}

uint64_t hll_count(const struct hll *h)
{
	const double m = HLL_REGISTERS;
	uint32_t of_rank[HLL_RANK_MAX + 1] = {0};
	double z;

	for (int i = 0; i < HLL_REGISTERS; i++)
		of_rank[h->registers[i]]++;
	z = m * tau(1 - of_rank[HLL_RANK_MAX] / m);
	for (int k = HLL_RANK_MAX - 1; k >= 1; k--)
		z = (z + of_rank[k]) * 0.5;
	z += m * sigma(of_rank[0] / m);
	return (uint64_t)llround(m * m / (2 * 0.693147180559945309417 * z));
}
