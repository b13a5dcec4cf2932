#include "template/encode.h"

#include "template/template.h"

static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
	       c == '-';
}

static void add_hex(struct buf *out, unsigned char c)
{
	static const char digits[] = "0123456789ABCDEF";

	buf_add(out, (const char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
}

void encode_bytes(struct buf *out, struct slice text, bool is_at_start)
{
	size_t from = 0;

	if (is_at_start && text.len && (text.p[0] == '.' || text.p[0] == '_')) {
		add_hex(out, (unsigned char)text.p[0]);
		from = 1;
	}
	/* Runs of plain bytes at once. */
	for (size_t i = from; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (is_plain(c))
			continue;
		buf_add(out, text.p + from, i - from);
		add_hex(out, c);
		from = i + 1;
	}
	buf_add(out, text.p + from, text.len - from);
}

void encode_value(struct buf *out, struct slice value, bool is_at_start)
{
	if (value.len == 0) {
		buf_add_slice(out, SLICE_LIT(TEMPLATE_NULL));
	} else if (slice_eq(value, SLICE_LIT(".")) || slice_eq(value, SLICE_LIT("..")) ||
		   slice_eq(value, SLICE_LIT(TEMPLATE_NULL))) {
		add_hex(out, (unsigned char)value.p[0]);
		value = (struct slice){value.p + 1, value.len - 1};
		encode_bytes(out, value, value.len && value.p[0] == '.');
	} else {
		encode_bytes(out, value, is_at_start);
	}
}
