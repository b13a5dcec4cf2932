#include "etime/etime.h"

#include <string.h>

#include "etime/etime_parts.h"
#include "num/num.h"

enum { US_PER_S = 1000000, S_PER_DAY = 86400, DAYS_PER_ERA = 146097, DAYS_TO_1970 = 719468 };

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
		return !is_number && etime_parse_iso(p, len, us);
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

bool etime_from_parts(const struct etime_parts *parts, int64_t *us)
{
	int64_t s;

	if (parts->month < 1 || parts->month > 12 || parts->day < 1 ||
		parts->day > etime_days_in_month(parts->year, parts->month) || parts->hour > 23 || parts->minute > 59 ||
		parts->second > 60)
		return false;
	s = etime_days(parts->year, parts->month, parts->day) * S_PER_DAY + parts->hour * 3600 + parts->minute * 60 +
	    parts->second - parts->offset_s;
	/* a leap second is the start of the next second: its fraction is dropped */
	*us = s * US_PER_S + (parts->second == 60 ? 0 : parts->micros);
	return is_in_range(*us);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Hinnant's civil_from_days. */
void etime_civil(const struct etime_zone *zone, int64_t us, struct etime_civil *out)
{
	int32_t offset_s = zone ? etime_zone_offset(zone, us) : 0;
	int64_t s = floor_div(us, US_PER_S) + offset_s;
	int64_t days = floor_div(s, S_PER_DAY);
	int of_day = (int)(s - days * S_PER_DAY);
	int64_t from_era = days + DAYS_TO_1970;
	int64_t era = floor_div(from_era, DAYS_PER_ERA);
	int day_of_era = (int)(from_era - era * DAYS_PER_ERA);
	int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int march = (5 * day_of_year + 2) / 153;

	out->month = march < 10 ? march + 3 : march - 9;
	out->day = day_of_year - (153 * march + 2) / 5 + 1;
	out->year = (int32_t)(year_of_era + era * 400) + (out->month <= 2);
	out->hour = of_day / 3600;
	out->minute = of_day / 60 % 60;
	out->second = of_day % 60;
	out->micros = (int32_t)(us - floor_div(us, US_PER_S) * US_PER_S);
	out->weekday = (int)((days % 7 + 11) % 7);
	out->yearday = (int)(days - etime_days(out->year, 1, 1)) + 1;
	out->offset_s = offset_s;
}

/* n digits of value, zeros in front. */
char *etime_put(char *out, int value, int n)
{
	for (int i = n - 1; i >= 0; i--) {
		out[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return out + n;
}

/* A window may end behind the year 9999: five digits keep it exact there; a sign stands before a year below 0. */
char *etime_put_year(char *out, int32_t year)
{
	if (year < 0) {
		*out++ = '-';
		year = -year;
	}
	return etime_put(out, year > 99999 ? 99999 : year, year > 9999 ? 5 : 4);
}

size_t etime_print_iso(char out[ETIME_ISO_BYTES], int64_t us)
{
	struct etime_civil c;
	char *p = out;

	etime_civil(NULL, us, &c);
	p = etime_put_year(p, c.year);
	*p++ = '-';
	p = etime_put(p, c.month, 2);
	*p++ = '-';
	p = etime_put(p, c.day, 2);
	*p++ = 'T';
	p = etime_put(p, c.hour, 2);
	*p++ = ':';
	p = etime_put(p, c.minute, 2);
	*p++ = ':';
	p = etime_put(p, c.second, 2);
	if (c.micros) {
		*p++ = '.';
		p = c.micros % 1000 ? etime_put(p, c.micros, 6) : etime_put(p, c.micros / 1000, 3);
	}
	*p++ = 'Z';
	return (size_t)(p - out);
}
