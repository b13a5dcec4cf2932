/*
 * Messages on their way into the library: it copies them, sends them from threads of its own, and reports each as
 * delivered or not; the reports are taken while we write, wait and sync. A message without time and headers goes the
 * quick way, many in one call.
 */
#include "kafka/producer.h"

#include <stdio.h>
#include <string.h>

#include "ledger/ledger.h"

enum { KEYS_BYTES = 64 << 10, BLOCKED_US = 1000000 };

/* ---- reports ---- */

static void fail(struct producer *p, rd_kafka_resp_err_t code, int32_t partition, size_t len)
{
	char text[64] = "";

	if (partition >= 0)
		snprintf(text, sizeof text, "partition %d", (int)partition);
	if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		err_set(&p->failure, ERR_REFUSED,
			"a record of %zu bytes is more than message.max.bytes of this producer, or than the topic "
			"takes",
			len);
	else
		client_fail(&p->failure, code, text);
}

void producer_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct client *c = opaque;
	struct producer *p = (struct producer *)((char *)c - offsetof(struct producer, client));

	(void)rk;
	p->delivered += !m->err;
	if (m->err)
		fail(p, m->err, m->partition, m->len);
}

int producer_check(struct producer *p, struct err *err)
{
	if (p->failure.code == ERR_NONE)
		client_has_failed(&p->client, &p->failure);
	if (p->failure.code == ERR_NONE)
		return 0;
	if (err->code == ERR_NONE)
		*err = p->failure;
	return err_at(err, p->name, 0, 0);
}

int producer_wait(struct producer *p, int timeout_ms, struct err *err)
{
	int64_t now_us;

	rd.poll(p->client.rk, timeout_ms);
	p->reports_us = now_us = ledger_now_us();
	if (timeout_ms && p->base.on_blocked && now_us - p->blocked_us >= BLOCKED_US) {
		p->base.on_blocked(p->base.blocked_ctx);
		p->blocked_us = now_us;
	}
	return producer_check(p, err);
}

/* ---- sending ---- */

int producer_send_queue(struct producer *p, struct err *err)
{
	size_t from = 0;

	p->blocked_us = ledger_now_us();
	while (from < p->n) {
		int left = (int)(p->n - from);
		int done = rd.produce_batch(p->topic, p->partition, RD_KAFKA_MSG_F_COPY, p->queue + from, left);

		from += (size_t)done;
		p->sent += (uint64_t)done;
		if (done == left)
			break;
		/* what comes behind one that the full queue refused was refused too */
		if (p->queue[from].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			fail(p, p->queue[from].err, -1, p->queue[from].len);
		if (producer_wait(p, PRODUCER_POLL_MS, err))
			return -1;
	}
	p->n = 0;
	buf_reset(&p->keys);
	return producer_wait(p, 0, err);
}

/* A key must stay where it is until the queue is sent: one from a scratch buffer is copied. */
static int hold_key(struct producer *p, struct slice *key, struct err *err)
{
	if (p->keys.len + key->len > p->keys.cap) {
		if (p->n && producer_send_queue(p, err))
			return -1;
		buf_reserve(&p->keys, key->len > KEYS_BYTES ? key->len : KEYS_BYTES);
	}
	memcpy(p->keys.p + p->keys.len, key->p, key->len);
	key->p = p->keys.p + p->keys.len;
	p->keys.len += key->len;
	return 0;
}

/* The library takes payloads by pointers to what it might write to; it does not. */
static void *unqualified(const void *p)
{
	union {
		const void *in;
		void *out;
	} u = {p};

	return u.out;
}

int producer_send_many(struct producer *p, struct outgoing *m, bool is_key_scratch, struct err *err)
{
	if (p->n == PRODUCER_QUEUE_MAX && producer_send_queue(p, err))
		return -1;
	if (m->key.p && is_key_scratch && hold_key(p, &m->key, err))
		return -1;
	p->queue[p->n++] = (rd_kafka_message_t){.payload = unqualified(m->value.p),
		.len = m->value.len,
		.key = unqualified(m->key.p),
		.key_len = m->key.len};
	return 0;
}

/* With time, headers or a partition of its own. */
int producer_send_one(struct producer *p, struct outgoing *m, struct err *err)
{
	rd_kafka_vu_t vus[8];
	size_t n = 0;

	vus[n].vtype = RD_KAFKA_VTYPE_RKT;
	vus[n++].u.rkt = p->topic;
	vus[n].vtype = RD_KAFKA_VTYPE_PARTITION;
	vus[n++].u.i32 = m->partition;
	vus[n].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
	vus[n++].u.i = RD_KAFKA_MSG_F_COPY;
	vus[n].vtype = RD_KAFKA_VTYPE_VALUE;
	vus[n].u.mem.ptr = unqualified(m->value.p);
	vus[n++].u.mem.size = m->value.len;
	vus[n].vtype = RD_KAFKA_VTYPE_KEY;
	vus[n].u.mem.ptr = unqualified(m->key.p);
	vus[n++].u.mem.size = m->key.len;
	vus[n].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
	vus[n++].u.i64 = m->time_ms;
	if (m->headers) {
		vus[n].vtype = RD_KAFKA_VTYPE_HEADERS;
		vus[n++].u.headers = m->headers;
	}
	p->blocked_us = ledger_now_us();
	for (;;) {
		rd_kafka_error_t *error = rd.produceva(p->client.rk, vus, n);
		rd_kafka_resp_err_t code = error ? rd.error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;

		if (!error) {
			m->headers = NULL; /* the library's now */
			p->sent++;
			return 0;
		}
		rd.error_destroy(error);
		if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			fail(p, code, -1, m->value.len);
		if (producer_wait(p, PRODUCER_POLL_MS, err))
			return -1;
	}
}
