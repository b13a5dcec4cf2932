#include "timefield/timefield.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

#define MESSAGE_TIME "@kafka" /* the time of a message, not a field of its record */

int timefield_parse(struct timefield *field, const char *text, struct err *err)
{
	size_t used;

	*field = (struct timefield){FIELDPATH_INIT, {ETIME_AUTO, NULL}, NULL};
	if (strcmp(text, MESSAGE_TIME) == 0 || strncmp(text, MESSAGE_TIME ":", strlen(MESSAGE_TIME ":")) == 0)
		return err_set(err, ERR_USAGE,
			"time field " MESSAGE_TIME
			": only tlm-agg takes the time of a message, and no format (a field: [\"" MESSAGE_TIME "\"])");
	if (fieldpath_parse(&field->path, slice_str(text), &used, err))
		return -1;
	if (text[used] && text[used] != ':') {
		err_set(err, ERR_USAGE, "time field '%.60s': expected ':' and a format, or the end, at byte %zu", text,
			used + 1);
		goto fail;
	}
	field->text = mem_dup(text, strlen(text));
	if (text[used] == ':' && etime_format_parse(field->text + used + 1, &field->format, err))
		goto fail;
	return 0;

fail:
	timefield_release(field);
	return -1;
}

void timefield_release(struct timefield *field)
{
	fieldpath_release(&field->path);
	free(field->text);
	*field = (struct timefield){FIELDPATH_INIT, {ETIME_AUTO, NULL}, NULL};
}

static int refuse(const char **why, const char *what)
{
	*why = what;
	return -1;
}

/* Eight digits, the first in the lowest byte (Lemire's multiplications); false when one is none. */
static bool read_8_digits(uint64_t word, uint64_t *value)
{
	uint64_t digits = word - UINT64_C(0x3030303030303030);

	if ((digits | (digits + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080))
		return false;
	digits = digits * 10 + (digits >> 8);
	*value = (((digits & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064)) +
			 (((digits >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001))) >>
		 32;
	return true;
}

/*
 * The epoch that nearly every record has: a whole number of 8 to 15 digits in s, ms or us, read as two words of eight.
 * Returns false for all others, which etime_parse() reads.
 */
static bool read_whole_epoch(enum etime_kind kind, const char *p, size_t len, int64_t *us)
{
	static const int64_t unit[] = {[ETIME_SECONDS] = 1000000, [ETIME_MILLIS] = 1000, [ETIME_MICROS] = 1};
	static const uint64_t last[] = {[ETIME_SECONDS] = ETIME_MAX_US / 1000000,
		[ETIME_MILLIS] = ETIME_MAX_US / 1000,
		[ETIME_MICROS] = ETIME_MAX_US};
	uint64_t front, back, front_value, back_value, value;

	if (len < 8 || len > 15 || (kind != ETIME_SECONDS && kind != ETIME_MILLIS && kind != ETIME_MICROS))
		return false;
	memcpy(&front, p, 8);
	memcpy(&back, p + len - 8, 8);
	/* zeros in front of the digits that stand before the last eight */
	front = len == 8 ? UINT64_C(0x3030303030303030)
			 : front << (16 - len) * 8 | UINT64_C(0x3030303030303030) >> (len - 8) * 8;
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || !read_8_digits(front, &front_value) ||
		!read_8_digits(back, &back_value))
		return false;
	value = front_value * 100000000 + back_value;
	if (value > last[kind])
		return false;
	*us = (int64_t)value * unit[kind];
	return true;
}

int timefield_get(const struct timefield *field, struct json_span span, struct buf *tmp, int64_t *us, const char **why)
{
	struct slice text = {span.p, span.len};

	switch (span.type) {
	case JSON_ABSENT:
		return refuse(why, "is absent");
	case JSON_NULL:
		return refuse(why, "is null");
	case JSON_NUMBER:
		if (field->format.kind == ETIME_AUTO)
			return refuse(why, "is a number without a unit: say --time FIELD:s|ms|us|ns");
		if (read_whole_epoch(field->format.kind, span.p, span.len, us))
			return 0;
		break;
	case JSON_STRING:
		text = span.is_escaped ? json_text(span, tmp) : json_inside(span);
		break;
	default:
		return refuse(why, "is not a time of the format");
	}
	if (!etime_parse(&field->format, text.p, text.len, span.type == JSON_NUMBER, us))
		return refuse(why, "is not a time of the format");
	return 0;
}
