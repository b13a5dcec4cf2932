/* kinds: the inside of aggregate: what a state is, and what a function is. Not for other modules. */
#ifndef TLM_AGGREGATE_KINDS_H
#define TLM_AGGREGATE_KINDS_H

#include "aggregate/aggregate.h"
#include "sketch/sketch.h"

struct agg_kind {
	uint32_t bytes; /* of the state, a multiple of 8; all zero is the empty state */
	enum agg_need need;
	void (*add)(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list);
	void (*merge)(void *into, const void *from, struct agg_list *list);
	void (*release)(void *state); /* NULL: owns no memory */
};

struct agg_function {
	const char *name;
	const struct agg_kind *kind;
	bool has_field;     /* f(FIELD), else the bare name */
	bool is_percentile; /* the name is p and a number */
	bool is_sketched;   /* may be approximate */
	void (*finish)(const struct agg_call *call, const void *state, struct agg_result *result);
	const char *help;
};

extern const struct agg_kind agg_kind_records, agg_kind_present, agg_kind_sum, agg_kind_extrema, agg_kind_moments,
	agg_kind_first, agg_kind_last, agg_kind_quantile, agg_kind_distinct;

extern const struct agg_function agg_functions[]; /* name NULL is the end */

/* A number of more than 53 bits: the unevaluated sum of two doubles. */
struct dd {
	double high, low;
};

struct agg_count_state {
	uint64_t n;
};

struct agg_sum_state {
	uint64_t n;
	uint64_t integer_low; /* 128 bits in two halves, so that 8 bytes of alignment are enough */
	uint64_t integer_high;
	struct dd rest; /* the numbers that are no integers */
};

struct agg_extrema_state {
	double min, max;
	int16_t min_rest, max_rest;
	uint32_t is_used;
};

struct agg_moments_state {
	uint64_t n;
	struct dd sum, squares;
};

struct agg_text_state {
	struct agg_place place;
	char *text; /* owned; NULL: empty state */
	uint32_t len, cap;
};

/* Values until there are more than exact_max, then a sketch. */
struct agg_quantile {
	uint64_t n;
	uint32_t cap;
	bool is_sorted;
	double *values; /* NULL when the sketch is used */
	int16_t *rests; /* beside values, NULL while all are 0 */
	struct ddsketch *sketch;
};
struct agg_quantile_state {
	struct agg_quantile *q; /* NULL: empty */
};

/* Hashes in an open-addressing table until there are more than exact_max, then registers. */
struct agg_distinct {
	uint32_t n, cap;
	uint64_t *hashes; /* 0 is free; NULL when hll is used */
	struct hll *hll;
};
struct agg_distinct_state {
	struct agg_distinct *d; /* NULL: empty */
};

/* The exact sum and product of two doubles (Knuth; fused multiply-add), and a double-double plus a double. */
static inline struct dd dd_two_sum(double a, double b)
{
	double s = a + b, t = s - a;

	return (struct dd){s, (a - (s - t)) + (b - t)};
}

static inline struct dd dd_two_product(double a, double b)
{
	double p = a * b;

	return (struct dd){p, __builtin_fma(a, b, -p)};
}

static inline void dd_add(struct dd *sum, double x)
{
	struct dd s = dd_two_sum(sum->high, x);

	*sum = dd_two_sum(s.high, s.low + sum->low);
}

void dd_add_dd(struct dd *sum, struct dd x);
struct dd dd_divide(struct dd a, double b);
struct dd dd_from_i128(num_i128 v);

/* The order of two exact numbers. */
static inline int agg_num_cmp(struct agg_num a, struct agg_num b)
{
	if (a.value != b.value)
		return a.value < b.value ? -1 : 1;
	return (a.rest > b.rest) - (a.rest < b.rest);
}

/* Sorts the values of an exact state. */
void agg_quantile_sort(struct agg_quantile *q);

uint64_t agg_distinct_count(const struct agg_distinct *d);

#endif
