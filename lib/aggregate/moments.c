/* moments: what is made of sums of powers and products: skew, kurt, covar, corr, slope, r2. */
#include "aggregate/kinds.h"

#include <math.h>

/*
 * Sums of x, x^2, ... are kept in double-double and multiplied out at the end without a division (n^2 m2 = n sum(x^2) -
 * sum(x)^2), so that integers stay exact. What is left of two numbers that cancel to the last bits is noise: zero.
 */
#define NOISE 0x1p-96

static struct dd multiply(struct dd a, struct dd b)
{
	struct dd p = dd_two_product(a.high, b.high);

	p.low += a.high * b.low + a.low * b.high;
	return dd_two_sum(p.high, p.low);
}

static struct dd times(struct dd a, double b)
{
	return multiply(a, (struct dd){b, 0});
}

/* sum(terms), or 0 where it is nothing against the largest of them */
static double add_up(const struct dd *terms, size_t n)
{
	struct dd sum = {0, 0};
	double largest = 0;

	for (size_t i = 0; i < n; i++) {
		dd_add_dd(&sum, terms[i]);
		largest = fmax(largest, fabs(terms[i].high));
	}
	return fabs(sum.high) <= largest * NOISE ? 0 : sum.high;
}

/* ---- skew, kurt ---- */

struct powers_state {
	uint64_t n;
	double min, max; /* equal: there is no spread, exactly */
	struct dd sums[4];
};

static void add_powers(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	struct powers_state *s = state;
	double x = v->num.value;
	struct dd power = {x, 0};

	(void)place;
	(void)list;
	s->min = s->n ? fmin(s->min, x) : x;
	s->max = s->n ? fmax(s->max, x) : x;
	s->n++;
	for (size_t i = 0; i < 4; i++) {
		dd_add_dd(&s->sums[i], power);
		power = times(power, x);
	}
}

static void merge_powers(void *into, const void *from, struct agg_list *list)
{
	struct powers_state *s = into;
	const struct powers_state *f = from;

	(void)list;
	if (!f->n)
		return;
	s->min = s->n ? fmin(s->min, f->min) : f->min;
	s->max = s->n ? fmax(s->max, f->max) : f->max;
	s->n += f->n;
	for (size_t i = 0; i < 4; i++)
		dd_add_dd(&s->sums[i], f->sums[i]);
}

const struct agg_kind agg_kind_powers = {
	.bytes = sizeof(struct powers_state),
	.need = AGG_NUMBER,
	.add = add_powers,
	.merge = merge_powers,
};

/* n sum(x y) - sum(x) sum(y) */
static double cross(double n, struct dd xy, struct dd x, struct dd y)
{
	struct dd terms[] = {times(xy, n), times(multiply(x, y), -1)};

	return add_up(terms, 2);
}

/* The adjusted coefficient of Fisher and Pearson: sqrt(n (n - 1)) / (n - 2) * m3 / m2^1.5. */
void agg_finish_skew(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct powers_state *s = state;
	const struct dd *p = s->sums;
	double n = (double)s->n, m2, m3;

	(void)call;
	if (s->n < 3 || s->min == s->max)
		return;
	m2 = cross(n, p[1], p[0], p[0]);
	m3 = add_up((struct dd[]){times(p[2], n * n), times(multiply(p[0], p[1]), -3 * n),
			    times(multiply(multiply(p[0], p[0]), p[0]), 2)},
		3);
	agg_set_digits(r, sqrt(n * (n - 1)) / (n - 2) * (m3 / m2 / sqrt(m2)));
}

/* The excess over a normal distribution, without bias: (n - 1) / ((n - 2) (n - 3)) * ((n + 1) m4 / m2^2 - 3 (n - 1)) */
void agg_finish_kurt(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct powers_state *s = state;
	const struct dd *p = s->sums;
	double n = (double)s->n, m2, m4;
	struct dd square = multiply(p[0], p[0]);

	(void)call;
	if (s->n < 4 || s->min == s->max)
		return;
	m2 = cross(n, p[1], p[0], p[0]);
	m4 = add_up((struct dd[]){times(times(p[3], n * n), n), times(multiply(p[0], p[2]), -4 * n * n),
			    times(multiply(square, p[1]), 6 * n), times(multiply(square, square), -3)},
		4);
	agg_set_digits(r, (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (m4 / m2 / m2) - 3 * (n - 1)));
}

/* ---- covar, corr, slope, r2 ---- */

struct pairs_state {
	uint64_t n;
	double a_min, a_max, b_min, b_max;
	struct dd a, b, aa, bb, ab;
};

static void add_pair(void *state, const struct agg_input *in)
{
	struct pairs_state *s = state;
	double a = in->a->num.value, b = in->b->num.value;

	s->a_min = s->n ? fmin(s->a_min, a) : a;
	s->a_max = s->n ? fmax(s->a_max, a) : a;
	s->b_min = s->n ? fmin(s->b_min, b) : b;
	s->b_max = s->n ? fmax(s->b_max, b) : b;
	s->n++;
	dd_add(&s->a, a);
	dd_add(&s->b, b);
	dd_add_dd(&s->aa, dd_two_product(a, a));
	dd_add_dd(&s->bb, dd_two_product(b, b));
	dd_add_dd(&s->ab, dd_two_product(a, b));
}

static void merge_pairs(void *into, const void *from, struct agg_list *list)
{
	struct pairs_state *s = into;
	const struct pairs_state *f = from;

	(void)list;
	if (!f->n)
		return;
	s->a_min = s->n ? fmin(s->a_min, f->a_min) : f->a_min;
	s->a_max = s->n ? fmax(s->a_max, f->a_max) : f->a_max;
	s->b_min = s->n ? fmin(s->b_min, f->b_min) : f->b_min;
	s->b_max = s->n ? fmax(s->b_max, f->b_max) : f->b_max;
	s->n += f->n;
	dd_add_dd(&s->a, f->a);
	dd_add_dd(&s->b, f->b);
	dd_add_dd(&s->aa, f->aa);
	dd_add_dd(&s->bb, f->bb);
	dd_add_dd(&s->ab, f->ab);
}

const struct agg_kind agg_kind_pairs = {
	.bytes = sizeof(struct pairs_state),
	.need = AGG_NUMBER,
	.second_need = AGG_NUMBER,
	.add_input = add_pair,
	.merge = merge_pairs,
};

static double cross_ab(const struct pairs_state *s)
{
	return cross((double)s->n, s->ab, s->a, s->b);
}

void agg_finish_covar(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct pairs_state *s = state;
	double n = (double)s->n;

	(void)call;
	if (s->n >= 2)
		agg_set_digits(r, cross_ab(s) / n / (n - 1));
}

/* Least squares of a over b. */
void agg_finish_slope(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct pairs_state *s = state;

	(void)call;
	if (s->n >= 2 && s->b_min != s->b_max)
		agg_set_digits(r, cross_ab(s) / cross((double)s->n, s->bb, s->b, s->b));
}

/* False where one of the two is constant. */
static bool find_correlation(const struct pairs_state *s, double *correlation)
{
	double n = (double)s->n, a, b;

	if (s->n < 2 || s->a_min == s->a_max || s->b_min == s->b_max)
		return false;
	a = cross(n, s->aa, s->a, s->a);
	b = cross(n, s->bb, s->b, s->b);
	*correlation = cross_ab(s) / sqrt(a) / sqrt(b);
	if (fabs(*correlation) > 1)
		*correlation = copysign(1, *correlation);
	return isfinite(*correlation); /* squares may have overflown */
}

void agg_finish_corr(const struct agg_call *call, const void *state, struct agg_result *r)
{
	double correlation;

	(void)call;
	if (find_correlation(state, &correlation))
		agg_set_digits(r, correlation);
}

void agg_finish_r2(const struct agg_call *call, const void *state, struct agg_result *r)
{
	double correlation;

	(void)call;
	if (find_correlation(state, &correlation))
		agg_set_digits(r, correlation * correlation);
}
