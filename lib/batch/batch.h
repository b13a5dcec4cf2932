/*
 * batch: about 256 KiB of whole lines in one buffer, and where they came from.
 *
 * It is the unit of reading, of work, of order and of commit. The caller of source_next() owns the batch and
 * may keep it; the source fills it. After the lines stand JSON_PAD_BYTES readable bytes.
 */
#ifndef TLM_BATCH_H
#define TLM_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "buf/buf.h"

enum {
	BATCH_BYTES = 256 << 10,            /* what a source aims at; one longer line makes a longer batch */
	BATCH_LINE_DEFAULT_BYTES = 1 << 20, /* default of --max-line */
	BATCH_LINE_MAX_BYTES = 64 << 20     /* hard maximum of --max-line */
};

enum batch_kind {
	BATCH_LINES,    /* whole lines, the last byte is '\n' */
	BATCH_TOO_LONG, /* the head of one line above the limit (cut to 256 bytes, no '\n'); long_bytes is its full
			   length */
	BATCH_INPUT_END /* no bytes: the input `input` has ended (or failed); others may follow */
};

struct batch {
	const char *p; /* len bytes; points into own, or into memory of the source that lives until source_close() */
	size_t len;
	struct buf own;
	enum batch_kind kind;
	const char *name;    /* of the input, for messages: "day.ndjson", "-"; lives as long as the source */
	uint32_t input;      /* ordinal of the input, from 0 */
	uint64_t first_line; /* line number of the first line, from 1 */
	uint64_t long_bytes; /* BATCH_TOO_LONG */
};

void batch_init(struct batch *b);
void batch_release(struct batch *b);

#endif
