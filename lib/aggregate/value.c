#include "aggregate/aggregate.h"

#include <math.h>

/* The value of a short decimal is digits / 10^decimals: one exact division of exact numbers, so it is the nearest
 * double (Clinger, 1990). */
enum { SHORT_BYTES = 18, SHORT_DECIMALS = 17 };
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

void agg_read_number(const char *p, size_t len, struct agg_value *v)
{
	static const double power[SHORT_DECIMALS + 1] = {
		1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17};
	const char *end = p + len, *at = p + (*p == '-'), *point = NULL;
	int64_t digits = 0;

	if (len > SHORT_BYTES) {
		agg_read_number_plain(p, len, v);
		return;
	}
	for (; at < end && (uint8_t)(*at - '0') < 10; at++)
		digits = digits * 10 + (*at - '0');
	if (at < end && *at == '.') {
		point = at + 1;
		for (at++; at < end && (uint8_t)(*at - '0') < 10; at++)
			digits = digits * 10 + (*at - '0');
	}
	/* an exponent, a fraction that may be zero, or too many digits: the plain way */
	if (at < end || digits > EXACT_MAX || (point && end[-1] == '0')) {
		agg_read_number_plain(p, len, v);
		return;
	}
	if (*p == '-')
		digits = -digits;
	if (!point) {
		set_integer(v, digits);
		return;
	}
	v->is_integer = false;
	v->integer = 0;
	v->num.value = (double)digits / power[end - point];
	v->num.rest = 0;
}

/* A number written as text, blanks around it allowed. */
static bool read_text_number(struct agg_list *list, struct json_span span, struct agg_value *v)
{
	struct slice text = json_text(span, &list->scratch);

	while (text.len && (*text.p == ' ' || *text.p == '\t')) {
		text.p++;
		text.len--;
	}
	while (text.len && (text.p[text.len - 1] == ' ' || text.p[text.len - 1] == '\t'))
		text.len--;
	if (!num_is_json(text.p, text.len))
		return false;
	agg_read_number_plain(text.p, text.len, v);
	return true;
}

const char *agg_read(struct agg_list *list, size_t field, struct json_span span, struct agg_value *v)
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
		return NULL;
	}
	if (span.type == JSON_STRING && list->is_coercing)
		return read_text_number(list, span, v) ? NULL : "is a text that is not a number";
	if (span.type == JSON_STRING)
		return "is a text, not a number (--coerce takes numbers written as text)";
	return "is not a number";
}
