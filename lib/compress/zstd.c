#include <stdlib.h>

#include <zstd.h>

#include "compress/kinds.h"
#include "mem/mem.h"

enum { OUT_BYTES = 128 << 10, LEVEL_DEFAULT = 3, FRAME_START_BYTES = 5, WINDOW_LOG_MAX = 27 };

struct zstd_decoder {
	struct decoder base;
	ZSTD_DCtx *ctx;
	size_t want;     /* stored bytes up to the end of the next block; 0 between frames */
	bool has_output; /* the last output was full: there may be more without new input */
};

/*
 * Stored bytes are fed block by block, as the library asks for them: it forgets what it decoded in the call that meets
 * a fault, so what is lost of a broken stream is the broken block alone.
 */
static ssize_t decode(struct decoder *d, char *out, size_t size_bytes, struct err *err)
{
	struct zstd_decoder *z = (struct zstd_decoder *)d;
	ZSTD_outBuffer to = {out, size_bytes, 0};

	while (to.pos == 0) {
		int more = z->has_output ? 1 : decoder_fill(d, err);
		ZSTD_inBuffer from = {d->p, d->len, 0};
		size_t left;

		if (more < 0 || (more == 0 && z->want == 0))
			return more;
		if (z->want && from.size > z->want)
			from.size = z->want;
		else if (z->want == 0 && from.size > FRAME_START_BYTES)
			from.size = FRAME_START_BYTES;
		left = ZSTD_decompressStream(z->ctx, &to, &from);
		if (ZSTD_isError(left))
			return decoder_broken(d, ZSTD_getErrorName(left), err);
		if (more == 0 && to.pos == 0)
			return decoder_broken(d, "it ends too soon", err);
		d->p += from.pos;
		d->len -= from.pos;
		z->want = left;
		z->has_output = to.pos == to.size;
	}
	return (ssize_t)to.pos;
}

static void close_decoder(struct decoder *d)
{
	ZSTD_freeDCtx(((struct zstd_decoder *)d)->ctx);
	free(d);
}

struct decoder *zstd_decoder(struct err *err)
{
	struct zstd_decoder *z = mem_alloc(1, sizeof *z);

	(void)err;
	z->ctx = ZSTD_createDCtx();
	if (!z->ctx)
		mem_fail();
	/* windows up to 128 MiB, as the zstd command without --long */
	ZSTD_DCtx_setParameter(z->ctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	z->base.read = decode;
	z->base.close = close_decoder;
	return &z->base;
}

struct zstd_encoder {
	struct encoder base;
	ZSTD_CCtx *ctx;
	char out[OUT_BYTES];
};

static int encode(struct zstd_encoder *z, const char *p, size_t len, ZSTD_EndDirective end, struct err *err)
{
	ZSTD_inBuffer from = {p, len, 0};
	size_t left;

	do {
		ZSTD_outBuffer to = {z->out, sizeof z->out, 0};

		left = ZSTD_compressStream2(z->ctx, &to, &from, end);
		if (ZSTD_isError(left))
			return err_set(err, ERR_IO, "cannot compress: %s", ZSTD_getErrorName(left));
		if (to.pos && z->base.drain(z->base.ctx, z->out, to.pos, err) != 0)
			return -1;
	} while (end == ZSTD_e_continue ? from.pos < len : left != 0);
	return 0;
}

static int encode_more(struct encoder *e, const char *p, size_t len, struct err *err)
{
	return encode((struct zstd_encoder *)e, p, len, ZSTD_e_continue, err);
}

static int encode_flush(struct encoder *e, struct err *err)
{
	return encode((struct zstd_encoder *)e, NULL, 0, ZSTD_e_flush, err);
}

static int encode_end(struct encoder *e, struct err *err)
{
	return encode((struct zstd_encoder *)e, NULL, 0, ZSTD_e_end, err);
}

static void close_encoder(struct encoder *e)
{
	ZSTD_freeCCtx(((struct zstd_encoder *)e)->ctx);
	free(e);
}

struct encoder *zstd_encoder(int level, struct err *err)
{
	struct zstd_encoder *z = mem_alloc(1, sizeof *z);

	(void)err;
	z->ctx = ZSTD_createCCtx();
	if (!z->ctx)
		mem_fail();
	ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_compressionLevel, level ? level : LEVEL_DEFAULT);
	ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_checksumFlag, 1);
	z->base.write = encode_more;
	z->base.flush = encode_flush;
	z->base.finish = encode_end;
	z->base.close = close_encoder;
	return &z->base;
}
