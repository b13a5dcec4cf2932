/*
 * kafka: topics as sources and sinks.
 *
 * A place is "kafka:TOPIC[,TOPIC...][?NAME=VALUE&...]", "kafka:^REGEX" or "kafka://HOST[:PORT][,...]/TOPIC...": tlm(7)
 * is its page. librdkafka is loaded with the first place that is opened, so tools that read pipes start no slower and
 * have no thread of it. Only this module includes its header.
 *
 * Everything is called from one thread; the callbacks of the library run there too.
 */
#ifndef TLM_KAFKA_H
#define TLM_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"
#include "fieldpath/fieldpath.h"
#include "opt/opt.h"
#include "sink/sink.h"
#include "source/source.h"

/* What the command line says of Kafka; all of it borrowed. */
struct kafka_opts {
	const char *tool;           /* client.id, and for messages */
	const char *brokers;        /* -b, NULL for none */
	struct opt_list properties; /* -X NAME=VALUE */
	const char *file;           /* -F */
	bool is_envelope;           /* -J */
	const char *group;          /* -G */
	const char *instance;       /* --instance */
	bool is_until_end;          /* --until-end */
	int64_t commit_us;          /* --commit-interval */
	int64_t stop_timeout_us;    /* how long the end may wait for a broker after a signal */
	int verbose;                /* log lines of the library from 1 on */
	uint64_t line_max_bytes;
	void (*warn)(void *ctx, const char *text);
	void *warn_ctx;
};

/* Whether the text is a place of Kafka, well formed or not. */
bool kafka_is_place(const char *text);

/*
 * Whether the place is well formed; nothing is opened. Returns 0, or -1 with ERR_USAGE: "kafka:" , "kafka://fleet" (two
 * right spellings), "kafka:a b", "kafka:t?offset=x", for a sink "kafka:a,b" and "kafka:t?offset=1".
 */
int kafka_check(const char *text, bool is_sink, struct err *err);

/*
 * Opens a consumer of all these places, which must name one cluster. Returns NULL with err: ERR_USAGE for a bad place,
 * ERR_PROGRAM for a bad property ("unknown property 'fetch.mn.bytes'"), ERR_REFUSED (unknown topic, wrong password, no
 * permission), ERR_UNREACHABLE when no broker answers.
 *
 * Each batch is of one partition: its input is the partition's ordinal, its name "kafka:TOPIC[PARTITION]", and
 * batch.records tells offset, time, key and headers of each line. A message's value is a line: line breaks between its
 * tokens become blanks, one inside a string a CR (which no JSON allows either); a tombstone is a blank line. With -J a
 * line is an envelope, always valid JSON.
 *
 * Without a group all partitions are read, and inputs() tells how many. With one, commit() commits what was given; a
 * partition is never given up before deliver() of source_on_revoke() was called.
 */
struct source *kafka_source(const struct kafka_opts *o, const char *const *names, size_t n_names, struct err *err);

/*
 * Who keeps state of partitions, and therefore says what is committed. All are called while the source is asked for
 * something; input is that of the batches of the partition.
 */
struct kafka_keeper {
	void *ctx;
	/* A partition of a group is ours now. committed: its offset, -1 for none, with its metadata; reading begins
	 * there. name lives as long as the source. 0, or -1 with err: the run ends. */
	int (*take)(void *ctx, uint32_t input, const char *name, int32_t partition, int64_t committed,
		struct slice metadata, struct err *err);
	/* It is ours no longer: what is kept of it is void. */
	void (*forget)(void *ctx, uint32_t input);
	/* No batch holds records of both sides of this offset; INT64_MAX: none is near. Below it records were judged
	 * before: one that is too long is passed over. */
	int64_t (*bound)(void *ctx, uint32_t input, int64_t offset);
	/* What to commit. False: nothing. */
	bool (*position)(void *ctx, uint32_t input, int64_t *offset, struct buf *metadata);
	/* What position() last said of it is committed. May be NULL. */
	void (*committed)(void *ctx, uint32_t input);
	/* All of ours has been read, and the end of the run waits for what others hold, who may wait for ours: what
	 * holds offsets back for a better moment shall let go. May be NULL. */
	void (*read_all)(void *ctx);
	/* The next offset to read after what is committed, which another member may have done. NULL: that offset. */
	int64_t (*read_up_to)(int64_t offset, struct slice metadata);
	const char *gone; /* what to say when the topic does not hold the committed offset; NULL: the usual words */
};

/* Before the first batch; borrowed. */
void kafka_source_keep(struct source *s, const struct kafka_keeper *keeper);

/* Whether these places are read without end: no range, no --until-end. Or in a group, which leaves the end open. */
bool kafka_is_endless(const struct kafka_opts *o, const char *const *names, size_t n_names);
bool kafka_has_group(const struct kafka_opts *o, const char *const *names, size_t n_names);

/* Whether these places name several topics, or may: by a regular expression. */
bool kafka_has_topics(const char *const *names, size_t n_names);

/* Whether a place of this source names the topic, or an expression of one does. */
bool kafka_reads(const struct source *s, const char *topic);

/* Whether this source reads what is written to that place, so that neither comes to an end. */
bool kafka_feeds(const struct source *s, const char *sink);

/* What a sink takes from a line where the place does not say it; such lines are rows, and no envelopes. */
struct kafka_row {
	const struct fieldpath *key; /* n_key paths: one gives its value, several a compact array; 0: no key */
	size_t n_key;
	bool is_keyed;     /* where that gives no key, "null" or "[]" is it: all rows of a group are in one partition */
	bool has_row_time; /* rows of tlm-agg: the message time is window_end - 1 ms, or session_end */
	const char *time_unit; /* of these fields: "s", "ms", "us", or NULL for times as text */
};

/*
 * Opens an idempotent producer. A line is the value of a message. Key, time and headers: key= ts= headers= of the
 * place; else *row (NULL for none); else those of the message that the line came from (batch.records); else none. With
 * -J a line is an envelope, or what kcat -J prints. Errors as for kafka_source(), and later from write(), flush(),
 * sync(), tick(): ERR_REFUSED (too large, no permission), ERR_UNREACHABLE when a message was not acknowledged within
 * message.timeout.ms.
 */
struct sink *kafka_sink(const struct kafka_opts *o, const char *name, const struct kafka_row *row, struct err *err);

/*
 * Exactly once: a sink whose messages wait until commit() of the source, which sends them in one transaction with the
 * offsets of what they were made of. source is a group's, of the same cluster; several sinks share its transactions.
 * The transactional.id is tlm.GROUP.INSTANCE, the instance random where there is none. Errors as for kafka_sink(), and
 * from commit(): ERR_REFUSED when a member of the same --instance has taken over. Partitions that are lost take with
 * them what waits.
 */
struct sink *kafka_exact_sink(struct source *source, const struct kafka_opts *o, const char *name,
	const struct kafka_row *row, struct err *err);

/*
 * Exactly once into something that is no topic: the offsets of a group and their metadata are committed in transactions
 * of their own. Only those check who commits: a member that the group took for dead, and that has forgotten its name
 * meanwhile, could otherwise still commit into a group that is empty. 0, or -1 with err as kafka_exact_sink().
 */
int kafka_exact_offsets(struct source *source, const struct kafka_opts *o, struct err *err);

/*
 * A compacted topic that keeps what the keeper of a group keeps, by key: it is written in the transactions of the
 * source and read back when a partition is taken. Opened before the first batch; source is a group's. NULL with err: as
 * kafka_exact_sink(), and ERR_REFUSED for a topic that is not compacted.
 */
struct kafka_table;
struct kafka_table *kafka_table_open(struct source *source, const char *topic, struct err *err);
void kafka_table_close(struct kafka_table *t); /* before the source; does nothing for NULL */
int32_t kafka_table_partitions(const struct kafka_table *t);
const char *kafka_table_group(const struct kafka_table *t); /* the name of the group */

/* The next commit of the source writes it; value.p NULL: the key has gone. From keeper's calls. */
void kafka_table_put(struct kafka_table *t, int32_t partition, struct slice key, struct slice value);

/*
 * Gives take() each message of a partition that is committed, in order; value.p NULL: the key has gone. Ends when
 * take() says that this was the last (1) or at the end of the partition (0); is_awaited: one that is the last will
 * come, and transactions that are not decided are waited for. -1 with err.
 */
int kafka_table_read(struct kafka_table *t, int32_t partition, bool is_awaited,
	bool (*take)(void *ctx, struct slice key, struct slice value), void *ctx, struct err *err);

/* Whether the topic of a sink is in the cluster of the source: brokers of both are asked. 0, or -1 with err. */
int kafka_is_same_cluster(
	struct source *source, const struct kafka_opts *o, const char *name, bool *is_same, struct err *err);

/*
 * How far a consumer group is behind the end of the topic of a sink. A thread asks, every second; where somebody waits
 * for the answer, ten times a second.
 */
struct kafka_lag;

/* The first answer is there when it returns. NULL with err: as kafka_sink(). All is borrowed. */
struct kafka_lag *kafka_lag_open(const struct kafka_opts *o, const char *name, const char *group, struct err *err);

/*
 * The last answer, brought up to date: sent is how many records were handed to the sink since the opening, those that
 * the answer did not know are added. Where the group has committed nothing everything is behind. 0, or -1 with err:
 * ERR_REFUSED, or ERR_UNREACHABLE when no broker answered for five minutes.
 */
int kafka_lag_behind(struct kafka_lag *l, uint64_t sent, uint64_t *behind, struct err *err);

/* Somebody waits: the descriptor returned becomes readable with the next answer. */
int kafka_lag_hurry(struct kafka_lag *l);

void kafka_lag_close(struct kafka_lag *l); /* does nothing for NULL */

#endif
