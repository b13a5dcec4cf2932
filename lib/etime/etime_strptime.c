/*
 * strptime patterns, read by our own code: strptime(3) knows no fraction, follows the locale, and passes over
 * what it does not use (%Z, %U); here a pattern means the same everywhere and nothing is passed over.
 */
#include "etime/etime.h"

#include <string.h>

#include "etime/etime_parts.h"

enum { NO_VALUE = -1, EPOCH_DIGITS_MAX = 12 /* 253402300799 is the end of the year 9999 */ };

/* What was read so far; a part that is not there is NO_VALUE. */
struct reading {
	struct etime_parts parts;
	int hour12, is_pm;
	int yearday;
	bool has_date; /* a month or a day was read, so that a day of the year does not count */
	bool has_epoch;
	bool is_negative; /* of the epoch, its fraction too: "-0.5" by "%s.%f" */
	int64_t epoch_s;
};

struct text {
	const char *p, *end;
};

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_blanks(struct text *t)
{
	while (t->p < t->end && is_blank(*t->p))
		t->p++;
}

/* Up to n digits behind blanks, from..to. */
static bool take_number(struct text *t, int n, int from, int to, int *value)
{
	const char *p = t->p, *end = t->end, *first;
	int sum = 0;

	while (p < end && is_blank(*p))
		p++;
	first = p;
	if (end - p > n)
		end = p + n;
	for (; p < end && is_digit(*p); p++)
		sum = sum * 10 + (*p - '0');
	t->p = p;
	*value = sum;
	return p > first && sum >= from && sum <= to;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* A name, its letters in any case. */
static bool take_word(struct text *t, const char *word, size_t len)
{
	if ((size_t)(t->end - t->p) < len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (lower(t->p[i]) != lower(word[i]))
			return false;
	t->p += len;
	return true;
}

/* One of n English names, whole or its first three letters; the index, or NO_VALUE. */
static int take_name(struct text *t, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (take_word(t, names[i], strlen(names[i])) || take_word(t, names[i], 3))
			return i;
	return NO_VALUE;
}

static bool take_epoch(struct text *t, struct reading *r)
{
	const char *first;

	r->has_epoch = true;
	r->is_negative = t->p < t->end && *t->p == '-';
	t->p += r->is_negative;
	first = t->p;
	r->epoch_s = 0;
	while (t->p < t->end && is_digit(*t->p) && t->p - first < EPOCH_DIGITS_MAX)
		r->epoch_s = r->epoch_s * 10 + (*t->p++ - '0');
	return t->p > first;
}

static bool take_zone_name(struct text *t)
{
	return take_word(t, "UTC", 3) || take_word(t, "GMT", 3) || take_word(t, "Z", 1);
}

static bool read_pattern(struct reading *r, const char *pattern, size_t len, struct text *t);

static bool read_year2(struct reading *r, struct text *t)
{
	if (!take_number(t, 2, 0, 99, &r->parts.year))
		return false;
	r->parts.year += r->parts.year < 69 ? 2000 : 1900;
	return true;
}

static bool read_names(struct reading *r, char conversion, struct text *t)
{
	int i;

	if (conversion == 'a' || conversion == 'A')
		return take_name(t, etime_weekdays, 7) != NO_VALUE;
	i = take_name(t, etime_months, 12);
	r->parts.month = i + 1;
	r->has_date = true;
	return i != NO_VALUE;
}

static bool read_pm(struct reading *r, struct text *t)
{
	r->is_pm = take_word(t, "PM", 2);
	return r->is_pm || take_word(t, "AM", 2);
}

/* The text that one conversion stands for. */
static bool read_conversion(struct reading *r, char conversion, struct text *t)
{
	struct etime_parts *parts = &r->parts;

	switch (conversion) {
	case 'Y':
		return take_number(t, 4, 1, 9999, &parts->year);
	case 'y':
		return read_year2(r, t);
	case 'm':
		r->has_date = true;
		return take_number(t, 2, 1, 12, &parts->month);
	case 'd':
	case 'e':
		r->has_date = true;
		return take_number(t, 2, 1, 31, &parts->day);
	case 'j':
		return take_number(t, 3, 1, 366, &r->yearday);
	case 'a':
	case 'A':
	case 'b':
	case 'B':
	case 'h':
		return read_names(r, conversion, t);
	case 'H':
	case 'k':
		return take_number(t, 2, 0, 23, &parts->hour);
	case 'I':
	case 'l':
		return take_number(t, 2, 1, 12, &r->hour12);
	case 'p':
		return read_pm(r, t);
	case 'M':
		return take_number(t, 2, 0, 59, &parts->minute);
	case 'S':
		return take_number(t, 2, 0, 60, &parts->second);
	case 'f':
		return etime_take_fraction(&t->p, t->end, &parts->micros);
	case 's':
		return take_epoch(t, r);
	case 'z':
		skip_blanks(t);
		return etime_take_offset(&t->p, t->end, &parts->offset_s);
	case 'Z':
		return take_zone_name(t);
	case 'F':
		return read_pattern(r, "%Y-%m-%d", 8, t);
	case 'D':
		return read_pattern(r, "%m/%d/%y", 8, t);
	case 'T':
		return read_pattern(r, "%H:%M:%S", 8, t);
	case 'R':
		return read_pattern(r, "%H:%M", 5, t);
	case 'n':
	case 't':
		skip_blanks(t);
		return true;
	case '%':
		return t->p < t->end && *t->p++ == '%';
	default:
		return false;
	}
}

static bool read_pattern(struct reading *r, const char *pattern, size_t len, struct text *t)
{
	const char *end = pattern + len;

	while (pattern < end) {
		char c = *pattern++;

		if (c == '%') {
			if (!read_conversion(r, *pattern++, t))
				return false;
		} else if (is_blank(c)) {
			skip_blanks(t);
		} else if (t->p == t->end || *t->p++ != c) {
			return false;
		}
	}
	return true;
}

static bool finish(struct reading *r, int64_t *us)
{
	struct etime_parts *parts = &r->parts;

	if (r->has_epoch) {
		*us = r->epoch_s * 1000000 + parts->micros;
		*us = r->is_negative ? -*us : *us;
		return *us >= ETIME_MIN_US && *us <= ETIME_MAX_US;
	}
	if (r->hour12 != NO_VALUE)
		parts->hour = r->hour12 % 12 + (r->is_pm ? 12 : 0);
	if (r->yearday == NO_VALUE || r->has_date)
		return etime_from_parts(parts, us);
	if (r->yearday > 365 + etime_is_leap(parts->year))
		return false;
	for (parts->month = 1; r->yearday > etime_days_in_month(parts->year, parts->month); parts->month++)
		r->yearday -= etime_days_in_month(parts->year, parts->month);
	parts->day = r->yearday;
	return etime_from_parts(parts, us);
}

bool etime_parse_pattern(const char *pattern, const char *p, size_t len, int64_t *us)
{
	struct reading r = {.parts = {.year = 1970, .month = 1, .day = 1}, .hour12 = NO_VALUE, .yearday = NO_VALUE};
	struct text t = {p, p + len};

	return read_pattern(&r, pattern, strlen(pattern), &t) && t.p == t.end && finish(&r, us);
}

int etime_check_pattern(const char *pattern, struct err *err)
{
	for (const char *p = pattern; *p; p++) {
		if (*p != '%')
			continue;
		if (!*++p)
			return err_set(
				err, ERR_USAGE, "time format '%.60s' ends in the middle of a conversion", pattern);
		if (!strchr("YymdejaAbBhHkIlpMSfszZFDTRnt%", *p))
			return err_set(err, ERR_USAGE,
				"time format '%.60s': %%%c is not known (know Y y m d e j a A b B h H k I l p M S f s "
				"z Z F D T R n t %%)",
				pattern, *p);
	}
	return 0;
}
