/*
 * Cells, the plain way: what counts as a number, and cells that need care.
 */
#include "csv/csv_internal.h"

#include <math.h>

#include "json/json.h"
#include "num/num.h"

enum {
	NUMBER_DIGITS_MAX = 17,  /* a double keeps no more */
	INTEGER_DIGITS_MAX = 15, /* always below 2^53 */
	NUMBER_BYTES_MAX = 400   /* longer texts of a double are zeros: not worth a look */
};

/* The parts of a JSON number. */
struct number {
	size_t n_digits; /* from the first one that is not 0 */
	bool is_integer; /* no fraction, no exponent */
	bool has_exponent;
};

static bool is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

static const char *skip_digits(const char *p, const char *end, struct number *number)
{
	while (p < end && is_digit(*p)) {
		number->n_digits += number->n_digits > 0 || *p != '0';
		p++;
	}
	return p;
}

/* RFC 8259, section 6. */
static bool read_number(const char *p, size_t len, struct number *number)
{
	const char *end = p + len, *from;

	*number = (struct number){.is_integer = true};
	p += p < end && *p == '-';
	if (p == end || !is_digit(*p))
		return false;
	from = p;
	p = skip_digits(p, end, number);
	if (*from == '0' && p - from > 1)
		return false;
	if (p < end && *p == '.') {
		from = ++p;
		p = skip_digits(p, end, number);
		if (p == from)
			return false;
		number->is_integer = false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		struct number exponent = {0};

		p++;
		p += p < end && (*p == '+' || *p == '-');
		from = p;
		p = skip_digits(p, end, &exponent);
		if (p == from)
			return false;
		number->is_integer = false;
		number->has_exponent = true;
	}
	return p == end;
}

bool csv_is_json_number(const char *p, size_t len)
{
	struct number number;

	return read_number(p, len, &number);
}

/* An integer of 16 digits is compared with 2^53 as text; an exponent must not lead to infinity, nor to zero. */
bool csv_is_number(const char *p, size_t len)
{
	static const char two_to_53[] = "9007199254740992";
	struct number number;

	if (len > NUMBER_BYTES_MAX || !read_number(p, len, &number) || number.n_digits > NUMBER_DIGITS_MAX)
		return false;
	if (number.is_integer && number.n_digits > INTEGER_DIGITS_MAX) {
		size_t sign = *p == '-';

		return number.n_digits == 16 && memcmp(p + sign, two_to_53, 16) <= 0;
	}
	if (number.has_exponent || len > 300) {
		double value = num_to_double(p, len);

		return isfinite(value) && (number.n_digits == 0 || value != 0);
	}
	return true;
}

void csv_add_latin1(struct buf *out, struct slice text)
{
	char *o = buf_reserve(out, 2 * text.len + 1);

	for (size_t i = 0; i < text.len; i++) {
		uint8_t ch = (uint8_t)text.p[i];

		if (ch < 0x80) {
			*o++ = (char)ch;
		} else {
			*o++ = (char)(0xc0 | ch >> 6);
			*o++ = (char)(0x80 | (ch & 0x3f));
		}
	}
	out->len = (size_t)(o - out->p);
}

static void drop_doubled(struct buf *out, struct slice cell)
{
	char *o = buf_reserve(out, cell.len + 1);

	for (size_t i = 0; i < cell.len; i++) {
		*o++ = cell.p[i];
		i += cell.p[i] == '"';
	}
	out->len = (size_t)(o - out->p);
}

static struct slice trim(struct slice s)
{
	while (s.len && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.len--;
	}
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

const char *csv_add_cell(
	struct csv *c, const struct csv_column *column, struct slice cell, bool has_doubled, struct buf *out)
{
	if (has_doubled) {
		buf_reset(&c->text);
		drop_doubled(&c->text, cell);
		cell = buf_slice(&c->text);
	}
	if (column->type != CSV_STR) {
		struct slice number = trim(cell);

		if (column->type == CSV_NUM ? csv_is_json_number(number.p, number.len)
					    : csv_is_number(number.p, number.len)) {
			buf_add_slice(out, number);
			return NULL;
		}
		if (column->type == CSV_NUM)
			return "is not a number";
	}
	if (c->opts.is_latin1) {
		buf_reset(&c->utf8);
		csv_add_latin1(&c->utf8, cell);
		cell = buf_slice(&c->utf8);
	}
	if (json_try_string(out, cell))
		return NULL;
	return memchr(cell.p, '\0', cell.len) ? "holds a NUL" : "is not UTF-8 (see --encoding)";
}
