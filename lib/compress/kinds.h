/*
 * What each kind of stream implements: one step of its library, both ways; the loops are in compress.c. Private to
 * lib/compress.
 */
#ifndef TLM_COMPRESS_KINDS_H
#define TLM_COMPRESS_KINDS_H

#include "compress/compress.h"

enum step { STEP_ON, STEP_END, STEP_FAULT };

struct decoder_ops {
	/* Begins a member: the first, or one behind another. */
	void (*begin)(struct decoder *d);
	/* Moves d->p, d->len and d->out, d->room. STEP_END: the member has ended; STEP_FAULT: d->fault says why. */
	enum step (*step)(struct decoder *d);
	void (*close)(struct decoder *d);
};

/* First member of every kind of decoder. */
struct decoder {
	const struct decoder_ops *ops;
	enum compress_kind kind;
	decoder_feed *feed;
	void *ctx;
	const char *p; /* stored bytes that were not used yet */
	size_t len;
	char *out; /* where plain bytes go */
	size_t room;
	const char *fault; /* told after the bytes before it were given */
	bool is_feed_end;
	bool is_inside;  /* a member is open */
	bool has_member; /* one has ended */
	bool has_given;  /* the open one gave bytes */
	bool has_output; /* the room was filled: there may be more without new stored bytes */
};

enum action { ACTION_ADD, ACTION_FLUSH, ACTION_FINISH };

struct encoder_ops {
	/* Moves e->p, e->len and adds to e->out. STEP_END: the action is done; STEP_FAULT: e->fault says why. */
	enum step (*step)(struct encoder *e, enum action action);
	void (*close)(struct encoder *e);
};

enum { ENCODER_OUT_BYTES = 256 << 10 };

/* First member of every kind of encoder. */
struct encoder {
	const struct encoder_ops *ops;
	encoder_drain *drain;
	void *ctx;
	const char *p; /* plain bytes that were not used yet */
	size_t len;
	char out[ENCODER_OUT_BYTES];
	size_t made; /* bytes in out */
	const char *fault;
	bool is_dirty; /* something was written since the last flush */
};

struct decoder *gzip_decoder(void);
struct decoder *zstd_decoder(void);
struct decoder *xz_decoder(void);
struct decoder *lz4_decoder(void);
struct decoder *bzip2_decoder(void);

/* level 0: the default */
struct encoder *gzip_encoder(int level);
struct encoder *zstd_encoder(int level);
struct encoder *xz_encoder(int level);
struct encoder *lz4_encoder(int level);
struct encoder *bzip2_encoder(int level);

#endif
