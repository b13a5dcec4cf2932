#include "json/json_impl.h"

#include <assert.h>

/*
 * Values inside a span that the scanner found valid: nothing is checked twice, no end of text is looked for but the
 * span's own.
 */

const char *json_string_end(const char *p)
{
	for (;;) {
		if (*p == '"')
			return p;
		p += *p == '\\' ? 2 : 1;
	}
}

/* The quote or backslash at or behind p, eight bytes at a time. There is one before end. */
static const char *find_special(const char *p, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;

	while (end - p >= 8) {
		uint64_t word, quotes, escapes, found;

		memcpy(&word, p, 8);
		quotes = word ^ ones * '"';
		escapes = word ^ ones * '\\';
		/* the lowest bit set is exact: a borrow only spoils bytes above a zero byte */
		found = (((quotes - ones) & ~quotes) | ((escapes - ones) & ~escapes)) & tops;
		if (found)
			return p + __builtin_ctzll(found) / 8;
		p += 8;
	}
#endif
	while (*p != '"' && *p != '\\')
		p++;
	return p;
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

/* Behind the container that opens at p: counts brackets, jumps strings. */
static const char *skip_container(const char *p, const char *end)
{
	size_t depth = 0;

	for (;; p++) {
		if (*p == '"') {
			p = find_special(p + 1, end);
			while (*p == '\\')
				p = find_special(p + 2, end);
		} else if (*p == '{' || *p == '[')
			depth++;
		else if ((*p == '}' || *p == ']') && --depth == 0)
			return p + 1;
	}
}

static const char *skip_bare(const char *p, const char *end)
{
	while (p < end && *p != ',' && *p != '}' && *p != ']' && *p != ' ' && *p != '\t' && *p != '\r')
		p++;
	return p;
}

static struct json_span take_string(const char *p, const char *end)
{
	const char *close = find_special(p + 1, end);
	bool is_escaped = *close == '\\';

	while (*close == '\\')
		close = find_special(close + 2, end);
	return (struct json_span){p, (uint32_t)(close + 1 - p), JSON_STRING, is_escaped};
}

static struct json_span take_value(const char *p, const char *end)
{
	struct json_span span = {p, 0, JSON_NUMBER, 0};

	switch (*p) {
	case '"':
		return take_string(p, end);
	case '{':
	case '[':
		span.type = *p == '{' ? JSON_OBJECT : JSON_ARRAY;
		span.len = (uint32_t)(skip_container(p, end) - p);
		return span;
	case 't':
		span.type = JSON_TRUE;
		break;
	case 'f':
		span.type = JSON_FALSE;
		break;
	case 'n':
		span.type = JSON_NULL;
		break;
	default:
		break;
	}
	span.len = (uint32_t)(skip_bare(p, end) - p);
	return span;
}

void json_iter_init(struct json_iter *it, struct json_span container)
{
	assert(container.type == JSON_OBJECT || container.type == JSON_ARRAY);
	it->is_object = container.type == JSON_OBJECT;
	it->p = container.p + 1;
	it->end = container.p + container.len - 1;
}

int json_iter_next(struct json_iter *it, struct json_span *key, struct json_span *value)
{
	const char *p = skip_blanks(it->p, it->end);

	if (p < it->end && *p == ',')
		p = skip_blanks(p + 1, it->end);
	if (p >= it->end) {
		it->p = it->end;
		return 0;
	}
	if (it->is_object) {
		struct json_span name = take_string(p, it->end);

		p = skip_blanks(p + name.len, it->end);
		p = skip_blanks(p + 1, it->end);
		if (key)
			*key = name;
	}
	*value = take_value(p, it->end);
	it->p = value->p + value->len;
	return 1;
}

static int64_t count_elements(struct json_span array)
{
	struct json_iter it;
	struct json_span value;
	int64_t n = 0;

	json_iter_init(&it, array);
	while (json_iter_next(&it, NULL, &value))
		n++;
	return n;
}

static struct json_span get_step(struct json_span from, const struct fieldpath_step *step)
{
	struct json_span key, value, found = {NULL, 0, JSON_ABSENT, 0};
	struct json_iter it;
	int64_t index = step->index, i = 0;

	if (from.type != (step->is_index ? JSON_ARRAY : JSON_OBJECT))
		return found;
	if (step->is_index && index < 0)
		index += count_elements(from);
	json_iter_init(&it, from);
	while (json_iter_next(&it, &key, &value)) {
		if (!step->is_index && json_string_eq(key, step->key))
			found = value;
		if (step->is_index && i++ == index)
			return value;
	}
	return found;
}

struct json_span json_get(struct json_span from, const struct fieldpath *path)
{
	for (size_t i = 0; i < path->n_steps; i++)
		from = get_step(from, &path->steps[i]);
	return from;
}
