/*
 * buf: slices (borrowed bytes) and bufs (owned bytes).
 *
 * A slice borrows until the next call on its giver. A buf owns its bytes, grows as it is added to
 * and keeps its memory over buf_reset(), so a stream of any length runs in constant space.
 * Memory: buf_release() frees. Not thread safe per object.
 */
#ifndef TLM_BUF_H
#define TLM_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p;
	size_t len;
};

#define SLICE_LIT(s) ((struct slice){(s), sizeof(s) - 1})

static inline struct slice slice_str(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Order by unsigned bytes, then by length: negative, 0 or positive. */
int slice_cmp(struct slice a, struct slice b);

/* For tables in memory: XXH3. Never written where another version reads it. */
uint64_t slice_hash(struct slice s);

struct buf {
	char *p;    /* len bytes, no NUL behind them unless buf_cstr() was called; NULL when never used */
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
};

#define BUF_INIT                                                                                                       \
	{                                                                                                              \
		NULL, 0, 0                                                                                             \
	}

void buf_init(struct buf *b);
void buf_release(struct buf *b); /* frees, and leaves it as after buf_init() */

static inline void buf_reset(struct buf *b)
{
	b->len = 0;
}

void buf_grow(struct buf *b, size_t more_bytes); /* slow path of buf_reserve() */

/* Makes room for more_bytes behind len and returns where they begin; add what was written to len. */
static inline char *buf_reserve(struct buf *b, size_t more_bytes)
{
	if (b->cap - b->len < more_bytes)
		buf_grow(b, more_bytes);
	return b->p + b->len;
}

static inline void buf_add(struct buf *b, const void *p, size_t len)
{
	if (len)
		memcpy(buf_reserve(b, len), p, len);
	b->len += len;
}

static inline void buf_add_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.p, s.len);
}

static inline void buf_add_char(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->len++;
}

void buf_add_str(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Appends the digits of base64 (RFC 4648), padded. */
void buf_add_base64(struct buf *out, const void *bytes, size_t len);

/* Appends the bytes that base64, with or without its padding, stands for; false when it is none. */
bool buf_add_unbase64(struct buf *out, struct slice text);

/* A NUL is kept behind the bytes until the next change; returns p. */
const char *buf_cstr(struct buf *b);

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){b->p, b->len};
}

#endif
