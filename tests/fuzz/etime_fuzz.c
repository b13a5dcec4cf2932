/*
 * etime: the first byte chooses a format, the rest is a time in it, or a pattern and a time behind a newline. What is
 * read lies in range, prints, and reads back to itself; the fast reader knows nothing that the plain one does not.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "etime/etime.h"
#include "etime/etime_parts.h"
#include "num/num.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_instant(int64_t us)
{
	static const struct etime_format iso = {ETIME_ISO, NULL};
	char out[ETIME_ISO_BYTES];
	struct etime_civil c;
	int64_t back;
	size_t len = etime_print_iso(out, us);

	assert(us >= ETIME_MIN_US && us <= ETIME_MAX_US && len <= ETIME_ISO_BYTES);
	assert(etime_parse(&iso, out, len, false, &back) && back == us);
	assert(etime_parse_iso(out, len, &back) && back == us);
	etime_civil(NULL, us, &c);
	assert(c.year >= 1 && c.year <= 9999 && c.month >= 1 && c.month <= 12 && c.yearday >= 1 && c.yearday <= 366);
	assert(etime_days(c.year, c.month, c.day) == etime_days(c.year, 1, 1) + c.yearday - 1);
	assert((etime_days(c.year, c.month, c.day) % 7 + 11) % 7 == c.weekday);
}

static void check_pattern(const char *text, size_t len)
{
	const char *newline = memchr(text, '\n', len);
	struct err err = ERR_INIT;
	struct etime_format format;
	struct buf out = BUF_INIT;
	char *pattern;
	int64_t us;

	if (!newline)
		return;
	pattern = strndup(text, (size_t)(newline - text));
	if (pattern && !etime_format_parse(pattern, &format, &err) &&
		etime_parse(&format, newline + 1, len - (size_t)(newline + 1 - text), false, &us))
		check_instant(us);
	if (pattern) {
		err_reset(&err);
		etime_strftime(&out, slice_str(pattern), NULL, (int64_t)len * 1000003 * 86400, &err);
	}
	buf_release(&out);
	free(pattern);
}

static void check_iso(const char *text, size_t len)
{
	int64_t fast, plain;

	if (etime_parse_iso_fast(text, len, &fast))
		assert(etime_parse_iso(text, len, &plain) && plain == fast);
	if (etime_parse_iso(text, len, &plain))
		check_instant(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;
	int64_t us;

	if (size < 1)
		return 0;
	/* exactly its length, so that a read behind it is found */
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	for (int kind = ETIME_AUTO; kind <= ETIME_ISO; kind++) {
		struct etime_format format = {(enum etime_kind)kind, NULL};
		bool is_number = (data[0] & 1) && num_is_json(text, size - 1);

		if (etime_parse(&format, text, size - 1, is_number, &us))
			check_instant(us);
	}
	check_iso(text, size - 1);
	check_pattern(text, size - 1);
	free(text);
	if (size > sizeof us) {
		char out[ETIME_ISO_BYTES];

		memcpy(&us, data + 1, sizeof us);
		assert(etime_print_iso(out, us) <= ETIME_ISO_BYTES);
		if (us >= ETIME_MIN_US && us <= ETIME_MAX_US)
			check_instant(us);
	}
	return 0;
}
