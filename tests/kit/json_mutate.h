/* json_mutate: records that were changed a little, for tests of the scanner. */
#ifndef TLM_TESTS_JSON_MUTATE_H
#define TLM_TESTS_JSON_MUTATE_H

#include <stdint.h>
#include <string.h>

#include "buf/buf.h"
#include "random.h"

/* Flips, cuts, repeats and inserts; never a newline, which would be two records. */
static void mutate(struct buf *b, size_t start)
{
	static const char bytes[] = "\"\"\\\\{}[]:,0-.eE+tfn u\x01\x1f\x7f\x80\xbf\xc3\xe2\xed\xf0\xf4\xff\t\r";
	size_t len = b->len - start, at = start + any((uint32_t)len + 1), n = any(8);

	if (len == 0 || at + n > b->len)
		return;
	switch (any(5)) {
	case 0:
		if (n)
			b->p[at] = (char)(b->p[at] ^ (1 << any(8)));
		break;
	case 1:
		memmove(b->p + at, b->p + at + n, b->len - at - n);
		b->len -= n;
		break;
	case 2:
		buf_reserve(b, n);
		memmove(b->p + at + n, b->p + at, b->len - at);
		b->len += n;
		break;
	case 3:
		buf_reserve(b, 1);
		memmove(b->p + at + 1, b->p + at, b->len - at);
		b->len++;
		b->p[at] = bytes[any(sizeof bytes)];
		break;
	default:
		if (n)
			b->p[at] = bytes[any(sizeof bytes)];
	}
	for (size_t i = start; i < b->len; i++)
		if (b->p[i] == '\n')
			b->p[i] = ' ';
}

#endif
