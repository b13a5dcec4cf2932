/*
 * compress: streams of gz, zst, xz, lz4 and bz2, read and written in constant memory.
 *
 * One library each: zlib, libzstd, liblzma, liblz4, libbz2 (README.md says why not one for all). A live stream passes
 * as soon as its writer flushes, and every byte before a fault is given. Concatenated members and
 * frames are one stream. Memory: open/close. One thread per object.
 */
#ifndef TLM_COMPRESS_H
#define TLM_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err/err.h"

enum compress_kind { COMPRESS_NONE, COMPRESS_GZ, COMPRESS_ZST, COMPRESS_XZ, COMPRESS_LZ4, COMPRESS_BZ2 };

enum { COMPRESS_MAGIC_BYTES = 10, COMPRESS_WAIT = -2 };

/*
 * What a stream is by its first bytes: 1 with *kind, or 0 while they may still become the magic bytes of one (ask again
 * with more; at the end of the stream it is COMPRESS_NONE). COMPRESS_MAGIC_BYTES are always enough.
 */
int compress_detect(const char *p, size_t len, enum compress_kind *kind);

/* By the suffix of a name: ".gz" ".zst" ".xz" ".lz4" ".bz2", else COMPRESS_NONE. */
enum compress_kind compress_by_suffix(const char *name);

/* "gzip", "zstd", "xz", "lz4", "bzip2", for messages; "plain". */
const char *compress_name(enum compress_kind kind);

/* ---- reading ---- */

/* Gives the next stored bytes: their count and *p (borrowed until the next call), 0 at the end, -1 with err, or
 * COMPRESS_WAIT when there are none now. */
typedef ssize_t decoder_feed(void *ctx, const char **p, struct err *err);

struct decoder;

/* kind is not COMPRESS_NONE. feed and ctx are borrowed. */
struct decoder *decoder_open(enum compress_kind kind, decoder_feed *feed, void *ctx);

/*
 * Plain bytes into out: their count, 0 at the end of the last member, COMPRESS_WAIT, or -1 with ERR_IO: "broken zstd
 * data: it ends too soon" (truncated), "... Data corruption detected", "... there is something else behind the last
 * member". The fault is told after all bytes before it were given. A checksum stands behind what it covers (a block, or
 * all): bytes that were changed may have been given before they are found out, never as a good end.
 */
ssize_t decoder_read(struct decoder *d, char *out, size_t size_bytes, struct err *err);
void decoder_close(struct decoder *d);

/* ---- writing ---- */

/* Takes stored bytes; 0, or -1 with err. */
typedef int encoder_drain(void *ctx, const char *p, size_t len, struct err *err);

struct encoder;

/* level 0: the default of the kind (zst 3). drain and ctx are borrowed. */
struct encoder *encoder_open(enum compress_kind kind, int level, encoder_drain *drain, void *ctx);
int encoder_write(struct encoder *e, const char *p, size_t len, struct err *err);

/* A reader of what was drained can decode everything written so far (bz2: by ending the member). Does nothing when
 * nothing was written since the last. */
int encoder_flush(struct encoder *e, struct err *err);

/* Ends the stream; an empty one is a valid empty member. Only encoder_close() may follow. */
int encoder_finish(struct encoder *e, struct err *err);
void encoder_close(struct encoder *e);

#endif
