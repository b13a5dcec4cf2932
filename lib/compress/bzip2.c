#include <limits.h>
#include <stdlib.h>

#include <bzlib.h>

#include "compress/kinds.h"
#include "mem/mem.h"

enum { LEVEL_DEFAULT = 9 };

static unsigned cut(size_t len)
{
	return len < UINT_MAX ? (unsigned)len : UINT_MAX;
}

/* The library takes input through a pointer to plain char, and only reads there. */
static char *input_of(const char *p)
{
	return (char *)(uintptr_t)p;
}

struct bzip2_decoder {
	struct decoder base;
	bz_stream z;
	bool is_open;
};

static void begin(struct decoder *d)
{
	struct bzip2_decoder *b = (struct bzip2_decoder *)d;

	if (b->is_open)
		BZ2_bzDecompressEnd(&b->z);
	if (BZ2_bzDecompressInit(&b->z, 0, 0) != BZ_OK)
		mem_fail();
	b->is_open = true;
}

static enum step decode(struct decoder *d)
{
	bz_stream *z = &((struct bzip2_decoder *)d)->z;
	int rc;

	z->next_in = input_of(d->p);
	z->avail_in = cut(d->len);
	z->next_out = d->out;
	z->avail_out = cut(d->room);
	rc = BZ2_bzDecompress(z);
	d->len -= (size_t)(z->next_in - d->p);
	d->p = z->next_in;
	d->room -= (size_t)(z->next_out - d->out);
	d->out = z->next_out;
	if (rc == BZ_MEM_ERROR)
		mem_fail();
	if (rc == BZ_OK)
		return STEP_ON;
	if (rc == BZ_STREAM_END)
		return STEP_END;
	d->fault = rc == BZ_DATA_ERROR_MAGIC ? "it is no bzip2 stream" : "it is corrupt";
	return STEP_FAULT;
}

static void close_decoder(struct decoder *d)
{
	struct bzip2_decoder *b = (struct bzip2_decoder *)d;

	if (b->is_open)
		BZ2_bzDecompressEnd(&b->z);
	free(b);
}

struct decoder *bzip2_decoder(void)
{
	static const struct decoder_ops ops = {begin, decode, close_decoder};
	struct bzip2_decoder *b = mem_alloc(1, sizeof *b);

	b->base.ops = &ops;
	return &b->base;
}

struct bzip2_encoder {
	struct encoder base;
	bz_stream z;
	int level;
	bool is_open, has_member;
};

static void begin_member(struct bzip2_encoder *b)
{
	if (BZ2_bzCompressInit(&b->z, b->level, 0, 0) != BZ_OK)
		mem_fail();
	b->is_open = true;
	b->has_member = true;
}

/* A flush inside a member ends at a bit, not at a byte: so the member is ended, and the next write begins another. */
static enum step encode(struct encoder *e, enum action action)
{
	struct bzip2_encoder *b = (struct bzip2_encoder *)e;
	bz_stream *z = &b->z;
	int rc;

	if (!b->is_open && (action == ACTION_ADD || !b->has_member))
		begin_member(b);
	if (!b->is_open)
		return STEP_END;
	z->next_in = input_of(e->p);
	z->avail_in = cut(e->len);
	z->next_out = e->out;
	z->avail_out = sizeof e->out;
	rc = BZ2_bzCompress(z, action == ACTION_ADD ? BZ_RUN : BZ_FINISH);
	e->len -= (size_t)(z->next_in - e->p);
	e->p = z->next_in;
	e->made = sizeof e->out - z->avail_out;
	if (action == ACTION_ADD)
		return e->len ? STEP_ON : STEP_END;
	if (rc != BZ_STREAM_END)
		return STEP_ON;
	BZ2_bzCompressEnd(z);
	b->is_open = false;
	return STEP_END;
}

static void close_encoder(struct encoder *e)
{
	struct bzip2_encoder *b = (struct bzip2_encoder *)e;

	if (b->is_open)
		BZ2_bzCompressEnd(&b->z);
	free(b);
}

struct encoder *bzip2_encoder(int level)
{
	static const struct encoder_ops ops = {encode, close_encoder};
	struct bzip2_encoder *b = mem_alloc(1, sizeof *b);

	b->base.ops = &ops;
	b->level = level ? level : LEVEL_DEFAULT;
	return &b->base;
}
