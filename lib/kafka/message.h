/* Messages as lines; private to lib/kafka. */
#ifndef TLM_KAFKA_MESSAGE_H
#define TLM_KAFKA_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "batch/batch.h"
#include "buf/buf.h"
#include "kafka/rd.h"

/* Appends the value as a line: see kafka_source(). */
void message_add_line(struct buf *out, const char *p, size_t len);

/* Appends the envelope of a message as a line. depth_max: of a value that is JSON. */
void message_add_envelope(struct buf *out, const rd_kafka_message_t *m, const char *topic);

/* The time of a message in microseconds, BATCH_NO_TIME for none. */
int64_t message_time(const rd_kafka_message_t *m);

#endif
