/* The parts of the sink that writes a topic; private to lib/kafka. */
#ifndef TLM_KAFKA_PRODUCER_H
#define TLM_KAFKA_PRODUCER_H

#include <stdbool.h>
#include <stdint.h>

#include "batch/batch.h"
#include "buf/buf.h"
#include "json/json.h"
#include "kafka/address.h"
#include "kafka/client.h"
#include "kafka/kafka.h"
#include "kafka/rd.h"
#include "sink/sink.h"
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
	bool has_key;  /* messages get one from the line; .. */
	bool is_keyed; /* .. always */
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

/* ---- producer.c: on the way into the library ---- */

enum { PRODUCER_QUEUE_MAX = 1024, PRODUCER_POLL_MS = 50 };

struct producer {
	struct sink base;
	struct client client;
	struct kafka_opts opts;
	struct address address;
	const char *name;    /* the place */
	struct exact *exact; /* NULL: sent at once; else the messages go into its transactions, and client is unused */
	size_t exact_topic;  /* of those */
	rd_kafka_topic_t *topic;
	struct fields fields;
	int32_t partition;
	rd_kafka_message_t queue[PRODUCER_QUEUE_MAX]; /* n of them go to the library in one call */
	size_t n;
	struct buf keys; /* those that the queue borrows and no line holds */
	uint64_t sent, delivered, bytes_out;
	struct err failure;
	int64_t reports_us; /* when they were taken last */
	int64_t blocked_us; /* since when a wait goes on without on_blocked() */
};

/* The callback of the library: a message was delivered, or was not. */
void producer_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque);

/* Whether all is well: 0, or -1 with what failed first. */
int producer_check(struct producer *p, struct err *err);

/* Takes reports for so long; whoever wants to know that we are blocked is told every second. As producer_check(). */
int producer_wait(struct producer *p, int timeout_ms, struct err *err);

/* The queue of ours into that of the library; one that is full is waited for. */
int producer_send_queue(struct producer *p, struct err *err);

/* Into the queue. is_key_scratch: the key is gone before the queue is sent, and is copied. */
int producer_send_many(struct producer *p, struct outgoing *m, bool is_key_scratch, struct err *err);

/* With time, headers or a partition of its own. */
int producer_send_one(struct producer *p, struct outgoing *m, struct err *err);

#endif
