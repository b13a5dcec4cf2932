/* Membership in a consumer group: what is committed. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "kafka/exact.h"
#include "kafka/reader.h"
#include "ledger/ledger.h"
#include "mem/mem.h"
#include "stop/stop.h"

enum {
	EXTRA_MS = 100,
	ASK_AGAIN_MS = 50,
	DELIVER_US = 300000000,  /* until brokers that are out of reach end the run */
	HAND_OVER_US = 10000000, /* the same before partitions are given up: others wait for us */
	OVERTAKEN_US = 100000
};

static void warn(const struct reader *r, const char *what, const char *why)
{
	char text[256];

	if (!r->opts->warn)
		return;
	snprintf(text, sizeof text, "%s: %.150s", what, why);
	r->opts->warn(r->opts->warn_ctx, text);
}

static rd_kafka_resp_err_t ask_once(struct reader *r, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t code = rd.committed(r->client.rk, list, CLIENT_ASK_MS);

	for (int i = 0; !code && i < list->cnt; i++)
		code = list->elems[i].err;
	return code;
}

/* What the group has committed of them. Offsets of a transaction that is still open are waited for. */
int reader_ask_committed(struct reader *r, rd_kafka_topic_partition_list_t *list, int64_t end_us, struct err *err)
{
	rd_kafka_resp_err_t code = ask_once(r, list);

	while (code && client_code(code) == ERR_UNREACHABLE && ledger_now_us() < end_us && !stop_signal()) {
		poll(NULL, 0, ASK_AGAIN_MS);
		code = ask_once(r, list);
	}
	return code ? client_fail(err, code, "cannot ask what the group has committed") : 0;
}

/* ---- commit ---- */

/*
 * What is to be committed of a partition: false when that was done. At its end that is behind the markers of
 * transactions too, which no message stands for.
 */
static bool ask_part(struct reader *r, struct part *p)
{
	if (!r->keeper) {
		p->asked = p->is_caught_up && p->seen_end > p->next ? p->seen_end : p->next;
		return p->next >= 0 && p->next != p->committed;
	}
	buf_reset(&p->asked_metadata);
	if (!r->keeper->position(r->keeper->ctx, (uint32_t)(p - r->parts), &p->asked, &p->asked_metadata))
		return false;
	return p->asked != p->committed || !slice_eq(buf_slice(&p->metadata), buf_slice(&p->asked_metadata));
}

/* What was given since the last commit; NULL for nothing. */
static rd_kafka_topic_partition_list_t *uncommitted(struct reader *r)
{
	rd_kafka_topic_partition_list_t *list = NULL;

	for (size_t i = 0; i < r->n_parts; i++) {
		struct part *p = &r->parts[i];
		rd_kafka_topic_partition_t *to;

		if (!p->is_assigned || !ask_part(r, p))
			continue;
		if (!list)
			list = rd.topic_partition_list_new((int)r->n_parts);
		to = rd.topic_partition_list_add(list, p->topic, p->id);
		to->offset = p->asked;
		if (r->keeper) {
			/* the library frees it */
			to->metadata = mem_dup(p->asked_metadata.p, p->asked_metadata.len);
			to->metadata_size = p->asked_metadata.len;
		}
	}
	return list;
}

static void note_committed(const struct reader *r, struct part *p)
{
	struct buf swap = p->metadata;

	p->committed = p->asked;
	p->metadata = p->asked_metadata;
	p->asked_metadata = swap;
	if (r->keeper && r->keeper->committed && p->is_assigned)
		r->keeper->committed(r->keeper->ctx, (uint32_t)(p - r->parts));
}

/* The group has gone on without us: whoever has the partition now reads again what we did not commit. */
static bool is_overtaken(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
	       code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS || code == RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST;
}

/* The answer to a commit. A commit that found no broker is asked again with the next, or told at the end. */
static int take_answer(struct reader *r, rd_kafka_event_t *event, bool is_final, struct err *err)
{
	rd_kafka_resp_err_t code = rd.event_error(event);
	rd_kafka_topic_partition_list_t *list = rd.event_topic_partition_list(event);

	for (int i = 0; list && i < list->cnt; i++) {
		struct part *p = reader_find(r, list->elems[i].topic, list->elems[i].partition);

		if (!code && list->elems[i].err)
			code = list->elems[i].err;
		if (p && !code)
			note_committed(r, p);
	}
	rd.event_destroy(event);
	r->is_commit_pending = false;
	if (!code || code == RD_KAFKA_RESP_ERR__NO_OFFSET)
		return 0;
	if (is_overtaken(code)) {
		if (r->opts->verbose)
			warn(r, "offsets were not committed", rd.err2str(code));
		return 0;
	}
	if (client_code(code) == ERR_UNREACHABLE && !is_final)
		return 0;
	return client_fail(err, code, "offsets cannot be committed");
}

static int await_answer(struct reader *r, int64_t wait_us, bool is_final, struct err *err)
{
	int64_t end_us = ledger_now_us() + wait_us;

	while (r->is_commit_pending) {
		rd_kafka_event_t *event = rd.queue_poll(r->commits, wait_us ? EXTRA_MS : 0);

		if (event)
			return take_answer(r, event, is_final, err);
		if (ledger_now_us() < end_us)
			continue;
		if (is_final)
			return err_set(err, ERR_UNREACHABLE,
				"offsets were not committed in time: the next run reads some records again");
		return 0;
	}
	return 0;
}

bool reader_is_cooperative(const struct reader *r)
{
	const char *protocol = rd.rebalance_protocol(r->client.rk);

	return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void forget_asked(struct reader *r, const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; list && i < list->cnt; i++) {
		struct part *p = reader_find(r, list->elems[i].topic, list->elems[i].partition);

		if (p)
			note_committed(r, p);
	}
}

bool reader_is_at(const rd_kafka_topic_partition_t *found, int64_t offset, const struct buf *metadata)
{
	struct slice held = {found->metadata, found->metadata ? found->metadata_size : 0};

	return (found->offset < 0 ? -1 : found->offset) == offset && slice_eq(held, buf_slice(metadata));
}

/*
 * All offsets of a transaction change at once. One that stands where it was tells that the transaction does not; one
 * that is neither there nor where we wanted it was moved by somebody who has the partition now.
 */
enum step reader_outcome(
	struct reader *r, const rd_kafka_topic_partition_list_t *asked, int64_t end_us, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd.topic_partition_list_new(asked->cnt);
	enum step result = STEP_DONE;

	for (int i = 0; i < asked->cnt; i++)
		rd.topic_partition_list_add(list, asked->elems[i].topic, asked->elems[i].partition);
	if (reader_ask_committed(r, list, end_us, err))
		result = STEP_FAILED;
	for (int i = 0; result == STEP_DONE && i < list->cnt; i++) {
		const struct part *p = reader_find(r, list->elems[i].topic, list->elems[i].partition);

		if (reader_is_at(&list->elems[i], p->committed, &p->metadata))
			result = STEP_AGAIN;
		else if (!reader_is_at(&list->elems[i], p->asked, &p->asked_metadata))
			result = STEP_OVERTAKEN;
	}
	rd.topic_partition_list_destroy(list);
	return result;
}

/*
 * Output and offsets in one transaction. The member is the one that was assigned what the output was made of: a name
 * that the group took back since is not accepted any more, while the client itself may have forgotten its name already,
 * and brokers check no member without one. Who was overtaken keeps the parcel until the group tells him that his
 * partitions are lost, which is with one of the next polls.
 */
int reader_commit_exactly(struct reader *r, enum commit_when when, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = r->member ? uncommitted(r) : NULL;
	int64_t wait_us = when == COMMIT_BETWEEN                   ? DELIVER_US
			  : when == COMMIT_AT_END && stop_signal() ? r->opts->stop_timeout_us
			  : when == COMMIT_HANDING_OVER            ? HAND_OVER_US
								   : DELIVER_US;
	enum exact_result result = EXACT_OVERTAKEN;

	if (r->member && !rd.assignment_lost(r->client.rk))
		result = exact_commit(r->exact, list, r->member, wait_us, err);
	/* others wait for the partitions: who takes them reads again, and so do we what is ours again, or still */
	if (result == EXACT_FAILED && when == COMMIT_HANDING_OVER && err->code == ERR_UNREACHABLE) {
		warn(r, "records were given back to the group uncommitted", err->msg);
		err_reset(err);
		result = EXACT_OVERTAKEN;
	}
	if (result == EXACT_DONE)
		forget_asked(r, list);
	else if (result == EXACT_OVERTAKEN && when == COMMIT_BETWEEN)
		r->commit_at_us = ledger_now_us() + OVERTAKEN_US;
	else if (result == EXACT_OVERTAKEN && when == COMMIT_AT_END)
		exact_drop(r->exact);
	if (list)
		rd.topic_partition_list_destroy(list);
	return result == EXACT_FAILED ? -1 : 0;
}

/*
 * Everything that was given is safe: its offsets are committed. Between, the answer is looked at with the next call; at
 * the end (is_final), or before partitions are given up, it is waited for.
 */
int reader_commit(struct reader *r, bool is_final, struct err *err)
{
	rd_kafka_topic_partition_list_t *list;
	int64_t wait_us = is_final ? r->opts->stop_timeout_us : 0;

	r->commit_at_us = -1;
	if (r->exact)
		return reader_commit_exactly(r, is_final ? COMMIT_AT_END : COMMIT_BETWEEN, err);
	if (await_answer(r, wait_us, is_final, err))
		return -1;
	if (r->is_commit_pending || !(list = uncommitted(r))) {
		if (r->is_commit_pending)
			r->commit_at_us = ledger_now_us() + r->opts->commit_us;
		return 0;
	}
	rd.commit_queue(r->client.rk, list, r->commits, NULL, NULL);
	rd.topic_partition_list_destroy(list);
	r->is_commit_pending = true;
	return await_answer(r, wait_us, is_final, err);
}
