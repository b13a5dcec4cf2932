/*
 * etime: event time: a signed 64-bit count of microseconds since 1970-01-01T00:00:00Z.
 *
 * Exact over the years 0001 to 9999 (proleptic Gregorian calendar; a leap second 60, with any fraction, counts
 * as the next second's start). Calendar arithmetic after Hinnant, "chrono-compatible low-level date
 * algorithms". No allocation except etime_zone_open(). Thread safe.
 */
#ifndef TLM_ETIME_H
#define TLM_ETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"

#define ETIME_MIN_US INT64_C(-62135596800000000) /* 0001-01-01T00:00:00Z */
#define ETIME_MAX_US INT64_C(253402300799999999) /* 9999-12-31T23:59:59.999999Z */

enum { ETIME_ISO_BYTES = 28 };

enum etime_kind {
	ETIME_AUTO,    /* no format given: a string is iso, a number has no unit and is refused */
	ETIME_SECONDS, /* s: epoch, integer or decimal; text or number */
	ETIME_MILLIS,  /* ms */
	ETIME_MICROS,  /* us */
	ETIME_NANOS,   /* ns, cut to microseconds toward minus infinity */
	ETIME_ISO, /* RFC 3339: fraction or none, 'T' 't' or a blank, Z, an offset (+05:30 +0530 +05), or none (UTC) */
	ETIME_STRPTIME /* a pattern of strptime(3): see etime_format_parse() */
};

struct etime_format {
	enum etime_kind kind;
	const char *pattern; /* ETIME_STRPTIME only: NUL-terminated, borrowed */
};

/*
 * "s" "ms" "us" "ns" "iso", or a pattern that holds a '%'. text is NUL-terminated and borrowed by *format.
 * Conversions: %Y %y (69..99 are 19..) %m %d %e %j %b %B %h %a %A (names in English, any case, long or short) %H %k %I
 * %l %p %M %S %f (one digit or more) %s (epoch seconds) %z (an offset or Z) %Z (UTC, GMT or Z only) %F %T %R %D %n %t
 * %%. As in strptime(3) a blank stands for any number of blanks, numbers may have blanks in front and fewer digits;
 * unlike there a weekday is only read, a day must exist in its month, and nothing may follow. Returns 0, or -1 with
 * ERR_USAGE: "sec", "%Q", "%U".
 */
int etime_format_parse(const char *text, struct etime_format *format, struct err *err);

/*
 * Reads one time. is_number says that the text is a JSON number, else it is the unescaped text of a
 * string (an epoch format takes both, ETIME_ISO and ETIME_STRPTIME take strings only). Date parts that a
 * pattern lacks are 1970-01-01. Returns false when it is not a time of that format or outside
 * ETIME_MIN_US..ETIME_MAX_US: "20224-02-19 15:58:20", "90/02/2032", "".
 */
bool etime_parse(const struct etime_format *format, const char *p, size_t len, bool is_number, int64_t *us);

/*
 * YYYY-MM-DDThh:mm:ss[.fff[fff]]Z into out, no NUL: 0, 3 or 6 digits of fraction, as few as are exact. Returns the
 * length. A window's end behind the year 9999 has a year of five digits, its start before the year 0 a sign.
 */
size_t etime_print_iso(char out[ETIME_ISO_BYTES], int64_t us);

/* Reads what etime_print_iso() writes of any bound of a window, and all that ETIME_ISO reads. */
bool etime_parse_bound(const char *p, size_t len, int64_t *us);

/* A time zone of tzdata ("Europe/Warsaw", "UTC"). */
struct etime_zone;

/*
 * Reads the file of tzdata in $TZDIR, else /usr/share/zoneinfo; "UTC" needs none. Returns NULL with ERR_PROGRAM for a
 * name that is not there ("Mars/Base", "../x").
 */
struct etime_zone *etime_zone_open(const char *name, struct err *err);
void etime_zone_close(struct etime_zone *zone);

/* Offset of local time from UTC at an instant, in seconds east; zone NULL is UTC. */
int32_t etime_zone_offset(const struct etime_zone *zone, int64_t us);

/* The first instant at which local time is local_us (counted as if it were UTC) or later: of a time that comes twice
 * the first, of one that was skipped the end of the gap. zone NULL is UTC. */
int64_t etime_zone_reach(const struct etime_zone *zone, int64_t local_us);

/* Broken-down local time of an instant. */
struct etime_civil {
	int32_t year;   /* 1..9999 */
	int month, day; /* 1..12, 1..31 */
	int hour, minute, second;
	int32_t micros; /* 0..999999 */
	int weekday;    /* 0 = Sunday */
	int yearday;    /* 1..366 */
	int32_t offset_s;
};
void etime_civil(const struct etime_zone *zone, int64_t us, struct etime_civil *out);

/* Days since 1970-01-01 of a civil date (month 1..12, day may exceed the month), and instant of UTC parts. */
int64_t etime_days(int32_t year, int month, int day);

/*
 * Appends strftime(3) output for the instant in zone (NULL: UTC). Conversions: %Y %m %d %H %M %S %j %y %e %F %T
 * %R %D %u %w %V %G %U %W %a %A %b %B %h %p %I %k %l %s %f (6 digits) %z %Z %n %t %%; names in English.
 * Returns 0, or -1 with ERR_PROGRAM for any other (a caller checks a pattern once with any time).
 */
int etime_strftime(struct buf *out, struct slice pattern, const struct etime_zone *zone, int64_t us, struct err *err);

#endif
