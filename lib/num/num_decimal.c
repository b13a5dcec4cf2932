#include "num/num_decimal.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"
#include "num/num.h"
#include "num/num_scan.h"

enum {
	POWERS_MAX = 9,
	DIGITS_MAX = 800,    /* 768 digits decide every double; what is behind them only breaks ties */
	EXPONENT_BYTES = 24, /* "e-1000000000000000" and a NUL */
};

void decimal_read(struct decimal *d, const char *p, size_t len)
{
	const char *end = p + len, *dot = NULL, *stop;

	d->is_negative = *p == '-';
	p += d->is_negative;
	for (stop = p; stop < end && (scan_is_digit(*stop) || *stop == '.'); stop++)
		if (*stop == '.')
			dot = stop;
	if (!dot)
		dot = stop;
	d->first = p;
	while (d->first < stop && (*d->first == '0' || *d->first == '.'))
		d->first++;
	d->last = stop;
	while (d->last > d->first && (d->last[-1] == '0' || d->last[-1] == '.'))
		d->last--;
	d->n_digits = (size_t)(d->last - d->first);
	d->point = 0;
	if (d->n_digits == 0)
		return;
	d->n_digits -= d->first < dot && dot < d->last;
	d->point = d->first < dot ? dot - d->first : dot + 1 - d->first;
	if (stop < end)
		d->point += scan_exponent(stop + 1, end);
}

static locale_t c_locale;

static void open_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!c_locale)
		mem_fail();
}

/* strtod of the first 800 digits; a 1 stands for all that follow, which is enough to decide a tie. */
double decimal_to_double(const struct decimal *d)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char text[2 + DIGITS_MAX + 1 + EXPONENT_BYTES];
	char *out = text;
	const char *p = d->first;
	int n = 0;

	if (d->n_digits == 0 || d->point < -400)
		return d->is_negative ? -0.0 : 0.0;
	if (d->point > 400)
		return d->is_negative ? -HUGE_VAL : HUGE_VAL;
	pthread_once(&once, open_c_locale);
	*out++ = '.';
	for (; p < d->last && n < DIGITS_MAX; p++) {
		if (*p == '.')
			continue;
		*out++ = *p;
		n++;
	}
	if (p < d->last)
		*out++ = '1';
	snprintf(out, EXPONENT_BYTES, "e%d", (int)d->point);
	return d->is_negative ? -strtod_l(text, NULL, c_locale) : strtod_l(text, NULL, c_locale);
}

/* The first n digits of the integer part (zeros behind the last one) as a number; false when that overflows. */
static bool take_digits(const struct decimal *d, int64_t n, uint64_t *value)
{
	const char *p = d->first;

	*value = 0;
	if (n > 20)
		return false;
	for (int64_t i = 0; i < n; i++) {
		uint64_t digit = 0;

		if (p < d->last && *p == '.')
			p++;
		if (p < d->last)
			digit = (uint64_t)(*p++ - '0');
		if (__builtin_mul_overflow(*value, UINT64_C(10), value) || __builtin_add_overflow(*value, digit, value))
			return false;
	}
	return true;
}

bool num_to_i64(const char *p, size_t len, int64_t *value)
{
	struct decimal d;
	struct scan s;
	uint64_t magnitude;

	if (scan_number(&s, p, len) && s.exponent == 0)
		return num_from_magnitude(s.digits, s.is_negative, value);
	decimal_read(&d, p, len);
	if (d.point < (int64_t)d.n_digits || !take_digits(&d, d.point, &magnitude))
		return false;
	return num_from_magnitude(magnitude, d.is_negative, value);
}

/* 64 bits times the last of these fit 127 */
static const uint64_t powers[POWERS_MAX + 1] = {
	1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

bool num_to_scaled(const char *p, size_t len, int decimals, int64_t *digits)
{
	struct decimal d;
	struct scan s;
	uint64_t magnitude = 0;
	int64_t n;

	if (scan_number(&s, p, len) && s.exponent + decimals >= 0 && s.exponent + decimals <= POWERS_MAX &&
		!__builtin_mul_overflow(s.digits, powers[s.exponent + decimals], &magnitude))
		return num_from_magnitude(magnitude, s.is_negative, digits);
	magnitude = 0;
	decimal_read(&d, p, len);
	n = d.point + decimals;
	if (d.n_digits && !take_digits(&d, n, &magnitude))
		return false;
	/* digits are cut: toward minus infinity means one more below zero */
	if (d.is_negative && d.n_digits && n < (int64_t)d.n_digits &&
		__builtin_add_overflow(magnitude, UINT64_C(1), &magnitude))
		return false;
	return num_from_magnitude(magnitude, d.is_negative, digits);
}

static int cmp_magnitudes(const struct decimal *a, const struct decimal *b)
{
	const char *p = a->first, *q = b->first;

	if (a->point != b->point)
		return a->point < b->point ? -1 : 1;
	for (;; p++, q++) {
		if (p < a->last && *p == '.')
			p++;
		if (q < b->last && *q == '.')
			q++;
		if (p == a->last || q == b->last)
			return (q == b->last) - (p == a->last);
		if (*p != *q)
			return *p < *q ? -1 : 1;
	}
}

/* Both as integers of one scale, where those fit 128 bits. */
static bool cmp_short(struct slice a, struct slice b, int *order)
{
	struct scan x, y;
	num_i128 v, w;

	if (!scan_number(&x, a.p, a.len) || !scan_number(&y, b.p, b.len) || x.exponent - y.exponent > POWERS_MAX ||
		y.exponent - x.exponent > POWERS_MAX)
		return false;
	v = x.digits;
	w = y.digits;
	if (x.exponent > y.exponent)
		v *= powers[x.exponent - y.exponent];
	else
		w *= powers[y.exponent - x.exponent];
	v = x.is_negative ? -v : v;
	w = y.is_negative ? -w : w;
	*order = (v > w) - (v < w);
	return true;
}

int num_cmp(struct slice a, struct slice b)
{
	struct decimal x, y;
	int sign_x, sign_y, order;

	if (cmp_short(a, b, &order))
		return order;
	decimal_read(&x, a.p, a.len);
	decimal_read(&y, b.p, b.len);
	sign_x = x.n_digits ? (x.is_negative ? -1 : 1) : 0;
	sign_y = y.n_digits ? (y.is_negative ? -1 : 1) : 0;
	if (sign_x != sign_y || sign_x == 0)
		return (sign_x > sign_y) - (sign_x < sign_y);
	return sign_x * cmp_magnitudes(&x, &y);
}
