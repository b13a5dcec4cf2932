/*
 * batch: about 256 KiB of whole lines in one buffer, and where they came from.
 *
 * It is the unit of reading, of work, of order and of commit. The caller of source_next() owns the batch and
 * may keep it; the source fills it. After the lines stand JSON_PAD_BYTES readable bytes.
 *
 * Lines of a topic have records beside them, one for each: where the message stood and what else it held. They borrow
 * from the source until its next call. A stage that makes lines of such a batch says of each which line it came from
 * (origins), so that a sink can keep key, time and headers.
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
	BATCH_LINES,     /* whole lines, the last byte is '\n' */
	BATCH_TOO_LONG,  /* the head of one line above the limit (cut to 256 bytes, no '\n'); long_bytes is its full
			    length */
	BATCH_INPUT_END, /* no bytes: the input `input` has ended (or failed); others may follow */
	BATCH_CAUGHT_UP  /* no bytes: all that the input `input` holds now was given; more may come */
};

#define BATCH_NO_TIME INT64_MIN

/* One message of a topic. */
struct batch_record {
	int64_t offset;
	int64_t time_us;  /* of the message, BATCH_NO_TIME for none */
	struct slice key; /* p NULL: no key */
	struct slice
		value; /* the bytes as they came, without the changes that made a line of them; p NULL: a tombstone */
	const void *message; /* of the module that gave it: headers are there */
};

struct batch {
	const char *p; /* len bytes; points into own, or into memory of the source that lives until source_close() */
	size_t len;
	struct buf own;
	enum batch_kind kind;
	const char *name;    /* of the input, for messages: "day.ndjson", "-"; lives as long as the source */
	uint32_t input;      /* ordinal of the input, from 0 */
	bool is_unended;     /* BATCH_LINES of a file: the input has no '\n' behind the last of them */
	uint64_t first_line; /* line number of the first line, from 1 */
	uint64_t long_bytes; /* BATCH_TOO_LONG */

	const struct batch_record *records; /* of each line, by its index in the batch as read; NULL: no topic */
	size_t n_records;
	const char *topic;
	int32_t partition;
	struct buf *origins; /* NULL, or where a stage appends a uint32_t for each line it makes: the index of its line.
				Empty in a batch as read: its lines are their own */
};

/* The record of the line with this index in b->p, or NULL: no topic, or a line of no one record. */
static inline const struct batch_record *batch_record(const struct batch *b, size_t line)
{
	if (!b->records)
		return NULL;
	if (b->origins && b->origins->len) {
		uint32_t index;

		memcpy(&index, b->origins->p + line * sizeof index, sizeof index);
		return &b->records[index];
	}
	return &b->records[line];
}

/* A stage appended n lines that came from the line with this index of in. */
static inline void batch_note(const struct batch *in, uint64_t line, size_t n)
{
	uint32_t index = (uint32_t)line;

	for (; in->origins && n; n--)
		buf_add(in->origins, &index, sizeof index);
}

enum { BATCH_PLACE_BYTES = 320 };

/*
 * Where the line numbered `line` (from first_line on) stands, for messages: the name of the input with *shown the line,
 * or "kafka:trips[3]@1042", written to place, with *shown 0. Returns the name.
 */
const char *batch_place(const struct batch *b, uint64_t line, char place[BATCH_PLACE_BYTES], uint64_t *shown);

void batch_init(struct batch *b);
void batch_release(struct batch *b);

/* Moves the bytes and what is known of them into *to, an initialised batch, whose own buffer b gets in exchange. */
void batch_take(struct batch *b, struct batch *to);

#endif
