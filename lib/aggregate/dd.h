/* dd: numbers in double-double (Dekker, 1971). Not for other modules. */
#ifndef TLM_AGGREGATE_DD_H
#define TLM_AGGREGATE_DD_H

/* A number of more than 53 bits: the unevaluated sum of two doubles. */
struct dd {
	double high, low;
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

#endif
