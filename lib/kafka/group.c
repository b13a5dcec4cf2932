/* Membership in a consumer group: what is assigned, what is committed. */
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
	STABLE_US = 60000000,    /* until the transactions of a dead member have ended */
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

static void fail(struct reader *r, rd_kafka_resp_err_t code, const char *what)
{
	struct err err = ERR_INIT;

	client_fail(&err, code, what);
	reader_fail(r, &err);
}

static rd_kafka_resp_err_t ask_once(struct reader *r, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t code = rd.committed(r->client.rk, list, CLIENT_ASK_MS);

	for (int i = 0; !code && i < list->cnt; i++)
		code = list->elems[i].err;
	return code;
}

/* What the group has committed of them. Offsets of a transaction that is still open are waited for. */
static int ask_committed(struct reader *r, rd_kafka_topic_partition_list_t *list, int64_t end_us, struct err *err)
{
	rd_kafka_resp_err_t code = ask_once(r, list);

	while (code && client_code(code) == ERR_UNREACHABLE && ledger_now_us() < end_us && !stop_signal()) {
		poll(NULL, 0, ASK_AGAIN_MS);
		code = ask_once(r, list);
	}
	return code ? client_fail(err, code, "cannot ask what the group has committed") : 0;
}

/* ---- commit ---- */

/* What is to be committed of a partition: false when that was done. */
static bool ask_part(struct reader *r, struct part *p)
{
	if (!r->keeper) {
		p->asked = p->next;
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

static bool is_cooperative(const struct reader *r)
{
	const char *protocol = rd.rebalance_protocol(r->client.rk);

	return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

enum commit_when { COMMIT_BETWEEN, COMMIT_AT_END, COMMIT_HANDING_OVER };

static void forget_asked(struct reader *r, const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; list && i < list->cnt; i++) {
		struct part *p = reader_find(r, list->elems[i].topic, list->elems[i].partition);

		if (p)
			note_committed(r, p);
	}
}

static bool is_at(const rd_kafka_topic_partition_t *found, int64_t offset, const struct buf *metadata)
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
	if (ask_committed(r, list, end_us, err))
		result = STEP_FAILED;
	for (int i = 0; result == STEP_DONE && i < list->cnt; i++) {
		const struct part *p = reader_find(r, list->elems[i].topic, list->elems[i].partition);

		if (is_at(&list->elems[i], p->committed, &p->metadata))
			result = STEP_AGAIN;
		else if (!is_at(&list->elems[i], p->asked, &p->asked_metadata))
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
static int commit_exactly(struct reader *r, enum commit_when when, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = r->member ? uncommitted(r) : NULL;
	int64_t wait_us = when == COMMIT_BETWEEN                   ? DELIVER_US
			  : when == COMMIT_AT_END && stop_signal() ? r->opts->stop_timeout_us
			  : when == COMMIT_HANDING_OVER            ? HAND_OVER_US
								   : DELIVER_US;
	enum exact_result result = EXACT_OVERTAKEN;

	if (r->member && !rd.assignment_lost(r->client.rk))
		result = exact_commit(r->exact, list, r->member, wait_us, err);
	/* others wait for the partitions: who takes them reads again, and so do we what is ours again then */
	if (result == EXACT_FAILED && when == COMMIT_HANDING_OVER && err->code == ERR_UNREACHABLE &&
		!is_cooperative(r)) {
		warn(r, "records were given back to the group uncommitted", err->msg);
		err_reset(err);
		result = EXACT_OVERTAKEN;
	}
	if (result == EXACT_DONE)
		forget_asked(r, list);
	else if (result == EXACT_OVERTAKEN && when == COMMIT_BETWEEN)
		r->commit_at_us = ledger_now_us() + OVERTAKEN_US;
	else if (result == EXACT_OVERTAKEN)
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
		return commit_exactly(r, is_final ? COMMIT_AT_END : COMMIT_BETWEEN, err);
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

/* ---- assignment ---- */

/* Whoever keeps state of it is told what was committed. */
static int take_part(struct reader *r, struct part *p, const rd_kafka_topic_partition_t *from)
{
	struct slice metadata = {from->metadata, from->metadata ? from->metadata_size : 0};
	struct err err = ERR_INIT;

	buf_reset(&p->metadata);
	buf_add_slice(&p->metadata, metadata);
	if (r->keeper->take(r->keeper->ctx, (uint32_t)(p - r->parts), p->name, p->id, p->committed,
		    buf_slice(&p->metadata), &err) == 0)
		return 0;
	err_at(&err, p->name, 0, 0);
	reader_fail(r, &err);
	return -1;
}

/* By its address, else by what is committed; a range ends where it did for those who had the partition before. */
static int find_range(struct reader *r, struct part *p, struct err *err)
{
	bool has_end = p->address && p->address->has_end;

	if ((p->committed < 0 || has_end) && reader_resolve(r, p, err))
		return -1;
	if (p->committed >= 0) {
		p->start = p->committed;
		p->is_done = false; /* that shows when the next message, or the end, is there: windows may be open */
	}
	return 0;
}

/* Where reading begins is our decision: what is committed, else offset=, else the beginning. */
static int find_starts(struct reader *r, rd_kafka_topic_partition_list_t *list)
{
	struct err err = ERR_INIT;

	if (ask_committed(r, list, ledger_now_us() + STABLE_US, &err)) {
		reader_fail(r, &err);
		return -1;
	}
	for (int i = 0; i < list->cnt; i++) {
		struct part *p = reader_part(r, list->elems[i].topic, list->elems[i].partition);
		int64_t committed = list->elems[i].offset;

		reader_drop(r, p);
		p->committed = committed >= 0 ? committed : -1;
		p->next = p->end = p->seen_end = -1;
		p->is_done = p->is_caught_up = false;
		/* the library keeps a pause over an assignment: is_paused stays, and the next fill() resumes */
		if (find_range(r, p, &err)) {
			reader_fail(r, &err);
			return -1;
		}
		if (r->keeper && take_part(r, p, &list->elems[i]))
			return -1;
		list->elems[i].offset = p->start;
		p->is_assigned = true;
	}
	r->was_assigned = true;
	return 0;
}

static void check(struct reader *r, rd_kafka_error_t *error)
{
	if (!error)
		return;
	fail(r, rd.error_code(error), "partitions cannot be taken");
	rd.error_destroy(error);
}

static void assign(struct reader *r, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t code;

	if (r->member)
		rd.consumer_group_metadata_destroy(r->member);
	r->member = rd.consumer_group_metadata(r->client.rk);
	if (r->is_closing || find_starts(r, list)) {
		rd.assign(r->client.rk, NULL);
		return;
	}
	if (is_cooperative(r)) {
		check(r, rd.incremental_assign(r->client.rk, list));
		return;
	}
	code = rd.assign(r->client.rk, list);
	if (code)
		fail(r, code, "partitions cannot be taken");
}

/*
 * The stage lets go what it holds back in any case: it must not come out later. Of partitions that are lost it is
 * dropped, and so is all output that was not committed: whoever has them now makes it anew.
 */
static void hand_over(struct reader *r, bool is_ours)
{
	struct err err = ERR_INIT;

	if (r->deliver && r->deliver(r->deliver_ctx, &err))
		reader_fail(r, &err);
	else if (is_ours && r->deliver && commit_exactly(r, COMMIT_HANDING_OVER, &err))
		reader_fail(r, &err);
	exact_drop(r->exact);
	if (r->member && !is_cooperative(r)) {
		rd.consumer_group_metadata_destroy(r->member);
		r->member = NULL;
	}
}

/*
 * What we gave is made safe and committed before somebody else reads on. Not where the partitions are lost already
 * (others have them), nor while the output is blocked: then they read some records again.
 */
static void revoke(struct reader *r, rd_kafka_topic_partition_list_t *list)
{
	struct err err = ERR_INIT;
	bool is_ours = !rd.assignment_lost(r->client.rk) && !r->is_blocked;

	if (r->exact)
		hand_over(r, is_ours);
	else if (is_ours && r->deliver && (r->deliver(r->deliver_ctx, &err) || reader_commit(r, true, &err)))
		reader_fail(r, &err);
	r->was_assigned = false; /* what is ours is open until the group has said so again: no end before that */
	for (int i = 0; i < list->cnt; i++) {
		struct part *p = reader_find(r, list->elems[i].topic, list->elems[i].partition);

		if (p) {
			p->is_assigned = false;
			reader_drop(r, p);
		}
		if (p && r->keeper)
			r->keeper->forget(r->keeper->ctx, (uint32_t)(p - r->parts));
	}
	if (is_cooperative(r))
		check(r, rd.incremental_unassign(r->client.rk, list));
	else
		rd.assign(r->client.rk, NULL);
}

void reader_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct client *c = opaque;
	struct reader *r = (struct reader *)((char *)c - offsetof(struct reader, client));

	if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		assign(r, list);
	} else if (what == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
		revoke(r, list);
	} else {
		fail(r, what, "the group");
		rd.assign(rk, NULL);
	}
}

int reader_subscribe(struct reader *r, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd.topic_partition_list_new(4);
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < r->n_addresses; i++)
		for (size_t j = 0; j < r->addresses[i].n_topics; j++)
			rd.topic_partition_list_add(list, r->addresses[i].topics[j], RD_KAFKA_PARTITION_UA);
	rd.poll_set_consumer(r->client.rk);
	r->queue = rd.queue_get_consumer(r->client.rk);
	r->commits = rd.queue_new(r->client.rk);
	code = rd.subscribe(r->client.rk, list);
	rd.topic_partition_list_destroy(list);
	return code ? client_fail(err, code, "cannot join the group") : 0;
}

/* ---- while the output is blocked ---- */

/*
 * The group must see that we live: its queue is polled, with all partitions paused so that nothing comes which we could
 * not hold. next() resumes them.
 */
void reader_keep_alive(struct source *s)
{
	struct reader *r = (struct reader *)s;
	ssize_t n;

	if (!r->group || r->has_failed)
		return;
	for (size_t i = 0; i < r->n_parts; i++)
		if (r->parts[i].is_assigned)
			reader_pause(r, &r->parts[i]);
	r->is_blocked = true;
	if (r->n_extra < EXTRA_MAX) {
		size_t at = r->n_extra;

		n = rd.consume_batch_queue(r->queue, 0, r->extra + at, EXTRA_MAX - at);
		if (n > 0) {
			/* partitions that went may have taken some with them */
			memmove(r->extra + r->n_extra, r->extra + at, (size_t)n * sizeof *r->extra);
			r->n_extra += (size_t)n;
		}
	}
	r->is_blocked = false;
}
