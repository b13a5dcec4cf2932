/* Where the properties of a client come from; private to lib/kafka. */
#ifndef TLM_KAFKA_PROPS_H
#define TLM_KAFKA_PROPS_H

#include "err/err.h"
#include "kafka/address.h"
#include "kafka/kafka.h"
#include "kafka/rd.h"

/*
 * A configuration with our defaults, then, each winning over those before it: kcat's own file,
 * ~/.config/tlm/kafka.conf, TLM_KAFKA_CONFIG, TLM_BROKERS or KAFKA_BROKERS, -F, -b and -X, the parameters of the
 * addresses; at last what our promises need. Warns of secrets on the command line. NULL with err: ERR_PROGRAM for a
 * property, ERR_IO for a file.
 */
rd_kafka_conf_t *props_conf(
	const struct kafka_opts *o, const struct address *addresses, size_t n, bool is_sink, struct err *err);

#endif
