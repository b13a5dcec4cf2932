/*
 * sink: where batches go: an interface, and its kinds for stdout and files. One thread.
 */
#ifndef TLM_SINK_H
#define TLM_SINK_H

#include <stdbool.h>

#include "batch/batch.h"
#include "compress/compress.h"
#include "err/err.h"

struct sink;

struct sink_ops {
	/* Takes whole lines (b->p, b->len; name and first_line say where they came from). The bytes are used or copied
	 * before it returns. Returns 0, or -1 (an output that fails ends the run). */
	int (*write)(struct sink *k, const struct batch *b, struct err *err);
	/* Everything taken so far leaves the process. Called before a wait and at the end. */
	int (*flush)(struct sink *k, struct err *err);
	/* Optional: the next moment of the monotonic clock (µs) at which tick() wants to run, -1 for none. */
	int64_t (*deadline)(const struct sink *k);
	int (*tick)(struct sink *k, int64_t now_us, struct err *err);
	/* The end of the run. is_good: what was written shall stand (a file is renamed into place, a lake sealed);
	 * otherwise it is withdrawn (the file beside is removed, open segments stay in the spool). */
	int (*finish)(struct sink *k, bool is_good, struct err *err);
	void (*close)(struct sink *k);
	uint64_t (*bytes_out)(const struct sink *k);
	/* Optional (else what flush() did is enough): everything taken so far is safe, on disk or acknowledged. Called
	 * before a source is told that it may forget what it gave. */
	int (*sync)(struct sink *k, struct err *err);
};

/* First member of every kind of sink. */
struct sink {
	const struct sink_ops *ops;
	void (*on_blocked)(void *ctx); /* NULL, or called every second while write() waits for a reader or a broker */
	void *blocked_ctx;
	bool is_topic; /* lines become messages: it looks at batch_record(), and no mark belongs there */
};

void sink_close(struct sink *k); /* does nothing for NULL */

/*
 * "-" is stdout; else a file: written beside (NAME.tlm-XXXXXX) and renamed by finish(good), its mode 0666 less umask,
 * or the mode of the file it replaces; not a regular file (a fifo, /dev/null): written in place. Compressed by suffix
 * .gz .zst .xz .lz4 .bz2. finish(not good) on stdout and on what is written in place still writes what was taken. EPIPE
 * on stdout is ERR_PIPE, any other failure ERR_IO with the name. Returns NULL with err: "x/y: No such file or
 * directory", "is a directory".
 */
struct sink *sink_file(const char *name, struct err *err);

/* The same, compressed as said, whatever the suffix. */
struct sink *sink_file_as(const char *name, enum compress_kind kind, struct err *err);

/*
 * As sink_file(), for runs without an end: a regular file is opened under its own name and appended to, its last line
 * cut off first where a killed run left it without its '\n'; sync() brings it onto the disk. finish() withdraws
 * nothing. ERR_USAGE for a name with a suffix of compression: half a stream could not be continued.
 */
struct sink *sink_file_append(const char *name, struct err *err);

/* Convenience for rows that are made one at a time (late rows, rejects, manifest): writes p[len] as one batch. */
int sink_write_bytes(struct sink *k, struct slice lines, struct err *err);

#endif
