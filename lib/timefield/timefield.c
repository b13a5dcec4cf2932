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
			"time field " MESSAGE_TIME ": only tlm-agg and tlm-s3put take the time of a message, and no "
			"format (a field: [\"" MESSAGE_TIME "\"])");
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

/* The value of eight digits from 0 to 9, the first in the lowest byte (Lemire's multiplications). */
static inline uint64_t value_of_8(uint64_t digits)
{
	digits = digits * 10 + (digits >> 8);
	return (((digits & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064)) +
		       (((digits >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001))) >>
	       32;
}

/*
 * The epoch that nearly every record has: a whole number of 8 to 15 digits in s, ms or us, read as two words of eight.
 * Returns false for all others, which etime_parse() reads.
 */
static inline bool read_whole_epoch(enum etime_kind kind, const char *p, size_t len, int64_t *us)
{
	static const int64_t unit[] = {[ETIME_SECONDS] = 1000000, [ETIME_MILLIS] = 1000, [ETIME_MICROS] = 1};
	static const uint64_t last[] = {[ETIME_SECONDS] = ETIME_MAX_US / 1000000,
		[ETIME_MILLIS] = ETIME_MAX_US / 1000,
		[ETIME_MICROS] = ETIME_MAX_US};
	const uint64_t zeros = UINT64_C(0x3030303030303030), sixes = UINT64_C(0x7676767676767676);
	uint64_t front, back, value;

	if (len < 8 || len > 15 || (kind != ETIME_SECONDS && kind != ETIME_MILLIS && kind != ETIME_MICROS))
		return false;
	memcpy(&front, p, 8);
	memcpy(&back, p + len - 8, 8);
	/* zeros in front of the digits that stand before the last eight */
	front = (len == 8 ? zeros : front << (16 - len) * 8 | zeros >> (len - 8) * 8) - zeros;
	back -= zeros;
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ ||
		(front | (front + sixes) | back | (back + sixes)) & UINT64_C(0x8080808080808080))
		return false;
	value = value_of_8(front) * 100000000 + value_of_8(back);
	if (value > last[kind])
		return false;
	*us = (int64_t)value * unit[kind];
	return true;
}

static __attribute__((noinline)) int get_any(
	const struct timefield *field, struct json_span span, struct buf *tmp, int64_t *us, const char **why)
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

int timefield_get(const struct timefield *field, struct json_span span, struct buf *tmp, int64_t *us, const char **why)
{
	if (span.type == JSON_NUMBER && read_whole_epoch(field->format.kind, span.p, span.len, us))
		return 0;
	return get_any(field, span, tmp, us, why);
}
