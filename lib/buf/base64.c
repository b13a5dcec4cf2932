#include "buf/buf.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void buf_add_base64(struct buf *out, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	char *to = buf_reserve(out, len / 3 * 4 + 4);

	for (; len > 0; p += 3) {
		unsigned v = (unsigned)p[0] << 16 | (len > 1 ? (unsigned)p[1] << 8 : 0) | (len > 2 ? p[2] : 0u);

		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = len > 1 ? digits[v >> 6 & 63] : '=';
		*to++ = len > 2 ? digits[v & 63] : '=';
		len -= len < 3 ? len : 3;
	}
	out->len = (size_t)(to - out->p);
}

static int digit_of(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

bool buf_add_unbase64(struct buf *out, struct slice text)
{
	unsigned v = 0;
	size_t n = 0;

	while (text.len && text.p[text.len - 1] == '=')
		text.len--;
	if (text.len % 4 == 1)
		return false;
	for (; n < text.len; n++) {
		int digit = digit_of(text.p[n]);

		if (digit < 0)
			return false;
		v = v << 6 | (unsigned)digit;
		if (n % 4 == 1)
			buf_add_char(out, (char)(v >> 4));
		else if (n % 4 == 2)
			buf_add_char(out, (char)(v >> 2));
		else if (n % 4 == 3)
			buf_add_char(out, (char)v);
	}
	return true;
}
