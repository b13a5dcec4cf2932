#include <stdlib.h>

#include <lzma.h>

#include "compress/kinds.h"
#include "mem/mem.h"

enum { LEVEL_DEFAULT = 6 };

static const char *describe(lzma_ret rc)
{
	switch (rc) {
	case LZMA_FORMAT_ERROR:
		return "it is no xz stream";
	case LZMA_OPTIONS_ERROR:
		return "it asks for what the library cannot do";
	default:
		return "it is corrupt";
	}
}

struct xz_decoder {
	struct decoder base;
	lzma_stream z;
};

static void begin(struct decoder *d)
{
	if (lzma_stream_decoder(&((struct xz_decoder *)d)->z, UINT64_MAX, 0) != LZMA_OK)
		mem_fail();
}

static enum step decode(struct decoder *d)
{
	lzma_stream *z = &((struct xz_decoder *)d)->z;
	lzma_ret rc;

	z->next_in = (const uint8_t *)d->p;
	z->avail_in = d->len;
	z->next_out = (uint8_t *)d->out;
	z->avail_out = d->room;
	rc = lzma_code(z, LZMA_RUN);
	d->p = (const char *)z->next_in;
	d->len = z->avail_in;
	d->out = (char *)z->next_out;
	d->room = z->avail_out;
	if (rc == LZMA_MEM_ERROR)
		mem_fail();
	if (rc == LZMA_OK || rc == LZMA_BUF_ERROR)
		return STEP_ON;
	if (rc == LZMA_STREAM_END)
		return STEP_END;
	d->fault = describe(rc);
	return STEP_FAULT;
}

static void close_decoder(struct decoder *d)
{
	lzma_end(&((struct xz_decoder *)d)->z);
	free(d);
}

struct decoder *xz_decoder(void)
{
	static const struct decoder_ops ops = {begin, decode, close_decoder};
	struct xz_decoder *x = mem_alloc(1, sizeof *x);

	x->base.ops = &ops;
	x->z = (lzma_stream)LZMA_STREAM_INIT;
	return &x->base;
}

struct xz_encoder {
	struct encoder base;
	lzma_stream z;
};

static enum step encode(struct encoder *e, enum action action)
{
	static const lzma_action actions[] = {LZMA_RUN, LZMA_SYNC_FLUSH, LZMA_FINISH};
	lzma_stream *z = &((struct xz_encoder *)e)->z;
	lzma_ret rc;

	z->next_in = (const uint8_t *)e->p;
	z->avail_in = e->len;
	z->next_out = (uint8_t *)e->out;
	z->avail_out = sizeof e->out;
	rc = lzma_code(z, actions[action]);
	e->p = (const char *)z->next_in;
	e->len = z->avail_in;
	e->made = sizeof e->out - z->avail_out;
	if (rc == LZMA_MEM_ERROR)
		mem_fail();
	if (rc == LZMA_STREAM_END)
		return STEP_END;
	if (rc == LZMA_OK || rc == LZMA_BUF_ERROR)
		return action == ACTION_ADD && e->len == 0 && z->avail_out ? STEP_END : STEP_ON;
	e->fault = describe(rc);
	return STEP_FAULT;
}

static void close_encoder(struct encoder *e)
{
	lzma_end(&((struct xz_encoder *)e)->z);
	free(e);
}

struct encoder *xz_encoder(int level)
{
	static const struct encoder_ops ops = {encode, close_encoder};
	struct xz_encoder *x = mem_alloc(1, sizeof *x);

	x->base.ops = &ops;
	x->z = (lzma_stream)LZMA_STREAM_INIT;
	if (lzma_easy_encoder(&x->z, level ? (uint32_t)level : LEVEL_DEFAULT, LZMA_CHECK_CRC64) != LZMA_OK)
		mem_fail();
	return &x->base;
}
