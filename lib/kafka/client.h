/* One client of librdkafka: its log, its errors, its start; private to lib/kafka. */
#ifndef TLM_KAFKA_CLIENT_H
#define TLM_KAFKA_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "err/err.h"
#include "kafka/kafka.h"
#include "kafka/rd.h"

enum {
	CLIENT_START_MS = 10000, /* until the first answer of a broker */
	CLIENT_ASK_MS = 10000    /* until the answer to a question */
};

struct client {
	rd_kafka_t *rk;
	const struct kafka_opts *opts;
	struct err refused; /* what a broker said no to, or a fatal error */
	char last[160];     /* the last thing that went wrong on the way to a broker */
	bool is_producer;
	bool is_down; /* no broker is connected, and that was told */
};

/* Takes conf. Returns 0, or -1 with ERR_PROGRAM (properties that do not fit together). */
int client_open(
	struct client *c, rd_kafka_type_t type, rd_kafka_conf_t *conf, const struct kafka_opts *o, struct err *err);

/*
 * A consumer of its own with the properties of another, but its own isolation.level, that has found a broker. Returns
 * 0, or -1 as client_open() and client_await(); c->rk, where there is one, is the caller's to destroy in any case.
 */
int client_open_beside(struct client *c, const struct client *consumer, const char *isolation, struct err *err);

/* Where a partition begins and ends now: as far as the client's isolation.level sees. Returns 0, or -1 with err. */
int client_bounds(struct client *c, const char *topic, int32_t partition, int64_t *low, int64_t *high, struct err *err);

/* Waits for a broker. Returns 0, or -1: ERR_REFUSED, ERR_UNREACHABLE, or (a signal) ERR_UNREACHABLE with the signal
 * set. */
int client_await(struct client *c, struct err *err);

/*
 * Metadata of one topic (NULL: of all), asked until the answer is there. The caller destroys it. NULL with err: as
 * client_await(), and ERR_REFUSED when the topic is unknown or not ours to see.
 */
const struct rd_kafka_metadata *client_topic(struct client *c, const char *topic, struct err *err);

/* The code of an error of librdkafka: ERR_REFUSED where another try will not help, else ERR_UNREACHABLE. */
enum err_code client_code(rd_kafka_resp_err_t code);

/* err with the text of the library's error in our form: no capital at the start. Returns -1. */
int client_fail(struct err *err, rd_kafka_resp_err_t code, const char *what);

/* Whether something was refused that no call told: then it is in *err. */
bool client_has_failed(struct client *c, struct err *err);

#endif
