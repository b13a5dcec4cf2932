#include "jqworker/value.h"

#include <math.h>
#include <string.h>

#include "json/json.h"
#include "num/num.h"

enum { DEPTH_MAX = 128, TEXT_BYTES = 64 };

/* libjq 1.7 and later: numbers keep their text until they are computed with. */
extern jv jv_number_with_literal(const char *) __attribute__((weak));

/* ---- reading ---- */

struct reader {
	const char *p;
	bool is_too_deep;
};

static void skip_blanks(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\t' || *r->p == '\r')
		r->p++;
}

static const char *end_of_string(const char *p, bool *is_escaped)
{
	*is_escaped = false;
	for (;; p++) {
		if (*p == '"')
			return p;
		if (*p == '\\') {
			*is_escaped = true;
			p++;
		}
	}
}

static jv read_string(struct reader *r)
{
	const char *start = r->p;
	bool is_escaped;
	const char *end = end_of_string(start + 1, &is_escaped);
	struct json_span span = {start, (uint32_t)(end + 1 - start), JSON_STRING, is_escaped};
	struct buf text = BUF_INIT;
	jv value;

	r->p = end + 1;
	if (!is_escaped)
		return jv_string_sized(start + 1, (int)(end - start - 1));
	json_unescape(&text, span);
	value = jv_string_sized(text.p ? text.p : "", (int)text.len);
	buf_release(&text);
	return value;
}

static jv read_number(struct reader *r)
{
	const char *start = r->p;
	char text[TEXT_BYTES];
	size_t len;

	while ((*r->p >= '0' && *r->p <= '9') || *r->p == '-' || *r->p == '+' || *r->p == '.' || *r->p == 'e' ||
		*r->p == 'E')
		r->p++;
	len = (size_t)(r->p - start);
	if (!jv_number_with_literal)
		return jv_number(num_to_double(start, len));
	if (len >= sizeof text) {
		r->is_too_deep = true; /* the library has room */
		return jv_null();
	}
	memcpy(text, start, len);
	text[len] = '\0';
	return jv_number_with_literal(text);
}

static jv read_value(struct reader *r, int depth);

static jv read_array(struct reader *r, int depth)
{
	jv array = jv_array();

	r->p++;
	skip_blanks(r);
	while (*r->p != ']' && !r->is_too_deep) {
		array = jv_array_append(array, read_value(r, depth + 1));
		skip_blanks(r);
		if (*r->p == ',')
			r->p++;
	}
	r->p++;
	return array;
}

static jv read_object(struct reader *r, int depth)
{
	jv object = jv_object();

	r->p++;
	skip_blanks(r);
	while (*r->p != '}' && !r->is_too_deep) {
		jv key;

		skip_blanks(r);
		key = read_string(r);
		skip_blanks(r);
		r->p++; /* ':' */
		object = jv_object_set(object, key, read_value(r, depth + 1));
		skip_blanks(r);
		if (*r->p == ',') {
			r->p++;
			skip_blanks(r);
		}
	}
	r->p++;
	return object;
}

static jv read_value(struct reader *r, int depth)
{
	skip_blanks(r);
	if (depth > DEPTH_MAX) {
		r->is_too_deep = true;
		return jv_null();
	}
	switch (*r->p) {
	case '{':
		return read_object(r, depth);
	case '[':
		return read_array(r, depth);
	case '"':
		return read_string(r);
	case 't':
		r->p += 4;
		return jv_true();
	case 'f':
		r->p += 5;
		return jv_false();
	case 'n':
		r->p += 4;
		return jv_null();
	default:
		return read_number(r);
	}
}

/* The text is known to be valid, so this only tells the values apart. */
bool value_read(const char *p, size_t len, jv *value)
{
	struct reader r = {p, false};

	(void)len;
	*value = read_value(&r, 0);
	if (!r.is_too_deep)
		return true;
	jv_free(*value);
	return false;
}

/* ---- writing ---- */

static void add_by_library(struct buf *out, jv value)
{
	jv text = jv_dump_string(jv_copy(value), 0);

	buf_add(out, jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));
	jv_free(text);
}

static void add_number(struct buf *out, jv value)
{
	double d = jv_number_value(value);

	if (jv_number_with_literal || !isfinite(d))
		add_by_library(out, value);
	else
		out->len += num_print_double(buf_reserve(out, NUM_DOUBLE_BYTES), d);
}

static void add_string(struct buf *out, jv value)
{
	json_add_string(out, (struct slice){jv_string_value(value), (size_t)jv_string_length_bytes(jv_copy(value))});
}

static bool add(struct buf *out, jv value, int depth);

static bool add_array(struct buf *out, jv array, int depth)
{
	int n = jv_array_length(jv_copy(array));
	bool is_whole = true;

	buf_add_char(out, '[');
	for (int i = 0; i < n && is_whole; i++) {
		jv value = jv_array_get(jv_copy(array), i);

		if (i)
			buf_add_char(out, ',');
		is_whole = add(out, value, depth + 1);
		jv_free(value);
	}
	buf_add_char(out, ']');
	return is_whole;
}

static bool add_object(struct buf *out, jv object, int depth)
{
	bool is_first = true, is_whole = true;

	buf_add_char(out, '{');
	for (int i = jv_object_iter(object); jv_object_iter_valid(object, i) && is_whole;
		i = jv_object_iter_next(object, i)) {
		jv key = jv_object_iter_key(object, i);
		jv value = jv_object_iter_value(object, i);

		if (!is_first)
			buf_add_char(out, ',');
		is_first = false;
		add_string(out, key);
		buf_add_char(out, ':');
		is_whole = add(out, value, depth + 1);
		jv_free(key);
		jv_free(value);
	}
	buf_add_char(out, '}');
	return is_whole;
}

/* False when it is too deep. */
static bool add(struct buf *out, jv value, int depth)
{
	switch (jv_get_kind(value)) {
	case JV_KIND_NULL:
		buf_add(out, "null", 4);
		return true;
	case JV_KIND_FALSE:
		buf_add(out, "false", 5);
		return true;
	case JV_KIND_TRUE:
		buf_add(out, "true", 4);
		return true;
	case JV_KIND_NUMBER:
		add_number(out, value);
		return true;
	case JV_KIND_STRING:
		add_string(out, value);
		return true;
	case JV_KIND_ARRAY:
		return depth < DEPTH_MAX && add_array(out, value, depth);
	case JV_KIND_OBJECT:
		return depth < DEPTH_MAX && add_object(out, value, depth);
	default:
		return false;
	}
}

void value_add(struct buf *out, jv value)
{
	size_t start = out->len;

	if (add(out, value, 0))
		return;
	out->len = start;
	add_by_library(out, value);
}
