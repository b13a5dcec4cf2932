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

static inline uint64_t scan_load4(const char *p)
{
	uint32_t chunk;

	memcpy(&chunk, p, sizeof chunk);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	chunk = __builtin_bswap32(chunk);
#endif
	return chunk;
}

/* Whether all eight bytes are digits: the high half of each is 3, and still is when 6 is added. */
static inline bool scan_is_8_digits(uint64_t chunk)
{
	const uint64_t high = UINT64_C(0xF0F0F0F0F0F0F0F0);

	return ((chunk & high) | ((chunk + UINT64_C(0x0606060606060606)) & high) >> 4) == UINT64_C(0x3333333333333333);
}

/* Eight digits, or zero bytes, the first in the lowest byte: pairs, then fours, then all by two multiplications. */
static inline uint64_t scan_8_digits(uint64_t chunk)
{
	const uint64_t mask = UINT64_C(0x000000FF000000FF);

	chunk &= UINT64_C(0x0F0F0F0F0F0F0F0F);
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

/* The n bytes at p, 1 to 8, at the high end of a word, the last in its highest byte, below them zeros. */
static inline uint64_t scan_load_end(const char *p, size_t n)
{
	unsigned up = (unsigned)(8 - n) * 8;

	if (n == 8)
		return scan_load8(p);
	if (n < 4)
		return (uint64_t)(unsigned char)p[0] << up | (uint64_t)(unsigned char)p[n / 2] << (up + n / 2 * 8) |
		       (uint64_t)(unsigned char)p[n - 1] << 56;
	return scan_load4(p) << up | scan_load4(p + n - 4) << 32;
}

/* Bit 4 of each byte that is no digit but '.', 'e', 'E', '+', '-' or zero: those are the bytes without that bit. */
static inline uint64_t scan_others(uint64_t word)
{
	return ~word & UINT64_C(0x1010101010101010);
}

/* Takes the one '.' out of a word, and returns its byte; -1 when others say something else. */
static inline int scan_squeeze(uint64_t *word, uint64_t others)
{
	int dot = __builtin_ctzll(others) & ~7;
	uint64_t below = *word & ((UINT64_C(1) << dot) - 1);

	if ((others & (others - 1)) || (*word >> dot & 0xFF) != '.')
		return -1;
	*word = (*word & ~((UINT64_C(2) << dot << 7) - 1)) | below << 8;
	return dot / 8;
}

/*
 * Most numbers, without a loop or a branch per digit: up to 16 bytes of digits and a '.', or 20 with the '.' early.
 * Words of eight bytes are taken from the end. False for anything else: scan_number() goes on byte by byte.
 */
static inline bool scan_short(struct scan *s, const char *p, size_t len)
{
	size_t n = (len - 1) % 8 + 1;
	uint64_t head, tail, others, value;
	int dot = 7;

	if (len > SCAN_DIGITS_MAX + 1)
		return false;
	head = scan_load_end(p, n);
	others = scan_others(head) >> (8 - n) * 8 << (8 - n) * 8;
	if (len <= 8) {
		if (others)
			dot = scan_squeeze(&head, others);
		s->digits = scan_8_digits(head);
		s->exponent = dot - 7;
		return dot >= 0;
	}
	if (others)
		dot = scan_squeeze(&head, others);
	if (dot < 0)
		return false;
	tail = scan_load8(p + len - 8);
	if (len <= 16) {
		s->exponent = others ? dot - 15 : 0;
		if (scan_others(tail)) {
			dot = others ? -1 : scan_squeeze(&tail, scan_others(tail));
			s->exponent = dot - 7;
			/* the last digit of the head comes over the gap */
			tail |= head >> 56;
			head <<= 8;
		}
		s->digits = scan_8_digits(head) * 100000000 + scan_8_digits(tail);
		return dot >= 0;
	}
	value = scan_load8(p + len - 16);
	if (scan_others(value) || scan_others(tail) || len - (others != 0) > SCAN_DIGITS_MAX)
		return false;
	s->digits = (scan_8_digits(head) * 100000000 + scan_8_digits(value)) * 100000000 + scan_8_digits(tail);
	s->exponent = others ? dot - 23 : 0;
	return true;
}

/* A valid JSON number. False when it has more than 19 digits, zeros in front counted: see num_decimal.h. */
static inline bool scan_number(struct scan *s, const char *p, size_t len)
{
	const char *end = p + len, *from;
	size_t n;

	s->is_negative = *p == '-';
	p += s->is_negative;
	if (scan_short(s, p, (size_t)(end - p)))
		return true;
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
