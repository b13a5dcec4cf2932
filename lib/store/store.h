/*
 * store: where sealed segments become objects, when that is not a directory beside the spool: an interface, and its
 * kind for S3, whose uploads run in threads of their own beside the reading.
 *
 * An object is handed over as a file that stays until its outcome was taken. Outcomes come in the order in which the
 * objects were begun.
 *
 * Memory: store_close() frees; objects belong to the caller. One thread calls.
 */
#ifndef TLM_STORE_H
#define TLM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf/buf.h"
#include "codec/codec.h"
#include "err/err.h"
#include "s3/s3.h"
#include "segment/segment.h"

/* What is to be stored; first member of what the caller keeps of it. */
struct store_object {
	const char *path; /* the file, whole and durable */
	const char *name; /* of the object, without a '/' at its begin */
	enum codec_kind kind;
	struct segment_sum sum; /* of the file; afterwards of what is stored */
	bool is_old;            /* afterwards: it was there already, with the same raw lines */
	/* private */
	struct store_object *next;
	bool is_done;
	int got;
	struct err err;
};

struct store;

struct store_ops {
	/* Begins to store it, without a wait. */
	void (*begin)(struct store *s, struct store_object *o);
	/* The outcome of the object that was begun first, if it is there within wait_us: 1 and *o: stored; 0: not yet,
	 * or none was begun; -1 with *o and err: not stored. */
	int (*take)(struct store *s, int64_t wait_us, struct store_object **o, struct err *err);
	/* Appends what is worth telling, a line each. */
	bool (*take_notes)(struct store *s, struct buf *out);
	/* Ends what runs; what was not taken is forgotten. */
	void (*close)(struct store *s);
};

struct store {
	const struct store_ops *ops;
};

void store_close(struct store *s); /* does nothing for NULL */

enum { STORE_UPLOADS_DEFAULT = 4, STORE_UPLOADS_MAX = 64 };

/* The bucket of s3 (borrowed), with up to n_uploads at once. NULL with ERR_IO: no libcurl. */
struct store *store_open_s3(struct s3 *s3, size_t n_uploads, struct err *err);

#endif
