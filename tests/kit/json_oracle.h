/*
 * json_oracle: a second JSON parser, for tests and fuzzing only: recursive, byte by byte, written from the grammar of
 * RFC 8259 and nothing else, so that lib/json can be compared with it.
 */
#ifndef TLM_JSON_ORACLE_H
#define TLM_JSON_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fieldpath/fieldpath.h"
#include "json/json.h"

struct oracle {
	const unsigned char *p;
	size_t len, at;
	int depth_max;
	bool is_too_deep;
};

/* The byte at the place, or -1 at the end. */
static int oracle_peek(const struct oracle *o)
{
	return o->at < o->len ? o->p[o->at] : -1;
}

static void oracle_space(struct oracle *o)
{
	while (oracle_peek(o) == ' ' || oracle_peek(o) == '\t' || oracle_peek(o) == '\r')
		o->at++;
}

static bool oracle_digits(struct oracle *o)
{
	size_t start = o->at;

	while (oracle_peek(o) >= '0' && oracle_peek(o) <= '9')
		o->at++;
	return o->at > start;
}

static bool oracle_number(struct oracle *o)
{
	if (oracle_peek(o) == '-')
		o->at++;
	if (oracle_peek(o) == '0') {
		o->at++;
		if (oracle_peek(o) >= '0' && oracle_peek(o) <= '9')
			return false;
	} else if (!oracle_digits(o)) {
		return false;
	}
	if (oracle_peek(o) == '.') {
		o->at++;
		if (!oracle_digits(o))
			return false;
	}
	if (oracle_peek(o) != 'e' && oracle_peek(o) != 'E')
		return true;
	o->at++;
	if (oracle_peek(o) == '+' || oracle_peek(o) == '-')
		o->at++;
	return oracle_digits(o);
}

/* One code point by its arithmetic; the place moves only when it is good. */
static bool oracle_point(struct oracle *o)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned c = o->p[o->at], n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
	uint32_t point = n == 1 ? c : n == 2 ? c & 31 : n == 3 ? c & 15 : c & 7;

	if (n == 0 || o->at + n > o->len)
		return false;
	for (unsigned i = 1; i < n; i++) {
		if (o->p[o->at + i] >> 6 != 2)
			return false;
		point = point << 6 | (o->p[o->at + i] & 63);
	}
	if (point < least[n] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return false;
	o->at += n;
	return true;
}

static bool oracle_string(struct oracle *o)
{
	if (oracle_peek(o) != '"')
		return false;
	for (o->at++; oracle_peek(o) != '"';) {
		if (oracle_peek(o) < 0x20)
			return false;
		if (oracle_peek(o) == '\\') {
			o->at++;
			if (oracle_peek(o) <= 0 || !strchr("\"\\/bfnrtu", oracle_peek(o)))
				return false;
			if (o->p[o->at++] == 'u')
				for (int i = 0; i < 4; i++, o->at++)
					if (oracle_peek(o) <= 0 || !strchr("0123456789abcdefABCDEF", oracle_peek(o)))
						return false;
		} else if (!oracle_point(o)) {
			return false;
		}
	}
	o->at++;
	return true;
}

static bool oracle_word(struct oracle *o, const char *word)
{
	if (o->len - o->at < strlen(word) || memcmp(o->p + o->at, word, strlen(word)) != 0)
		return false;
	o->at += strlen(word);
	return true;
}

static bool oracle_value(struct oracle *o, int depth);

static bool oracle_container(struct oracle *o, int depth)
{
	int close = o->p[o->at] == '{' ? '}' : ']';

	if (depth == o->depth_max) {
		o->is_too_deep = true;
		return false;
	}
	o->at++;
	oracle_space(o);
	if (oracle_peek(o) == close) {
		o->at++;
		return true;
	}
	for (;;) {
		if (close == '}') {
			if (!oracle_string(o))
				return false;
			oracle_space(o);
			if (oracle_peek(o) != ':')
				return false;
			o->at++;
			oracle_space(o);
		}
		if (!oracle_value(o, depth + 1))
			return false;
		oracle_space(o);
		if (oracle_peek(o) == close) {
			o->at++;
			return true;
		}
		if (oracle_peek(o) != ',')
			return false;
		o->at++;
		oracle_space(o);
	}
}

static bool oracle_value(struct oracle *o, int depth)
{
	switch (oracle_peek(o)) {
	case '{':
	case '[':
		return oracle_container(o, depth);
	case '"':
		return oracle_string(o);
	case 't':
		return oracle_word(o, "true");
	case 'f':
		return oracle_word(o, "false");
	case 'n':
		return oracle_word(o, "null");
	default:
		return oracle_number(o);
	}
}

/* What json_scan_next() must say about the line; *byte is the place when it is bad. */
static enum json_status oracle_check(const char *p, size_t len, int depth_max, size_t *byte, struct json_span *value)
{
	struct oracle o = {(const unsigned char *)p, len, 0, depth_max, false};
	size_t start;

	oracle_space(&o);
	if (o.at == len)
		return JSON_BLANK;
	start = o.at;
	if (oracle_value(&o, 0)) {
		*value = (struct json_span){p + start, (uint32_t)(o.at - start), 0, 0};
		oracle_space(&o);
		if (o.at == len)
			return JSON_OK;
	}
	*byte = o.at + 1;
	return o.is_too_deep ? JSON_TOO_DEEP : JSON_BAD;
}

/* The unescaped bytes of a string's inside into out (len bytes of room suffice); returns their count. */
static size_t oracle_unescape(const char *p, size_t len, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		char hex[5] = "";
		unsigned long high, low;

		if (p[i] != '\\') {
			out[n++] = p[i++];
			continue;
		}
		if (p[i + 1] != 'u') {
			out[n++] = to[strchr(from, p[i + 1]) - from];
			i += 2;
			continue;
		}
		memcpy(hex, p + i + 2, 4);
		high = strtoul(hex, NULL, 16);
		i += 6;
		if (high >= 0xd800 && high < 0xdc00 && i + 6 <= len && p[i] == '\\' && p[i + 1] == 'u') {
			memcpy(hex, p + i + 2, 4);
			low = strtoul(hex, NULL, 16);
			if (low >= 0xdc00 && low < 0xe000) {
				high = 0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00);
				i += 6;
			}
		}
		if (high >= 0xd800 && high < 0xe000)
			high = 0xfffd;
		if (high >= 0x10000) {
			out[n++] = (char)(0xf0 + (high >> 18));
			out[n++] = (char)(0x80 + (high >> 12) % 64);
			out[n++] = (char)(0x80 + (high >> 6) % 64);
			out[n++] = (char)(0x80 + high % 64);
		} else if (high >= 0x800) {
			out[n++] = (char)(0xe0 + (high >> 12));
			out[n++] = (char)(0x80 + (high >> 6) % 64);
			out[n++] = (char)(0x80 + high % 64);
		} else if (high >= 0x80) {
			out[n++] = (char)(0xc0 + (high >> 6));
			out[n++] = (char)(0x80 + high % 64);
		} else {
			out[n++] = (char)high;
		}
	}
	return n;
}

static bool oracle_is_key(const char *p, size_t len, struct slice key)
{
	char *text = malloc(len + 1);
	bool is_key;

	is_key = text && oracle_unescape(p, len, text) == key.len && (!key.len || memcmp(text, key.p, key.len) == 0);
	free(text);
	return is_key;
}

/* The value at the steps below the value at o->at, in text that oracle_check() found good. */
static bool oracle_find(
	struct oracle *o, const struct fieldpath_step *steps, size_t n_steps, size_t *start, size_t *end)
{
	size_t found = SIZE_MAX;
	int64_t index = 0, count = 0;
	int open = oracle_peek(o);
	struct oracle child = *o;

	if (n_steps == 0) {
		*start = o->at;
		oracle_value(&child, -JSON_DEPTH_MAX);
		*end = child.at;
		return true;
	}
	if (open != (steps->is_index ? '[' : '{'))
		return false;
	for (int pass = 0; pass < 2; pass++) { /* the first one counts */
		child.at = o->at + 1;
		for (index = 0;; index++) {
			bool is_wanted =
				steps->is_index && index == (steps->index < 0 ? count + steps->index : steps->index);
			size_t key = child.at + 1;

			oracle_space(&child);
			if (oracle_peek(&child) == ',')
				child.at++;
			oracle_space(&child);
			if (oracle_peek(&child) == '}' || oracle_peek(&child) == ']')
				break;
			if (open == '{') {
				key = child.at + 1;
				oracle_string(&child);
				is_wanted = oracle_is_key((const char *)o->p + key, child.at - 1 - key, steps->key);
				oracle_space(&child);
				child.at++;
				oracle_space(&child);
			}
			if (is_wanted && pass == 1)
				found = child.at;
			oracle_value(&child, -JSON_DEPTH_MAX);
		}
		count = index;
	}
	if (found == SIZE_MAX)
		return false;
	child.at = found;
	return oracle_find(&child, steps + 1, n_steps - 1, start, end);
}

/* The value at the path in a good line, or an absent span. Only p, len and whether it is absent are filled in. */
static struct json_span oracle_get(const char *p, size_t len, const struct fieldpath *path)
{
	struct oracle o = {(const unsigned char *)p, len, 0, JSON_DEPTH_MAX, false};
	size_t start, end;

	oracle_space(&o);
	if (!oracle_find(&o, path->steps, path->n_steps, &start, &end))
		return (struct json_span){NULL, 0, JSON_ABSENT, 0};
	return (struct json_span){p + start, (uint32_t)(end - start), JSON_NULL, 0};
}

/* Whether two spans are the same text at the same place. */
static bool oracle_is_same(struct json_span a, struct json_span b)
{
	if ((a.type == JSON_ABSENT) != (b.type == JSON_ABSENT))
		return false;
	return a.type == JSON_ABSENT || (a.p == b.p && a.len == b.len);
}

/* Whether type and is_escaped say what stands there. */
static bool oracle_is_typed(struct json_span s)
{
	static const char first[] = " nft0\"[{";
	char c;

	if (s.type == JSON_ABSENT)
		return true;
	c = *s.p == '-' || (*s.p >= '0' && *s.p <= '9') ? '0' : *s.p;
	return c == first[s.type] && s.is_escaped == (s.type == JSON_STRING && memchr(s.p, '\\', s.len));
}

/* Runs a batch through a scanner and says what is wrong with its first wrong record, or NULL. The slots of the
 * scanner are the paths in their order. */
static const char *oracle_compare(
	struct json_scan *scan, const struct fieldpath *paths, size_t n_paths, int depth_max, const char *p, size_t len)
{
	struct json_record r;
	uint64_t line = 0;

	json_scan_batch(scan, p, len);
	for (const char *end = p + len, *next; p < end; p = next, line++) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)(newline - p), byte = 0;
		struct json_span value = {NULL, 0, JSON_ABSENT, 0};
		enum json_status want;

		next = newline + 1;
		n -= n && p[n - 1] == '\r';
		want = oracle_check(p, n, depth_max, &byte, &value);
		if (json_scan_next(scan, &r) != 1)
			return "a record is missing";
		if (r.p != p || r.len != n || r.line != line)
			return "a record stands at another place";
		if (r.status != want)
			return "the status is another one";
		if (want != JSON_OK && want != JSON_BLANK && (r.byte != byte || !r.message))
			return "the byte of the error is another one";
		if (want == JSON_OK && (r.value.p != value.p || r.value.len != value.len || r.type != r.value.type ||
					       !oracle_is_typed(r.value)))
			return "the value is another one";
		for (size_t i = 0; i < n_paths; i++) {
			struct json_span span = {NULL, 0, JSON_ABSENT, 0};

			if (want == JSON_OK)
				span = oracle_get(p, n, &paths[i]);
			if (!oracle_is_same(r.spans[i], span) || !oracle_is_typed(r.spans[i]))
				return "a span is another one";
			if (want == JSON_OK && !oracle_is_same(json_get(r.value, &paths[i]), span))
				return "json_get() finds another one";
		}
	}
	return json_scan_next(scan, &r) ? "there are more records than lines" : NULL;
}

#endif
