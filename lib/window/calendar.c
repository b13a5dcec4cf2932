/*
 * Days, weeks and months of a time zone as windows. They are numbered by the local calendar (days since 1970-01-01,
 * weeks since the Monday before it, months since January 1970); window k begins when the clocks first show the first
 * midnight of its period, or later where that midnight was skipped. So windows touch each other whatever the clocks do:
 * a period that a zone skipped is a window of no length, which holds nothing. Multiples of a duration follow the clocks
 * in the same way, counted from the midnight of 1970-01-01.
 */
#include "window/window.h"

#include "etime/etime.h"

enum { DAYS_PER_WEEK = 7, THURSDAY = 3 }; /* 1970-01-01 was a Thursday: so many days behind a Monday */

static const int64_t DAY_US = INT64_C(86400) * 1000000;

/* No record lies beyond: a watermark may. */
static const int64_t LEAST_US = ETIME_MIN_US - INT64_C(400) * 86400 * 1000000;
static const int64_t MOST_US = ETIME_MAX_US + INT64_C(400) * 86400 * 1000000;

static int64_t divide_floor(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* The first day of period k. */
static int64_t first_day(enum window_calendar calendar, int64_t k)
{
	int64_t year;

	switch (calendar) {
	case WINDOW_WEEK:
		return k * DAYS_PER_WEEK - THURSDAY;
	case WINDOW_MONTH:
		year = divide_floor(k, 12);
		return etime_days((int32_t)(1970 + year), (int)(k - year * 12) + 1, 1);
	default:
		return k;
	}
}

/* The period that a day is in. */
static int64_t period_of(enum window_calendar calendar, int64_t day)
{
	struct etime_civil c;

	switch (calendar) {
	case WINDOW_WEEK:
		return divide_floor(day + THURSDAY, DAYS_PER_WEEK);
	case WINDOW_MONTH:
		etime_civil(NULL, day * DAY_US, &c);
		return ((int64_t)c.year - 1970) * 12 + c.month - 1;
	default:
		return day;
	}
}

int64_t window_calendar_start(const struct window_spec *s, int64_t k)
{
	int64_t local_us = s->calendar == WINDOW_MULTIPLE ? k * s->size_us : first_day(s->calendar, k) * DAY_US;

	return etime_zone_reach(s->zone, local_us);
}

/* The local date says which period it is, but near a midnight that comes twice. */
int64_t window_calendar_at(const struct window_spec *s, int64_t us)
{
	int64_t k, local_us;

	us = us < LEAST_US ? LEAST_US : us > MOST_US ? MOST_US : us;
	local_us = us + etime_zone_offset(s->zone, us) * INT64_C(1000000);
	if (s->calendar == WINDOW_MULTIPLE)
		k = divide_floor(local_us, s->size_us);
	else
		k = period_of(s->calendar, divide_floor(local_us, DAY_US));
	while (window_calendar_start(s, k) > us)
		k--;
	while (window_calendar_start(s, k + 1) <= us)
		k++;
	return k;
}
