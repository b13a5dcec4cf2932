/* The parts of the source that reads topics; private to lib/kafka. */
#ifndef TLM_KAFKA_READER_H
#define TLM_KAFKA_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "buf/buf.h"
#include "kafka/address.h"
#include "kafka/client.h"
#include "kafka/kafka.h"

enum {
	MESSAGES_MAX = 4096, /* taken from the library at once */
	EXTRA_MAX = 256      /* while the output is blocked */
};

/* One partition that is, or was, read. Its ordinal is its input. */
struct part {
	char *topic; /* owned */
	int32_t id;
	char *name; /* owned: "kafka:trips[3]" */
	const struct address *address;
	rd_kafka_topic_t *handle;            /* without a group */
	int64_t start;                       /* an offset, or RD_KAFKA_OFFSET_* */
	int64_t end;                         /* exclusive, -1: none */
	int64_t next;                        /* behind the last message that was given, -1: none was */
	int64_t seen_end;                    /* the end of the partition when it was last reached, -1: never */
	int64_t committed;                   /* by us, -1: nothing */
	int64_t asked;                       /* what the commit on its way would make of it */
	struct buf metadata, asked_metadata; /* of those two, where somebody keeps state */
	bool is_assigned;
	bool is_done;      /* its range has ended */
	bool is_caught_up; /* its end was seen, and nothing came since */
	bool is_paused;
	bool is_to_rewind; /* still ours, but its output was given up: it is as not assigned until reader_rewind() */
	bool has_end_news, has_caught_up_news; /* BATCH_INPUT_END, BATCH_CAUGHT_UP are due */
};

struct reader {
	struct source base;
	struct client client;
	const struct kafka_opts *opts;
	struct kafka_opts opts_own;
	struct address *addresses;
	size_t n_addresses;
	uint64_t *left; /* by address, for limit= */
	char *group;    /* NULL: none */
	bool is_envelope, is_until_end;
	struct part *parts;
	size_t n_parts, cap_parts;
	size_t last; /* the part of the last message: the next is likely its neighbour */
	rd_kafka_queue_t *queue;
	int event_fd; /* readable when the queue has something */

	rd_kafka_message_t *messages[MESSAGES_MAX]; /* those from at on are still to be given */
	size_t n_messages, at, held;                /* before held: given and destroyed */
	rd_kafka_message_t *extra[EXTRA_MAX];       /* came while the output was blocked */
	size_t n_extra;
	struct buf records; /* struct batch_record of the batch at hand */
	struct buf origins;

	bool has_failed, has_told;
	struct err failure;
	char place[BATCH_PLACE_BYTES]; /* of the failure */
	char topic_place[BATCH_PLACE_BYTES];
	int64_t discover_every_us;
	int64_t discover_us; /* when to look for new partitions; -1: never */

	/* a group */
	const struct kafka_keeper *keeper;          /* NULL: what was given is committed */
	struct exact *exact;                        /* NULL: at least once */
	rd_kafka_consumer_group_metadata_t *member; /* of the assignment at hand; NULL: none */
	rd_kafka_queue_t *commits;
	bool is_commit_pending, was_assigned, is_blocked, is_closing;
	bool has_to_rewind; /* some part is_to_rewind */
	int64_t heartbeat_us, session_us;
	rd_kafka_topic_partition_list_t *ends; /* where all partitions ended at the start: those that are to end */
	int64_t trusted_us;                    /* from then on all that others hold is held by members that live */
	int64_t ask_others_us;                 /* when to look at it next */
	int64_t commit_at_us;                  /* -1: nothing to commit */
	int (*deliver)(void *ctx, struct err *err);
	void *deliver_ctx;
};

/* parts.c */
struct part *reader_part(struct reader *r, const char *topic, int32_t id);       /* made where there is none */
struct part *reader_find(const struct reader *r, const char *topic, int32_t id); /* or NULL */
/* Whether the address names this topic, or an expression of it does. */
bool reader_has_topic(const struct address *a, const char *topic);
const struct address *reader_address(const struct reader *r, const char *topic, int32_t id); /* that has it, or NULL */
int reader_resolve(struct reader *r, struct part *p, struct err *err); /* start and end become known */
int reader_list(struct reader *r, bool is_again, struct err *err);     /* all partitions of the addresses */
int reader_start(struct reader *r, struct part *p, struct err *err);
int reader_at(struct reader *r, const char *topic, struct err *err); /* err_at() with "kafka:TOPIC"; returns -1 */
void reader_pause(struct reader *r, struct part *p);
int64_t reader_lag(const struct reader *r);

/*
 * Before ends are asked for: waits until the transactions that are open now, in what is read up to an end, are decided,
 * and notes in r->ends where that is. A signal ends the wait. Returns 0, or -1 with err.
 */
int reader_settle(struct reader *r, struct err *err);

/*
 * Offsets of a list become where its partitions end now, with all that is open; 0 where nothing is held. Returns 0, or
 * -1 with err.
 */
int reader_ask_ends(struct reader *r, rd_kafka_topic_partition_list_t *list, struct err *err);

/*
 * group.c: commits. What the group has committed of a list is asked again until end_us where brokers are out of reach
 * or a transaction that is open must be decided first. COMMIT_HANDING_OVER may give output up: the parcel stands then.
 */
enum commit_when { COMMIT_BETWEEN, COMMIT_AT_END, COMMIT_HANDING_OVER };
int reader_commit_exactly(struct reader *r, enum commit_when when, struct err *err);
bool reader_is_cooperative(const struct reader *r);
int reader_ask_committed(struct reader *r, rd_kafka_topic_partition_list_t *list, int64_t end_us, struct err *err);
bool reader_is_at(const rd_kafka_topic_partition_t *found, int64_t offset, const struct buf *metadata);
int reader_commit(struct reader *r, bool is_final, struct err *err);

/*
 * others.c: whether what other members of the group hold is no reason to wait: it has been read to its end, or is read
 * by members that live. True without a group. To be asked again and again.
 */
bool reader_can_leave(struct reader *r);

/* assign.c */
int reader_subscribe(struct reader *r, struct err *err);
void reader_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *list, void *opaque);
void reader_keep_alive(struct source *s);

/* After callbacks, before a message is given: partitions whose output was given up are read again. It may fail. */
void reader_rewind(struct reader *r);

/* batches.c */
enum source_result reader_batch(struct reader *r, struct batch *b, struct err *err); /* as source_next() */
void reader_give_back(struct reader *r);                    /* what was given is not borrowed any more */
void reader_drop(struct reader *r, const struct part *p);   /* what was not given of it: it is read again */
void reader_fail(struct reader *r, const struct err *what); /* the source ends with this error */

#endif
