/* Where the properties of a client come from; private to lib/kafka. */
#ifndef TLM_KAFKA_PROPS_H
#define TLM_KAFKA_PROPS_H

#include "err/err.h"
#include "kafka/address.h"
#include "kafka/kafka.h"
#include "kafka/rd.h"

/* What brokers keep for themselves: as in Java's consumer, no regular expression of a place means these. */
#define PROPS_OWN_TOPICS "^__(consumer_offsets|transaction_state|share_group_state)$"

enum props_kind { PROPS_SOURCE, PROPS_SINK, PROPS_EXACT /* a producer of transactions */ };

/*
 * A configuration with our defaults, then, each winning over those before it: kcat's own file,
 * ~/.config/tlm/kafka.conf, TLM_KAFKA_CONFIG, TLM_BROKERS or KAFKA_BROKERS, -F, -b and -X, the parameters of the
 * addresses; at last what our promises need. Warns of secrets on the command line. NULL with err: ERR_PROGRAM for a
 * property, ERR_IO for a file.
 */
rd_kafka_conf_t *props_conf(
	const struct kafka_opts *o, const struct address *addresses, size_t n, enum props_kind kind, struct err *err);

/* One more, behind all. Returns 0, or -1 with ERR_PROGRAM. */
int props_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err);

#endif
