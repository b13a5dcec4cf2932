/* functions: the table of aggregate functions, and how each makes its result of a state. */
#include "aggregate/kinds.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DIGITS_OF_MOMENTS = 12 };
#define WORD 0x1p63 /* integers of 64 bits print as such: -WORD .. WORD - 1 */

static bool is_word(num_i128 v)
{
	return v >= INT64_MIN && v <= INT64_MAX;
}

/* A double as the nearest thing it is: null, an integer, or itself. */
void agg_set_double(struct agg_result *r, double value)
{
	r->value = value;
	if (!isfinite(value)) {
		r->type = AGG_NULL;
	} else if (value == floor(value) && value >= -WORD && value < WORD) {
		r->type = AGG_INTEGER;
		r->integer = (num_i128)value;
	} else {
		r->type = AGG_DOUBLE;
	}
}

static void set_integer(struct agg_result *r, num_i128 value)
{
	r->type = AGG_INTEGER;
	r->integer = value;
}

void agg_set_text(struct agg_result *r, struct slice text)
{
	r->type = AGG_TEXT;
	r->text = text;
}

void agg_set_num(struct agg_result *r, struct agg_num num)
{
	if (num.rest)
		set_integer(r, (num_i128)num.value + num.rest);
	else
		agg_set_double(r, num.value);
}

static void finish_count(const struct agg_call *call, const void *state, struct agg_result *r)
{
	(void)call;
	set_integer(r, (num_i128)((const struct agg_count_state *)state)->n);
}

static num_i128 integer_part(const struct agg_sum_state *s)
{
	__extension__ typedef unsigned __int128 u128;

	return (num_i128)((u128)s->integer_high << 64 | s->integer_low);
}

static void finish_sum(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct agg_sum_state *s = state;
	num_i128 whole = integer_part(s), total;

	(void)call;
	if (s->n && xsum_integer(&s->rest, whole, &total) && (is_word(total) || xsum_is_zero(&s->rest)))
		set_integer(r, total);
	else if (s->n)
		agg_set_double(r, xsum_divide(&s->rest, whole, 1));
}

static void finish_mean(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct agg_sum_state *s = state;
	num_i128 whole = integer_part(s), total, n = (num_i128)s->n;

	(void)call;
	if (s->n && xsum_integer(&s->rest, whole, &total) && total % n == 0 &&
		(is_word(total / n) || xsum_is_zero(&s->rest)))
		set_integer(r, total / n);
	else if (s->n)
		agg_set_double(r, xsum_divide(&s->rest, whole, s->n));
}

static void finish_min(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct agg_extrema_state *s = state;

	(void)call;
	if (s->is_used)
		agg_set_num(r, (struct agg_num){s->min, s->min_rest});
}

static void finish_max(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct agg_extrema_state *s = state;

	(void)call;
	if (s->is_used)
		agg_set_num(r, (struct agg_num){s->max, s->max_rest});
}

void agg_set_difference(struct agg_result *r, struct agg_num a, struct agg_num b)
{
	struct dd difference;

	if (a.value == floor(a.value) && b.value == floor(b.value) && fabs(a.value) <= WORD && fabs(b.value) <= WORD) {
		set_integer(r, (num_i128)a.value + a.rest - (num_i128)b.value - b.rest);
		return;
	}
	difference = dd_two_sum(a.value, -b.value);
	dd_add(&difference, a.rest);
	dd_add(&difference, -b.rest);
	agg_set_double(r, difference.high);
}

static void finish_range(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct agg_extrema_state *s = state;

	(void)call;
	if (s->is_used)
		agg_set_difference(r, (struct agg_num){s->max, s->max_rest}, (struct agg_num){s->min, s->min_rest});
}

/* The variance of a sample: (sum of squares - sum^2 / n) / (n - 1). What may be no more than the rounding of n
 * additions of 104 bits is none: a constant has no spread. */
static bool find_variance(const struct agg_moments_state *s, double *variance)
{
	struct dd square, spread = s->squares;
	double n = (double)s->n;

	if (s->n < 2)
		return false;
	square = dd_two_product(s->sum.high, s->sum.high);
	dd_add_dd(&square, dd_two_product(2 * s->sum.high, s->sum.low));
	dd_add(&square, s->sum.low * s->sum.low);
	square = dd_divide(square, n);
	dd_add_dd(&spread, (struct dd){-square.high, -square.low});
	*variance = spread.high > s->squares.high * n * 0x1p-104 ? dd_divide(spread, n - 1).high : 0;
	return true;
}

void agg_set_digits(struct agg_result *r, double value)
{
	r->value = value;
	r->type = isfinite(value) ? AGG_DIGITS : AGG_NULL;
}

static void finish_var(const struct agg_call *call, const void *state, struct agg_result *r)
{
	double variance;

	(void)call;
	if (find_variance(state, &variance))
		agg_set_digits(r, variance);
}

static void finish_stddev(const struct agg_call *call, const void *state, struct agg_result *r)
{
	double variance;

	(void)call;
	if (find_variance(state, &variance))
		agg_set_digits(r, sqrt(variance));
}

static void finish_text(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct agg_text_state *s = state;

	(void)call;
	if (s->text)
		agg_set_text(r, (struct slice){s->text, s->len});
}

/* The rank-th smallest value, rank from 1. */
static struct agg_num value_at(struct agg_quantile *q, uint64_t rank)
{
	if (q->sketch)
		return (struct agg_num){ddsketch_rank(q->sketch, rank), 0};
	if (!q->rests)
		return (struct agg_num){agg_quantile_select(q, rank), 0};
	agg_quantile_sort(q);
	return (struct agg_num){q->values[rank - 1], q->rests[rank - 1]};
}

/* Nearest rank: the ceil(share * n)-th smallest. */
static void finish_percentile(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct agg_quantile *q = ((const struct agg_quantile_state *)state)->q;
	num_i128 whole = (num_i128)100 * (num_i128)call->percent_scale, rank;

	if (!q)
		return;
	rank = ((num_i128)q->n * (num_i128)call->percent + whole - 1) / whole;
	agg_set_num(r, value_at(q, rank ? (uint64_t)rank : 1));
	r->is_approximate = q->sketch != NULL;
}

static void set_middle(struct agg_result *r, struct agg_num a, struct agg_num b)
{
	struct dd sum;

	if (a.value == floor(a.value) && b.value == floor(b.value) && fabs(a.value) <= WORD && fabs(b.value) <= WORD) {
		num_i128 total = (num_i128)a.value + a.rest + (num_i128)b.value + b.rest;

		if (total % 2 == 0 && is_word(total / 2))
			set_integer(r, total / 2);
		else
			agg_set_double(r, (double)total / 2);
		return;
	}
	sum = dd_two_sum(a.value, b.value);
	dd_add(&sum, a.rest + b.rest);
	if (isfinite(sum.high))
		agg_set_double(r, sum.high / 2);
	else
		agg_set_double(r, a.value / 2 + b.value / 2);
}

static void finish_median(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct agg_quantile *q = ((const struct agg_quantile_state *)state)->q;

	(void)call;
	if (!q)
		return;
	if (q->n % 2)
		agg_set_num(r, value_at(q, q->n / 2 + 1));
	else
		set_middle(r, value_at(q, q->n / 2), value_at(q, q->n / 2 + 1));
	r->is_approximate = q->sketch != NULL;
}

static void finish_distinct(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct agg_distinct *d = ((const struct agg_distinct_state *)state)->d;

	(void)call;
	set_integer(r, (num_i128)agg_distinct_count(d));
	r->is_approximate = d && d->hll;
}

/* ---- round ---- */

/* The text of a finite double as digits * 10^exponent, digits below 10^17. */
static uint64_t read_decimal(const char *p, size_t len, int *exponent)
{
	uint64_t digits = 0;
	bool is_fraction = false;
	size_t i = 0;

	*exponent = 0;
	for (; i < len && p[i] != 'e'; i++) {
		if (p[i] == '.') {
			is_fraction = true;
		} else if (p[i] != '-') {
			digits = digits * 10 + (uint64_t)(p[i] - '0');
			*exponent -= is_fraction;
		}
	}
	if (i < len) {
		int64_t e = 0;

		/* num prints "e+17" */
		for (bool is_minus = p[++i] == '-'; ++i < len;)
			e = e * 10 + (is_minus ? '0' - p[i] : p[i] - '0');
		*exponent += (int)e;
	}
	return digits;
}

static void round_double(struct agg_result *r, int digits)
{
	char text[NUM_DOUBLE_BYTES];
	size_t len = r->type == AGG_DIGITS ? num_print_digits(text, r->value, DIGITS_OF_MOMENTS)
					   : num_print_double(text, r->value);
	uint64_t decimal, unit = 1;
	int exponent;

	/* beyond 2^53 there is nothing behind the point */
	if (fabs(r->value) >= 0x1p53)
		return;
	decimal = read_decimal(text, len, &exponent);
	if (-exponent > digits + 18)
		decimal = 0;
	for (; - exponent > digits && decimal; exponent++)
		unit *= 10;
	decimal = (decimal + unit / 2) / unit;
	len = (size_t)snprintf(text, sizeof text, "%llue%d", (unsigned long long)decimal, exponent);
	agg_set_double(r, num_to_double(text, len) * (r->value < 0 ? -1 : 1) + 0.0);
}

void agg_round(struct agg_result *r, int digits)
{
	struct agg_value v = {.is_integer = false};

	if (r->type == AGG_TEXT && num_is_json(r->text.p, r->text.len)) {
		agg_read_number_plain(r->text.p, r->text.len, &v);
		if (v.is_integer)
			set_integer(r, v.integer);
		else
			agg_set_double(r, v.num.value);
	}
	if (r->type == AGG_DOUBLE || r->type == AGG_DIGITS)
		round_double(r, digits);
}

void agg_result_print(struct buf *out, const struct agg_result *r)
{
	switch (r->type) {
	case AGG_NULL:
		buf_add(out, "null", 4);
		break;
	case AGG_INTEGER:
		if (r->integer == (int64_t)r->integer)
			out->len += num_print_i64(buf_reserve(out, NUM_DOUBLE_BYTES), (int64_t)r->integer);
		else
			out->len += num_print_i128(buf_reserve(out, NUM_I128_BYTES), r->integer);
		break;
	case AGG_DOUBLE:
		out->len += num_print_double(buf_reserve(out, NUM_DOUBLE_BYTES), r->value);
		break;
	case AGG_DIGITS:
		out->len += num_print_digits(buf_reserve(out, NUM_DOUBLE_BYTES), r->value, DIGITS_OF_MOMENTS);
		break;
	case AGG_TEXT:
		buf_add_slice(out, r->text);
		break;
	}
}

const struct agg_function agg_functions[] = {
	{"count", &agg_kind_records, "", 0, finish_count, "records of the group"},
	{"count", &agg_kind_present, "f", 0, finish_count, "values that are neither absent nor null"},
	{"sum", &agg_kind_sum, "f", 0, finish_sum, "sum"},
	{"mean", &agg_kind_sum, "f", 0, finish_mean, "arithmetic mean"},
	{"min", &agg_kind_extrema, "f", 0, finish_min, "smallest number"},
	{"max", &agg_kind_extrema, "f", 0, finish_max, "largest number"},
	{"range", &agg_kind_extrema, "f", 0, finish_range, "max - min"},
	{"first", &agg_kind_first, "f", 0, finish_text, "value of the earliest record"},
	{"last", &agg_kind_last, "f", 0, finish_text, "value of the latest record"},
	{"stddev", &agg_kind_moments, "f", 0, finish_stddev, "standard deviation of a sample"},
	{"var", &agg_kind_moments, "f", 0, finish_var, "variance of a sample"},
	{"pNN", &agg_kind_quantile, "f", AGG_PERCENTILE | AGG_SKETCHED, finish_percentile,
		"percentile by nearest rank: p50 p95 p99.9"},
	{"median", &agg_kind_quantile, "f", AGG_SKETCHED, finish_median, "mean of the two middle values"},
	{"distinct", &agg_kind_distinct, "f", AGG_SKETCHED, finish_distinct, "number of different values"},
	{"argmin", &agg_kind_argmin, "ff", 0, agg_finish_arg, "value where the second field is smallest"},
	{"argmax", &agg_kind_argmax, "ff", 0, agg_finish_arg, "value where the second field is largest"},
	{"mode", &agg_kind_tally, "f", AGG_SKETCHED, agg_finish_mode, "the most frequent value"},
	{"topk", &agg_kind_tally, "fn", AGG_SKETCHED | AGG_COMPOUND, agg_finish_topk, "the n most frequent values"},
	{"set", &agg_kind_tally, "f", AGG_SKETCHED | AGG_COMPOUND, agg_finish_set, "the different values"},
	{"values", &agg_kind_values, "fn", AGG_COMPOUND, agg_finish_values, "the n earliest values"},
	{"skew", &agg_kind_powers, "f", 0, agg_finish_skew, "skewness of a sample"},
	{"kurt", &agg_kind_powers, "f", 0, agg_finish_kurt, "excess kurtosis of a sample"},
	{"covar", &agg_kind_pairs, "ff", 0, agg_finish_covar, "covariance of a sample"},
	{"corr", &agg_kind_pairs, "ff", 0, agg_finish_corr, "coefficient of correlation"},
	{"slope", &agg_kind_pairs, "ff", 0, agg_finish_slope, "least squares: the first field per one of the second"},
	{"r2", &agg_kind_pairs, "ff", 0, agg_finish_r2, "square of corr"},
	{"delta", &agg_kind_edges, "f", 0, agg_finish_delta, "latest value - earliest value"},
	{"rate", &agg_kind_edges, "f", AGG_TIMED, agg_finish_rate, "delta per second"},
	{"transitions", &agg_kind_changes, "f", 0, agg_finish_transitions, "how often the value changed"},
	{"max_gap", &agg_kind_times, "", AGG_TIMED, agg_finish_max_gap, "longest time between records, in seconds"},
	{"max_gap", &agg_kind_times, "f", AGG_TIMED, agg_finish_max_gap, "longest time between values, in seconds"},
	{"ewma", &agg_kind_numbers, "fx", 0, agg_finish_ewma, "exponentially weighted mean at the latest value"},
	{"distance", &agg_kind_positions, "ff", 0, agg_finish_distance, "length of the way, in metres"},
	{"bbox", &agg_kind_box, "ff", AGG_COMPOUND, agg_finish_bbox, "west, south, east, north of the positions"},
	{"hist", &agg_kind_hist, "fw", AGG_SKETCHED | AGG_COMPOUND, agg_finish_hist, "counts by bins of one width"},
	{"twa", &agg_kind_numbers, "f", AGG_HELD, agg_finish_twa, "mean weighted by how long each value holds"},
	{"integral", &agg_kind_numbers, "f", AGG_HELD, agg_finish_integral, "sum of value * seconds that it holds"},
	{"duration", &agg_kind_changes, "fv", AGG_HELD, agg_finish_duration, "seconds with this value"},
	{"time_above", &agg_kind_numbers, "fl", AGG_HELD, agg_finish_time_above, "seconds above this limit"},
	{"increase", &agg_kind_numbers, "f", AGG_HELD, agg_finish_increase, "what a counter rose by"},
	{"lttb", &agg_kind_numbers, "fm", AGG_COMPOUND | AGG_TIMED, agg_finish_lttb,
		"n samples that keep the shape of all"},
	{NULL, NULL, "", 0, NULL, NULL},
};
