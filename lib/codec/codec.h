/*
 * codec: the raw lines of a segment become the bytes of an object; and back.
 *
 * An interface and its kinds: plain lines, zstd (one frame with a checksum, by libzstd) and gzip (one member, by zlib).
 * A column format would be one more kind. An codec is used for one object after the other and keeps its memory.
 * Output goes to a function of the caller, in pieces of at most CODEC_OUT_BYTES.
 *
 * Memory of zstd at level 3: 2 MiB for each codec until their sum reaches CODEC_FULL_BYTES, 0.25 MiB for those after
 * (a window of 16 KiB); gzip 0.3 MiB.
 * One thread per set, but that put() may be called in another thread, one at a time for a codec, with codec.out of its
 * own.
 */
#ifndef TLM_CODEC_H
#define TLM_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

enum codec_kind { CODEC_ZST, CODEC_GZ, CODEC_NONE };

enum {
	CODEC_OUT_BYTES = 128 << 10,
	CODEC_FULL_BYTES = 128 << 20, /* sum of full-size zstd codecs of a set */
	CODEC_LEVEL_ZST = 3,          /* defaults */
	CODEC_LEVEL_GZ = 6
};

/* Takes stored bytes; 0 or -1 with err. */
typedef int codec_write_fn(void *ctx, const void *p, size_t len, struct err *err);

/* What the codecs of one run share: kind, level, the output buffer and the memory in use. */
struct codec_set {
	enum codec_kind kind;
	int level;
	size_t full_bytes; /* in use by full-size codecs */
	char *out;         /* CODEC_OUT_BYTES */
};

/* level 0: the default of the kind. Returns 0, or -1 with ERR_USAGE: zstd 1 to 19, gzip 1 to 9, none has no level. */
int codec_set_init(struct codec_set *set, enum codec_kind kind, int level, struct err *err);
void codec_set_release(struct codec_set *set);

/* ".ndjson.zst" ".ndjson.gz" ".ndjson" */
const char *codec_suffix(enum codec_kind kind);

/* What HTTP calls it: "application/zstd" "application/gzip" "application/x-ndjson" */
const char *codec_content_type(enum codec_kind kind);

/* The kind whose suffix the name has; false when it has none of them. */
bool codec_kind_of(const char *name, enum codec_kind *kind);

enum codec_op {
	CODEC_ADD,   /* may keep bytes inside */
	CODEC_FLUSH, /* all bytes so far can be read back from what was written */
	CODEC_FINISH /* ends the object; the codec is then ready for the next */
};

struct codec;

struct codec_ops {
	/* Takes raw bytes and does the operation. */
	int (*put)(struct codec *c, const char *p, size_t len, enum codec_op op, codec_write_fn *write, void *ctx,
		struct err *err);
	/* Forgets a half-made object. */
	void (*reset)(struct codec *c);
	void (*close)(struct codec *c);
};

/* First member of every kind. */
struct codec {
	const struct codec_ops *ops;
	struct codec_set *set;
	char *out; /* CODEC_OUT_BYTES for put(): those of the set, or of the thread that calls it */
};

/* The set is borrowed and must outlive the codec. Never NULL. */
struct codec *codec_open(struct codec_set *set);
void codec_close(struct codec *c); /* does nothing for NULL */

static inline void codec_reset(struct codec *c)
{
	c->ops->reset(c);
}

/* The kinds, for codec_open(). */
struct codec *codec_open_zst(struct codec_set *set);
struct codec *codec_open_gz(struct codec_set *set);
struct codec *codec_open_none(struct codec_set *set);

/*
 * Reads stored bytes back as far as they go: a file that a crash cut off gives all raw bytes that were flushed. Raw
 * bytes go to `raw` piece by piece, stored bytes as they are read to `stored` (may be NULL). *is_whole says that the
 * object ended as it should. Returns 0 (also where the bytes break off), or -1: reading failed, or a function did.
 */
int codec_read_back(enum codec_kind kind, int fd, const char *path, codec_write_fn *raw, codec_write_fn *stored,
	void *ctx, bool *is_whole, struct err *err);

#endif
