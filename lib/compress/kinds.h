/* What each kind of stream implements; private to lib/compress. */
#ifndef TLM_COMPRESS_KINDS_H
#define TLM_COMPRESS_KINDS_H

#include "compress/compress.h"

/* First member of every kind of decoder. */
struct decoder {
	ssize_t (*read)(struct decoder *d, char *out, size_t size_bytes, struct err *err);
	void (*close)(struct decoder *d);
	decoder_feed *feed;
	void *ctx;
	enum compress_kind kind;
	const char *p; /* stored bytes that were not used yet */
	size_t len;
	bool is_feed_end;
};

/* First member of every kind of encoder. */
struct encoder {
	int (*write)(struct encoder *e, const char *p, size_t len, struct err *err);
	int (*flush)(struct encoder *e, struct err *err);
	int (*finish)(struct encoder *e, struct err *err);
	void (*close)(struct encoder *e);
	encoder_drain *drain;
	void *ctx;
	enum compress_kind kind;
	bool is_dirty; /* something was written since the last flush */
};

struct decoder *gzip_decoder(struct err *err);
struct decoder *zstd_decoder(struct err *err);
struct decoder *archive_decoder(struct err *err);

struct encoder *gzip_encoder(int level, struct err *err);
struct encoder *zstd_encoder(int level, struct err *err);
struct encoder *archive_encoder(struct err *err);

/* Makes p, len non-empty: 1, or 0 at the end, -1, COMPRESS_WAIT. */
int decoder_fill(struct decoder *d, struct err *err);

int decoder_broken(const struct decoder *d, const char *why, struct err *err);

#endif
