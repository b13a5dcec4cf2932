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
 * 15 to a separator, then makes a byte reach 16 exactly when it is something else: a bit in one of the high halves.
 */
static uint64_t misfits(uint64_t parts, uint64_t slack)
{
	return (parts | (parts + slack)) & UINT64_C(0xF0F0F0F0F0F0F0F0);
}

/* Byte i becomes ten times itself plus the byte behind it. */
static uint64_t join_pairs(uint64_t parts)
{
	return parts * 10 + (parts >> 8);
}

static unsigned byte_at(uint64_t word, int i)
{
	return (unsigned)(word >> i * 8 & 0xFF);
}

/*
 * Days since 1970-01-01: years begin in March, so that the leap day is the last of its year; then a century has
 * 36,524 days and a fourth of one, and its years 365 and a fourth.
 */
static int64_t days_of(unsigned century, unsigned year, unsigned month, unsigned day)
{
	static const int16_t before[] = {306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275};
	const int days_to_1970 = 719468;

	if (month <= 2) {
		century -= year == 0;
		year = year ? year - 1 : 99;
	}
	return (int64_t)(century * 36524 + century / 4 + year * 1461 / 4 + day) + before[month - 1] - 1 - days_to_1970;
}

/* Reads "YYYY-MM-DDThh:mm:ss", in seconds since 1970. A leap second is left to the plain reader, too. */
static bool read_clock(const char *p, int64_t *seconds)
{
	/* "0000-00-", "00?00:00" of which the day is used, "00:00:00"; the lowest byte is the first */
	uint64_t date = load8(p) ^ UINT64_C(0x2D30302D30303030);
	uint64_t middle = (load8(p + 8) & UINT64_C(0xFFFF)) ^ UINT64_C(0x3030);
	uint64_t clock = load8(p + 11) ^ UINT64_C(0x30303A30303A3030);
	unsigned century, year, month, day, hour, minute, second;

	if (misfits(date, UINT64_C(0x0F06060F06060606)) | misfits(middle, UINT64_C(0x0606)) |
		misfits(clock, UINT64_C(0x06060F06060F0606)))
		return false;
	if (p[10] != 'T' && p[10] != ' ' && p[10] != 't')
		return false;
	date = join_pairs(date);
	clock = join_pairs(clock);
	century = byte_at(date, 0);
	year = byte_at(date, 2);
	month = byte_at(date, 5);
	day = byte_at(join_pairs(middle), 0);
	hour = byte_at(clock, 0);
	minute = byte_at(clock, 3);
	second = byte_at(clock, 6);
	if (month - 1 > 11 || day - 1 > 30 || hour > 23 || minute > 59 || second > 59 || century + year == 0)
		return false;
	if (day > 28 && (int)day > etime_days_in_month((int32_t)(century * 100 + year), (int)month))
		return false;
	*seconds = days_of(century, year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	return true;
}

/* A '.' and three or six digits, with len 4 or 7. */
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

/* Other fractions, and offsets, which may lead out of the range. */
static bool read_tail(const char *p, const char *end, int64_t seconds, int64_t *us)
{
	int32_t micros = 0, offset_s = 0;

	if (*p == '.') {
		p++;
		if (!etime_take_fraction(&p, end, &micros))
			return false;
	}
	if (p < end && (!etime_take_offset(&p, end, &offset_s) || p < end))
		return false;
	*us = (seconds - offset_s) * 1000000 + micros;
	return *us >= ETIME_MIN_US && *us <= ETIME_MAX_US;
}

bool etime_parse_iso_fast(const char *p, size_t len, int64_t *us)
{
	int32_t micros = 0;
	int64_t seconds;
	size_t digits;

	if (len < 19 || !read_clock(p, &seconds))
		return false;
	digits = len - 19 - (len > 19 && (p[len - 1] == 'Z' || p[len - 1] == 'z'));
	if (digits && !((digits == 4 || digits == 7) && read_fraction(p + 19, digits, &micros)))
		return read_tail(p + 19, p + len, seconds, us);
	*us = seconds * 1000000 + micros;
	return true;
}
