#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "compress/kinds.h"
#include "mem/mem.h"

enum { OUT_BYTES = 128 << 10, GZIP_WINDOW = 15 + 16 };

static unsigned cut(size_t len)
{
	return len < UINT_MAX ? (unsigned)len : UINT_MAX;
}

struct gzip_decoder {
	struct decoder base;
	z_stream z;
	bool is_inside;    /* a member is open */
	bool has_member;   /* one has ended */
	bool is_padding;   /* zeros behind the last member */
	bool has_output;   /* the last output was full: there may be more without new input */
	const char *fault; /* told after the bytes before it were given */
};

/* Behind a member: 1 when another begins, 0 at the end; zeros that pad a stream to a block are skipped. */
static int next_member(struct gzip_decoder *g, struct err *err)
{
	struct decoder *d = &g->base;
	int more;

	while ((more = decoder_fill(d, err)) == 1 && *d->p == '\0' && g->has_member) {
		g->is_padding = true;
		d->p++;
		d->len--;
	}
	if (more != 1)
		return more;
	if (g->is_padding || (unsigned char)*d->p != 0x1f)
		return decoder_broken(d, "there is something else behind the last member", err);
	inflateReset(&g->z);
	g->is_inside = true;
	return 1;
}

/* One step of inflate(). */
static void step(struct gzip_decoder *g)
{
	struct decoder *d = &g->base;
	int rc;

	g->z.next_in = (z_const Bytef *)d->p;
	g->z.avail_in = cut(d->len);
	rc = inflate(&g->z, Z_NO_FLUSH);
	d->len -= (size_t)((const char *)g->z.next_in - d->p);
	d->p = (const char *)g->z.next_in;
	if (rc == Z_MEM_ERROR)
		mem_fail();
	if (rc == Z_STREAM_END) {
		g->is_inside = false;
		g->has_member = true;
	} else if (rc != Z_OK && rc != Z_BUF_ERROR) {
		g->fault = g->z.msg ? g->z.msg : "it is not what it says";
	}
}

static ssize_t decode(struct decoder *d, char *out, size_t size_bytes, struct err *err)
{
	struct gzip_decoder *g = (struct gzip_decoder *)d;
	unsigned room = cut(size_bytes);

	g->z.next_out = (unsigned char *)out;
	g->z.avail_out = room;
	while (g->z.avail_out == room && !g->fault) {
		int more = !g->is_inside ? next_member(g, err) : g->has_output ? 1 : decoder_fill(d, err);

		if (more < 0)
			return more;
		if (more == 0)
			return g->is_inside ? decoder_broken(d, "it ends too soon", err) : 0;
		g->has_output = false;
		step(g);
	}
	g->has_output = g->z.avail_out == 0;
	if (g->z.avail_out == room)
		return decoder_broken(d, g->fault, err);
	return (ssize_t)(room - g->z.avail_out);
}

static void close_decoder(struct decoder *d)
{
	inflateEnd(&((struct gzip_decoder *)d)->z);
	free(d);
}

struct decoder *gzip_decoder(struct err *err)
{
	struct gzip_decoder *g = mem_alloc(1, sizeof *g);

	(void)err;
	if (inflateInit2(&g->z, GZIP_WINDOW) != Z_OK)
		mem_fail();
	g->base.read = decode;
	g->base.close = close_decoder;
	return &g->base;
}

struct gzip_encoder {
	struct encoder base;
	z_stream z;
	char out[OUT_BYTES];
};

static int encode(struct gzip_encoder *g, const char *p, size_t len, int flush, struct err *err)
{
	z_stream *z = &g->z;

	for (;;) {
		unsigned piece = cut(len);
		int rc;

		z->next_in = (z_const Bytef *)p;
		z->avail_in = piece;
		z->next_out = (unsigned char *)g->out;
		z->avail_out = sizeof g->out;
		rc = deflate(z, flush);
		p = (const char *)z->next_in;
		len -= piece - z->avail_in;
		if (z->avail_out < sizeof g->out &&
			g->base.drain(g->base.ctx, g->out, sizeof g->out - z->avail_out, err) != 0)
			return -1;
		if (rc == Z_STREAM_END || (len == 0 && z->avail_out > 0 && flush != Z_FINISH))
			return 0;
	}
}

static int encode_more(struct encoder *e, const char *p, size_t len, struct err *err)
{
	return encode((struct gzip_encoder *)e, p, len, Z_NO_FLUSH, err);
}

static int encode_flush(struct encoder *e, struct err *err)
{
	return encode((struct gzip_encoder *)e, NULL, 0, Z_SYNC_FLUSH, err);
}

static int encode_end(struct encoder *e, struct err *err)
{
	return encode((struct gzip_encoder *)e, NULL, 0, Z_FINISH, err);
}

static void close_encoder(struct encoder *e)
{
	deflateEnd(&((struct gzip_encoder *)e)->z);
	free(e);
}

struct encoder *gzip_encoder(int level, struct err *err)
{
	struct gzip_encoder *g = mem_alloc(1, sizeof *g);

	(void)err;
	if (deflateInit2(&g->z, level ? level : Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		mem_fail();
	g->base.write = encode_more;
	g->base.flush = encode_flush;
	g->base.finish = encode_end;
	g->base.close = close_encoder;
	return &g->base;
}
