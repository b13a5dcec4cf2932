/* One transaction: begun, filled, committed; aborted where that helps. */
#include <string.h>

#include "kafka/exact.h"
#include "ledger/ledger.h"

enum {
	CALL_MS = 1000,     /* until we look at the clock and at signals; a call that timed out is made again */
	OFFSETS_MS = 15000, /* this call cannot be made again in the middle */
	PAUSE_MS = 50
};

void transaction_refuse(struct err *err, rd_kafka_resp_err_t code)
{
	if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		err_set(err, ERR_REFUSED, "a record is larger than the topic takes (max.message.bytes)");
	else
		client_fail(err, code, "");
}

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

static int tell(struct exact *x, rd_kafka_error_t *error, struct err *err)
{
	rd_kafka_resp_err_t code = rd.error_code(error);

	err_reset(err);
	if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		transaction_refuse(err, code);
	else if (x->refusal.code != ERR_NONE)
		*err = x->refusal;
	else
		err_set(err, client_code(code), "the transaction failed: %.120s", rd.error_string(error));
	return err_at(err, x->place, 0, 0);
}

/*
 * An error that no abort helps against. Where it is not about what the parcel holds, the cluster has ended the
 * transaction in the meantime, or the library does not know what became of it.
 */
static enum step lose(struct exact *x, rd_kafka_error_t *error, struct err *err)
{
	rd_kafka_resp_err_t code = rd.error_code(error), fatal;
	char text[200];

	if (code == RD_KAFKA_RESP_ERR__FATAL && (fatal = rd.fatal_error(x->client.rk, text, sizeof text)))
		code = fatal;
	x->is_lost = true;
	x->was_fenced = is_fenced(code);
	tell(x, error, err);
	return is_final_refusal(code) || x->refusal.code != ERR_NONE ? STEP_FAILED : STEP_LOST;
}

static enum step abort_all(struct exact *x, int64_t end_us, struct err *err)
{
	for (;;) {
		rd_kafka_error_t *error = rd.abort_transaction(x->client.rk, CALL_MS);
		enum step result;

		if (!error)
			return STEP_AGAIN;
		if (rd.error_is_retriable(error) && ledger_now_us() < end_us) {
			rd.error_destroy(error);
			continue;
		}
		result = lose(x, error, err);
		rd.error_destroy(error);
		return result;
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
		result = lose(x, error, err);
	else if (is_refused)
		tell(x, error, err), abort_all(x, end_us, &ignored);
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
	vus[n++].u.rkt = x->topics[m->topic].handle;
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

			tell(x, error, err);
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
	x->is_committing = true;
	for (;;) {
		rd_kafka_error_t *error = rd.commit_transaction(x->client.rk, CALL_MS);
		bool is_again = error && rd.error_is_retriable(error) && !rd.error_txn_requires_abort(error);
		enum step result;

		if (!error)
			return STEP_DONE;
		if (is_again && ledger_now_us() < end_us) {
			rd.error_destroy(error);
			continue;
		}
		if (!is_again)
			return take_error(x, error, end_us, err);
		result = lose(x, error, err);
		rd.error_destroy(error);
		return result;
	}
}

enum step transaction_try(struct exact *x, const rd_kafka_topic_partition_list_t *offsets,
	const rd_kafka_consumer_group_metadata_t *member, int64_t end_us, struct err *err)
{
	rd_kafka_error_t *error = rd.begin_transaction(x->client.rk);
	enum step result;

	err_reset(&x->refusal);
	x->delivered = 0;
	x->is_committing = false;
	if (error) {
		result = lose(x, error, err);
		rd.error_destroy(error);
		return result;
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
