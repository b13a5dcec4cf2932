#include "etime/etime.h"

#include <string.h>

#include "etime/etime_parts.h"
#include "num/num.h"

const char *const etime_weekdays[7] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
const char *const etime_months[12] = {"January", "February", "March", "April", "May", "June", "July", "August",
	"September", "October", "November", "December"};

static void add_digits(struct buf *out, int value, int n)
{
	char text[16];

	etime_put(text, value, n);
	buf_add(out, text, (size_t)n);
}

static void add_year(struct buf *out, int32_t year)
{
	char text[16];

	buf_add(out, text, (size_t)(etime_put_year(text, year) - text));
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
	add_digits(out, minutes / 60, 2);
	add_digits(out, minutes % 60, 2);
}

static void add_epoch(struct buf *out, int64_t us)
{
	char text[NUM_DOUBLE_BYTES];

	buf_add(out, text, num_print_i64(text, us / 1000000 - (us % 1000000 < 0)));
}

static bool add_date(struct buf *out, char conversion, const struct etime_civil *c)
{
	int32_t iso_year;

	switch (conversion) {
	case 'Y':
		add_year(out, c->year);
		return true;
	case 'y':
		add_digits(out, c->year % 100, 2);
		return true;
	case 'm':
		add_digits(out, c->month, 2);
		return true;
	case 'd':
		add_digits(out, c->day, 2);
		return true;
	case 'e':
		if (c->day < 10)
			buf_add_char(out, ' ');
		add_digits(out, c->day, c->day < 10 ? 1 : 2);
		return true;
	case 'j':
		add_digits(out, c->yearday, 3);
		return true;
	case 'u':
		add_digits(out, c->weekday ? c->weekday : 7, 1);
		return true;
	case 'w':
		add_digits(out, c->weekday, 1);
		return true;
	case 'U':
		add_digits(out, (c->yearday + 6 - c->weekday) / 7, 2);
		return true;
	case 'W':
		add_digits(out, (c->yearday + 6 - (c->weekday + 6) % 7) / 7, 2);
		return true;
	case 'V':
		add_digits(out, iso_week(c, &iso_year), 2);
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
	switch (conversion) {
	case 'H':
		add_digits(out, c->hour, 2);
		return true;
	case 'I':
		add_digits(out, c->hour % 12 ? c->hour % 12 : 12, 2);
		return true;
	case 'M':
		add_digits(out, c->minute, 2);
		return true;
	case 'S':
		add_digits(out, c->second, 2);
		return true;
	case 'p':
		buf_add(out, c->hour < 12 ? "AM" : "PM", 2);
		return true;
	case 'f':
		add_digits(out, c->micros, 6);
		return true;
	case 'z':
		add_offset(out, c->offset_s);
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

int etime_strftime(struct buf *out, struct slice pattern, const struct etime_zone *zone, int64_t us, struct err *err)
{
	struct etime_civil c;

	etime_civil(zone, us, &c);
	for (size_t i = 0; i < pattern.len; i++) {
		char conversion;
		const char *form;

		if (pattern.p[i] != '%') {
			buf_add_char(out, pattern.p[i]);
			continue;
		}
		if (++i == pattern.len)
			return err_set(err, ERR_PROGRAM, "time pattern '%.*s' ends in the middle of a conversion",
				pattern.len > 60 ? 60 : (int)pattern.len, pattern.p);
		conversion = pattern.p[i];
		form = expand(conversion);
		if (form)
			add_expanded(out, form, &c);
		else if (conversion == 's')
			add_epoch(out, us);
		else if (conversion == 'Z')
			buf_add_str(out, etime_zone_abbreviation(zone, us));
		else if (!add_date(out, conversion, &c) && !add_clock(out, conversion, &c))
			return err_set(err, ERR_PROGRAM,
				"time pattern has %%%c, which is not known (know Y m d H M S j y e F T R D u w V G U W "
				"a A b B p I s f z Z %%)",
				conversion);
	}
	return 0;
}
