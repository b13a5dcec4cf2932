#include <stdlib.h>

#include <zlib.h>

#include "codec/codec.h"
#include "mem/mem.h"

enum { GZIP_WINDOW_BITS = 15 + 16, GZIP_MEM_LEVEL = 8 };

struct gz {
	struct codec base;
	z_stream z;
};

static int put(
	struct codec *c, const char *p, size_t len, enum codec_op op, codec_write_fn *write, void *ctx, struct err *err)
{
	static const int modes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
	struct gz *g = (struct gz *)c;
	int got;

	/* zlib asks for a pointer to bytes it may write and does not. */
	g->z.next_in = (Bytef *)(uintptr_t)p;
	g->z.avail_in = (uInt)len;
	do {
		size_t n;

		g->z.next_out = (Bytef *)c->out;
		g->z.avail_out = CODEC_OUT_BYTES;
		got = deflate(&g->z, modes[op]);
		if (got == Z_STREAM_ERROR)
			return err_set(err, ERR_INTERNAL, "zlib: the stream is in a wrong state");
		n = CODEC_OUT_BYTES - g->z.avail_out;
		if (n && write(ctx, c->out, n, err) < 0)
			return -1;
	} while (g->z.avail_out == 0 || (op == CODEC_FINISH && got != Z_STREAM_END));
	if (op == CODEC_FINISH)
		deflateReset(&g->z);
	return 0;
}

static void reset(struct codec *c)
{
	deflateReset(&((struct gz *)c)->z);
}

static void close_gz(struct codec *c)
{
	deflateEnd(&((struct gz *)c)->z);
	free(c);
}

struct codec *codec_open_gz(struct codec_set *set)
{
	static const struct codec_ops ops = {put, reset, close_gz};
	struct gz *g = mem_alloc(1, sizeof *g);

	g->base = (struct codec){&ops, set, set->out};
	if (deflateInit2(&g->z, set->level, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		mem_fail();
	return &g->base;
}
