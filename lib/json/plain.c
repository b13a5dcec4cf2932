#include "json/json_impl.h"

#include <assert.h>

/*
 * The plain scanner: one byte after the other, a bit per open container instead of recursion. It is the judge of
 * what is wrong and where; the walk over the index (walk.c) must agree with it in everything else.
 */

struct line {
	const char *p, *end;
	const char *message; /* NULL: valid so far; else p is the place */
};

static bool refuse(struct line *l, const char *at, const char *message)
{
	l->p = at;
	l->message = message;
	return false;
}

static void skip_blanks(struct line *l)
{
	while (l->p < l->end && (*l->p == ' ' || *l->p == '\t' || *l->p == '\r'))
		l->p++;
}

static bool is_digit(const struct line *l)
{
	return l->p < l->end && *l->p >= '0' && *l->p <= '9';
}

static bool skip_digits(struct line *l)
{
	if (!is_digit(l))
		return refuse(l, l->p, "expected a digit");
	while (is_digit(l))
		l->p++;
	return true;
}

static bool skip_number(struct line *l)
{
	if (*l->p == '-')
		l->p++;
	if (is_digit(l) && *l->p == '0') {
		l->p++;
		if (is_digit(l))
			return refuse(l, l->p, "expected no digit after a leading zero");
	} else if (!skip_digits(l)) {
		return false;
	}
	if (l->p < l->end && *l->p == '.') {
		l->p++;
		if (!skip_digits(l))
			return false;
	}
	if (l->p < l->end && (*l->p == 'e' || *l->p == 'E')) {
		l->p++;
		if (l->p < l->end && (*l->p == '+' || *l->p == '-'))
			l->p++;
		return skip_digits(l);
	}
	return true;
}

static bool skip_escape(struct line *l)
{
	const char *p = l->p + 1;

	if (p == l->end || *p == 0 || !strchr("\"\\/bfnrtu", *p))
		return refuse(l, p, "expected one of \"\\/bfnrtu after a backslash");
	if (*p++ == 'u')
		for (int i = 0; i < 4; i++, p++)
			if (p == l->end || !json_is_hex(*p))
				return refuse(l, p, "expected four hexadecimal digits after \\u");
	l->p = p;
	return true;
}

/* Bytes of a string that need no look: eight at a time while none is a quote, a backslash, a control or >= 0x80. */
static const char *skip_ordinary(const char *p, const char *end)
{
	const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;

	for (; end - p >= 8; p += 8) {
		uint64_t w, quote, slash;

		memcpy(&w, p, 8);
		quote = w ^ ones * '"';
		slash = w ^ ones * '\\';
		if ((w | (w - ones * 0x20) | (quote - ones) | (slash - ones)) & high)
			break;
	}
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* From the opening quote to behind the closing one. */
static bool skip_string(struct line *l, bool *is_escaped)
{
	*is_escaped = false;
	l->p++;
	for (;;) {
		size_t n;

		l->p = skip_ordinary(l->p, l->end);
		if (l->p == l->end)
			return refuse(l, l->p, "expected '\"' at the end of a string");
		if (*l->p == '"') {
			l->p++;
			return true;
		}
		if (*l->p == '\\') {
			*is_escaped = true;
			if (!skip_escape(l))
				return false;
		} else if ((unsigned char)*l->p < 0x20) {
			return refuse(l, l->p, "expected control characters in a string as escapes");
		} else {
			n = json_utf8_len(l->p, l->end);
			if (n == 0)
				return refuse(l, l->p, "expected valid UTF-8");
			l->p += n;
		}
	}
}

static bool skip_word(struct line *l, const char *word, const char *message)
{
	const char *start = l->p;

	for (; *word; word++, l->p++)
		if (l->p == l->end || *l->p != *word)
			return refuse(l, start, message);
	return true;
}

/* A string, number or word. */
static bool skip_scalar(struct line *l, struct json_span *span)
{
	const char *start = l->p;
	bool is_escaped = false, is_good;

	switch (*l->p) {
	case '"':
		span->type = JSON_STRING;
		is_good = skip_string(l, &is_escaped);
		break;
	case 't':
		span->type = JSON_TRUE;
		is_good = skip_word(l, "true", "expected true");
		break;
	case 'f':
		span->type = JSON_FALSE;
		is_good = skip_word(l, "false", "expected false");
		break;
	case 'n':
		span->type = JSON_NULL;
		is_good = skip_word(l, "null", "expected null");
		break;
	default:
		span->type = JSON_NUMBER;
		is_good = *l->p == '-' || is_digit(l) ? skip_number(l) : refuse(l, l->p, "expected a value");
	}
	span->p = start;
	span->len = (uint32_t)(l->p - start);
	span->is_escaped = is_escaped;
	return is_good;
}

/* Where the scan stands among the containers. */
struct nest {
	struct json_plain *plain;
	int depth;                    /* open containers */
	int tracked;                  /* how many of them, from the outermost, stand on a wanted path */
	const struct path_node *node; /* of the value that comes next, or NULL */
};

static bool is_in_object(const struct nest *n)
{
	return n->plain->is_object[n->depth / 64] >> (n->depth % 64) & 1;
}

static void open_container(struct nest *n, const char *start)
{
	uint64_t bit = UINT64_C(1) << (++n->depth % 64), *word = &n->plain->is_object[n->depth / 64];

	*word = *start == '{' ? *word | bit : *word & ~bit;
	if (n->node) {
		assert(n->depth == n->tracked + 1);
		n->plain->frames[++n->tracked] = (struct json_frame){n->node, start, 0};
	}
}

static void end_value(struct nest *n, struct json_span span)
{
	if (n->node)
		json_path_set(n->plain->paths, n->plain->spans, n->node, span);
}

static struct json_span close_container(struct nest *n, const char *end)
{
	struct json_span span = {NULL, 0, is_in_object(n) ? JSON_OBJECT : JSON_ARRAY, 0};

	n->node = NULL;
	if (n->tracked == n->depth) {
		struct json_frame *frame = &n->plain->frames[n->tracked--];

		span.p = frame->start;
		span.len = (uint32_t)(end - frame->start);
		n->node = frame->node;
	}
	n->depth--;
	end_value(n, span);
	return span;
}

static void begin_value(struct nest *n, const struct path_node *node)
{
	n->node = node;
	if (node && node->n_below > 1)
		json_path_begin(n->plain->spans, node);
}

static void begin_element(struct nest *n)
{
	struct json_frame *frame = &n->plain->frames[n->tracked];

	begin_value(n, n->tracked == n->depth ? json_path_index(n->plain->paths, frame->node, frame->index++) : NULL);
}

/* A key and its colon. */
static bool skip_key(struct line *l, struct nest *n, bool is_first)
{
	const char *start = l->p;
	bool is_escaped;

	if (l->p == l->end || *l->p != '"')
		return refuse(l, l->p, is_first ? "expected a key in quotes or '}'" : "expected a key in quotes");
	if (!skip_string(l, &is_escaped))
		return false;
	n->node = NULL;
	if (n->tracked == n->depth) {
		struct slice key = {start + 1, (size_t)(l->p - start) - 2};

		begin_value(n, json_path_key(n->plain->paths, n->plain->frames[n->tracked].node, key, is_escaped));
	}
	skip_blanks(l);
	if (l->p == l->end || *l->p != ':')
		return refuse(l, l->p, "expected ':' after a key");
	l->p++;
	skip_blanks(l);
	return true;
}

/* Behind a value inside a container: closes what ends here. True: another member or element follows, l->p at it. */
static bool skip_between(struct line *l, struct nest *n)
{
	while (n->depth > 0) {
		bool is_object = is_in_object(n);

		skip_blanks(l);
		if (l->p < l->end && *l->p == ',') {
			l->p++;
			skip_blanks(l);
			if (is_object)
				return skip_key(l, n, false);
			begin_element(n);
			return true;
		}
		if (l->p == l->end || *l->p != (is_object ? '}' : ']'))
			return refuse(l, l->p,
				is_object ? "expected ',' or '}' after a value" : "expected ',' or ']' after a value");
		l->p++;
		close_container(n, l->p);
	}
	return false;
}

/* At an opening bracket. True: its first value follows; false: it was empty and is closed, or an error. */
static bool enter(struct line *l, struct nest *n)
{
	bool is_object = *l->p == '{';

	open_container(n, l->p++);
	skip_blanks(l);
	if (l->p < l->end && *l->p == (is_object ? '}' : ']')) {
		l->p++;
		close_container(n, l->p);
		return false;
	}
	if (is_object)
		return skip_key(l, n, true);
	begin_element(n);
	return true;
}

static enum json_status scan_values(struct line *l, struct nest *n)
{
	struct json_span span;
	bool is_more = true;

	while (is_more) {
		if (l->p == l->end) {
			refuse(l, l->p, "expected a value");
		} else if (*l->p == '{' || *l->p == '[') {
			if (n->depth == n->plain->depth_max) {
				refuse(l, l->p, "expected fewer containers inside each other");
				return JSON_TOO_DEEP;
			}
			if (enter(l, n))
				continue;
		} else if (skip_scalar(l, &span)) {
			end_value(n, span);
		}
		if (l->message)
			return JSON_BAD;
		is_more = skip_between(l, n);
	}
	return l->message ? JSON_BAD : JSON_OK;
}

static uint8_t type_of(char c)
{
	switch (c) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
		return JSON_TRUE;
	case 'f':
		return JSON_FALSE;
	case 'n':
		return JSON_NULL;
	default:
		return JSON_NUMBER;
	}
}

void json_plain_scan(struct json_plain *plain, const char *p, size_t len, struct json_record *record)
{
	struct line l = {p, p + len, NULL};
	struct nest n = {plain, 0, 0, plain->paths ? &plain->paths->nodes[0] : NULL};
	const char *start;

	assert(plain->depth_max >= 1 && plain->depth_max <= JSON_DEPTH_MAX);
	*record = (struct json_record){.p = p, .len = len, .spans = plain->spans};
	skip_blanks(&l);
	if (l.p == l.end) {
		record->status = JSON_BLANK;
		return;
	}
	start = l.p;
	record->status = scan_values(&l, &n);
	if (record->status == JSON_OK) {
		record->type = type_of(*start);
		record->value = (struct json_span){start, (uint32_t)(l.p - start), record->type, 0};
		if (record->type == JSON_STRING)
			record->value.is_escaped = memchr(start, '\\', record->value.len) != NULL;
		skip_blanks(&l);
		if (l.p == l.end)
			return;
		record->status = JSON_BAD;
		refuse(&l, l.p, "expected the end of the line after the value");
	}
	record->byte = (size_t)(l.p - p) + 1;
	record->message = l.message;
}

void json_check(const char *p, size_t len, int depth_max, struct json_record *record)
{
	struct json_plain plain;

	plain.paths = NULL;
	plain.spans = NULL;
	plain.depth_max = depth_max;
	json_plain_scan(&plain, p, len, record);
}
