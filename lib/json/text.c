#include "json/json_impl.h"

/* Strings: from their escapes to bytes and back. */

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];

		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

static size_t encode(unsigned point, char out[4])
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xc0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (char)(0xe0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

/* \uXXXX at *p, behind the backslash; a pair of surrogates is one code point, a lone one U+FFFD. */
static unsigned take_point(const char **p, const char *end)
{
	unsigned high = hex4(*p + 1), low;

	*p += 5;
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
		low = hex4(*p + 2);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*p += 6;
			return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return 0xfffd;
}

/* The bytes of the escape at *p (a backslash), which moves behind it. */
static size_t take_escape(const char **p, const char *end, char out[4])
{
	static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
	const char *name;

	++*p;
	if (**p == 'u')
		return encode(take_point(p, end), out);
	name = strchr(names, **p);
	out[0] = name ? bytes[name - names] : **p;
	++*p;
	return 1;
}

void json_unescape(struct buf *out, struct json_span string)
{
	struct slice in = json_inside(string);
	const char *p = in.p, *end = in.p + in.len;

	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		size_t len = (size_t)((slash ? slash : end) - p);

		buf_add(out, p, len);
		p += len;
		if (slash)
			out->len += take_escape(&p, end, buf_reserve(out, 4));
	}
}

struct slice json_text(struct json_span string, struct buf *tmp)
{
	if (!string.is_escaped)
		return json_inside(string);
	buf_reset(tmp);
	json_unescape(tmp, string);
	return buf_slice(tmp);
}

/* Reads a string as pieces of bytes, so that no memory is needed for its unescaped form. */
struct pieces {
	const char *p, *end; /* the rest of the text */
	const char *piece;
	size_t len; /* of the piece, 0 at the end of the string */
	char escape[4];
};

static void next_piece(struct pieces *s)
{
	const char *slash;

	s->piece = s->p;
	s->len = 0;
	if (s->p == s->end)
		return;
	if (*s->p == '\\') {
		s->piece = s->escape;
		s->len = take_escape(&s->p, s->end, s->escape);
		return;
	}
	slash = memchr(s->p, '\\', (size_t)(s->end - s->p));
	s->len = (size_t)((slash ? slash : s->end) - s->p);
	s->p += s->len;
}

static void start_pieces(struct pieces *s, struct json_span string)
{
	struct slice in = json_inside(string);

	s->p = in.p;
	s->end = in.p + in.len;
	next_piece(s);
}

int json_cmp_strings(struct json_span a, struct json_span b)
{
	struct pieces x, y;

	if (!a.is_escaped && !b.is_escaped)
		return slice_cmp(json_inside(a), json_inside(b));
	start_pieces(&x, a);
	start_pieces(&y, b);
	while (x.len && y.len) {
		size_t n = x.len < y.len ? x.len : y.len;
		int order = memcmp(x.piece, y.piece, n);

		if (order)
			return order;
		x.piece += n;
		y.piece += n;
		if ((x.len -= n) == 0)
			next_piece(&x);
		if ((y.len -= n) == 0)
			next_piece(&y);
	}
	return (x.len > 0) - (y.len > 0);
}

bool json_string_eq(struct json_span string, struct slice bytes)
{
	struct pieces s;

	if (!string.is_escaped)
		return slice_eq(json_inside(string), bytes);
	if (bytes.len > json_inside(string).len)
		return false;
	for (start_pieces(&s, string); s.len; next_piece(&s)) {
		if (s.len > bytes.len || memcmp(s.piece, bytes.p, s.len) != 0)
			return false;
		bytes.p += s.len;
		bytes.len -= s.len;
	}
	return bytes.len == 0;
}

static void add_escape(struct buf *out, unsigned char c)
{
	static const char names[] = "btn?fr", hex[] = "0123456789abcdef";
	char *p = buf_reserve(out, 6);

	*p++ = '\\';
	if (c == '"' || c == '\\') {
		*p = (char)c;
		out->len += 2;
	} else if (c >= '\b' && c <= '\r' && c != '\v') {
		*p = names[c - '\b'];
		out->len += 2;
	} else {
		memcpy(p, "u00", 3);
		p[3] = hex[c >> 4];
		p[4] = hex[c & 15];
		out->len += 6;
	}
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

/* The high bit of each byte of a word that is not plain, or that only may be: 0x80 and above stay quiet. */
static inline uint64_t odd_bytes(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
	uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\', delete = word ^ ones * 0x7f;

	return ((word - ones * 0x20) | (quote - ones) | (slash - ones) | (delete - ones)) & ~word & highs;
}

/* Copies a text of up to 16 bytes that needs no escapes behind the quote; false: it is another one. */
static inline bool add_short(char *to, struct slice text)
{
	uint64_t first = 0, last = 0;

	if (text.len > 16 || text.len < 4)
		return false;
	if (text.len >= 8) {
		memcpy(&first, text.p, 8);
		memcpy(&last, text.p + text.len - 8, 8);
		memcpy(to, &first, 8);
		memcpy(to + text.len - 8, &last, 8);
		return !(odd_bytes(first) | odd_bytes(last));
	}
	memcpy(&first, text.p, 4);
	memcpy(&last, text.p + text.len - 4, 4);
	memcpy(to, &first, 4);
	memcpy(to + text.len - 4, &last, 4);
	return !(odd_bytes(first | last << 32));
}

void json_add_string(struct buf *out, struct slice text)
{
	const char *p = text.p, *end = p + text.len;

	buf_reserve(out, text.len + 2);
	buf_add_char(out, '"');
	if (add_short(out->p + out->len, text)) {
		out->len += text.len;
		p = end;
	}
	while (p < end) {
		const char *start = p;

		while (p < end && is_plain((unsigned char)*p))
			p++;
		buf_add(out, start, (size_t)(p - start));
		if (p < end)
			add_escape(out, (unsigned char)*p++);
	}
	buf_add_char(out, '"');
}

bool json_try_string(struct buf *out, struct slice text)
{
	if ((text.len && memchr(text.p, 0, text.len)) || !json_is_utf8(text.p, text.len))
		return false;
	json_add_string(out, text);
	return true;
}

void json_add_key(struct buf *out, const char *key)
{
	if (out->len > 0 && out->p[out->len - 1] != '{')
		buf_add_char(out, ',');
	buf_add_char(out, '"');
	buf_add_str(out, key);
	buf_add(out, "\":", 2);
}
