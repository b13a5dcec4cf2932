#include "aggregate/form.h"

#include <math.h>
#include <string.h>

#include "etime/etime.h"

/* ---- writing ---- */

void form_add_u64(struct buf *out, uint64_t value)
{
	out->len += num_print_i128(buf_reserve(out, NUM_I128_BYTES), (num_i128)value);
}

void form_add_i64(struct buf *out, int64_t value)
{
	out->len += num_print_i64(buf_reserve(out, NUM_DOUBLE_BYTES), value);
}

void form_add_double(struct buf *out, double value)
{
	if (isnan(value))
		buf_add_str(out, "null");
	else if (isinf(value))
		buf_add_str(out, value < 0 ? "-1e999" : "1e999");
	else
		out->len += num_print_double(buf_reserve(out, NUM_DOUBLE_BYTES), value);
}

/* An integer that a reader would take for one is written to the last digit: the shortest decimal of 2^60 is another. */
void form_add_num(struct buf *out, struct agg_num num)
{
	if (num.value == floor(num.value) && fabs(num.value) <= 0x1p63)
		out->len += num_print_i128(buf_reserve(out, NUM_I128_BYTES), (num_i128)num.value + num.rest);
	else
		form_add_double(out, num.value);
}

void form_add_dd(struct buf *out, struct dd value)
{
	buf_add_char(out, '[');
	form_add_double(out, value.high);
	buf_add_char(out, ',');
	form_add_double(out, value.low);
	buf_add_char(out, ']');
}

/* Beyond the range of doubles there is a text in front, how many times 2^1024. */
void form_add_xsum(struct buf *out, const struct xsum *sum)
{
	double parts[XSUM_PARTS_MAX];
	int64_t over;
	size_t n = xsum_parts(sum, parts, &over);

	if (!n) {
		buf_add_str(out, "null");
		return;
	}
	buf_add_char(out, '[');
	if (over) {
		form_add_i128(out, (uint64_t)over, over < 0 ? UINT64_MAX : 0);
		buf_add_char(out, ',');
	}
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_char(out, ',');
		form_add_double(out, parts[i]);
	}
	buf_add_char(out, ']');
}

void form_add_i128(struct buf *out, uint64_t low, uint64_t high)
{
	__extension__ typedef unsigned __int128 u128;

	buf_add_char(out, '"');
	out->len += num_print_i128(buf_reserve(out, NUM_I128_BYTES), (num_i128)((u128)high << 64 | low));
	buf_add_char(out, '"');
}

void form_add_hash(struct buf *out, uint64_t hash)
{
	buf_addf(out, "%016llx", (unsigned long long)hash);
}

void form_add_hash_text(struct buf *out, uint64_t hash)
{
	buf_add_char(out, '"');
	form_add_hash(out, hash);
	buf_add_char(out, '"');
}

/* All inputs of a merge are numbered through: those of one producer behind those of the producer before. */
void form_add_place(const struct form_writer *w, const struct agg_place *place)
{
	uint64_t input = place->input;

	if (w->first_inputs)
		input += w->first_inputs[place->producer];
	form_add_i64(w->out, place->time_us);
	buf_add_char(w->out, ',');
	form_add_u64(w->out, input);
	buf_add_char(w->out, ',');
	form_add_u64(w->out, place->line);
}

void form_add_text(const struct form_writer *w, const struct agg_text_state *text)
{
	buf_add_char(w->out, '[');
	form_add_place(w, &text->place);
	buf_add_char(w->out, ',');
	buf_add(w->out, text->text, text->len);
	buf_add_char(w->out, ']');
}

/* ---- reading ---- */

/* The index of a key among names, or -1. */
static int find_name(struct json_span key, const char *names)
{
	int i = 0;

	for (const char *end; *names; names = *end ? end + 1 : end, i++) {
		end = strchrnul(names, ' ');
		if (json_string_eq(key, (struct slice){names, (size_t)(end - names)}))
			return i;
	}
	return -1;
}

bool form_members(struct json_span object, const char *names, struct json_span *values)
{
	bool are_there[FORM_VALUES_MAX] = {false};
	struct json_span key, value;
	struct json_iter it;
	size_t n = 0, n_names = 1;

	for (const char *p = names; *p; p++)
		n_names += *p == ' ';
	if (object.type != JSON_OBJECT)
		return false;
	json_iter_init(&it, object);
	while (json_iter_next(&it, &key, &value)) {
		int i = find_name(key, names);

		if (i < 0 || are_there[i])
			return false;
		are_there[i] = true;
		values[i] = value;
		n++;
	}
	return n == n_names;
}

bool form_array(struct json_span array, struct json_iter *it)
{
	if (array.type != JSON_ARRAY)
		return false;
	json_iter_init(it, array);
	return true;
}

bool form_next(struct json_iter *it, struct json_span *value)
{
	struct json_span key;

	return json_iter_next(it, &key, value) == 1;
}

bool form_elements(struct json_span array, size_t n, struct json_span *values)
{
	struct json_span rest;
	struct json_iter it;

	if (!form_array(array, &it))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!form_next(&it, &values[i]))
			return false;
	}
	return !form_next(&it, &rest);
}

bool form_i64(struct json_span span, int64_t *value)
{
	return span.type == JSON_NUMBER && num_to_i64(span.p, span.len, value);
}

bool form_time(struct json_span span, int64_t *us)
{
	return form_i64(span, us) && *us >= ETIME_MIN_US && *us <= ETIME_MAX_US;
}

bool form_hash_text(struct json_span span, uint64_t *hash)
{
	return span.type == JSON_STRING && form_hash(json_inside(span), hash);
}

bool form_count(struct json_span span, uint64_t *n)
{
	int64_t value;

	if (!form_i64(span, &value) || value < 1 || value > FORM_COUNT_MAX)
		return false;
	*n = (uint64_t)value;
	return true;
}

bool form_double(struct json_span span, double *value)
{
	if (span.type != JSON_NUMBER)
		return false;
	*value = num_to_double(span.p, span.len);
	return true;
}

bool form_num(struct json_span span, struct agg_num *num)
{
	struct agg_value v;

	if (span.type != JSON_NUMBER)
		return false;
	agg_read_number_plain(span.p, span.len, &v);
	*num = v.num;
	return true;
}

/* What overflowed is infinity and no number. */
static bool read_part(struct json_span span, double *value)
{
	*value = NAN;
	return span.type == JSON_NULL || form_double(span, value);
}

bool form_dd(struct json_span span, struct dd *value)
{
	struct json_span parts[2];

	return form_elements(span, 2, parts) && read_part(parts[0], &value->high) && read_part(parts[1], &value->low);
}

bool form_i128(struct json_span span, uint64_t *low, uint64_t *high)
{
	__extension__ typedef unsigned __int128 u128;
	struct slice text;
	bool is_negative;
	u128 sum = 0, limit;

	if (span.type != JSON_STRING || span.is_escaped)
		return false;
	text = json_inside(span);
	is_negative = text.len && *text.p == '-';
	limit = ((u128)1 << 127) - !is_negative;
	text.p += is_negative;
	text.len -= is_negative;
	if (!text.len)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned char)text.p[i] - (unsigned)'0';

		if (digit > 9 || sum > (limit - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	sum = is_negative ? -sum : sum;
	*low = (uint64_t)sum;
	*high = (uint64_t)(sum >> 64);
	return true;
}

static bool read_over(struct json_span span, struct xsum *sum)
{
	uint64_t low, high;
	int64_t over;

	if (!form_i128(span, &low, &high))
		return false;
	over = (int64_t)low;
	if (high != (over < 0 ? UINT64_MAX : 0) || over < -XSUM_OVER_MAX || over > XSUM_OVER_MAX || !over)
		return false;
	xsum_add_over(sum, over);
	return true;
}

/* Parts do not overlap: what follows is up to half a last bit of a part, and only the second of two may be 0. */
bool form_xsum(struct json_span span, struct xsum *sum)
{
	struct json_span item;
	struct json_iter it;
	double part, before = 0;
	size_t n = 0;

	if (span.type == JSON_NULL) {
		xsum_add(sum, INFINITY);
		return true;
	}
	if (!form_array(span, &it) || !form_next(&it, &item))
		return false;
	if (item.type == JSON_STRING && (!read_over(item, sum) || !form_next(&it, &item)))
		return false;
	do {
		if (n == XSUM_PARTS_MAX || !form_double(item, &part) || !isfinite(part))
			return false;
		if (n && (before + nextafter(part, 0) != before || (n > 1 && part == 0)))
			return false;
		xsum_add(sum, part);
		before = part;
		n++;
	} while (form_next(&it, &item));
	return n >= 2;
}

bool form_hash(struct slice digits, uint64_t *hash)
{
	*hash = 0;
	for (size_t i = 0; i < digits.len; i++) {
		static const char hex[] = "0123456789abcdef";
		const char *at = memchr(hex, digits.p[i], sizeof hex - 1);

		if (!at)
			return false;
		*hash = *hash << 4 | (uint64_t)(at - hex);
	}
	return digits.len == 16;
}

bool form_place(const struct form_reader *r, const struct json_span *parts, struct agg_place *place)
{
	int64_t input, line;

	if (!form_time(parts[0], &place->time_us) || !form_i64(parts[1], &input) || !form_i64(parts[2], &line))
		return false;
	if (input < 0 || input >= AGG_INPUTS_MAX || line < 0)
		return false;
	place->input = (uint32_t)input;
	place->line = (uint64_t)line;
	place->producer = r->producer;
	return true;
}

bool form_placed(const struct form_reader *r, struct json_span span, struct agg_place *place, struct json_span *value)
{
	struct json_span parts[4];

	if (!form_elements(span, 4, parts) || !form_place(r, parts, place))
		return false;
	*value = parts[3];
	return true;
}

/* null is no value */
bool form_text(const struct form_reader *r, struct json_span span, struct agg_text_state *text)
{
	struct json_span value;
	struct agg_place place;

	if (!form_placed(r, span, &place, &value) || value.type == JSON_NULL)
		return false;
	agg_text_set(text, &place, value.p, value.len);
	return true;
}
