/*
 * etime_rule: the POSIX TZ string behind the data of a TZif file: "CET-1CEST,M3.5.0,M10.5.0/3". Private to lib/etime.
 */
#ifndef TLM_ETIME_RULE_H
#define TLM_ETIME_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RULE_NAME_BYTES = 16 };

struct etime_rule_date {
	char kind; /* 'M': week and weekday of a month; 'J': day 1..365, never February 29; '0': day 0..365 */
	int month, week, weekday;
	int day;
	int32_t time_s; /* of local time; may be negative or more than a day */
};

struct etime_rule {
	bool has_dst;
	char std_name[RULE_NAME_BYTES], dst_name[RULE_NAME_BYTES];
	int32_t std_offset_s, dst_offset_s; /* east of UTC */
	struct etime_rule_date start, end;
};

/* Reads a rule that ends in '\n'; false when it is not one. */
bool etime_rule_parse(struct etime_rule *rule, const char *p, size_t len);

/* The date in a year, in seconds of local time since 1970-01-01T00:00:00. */
int64_t etime_rule_date(const struct etime_rule_date *date, int32_t year);

#endif
