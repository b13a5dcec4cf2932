/*
 * reader: one file or pipe as records: NDJSON as it comes, CSV and TSV made into it; checked, and timed where asked.
 *
 * Good records are handed out; bad ones go to the rejects and into the ledger here, as do blank lines. A record is
 * counted as read when its fate is known: by the caller when it is sent or left out, here when it is rejected.
 */
#ifndef REPLAY_READER_H
#define REPLAY_READER_H

#include "batch/batch.h"
#include "options.h"
#include "tool/tool.h"

enum reader_result {
	READ_STOP = -2,  /* rejects said stop: err says why, the run ends */
	READ_ERROR = -1, /* the input failed; READ_END is next */
	READ_END = 0,
	READ_RECORD = 1, /* reader_next(): a record; reader_text(): text */
	READ_WAIT = 2,   /* nothing yet */
	READ_AGAIN = 3   /* nothing yet, but there is more: ask again when signals and the meter had their turn */
};

/* Borrows from the input until the next call on it (or from the sort window that holds it). */
struct record {
	const char *p; /* len bytes, without line end */
	size_t len;
	int64_t time_us;            /* 0 where none is needed */
	uint32_t time_at, time_len; /* where the value of the time field stands in p */
	uint8_t time_type;          /* enum json_type */
	uint64_t line;
};

struct reader;

/* Opens nothing yet. is_repeat: a further loop over the same input: nothing is counted or rejected again. */
struct reader *reader_open(const struct replay_opts *o, struct tool *t, const char *name, uint32_t ordinal,
	bool is_repeat, struct err *err);
void reader_close(struct reader *in);

/* The next good record. */
enum reader_result reader_next(struct reader *in, struct record *r, struct err *err);

/*
 * The next good records as whole lines, *n of them, without looking at times: the bulk way, no call per record. All of
 * them count as read, unless this is a repeat. At most max records (0: no limit).
 */
enum reader_result reader_text(struct reader *in, struct slice *text, uint64_t *n, uint64_t max, struct err *err);

/* The input is not read any more: what was read of it goes on, then comes READ_END. */
void reader_end(struct reader *in);

const char *reader_name(const struct reader *in);
void reader_wait(struct reader *in, int64_t until_us);
void reader_progress(const struct reader *in, uint64_t *read_bytes, uint64_t *total_bytes);

#endif
