#include "etime/etime_rule.h"

#include <string.h>

#include "etime/etime.h"
#include "etime/etime_parts.h"

struct text {
	const char *p, *end;
};

static bool take(struct text *t, char c)
{
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

static bool take_number(struct text *t, int from, int to, int *value)
{
	const char *first = t->p;

	*value = 0;
	while (t->p < t->end && *t->p >= '0' && *t->p <= '9' && t->p - first < 4)
		*value = *value * 10 + (*t->p++ - '0');
	return t->p > first && *value >= from && *value <= to;
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* CEST, or <+0530>. */
static bool take_name(struct text *t, char out[RULE_NAME_BYTES])
{
	bool is_quoted = take(t, '<');
	const char *first = t->p;
	size_t len;

	while (t->p < t->end && (is_quoted ? *t->p != '>' && *t->p != '\n' : is_letter(*t->p)))
		t->p++;
	len = (size_t)(t->p - first);
	if (len == 0 || len >= RULE_NAME_BYTES)
		return false;
	memcpy(out, first, len);
	out[len] = '\0';
	return !is_quoted || take(t, '>');
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_time(struct text *t, int32_t *seconds)
{
	bool is_negative = take(t, '-');
	int hours, minutes = 0, rest = 0;

	if (!is_negative)
		take(t, '+');
	if (!take_number(t, 0, 167, &hours))
		return false;
	if (take(t, ':') && !take_number(t, 0, 59, &minutes))
		return false;
	if (take(t, ':') && !take_number(t, 0, 59, &rest))
		return false;
	*seconds = hours * 3600 + minutes * 60 + rest;
	if (is_negative)
		*seconds = -*seconds;
	return true;
}

/* A date and, behind a '/', its time (02:00:00 without). */
static bool take_date(struct text *t, struct etime_rule_date *date)
{
	if (take(t, 'M')) {
		date->kind = 'M';
		if (!take_number(t, 1, 12, &date->month) || !take(t, '.') || !take_number(t, 1, 5, &date->week) ||
			!take(t, '.') || !take_number(t, 0, 6, &date->weekday))
			return false;
	} else {
		date->kind = take(t, 'J') ? 'J' : '0';
		if (!take_number(t, date->kind == 'J', 365, &date->day))
			return false;
	}
	date->time_s = 7200;
	return !take(t, '/') || take_time(t, &date->time_s);
}

bool etime_rule_parse(struct etime_rule *rule, const char *p, size_t len)
{
	struct text t = {p, p + len};

	*rule = (struct etime_rule){0};
	if (!take_name(&t, rule->std_name) || !take_time(&t, &rule->std_offset_s))
		return false;
	rule->std_offset_s = -rule->std_offset_s;
	if (take(&t, '\n'))
		return true;
	rule->has_dst = true;
	if (!take_name(&t, rule->dst_name))
		return false;
	rule->dst_offset_s = rule->std_offset_s + 3600;
	if (!take(&t, ',')) {
		if (!take_time(&t, &rule->dst_offset_s) || !take(&t, ','))
			return false;
		rule->dst_offset_s = -rule->dst_offset_s;
	}
	return take_date(&t, &rule->start) && take(&t, ',') && take_date(&t, &rule->end) && take(&t, '\n');
}

int64_t etime_rule_date(const struct etime_rule_date *date, int32_t year)
{
	int64_t days = etime_days(year, 1, 1);

	if (date->kind == 'J') {
		days += date->day - 1 + (date->day >= 60 && etime_is_leap(year));
	} else if (date->kind == '0') {
		days += date->day;
	} else {
		int64_t first = etime_days(year, date->month, 1);
		int weekday = (int)((first % 7 + 11) % 7);
		int day = (date->weekday - weekday + 7) % 7 + (date->week - 1) * 7;

		/* the fifth is the last there is */
		if (day >= etime_days_in_month(year, date->month))
			day -= 7;
		days = first + day;
	}
	return days * 86400 + date->time_s;
}
