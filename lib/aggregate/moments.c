/* moments: what is made of sums of powers and products: skew, kurt, covar, corr, slope, r2. */
#include "aggregate/form.h"

#include <math.h>

/*
 * Sums of x, x^2, ... are kept in double-double and multiplied out at the end without a division (n^2 m2 = n sum(x^2) -
 * sum(x)^2), so that integers stay exact. What is left of two numbers that cancel to the last bits is noise: zero. So
 * is what may be no more than the rounding of n additions of 104 bits.
 */
#define NOISE 0x1p-96
#define NOISE_OF_ONE 0x1p-104

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

/* sum(terms), or 0 where it is nothing against the largest of them; n_records: that their sums have */
static double add_up(const struct dd *terms, size_t n, double n_records)
{
	struct dd sum = {0, 0};
	double largest = 0;

	for (size_t i = 0; i < n; i++) {
		dd_add_dd(&sum, terms[i]);
		largest = fmax(largest, fabs(terms[i].high));
	}
	return fabs(sum.high) <= largest * fmax(NOISE, n_records * NOISE_OF_ONE) ? 0 : sum.high;
}

/* ---- the written form: n, the range, the sums ---- */

static void add_doubles(struct buf *out, const double *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_add_char(out, i ? ',' : '[');
		form_add_double(out, values[i]);
	}
	buf_add_char(out, ']');
}

static bool read_doubles(struct json_span span, double *values, size_t n)
{
	struct json_span v[FORM_VALUES_MAX];

	if (!form_elements(span, n, v))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!form_double(v[i], &values[i]))
			return false;
	}
	return true;
}

static void write_sums(const struct form_writer *w, uint64_t n, const double *range, size_t n_range,
	const struct dd *sums, size_t n_sums)
{
	json_add_key(w->out, "n");
	form_add_u64(w->out, n);
	json_add_key(w->out, "x");
	add_doubles(w->out, range, n_range);
	json_add_key(w->out, "s");
	for (size_t i = 0; i < n_sums; i++) {
		buf_add_char(w->out, i ? ',' : '[');
		form_add_dd(w->out, sums[i]);
	}
	buf_add_char(w->out, ']');
}

static bool read_sums(
	struct json_span object, uint64_t *n, double *range, size_t n_range, struct dd *sums, size_t n_sums)
{
	struct json_span v[3], s[FORM_VALUES_MAX];

	if (!form_members(object, "n x s", v) || !form_count(v[0], n) || !read_doubles(v[1], range, n_range) ||
		!form_elements(v[2], n_sums, s))
		return false;
	for (size_t i = 0; i < n_sums; i++) {
		if (!form_dd(s[i], &sums[i]))
			return false;
	}
	return true;
}

/* ---- skew, kurt ---- */

struct powers_state {
	uint64_t n;
	double range[2]; /* equal: there is no spread, exactly */
	struct dd sums[4];
};

static void add_powers(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	struct powers_state *s = state;
	double x = v->num.value;
	struct dd power = {x, 0};

	(void)place;
	(void)list;
	s->range[0] = s->n ? fmin(s->range[0], x) : x;
	s->range[1] = s->n ? fmax(s->range[1], x) : x;
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
	s->range[0] = s->n ? fmin(s->range[0], f->range[0]) : f->range[0];
	s->range[1] = s->n ? fmax(s->range[1], f->range[1]) : f->range[1];
	s->n += f->n;
	for (size_t i = 0; i < 4; i++)
		dd_add_dd(&s->sums[i], f->sums[i]);
}

static void write_powers(const void *state, const struct form_writer *w)
{
	const struct powers_state *s = state;

	write_sums(w, s->n, s->range, 2, s->sums, 4);
}

static bool read_powers(void *state, struct json_span object, const struct form_reader *r)
{
	struct powers_state *s = state;

	(void)r;
	return read_sums(object, &s->n, s->range, 2, s->sums, 4);
}

const struct agg_kind agg_kind_powers = {
	.name = "skew and kurt",
	.bytes = sizeof(struct powers_state),
	.need = AGG_NUMBER,
	.add = add_powers,
	.merge = merge_powers,
	.write = write_powers,
	.read = read_powers,
};

/* n sum(x y) - sum(x) sum(y) */
static double cross(double n, struct dd xy, struct dd x, struct dd y)
{
	struct dd terms[] = {times(xy, n), times(multiply(x, y), -1)};

	return add_up(terms, 2, n);
}

/* The adjusted coefficient of Fisher and Pearson: sqrt(n (n - 1)) / (n - 2) * m3 / m2^1.5. */
void agg_finish_skew(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct powers_state *s = state;
	const struct dd *p = s->sums;
	double n = (double)s->n, m2, m3;

	(void)call;
	if (s->n < 3 || s->range[0] == s->range[1])
		return;
	m2 = cross(n, p[1], p[0], p[0]);
	m3 = add_up((struct dd[]){times(p[2], n * n), times(multiply(p[0], p[1]), -3 * n),
			    times(multiply(multiply(p[0], p[0]), p[0]), 2)},
		3, n);
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
	if (s->n < 4 || s->range[0] == s->range[1])
		return;
	m2 = cross(n, p[1], p[0], p[0]);
	m4 = add_up((struct dd[]){times(times(p[3], n * n), n), times(multiply(p[0], p[2]), -4 * n * n),
			    times(multiply(square, p[1]), 6 * n), times(multiply(square, square), -3)},
		4, n);
	agg_set_digits(r, (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (m4 / m2 / m2) - 3 * (n - 1)));
}

/* ---- covar, corr, slope, r2 ---- */

enum { A, B, AA, BB, AB, N_SUMS };
enum { A_MIN, A_MAX, B_MIN, B_MAX, N_RANGE };

struct pairs_state {
	uint64_t n;
	double range[N_RANGE];
	struct dd sums[N_SUMS];
};

static void widen_range(struct pairs_state *s, const double range[N_RANGE])
{
	for (size_t i = 0; i < N_RANGE; i++) {
		if (!s->n)
			s->range[i] = range[i];
		else
			s->range[i] = i % 2 ? fmax(s->range[i], range[i]) : fmin(s->range[i], range[i]);
	}
}

static void add_pair(void *state, const struct agg_input *in)
{
	struct pairs_state *s = state;
	double a = in->a->num.value, b = in->b->num.value;

	widen_range(s, (double[]){a, a, b, b});
	s->n++;
	dd_add(&s->sums[A], a);
	dd_add(&s->sums[B], b);
	dd_add_dd(&s->sums[AA], dd_two_product(a, a));
	dd_add_dd(&s->sums[BB], dd_two_product(b, b));
	dd_add_dd(&s->sums[AB], dd_two_product(a, b));
}

static void merge_pairs(void *into, const void *from, struct agg_list *list)
{
	struct pairs_state *s = into;
	const struct pairs_state *f = from;

	(void)list;
	if (!f->n)
		return;
	widen_range(s, f->range);
	s->n += f->n;
	for (size_t i = 0; i < N_SUMS; i++)
		dd_add_dd(&s->sums[i], f->sums[i]);
}

static void write_pairs(const void *state, const struct form_writer *w)
{
	const struct pairs_state *s = state;

	write_sums(w, s->n, s->range, N_RANGE, s->sums, N_SUMS);
}

static bool read_pairs(void *state, struct json_span object, const struct form_reader *r)
{
	struct pairs_state *s = state;

	(void)r;
	return read_sums(object, &s->n, s->range, N_RANGE, s->sums, N_SUMS);
}

const struct agg_kind agg_kind_pairs = {
	.name = "corr and slope",
	.bytes = sizeof(struct pairs_state),
	.need = AGG_NUMBER,
	.second_need = AGG_NUMBER,
	.add_input = add_pair,
	.merge = merge_pairs,
	.write = write_pairs,
	.read = read_pairs,
};

static double cross_ab(const struct pairs_state *s)
{
	return cross((double)s->n, s->sums[AB], s->sums[A], s->sums[B]);
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
	if (s->n >= 2 && s->range[B_MIN] != s->range[B_MAX])
		agg_set_digits(r, cross_ab(s) / cross((double)s->n, s->sums[BB], s->sums[B], s->sums[B]));
}

/* False where one of the two is constant. */
static bool find_correlation(const struct pairs_state *s, double *correlation)
{
	double n = (double)s->n, a, b;

	if (s->n < 2 || s->range[A_MIN] == s->range[A_MAX] || s->range[B_MIN] == s->range[B_MAX])
		return false;
	a = cross(n, s->sums[AA], s->sums[A], s->sums[A]);
	b = cross(n, s->sums[BB], s->sums[B], s->sums[B]);
	if (a <= 0 || b <= 0) /* no more than rounding */
		return false;
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
