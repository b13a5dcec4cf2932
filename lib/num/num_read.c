#include "num/num.h"

#include <string.h>

#include "num/num_decimal.h"
#include "num/num_pow10.h"
#include "num/num_scan.h"

__extension__ typedef unsigned __int128 num_u128;

enum {
	MANTISSA_BITS = 52,
	EXPONENT_BIAS = 1023,
	EXPONENT_INFINITE = 2047,
	POW10_DOUBLE_MAX = 22, /* the largest power of ten that is a double */
	READ_POW10_MAX = 308   /* times any integer above 0: beyond it everything is infinite */
};

static const double exact_powers[POW10_DOUBLE_MAX + 1] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && scan_is_digit(*p))
		p++;
	return p;
}

bool num_is_json(const char *p, size_t len)
{
	const char *end = p + len, *from;

	if (p < end && *p == '-')
		p++;
	from = p;
	p = skip_digits(p, end);
	if (p == from || (*from == '0' && p - from > 1))
		return false;
	if (p < end && *p == '.') {
		from = ++p;
		p = skip_digits(p, end);
		if (p == from)
			return false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		from = p;
		p = skip_digits(p, end);
		if (p == from)
			return false;
	}
	return p == end;
}

static double from_bits(uint64_t exponent, uint64_t mantissa)
{
	uint64_t bits = exponent << MANTISSA_BITS | mantissa;
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

/* The highest 128 bits of digits * 10^q; the low half of the power only where it can change the answer. */
static num_u128 multiply_power(uint64_t digits, int q)
{
	struct pow10 power = num_pow10(q);
	num_u128 product = (num_u128)digits * power.high;
	const uint64_t undecided = UINT64_MAX >> (MANTISSA_BITS + 3);

	if (((uint64_t)(product >> 64) & undecided) == undecided)
		product += (uint64_t)((num_u128)digits * power.low >> 64);
	return product;
}

/*
 * Eisel and Lemire: the nearest double of digits * 10^q out of one or two multiplications. Returns false in the rare
 * case that the bits at hand do not decide.
 */
static bool multiply_out(uint64_t digits, int64_t q, double *value)
{
	int zeros, upper;
	num_u128 product;
	uint64_t high, mantissa;
	int64_t exponent;

	if (digits == 0 || q < POW10_MIN) {
		*value = 0;
		return true;
	}
	if (q > READ_POW10_MAX) {
		*value = from_bits(EXPONENT_INFINITE, 0);
		return true;
	}
	zeros = __builtin_clzll(digits);
	product = multiply_power(digits << zeros, (int)q);
	if ((uint64_t)product == UINT64_MAX && (q < -27 || q > POW10_EXACT_MAX))
		return false;
	high = (uint64_t)(product >> 64);
	upper = (int)(high >> 63);
	/* 54 bits: one more than the double has, to round by */
	mantissa = high >> (upper + 64 - MANTISSA_BITS - 3);
	exponent = num_pow10_log2((int)q) + 63 + upper - zeros + EXPONENT_BIAS;
	if (exponent <= 0) {
		if (exponent < -62) {
			*value = 0;
			return true;
		}
		mantissa >>= 1 - exponent;
		mantissa = (mantissa + (mantissa & 1)) >> 1;
		/* rounding up to 2^52 makes the smallest normal number by itself */
		*value = from_bits(0, mantissa);
		return true;
	}
	/* exactly between two doubles: to even; it can happen for these powers only */
	if ((uint64_t)product <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 &&
		mantissa << (upper + 64 - MANTISSA_BITS - 3) == high)
		mantissa &= ~UINT64_C(1);
	mantissa = (mantissa + (mantissa & 1)) >> 1;
	if (mantissa == UINT64_C(2) << MANTISSA_BITS) {
		mantissa >>= 1;
		exponent++;
	}
	*value = exponent >= EXPONENT_INFINITE
			 ? from_bits(EXPONENT_INFINITE, 0)
			 : from_bits((uint64_t)exponent, mantissa & ~(UINT64_C(1) << MANTISSA_BITS));
	return true;
}

/* More than 19 digits: where the first 19, and those with 1 more, give the same double, the rest does not matter. */
static bool cut_digits(const struct decimal *d, double *value)
{
	uint64_t digits = 0;
	size_t n = 0;
	double above;

	for (const char *p = d->first; p < d->last && n < SCAN_DIGITS_MAX; p++)
		if (*p != '.') {
			digits = digits * 10 + (uint64_t)(*p - '0');
			n++;
		}
	if (!multiply_out(digits, d->point - (int64_t)n, value))
		return false;
	if (n == d->n_digits)
		return true;
	return multiply_out(digits + 1, d->point - (int64_t)n, &above) && *value >= above;
}

static double read_long(const char *p, size_t len)
{
	struct decimal d;
	double value;

	decimal_read(&d, p, len);
	if (!cut_digits(&d, &value))
		return decimal_to_double(&d);
	return d.is_negative ? -value : value;
}

double num_to_double(const char *p, size_t len)
{
	struct scan s;
	double value;

	if (!scan_number(&s, p, len))
		return read_long(p, len);
	if (s.digits <= UINT64_C(1) << 53 && s.exponent <= POW10_DOUBLE_MAX && s.exponent >= -POW10_DOUBLE_MAX) {
		/* Clinger: both are exact doubles, so that one operation rounds once */
		value = (double)s.digits;
		if (s.exponent < 0)
			value /= exact_powers[-s.exponent];
		else
			value *= exact_powers[s.exponent];
	} else if (!multiply_out(s.digits, s.exponent, &value)) {
		return read_long(p, len);
	}
	return s.is_negative ? -value : value;
}
