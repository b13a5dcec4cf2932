#include <limits.h>
#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#include "compress/kinds.h"
#include "mem/mem.h"

enum { GZIP_WINDOW = 15 + 16, MEM_LEVEL_DEFAULT = 8 };

static unsigned cut(size_t len)
{
	return len < UINT_MAX ? (unsigned)len : UINT_MAX;
}

struct gzip_decoder {
	struct decoder base;
	z_stream z;
};

static void begin(struct decoder *d)
{
	inflateReset(&((struct gzip_decoder *)d)->z);
}

static enum step decode(struct decoder *d)
{
	z_stream *z = &((struct gzip_decoder *)d)->z;
	int rc;

	z->next_in = (const unsigned char *)d->p;
	z->avail_in = cut(d->len);
	z->next_out = (unsigned char *)d->out;
	z->avail_out = cut(d->room);
	rc = inflate(z, Z_NO_FLUSH);
	d->len -= (size_t)((const char *)z->next_in - d->p);
	d->p = (const char *)z->next_in;
	d->room -= (size_t)((char *)z->next_out - d->out);
	d->out = (char *)z->next_out;
	if (rc == Z_MEM_ERROR)
		mem_fail();
	if (rc == Z_OK || rc == Z_BUF_ERROR)
		return STEP_ON;
	if (rc == Z_STREAM_END)
		return STEP_END;
	d->fault = z->msg ? z->msg : "it is not what it says";
	return STEP_FAULT;
}

static void close_decoder(struct decoder *d)
{
	inflateEnd(&((struct gzip_decoder *)d)->z);
	free(d);
}

struct decoder *gzip_decoder(void)
{
	static const struct decoder_ops ops = {begin, decode, close_decoder};
	struct gzip_decoder *g = mem_alloc(1, sizeof *g);

	g->base.ops = &ops;
	if (inflateInit2(&g->z, GZIP_WINDOW) != Z_OK)
		mem_fail();
	return &g->base;
}

struct gzip_encoder {
	struct encoder base;
	z_stream z;
};

static enum step encode(struct encoder *e, enum action action)
{
	static const int flushes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
	z_stream *z = &((struct gzip_encoder *)e)->z;
	int rc;

	z->next_in = (const unsigned char *)e->p;
	z->avail_in = cut(e->len);
	z->next_out = (unsigned char *)e->out;
	z->avail_out = sizeof e->out;
	rc = deflate(z, flushes[action]);
	e->len -= (size_t)((const char *)z->next_in - e->p);
	e->p = (const char *)z->next_in;
	e->made = sizeof e->out - z->avail_out;
	if (action == ACTION_FINISH)
		return rc == Z_STREAM_END ? STEP_END : STEP_ON;
	return e->len || z->avail_out == 0 ? STEP_ON : STEP_END;
}

static void close_encoder(struct encoder *e)
{
	deflateEnd(&((struct gzip_encoder *)e)->z);
	free(e);
}

struct encoder *gzip_encoder(int level)
{
	static const struct encoder_ops ops = {encode, close_encoder};
	struct gzip_encoder *g = mem_alloc(1, sizeof *g);

	g->base.ops = &ops;
	if (deflateInit2(&g->z, level ? level : Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEM_LEVEL_DEFAULT,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		mem_fail();
	return &g->base;
}
