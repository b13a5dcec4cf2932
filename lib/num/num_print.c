#include "num/num.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/num_shortest.h"

__extension__ typedef unsigned __int128 num_u128;

enum { DIGITS_MAX = 17, DIGITS_SURE = 15, ZEROS_ADDED = 15, ZEROS_IN_FRONT = 3 };

/* value = 0.DDDD * 10^point, n digits; from n on there are zeros */
struct text {
	num_u128 digits; /* 16 bytes of 0 to 9, the first in the lowest byte */
	uint8_t last;    /* the 17th */
	int n;
	int point;
};

/* 1, 10, ... 10^19, as bounds: that of one digit is 0 */
static const uint64_t powers[20] = {0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
	UINT64_C(10000000000), UINT64_C(100000000000), UINT64_C(1000000000000), UINT64_C(10000000000000),
	UINT64_C(100000000000000), UINT64_C(1000000000000000), UINT64_C(10000000000000000),
	UINT64_C(100000000000000000), UINT64_C(1000000000000000000), UINT64_C(10000000000000000000)};

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

static void store16(char *out, num_u128 digits)
{
	store8(out, (uint64_t)digits);
	store8(out + 8, (uint64_t)(digits >> 64));
}

/* All 17 digits at once; the zeros at both ends are found by their bytes. */
static void set_digits(struct text *t, struct shortest s)
{
	uint32_t first = (uint32_t)(s.digits / UINT64_C(10000000000000000));
	uint64_t rest = s.digits % UINT64_C(10000000000000000);
	uint64_t high = spread_digits((uint32_t)(rest / 100000000)), low = spread_digits((uint32_t)(rest % 100000000));
	num_u128 digits = (num_u128)low << 64 | high;
	int leading = 0, trailing;

	assert(s.digits > 0 && first <= 9);
	if (low)
		trailing = __builtin_clzll(low) / 8;
	else
		trailing = high ? 8 + __builtin_clzll(high) / 8 : 16;
	if (first) {
		t->digits = digits << 8 | first;
		t->last = (uint8_t)(low >> 56);
	} else {
		leading = high ? __builtin_ctzll(high) / 8 : 8 + __builtin_ctzll(low) / 8;
		t->digits = digits >> leading * 8;
		t->last = 0;
		leading++;
	}
	t->n = DIGITS_MAX - leading - trailing;
	t->point = DIGITS_MAX - leading + s.exponent;
}

/* d.ddde+XX */
static char *put_exponential(char *out, const struct text *t)
{
	int exponent = t->point - 1;

	*out++ = (char)('0' + (int)(t->digits & 0xF));
	*out = '.';
	store16(out + 1, t->digits >> 8 | (num_u128)t->last << 120);
	out += t->n > 1 ? t->n : 0;
	*out++ = 'e';
	*out++ = exponent < 0 ? '-' : '+';
	exponent = abs(exponent);
	if (exponent >= 100)
		*out++ = (char)('0' + exponent / 100);
	memcpy(out, pairs + exponent % 100 * 2, 2);
	return out + 2;
}

/* All 17 digits, zeros behind them. */
static void put_digits(char *out, const struct text *t)
{
	store16(out, t->digits);
	out[DIGITS_MAX - 1] = (char)('0' + t->last);
}

/* ddd.ddd : a gap is opened in the word, so that all is stored at once. */
static char *put_point(char *out, const struct text *t)
{
	if (t->point < 16) {
		num_u128 below = t->digits & (((num_u128)1 << t->point * 8) - 1);

		store16(out, below | (t->digits - below) << 8);
		out[16] = (char)('0' + (int)(t->digits >> 120));
	} else {
		store16(out, t->digits);
	}
	out[17] = (char)('0' + t->last);
	out[t->point] = '.';
	return out + t->n + 1;
}

/*
 * The layout of jq: plain while no more than 15 zeros have to be added behind and 3 in front. Words of fixed length
 * are stored; NUM_DOUBLE_BYTES leaves room for what they write too much.
 */
static size_t lay_out(char *out, const struct text *t, bool is_negative)
{
	char *start = out;

	*out = '-';
	out += is_negative;
	if (t->point < -ZEROS_IN_FRONT || t->point > t->n + ZEROS_ADDED) {
		out = put_exponential(out, t);
	} else if (t->point <= 0) {
		memcpy(out, "0.000", 5);
		out += 2 - t->point;
		put_digits(out, t);
		out += t->n;
	} else if (t->point < t->n) {
		out = put_point(out, t);
	} else {
		put_digits(out, t);
		memset(out + DIGITS_MAX, '0', ZEROS_ADDED);
		out += t->point;
	}
	return (size_t)(out - start);
}

/*
 * Up to three decimals, as most measurements have. A decimal of at most 15 digits that reads back to the value is
 * the only one, so no shorter one is missed. Returns 0 for any other value.
 */
static size_t print_thousandths(char *out, double magnitude, bool is_negative)
{
	int64_t thousandths = (int64_t)(magnitude * 1000 + 0.5);
	uint32_t rest = (uint32_t)(thousandths % 1000);
	size_t len;

	if ((double)thousandths / 1000 != magnitude)
		return 0;
	*out = '-';
	len = is_negative + num_print_i64(out + is_negative, thousandths / 1000);
	if (rest == 0)
		return len;
	out[len] = '.';
	out[len + 1] = (char)('0' + rest / 100);
	memcpy(out + len + 2, pairs + rest % 100 * 2, 2);
	return len + 4 - (rest % 10 == 0) - (rest % 100 == 0);
}

size_t num_print_double(char out[NUM_DOUBLE_BYTES], double value)
{
	double magnitude = fabs(value);
	size_t len = 0;
	struct text t;

	assert(magnitude <= DBL_MAX);
	if (magnitude < 1e12)
		len = print_thousandths(out, magnitude, signbit(value));
	else if (magnitude < 1e15 && (double)(int64_t)magnitude == magnitude)
		len = num_print_i64(out, (int64_t)value);
	if (len)
		return len;
	set_digits(&t, num_shortest(magnitude));
	return lay_out(out, &t, signbit(value));
}

/* As printf rounds, whatever the locale's point is. */
static struct shortest round_exactly(double magnitude, int n)
{
	struct shortest s = {0, 0};
	char text[64];
	char *exponent;

	snprintf(text, sizeof text, "%.*e", n - 1, magnitude);
	exponent = strchr(text, 'e');
	for (char *p = text; p < exponent; p++)
		if (*p >= '0' && *p <= '9')
			s.digits = s.digits * 10 + (uint64_t)(*p - '0');
	s.exponent = atoi(exponent + 1) - n + 1;
	return s;
}

/*
 * Rounding the shortest digits rounds the value itself: if a half lay between the two, it would be in the value's
 * interval too, nearer and no longer, and so would be the shortest itself. Only where the shortest is a half must
 * the value decide. And up to 15 digits that are shortest for a normal double are the value rounded to 15. The rest
 * goes to printf.
 */
static struct shortest round_shortest(double magnitude, int n)
{
	struct shortest s = num_shortest(magnitude);
	int more = count_digits(s.digits) - n;
	uint64_t unit = more > 0 ? powers[more] : 1, rest = s.digits % unit;

	if (rest == 0)
		return n > DIGITS_SURE || magnitude < DBL_MIN ? round_exactly(magnitude, n) : s;
	if (rest * 2 == unit)
		return round_exactly(magnitude, n);
	return (struct shortest){s.digits / unit + (rest * 2 > unit), s.exponent + more};
}

size_t num_print_digits(char out[NUM_DOUBLE_BYTES], double value, int digits)
{
	double magnitude = fabs(value);
	struct text t;

	assert(magnitude <= DBL_MAX && digits >= 1 && digits <= DIGITS_MAX);
	if (magnitude <= 0)
		return print_thousandths(out, magnitude, signbit(value));
	set_digits(&t, round_shortest(magnitude, digits));
	return lay_out(out, &t, value < 0);
}
