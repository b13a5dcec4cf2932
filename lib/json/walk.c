#include "json/json_impl.h"

/* Slow paths of the walk; the fast ones are in walk_body.h. */

/* A key that is followed by its colon at once and is not too long is remembered at its place. The last place is never
 * filled: it stops the way from hint to hint. */
const struct path_node *json_walk_key(
	struct json_scan *scan, struct json_hint **place, const struct path_node *parent, const char *key, size_t len)
{
	bool is_escaped = scan->special && memchr(key, '\\', len);
	const struct path_node *child = json_path_key(scan->plain.paths, parent, (struct slice){key, len}, is_escaped);
	struct json_hint *hint = *place;

	if (hint == &scan->hints[JSON_HINTS - 1])
		return child;
	++*place;
	hint->parent = NULL;
	if (key[len + 1] == ':' && len + 2 <= JSON_HINT_BYTES) {
		hint->len = (uint32_t)len + 2;
		hint->other = json_hint_other(hint->len);
		memcpy(hint->key, key, hint->len);
		hint->parent = parent;
		hint->child = child;
	}
	return child;
}

/* The container at this depth, above 1, has ended. Returns the node of the one around it, as json_walk_enter(). */
const struct path_node *json_walk_leave(struct json_scan *scan, int depth, const char *end, uint8_t type)
{
	const struct json_frame *frame = &scan->plain.frames[scan->tracked];

	if (scan->tracked == depth) {
		struct json_span span = {frame->start, (uint32_t)(end - frame->start), type, 0};

		json_path_set(scan->plain.paths, scan->plain.spans, frame->node, span);
		scan->tracked--;
		frame--;
	}
	if (scan->tracked != depth - 1)
		return NULL;
	return frame->node->child >= 0 ? frame->node : NULL;
}

const struct path_node *json_walk_element(struct json_scan *scan, const struct path_node *node)
{
	struct json_frame *frame = &scan->plain.frames[scan->tracked];

	return json_path_index(scan->plain.paths, node, frame->index++);
}

/* Behind the run of digits at p, eight at a time: a digit xor '0' is below 10, and then adding 0x76 sets no high bit.
 * A carry can only spoil bytes behind the first one that is no digit. */
static const char *skip_digits(const char *p)
{
	for (;;) {
		uint64_t w, other;

		memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		w = __builtin_bswap64(w);
#endif
		w ^= 0x3030303030303030;
		other = ((w + 0x7676767676767676) | w) & 0x8080808080808080;
		if (other)
			return p + (__builtin_ctzll(other) >> 3);
		p += 8;
	}
}

static const char *skip_some_digits(const char *p)
{
	const char *end = skip_digits(p);

	return end == p ? NULL : end;
}

const char *json_walk_number(const char *p)
{
	if (*p == '-')
		p++;
	if (*p == '0')
		p++; /* a digit behind it is no ',' and no bracket: the walk fails there */
	else if (!(p = skip_some_digits(p)))
		return NULL;
	if (*p == '.' && !(p = skip_some_digits(p + 1)))
		return NULL;
	if (*p == 'e' || *p == 'E') {
		p++;
		if (*p == '+' || *p == '-')
			p++;
		return skip_some_digits(p);
	}
	return p;
}
