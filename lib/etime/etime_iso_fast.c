/*
 * ISO times, their date and clock eight bytes at a time; "Z", and three or six digits of fraction with or without
 * "Z", by their place, other tails as the plain reader does. What does not fit is left to etime_iso.c, the one that
 * refuses.
 */
#include "etime/etime.h"

#include <string.h>

#include "etime/etime_parts.h"

/* The first byte is the lowest. */
static uint64_t load8(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/*
 * XOR with the shape ('0' where a digit stands) leaves 0 to 9 of a digit and 0 of a separator. Adding 6 to a digit,
 * 15 to a separator, then makes a byte reach 16 exactly when it is something else.
 */
static bool fits(uint64_t parts, uint64_t slack)
{
	return ((parts | (parts + slack)) & UINT64_C(0xF0F0F0F0F0F0F0F0)) == 0;
}

/* Byte i becomes ten times itself plus the byte behind it. */
static uint64_t join_pairs(uint64_t parts)
{
	return parts * 10 + (parts >> 8);
}

static int byte_at(uint64_t word, int i)
{
	return (int)(word >> i * 8 & 0xFF);
}

/* len is 19 or more. */
static bool read_clock(const char *p, struct etime_parts *t)
{
	/* "0000-00-", "00?00:00" whose '?' is the byte itself, "00:00:00"; the lowest byte is the first */
	uint64_t date = load8(p) ^ UINT64_C(0x2D30302D30303030);
	uint64_t middle = load8(p + 8) ^ (UINT64_C(0x30303A3030003030) | (uint64_t)(unsigned char)p[10] << 16);
	uint64_t clock = load8(p + 11) ^ UINT64_C(0x30303A30303A3030);

	if ((p[10] | 0x20) != 't' && p[10] != ' ')
		return false;
	if (!fits(date, UINT64_C(0x0F06060F06060606)) || !fits(middle, UINT64_C(0x06060F06060F0606)) ||
		!fits(clock, UINT64_C(0x06060F06060F0606)))
		return false;
	date = join_pairs(date);
	middle = join_pairs(middle);
	clock = join_pairs(clock);
	t->year = byte_at(date, 0) * 100 + byte_at(date, 2);
	t->month = byte_at(date, 5);
	t->day = byte_at(middle, 0);
	t->hour = byte_at(clock, 0);
	t->minute = byte_at(clock, 3);
	t->second = byte_at(clock, 6);
	return true;
}

/* A '.' and three or six digits. */
static bool read_fraction(const char *p, size_t len, int32_t *micros)
{
	int value = 0;
	bool is_bad = *p != '.';

	for (size_t i = 1; i < len; i++) {
		unsigned digit = (unsigned char)p[i] - (unsigned)'0';

		is_bad |= digit > 9;
		value = value * 10 + (int)digit;
	}
	*micros = len == 4 ? value * 1000 : value;
	return !is_bad;
}

/* Behind the seconds. */
static bool read_tail(const char *p, size_t len, struct etime_parts *t)
{
	const char *end = p + len;
	size_t digits = len - (len && (p[len - 1] | 0x20) == 'z');

	t->micros = 0;
	t->offset_s = 0;
	if (digits == 0)
		return true;
	if (digits == 4 || digits == 7)
		if (read_fraction(p, digits, &t->micros))
			return true;
	if (*p == '.') {
		p++;
		if (!etime_take_fraction(&p, end, &t->micros))
			return false;
	}
	return p == end || (etime_take_offset(&p, end, &t->offset_s) && p == end);
}

bool etime_parse_iso_fast(const char *p, size_t len, int64_t *us)
{
	struct etime_parts t;

	return len >= 19 && read_clock(p, &t) && read_tail(p + 19, len - 19, &t) && etime_from_parts(&t, us);
}
