#include "json/json_impl.h"

/*
 * The portable kernel: words of eight bytes, then bytes. It is the twin that the tests compare every other kernel
 * with; the special index is plain on purpose.
 */

#define TARGET

static inline const char *skip_digits(const char *p, uint32_t *wrong)
{
	const char *end = json_walk_number(p);

	*wrong |= !end;
	return end ? end : p;
}

static inline bool is_same(const struct json_hint *hint, const char *key)
{
	return memcmp(hint->key, key, hint->len) == 0;
}

#include "json/walk_body.h"

struct unlike {
	uint32_t bits;
};

static inline void add_unlike(struct unlike *u, const char *p, const struct json_piece *piece)
{
	for (size_t i = 0; i < JSON_PIECE_BYTES; i++)
		u->bits |= (uint8_t)((uint8_t)p[i] - piece->low[i]) > piece->span[i];
}

static inline bool is_unlike(const struct unlike *u)
{
	return u->bits != 0;
}

#include "json/shape_body.h"

static const uint64_t low7 = 0x7f7f7f7f7f7f7f7f, high = 0x8080808080808080, ones = 0x0101010101010101;

/* The high bit of each byte that is zero, exactly. */
static uint64_t zeros(uint64_t w)
{
	return ~(((w & low7) + low7) | w | low7);
}

static uint64_t load(const char *p)
{
	uint64_t w;

	memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

/* The high bit of each byte that is a backslash, >= 0x80 or a control other than a newline. */
static uint64_t unusual(uint64_t w, uint64_t newline)
{
	uint64_t controls =
		~((w & low7) + ones * 0x60) & high; /* or >= 0x80 with a low remainder, which counts anyway */

	return ((controls | w) & high & ~newline) | zeros(w ^ ones * '\\');
}

static size_t index_plain(const char *p, size_t len, struct json_window *w, bool *is_special)
{
	uint16_t *mark = w->marks;
	uint64_t seen = 0;
	size_t i = 0;

	for (; i < len; i += 8) {
		uint64_t word = load(p + i), newline, mask, use = ~UINT64_C(0);

		if (len - i < 8)
			use >>= 64 - 8 * (len - i);
		newline = zeros(word ^ ones * '\n');
		seen |= unusual(word, newline) & use;
		for (mask = (zeros(word ^ ones * '"') | newline) & use; mask; mask &= mask - 1)
			*mark++ = (uint16_t)(i + (size_t)(__builtin_ctzll(mask) >> 3));
	}
	*is_special = seen != 0;
	return (size_t)(mark - w->marks);
}

static bool is_utf8(const char *p, size_t len)
{
	const char *end = p + len;

	while (p < end) {
		size_t n = 8;

		if (end - p < 8 || (load(p) & high))
			n = json_utf8_len(p, end);
		if (n == 0)
			return false;
		p += n;
	}
	return true;
}

static bool is_hex4(const char *p)
{
	for (int i = 0; i < 4; i++)
		if (!json_is_hex(p[i]))
			return false;
	return true;
}

/* Behind a backslash. */
static bool is_escape(const char *p)
{
	return *p && (strchr("\"\\/bfnrt", *p) || (*p == 'u' && is_hex4(p + 1)));
}

static size_t index_special(const char *p, size_t len, struct json_window *w, bool *is_suspect)
{
	uint16_t *mark = w->marks, *special = w->specials;
	bool is_escaped = false;

	memset(w->has_escape, 0, sizeof w->has_escape);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];
		bool is_escaping = c == '\\' && !is_escaped;

		if (c == '\n' || (c == '"' && !is_escaped))
			*mark++ = (uint16_t)i;
		else if (c < 0x20 || (is_escaping && !is_escape(p + i + 1)))
			*special++ = (uint16_t)i;
		w->has_escape[i / JSON_BLOCK_BYTES] |= is_escaping;
		is_escaped = is_escaping;
	}
	*special = UINT16_MAX;
	*is_suspect = !is_utf8(p, len);
	return (size_t)(mark - w->marks);
}

const struct json_kernel json_kernel_portable = {
	"portable", index_plain, index_special, walk, match, NULL, NULL, is_utf8};
