/* One input of source_files(): the stored bytes of a file or pipe, and the plain bytes in them; private to lib/source.
 */
#ifndef TLM_SOURCE_FILES_H
#define TLM_SOURCE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "compress/compress.h"
#include "err/err.h"

enum { INPUT_WAIT = COMPRESS_WAIT };

struct input {
	int fd; /* -1 when closed */
	bool is_regular;
	bool is_started; /* the first bytes were looked at */
	bool is_end;
	enum compress_kind named;        /* what its suffix says */
	char head[COMPRESS_MAGIC_BYTES]; /* read to look at, and given first */
	size_t head_len, head_used;
	struct decoder *decoder; /* NULL for plain input */
	char *stored;            /* buffer of the decoder */
	uint64_t read_bytes;     /* stored bytes of all inputs so far */
};

void input_init(struct input *in);

/* "-" is stdin. Returns 0, or -1 with err: "cannot open: ...", "is a directory". */
int input_open(struct input *in, const char *name, struct err *err);

/* Plain bytes into p: their count, 0 at the end, INPUT_WAIT when there are none now, -1 with err. */
ssize_t input_read(struct input *in, char *p, size_t size_bytes, struct err *err);

/* Waits until input_read() may have something, or stop_fd() is readable, or timeout_ms (-1: no limit). */
void input_wait(const struct input *in, int timeout_ms);

void input_close(struct input *in);

#endif
