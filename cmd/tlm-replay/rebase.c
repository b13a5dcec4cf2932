#include "rebase.h"

#include <assert.h>
#include <string.h>

#include "etime/etime.h"
#include "json/json.h"
#include "num/num.h"

enum { ISO_SECONDS_BYTES = 19 /* "2026-11-22T10:00:00" */, MICRO_DIGITS = 6 };

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* How many digits stand behind the '.' at p[at], the '.' not counted. */
static size_t count_digits(struct slice s, size_t at)
{
	size_t n = 0;

	while (at + n < s.len && s.p[at + n] >= '0' && s.p[at + n] <= '9')
		n++;
	return n;
}

/* The first `digits` digits of a fraction of a second; behind the sixth stands what stood there before. */
static void add_fraction(struct buf *out, int32_t micros, size_t digits, struct slice old)
{
	for (size_t i = 0, unit = 100000; i < digits; i++, unit /= 10) {
		if (i < MICRO_DIGITS)
			buf_add_char(out, (char)('0' + (size_t)micros / unit % 10));
		else
			buf_add_char(out, old.p[i]);
	}
}

/*
 * An epoch: the count of 10^-digits units is printed with the point before the last `digits` digits. decimals: how
 * many of them microseconds can fill; ns has three digits below a microsecond, they stay.
 */
static void add_epoch(struct buf *out, enum etime_kind kind, struct slice old, int64_t new_us)
{
	const char *point = memchr(old.p, '.', old.len);
	size_t decimals = kind == ETIME_SECONDS ? 6 : kind == ETIME_MILLIS ? 3 : 0;
	size_t digits = point ? count_digits(old, (size_t)(point - old.p) + 1) : 0;
	char text[NUM_I128_BYTES] = "";
	int64_t unit = 1, below = 0;
	size_t len, used;

	if (memchr(old.p, 'e', old.len) || memchr(old.p, 'E', old.len))
		digits = decimals;
	if (kind == ETIME_NANOS) {
		num_i128 ns = (num_i128)new_us * 1000;

		if (num_to_scaled(old.p, old.len, 0, &below))
			ns += below - floor_div(below, 1000) * 1000;
		buf_add(out, text, num_print_i128(text, ns));
		return;
	}
	used = digits < decimals ? digits : decimals;
	for (size_t i = used; i < decimals; i++)
		unit *= 10;
	new_us = floor_div(new_us, unit);
	if (new_us < 0)
		buf_add_char(out, '-');
	len = num_print_i128(text, new_us < 0 ? -(num_i128)new_us : new_us);
	for (; len <= used; len++) { /* 0.05: zeros in front */
		memmove(text + 1, text, len);
		text[0] = '0';
	}
	buf_add(out, text, len - used);
	if (digits) {
		buf_add_char(out, '.');
		buf_add(out, text + len - used, used);
		for (size_t i = used; i < digits; i++)
			buf_add_char(out, point && new_us >= 0 && *old.p != '-' ? point[1 + i] : '0');
	}
}

/* The offset of "+05:30", "-08", "Z" or nothing, in seconds; the text is known to be good. */
static int32_t read_offset(struct slice s)
{
	int32_t n[4] = {0};
	size_t k = 0;

	if (s.len == 0 || (s.p[0] != '+' && s.p[0] != '-'))
		return 0;
	for (size_t i = 1; i < s.len && k < 4; i++) {
		if (s.p[i] >= '0' && s.p[i] <= '9')
			n[k++] = s.p[i] - '0';
	}
	return (s.p[0] == '-' ? -60 : 60) * ((n[0] * 10 + n[1]) * 60 + n[2] * 10 + n[3]);
}

/* RFC 3339: the date and time have fixed places, the separator, the digits of the fraction and the zone stay. */
static bool add_iso(struct buf *out, struct slice old, int64_t new_us)
{
	size_t at = ISO_SECONDS_BYTES, digits = 0;
	struct slice zone, fraction = {old.p + at + 1, 0};
	struct etime_civil t;
	int64_t local_us;

	assert(old.len >= ISO_SECONDS_BYTES);
	if (at < old.len && old.p[at] == '.')
		digits = count_digits(old, at + 1);
	at += digits ? digits + 1 : 0;
	zone = (struct slice){old.p + at, old.len - at};
	local_us = new_us + (int64_t)read_offset(zone) * 1000000;
	if (local_us < ETIME_MIN_US || local_us > ETIME_MAX_US)
		return false;
	etime_civil(NULL, local_us, &t);
	buf_addf(out, "%04d-%02d-%02d%c%02d:%02d:%02d", t.year, t.month, t.day, old.p[10], t.hour, t.minute, t.second);
	if (digits) {
		buf_add_char(out, '.');
		add_fraction(out, t.micros, digits, fraction);
	}
	buf_add_slice(out, zone);
	return true;
}

/* The conversion of the fraction in a pattern, or NULL; "%%f" is none. */
static const char *find_fraction(const char *pattern)
{
	for (const char *p = strchr(pattern, '%'); p; p = strchr(p + 2, '%'))
		if (p[1] == 'f')
			return p;
	return NULL;
}

/*
 * A pattern: strftime prints it; the digits of %f are as many as the old text leaves room for. An epoch with a fraction
 * is the one that has a sign: "-0.5".
 */
static bool add_pattern(struct buf *out, const char *pattern, struct slice old, int64_t new_us)
{
	const char *f = find_fraction(pattern);
	struct err err = ERR_INIT;
	struct buf tail = BUF_INIT;
	size_t begin = out->len, fixed, digits = MICRO_DIGITS;
	bool is_good;

	if (!f)
		return etime_strftime(out, slice_str(pattern), NULL, new_us, &err) == 0;
	if (new_us < 0 && strncmp(pattern, "%s", 2) == 0) {
		buf_add_char(out, '-');
		new_us = -new_us;
	}
	is_good = etime_strftime(out, (struct slice){pattern, (size_t)(f - pattern)}, NULL, new_us, &err) == 0 &&
		  etime_strftime(&tail, slice_str(f + 2), NULL, new_us, &err) == 0;
	fixed = out->len - begin + tail.len;
	if (old.len > fixed && old.len - fixed < MICRO_DIGITS)
		digits = old.len - fixed;
	add_fraction(out, (int32_t)(new_us - floor_div(new_us, 1000000) * 1000000), digits, old);
	buf_add_slice(out, buf_slice(&tail));
	buf_release(&tail);
	return is_good;
}

/* The new text of the field, from the old one. */
static bool add_time(struct buf *out, const struct timefield *field, struct slice old, bool is_number, int64_t new_us)
{
	switch (field->format.kind) {
	case ETIME_SECONDS:
	case ETIME_MILLIS:
	case ETIME_MICROS:
	case ETIME_NANOS:
		add_epoch(out, field->format.kind, old, new_us);
		return true;
	case ETIME_AUTO:
	case ETIME_ISO:
		assert(!is_number);
		(void)is_number;
		return add_iso(out, old, new_us);
	case ETIME_STRPTIME:
		return add_pattern(out, field->format.pattern, old, new_us);
	}
	assert(false && "a time has one of these formats");
	return false;
}

bool rebase_add(struct buf *out, const struct timefield *field, const struct record *r, int64_t new_us, struct buf *tmp)
{
	struct json_span span = {.p = r->p + r->time_at, .len = r->time_len, .type = r->time_type, .is_escaped = 1};
	bool is_number = span.type == JSON_NUMBER;
	struct buf unescaped = BUF_INIT;
	struct slice old = {span.p, span.len};
	bool is_good;

	if (new_us < ETIME_MIN_US || new_us > ETIME_MAX_US)
		return false;
	if (!is_number && memchr(span.p, '\\', span.len))
		old = json_text(span, &unescaped);
	else if (!is_number)
		old = (struct slice){span.p + 1, span.len - 2};
	buf_reset(tmp);
	is_good = add_time(tmp, field, old, is_number, new_us);
	buf_release(&unescaped);
	if (!is_good)
		return false;
	buf_add(out, r->p, r->time_at);
	if (is_number)
		buf_add_slice(out, buf_slice(tmp));
	else
		json_add_string(out, buf_slice(tmp));
	buf_add(out, r->p + r->time_at + r->time_len, r->len - r->time_at - r->time_len);
	return true;
}
