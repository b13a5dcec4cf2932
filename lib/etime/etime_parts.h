/*
 * etime_parts: what the readers and printers of lib/etime share. Private to the module.
 */
#ifndef TLM_ETIME_PARTS_H
#define TLM_ETIME_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err/err.h"
#include "etime/etime.h"

extern const char *const etime_weekdays[7]; /* "Sunday" ... */
extern const char *const etime_months[12];  /* "January" ... */

/* A time as written; none of hour, minute, second, micros is negative. */
struct etime_parts {
	int32_t year;
	int month, day, hour, minute, second;
	int32_t micros;
	int32_t offset_s; /* east of UTC */
};

/* The instant; false when a part is out of its range or the instant outside ETIME_MIN_US..ETIME_MAX_US. */
bool etime_from_parts(const struct etime_parts *parts, int64_t *us);

bool etime_is_leap(int32_t year);
int etime_days_in_month(int32_t year, int month);

/* Readers of the formats; the whole text must be the time. */
bool etime_parse_iso(const char *p, size_t len, int64_t *us);
bool etime_parse_iso_fast(const char *p, size_t len, int64_t *us); /* false too when it does not know */
bool etime_parse_pattern(const char *pattern, const char *p, size_t len, int64_t *us);

/* 0, or -1 with ERR_USAGE for a conversion that etime_parse_pattern() does not know. */
int etime_check_pattern(const char *pattern, struct err *err);

/* Pieces of formats at *p, which moves behind them; false (and *p anywhere) when they are not there. */
bool etime_take_fraction(const char **p, const char *end, int32_t *micros);
bool etime_take_offset(const char **p, const char *end, int32_t *offset_s);

/* "00" to "99" */
extern const char etime_pairs[201];

/* Two digits, six digits; a year with four digits or more. Return the end. */
static inline char *etime_put2(char *out, int value)
{
	memcpy(out, etime_pairs + 2 * value, 2);
	return out + 2;
}

static inline char *etime_put6(char *out, int32_t value)
{
	out = etime_put2(out, value / 10000);
	out = etime_put2(out, value / 100 % 100);
	return etime_put2(out, value % 100);
}

char *etime_put_year(char *out, int32_t year);

/* The zone's abbreviation at an instant ("CET"), or "UTC" without a zone. */
const char *etime_zone_abbreviation(const struct etime_zone *zone, int64_t us);

#endif
