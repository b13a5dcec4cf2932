/*
 * Transactions that hold output and offsets; private to lib/kafka.
 *
 * Messages wait in a parcel. It is sent in one transaction together with the offsets of what it was made of, and is
 * kept until that is committed: after an abort the same parcel is sent again. A transaction is open only meanwhile.
 *
 * Where the producer has lost its transaction (the cluster ended it for its age, the coordinator forgot it, nobody
 * knows what became of a commit) a new one of the same transactional.id takes its place: its start ends whatever the
 * old one left, and then the offsets of the group tell whether the parcel stands. It is sent again where it does not.
 */
#ifndef TLM_KAFKA_EXACT_H
#define TLM_KAFKA_EXACT_H

#include "kafka/client.h"
#include "kafka/producer.h"

struct reader;

enum exact_result {
	EXACT_FAILED = -1,
	EXACT_DONE,
	EXACT_OVERTAKEN /* the group has gone on without this member: nothing was committed, the parcel stands */
};

struct exact_topic {
	char *name;               /* owned */
	rd_kafka_topic_t *handle; /* of the producer at hand */
};

struct parcel_message {
	size_t topic;
	int32_t partition;
	int64_t time_ms;
	rd_kafka_headers_t *headers; /* owned */
	size_t key_at, key_len, value_at, value_len;
	bool has_key, has_value;
};

struct exact {
	struct client client;
	struct kafka_opts opts;
	struct reader *reader; /* NULL: it was closed */
	unsigned n_users;      /* the reader and the sinks */
	char *id;              /* transactional.id */
	rd_kafka_conf_t *conf; /* of each producer */
	struct exact_topic *topics;
	size_t n_topics;
	struct parcel_message *messages;
	size_t n, cap;
	size_t delivered;   /* of them, in the transaction at hand */
	bool is_committing; /* since the commit was asked for nobody but the cluster knows whether the parcel stands */
	bool is_lost;       /* the producer can do nothing any more */
	bool was_fenced;    /* because there is a younger one, or the cluster took it for dead */
	struct buf data;
	struct err refusal; /* why a broker did not take a message */
	const char *place;  /* of the first sink, for messages */
};

/* Joins the cluster with the properties of this address. Returns NULL with err. The reader owns it. */
struct exact *exact_open(struct reader *r, const struct kafka_opts *o, const struct address *a, struct err *err);
void exact_release(struct exact *x); /* by each of its users; NULL does nothing */

/* A topic to write to, one more user: its index. -1 with err: it is not there, or not ours. */
int exact_topic(struct exact *x, const char *name, int32_t partition, struct err *err);

/* Into the parcel; takes the headers. */
void exact_add(struct exact *x, size_t topic, struct outgoing *m);
void exact_drop(struct exact *x); /* what is in the parcel */

/*
 * Commits the parcel and the offsets (either may be empty) for that member of the group; the parcel is empty then.
 * Tries for so long where brokers are out of reach. With EXACT_FAILED and ERR_UNREACHABLE the parcel stands, and the
 * next call begins with a new producer.
 */
enum exact_result exact_commit(struct exact *x, const rd_kafka_topic_partition_list_t *offsets,
	const rd_kafka_consumer_group_metadata_t *member, int64_t wait_us, struct err *err);

/* ---- transaction.c ---- */

enum step {
	STEP_FAILED = -1,
	STEP_DONE,
	STEP_AGAIN,     /* it was aborted: from the beginning */
	STEP_OVERTAKEN, /* and somebody else has the partitions */
	STEP_LOST       /* is_lost: this producer is at its end, *err says why */
};

/* The parcel and the offsets in one transaction, once. */
enum step transaction_try(struct exact *x, const rd_kafka_topic_partition_list_t *offsets,
	const rd_kafka_consumer_group_metadata_t *member, int64_t end_us, struct err *err);

/*
 * group.c: whether the group holds what was to be committed: STEP_DONE, STEP_AGAIN where it does not, STEP_OVERTAKEN;
 * STEP_FAILED with err.
 */
enum step reader_outcome(
	struct reader *r, const rd_kafka_topic_partition_list_t *asked, int64_t end_us, struct err *err);

void transaction_refuse(struct err *err, rd_kafka_resp_err_t code); /* why a message was not taken, in words */

#endif
