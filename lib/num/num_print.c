#include "num/num.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/num_shortest.h"

enum { DIGITS_MAX = 17, DIGITS_SURE = 15 };

/* value = 0.DDDD * 10^point; no zeros at the end */
struct text {
	char digits[24];
	int n;
	int point;
};

/* "00" to "99" */
static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
			    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
			    "8081828384858687888990919293949596979899";

/* The digits of value so that they end before `end`; returns where they begin. */
static char *print_backward(char *end, uint64_t value)
{
	while (value >= 100) {
		end -= 2;
		memcpy(end, pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		end -= 2;
		memcpy(end, pairs + value * 2, 2);
	} else {
		*--end = (char)('0' + value);
	}
	return end;
}

size_t num_print_i64(char out[NUM_DOUBLE_BYTES], int64_t value)
{
	char digits[24];
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char *first = print_backward(digits + 20, magnitude);
	size_t len = (size_t)(digits + 20 - first);

	*out = '-';
	memcpy(out + (value < 0), first, len);
	return len + (value < 0);
}

static void set_digits(struct text *t, struct shortest s)
{
	char digits[24];
	char *first;

	while (s.digits % 100 == 0) {
		s.digits /= 100;
		s.exponent += 2;
	}
	if (s.digits % 10 == 0) {
		s.digits /= 10;
		s.exponent++;
	}
	first = print_backward(digits + 20, s.digits);
	t->n = (int)(digits + 20 - first);
	t->point = t->n + s.exponent;
	memcpy(t->digits, first, (size_t)t->n);
}

/* Digits and exponent as printf rounds them, whatever the locale's point is. */
static void set_printf(struct text *t, double magnitude, int n)
{
	char text[64];
	char *exponent;

	snprintf(text, sizeof text, "%.*e", n - 1, magnitude);
	exponent = strchr(text, 'e');
	t->n = 0;
	for (char *p = text; p < exponent; p++)
		if (*p >= '0' && *p <= '9')
			t->digits[t->n++] = *p;
	while (t->n > 1 && t->digits[t->n - 1] == '0')
		t->n--;
	t->point = atoi(exponent + 1) + 1;
}

/* d.ddde+XX */
static char *put_exponential(char *out, const struct text *t)
{
	int exponent = t->point - 1;

	*out++ = t->digits[0];
	if (t->n > 1) {
		*out++ = '.';
		memcpy(out, t->digits + 1, DIGITS_MAX - 1);
		out += t->n - 1;
	}
	*out++ = 'e';
	*out++ = exponent < 0 ? '-' : '+';
	exponent = abs(exponent);
	if (exponent >= 100)
		*out++ = (char)('0' + exponent / 100);
	memcpy(out, pairs + exponent % 100 * 2, 2);
	return out + 2;
}

/*
 * The layout of jq: plain while no more than 15 zeros have to be added behind and 3 in front. Copies have fixed
 * lengths, which is faster than exact ones; NUM_DOUBLE_BYTES leaves room for what they write too much.
 */
static size_t lay_out(char *out, const struct text *t, bool is_negative)
{
	char *start = out;

	*out = '-';
	out += is_negative;
	if (t->point <= -4 || t->point > t->n + 15) {
		out = put_exponential(out, t);
	} else if (t->point <= 0) {
		memcpy(out, "0.000", 5);
		out += 2 - t->point;
		memcpy(out, t->digits, DIGITS_MAX);
		out += t->n;
	} else if (t->point < t->n) {
		memcpy(out, t->digits, DIGITS_MAX);
		memcpy(out + t->point + 1, t->digits + t->point, (size_t)(t->n - t->point));
		out[t->point] = '.';
		out += t->n + 1;
	} else {
		memcpy(out, t->digits, (size_t)t->n);
		memset(out + t->n, '0', (size_t)(t->point - t->n));
		out += t->point;
	}
	return (size_t)(out - start);
}

static size_t print_zero(char *out, bool is_negative)
{
	memcpy(out, "-0", 2);
	if (is_negative)
		return 2;
	*out = '0';
	return 1;
}

size_t num_print_double(char out[NUM_DOUBLE_BYTES], double value)
{
	double magnitude = fabs(value);
	struct text t;

	assert(magnitude <= DBL_MAX);
	if (magnitude < 1e15 && magnitude >= 1 && (double)(int64_t)magnitude == magnitude)
		return num_print_i64(out, (int64_t)value);
	if (magnitude <= 0)
		return print_zero(out, signbit(value));
	set_digits(&t, num_shortest(magnitude));
	return lay_out(out, &t, value < 0);
}

/* Rounds to n digits by what is cut off; a tie must have been decided before. */
static void round_digits(struct text *t, int n)
{
	bool is_up = t->digits[n] >= '5';

	t->n = n;
	if (is_up) {
		while (t->n > 0 && t->digits[t->n - 1] == '9')
			t->n--;
		if (t->n == 0) {
			t->digits[t->n++] = '1';
			t->point++;
		} else {
			t->digits[t->n - 1]++;
		}
	}
	while (t->n > 1 && t->digits[t->n - 1] == '0')
		t->n--;
}

/*
 * Rounding the shortest digits rounds the value itself: if a half lay between the two, it would be in the value's
 * interval too, nearer and no longer, and so would be the shortest itself. Only where the shortest is a half must
 * the value decide. And up to 15 digits that are shortest for a normal double are the value rounded to 15. The rest
 * goes to printf.
 */
size_t num_print_digits(char out[NUM_DOUBLE_BYTES], double value, int digits)
{
	double magnitude = fabs(value);
	struct text t;
	bool is_half;

	assert(magnitude <= DBL_MAX && digits >= 1 && digits <= DIGITS_MAX);
	if (magnitude <= 0)
		return print_zero(out, signbit(value));
	set_digits(&t, num_shortest(magnitude));
	is_half = t.n == digits + 1 && t.digits[digits] == '5';
	if (is_half || (t.n <= digits && (digits > DIGITS_SURE || magnitude < DBL_MIN)))
		set_printf(&t, magnitude, digits);
	else if (t.n > digits)
		round_digits(&t, digits);
	return lay_out(out, &t, value < 0);
}
