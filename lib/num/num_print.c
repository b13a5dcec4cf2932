#include "num/num.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/num_shortest.h"

enum { DIGITS_MAX = 17, DIGITS_SURE = 15 };

/* value = 0.DDDD * 10^point; no zeros at the end. Copies read more bytes than there are digits. */
struct text {
	char digits[40];
	int n;
	int point;
};

/* "00" to "99" */
static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
			    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
			    "8081828384858687888990919293949596979899";

/* Eight digits as bytes 0 to 9, the first in the lowest byte: halves, then pairs, then digits, side by side. */
static uint64_t spread_digits(uint32_t value)
{
	uint64_t v = value / 10000 | (uint64_t)(value % 10000) << 32;
	uint64_t hundreds = (v * 10486 >> 20) & UINT64_C(0x0000007F0000007F);
	uint64_t tens;

	v = hundreds | (v - 100 * hundreds) << 16;
	tens = (v * 103 >> 10) & UINT64_C(0x000F000F000F000F);
	return tens | (v - 10 * tens) << 8;
}

static void store8(char *out, uint64_t word)
{
	word |= UINT64_C(0x3030303030303030);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	memcpy(out, &word, sizeof word);
}

/* How many digits value has, 1 to 20: 1233 / 4096 is log10(2) from above. */
static int count_digits(uint64_t value)
{
	static const uint64_t powers[20] = {0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
		UINT64_C(10000000000), UINT64_C(100000000000), UINT64_C(1000000000000), UINT64_C(10000000000000),
		UINT64_C(100000000000000), UINT64_C(1000000000000000), UINT64_C(10000000000000000),
		UINT64_C(100000000000000000), UINT64_C(1000000000000000000), UINT64_C(10000000000000000000)};
	int guess = (64 - __builtin_clzll(value | 1)) * 1233 >> 12;

	return guess + (value >= powers[guess]);
}

size_t num_print_i64(char out[NUM_DOUBLE_BYTES], int64_t value)
{
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	size_t len = (size_t)(count_digits(rest) + (value < 0));
	char *end = out + len;

	*out = '-';
	for (; rest >= 100000000; rest /= 100000000) {
		end -= 8;
		store8(end, spread_digits((uint32_t)(rest % 100000000)));
	}
	for (; rest >= 100; rest /= 100) {
		end -= 2;
		memcpy(end, pairs + rest % 100 * 2, 2);
	}
	if (rest >= 10)
		memcpy(end - 2, pairs + rest * 2, 2);
	else
		end[-1] = (char)('0' + rest);
	return len;
}

/* All 17 digits at once, then the zeros at both ends are found by their bytes. */
static void set_digits(struct text *t, struct shortest s)
{
	uint32_t first = (uint32_t)(s.digits / UINT64_C(10000000000000000));
	uint64_t rest = s.digits % UINT64_C(10000000000000000);
	uint64_t high = spread_digits((uint32_t)(rest / 100000000)), low = spread_digits((uint32_t)(rest % 100000000));
	int leading = 0, trailing;
	char all[2 * DIGITS_MAX];

	assert(s.digits > 0 && first <= 9);
	if (!first)
		leading = high ? 1 + __builtin_ctzll(high) / 8 : 9 + __builtin_ctzll(low) / 8;
	if (low)
		trailing = __builtin_clzll(low) / 8;
	else
		trailing = high ? 8 + __builtin_clzll(high) / 8 : 16;
	t->n = DIGITS_MAX - leading - trailing;
	t->point = DIGITS_MAX - leading + s.exponent;
	all[0] = (char)('0' + first);
	store8(all + 1, high);
	store8(all + 9, low);
	memcpy(t->digits, all + leading, DIGITS_MAX);
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
		memcpy(out + t->point + 1, t->digits + t->point, DIGITS_MAX - 1);
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
