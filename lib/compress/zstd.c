#include <stdlib.h>

#include <zstd.h>

#include "compress/kinds.h"
#include "mem/mem.h"

/* windows up to 128 MiB, as the zstd command without --long */
enum { LEVEL_DEFAULT = 3, FRAME_START_BYTES = 5, WINDOW_LOG_MAX = 27 };

struct zstd_decoder {
	struct decoder base;
	ZSTD_DCtx *ctx;
	size_t want; /* stored bytes up to the end of the next block */
};

static void begin(struct decoder *d)
{
	((struct zstd_decoder *)d)->want = FRAME_START_BYTES;
}

/*
 * Stored bytes are fed block by block, as the library asks for them: it forgets what it decoded in the call that meets
 * a fault, so what is lost of a broken stream is the broken block alone.
 */
static enum step decode(struct decoder *d)
{
	struct zstd_decoder *z = (struct zstd_decoder *)d;
	ZSTD_inBuffer from = {d->p, d->len < z->want ? d->len : z->want, 0};
	ZSTD_outBuffer to = {d->out, d->room, 0};
	size_t left = ZSTD_decompressStream(z->ctx, &to, &from);

	if (ZSTD_isError(left)) {
		d->fault = ZSTD_getErrorName(left);
		return STEP_FAULT;
	}
	d->p += from.pos;
	d->len -= from.pos;
	d->out += to.pos;
	d->room -= to.pos;
	z->want = left;
	return left ? STEP_ON : STEP_END;
}

static void close_decoder(struct decoder *d)
{
	ZSTD_freeDCtx(((struct zstd_decoder *)d)->ctx);
	free(d);
}

struct decoder *zstd_decoder(void)
{
	static const struct decoder_ops ops = {begin, decode, close_decoder};
	struct zstd_decoder *z = mem_alloc(1, sizeof *z);

	z->base.ops = &ops;
	z->ctx = ZSTD_createDCtx();
	if (!z->ctx)
		mem_fail();
	ZSTD_DCtx_setParameter(z->ctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	return &z->base;
}

struct zstd_encoder {
	struct encoder base;
	ZSTD_CCtx *ctx;
};

static enum step encode(struct encoder *e, enum action action)
{
	static const ZSTD_EndDirective ends[] = {ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end};
	struct zstd_encoder *z = (struct zstd_encoder *)e;
	ZSTD_inBuffer from = {e->p, e->len, 0};
	ZSTD_outBuffer to = {e->out, sizeof e->out, 0};
	size_t left = ZSTD_compressStream2(z->ctx, &to, &from, ends[action]);

	if (ZSTD_isError(left)) {
		e->fault = ZSTD_getErrorName(left);
		return STEP_FAULT;
	}
	e->p += from.pos;
	e->len -= from.pos;
	e->made = to.pos;
	return (action == ACTION_ADD ? e->len : left) ? STEP_ON : STEP_END;
}

static void close_encoder(struct encoder *e)
{
	ZSTD_freeCCtx(((struct zstd_encoder *)e)->ctx);
	free(e);
}

struct encoder *zstd_encoder(int level)
{
	static const struct encoder_ops ops = {encode, close_encoder};
	struct zstd_encoder *z = mem_alloc(1, sizeof *z);

	z->base.ops = &ops;
	z->ctx = ZSTD_createCCtx();
	if (!z->ctx)
		mem_fail();
	ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_compressionLevel, level ? level : LEVEL_DEFAULT);
	ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_checksumFlag, 1);
	return &z->base;
}
