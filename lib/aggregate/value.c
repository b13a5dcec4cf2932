#include "aggregate/kinds.h"

#include <string.h>

#define EXACT_MAX (INT64_C(1) << 53)

static void set_integer(struct agg_value *v, int64_t i)
{
	v->is_integer = true;
	v->integer = i;
	v->num.value = (double)i;
	v->num.rest = 0;
	if (i > EXACT_MAX || i < -EXACT_MAX)
		v->num.rest = (int32_t)((num_i128)i - (num_i128)v->num.value);
}

void agg_read_number_plain(const char *p, size_t len, struct agg_value *v)
{
	int64_t i;

	if (num_to_i64(p, len, &i)) {
		set_integer(v, i);
		return;
	}
	v->is_integer = false;
	v->integer = 0;
	v->num.value = num_to_double(p, len) + 0.0; /* no minus zero */
	v->num.rest = 0;
}

/* Decimals of up to 8 characters without a sign, all at once: the point is taken out of the word, the digits are moved
 * to its end, and three multiplications (Lemire) make the integer. */
static inline bool read_word(const char *p, size_t len, uint64_t *digits, size_t *decimals)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
	uint64_t word, points, below;
	size_t n = len;

	memcpy(&word, p, 8); /* the record goes on behind the number */
	word <<= (8 - len) * 8;
	word ^= ones * 0x30;
	if (len < 8)
		word &= UINT64_MAX << (8 - len) * 8;
	points = word ^ ones * ('.' ^ 0x30);
	points = (points - ones) & ~points & highs;
	*decimals = 0;
	if (points) {
		int at = __builtin_ctzll(points) & ~7; /* the first bit of the point */

		*decimals = 7 - (size_t)at / 8;
		below = word & ((UINT64_C(1) << at) - 1);
		word = (at == 56 ? 0 : word >> (at + 8) << (at + 8)) | below << 8;
		n--;
	}
	if (!n || ((word + ones * 0x76) | word) & highs)
		return false;
	word = word * 10 + (word >> 8);
	*digits = (((word & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064)) +
			  (((word >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001))) >>
		  32;
	return true;
}

/* The value of a short decimal is digits / 10^decimals: one exact division of exact numbers, so it is the nearest
 * double (Clinger, 1990). */
static const double power[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
static const uint32_t whole[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

static inline void read_number(const char *p, size_t len, struct agg_value *v)
{
	bool is_negative = *p == '-';
	size_t decimals;
	uint64_t digits;

	/* an exponent, or too many digits: the plain way */
	if (len - is_negative > 8 || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ ||
		!read_word(p + is_negative, len - is_negative, &digits, &decimals)) {
		agg_read_number_plain(p, len, v);
		return;
	}
	/* a fraction may be zero, and the number an integer */
	if (!decimals || (p[len - 1] == '0' && digits % whole[decimals] == 0)) {
		digits = decimals ? digits / whole[decimals] : digits;
		set_integer(v, is_negative ? -(int64_t)digits : (int64_t)digits);
		return;
	}
	v->is_integer = false;
	v->integer = 0;
	v->num.value = (is_negative ? -(double)digits : (double)digits) / power[decimals];
	v->num.rest = 0;
}

void agg_read_number(const char *p, size_t len, struct agg_value *v)
{
	read_number(p, len, v);
}

struct slice agg_trim(struct slice text)
{
	while (text.len && (*text.p == ' ' || *text.p == '\t')) {
		text.p++;
		text.len--;
	}
	while (text.len && (text.p[text.len - 1] == ' ' || text.p[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* A number written as text, blanks around it allowed. */
static bool read_text_number(struct agg_list *list, struct json_span span, struct agg_value *v)
{
	struct slice text = json_text(span, &list->scratch);

	text = agg_trim(text);
	if (!num_is_json(text.p, text.len))
		return false;
	agg_read_number_plain(text.p, text.len, v);
	return true;
}

static const char *check_degrees(enum agg_need need, const struct agg_value *v)
{
	if (need == AGG_LATITUDE && !(v->num.value >= -90 && v->num.value <= 90))
		return "is no latitude: beyond 90 degrees";
	if (need == AGG_LONGITUDE && !(v->num.value >= -180 && v->num.value <= 180))
		return "is no longitude: beyond 180 degrees";
	return NULL;
}

static __attribute__((noinline)) const char *read_any(
	struct agg_list *list, size_t field, struct json_span span, struct agg_value *v)
{
	enum agg_need need = list->fields[field].need;

	v->span = span;
	v->is_present = span.type != JSON_ABSENT && span.type != JSON_NULL;
	if (!v->is_present || need == AGG_ANY)
		return NULL;
	if (need == AGG_SCALAR)
		return span.type == JSON_ARRAY || span.type == JSON_OBJECT ? "is an array or an object" : NULL;
	if (span.type == JSON_NUMBER) {
		agg_read_number(span.p, span.len, v);
		return check_degrees(need, v);
	}
	if (span.type == JSON_STRING && list->is_coercing)
		return read_text_number(list, span, v) ? check_degrees(need, v) : "is a text that is not a number";
	if (span.type == JSON_STRING)
		return "is a text, not a number (--coerce takes numbers written as text)";
	return "is not a number";
}

const char *agg_read(struct agg_list *list, size_t field, struct json_span span, struct agg_value *v)
{
	if (span.type != JSON_NUMBER || list->fields[field].need != AGG_NUMBER)
		return read_any(list, field, span, v);
	v->span = span;
	v->is_present = true;
	read_number(span.p, span.len, v);
	return NULL;
}
