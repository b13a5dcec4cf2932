#include "etime/etime.h"

#include <string.h>

#include "etime/etime_parts.h"
#include "num/num.h"

enum { US_PER_S = 1000000, S_PER_DAY = 86400, DAYS_PER_ERA = 146097, DAYS_TO_1970 = 719468, ERAS_BEFORE = 800 };

int etime_format_parse(const char *text, struct etime_format *format, struct err *err)
{
	static const struct {
		const char *name;
		enum etime_kind kind;
	} names[] = {
		{"s", ETIME_SECONDS},
		{"ms", ETIME_MILLIS},
		{"us", ETIME_MICROS},
		{"ns", ETIME_NANOS},
		{"iso", ETIME_ISO},
	};

	*format = (struct etime_format){ETIME_AUTO, NULL};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(text, names[i].name) == 0) {
			format->kind = names[i].kind;
			return 0;
		}
	if (!strchr(text, '%'))
		return err_set(err, ERR_USAGE,
			"unknown time format '%.60s' (know s, ms, us, ns, iso, or a pattern such as %%Y-%%m-%%d)",
			text);
	if (etime_check_pattern(text, err))
		return -1;
	format->kind = ETIME_STRPTIME;
	format->pattern = text;
	return 0;
}

static bool is_in_range(int64_t us)
{
	return us >= ETIME_MIN_US && us <= ETIME_MAX_US;
}

/* value * 10^decimals in microseconds; decimals below 0 cut toward minus infinity. */
static bool parse_epoch(const char *p, size_t len, bool is_number, int decimals, int64_t *us)
{
	if (!is_number && !num_is_json(p, len))
		return false;
	return num_to_scaled(p, len, decimals, us) && is_in_range(*us);
}

bool etime_parse(const struct etime_format *format, const char *p, size_t len, bool is_number, int64_t *us)
{
	switch (format->kind) {
	case ETIME_SECONDS:
		return parse_epoch(p, len, is_number, 6, us);
	case ETIME_MILLIS:
		return parse_epoch(p, len, is_number, 3, us);
	case ETIME_MICROS:
		return parse_epoch(p, len, is_number, 0, us);
	case ETIME_NANOS:
		return parse_epoch(p, len, is_number, -3, us);
	case ETIME_AUTO:
	case ETIME_ISO:
		return !is_number && (etime_parse_iso_fast(p, len, us) || etime_parse_iso(p, len, us));
	case ETIME_STRPTIME:
		return !is_number && etime_parse_pattern(format->pattern, p, len, us);
	}
	return false;
}

/* Hinnant's days_from_civil: years begin in March, so that the leap day is the last of its year. */
int64_t etime_days(int32_t year, int month, int day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

bool etime_is_leap(int32_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int etime_days_in_month(int32_t year, int month)
{
	static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && etime_is_leap(year));
}

/* As etime_days(), for years from 1 on: no era, and every division is one of small unsigned numbers. */
static int64_t days_of_parts(const struct etime_parts *parts)
{
	static const uint16_t before[] = {306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275}; /* from March on */
	uint32_t y = (uint32_t)parts->year - (parts->month <= 2);

	return (int64_t)(y * 365 + y / 4 - y / 100 + y / 400 + before[parts->month - 1] + (uint32_t)parts->day - 1) -
	       DAYS_TO_1970;
}

bool etime_from_parts(const struct etime_parts *parts, int64_t *us)
{
	int64_t s;

	if (parts->year < 1 || parts->month < 1 || parts->month > 12 || parts->day < 1 ||
		parts->day > etime_days_in_month(parts->year, parts->month) || parts->hour > 23 || parts->minute > 59 ||
		parts->second > 60)
		return false;
	s = days_of_parts(parts) * S_PER_DAY + parts->hour * 3600 + parts->minute * 60 + parts->second -
	    parts->offset_s;
	/* a leap second is the start of the next second: its fraction is dropped */
	*us = s * US_PER_S + (parts->second == 60 ? 0 : parts->micros);
	return is_in_range(*us);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/*
 * Hinnant's civil_from_days, in unsigned numbers of 32 bits: 800 eras are added first, so that every instant of 64
 * bits lies behind day 0.
 */
void etime_civil(const struct etime_zone *zone, int64_t us, struct etime_civil *out)
{
	int64_t whole_s = floor_div(us, US_PER_S);
	int32_t offset_s = zone ? etime_zone_offset(zone, us) : 0;
	int64_t days = floor_div(whole_s + offset_s, S_PER_DAY);
	uint32_t of_day = (uint32_t)(whole_s + offset_s - days * S_PER_DAY);
	uint32_t shifted = (uint32_t)(days + DAYS_TO_1970 + (int64_t)DAYS_PER_ERA * ERAS_BEFORE);
	uint32_t era = shifted / DAYS_PER_ERA, of_era = shifted % DAYS_PER_ERA;
	uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int of_year = (int)(of_era - (365 * year + year / 4 - year / 100));
	int march = (5 * of_year + 2) / 153;

	out->month = march < 10 ? march + 3 : march - 9;
	out->day = of_year - (153 * march + 2) / 5 + 1;
	out->year = (int32_t)(year + era * 400) - ERAS_BEFORE * 400 + (out->month <= 2);
	out->hour = (int)(of_day / 3600);
	out->minute = (int)(of_day / 60 % 60);
	out->second = (int)(of_day % 60);
	out->micros = (int32_t)(us % US_PER_S + (us % US_PER_S < 0 ? US_PER_S : 0));
	out->weekday = (int)((shifted + 3) % 7);
	out->yearday = march < 10 ? of_year + 60 + etime_is_leap(out->year) : of_year - 305;
	out->offset_s = offset_s;
}

const char etime_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
			   "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
			   "8081828384858687888990919293949596979899";

/* A window may end behind the year 9999 or begin before 1: -9999 to 99999 are exact, others are cut to that. */
char *etime_put_year(char *out, int32_t year)
{
	if (year < 0) {
		*out++ = '-';
		year = year < -9999 ? 9999 : -year;
	}
	if (year > 9999) {
		year = year > 99999 ? 99999 : year;
		*out++ = (char)('0' + year / 10000);
	}
	out = etime_put2(out, year / 100 % 100);
	return etime_put2(out, year % 100);
}

size_t etime_print_iso(char out[ETIME_ISO_BYTES], int64_t us)
{
	struct etime_civil c;
	char *p = out;

	etime_civil(NULL, us, &c);
	p = etime_put_year(p, c.year);
	*p++ = '-';
	p = etime_put2(p, c.month);
	*p++ = '-';
	p = etime_put2(p, c.day);
	*p++ = 'T';
	p = etime_put2(p, c.hour);
	*p++ = ':';
	p = etime_put2(p, c.minute);
	*p++ = ':';
	p = etime_put2(p, c.second);
	if (c.micros) {
		*p++ = '.';
		etime_put6(p, c.micros);
		p += c.micros % 1000 ? 6 : 3;
	}
	*p++ = 'Z';
	return (size_t)(p - out);
}
