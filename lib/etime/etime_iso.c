#include "etime/etime.h"

#include "etime/etime_parts.h"

#define ERA_US (INT64_C(146097) * 86400 * 1000000) /* 400 years */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* n digits at *p. */
static bool take_digits(const char **p, const char *end, int n, int *value)
{
	if (end - *p < n)
		return false;
	*value = 0;
	for (int i = 0; i < n; i++, ++*p) {
		if (!is_digit(**p))
			return false;
		*value = *value * 10 + (**p - '0');
	}
	return true;
}

static bool take_char(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	++*p;
	return true;
}

/* Any number of digits, at least one; what is below a microsecond is cut. */
bool etime_take_fraction(const char **p, const char *end, int32_t *micros)
{
	int32_t scale = 100000;
	const char *from = *p;

	*micros = 0;
	for (; *p < end && is_digit(**p); ++*p) {
		*micros += scale * (**p - '0');
		scale /= 10;
	}
	return *p > from;
}

/* "Z", "z", "+05:30", "+0530", "-08". */
bool etime_take_offset(const char **p, const char *end, int32_t *offset_s)
{
	bool is_west;
	int hours, minutes = 0;

	*offset_s = 0;
	if (*p == end)
		return false;
	if (**p == 'Z' || **p == 'z') {
		++*p;
		return true;
	}
	is_west = **p == '-';
	if (!is_west && **p != '+')
		return false;
	++*p;
	if (!take_digits(p, end, 2, &hours))
		return false;
	if (take_char(p, end, ':') || (*p < end && is_digit(**p)))
		if (!take_digits(p, end, 2, &minutes))
			return false;
	if (hours > 23 || minutes > 59)
		return false;
	*offset_s = (hours * 60 + minutes) * (is_west ? -60 : 60);
	return true;
}

bool etime_parse_iso(const char *p, size_t len, int64_t *us)
{
	const char *end = p + len;
	struct etime_parts t = {0};

	if (!take_digits(&p, end, 4, &t.year) || !take_char(&p, end, '-') || !take_digits(&p, end, 2, &t.month) ||
		!take_char(&p, end, '-') || !take_digits(&p, end, 2, &t.day))
		return false;
	if (p == end || (*p != 'T' && *p != 't' && *p != ' '))
		return false;
	p++;
	if (!take_digits(&p, end, 2, &t.hour) || !take_char(&p, end, ':') || !take_digits(&p, end, 2, &t.minute) ||
		!take_char(&p, end, ':') || !take_digits(&p, end, 2, &t.second))
		return false;
	if (take_char(&p, end, '.') && !etime_take_fraction(&p, end, &t.micros))
		return false;
	if (p < end && !etime_take_offset(&p, end, &t.offset_s))
		return false;
	return p == end && etime_from_parts(&t, us);
}

/* The calendar repeats every 400 years: the year is moved to 2000 or later, and the time back. */
bool etime_parse_bound(const char *p, size_t len, int64_t *us)
{
	static const struct etime_format iso = {ETIME_ISO, NULL};
	const char *at = p, *end = p + len;
	char moved[ETIME_ISO_BYTES];
	bool is_before;
	int year, near;

	if (etime_parse(&iso, p, len, false, us))
		return true;
	is_before = take_char(&at, end, '-');
	if (!take_digits(&at, end, end - at > 4 && is_digit(at[4]) ? 5 : 4, &year) ||
		(size_t)(end - at) > sizeof moved - 4)
		return false;
	year = is_before ? -year : year;
	near = 2000 + (year % 400 + 400) % 400;
	etime_put2(etime_put2(moved, near / 100), near % 100);
	memcpy(moved + 4, at, (size_t)(end - at));
	if (!etime_parse_iso(moved, 4 + (size_t)(end - at), us))
		return false;
	*us += (int64_t)((year - near) / 400) * ERA_US;
	return true;
}
