/*
 * num_scan: the digits of a JSON number as one integer, eight at a time. Private to lib/num.
 */
#ifndef TLM_NUM_SCAN_H
#define TLM_NUM_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SCAN_DIGITS_MAX = 19 }; /* as many as always fit 64 bits */

/* value = digits * 10^exponent */
struct scan {
	uint64_t digits;
	int64_t exponent;
	bool is_negative;
};

static inline bool scan_is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

static inline uint64_t scan_load8(const char *p)
{
	uint64_t chunk;

	memcpy(&chunk, p, sizeof chunk);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	chunk = __builtin_bswap64(chunk);
#endif
	return chunk;
}

/* Whether all eight bytes are digits: the high half of each is 3, and still is when 6 is added. */
static inline bool scan_is_8_digits(uint64_t chunk)
{
	const uint64_t high = UINT64_C(0xF0F0F0F0F0F0F0F0);

	return ((chunk & high) | ((chunk + UINT64_C(0x0606060606060606)) & high) >> 4) == UINT64_C(0x3333333333333333);
}

/* Eight digits, the first in the lowest byte: pairs, then fours, then all by two multiplications. */
static inline uint64_t scan_8_digits(uint64_t chunk)
{
	const uint64_t mask = UINT64_C(0x000000FF000000FF);

	chunk -= UINT64_C(0x3030303030303030);
	chunk = chunk * 10 + (chunk >> 8);
	return ((chunk & mask) * (100 + (UINT64_C(1000000) << 32)) +
		       (chunk >> 16 & mask) * (1 + (UINT64_C(10000) << 32))) >>
	       32;
}

/* Digits from p on, added behind those in *value (which wraps beyond 19). Returns where they end. */
static inline const char *scan_digits(const char *p, const char *end, uint64_t *value)
{
	uint64_t v = *value;

	while (end - p >= 8 && scan_is_8_digits(scan_load8(p))) {
		v = v * 100000000 + scan_8_digits(scan_load8(p));
		p += 8;
	}
	while (p < end && scan_is_digit(*p))
		v = v * 10 + (uint64_t)(*p++ - '0');
	*value = v;
	return p;
}

/* The exponent behind 'e', cut to what no digits can reach. */
static inline int64_t scan_exponent(const char *p, const char *end)
{
	const int64_t max = INT64_C(1000000000000000);
	bool is_negative = *p == '-';
	int64_t value = 0;

	p += *p == '-' || *p == '+';
	for (; p < end; p++)
		value = value < max ? value * 10 + (*p - '0') : max;
	if (value > max)
		value = max;
	return is_negative ? -value : value;
}

/* A valid JSON number. False when it has more than 19 digits, zeros in front counted: see num_decimal.h. */
static inline bool scan_number(struct scan *s, const char *p, size_t len)
{
	const char *end = p + len, *from;
	size_t n;

	s->is_negative = *p == '-';
	p += s->is_negative;
	s->digits = 0;
	s->exponent = 0;
	from = p;
	p = scan_digits(p, end, &s->digits);
	n = (size_t)(p - from);
	if (p < end && *p == '.') {
		from = ++p;
		p = scan_digits(p, end, &s->digits);
		n += (size_t)(p - from);
		s->exponent = from - p;
	}
	if (n > SCAN_DIGITS_MAX)
		return false;
	if (p < end)
		s->exponent += scan_exponent(p + 1, end);
	return true;
}

#endif
