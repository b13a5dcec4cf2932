/*
 * Messages come from the library in arrays of thousands and leave as batches: each a run of messages of one partition,
 * their values copied one behind the other into the caller's buffer. They are given back to the library with the next
 * call, so key, headers and raw value can be borrowed until then.
 */
#include <stdio.h>
#include <string.h>

#include "json/json.h"
#include "kafka/message.h"
#include "kafka/reader.h"
#include "ledger/ledger.h"

enum { HEAD_BYTES = 256 };

void reader_fail(struct reader *r, const struct err *what)
{
	if (r->has_failed)
		return;
	r->has_failed = true;
	r->failure = *what;
	if (what->input) {
		snprintf(r->place, sizeof r->place, "%s", what->input);
		r->failure.input = r->place;
	}
}

/* ---- taking messages ---- */

void reader_give_back(struct reader *r)
{
	for (; r->held < r->at; r->held++)
		rd.message_destroy(r->messages[r->held]);
	if (r->at == r->n_messages)
		r->at = r->held = r->n_messages = 0;
}

static void resume(struct reader *r)
{
	rd_kafka_topic_partition_list_t *list = NULL;

	for (size_t i = 0; i < r->n_parts; i++) {
		struct part *p = &r->parts[i];

		if (!p->is_paused || p->is_done || !p->is_assigned)
			continue;
		p->is_paused = false;
		if (!list)
			list = rd.topic_partition_list_new((int)r->n_parts);
		rd.topic_partition_list_add(list, p->topic, p->id);
	}
	if (!list)
		return;
	rd.resume_partitions(r->client.rk, list);
	rd.topic_partition_list_destroy(list);
}

/* The array is empty: whatever the library has, at most a full one. Callbacks run here. */
static void fill(struct reader *r)
{
	ssize_t n;

	if (r->n_extra) {
		memcpy(r->messages, r->extra, r->n_extra * sizeof *r->extra);
		r->n_messages = r->n_extra;
		r->n_extra = 0;
		return;
	}
	if (r->group)
		resume(r);
	else
		rd.poll(r->client.rk, 0);
	n = rd.consume_batch_queue(r->queue, 0, r->messages, MESSAGES_MAX);
	r->n_messages = n > 0 ? (size_t)n : 0;
	if (n > 0)
		r->client.is_down = false;
}

/* Of an array from `from` on; how many are left in all. */
static size_t drop_from(const struct part *p, rd_kafka_message_t **list, size_t from, size_t n)
{
	size_t kept = from;

	for (size_t i = from; i < n; i++) {
		if (list[i]->rkt && list[i]->partition == p->id && strcmp(rd.topic_name(list[i]->rkt), p->topic) == 0)
			rd.message_destroy(list[i]);
		else
			list[kept++] = list[i];
	}
	return kept;
}

void reader_drop(struct reader *r, const struct part *p)
{
	r->n_messages = drop_from(p, r->messages, r->at, r->n_messages);
	r->n_extra = drop_from(p, r->extra, 0, r->n_extra);
}

static struct part *part_of(struct reader *r, const rd_kafka_message_t *m)
{
	const char *topic = rd.topic_name(m->rkt);
	struct part *p = r->last < r->n_parts ? &r->parts[r->last] : NULL;

	if (p && p->id == m->partition && strcmp(p->topic, topic) == 0)
		return p;
	p = reader_find(r, topic, m->partition);
	if (p)
		r->last = (size_t)(p - r->parts);
	return p;
}

/* ---- what is no record ---- */

static void end_part(struct reader *r, struct part *p)
{
	if (p->is_done)
		return;
	p->is_done = true;
	p->has_end_news = true;
	reader_pause(r, p);
}

/* limit= of an address: all its partitions end. */
static void end_address(struct reader *r, const struct address *a)
{
	for (size_t i = 0; i < r->n_parts; i++)
		if (r->parts[i].address == a)
			end_part(r, &r->parts[i]);
}

static void take_end(struct reader *r, struct part *p, int64_t offset)
{
	p->seen_end = offset;
	if (p->end >= 0) {
		end_part(r, p);
		return;
	}
	p->is_caught_up = true;
	p->has_caught_up_news = true;
	if (r->group && !r->keeper && r->commit_at_us < 0 && p->next >= 0 && offset > p->next)
		r->commit_at_us = ledger_now_us() + r->opts->commit_us; /* markers stand behind the last message */
}

static void fail_part(struct reader *r, const struct part *p, rd_kafka_resp_err_t code, const char *text)
{
	struct err err = ERR_INIT;
	char place[BATCH_PLACE_BYTES];

	snprintf(place, sizeof place, "%s", p->name);
	if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
		int64_t at = p->next >= 0 ? p->next : p->start;

		if (at >= 0)
			snprintf(place, sizeof place, "%s@%lld", p->name, (long long)at);
		err_set(&err, ERR_REFUSED, "%s",
			r->keeper && r->keeper->gone
				? r->keeper->gone
				: "this offset is no longer there (retention, deletion) or not yet: begin elsewhere "
				  "with offset=, with a group after its offsets were reset");
	} else {
		err_set(&err, client_code(code), "%.150s", text);
	}
	err_at(&err, place, 0, 0);
	reader_fail(r, &err);
}

/* An event or error of the library, in the place of a message. */
static void take_event(struct reader *r, const rd_kafka_message_t *m)
{
	struct part *p = m->rkt ? part_of(r, m) : NULL;
	struct err err = ERR_INIT;
	char text[200];

	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		if (p && p->is_assigned)
			take_end(r, p, m->offset);
		return;
	}
	if (m->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED || client_code(m->err) == ERR_UNREACHABLE) {
		if (r->opts->verbose && r->opts->warn) {
			snprintf(text, sizeof text, "kafka: %.180s", rd.message_errstr(m));
			r->opts->warn(r->opts->warn_ctx, text);
		}
		return;
	}
	if (p) {
		client_fail(&err, m->err, "");
		fail_part(r, p, m->err, err.msg);
		return;
	}
	if (m->rkt) {
		snprintf(text, sizeof text, "kafka:%s", rd.topic_name(m->rkt));
		client_fail(&err, m->err, "");
		err_at(&err, text, 0, 0);
	} else {
		client_fail(&err, m->err, "kafka");
	}
	reader_fail(r, &err);
}

/* ---- batches ---- */

static enum source_result give_news(struct reader *r, struct batch *b)
{
	for (size_t i = 0; i < r->n_parts; i++) {
		struct part *p = &r->parts[i];

		if (!p->has_end_news && !p->has_caught_up_news)
			continue;
		b->kind = p->has_end_news ? BATCH_INPUT_END : BATCH_CAUGHT_UP;
		if (p->has_end_news)
			p->has_end_news = false;
		p->has_caught_up_news = false;
		b->p = b->own.p;
		b->len = 0;
		b->records = NULL;
		b->origins = NULL;
		b->name = p->name;
		b->topic = p->topic;
		b->partition = p->id;
		b->input = (uint32_t)i;
		return SOURCE_BATCH;
	}
	return SOURCE_WAIT;
}

static bool is_same_part(const rd_kafka_message_t *a, const rd_kafka_message_t *b)
{
	return a->partition == b->partition && a->rkt == b->rkt;
}

static void add_record(struct reader *r, const rd_kafka_message_t *m)
{
	struct batch_record *to = (void *)buf_reserve(&r->records, sizeof *to);

	*to = (struct batch_record){.offset = m->offset,
		.time_us = message_time(m),
		.key = {m->key, m->key_len},
		.value = {r->is_envelope ? NULL : m->payload, m->len},
		.message = m};
	r->records.len += sizeof *to;
}

static void head_batch(struct reader *r, struct batch *b, const struct part *p, enum batch_kind kind)
{
	const struct batch_record *first = (const void *)r->records.p;

	buf_reserve(&b->own, JSON_PAD_BYTES);
	buf_reset(&r->origins);
	b->kind = kind;
	b->p = b->own.p;
	b->len = b->own.len;
	b->name = p->name;
	b->topic = p->topic;
	b->partition = p->id;
	b->input = (uint32_t)(p - r->parts);
	b->first_line = (uint64_t)first->offset + 1;
	b->long_bytes = 0;
	b->records = first;
	b->n_records = r->records.len / sizeof *first;
	b->origins = &r->origins;
}

static enum source_result give_long(
	struct reader *r, struct batch *b, struct part *p, const rd_kafka_message_t *m, size_t len)
{
	buf_reset(&b->own);
	buf_add(&b->own, m->payload, len < HEAD_BYTES ? len : HEAD_BYTES);
	add_record(r, m);
	head_batch(r, b, p, BATCH_TOO_LONG);
	b->long_bytes = len;
	p->next = m->offset + 1;
	r->at++;
	return SOURCE_BATCH;
}

/* How many more messages the address may give. */
static uint64_t *left_of(struct reader *r, const struct part *p)
{
	return p->address && p->address->limit ? &r->left[p->address - r->addresses] : NULL;
}

static int64_t bound_of(const struct reader *r, const struct part *p, int64_t offset)
{
	return r->keeper ? r->keeper->bound(r->keeper->ctx, (uint32_t)(p - r->parts), offset) : INT64_MAX;
}

/* A run of messages of one partition; SOURCE_WAIT when there was none for us in it. */
static enum source_result give_lines(struct reader *r, struct batch *b, struct part *p)
{
	const rd_kafka_message_t *first = r->messages[r->at], *m = first;
	uint64_t *left = left_of(r, p);
	int64_t bound = bound_of(r, p, first->offset);
	size_t n = 0;

	buf_reset(&b->own);
	buf_reset(&r->records);
	for (; r->at < r->n_messages && b->own.len < BATCH_BYTES; r->at++) {
		m = r->messages[r->at];
		if (m->err || !is_same_part(m, first) || m->offset >= bound)
			break;
		if ((p->end >= 0 && m->offset >= p->end) || (left && !*left)) {
			end_part(r, p);
			continue;
		}
		if (!r->is_envelope && m->len > r->opts->line_max_bytes) {
			if (bound != INT64_MAX)
				continue; /* it was rejected before */
			if (!n)
				return give_long(r, b, p, m, m->len);
			break;
		}
		if (r->is_envelope)
			message_add_envelope(&b->own, m, p->topic);
		else
			message_add_line(&b->own, m->payload, m->payload ? m->len : 0);
		add_record(r, m);
		p->next = m->offset + 1;
		n++;
		if (left && bound == INT64_MAX && !--*left) { /* what is read again does not count */
			end_address(r, p->address);
			r->at++;
			break;
		}
	}
	if (!n)
		return SOURCE_WAIT;
	p->is_caught_up = p->has_caught_up_news = false;
	if (p->end >= 0 && p->next >= p->end)
		end_part(r, p);
	head_batch(r, b, p, BATCH_LINES);
	return SOURCE_BATCH;
}

/* What is ours has ended. */
static bool is_finished(const struct reader *r)
{
	if (r->group && !r->was_assigned)
		return false;
	for (size_t i = 0; i < r->n_parts; i++) {
		const struct part *p = &r->parts[i];

		if (p->is_done || (r->group && !p->is_assigned))
			continue;
		if (!r->group || !r->is_until_end || !p->is_caught_up)
			return false;
	}
	if (!r->group || r->is_until_end)
		return true;
	for (size_t i = 0; i < r->n_addresses; i++)
		if (!r->addresses[i].has_end && (!r->addresses[i].limit || r->left[i]))
			return false;
	return true;
}

/* Looks for partitions that were added, as often as the library does. */
static void discover(struct reader *r)
{
	struct err err = ERR_INIT;
	size_t n = r->n_parts;

	r->discover_us = ledger_now_us() + r->discover_every_us;
	if (reader_list(r, true, &err) && err.code == ERR_REFUSED)
		reader_fail(r, &err);
	for (; n < r->n_parts && !r->has_failed; n++)
		if (reader_start(r, &r->parts[n], &err))
			reader_fail(r, &err);
}

static enum source_result tell_failure(struct reader *r, struct err *err)
{
	if (r->has_told)
		return SOURCE_END;
	r->has_told = true;
	*err = r->failure;
	return SOURCE_ERROR;
}

/* Nothing is there: news, the end, or a wait. */
static enum source_result give_rest(struct reader *r, struct batch *b, struct err *err)
{
	struct err failure = ERR_INIT;

	if (client_has_failed(&r->client, &failure))
		reader_fail(r, &failure);
	if (r->has_failed)
		return tell_failure(r, err);
	if (give_news(r, b) == SOURCE_BATCH)
		return SOURCE_BATCH;
	if (is_finished(r) && reader_can_leave(r))
		return SOURCE_END;
	if (r->discover_us >= 0 && ledger_now_us() >= r->discover_us) {
		discover(r);
		if (r->has_failed)
			return tell_failure(r, err);
	}
	return SOURCE_WAIT;
}

enum source_result reader_batch(struct reader *r, struct batch *b, struct err *err)
{
	reader_give_back(r);
	reader_rewind(r);
	if (r->has_failed)
		return tell_failure(r, err);
	for (;;) {
		const rd_kafka_message_t *m;
		struct part *p;

		if (r->at == r->n_messages) {
			reader_give_back(r);
			fill(r);
			reader_rewind(r);
			if (!r->n_messages)
				return give_rest(r, b, err);
			if (r->has_failed)
				return tell_failure(r, err);
		}
		m = r->messages[r->at];
		if (m->err) {
			take_event(r, m);
			r->at++;
			if (r->has_failed)
				return tell_failure(r, err);
			continue;
		}
		p = part_of(r, m);
		if (!p || !p->is_assigned || p->is_done || m->offset < p->next) {
			r->at++; /* of a partition that is not ours any more, or behind its end */
			continue;
		}
		if (give_lines(r, b, p) == SOURCE_BATCH) {
			if (r->group && r->commit_at_us < 0)
				r->commit_at_us = ledger_now_us() + r->opts->commit_us;
			return SOURCE_BATCH;
		}
	}
}
