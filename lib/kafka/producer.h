/* The parts of the sink that writes a topic; private to lib/kafka. */
#ifndef TLM_KAFKA_PRODUCER_H
#define TLM_KAFKA_PRODUCER_H

#include <stdbool.h>
#include <stdint.h>

#include "batch/batch.h"
#include "buf/buf.h"
#include "json/json.h"
#include "kafka/address.h"
#include "kafka/kafka.h"
#include "kafka/rd.h"
#include "timefield/timefield.h"

/* One message to be sent; all of it borrowed until it was handed to the library, but headers. */
struct outgoing {
	struct slice key;   /* p NULL: none */
	struct slice value; /* p NULL: a tombstone */
	int64_t time_ms;    /* 0: now */
	int32_t partition;
	rd_kafka_headers_t *headers; /* NULL: none; owned until it was handed over */
};

/* What a line holds besides its value: which paths are asked for, and how. */
struct fields {
	struct json_scan *scan; /* NULL: nothing of the line is asked */
	struct json_paths *paths;
	size_t *key; /* n_key slots */
	size_t n_key;
	bool has_time, has_headers;
	size_t headers;
	size_t time[3];
	struct timefield formats[3]; /* of ts=, or of window_start, window_end, session_end */
	bool has_row_time;
	bool is_envelope;
	size_t envelope[8]; /* slots, see fields.c */
	struct buf tmp, key_text, value_text;
};

/* Returns 0, or -1 with ERR_USAGE: a path or a time format of the place is wrong. */
int fields_open(
	struct fields *f, const struct address *a, bool is_envelope, const struct kafka_row *row, struct err *err);
void fields_close(struct fields *f);

/*
 * Fills what the line says, over what *m holds already (a key or time that the line lacks stays). Returns 0, or -1 with
 * ERR_DATA: with -J a line that is no envelope.
 */
int fields_take(struct fields *f, const struct json_record *line, struct outgoing *m, struct err *err);

#endif
