/*
 * xz, lz4 and bz2 through libarchive. It is loaded with dlopen() at the first use: linked, it brings libxml2 and ICU
 * and costs every start of every tool several milliseconds (figures in README.md).
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "compress/kinds.h"
#include "mem/mem.h"

enum { IN_BYTES = 64 << 10 };

/* The functions used, with the types of the headers. */
#define API(X)                                                                                                         \
	X(archive_read_new)                                                                                            \
	X(archive_read_support_filter_all)                                                                             \
	X(archive_read_support_format_raw)                                                                             \
	X(archive_read_support_format_empty)                                                                           \
	X(archive_read_open)                                                                                           \
	X(archive_read_next_header)                                                                                    \
	X(archive_read_data)                                                                                           \
	X(archive_read_free)                                                                                           \
	X(archive_write_new)                                                                                           \
	X(archive_write_add_filter_xz)                                                                                 \
	X(archive_write_add_filter_lz4)                                                                                \
	X(archive_write_add_filter_bzip2)                                                                              \
	X(archive_write_set_format_raw)                                                                                \
	X(archive_write_set_bytes_per_block)                                                                           \
	X(archive_write_set_bytes_in_last_block)                                                                       \
	X(archive_write_open)                                                                                          \
	X(archive_write_header)                                                                                        \
	X(archive_write_data)                                                                                          \
	X(archive_write_close)                                                                                         \
	X(archive_write_free)                                                                                          \
	X(archive_entry_new)                                                                                           \
	X(archive_entry_set_filetype)                                                                                  \
	X(archive_entry_free)                                                                                          \
	X(archive_error_string)

#define DECLARE(f) __typeof__(f) *f;
static struct {
	void *library;
	API(DECLARE)
} lib;

static int load(struct err *err)
{
	static const char *const names[] = {"libarchive.so.13", "libarchive.so"};

	for (size_t i = 0; i < sizeof names / sizeof *names && !lib.library; i++)
		lib.library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!lib.library)
		return err_set(err, ERR_IO, "cannot load libarchive: %s", dlerror());
#define LOAD(f)                                                                                                        \
	*(void **)&lib.f = dlsym(lib.library, #f);                                                                     \
	if (!lib.f)                                                                                                    \
		return err_set(err, ERR_IO, "cannot load libarchive: it has no " #f);
	API(LOAD)
	return 0;
}

/* ---- reading ---- */

struct archive_decoder {
	struct decoder base;
	struct archive *a;
	bool is_open, is_empty;
	struct err feed_err;
};

static la_ssize_t feed(struct archive *a, void *ctx, const void **p)
{
	struct archive_decoder *x = ctx;
	struct decoder *d = &x->base;
	const char *bytes = d->p;
	ssize_t n = (ssize_t)d->len;

	(void)a;
	d->len = 0;
	if (n == 0 && !d->is_feed_end)
		n = d->feed(d->ctx, true, &bytes, &x->feed_err);
	if (n == 0)
		d->is_feed_end = true;
	*p = bytes;
	return n < 0 ? ARCHIVE_FATAL : n;
}

static int fail(struct archive_decoder *x, struct err *err)
{
	const char *why = lib.archive_error_string(x->a);

	if (x->feed_err.code != ERR_NONE)
		*err = x->feed_err;
	else
		decoder_broken(&x->base, why ? why : "it is not what it says", err);
	return -1;
}

static int open_stream(struct archive_decoder *x, struct err *err)
{
	struct archive_entry *entry;

	if (lib.archive_read_open(x->a, x, NULL, feed, NULL) != ARCHIVE_OK)
		return fail(x, err);
	switch (lib.archive_read_next_header(x->a, &entry)) {
	case ARCHIVE_EOF: /* nothing was compressed */
		x->is_empty = true;
		/* fall through */
	case ARCHIVE_OK:
	case ARCHIVE_WARN:
		x->is_open = true;
		return 0;
	default:
		return fail(x, err);
	}
}

/*
 * libarchive asks for stored bytes when it likes and may block then. So that what was given before has left by that
 * time, one block is fetched ahead, and the caller is told to wait where there is none.
 */
static ssize_t decode(struct decoder *d, char *out, size_t size_bytes, struct err *err)
{
	struct archive_decoder *x = (struct archive_decoder *)d;
	int more = decoder_fill(d, err);
	la_ssize_t n;

	if (more < 0)
		return more;
	if (!x->is_open && open_stream(x, err) != 0)
		return -1;
	if (x->is_empty)
		return 0;
	n = lib.archive_read_data(x->a, out, size_bytes);
	return n < 0 ? fail(x, err) : n;
}

static void close_decoder(struct decoder *d)
{
	lib.archive_read_free(((struct archive_decoder *)d)->a);
	free(d);
}

struct decoder *archive_decoder(struct err *err)
{
	struct archive_decoder *x;

	if (load(err) != 0)
		return NULL;
	x = mem_alloc(1, sizeof *x);
	x->a = lib.archive_read_new();
	if (!x->a)
		mem_fail();
	lib.archive_read_support_filter_all(x->a);
	lib.archive_read_support_format_raw(x->a);
	lib.archive_read_support_format_empty(x->a);
	x->base.read = decode;
	x->base.close = close_decoder;
	return &x->base;
}

/* ---- writing ---- */

struct archive_encoder {
	struct encoder base;
	struct archive *a; /* NULL between members */
	bool has_member;
	struct err *err;
};

static la_ssize_t drain(struct archive *a, void *ctx, const void *p, size_t len)
{
	struct archive_encoder *x = ctx;

	(void)a;
	return x->base.drain(x->base.ctx, p, len, x->err) == 0 ? (la_ssize_t)len : ARCHIVE_FATAL;
}

static int fail_write(struct archive_encoder *x, struct err *err)
{
	const char *why = x->a ? lib.archive_error_string(x->a) : NULL;

	return err_set(err, ERR_IO, "cannot compress: %s", why ? why : "libarchive gave no reason");
}

static int add_filter(struct archive_encoder *x)
{
	switch (x->base.kind) {
	case COMPRESS_XZ:
		return lib.archive_write_add_filter_xz(x->a);
	case COMPRESS_LZ4:
		return lib.archive_write_add_filter_lz4(x->a);
	default:
		return lib.archive_write_add_filter_bzip2(x->a);
	}
}

static int begin_member(struct archive_encoder *x, struct err *err)
{
	struct archive_entry *entry = lib.archive_entry_new();
	int rc = ARCHIVE_FATAL;

	x->a = lib.archive_write_new();
	if (!x->a || !entry)
		mem_fail();
	lib.archive_entry_set_filetype(entry, AE_IFREG);
	lib.archive_write_set_bytes_per_block(x->a, IN_BYTES);
	lib.archive_write_set_bytes_in_last_block(x->a, 1);
	if (add_filter(x) >= ARCHIVE_WARN && lib.archive_write_set_format_raw(x->a) == ARCHIVE_OK &&
		lib.archive_write_open(x->a, x, NULL, drain, NULL) == ARCHIVE_OK)
		rc = lib.archive_write_header(x->a, entry);
	lib.archive_entry_free(entry);
	x->has_member = true;
	return rc == ARCHIVE_OK ? 0 : fail_write(x, err);
}

static int end_member(struct encoder *e, struct err *err)
{
	struct archive_encoder *x = (struct archive_encoder *)e;

	x->err = err;
	if (!x->a)
		return 0;
	if (lib.archive_write_close(x->a) != ARCHIVE_OK)
		return fail_write(x, err);
	lib.archive_write_free(x->a);
	x->a = NULL;
	return 0;
}

static int encode(struct encoder *e, const char *p, size_t len, struct err *err)
{
	struct archive_encoder *x = (struct archive_encoder *)e;

	x->err = err;
	if (!x->a && begin_member(x, err) != 0)
		return -1;
	while (len) {
		la_ssize_t n = lib.archive_write_data(x->a, p, len);

		if (n <= 0)
			return fail_write(x, err);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int encode_end(struct encoder *e, struct err *err)
{
	struct archive_encoder *x = (struct archive_encoder *)e;

	x->err = err;
	if (!x->has_member && begin_member(x, err) != 0)
		return -1;
	return end_member(e, err);
}

/* A member that was not finished is closed into nothing: archive_write_free() would drain its end. */
static int drop(void *ctx, const char *p, size_t len, struct err *err)
{
	(void)ctx, (void)p, (void)len, (void)err;
	return 0;
}

static void close_encoder(struct encoder *e)
{
	struct archive_encoder *x = (struct archive_encoder *)e;

	e->drain = drop;
	if (x->a)
		lib.archive_write_free(x->a);
	free(x);
}

struct encoder *archive_encoder(struct err *err)
{
	struct archive_encoder *x;

	if (load(err) != 0)
		return NULL;
	x = mem_alloc(1, sizeof *x);
	x->base.write = encode;
	x->base.flush = end_member;
	x->base.finish = encode_end;
	x->base.close = close_encoder;
	return &x->base;
}
