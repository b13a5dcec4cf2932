#include "group/group.h"

#include <assert.h>
#include <string.h>

#include "num/num.h"

/*
 * The form of a key, chosen so that memcmp() is the order of values:
 *     tag                       1 absent, 2 null, 3 false, 4 true, 5 number, 6 string
 *     number                    1 zero
 *                               2 exponent digits 0        above zero: value = 0.digits * 10^exponent
 *                               0 the same, every byte inverted: below zero
 *     string                    its bytes, a NUL as 00 ff, then 00
 * exponent is big-endian with its sign bit turned; digits have no zero at either end. A tag is below ff, so the end of
 * a string sorts before any byte that could follow.
 */
enum { TAG_ABSENT = 1, TAG_NULL, TAG_FALSE, TAG_TRUE, TAG_NUMBER, TAG_STRING = GROUP_TAG_STRING };
enum { BELOW_ZERO = 0, ZERO = 1, ABOVE_ZERO = 2 };
enum { EXPONENT_BYTES = 4, EXPONENT_MAX = 1 << 30 };
enum {
	ADDED_ZEROS = 15,   /* that an integer may get without an exponent, as num_print_double() does it */
	INTEGER_DIGITS = 19 /* up to here any number: what 64 bits hold */
};

static void add_exponent(char *to, int32_t exponent)
{
	uint32_t bits = (uint32_t)exponent ^ UINT32_C(0x80000000);

	for (int i = 0; i < EXPONENT_BYTES; i++)
		to[i] = (char)(bits >> (24 - 8 * i));
}

/* The exponent part of a number's text, limited to what no double reaches. */
static int32_t read_exponent(const char *p, const char *end)
{
	bool is_negative = *p == '-';
	int32_t e = 0;

	for (p += *p == '-' || *p == '+'; p < end; p++) {
		if (e < EXPONENT_MAX / 16)
			e = e * 10 + (*p - '0');
	}
	return is_negative ? -e : e;
}

/* Writes the digits of a mantissa without the point and the zeros at its ends; returns their number, and the exponent
 * of 0.digits. */
static size_t take_digits(const char *p, const char *end, char *digits, int32_t *exponent)
{
	size_t n = 0;
	int32_t before_point = 0;
	bool is_fraction = false;

	for (; p < end; p++) {
		if (*p == '.') {
			is_fraction = true;
			continue;
		}
		if (n || *p != '0')
			digits[n++] = *p;
		if (!is_fraction && n)
			before_point++;
		else if (is_fraction && !n)
			before_point--;
	}
	while (n && digits[n - 1] == '0')
		n--;
	*exponent = before_point;
	return n;
}

static void add_number(struct buf *key, const char *p, size_t len)
{
	char *start = buf_reserve(key, len + EXPONENT_BYTES + 8), *to = start;
	const char *end = p + len, *mantissa_end;
	bool is_negative = *p == '-';
	int32_t exponent;
	size_t n;

	p += is_negative;
	for (mantissa_end = p; mantissa_end < end && (*mantissa_end | 32) != 'e'; mantissa_end++)
		;
	*to++ = TAG_NUMBER;
	n = take_digits(p, mantissa_end, to + 1 + EXPONENT_BYTES, &exponent);
	if (!n) {
		*to++ = ZERO;
		key->len += (size_t)(to - start);
		return;
	}
	if (mantissa_end < end)
		exponent += read_exponent(mantissa_end + 1, end);
	*to = is_negative ? BELOW_ZERO : ABOVE_ZERO;
	add_exponent(to + 1, exponent);
	to[1 + EXPONENT_BYTES + n] = 0;
	n += 1 + EXPONENT_BYTES + 1;
	if (is_negative) {
		for (size_t i = 1; i < n; i++)
			to[i] = (char)~to[i];
	}
	key->len += (size_t)(to - start) + n;
}

static void add_text(struct buf *key, struct slice text)
{
	char *to = buf_reserve(key, text.len + 2);

	*to = TAG_STRING;
	memcpy(to + 1, text.p, text.len);
	to[text.len + 1] = 0;
	key->len += text.len + 2;
}

/* A text that was escaped may hold a NUL. */
static void add_any_text(struct buf *key, struct slice text)
{
	buf_reserve(key, 2 * text.len + 2);
	buf_add_char(key, TAG_STRING);
	for (size_t i = 0; i < text.len; i++) {
		buf_add_char(key, text.p[i]);
		if (!text.p[i])
			buf_add_char(key, (char)0xff);
	}
	buf_add_char(key, 0);
}

bool group_key_add(struct buf *key, struct json_span value, struct buf *tmp)
{
	switch ((enum json_type)value.type) {
	case JSON_ABSENT:
		buf_add_char(key, TAG_ABSENT);
		return true;
	case JSON_NULL:
		buf_add_char(key, TAG_NULL);
		return true;
	case JSON_FALSE:
		buf_add_char(key, TAG_FALSE);
		return true;
	case JSON_TRUE:
		buf_add_char(key, TAG_TRUE);
		return true;
	case JSON_NUMBER:
		add_number(key, value.p, value.len);
		return true;
	case JSON_STRING:
		if (value.is_escaped)
			add_any_text(key, json_text(value, tmp));
		else
			add_text(key, json_inside(value));
		return true;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return false;
}

static int32_t get_exponent(const char *p, char flip)
{
	uint32_t bits = 0;

	for (int i = 0; i < EXPONENT_BYTES; i++)
		bits = bits << 8 | (uint8_t)(p[i] ^ flip);
	return (int32_t)(bits ^ UINT32_C(0x80000000));
}

/* The digits of a number as they stand in a key. */
struct digits {
	const char *p;
	size_t n;
	char flip; /* ff below zero */
};

static void add_digits(struct buf *out, const struct digits *d, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		buf_add_char(out, (char)(i < d->n ? d->p[i] ^ d->flip : '0'));
}

/* d.ddde+05 */
static void write_scientific(struct buf *out, const struct digits *d, int32_t exponent)
{
	int32_t e = exponent - 1;

	add_digits(out, d, 0, 1);
	if (d->n > 1)
		buf_add_char(out, '.');
	add_digits(out, d, 1, d->n);
	buf_addf(out, "e%c%02d", e < 0 ? '-' : '+', e < 0 ? -e : e);
}

/* 0.digits * 10^exponent in the layout of num_print_double(), all digits kept. */
static void write_number(struct buf *out, const struct digits *d, int32_t exponent)
{
	bool is_integer = exponent > 0 && d->n <= (size_t)exponent;

	if (exponent <= -4 || (exponent > INTEGER_DIGITS && exponent > (int32_t)d->n + ADDED_ZEROS)) {
		write_scientific(out, d, exponent);
	} else if (exponent <= 0) {
		buf_add_str(out, "0.");
		for (int32_t i = exponent; i < 0; i++)
			buf_add_char(out, '0');
		add_digits(out, d, 0, d->n);
	} else {
		add_digits(out, d, 0, (size_t)exponent);
		if (!is_integer)
			buf_add_char(out, '.');
		add_digits(out, d, (size_t)exponent, is_integer ? 0 : d->n);
	}
}

/* A number behind its tag; returns how many bytes it took. */
static size_t read_number(const char *p, struct buf *out)
{
	struct digits d = {p + 1 + EXPONENT_BYTES, 0, *p == BELOW_ZERO ? (char)0xff : 0};

	buf_reset(out);
	if (*p == ZERO) {
		buf_add_char(out, '0');
		return 1;
	}
	while ((char)(d.p[d.n] ^ d.flip))
		d.n++;
	if (d.flip)
		buf_add_char(out, '-');
	write_number(out, &d, get_exponent(p + 1, d.flip));
	return 1 + EXPONENT_BYTES + d.n + 1;
}

/* Whether the NUL at p stands for itself in a string: 00 ff. The key may end behind it. */
static bool is_escaped_nul(const char *p, const char *end)
{
	return p + 1 < end && (uint8_t)p[1] == 0xff;
}

/* A string behind its tag; returns how many bytes it took. */
static size_t read_text(struct slice key, struct slice *text, struct buf *tmp)
{
	const char *p = key.p, *end = key.p + key.len;
	size_t n = strlen(p);

	*text = (struct slice){p, n};
	if (!is_escaped_nul(p + n, end))
		return n + 1;
	buf_reset(tmp);
	for (n = 0; p[n] || is_escaped_nul(p + n, end); n += p[n] ? 1 : 2)
		buf_add_char(tmp, p[n]);
	*text = buf_slice(tmp);
	return n + 1;
}

void group_key_next(struct slice *key, struct group_value *value, struct buf *tmp)
{
	static const uint8_t types[] = {[TAG_ABSENT] = JSON_ABSENT,
		[TAG_NULL] = JSON_NULL,
		[TAG_FALSE] = JSON_FALSE,
		[TAG_TRUE] = JSON_TRUE,
		[TAG_NUMBER] = JSON_NUMBER,
		[TAG_STRING] = JSON_STRING};
	size_t used = 0;

	assert(key->len && *key->p >= TAG_ABSENT && *key->p <= TAG_STRING);
	value->type = types[(uint8_t)*key->p];
	value->bytes = (struct slice){NULL, 0};
	if (value->type == JSON_NUMBER) {
		used = read_number(key->p + 1, tmp);
		value->bytes = buf_slice(tmp);
	} else if (value->type == JSON_STRING) {
		used = read_text((struct slice){key->p + 1, key->len - 1}, &value->bytes, tmp);
	}
	key->p += 1 + used;
	key->len -= 1 + used;
}
