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
	CALL_MS = 1000,     /* until we look at the clock and at signals; a call that timed out is made again */
	OFFSETS_MS = 15000, /* this call cannot be made again in the middle */
	PAUSE_MS = 50,      /* before the parcel is sent again */
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

void exact_add(struct exact *x, rd_kafka_topic_t *topic, struct outgoing *m)
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

static void refuse(struct err *err, rd_kafka_resp_err_t code)
{
	if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		err_set(err, ERR_REFUSED, "a record is larger than the topic takes (max.message.bytes)");
	else
		client_fail(err, code, "");
}

static void take_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct client *c = opaque;
	struct exact *x = (struct exact *)((char *)c - offsetof(struct exact, client));

	(void)rk;
	x->delivered += !m->err;
	if (!m->err || client_code(m->err) == ERR_UNREACHABLE || x->refusal.code != ERR_NONE)
		return;
	refuse(&x->refusal, m->err);
}

/* ---- one transaction ---- */

enum step {
	STEP_FAILED = -1,
	STEP_DONE,
	STEP_AGAIN,    /* it was aborted: from the beginning */
	STEP_OVERTAKEN /* and somebody else has the partitions */
};

static bool is_overtaken(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
	       code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID || code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

/* Refused for what it holds: the same again will be refused again. */
static bool is_final_refusal(rd_kafka_resp_err_t code)
{
	switch ((int)code) {
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		return true;
	default:
		return false;
	}
}

static bool is_fenced(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
	       code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/*
 * The end of the run. Where the library does not know what became of a transaction, or the cluster has ended it in the
 * meantime, the offsets that are committed tell: the next run begins there, so "run again" is the answer.
 */
static int fail(struct exact *x, rd_kafka_error_t *error, struct err *err)
{
	rd_kafka_resp_err_t code = rd.error_code(error), fatal;
	char text[200];

	if (code == RD_KAFKA_RESP_ERR__FATAL && (fatal = rd.fatal_error(x->client.rk, text, sizeof text)))
		code = fatal;
	err_reset(err);
	if (is_fenced(code) && x->opts.instance)
		err_set(err, ERR_REFUSED, "another member of this --instance has taken over");
	else if (is_fenced(code))
		err_set(err, ERR_UNREACHABLE, "the cluster took this member for dead: run again");
	else if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		refuse(err, code);
	else if (x->refusal.code != ERR_NONE)
		*err = x->refusal;
	else if (rd.error_is_fatal(error) && !is_final_refusal(code))
		err_set(err, ERR_UNREACHABLE, "the transaction was lost, run again: %.120s", rd.error_string(error));
	else
		err_set(err, client_code(code), "the transaction failed: %.120s", rd.error_string(error));
	return err_at(err, x->place, 0, 0);
}

static enum step abort_all(struct exact *x, int64_t end_us, struct err *err)
{
	for (;;) {
		rd_kafka_error_t *error = rd.abort_transaction(x->client.rk, CALL_MS);

		if (!error)
			return STEP_AGAIN;
		if (!rd.error_is_retriable(error)) {
			fail(x, error, err);
			rd.error_destroy(error);
			return STEP_FAILED;
		}
		rd.error_destroy(error);
		if (ledger_now_us() < end_us)
			continue;
		err_set(err, ERR_UNREACHABLE, "a transaction could not be aborted: no broker answered in time");
		err_at(err, x->place, 0, 0);
		return STEP_FAILED;
	}
}

/* What an error of a step means; the transaction is aborted where that helps. */
static enum step take_error(struct exact *x, rd_kafka_error_t *error, int64_t end_us, struct err *err)
{
	rd_kafka_resp_err_t code = rd.error_code(error);
	bool is_refused = is_final_refusal(code) || x->refusal.code != ERR_NONE;
	bool is_abortable = rd.error_txn_requires_abort(error) || rd.error_is_retriable(error) || is_overtaken(code);
	enum step result = STEP_FAILED;
	struct err ignored = ERR_INIT;

	if (rd.error_is_fatal(error) || !is_abortable)
		fail(x, error, err);
	else if (is_refused)
		fail(x, error, err), abort_all(x, end_us, &ignored);
	else if ((result = abort_all(x, end_us, err)) == STEP_AGAIN && is_overtaken(code))
		result = STEP_OVERTAKEN;
	rd.error_destroy(error);
	return result;
}

static rd_kafka_error_t *send_one(struct exact *x, const struct parcel_message *m)
{
	rd_kafka_vu_t vus[8];
	size_t n = 0;
	rd_kafka_headers_t *headers = m->headers ? rd.headers_copy(m->headers) : NULL;
	rd_kafka_error_t *error;

	vus[n].vtype = RD_KAFKA_VTYPE_RKT;
	vus[n++].u.rkt = m->topic;
	vus[n].vtype = RD_KAFKA_VTYPE_PARTITION;
	vus[n++].u.i32 = m->partition;
	vus[n].vtype = RD_KAFKA_VTYPE_MSGFLAGS; /* the parcel stands still until the transaction has ended */
	vus[n++].u.i = 0;
	vus[n].vtype = RD_KAFKA_VTYPE_VALUE;
	vus[n].u.mem.ptr = m->has_value ? x->data.p + m->value_at : NULL;
	vus[n++].u.mem.size = m->value_len;
	vus[n].vtype = RD_KAFKA_VTYPE_KEY;
	vus[n].u.mem.ptr = m->has_key ? x->data.p + m->key_at : NULL;
	vus[n++].u.mem.size = m->key_len;
	vus[n].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
	vus[n++].u.i64 = m->time_ms;
	if (headers) {
		vus[n].vtype = RD_KAFKA_VTYPE_HEADERS;
		vus[n++].u.headers = headers;
	}
	error = rd.produceva(x->client.rk, vus, n);
	if (error && headers)
		rd.headers_destroy(headers);
	return error;
}

static enum step send_all(struct exact *x, int64_t end_us, struct err *err)
{
	for (size_t i = 0; i < x->n;) {
		rd_kafka_error_t *error = send_one(x, &x->messages[i]);
		rd_kafka_resp_err_t code = error ? rd.error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;

		if (!error) {
			i++;
			continue;
		}
		if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && ledger_now_us() < end_us) {
			rd.error_destroy(error);
			rd.poll(x->client.rk, PAUSE_MS);
			continue;
		}
		if (is_final_refusal(code)) {
			struct err ignored = ERR_INIT;

			fail(x, error, err);
			rd.error_destroy(error);
			abort_all(x, end_us, &ignored);
			return STEP_FAILED;
		}
		rd.error_destroy(error); /* the transaction is to be aborted already */
		return abort_all(x, end_us, err);
	}
	return STEP_DONE;
}

/* Every message is acknowledged before the commit: nothing else tells that all of them are in the transaction. */
static enum step await_all(struct exact *x, int64_t end_us, struct err *err)
{
	struct err ignored = ERR_INIT;

	while (rd.outq_len(x->client.rk) > 0 && ledger_now_us() < end_us)
		rd.flush(x->client.rk, PAUSE_MS);
	if (x->delivered == x->n)
		return STEP_DONE;
	if (x->refusal.code == ERR_NONE)
		return abort_all(x, end_us, err);
	*err = x->refusal;
	err_at(err, x->place, 0, 0);
	abort_all(x, end_us, &ignored);
	return STEP_FAILED;
}

static enum step commit(struct exact *x, int64_t end_us, struct err *err)
{
	for (;;) {
		rd_kafka_error_t *error = rd.commit_transaction(x->client.rk, CALL_MS);

		if (!error)
			return STEP_DONE;
		if (!rd.error_is_retriable(error) || rd.error_txn_requires_abort(error) || ledger_now_us() >= end_us)
			return take_error(x, error, end_us, err);
		rd.error_destroy(error);
	}
}

static enum step try_once(struct exact *x, const rd_kafka_topic_partition_list_t *offsets,
	const rd_kafka_consumer_group_metadata_t *member, int64_t end_us, struct err *err)
{
	rd_kafka_error_t *error = rd.begin_transaction(x->client.rk);
	enum step result;

	err_reset(&x->refusal);
	x->delivered = 0;
	if (error) {
		fail(x, error, err);
		rd.error_destroy(error);
		return STEP_FAILED;
	}
	result = send_all(x, end_us, err);
	if (result != STEP_DONE)
		return result;
	if (offsets && offsets->cnt) {
		error = rd.send_offsets_to_transaction(x->client.rk, offsets, member, OFFSETS_MS);
		if (error)
			return take_error(x, error, end_us, err);
	}
	result = await_all(x, end_us, err);
	return result == STEP_DONE ? commit(x, end_us, err) : result;
}

enum exact_result exact_commit(struct exact *x, const rd_kafka_topic_partition_list_t *offsets,
	const rd_kafka_consumer_group_metadata_t *member, int64_t wait_us, struct err *err)
{
	int64_t end_us = ledger_now_us() + wait_us;

	if (!x->n && (!offsets || !offsets->cnt))
		return EXACT_DONE;
	for (;;) {
		switch (try_once(x, offsets, member, end_us, err)) {
		case STEP_DONE:
			exact_drop(x);
			return EXACT_DONE;
		case STEP_OVERTAKEN:
			return EXACT_OVERTAKEN;
		case STEP_FAILED:
			return EXACT_FAILED;
		case STEP_AGAIN:
			break;
		}
		if (ledger_now_us() >= end_us) {
			err_set(err, ERR_UNREACHABLE, "no broker took the transaction in time: nothing of it stands");
			err_at(err, x->place, 0, 0);
			return EXACT_FAILED;
		}
		rd.poll(x->client.rk, PAUSE_MS);
	}
}

/* ---- open and close ---- */

static int start(struct exact *x, struct err *err)
{
	int64_t end_us = ledger_now_us() + 6 * CLIENT_START_MS * INT64_C(1000);

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
	rd_kafka_conf_t *conf;

	x->opts = *o;
	x->reader = r;
	x->n_users = 1;
	x->place = "kafka";
	x->id = make_id(r->group, o->instance);
	conf = props_conf(&x->opts, a, 1, PROPS_EXACT, err);
	if (!conf)
		goto fail;
	if (props_set(conf, "transactional.id", x->id, err)) {
		rd.conf_destroy(conf);
		goto fail;
	}
	rd.conf_set_dr_msg_cb(conf, take_report);
	if (client_open(&x->client, RD_KAFKA_PRODUCER, conf, &x->opts, err) || client_await(&x->client, err) ||
		start(x, err))
		goto fail;
	return x;
fail:
	exact_release(x);
	return NULL;
}

rd_kafka_topic_t *exact_topic(struct exact *x, const char *name, int32_t partition, struct err *err)
{
	const struct rd_kafka_metadata *meta = client_topic(&x->client, name, err);
	int n_partitions;
	rd_kafka_topic_t *topic;

	if (!meta)
		return NULL;
	n_partitions = meta->topics[0].partition_cnt;
	rd.metadata_destroy(meta);
	if (partition >= n_partitions) {
		err_set(err, ERR_REFUSED, "partition=%d: the topic has %d", (int)partition, n_partitions);
		return NULL;
	}
	topic = rd.topic_new(x->client.rk, name, NULL);
	if (!topic) {
		client_fail(err, rd.last_error(), "cannot write");
		return NULL;
	}
	x->topics = mem_resize(x->topics, x->n_topics + 1, sizeof *x->topics);
	x->topics[x->n_topics++] = topic;
	x->n_users++;
	return topic;
}

void exact_release(struct exact *x)
{
	if (!x || --x->n_users)
		return;
	if (x->client.rk) {
		rd.purge(x->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		for (size_t i = 0; i < x->n_topics; i++)
			rd.topic_destroy(x->topics[i]);
		rd.destroy(x->client.rk);
	}
	if (x->n)
		exact_drop(x);
	free(x->topics);
	free(x->messages);
	buf_release(&x->data);
	free(x->id);
	free(x);
}
