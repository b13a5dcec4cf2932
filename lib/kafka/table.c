/*
 * A topic as a table. What is put goes into the parcel of the source's transactions. It is read by a consumer of its
 * own, which sees what is committed and is there only while a partition is read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/exact.h"
#include "kafka/reader.h"
#include "ledger/ledger.h"
#include "mem/mem.h"
#include "num/num.h"
#include "stop/stop.h"

enum {
	WAIT_MS = 100,
	MESSAGES = 1024,
	AWAIT_US = 60000000,  /* until transactions that were open have been decided, or brokers are back */
	GONE_MS_MIN = 3600000 /* a restart of a broker takes minutes */
};

struct kafka_table {
	struct reader *reader;
	struct exact *exact;
	char *topic;
	size_t exact_topic;
	int32_t n_partitions;
	char place[BATCH_PLACE_BYTES];
};

/* ---- writing ---- */

void kafka_table_put(struct kafka_table *t, int32_t partition, struct slice key, struct slice value)
{
	exact_add(t->exact, t->exact_topic, &(struct outgoing){.key = key, .value = value, .partition = partition});
}

/* ---- reading ---- */

struct scan {
	struct client client;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue;
	int32_t partition;
	int64_t end;   /* where it ended when it was last reached, -1: it was not */
	int64_t until; /* where it ended, with all that was open, when that was asked, -1: it was not */
};

static void close_scan(struct scan *s)
{
	if (s->topic) {
		rd.consume_stop(s->topic, s->partition);
		rd.topic_destroy(s->topic);
	}
	if (s->queue)
		rd.queue_destroy(s->queue);
	if (s->client.rk)
		rd.destroy(s->client.rk);
}

static int open_scan(struct kafka_table *t, struct scan *s, int32_t partition, struct err *err)
{
	*s = (struct scan){.partition = partition, .end = -1, .until = -1};
	if (client_open_beside(&s->client, &t->reader->client, "read_committed", err))
		return -1;
	s->queue = rd.queue_new(s->client.rk);
	s->topic = rd.topic_new(s->client.rk, t->topic, NULL);
	if (s->topic && rd.consume_start_queue(s->topic, partition, RD_KAFKA_OFFSET_BEGINNING, s->queue) == 0)
		return 0;
	return client_fail(err, rd.last_error(), "cannot read");
}

/*
 * Whether all that was there when we asked is decided, and was read. What a broker tells beside the messages will not
 * do: one that leads the partition since a moment may not know yet how much of what it has is safe, and shows less. To
 * the question for the end it gives no answer then. That costs a client, so only who misses something asks.
 */
static bool is_decided(const struct kafka_table *t, struct scan *s)
{
	if (s->until < 0) {
		rd_kafka_topic_partition_list_t *list = rd.topic_partition_list_new(1);
		struct err ignored = ERR_INIT;

		rd.topic_partition_list_add(list, t->topic, s->partition);
		if (reader_ask_ends(t->reader, list, &ignored) == 0)
			s->until = list->elems[0].offset;
		rd.topic_partition_list_destroy(list);
	}
	return s->until >= 0 && s->end >= s->until;
}

/* 1: take() has its last; 0: go on; -1 with err. */
static int take_message(struct scan *s, const rd_kafka_message_t *m,
	bool (*take)(void *ctx, struct slice key, struct slice value), void *ctx, struct err *err)
{
	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		s->end = m->offset;
		return 0;
	}
	if (m->err)
		return client_code(m->err) == ERR_UNREACHABLE ? 0 : client_fail(err, m->err, "");
	return take(ctx, (struct slice){m->key, m->key ? m->key_len : 0},
		       (struct slice){m->payload, m->payload ? m->len : 0})
		       ? 1
		       : 0;
}

static int read_all(struct kafka_table *t, struct scan *s, bool is_awaited,
	bool (*take)(void *ctx, struct slice key, struct slice value), void *ctx, struct err *err)
{
	int64_t end_us = ledger_now_us() + AWAIT_US;
	rd_kafka_message_t *messages[MESSAGES];
	int result = 0;

	while (result == 0) {
		ssize_t n = rd.consume_batch_queue(s->queue, WAIT_MS, messages, MESSAGES);

		for (ssize_t i = 0; i < n; i++) {
			if (result == 0)
				result = take_message(s, messages[i], take, ctx, err);
			rd.message_destroy(messages[i]);
		}
		if (result || (s->end >= 0 && (!is_awaited || is_decided(t, s))))
			break;
		if (n > 0)
			end_us = ledger_now_us() + AWAIT_US;
		if (client_has_failed(&s->client, err))
			return -1;
		if (stop_signal() || ledger_now_us() >= end_us)
			return err_set(err, ERR_UNREACHABLE,
				stop_signal() ? "stopped before the state was read"
					      : "the state could not be read in time");
	}
	return result;
}

int kafka_table_read(struct kafka_table *t, int32_t partition, bool is_awaited,
	bool (*take)(void *ctx, struct slice key, struct slice value), void *ctx, struct err *err)
{
	struct scan s;
	int result;

	if (partition >= t->n_partitions) {
		err_set(err, ERR_REFUSED, "there is no partition %d: the topic was made anew", (int)partition);
		return err_at(err, t->place, 0, 0);
	}
	result = open_scan(t, &s, partition, err);
	if (result == 0)
		result = read_all(t, &s, is_awaited, take, ctx, err);
	close_scan(&s);
	return result < 0 ? err_at(err, t->place, 0, 0) : result;
}

/* ---- open and close ---- */

/* The value of a property among those of a topic, or NULL; event may be NULL. */
static const char *find_config(rd_kafka_event_t *event, const char *name)
{
	const rd_kafka_DescribeConfigs_result_t *result =
		event && !rd.event_error(event) ? rd.event_DescribeConfigs_result(event) : NULL;
	const rd_kafka_ConfigResource_t **resources;
	const rd_kafka_ConfigEntry_t **entries;
	size_t n = 0;

	if (!result || !(resources = rd.DescribeConfigs_result_resources(result, &n)) || n != 1 ||
		rd.ConfigResource_error(resources[0]))
		return NULL;
	entries = rd.ConfigResource_configs(resources[0], &n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rd.ConfigEntry_name(entries[i]), name) == 0)
			return rd.ConfigEntry_value(entries[i]);
	}
	return NULL;
}

/*
 * That a key has gone is a message too, which compaction forgets after a while (delete.retention.ms), each broker for
 * itself. One that was away when it was written and comes back when the others have forgotten it never hears of it:
 * what had gone is there again as soon as that broker leads the partition.
 */
static void check_memory(const struct kafka_table *t, const char *text)
{
	const struct kafka_opts *o = t->reader->opts;
	char line[BATCH_PLACE_BYTES + 200];
	int64_t ms;

	if (!text || !num_to_i64(text, strlen(text), &ms) || ms >= GONE_MS_MIN || !o->warn)
		return;
	snprintf(line, sizeof line,
		"%s: its delete.retention.ms is %.20s: a broker that is away for longer brings back what was open, and "
		"the group cannot go on (set it to an hour or more)",
		t->place, text);
	o->warn(o->warn_ctx, line);
}

/* A topic that deletes by age would lose what is open. Where the brokers do not tell us how it is, it is taken as it
 * is. */
static int check_config(struct kafka_table *t, struct err *err)
{
	rd_kafka_t *rk = t->exact->client.rk;
	rd_kafka_ConfigResource_t *topic = rd.ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, t->topic);
	rd_kafka_AdminOptions_t *options = rd.AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_queue_t *queue = rd.queue_new(rk);
	rd_kafka_event_t *event;
	const char *policy;
	char ignored[64];

	rd.AdminOptions_set_request_timeout(options, CLIENT_ASK_MS, ignored, sizeof ignored);
	rd.DescribeConfigs(rk, &topic, 1, options, queue);
	event = rd.queue_poll(queue, 2 * CLIENT_ASK_MS);
	policy = find_config(event, "cleanup.policy");
	check_memory(t, find_config(event, "delete.retention.ms"));
	if (policy && strcmp(policy, "compact") != 0)
		err_set(err, ERR_REFUSED,
			"is not compacted, its cleanup.policy is %.40s: what is open would be deleted (set it to "
			"compact)",
			policy);
	if (event)
		rd.event_destroy(event);
	rd.queue_destroy(queue);
	rd.AdminOptions_destroy(options);
	rd.ConfigResource_destroy(topic);
	return err->code == ERR_NONE ? 0 : -1;
}

struct kafka_table *kafka_table_open(struct source *source, const char *topic, struct err *err)
{
	struct reader *r = (struct reader *)source;
	struct kafka_table *t = mem_alloc(1, sizeof *t);
	const struct rd_kafka_metadata *meta;
	static char place[BATCH_PLACE_BYTES]; /* the error outlives the table */
	int index;

	t->reader = r;
	t->topic = mem_dup(topic, strlen(topic));
	snprintf(t->place, sizeof t->place, "kafka:%s", topic);
	snprintf(place, sizeof place, "kafka:%s", topic);
	if (!r->exact && !(r->exact = exact_open(r, r->opts, &r->addresses[0], err)))
		goto fail;
	index = exact_topic(r->exact, topic, RD_KAFKA_PARTITION_UA, err);
	if (index < 0)
		goto at;
	t->exact = r->exact;
	t->exact_topic = (size_t)index;
	meta = client_topic(&r->exact->client, topic, err);
	if (!meta)
		goto at;
	t->n_partitions = meta->topics[0].partition_cnt;
	rd.metadata_destroy(meta);
	if (check_config(t, err) == 0)
		return t;
at:
	if (err->code != ERR_UNREACHABLE) /* that is no matter of one topic */
		err_at(err, place, 0, 0);
fail:
	kafka_table_close(t);
	return NULL;
}

void kafka_table_close(struct kafka_table *t)
{
	if (!t)
		return;
	if (t->exact)
		exact_release(t->exact);
	free(t->topic);
	free(t);
}

int32_t kafka_table_partitions(const struct kafka_table *t)
{
	return t->n_partitions;
}

const char *kafka_table_group(const struct kafka_table *t)
{
	return t->reader->group;
}
