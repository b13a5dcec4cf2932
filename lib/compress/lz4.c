#include <stdlib.h>

#include <lz4frame.h>

#include "compress/kinds.h"
#include "mem/mem.h"

enum { PIECE_BYTES = 64 << 10 }; /* plain bytes of one step: what they become fits into the room of an encoder */

struct lz4_decoder {
	struct decoder base;
	LZ4F_dctx *ctx;
	size_t want; /* stored bytes up to the end of the next block */
};

static void begin(struct decoder *d)
{
	((struct lz4_decoder *)d)->want = LZ4F_HEADER_SIZE_MIN;
}

/* Fed block by block, for the reason that stands in zstd.c. */
static enum step decode(struct decoder *d)
{
	struct lz4_decoder *z = (struct lz4_decoder *)d;
	size_t used = d->len < z->want ? d->len : z->want;
	size_t made = d->room;
	size_t left = LZ4F_decompress(z->ctx, d->out, &made, d->p, &used, NULL);

	if (LZ4F_isError(left)) {
		d->fault = LZ4F_getErrorName(left);
		return STEP_FAULT;
	}
	d->p += used;
	d->len -= used;
	d->out += made;
	d->room -= made;
	z->want = left;
	return left ? STEP_ON : STEP_END;
}

static void close_decoder(struct decoder *d)
{
	LZ4F_freeDecompressionContext(((struct lz4_decoder *)d)->ctx);
	free(d);
}

struct decoder *lz4_decoder(void)
{
	static const struct decoder_ops ops = {begin, decode, close_decoder};
	struct lz4_decoder *z = mem_alloc(1, sizeof *z);

	z->base.ops = &ops;
	if (LZ4F_isError(LZ4F_createDecompressionContext(&z->ctx, LZ4F_VERSION)))
		mem_fail();
	return &z->base;
}

struct lz4_encoder {
	struct encoder base;
	LZ4F_cctx *ctx;
	LZ4F_preferences_t wishes;
	bool has_begun;
};

static size_t run(struct lz4_encoder *z, enum action action)
{
	struct encoder *e = &z->base;
	size_t n = e->len < PIECE_BYTES ? e->len : PIECE_BYTES;

	if (!z->has_begun)
		return LZ4F_compressBegin(z->ctx, e->out, sizeof e->out, &z->wishes);
	if (action == ACTION_FLUSH)
		return LZ4F_flush(z->ctx, e->out, sizeof e->out, NULL);
	if (action == ACTION_FINISH)
		return LZ4F_compressEnd(z->ctx, e->out, sizeof e->out, NULL);
	e->p += n;
	e->len -= n;
	return LZ4F_compressUpdate(z->ctx, e->out, sizeof e->out, e->p - n, n, NULL);
}

static enum step encode(struct encoder *e, enum action action)
{
	struct lz4_encoder *z = (struct lz4_encoder *)e;
	bool is_begin = !z->has_begun;
	size_t made = run(z, action);

	if (LZ4F_isError(made)) {
		e->fault = LZ4F_getErrorName(made);
		return STEP_FAULT;
	}
	e->made = made;
	z->has_begun = true;
	return is_begin || (action == ACTION_ADD && e->len) ? STEP_ON : STEP_END;
}

static void close_encoder(struct encoder *e)
{
	LZ4F_freeCompressionContext(((struct lz4_encoder *)e)->ctx);
	free(e);
}

struct encoder *lz4_encoder(int level)
{
	static const struct encoder_ops ops = {encode, close_encoder};
	struct lz4_encoder *z = mem_alloc(1, sizeof *z);

	z->base.ops = &ops;
	z->wishes.compressionLevel = level;
	z->wishes.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
	if (LZ4F_isError(LZ4F_createCompressionContext(&z->ctx, LZ4F_VERSION)))
		mem_fail();
	return &z->base;
}
