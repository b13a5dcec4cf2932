/* Membership in a consumer group: what is assigned, and what becomes of it. */
#include <string.h>

#include "kafka/exact.h"
#include "kafka/reader.h"
#include "ledger/ledger.h"

enum {
	STABLE_US = 60000000, /* until the transactions of a dead member have ended */
	SEEK_MS = 10000
};

static void fail(struct reader *r, rd_kafka_resp_err_t code, const char *what)
{
	struct err err = ERR_INIT;

	client_fail(&err, code, what);
	reader_fail(r, &err);
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

/*
 * Where reading begins is our decision: what is committed (at), else offset=, else the beginning. Whoever keeps state
 * of it is told.
 */
static int find_start(struct reader *r, struct part *p, const rd_kafka_topic_partition_t *at, struct err *err)
{
	reader_drop(r, p);
	p->committed = at->offset >= 0 ? at->offset : -1;
	buf_reset(&p->metadata);
	if (at->metadata)
		buf_add(&p->metadata, at->metadata, at->metadata_size);
	p->next = p->end = p->seen_end = -1;
	p->is_done = p->is_caught_up = p->is_to_rewind = false;
	/* the library keeps a pause over an assignment: is_paused stays, and the next fill() resumes */
	if (find_range(r, p, err))
		return -1;
	if (r->keeper && r->keeper->take(r->keeper->ctx, (uint32_t)(p - r->parts), p->name, p->id, p->committed,
				 buf_slice(&p->metadata), err))
		return err_at(err, p->name, 0, 0);
	return 0;
}

/*
 * A partition is taken as ours until the group says that it is lost, and a member that sleeps is not told: another may
 * have gone on with it since we asked, and what is kept for it is of later. Whether that is why it was refused, *at
 * then being what is committed now.
 */
static bool has_moved(struct reader *r, struct part *p, rd_kafka_topic_partition_t *at)
{
	rd_kafka_topic_partition_list_t *list = rd.topic_partition_list_new(1);
	rd_kafka_topic_partition_t *now = rd.topic_partition_list_add(list, p->topic, p->id);
	struct err err = ERR_INIT;
	bool has = false;

	if (reader_ask_committed(r, list, ledger_now_us() + STABLE_US, &err) == 0)
		has = !reader_is_at(now, p->committed, &p->metadata);
	err_reset(&err);
	if (has) {
		void *metadata = at->metadata;

		r->keeper->forget(r->keeper->ctx, (uint32_t)(p - r->parts));
		at->offset = now->offset;
		at->metadata_size = now->metadata_size;
		at->metadata = now->metadata;
		now->metadata = metadata; /* the list frees it */
	}
	rd.topic_partition_list_destroy(list);
	return has;
}

static int find_starts(struct reader *r, rd_kafka_topic_partition_list_t *list)
{
	struct err err = ERR_INIT;

	if (reader_ask_committed(r, list, ledger_now_us() + STABLE_US, &err)) {
		reader_fail(r, &err);
		return -1;
	}
	for (int i = 0; i < list->cnt; i++) {
		rd_kafka_topic_partition_t *at = &list->elems[i];
		struct part *p = reader_part(r, at->topic, at->partition);

		while (find_start(r, p, at, &err)) {
			if (err.code != ERR_REFUSED || !r->keeper || !has_moved(r, p, at)) {
				reader_fail(r, &err);
				return -1;
			}
			err_reset(&err);
		}
		at->offset = p->start;
		p->is_assigned = true;
	}
	return 0;
}

static void check(struct reader *r, rd_kafka_error_t *error)
{
	if (!error)
		return;
	fail(r, rd.error_code(error), "partitions cannot be taken");
	rd.error_destroy(error);
}

static void forget_member(struct reader *r)
{
	if (r->member)
		rd.consumer_group_metadata_destroy(r->member);
	r->member = NULL;
}

static void assign(struct reader *r, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t code;

	forget_member(r);
	r->member = rd.consumer_group_metadata(r->client.rk);
	if (r->is_closing || find_starts(r, list)) {
		rd.assign(r->client.rk, NULL);
		return;
	}
	r->was_assigned = true;
	if (!r->trusted_us)
		r->trusted_us = ledger_now_us() + r->session_us + 2 * r->heartbeat_us;
	if (reader_is_cooperative(r)) {
		check(r, rd.incremental_assign(r->client.rk, list));
		return;
	}
	code = rd.assign(r->client.rk, list);
	if (code)
		fail(r, code, "partitions cannot be taken");
}

/*
 * A cooperative group is a generation further when it asks for partitions; until we have given them up all that we had
 * is ours in that one too. The library may have forgotten our name meanwhile: then we have none.
 */
static void renew_member(struct reader *r)
{
	char *name;

	forget_member(r);
	r->member = rd.consumer_group_metadata(r->client.rk);
	name = rd.memberid(r->client.rk);
	if (!name || !*name)
		forget_member(r);
	if (name)
		rd.mem_free(r->client.rk, name);
}

/*
 * The output that is dropped was made of all partitions that we had: those that stay ours are read again from where
 * they were committed. Not here, while messages of them may be on their way into an array.
 */
static void give_up_output(struct reader *r)
{
	if (r->exact->n && reader_is_cooperative(r)) {
		for (size_t i = 0; i < r->n_parts; i++)
			r->parts[i].is_to_rewind |= r->parts[i].is_assigned;
		r->has_to_rewind = true;
	}
	exact_drop(r->exact);
}

/*
 * The stage lets go what it holds back in any case: it must not come out later. Of partitions that are lost it is
 * dropped, and so is all output that was not committed: whoever has them now makes it anew.
 */
static void hand_over(struct reader *r, bool is_ours)
{
	struct err err = ERR_INIT;

	if (is_ours && reader_is_cooperative(r))
		renew_member(r);
	if (r->deliver && r->deliver(r->deliver_ctx, &err))
		reader_fail(r, &err);
	else if (is_ours && r->deliver && reader_commit_exactly(r, COMMIT_HANDING_OVER, &err))
		reader_fail(r, &err);
	give_up_output(r);
	if (!reader_is_cooperative(r))
		forget_member(r);
}

static void forget_part(struct reader *r, struct part *p)
{
	p->is_assigned = false;
	reader_drop(r, p);
	if (r->keeper)
		r->keeper->forget(r->keeper->ctx, (uint32_t)(p - r->parts));
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
			p->is_to_rewind = false;
			forget_part(r, p);
		}
	}
	for (size_t i = 0; r->has_to_rewind && i < r->n_parts; i++)
		if (r->parts[i].is_to_rewind)
			forget_part(r, &r->parts[i]);
	if (reader_is_cooperative(r))
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

static void seek(struct reader *r, rd_kafka_topic_partition_list_t *list)
{
	check(r, rd.seek_partitions(r->client.rk, list, SEEK_MS));
	for (int i = 0; !r->has_failed && i < list->cnt; i++)
		if (list->elems[i].err)
			fail(r, list->elems[i].err, "a partition cannot be read again");
}

void reader_rewind(struct reader *r)
{
	rd_kafka_topic_partition_list_t *list;

	if (!r->has_to_rewind || r->has_failed)
		return;
	r->has_to_rewind = false;
	list = rd.topic_partition_list_new((int)r->n_parts);
	for (size_t i = 0; i < r->n_parts; i++)
		if (r->parts[i].is_to_rewind)
			rd.topic_partition_list_add(list, r->parts[i].topic, r->parts[i].id);
	if (list->cnt && find_starts(r, list) == 0)
		seek(r, list);
	rd.topic_partition_list_destroy(list);
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
