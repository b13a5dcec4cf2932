/*
 * Time zones out of tzdata's TZif files (RFC 9636), read by our own code: localtime(3) knows one zone per process,
 * and choosing another one is not safe beside threads.
 *
 * What a file says by rule (its footer, a POSIX TZ string, for all times after its last transition) is written out
 * as transitions once, when the zone is opened, for one whole cycle of the calendar: 400 years are 20,871 weeks, so
 * every rule repeats after them exactly. A look-up is then one binary search at any time.
 */
#include "etime/etime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "etime/etime_parts.h"
#include "etime/etime_rule.h"
#include "mem/mem.h"

enum {
	HEADER_BYTES = 44,
	TYPE_BYTES = 6,
	FILE_MAX_BYTES = 1 << 20,
	TYPES_MAX = 256,
	RULE_TYPES = 2,
	CYCLE_YEARS = 400,
	NAME_MAX_BYTES = 128,
	OFFSET_MAX_S = 8 * 86400 /* a rule may say 167 hours, either way */
};

static const int64_t CYCLE_S = INT64_C(146097) * 86400;

struct type {
	int32_t offset_s;
	const char *abbreviation;
};

struct etime_zone {
	int64_t *at_s;   /* n transitions, ascending */
	uint16_t *index; /* type from at_s[i] on */
	size_t n;
	bool repeats; /* the transitions of the last 400 years go on for ever */
	struct type types[TYPES_MAX + RULE_TYPES];
	char *file; /* abbreviations point into it */
	struct etime_rule rule;
};

/* One of the two data blocks of a file. */
struct block {
	const char *p;
	size_t n_utc, n_std, n_leap, n_times, n_types, n_chars;
	size_t time_bytes, len;
};

static int64_t read_be(const char *p, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | (unsigned char)p[i];
	return bytes == 4 ? (int32_t)value : (int64_t)value;
}

static bool read_header(struct block *b, const char *p, size_t left, size_t time_bytes)
{
	size_t *counts[] = {&b->n_utc, &b->n_std, &b->n_leap, &b->n_times, &b->n_types, &b->n_chars};

	if (left < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
		return false;
	for (size_t i = 0; i < 6; i++) {
		int64_t count = read_be(p + 20 + 4 * i, 4);

		if (count < 0 || count > FILE_MAX_BYTES)
			return false;
		*counts[i] = (size_t)count;
	}
	b->p = p + HEADER_BYTES;
	b->time_bytes = time_bytes;
	b->len = b->n_times * (time_bytes + 1) + b->n_types * TYPE_BYTES + b->n_chars + b->n_leap * (time_bytes + 4) +
		 b->n_std + b->n_utc;
	return b->len <= left - HEADER_BYTES && b->n_types > 0 && b->n_types <= TYPES_MAX && b->n_chars > 0;
}

static bool read_types(struct etime_zone *zone, const struct block *b)
{
	const char *p = b->p + b->n_times * (b->time_bytes + 1);
	const char *chars = p + b->n_types * TYPE_BYTES;

	if (chars[b->n_chars - 1] != '\0')
		return false;
	for (size_t i = 0; i < b->n_types; i++, p += TYPE_BYTES) {
		size_t at = (unsigned char)p[5];

		if (at >= b->n_chars)
			return false;
		zone->types[i] = (struct type){(int32_t)read_be(p, 4), chars + at};
		if (zone->types[i].offset_s < -86400 * 2 || zone->types[i].offset_s > 86400 * 2)
			return false;
	}
	return true;
}

static bool read_transitions(struct etime_zone *zone, const struct block *b)
{
	const char *index = b->p + b->n_times * b->time_bytes;

	zone->at_s = mem_alloc(b->n_times + 2 * (CYCLE_YEARS + 2), sizeof *zone->at_s);
	zone->index = mem_alloc(b->n_times + 2 * (CYCLE_YEARS + 2), sizeof *zone->index);
	for (size_t i = 0; i < b->n_times; i++) {
		zone->at_s[i] = read_be(b->p + i * b->time_bytes, b->time_bytes);
		zone->index[i] = (unsigned char)index[i];
		if (zone->index[i] >= b->n_types || (i && zone->at_s[i] <= zone->at_s[i - 1]))
			return false;
	}
	zone->n = b->n_times;
	return true;
}

static int32_t year_of(int64_t s)
{
	static const int64_t from_s = ETIME_MIN_US / 1000000, to_s = ETIME_MAX_US / 1000000;
	struct etime_civil c;

	etime_civil(NULL, (s < from_s ? from_s : s > to_s ? to_s : s) * 1000000, &c);
	return c.year;
}

static void add_transition(struct etime_zone *zone, int64_t at_s, size_t type)
{
	zone->at_s[zone->n] = at_s;
	zone->index[zone->n++] = (uint16_t)type;
}

/* Writes out the rule for the 400 years behind the last transition and a year more. */
static void extend(struct etime_zone *zone, size_t n_types)
{
	const struct etime_rule *rule = &zone->rule;
	int64_t last_s = zone->n ? zone->at_s[zone->n - 1] : INT64_MIN;
	int32_t year = zone->n ? year_of(last_s) : 1970;

	zone->types[n_types] = (struct type){rule->std_offset_s, rule->std_name};
	zone->types[n_types + 1] = (struct type){rule->dst_offset_s, rule->dst_name};
	for (int i = 0; i <= CYCLE_YEARS + 1; i++, year++) {
		int64_t start_s = etime_rule_date(&rule->start, year) - rule->std_offset_s;
		int64_t end_s = etime_rule_date(&rule->end, year) - rule->dst_offset_s;

		if (start_s <= end_s && start_s > last_s)
			add_transition(zone, start_s, n_types + 1);
		if (end_s > last_s)
			add_transition(zone, end_s, n_types);
		if (start_s > end_s && start_s > last_s)
			add_transition(zone, start_s, n_types + 1);
	}
	zone->repeats = true;
}

static bool read_zone(struct etime_zone *zone, size_t len)
{
	const char *p = zone->file, *end = zone->file + len, *footer;
	struct block b;

	if (!read_header(&b, p, len, 4))
		return false;
	if (p[4] >= '2') {
		p = b.p + b.len;
		if (!read_header(&b, p, (size_t)(end - p), 8))
			return false;
	}
	if (b.n_leap || !read_types(zone, &b) || !read_transitions(zone, &b))
		return false;
	footer = b.p + b.len;
	if (b.time_bytes == 4 || end - footer < 2 || *footer != '\n' || footer[1] == '\n')
		return true;
	if (!etime_rule_parse(&zone->rule, footer + 1, (size_t)(end - footer - 1)))
		return false;
	if (zone->rule.has_dst)
		extend(zone, b.n_types);
	return true;
}

/* Names of tzdata hold no '.', so none of them can leave the folder. */
static bool is_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";

	return *name && *name != '/' && strlen(name) < NAME_MAX_BYTES && name[strspn(name, allowed)] == '\0';
}

static int open_file(const char *name, struct err *err)
{
	const char *folder = getenv("TZDIR");
	char path[4096];
	int fd, n;

	if (!folder || !*folder)
		folder = "/usr/share/zoneinfo";
	n = snprintf(path, sizeof path, "%s/%s", folder, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(err, ERR_PROGRAM, "name of the time zone folder is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (access(folder, R_OK | X_OK))
		return err_set(
			err, ERR_PROGRAM, "time zone '%.60s': cannot read %.60s (is tzdata installed?)", name, folder);
	return err_set(err, ERR_PROGRAM, "unknown time zone '%.60s'", name);
}

/* The whole file; a NUL stands behind it. Returns its length, or -1. */
static ssize_t load(int fd, char *to)
{
	size_t len = 0;

	for (;;) {
		ssize_t got = read(fd, to + len, FILE_MAX_BYTES - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -1 : (ssize_t)len;
		len += (size_t)got;
	}
}

static struct etime_zone *open_utc(void)
{
	struct etime_zone *zone = mem_alloc(1, sizeof *zone);

	zone->types[0].abbreviation = "UTC";
	return zone;
}

struct etime_zone *etime_zone_open(const char *name, struct err *err)
{
	struct etime_zone *zone;
	ssize_t len;
	int fd;

	if (strcmp(name, "UTC") == 0)
		return open_utc();
	if (!is_name(name)) {
		err_set(err, ERR_PROGRAM, "unknown time zone '%.60s'", name);
		return NULL;
	}
	fd = open_file(name, err);
	if (fd < 0)
		return NULL;
	zone = mem_alloc(1, sizeof *zone);
	zone->file = mem_alloc(1, FILE_MAX_BYTES + 1);
	len = load(fd, zone->file);
	close(fd);
	if (len < 0 || !read_zone(zone, (size_t)len)) {
		err_set(err, ERR_PROGRAM, "unknown time zone '%.60s': its file holds no time zone", name);
		etime_zone_close(zone);
		return NULL;
	}
	return zone;
}

void etime_zone_close(struct etime_zone *zone)
{
	if (!zone)
		return;
	free(zone->at_s);
	free(zone->index);
	free(zone->file);
	free(zone);
}

/* A run of time without transitions: s lies in it, and the next one begins at end_s. */
struct run {
	const struct type *type;
	int64_t end_s; /* INT64_MAX: none follows */
};

static struct run find_run(const struct etime_zone *zone, int64_t s)
{
	size_t low = 0, n = zone->n;
	int64_t shift_s = 0;

	if (n == 0)
		return (struct run){&zone->types[0], INT64_MAX};
	if (zone->repeats && s >= zone->at_s[n - 1])
		shift_s = ((s - zone->at_s[n - 1]) / CYCLE_S + 1) * CYCLE_S;
	s -= shift_s;
	if (s < zone->at_s[0])
		return (struct run){&zone->types[0], zone->at_s[0]};
	/* the last transition that is not behind s lies in low..low+n-1 */
	while (n > 1) {
		size_t half = n / 2;

		low = zone->at_s[low + half] <= s ? low + half : low;
		n -= half;
	}
	return (struct run){
		&zone->types[zone->index[low]], low + 1 < zone->n ? zone->at_s[low + 1] + shift_s : INT64_MAX};
}

static const struct type *find_type(const struct etime_zone *zone, int64_t s)
{
	return find_run(zone, s).type;
}

static int64_t floor_s(int64_t us)
{
	return us / 1000000 - (us % 1000000 < 0);
}

int32_t etime_zone_offset(const struct etime_zone *zone, int64_t us)
{
	return zone ? find_type(zone, floor_s(us))->offset_s : 0;
}

/* Local time rises with time between two transitions, so the first run that reaches local_us holds the instant. No run
 * that ends OFFSET_MAX_S before local_us does. */
int64_t etime_zone_reach(const struct etime_zone *zone, int64_t local_us)
{
	int64_t s = floor_s(local_us) - OFFSET_MAX_S;

	while (zone) {
		struct run run = find_run(zone, s);
		int64_t us = local_us - run.type->offset_s * INT64_C(1000000);

		if (us < s * 1000000)
			us = s * 1000000;
		if (floor_s(us) < run.end_s)
			return us;
		s = run.end_s;
	}
	return local_us;
}

const char *etime_zone_abbreviation(const struct etime_zone *zone, int64_t us)
{
	return zone ? find_type(zone, floor_s(us))->abbreviation : "UTC";
}
