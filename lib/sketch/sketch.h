/*
 * sketch: what is kept of many values when they are too many: quantiles and the number of distinct ones.
 *
 * DDSketch (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
 * guarantees", 2019): counts in buckets whose borders grow by a constant ratio; any quantile is within
 * SKETCH_QUANTILE_ERROR of the true value, relative. Buckets are never collapsed, so the promise holds for every
 * quantile; the range of doubles bounds the memory (100 buckets per doubling or so).
 * HyperLogLog (Flajolet et al., 2007) with the estimator of Ertl, "New cardinality estimation algorithms for
 * HyperLogLog sketches", 2017: a standard error of 1.04 / sqrt(4096) = 1.6 %.
 *
 * Both depend on the set of values alone, not on their order, and merge without loss.
 * Memory: open/close. Not thread safe per object.
 */
#ifndef TLM_SKETCH_H
#define TLM_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SKETCH_QUANTILE_ERROR 0.005 /* relative, at most */

struct ddsketch;

struct ddsketch *ddsketch_open(void);
void ddsketch_close(struct ddsketch *s); /* does nothing for NULL */

/* value: anything but NaN; infinities have buckets of their own. */
void ddsketch_add(struct ddsketch *s, double value);
void ddsketch_merge(struct ddsketch *into, const struct ddsketch *from);
size_t ddsketch_bytes(const struct ddsketch *s);
uint64_t ddsketch_count(const struct ddsketch *s);

/* An estimate of the rank-th smallest value, rank from 1 to ddsketch_count(); exact for the first and the last. */
double ddsketch_rank(const struct ddsketch *s, uint64_t rank);

/* What is in a sketch, to be written down and put into another one. */
struct ddsketch_bucket {
	int sign;       /* -1, 0 (zero itself), 1 */
	int32_t bucket; /* 0 for zero */
	uint64_t n;     /* at least 1 */
};

/* The next bucket with something in it: *at is 0 at the start. False at the end. */
bool ddsketch_next(const struct ddsketch *s, size_t *at, struct ddsketch_bucket *b);

/* Adds to a bucket; ddsketch_widen() must tell the range of what is in it. False: no value has this bucket. */
bool ddsketch_put(struct ddsketch *s, const struct ddsketch_bucket *b);

void ddsketch_range(const struct ddsketch *s, double *min, double *max);
void ddsketch_widen(struct ddsketch *s, double min, double max);

enum { HLL_BITS = 12, HLL_REGISTERS = 1 << HLL_BITS, HLL_RANK_MAX = 64 - HLL_BITS + 1 };

struct hll {
	uint8_t registers[HLL_REGISTERS]; /* 0 .. HLL_RANK_MAX; all 0: empty */
};

/* hash: 64 bits of a good hash of the value. */
void hll_add(struct hll *h, uint64_t hash);
void hll_merge(struct hll *into, const struct hll *from);

/* The estimated number of distinct hashes, rounded to an integer. */
uint64_t hll_count(const struct hll *h);

#endif
