#include "kafka/exact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "kafka/props.h"
#include "kafka/reader.h"
#include "ledger/ledger.h"
#include "mem/mem.h"
#include "stop/stop.h"

enum {
	CALL_MS = 1000, /* until we look at the clock and at signals; a call that timed out is made again */
	PAUSE_MS = 50,  /* before the parcel is sent again */
	PARCEL_BYTES = 32 << 20,
	PARCEL_MESSAGES = 200000
};

/* ---- the parcel ---- */

static size_t keep_bytes(struct exact *x, struct slice bytes)
{
	size_t at = x->data.len;

	buf_add(&x->data, bytes.p, bytes.len);
	return at;
}

void exact_add(struct exact *x, size_t topic, struct outgoing *m)
{
	struct parcel_message *to;

	if (x->n == x->cap) {
		x->cap = x->cap ? 2 * x->cap : 1024;
		x->messages = mem_resize(x->messages, x->cap, sizeof *x->messages);
	}
	to = &x->messages[x->n++];
	*to = (struct parcel_message){.topic = topic,
		.partition = m->partition,
		.time_ms = m->time_ms,
		.headers = m->headers,
		.has_key = m->key.p != NULL,
		.has_value = m->value.p != NULL,
		.key_len = m->key.len,
		.value_len = m->value.len};
	m->headers = NULL;
	buf_reserve(&x->data, 1); /* what is empty has an address too: it is not absent */
	if (to->has_key)
		to->key_at = keep_bytes(x, m->key);
	if (to->has_value)
		to->value_at = keep_bytes(x, m->value);
	if (x->reader && (x->data.len >= PARCEL_BYTES || x->n >= PARCEL_MESSAGES))
		x->reader->commit_at_us = 0;
	else if (x->reader && x->reader->commit_at_us < 0)
		x->reader->commit_at_us = ledger_now_us() + x->opts.commit_us;
}

void exact_drop(struct exact *x)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->messages[i].headers)
			rd.headers_destroy(x->messages[i].headers);
	x->n = 0;
	buf_reset(&x->data);
	if (x->data.cap > PARCEL_BYTES)
		buf_release(&x->data);
}

static void take_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct client *c = opaque;
	struct exact *x = (struct exact *)((char *)c - offsetof(struct exact, client));

	(void)rk;
	x->delivered += !m->err;
	if (!m->err || client_code(m->err) == ERR_UNREACHABLE || x->refusal.code != ERR_NONE)
		return;
	transaction_refuse(&x->refusal, m->err);
}

/* ---- the producer ---- */

static void stop(struct exact *x)
{
	if (!x->client.rk)
		return;
	rd.purge(x->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	for (size_t i = 0; i < x->n_topics; i++)
		rd.topic_destroy(x->topics[i].handle);
	rd.destroy(x->client.rk);
	x->client.rk = NULL;
	x->is_lost = true;
}

static int start_transactions(struct exact *x, int64_t end_us, struct err *err)
{
	for (;;) {
		rd_kafka_error_t *error = rd.init_transactions(x->client.rk, CALL_MS);
		bool is_again = error && rd.error_is_retriable(error) && ledger_now_us() < end_us && !stop_signal();

		if (!error)
			return 0;
		if (!is_again) {
			client_fail(err, rd.error_code(error), "no transactions");
			if (client_code(rd.error_code(error)) != ERR_UNREACHABLE)
				err_set(err, ERR_REFUSED,
					"no transactions: %.100s (--delivery at-least-once needs none)",
					rd.error_string(error));
		}
		rd.error_destroy(error);
		if (!is_again)
			return err_at(err, x->place, 0, 0);
		rd.poll(x->client.rk, 0);
	}
}

static int start(struct exact *x, struct err *err)
{
	rd_kafka_conf_t *conf = rd.conf_dup(x->conf);

	x->is_lost = x->was_fenced = false;
	if (client_open(&x->client, RD_KAFKA_PRODUCER, conf, &x->opts, err))
		return -1;
	for (size_t i = 0; i < x->n_topics; i++)
		x->topics[i].handle = rd.topic_new(x->client.rk, x->topics[i].name, NULL);
	return 0;
}

/*
 * Whether the one who fenced us is a younger member of the same name. The group replaces the older, which the consumer
 * hears with the next heartbeat; where two have passed in peace it was the cluster, which took us for dead.
 */
static bool is_replaced(struct exact *x)
{
	int64_t end_us = ledger_now_us() + 2 * (x->reader ? x->reader->heartbeat_us : 0);
	char text[200];

	if (!x->was_fenced || !x->opts.instance || !x->reader)
		return false;
	while (!rd.fatal_error(x->reader->client.rk, text, sizeof text)) {
		if (ledger_now_us() >= end_us)
			return false;
		rd.poll(x->client.rk, PAUSE_MS);
	}
	return true;
}

/* A new producer in the place of the one that is lost. Its start ends the transaction that the old one left open. */
static int renew(struct exact *x, int64_t end_us, struct err *err)
{
	char text[256];

	if (x->client.rk && is_replaced(x)) {
		err_set(err, ERR_REFUSED, "another member of this --instance has taken over");
		return err_at(err, x->place, 0, 0);
	}
	if (err->code != ERR_NONE && x->opts.warn) {
		snprintf(text, sizeof text, "%s: %.150s: going on with a new producer", x->place, err->msg);
		x->opts.warn(x->opts.warn_ctx, text);
	}
	err_reset(err);
	stop(x);
	if (start(x, err) || start_transactions(x, end_us, err)) {
		x->is_lost = true;
		return -1;
	}
	return 0;
}

/* ---- commit ---- */

/* After a transaction that is lost: whether it stands. Called when no transaction of the old producer is open any more.
 */
static enum step learn_outcome(
	struct exact *x, const rd_kafka_topic_partition_list_t *offsets, int64_t end_us, struct err *err)
{
	if (!x->is_committing)
		return STEP_AGAIN;
	if (x->reader && offsets && offsets->cnt)
		return reader_outcome(x->reader, offsets, end_us, err);
	err_set(err, ERR_UNREACHABLE, "nobody can tell whether a transaction stands: run again");
	err_at(err, x->place, 0, 0);
	return STEP_FAILED;
}

/* The next try, with a new producer where that of the last is lost. */
static enum step try_again(struct exact *x, const rd_kafka_topic_partition_list_t *offsets,
	const rd_kafka_consumer_group_metadata_t *member, int64_t end_us, struct err *err)
{
	bool was_lost = x->is_lost;
	enum step result = STEP_AGAIN;

	if (was_lost && renew(x, end_us, err))
		return STEP_FAILED;
	/* a commit that was answered by an error, and then aborted, is looked at too */
	if (was_lost || x->is_committing)
		result = learn_outcome(x, offsets, end_us, err);
	return result == STEP_AGAIN ? transaction_try(x, offsets, member, end_us, err) : result;
}

enum exact_result exact_commit(struct exact *x, const rd_kafka_topic_partition_list_t *offsets,
	const rd_kafka_consumer_group_metadata_t *member, int64_t wait_us, struct err *err)
{
	int64_t end_us = ledger_now_us() + wait_us;
	enum step step;

	if (!x->n && (!offsets || !offsets->cnt))
		return EXACT_DONE;
	x->is_committing = false; /* what was before is settled, or given up */
	while ((step = try_again(x, offsets, member, end_us, err)) == STEP_AGAIN || step == STEP_LOST) {
		if (ledger_now_us() >= end_us) {
			if (step == STEP_AGAIN)
				err_set(err, ERR_UNREACHABLE,
					"no broker took the transaction in time: nothing of it stands");
			err->code = ERR_UNREACHABLE;
			err_at(err, x->place, 0, 0);
			step = STEP_FAILED;
			break;
		}
		rd.poll(x->client.rk, PAUSE_MS);
	}
	if (step == STEP_DONE)
		exact_drop(x);
	else if (step == STEP_FAILED)
		stop(x); /* the library borrows from the parcel no longer */
	return step == STEP_DONE ? EXACT_DONE : step == STEP_OVERTAKEN ? EXACT_OVERTAKEN : EXACT_FAILED;
}

/* ---- open and close ---- */

/* tlm.GROUP.INSTANCE; who has no name gets one that nobody else has. */
static char *make_id(const char *group, const char *instance)
{
	struct buf id = BUF_INIT;
	unsigned char random[8];
	char *text;

	buf_addf(&id, "tlm.%s.", group);
	if (instance) {
		buf_add_str(&id, instance);
	} else {
		if (getrandom(random, sizeof random, 0) != sizeof random)
			memset(random, 0, sizeof random);
		for (size_t i = 0; i < sizeof random; i++)
			buf_addf(&id, "%02x", random[i]);
	}
	text = mem_dup(buf_cstr(&id), id.len);
	buf_release(&id);
	return text;
}

struct exact *exact_open(struct reader *r, const struct kafka_opts *o, const struct address *a, struct err *err)
{
	struct exact *x = mem_alloc(1, sizeof *x);

	x->opts = *o;
	x->reader = r;
	x->n_users = 1;
	x->place = "kafka";
	x->id = make_id(r->group, o->instance);
	x->conf = props_conf(&x->opts, a, 1, PROPS_EXACT, err);
	if (!x->conf || props_set(x->conf, "transactional.id", x->id, err))
		goto fail;
	rd.conf_set_dr_msg_cb(x->conf, take_report);
	if (start(x, err) || client_await(&x->client, err) ||
		start_transactions(x, ledger_now_us() + 6 * CLIENT_START_MS * INT64_C(1000), err))
		goto fail;
	return x;
fail:
	exact_release(x);
	return NULL;
}

int exact_topic(struct exact *x, const char *name, int32_t partition, struct err *err)
{
	const struct rd_kafka_metadata *meta = client_topic(&x->client, name, err);
	int n_partitions;
	rd_kafka_topic_t *topic;

	if (!meta)
		return -1;
	n_partitions = meta->topics[0].partition_cnt;
	rd.metadata_destroy(meta);
	if (partition >= n_partitions)
		return err_set(err, ERR_REFUSED, "the topic has %d partitions", n_partitions);
	topic = rd.topic_new(x->client.rk, name, NULL);
	if (!topic)
		return client_fail(err, rd.last_error(), "cannot write");
	x->topics = mem_resize(x->topics, x->n_topics + 1, sizeof *x->topics);
	x->topics[x->n_topics] = (struct exact_topic){mem_dup(name, strlen(name)), topic};
	x->n_users++;
	return (int)x->n_topics++;
}

void exact_release(struct exact *x)
{
	if (!x || --x->n_users)
		return;
	stop(x);
	for (size_t i = 0; i < x->n_topics; i++)
		free(x->topics[i].name);
	if (x->conf)
		rd.conf_destroy(x->conf);
	if (x->n)
		exact_drop(x);
	free(x->topics);
	free(x->messages);
	buf_release(&x->data);
	free(x->id);
	free(x);
}
