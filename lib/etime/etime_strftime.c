#include "etime/etime.h"

#include <string.h>

#include "etime/etime_parts.h"
#include "num/num.h"

const char *const etime_weekdays[7] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
const char *const etime_months[12] = {"January", "February", "March", "April", "May", "June", "July", "August",
	"September", "October", "November", "December"};

static void add2(struct buf *out, int value)
{
	etime_put2(buf_reserve(out, 2), value);
	out->len += 2;
}

/* With a blank for a leading zero. */
static void add_padded2(struct buf *out, int value)
{
	add2(out, value);
	if (value < 10)
		out->p[out->len - 2] = ' ';
}

static void add_year(struct buf *out, int32_t year)
{
	char *from = buf_reserve(out, 8);

	out->len += (size_t)(etime_put_year(from, year) - from);
}

static void add_micros(struct buf *out, int32_t micros)
{
	etime_put6(buf_reserve(out, 6), micros);
	out->len += 6;
}

/* The year and week of ISO 8601: a week belongs to the year that its Thursday is in. */
static int iso_week(const struct etime_civil *c, int32_t *year)
{
	int thursday = c->yearday - 1 - (c->weekday + 6) % 7 + 3;
	int days_in_year = 365 + etime_is_leap(c->year);

	*year = c->year;
	if (thursday < 0) {
		--*year;
		thursday += 365 + etime_is_leap(*year);
	} else if (thursday >= days_in_year) {
		++*year;
		thursday -= days_in_year;
	}
	return thursday / 7 + 1;
}

static void add_offset(struct buf *out, int32_t offset_s)
{
	int minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;

	buf_add_char(out, offset_s < 0 ? '-' : '+');
	add2(out, minutes / 60);
	add2(out, minutes % 60);
}

static void add_epoch(struct buf *out, int64_t us)
{
	char *to = buf_reserve(out, NUM_DOUBLE_BYTES);

	out->len += num_print_i64(to, us / 1000000 - (us % 1000000 < 0));
}

static bool add_date(struct buf *out, char conversion, const struct etime_civil *c)
{
	int32_t iso_year;

	switch (conversion) {
	case 'Y':
		add_year(out, c->year);
		return true;
	case 'y':
		add2(out, c->year % 100);
		return true;
	case 'm':
		add2(out, c->month);
		return true;
	case 'd':
		add2(out, c->day);
		return true;
	case 'e':
		add_padded2(out, c->day);
		return true;
	case 'j':
		buf_add_char(out, (char)('0' + c->yearday / 100));
		add2(out, c->yearday % 100);
		return true;
	case 'u':
		buf_add_char(out, (char)(c->weekday ? '0' + c->weekday : '7'));
		return true;
	case 'w':
		buf_add_char(out, (char)('0' + c->weekday));
		return true;
	case 'U':
		add2(out, (c->yearday + 6 - c->weekday) / 7);
		return true;
	case 'W':
		add2(out, (c->yearday + 6 - (c->weekday + 6) % 7) / 7);
		return true;
	case 'V':
		add2(out, iso_week(c, &iso_year));
		return true;
	case 'G':
		iso_week(c, &iso_year);
		add_year(out, iso_year);
		return true;
	case 'a':
		buf_add(out, etime_weekdays[c->weekday], 3);
		return true;
	case 'A':
		buf_add_str(out, etime_weekdays[c->weekday]);
		return true;
	case 'b':
	case 'h':
		buf_add(out, etime_months[c->month - 1], 3);
		return true;
	case 'B':
		buf_add_str(out, etime_months[c->month - 1]);
		return true;
	default:
		return false;
	}
}

static bool add_clock(struct buf *out, char conversion, const struct etime_civil *c)
{
	int hour12 = c->hour % 12 ? c->hour % 12 : 12;

	switch (conversion) {
	case 'H':
		add2(out, c->hour);
		return true;
	case 'k':
		add_padded2(out, c->hour);
		return true;
	case 'I':
		add2(out, hour12);
		return true;
	case 'l':
		add_padded2(out, hour12);
		return true;
	case 'M':
		add2(out, c->minute);
		return true;
	case 'S':
		add2(out, c->second);
		return true;
	case 'p':
		buf_add(out, c->hour < 12 ? "AM" : "PM", 2);
		return true;
	case 'f':
		add_micros(out, c->micros);
		return true;
	case 'z':
		add_offset(out, c->offset_s);
		return true;
	case 'n':
		buf_add_char(out, '\n');
		return true;
	case 't':
		buf_add_char(out, '\t');
		return true;
	case '%':
		buf_add_char(out, '%');
		return true;
	default:
		return false;
	}
}

/* The longer form that a conversion stands for, or NULL. */
static const char *expand(char conversion)
{
	switch (conversion) {
	case 'F':
		return "Ymd-";
	case 'T':
		return "HMS:";
	case 'R':
		return "HM:";
	case 'D':
		return "mdy/";
	default:
		return NULL;
	}
}

/* Single conversions, the last byte between them. */
static void add_expanded(struct buf *out, const char *form, const struct etime_civil *c)
{
	size_t n = strlen(form) - 1;

	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_char(out, form[n]);
		if (!add_date(out, form[i], c))
			add_clock(out, form[i], c);
	}
}

/* The rarer ones: longer forms, and what needs more than the parts. */
static bool add_other(
	struct buf *out, char conversion, const struct etime_civil *c, const struct etime_zone *zone, int64_t us)
{
	const char *form = expand(conversion);

	if (form)
		add_expanded(out, form, c);
	else if (conversion == 's')
		add_epoch(out, us);
	else if (conversion == 'Z')
		buf_add_str(out, etime_zone_abbreviation(zone, us));
	return form || conversion == 's' || conversion == 'Z';
}

int etime_strftime(struct buf *out, struct slice pattern, const struct etime_zone *zone, int64_t us, struct err *err)
{
	const char *p = pattern.p, *end = pattern.p + pattern.len;
	struct etime_civil c;

	etime_civil(zone, us, &c);
	while (p < end) {
		char conversion;

		if (*p != '%') {
			buf_add_char(out, *p++);
			continue;
		}
		if (++p == end)
			return err_set(err, ERR_PROGRAM, "time pattern '%.*s' ends in the middle of a conversion",
				pattern.len > 60 ? 60 : (int)pattern.len, pattern.p);
		conversion = *p++;
		if (!add_date(out, conversion, &c) && !add_clock(out, conversion, &c) &&
			!add_other(out, conversion, &c, zone, us))
			return err_set(err, ERR_PROGRAM,
				"time pattern has %%%c, which is not known (know Y m d H M S j y e F T R D u w V G U W "
				"a A b B h p I k l s f z Z n t %%)",
				conversion);
	}
	return 0;
}
