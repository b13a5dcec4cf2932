#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "codec/codec.h"
#include "compress/compress.h"
#include "mem/mem.h"

/* Stored bytes on their way to the decoder. */
struct feed {
	int fd;
	const char *path;
	codec_write_fn *stored;
	void *ctx;
	char *in;        /* CODEC_OUT_BYTES */
	bool has_failed; /* reading or a function failed: not the data */
};

static ssize_t feed_next(void *ctx, const char **p, struct err *err)
{
	struct feed *f = ctx;
	ssize_t n;

	do
		n = read(f->fd, f->in, CODEC_OUT_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		err_sys(err, "%.120s: cannot read", f->path);
	else if (n > 0 && f->stored && f->stored(f->ctx, f->in, (size_t)n, err) < 0)
		n = -1;
	f->has_failed = n < 0;
	*p = f->in;
	return n;
}

/* Past the fault nothing is decoded, but the stored bytes are still seen to the end. */
static int drain(struct feed *f, struct err *err)
{
	const char *p;
	ssize_t n;

	do
		n = feed_next(f, &p, err);
	while (n > 0);
	return n < 0 ? -1 : 0;
}

static int decode(struct feed *f, enum codec_kind kind, codec_write_fn *raw, bool *is_whole, struct err *err)
{
	struct decoder *d = decoder_open(kind == CODEC_ZST ? COMPRESS_ZST : COMPRESS_GZ, feed_next, f);
	struct err fault = ERR_INIT;
	char *out = mem_alloc(1, CODEC_OUT_BYTES);
	ssize_t n = -1;
	int got = 0;

	while (got == 0 && (n = decoder_read(d, out, CODEC_OUT_BYTES, &fault)) > 0)
		got = raw(f->ctx, out, (size_t)n, err);
	*is_whole = n == 0;
	if (got == 0 && f->has_failed) {
		*err = fault;
		got = -1;
	} else if (got == 0 && n < 0) {
		got = drain(f, err);
	}
	free(out);
	decoder_close(d);
	return got;
}

static int copy(struct feed *f, codec_write_fn *raw, bool *is_whole, struct err *err)
{
	const char *p;
	ssize_t n;

	*is_whole = true;
	while ((n = feed_next(f, &p, err)) > 0) {
		if (raw(f->ctx, p, (size_t)n, err) < 0)
			return -1;
	}
	return n < 0 ? -1 : 0;
}

int codec_read_back(enum codec_kind kind, int fd, const char *path, codec_write_fn *raw, codec_write_fn *stored,
	void *ctx, bool *is_whole, struct err *err)
{
	struct feed f = {.fd = fd, .path = path, .stored = stored, .ctx = ctx};
	int got;

	f.in = mem_alloc(1, CODEC_OUT_BYTES);
	got = kind == CODEC_NONE ? copy(&f, raw, is_whole, err) : decode(&f, kind, raw, is_whole, err);
	free(f.in);
	return got;
}
