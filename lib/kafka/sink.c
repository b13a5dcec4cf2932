/* Lines become messages: of an idempotent producer, or of a transaction that the source commits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/client.h"
#include "kafka/exact.h"
#include "kafka/producer.h"
#include "kafka/props.h"
#include "kafka/reader.h"
#include "ledger/ledger.h"
#include "mem/mem.h"

enum { REPORTS_US = 100000 };

/* ---- lines ---- */

/* What the message that the line came from held. */
static void keep(const struct producer *p, const struct batch_record *from, struct outgoing *m)
{
	rd_kafka_headers_t *headers;

	if (!p->fields.has_key)
		m->key = from->key;
	if (from->time_us != BATCH_NO_TIME && from->time_us > 0)
		m->time_ms = from->time_us / 1000;
	if (!p->fields.has_headers && rd.message_headers(from->message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
		m->headers = rd.headers_copy(headers);
}

static bool is_inside(const char *p, const char *line, size_t len)
{
	return p >= line && p < line + len;
}

static int send_line(struct producer *p, const char *line, size_t len, const struct json_record *record,
	const struct batch_record *from, struct err *err)
{
	struct outgoing m = {.value = {line, len}, .partition = p->partition};
	int result;

	if (from && !p->fields.is_envelope)
		keep(p, from, &m);
	if (record && fields_take(&p->fields, record, &m, err)) {
		err_at(err, p->name, 0, 0);
		result = -1;
	} else if (p->exact) {
		exact_add(p->exact, p->exact_topic, &m);
		result = 0;
	} else if (m.time_ms || m.headers || m.partition != p->partition) {
		result = (p->n && producer_send_queue(p, err)) || producer_send_one(p, &m, err) ? -1 : 0;
	} else {
		/* keys of the message that was read, and of envelopes, live only until the next line */
		result = producer_send_many(p, &m, m.key.p && !is_inside(m.key.p, line, len), err);
		if (result == 0 && m.value.p && !is_inside(m.value.p, line, len))
			result = producer_send_queue(p, err);
	}
	if (m.headers)
		rd.headers_destroy(m.headers);
	p->bytes_out += m.value.len;
	return result;
}

static int write_lines(struct producer *p, const struct batch *b, struct err *err)
{
	const char *line = b->p, *end = b->p + b->len;

	for (size_t i = 0; line < end; i++) {
		const char *lf = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((lf ? lf : end) - line);

		if (len && send_line(p, line, len, NULL, batch_record(b, i), err))
			return -1;
		line += len + 1;
	}
	return 0;
}

static int write_records(struct producer *p, const struct batch *b, struct err *err)
{
	struct json_record record;

	json_scan_batch(p->fields.scan, b->p, b->len);
	while (json_scan_next(p->fields.scan, &record)) {
		const struct batch_record *from = batch_record(b, (size_t)record.line);
		size_t len = record.len;

		if (record.status == JSON_BLANK)
			continue;
		if (send_line(p, record.p, len, &record, from, err))
			return -1;
	}
	return 0;
}

static int write_batch(struct sink *k, const struct batch *b, struct err *err)
{
	struct producer *p = (struct producer *)k;
	int result;

	if (!p->exact && producer_check(p, err))
		return -1;
	result = p->fields.scan ? write_records(p, b, err) : write_lines(p, b, err);
	if (result == 0 && p->n)
		result = producer_send_queue(p, err);
	p->n = 0;
	return result;
}

/* ---- waiting ---- */

static int flush(struct sink *k, struct err *err)
{
	return producer_wait((struct producer *)k, 0, err);
}

/* All that was sent is acknowledged. */
static int sync_all(struct sink *k, struct err *err)
{
	struct producer *p = (struct producer *)k;

	p->blocked_us = ledger_now_us();
	while (rd.outq_len(p->client.rk) > 0) {
		rd.flush(p->client.rk, PRODUCER_POLL_MS);
		if (producer_wait(p, PRODUCER_POLL_MS / 10, err))
			return -1;
	}
	return producer_check(p, err);
}

static int64_t deadline(const struct sink *k)
{
	const struct producer *p = (const struct producer *)k;

	return rd.outq_len(p->client.rk) > 0 ? p->reports_us + REPORTS_US : -1;
}

static int tick(struct sink *k, int64_t now_us, struct err *err)
{
	(void)now_us;
	return producer_wait((struct producer *)k, 0, err);
}

/* What was taken cannot be withdrawn: it is delivered, whatever the run was, unless delivering is what failed. */
static int finish(struct sink *k, bool is_good, struct err *err)
{
	struct producer *p = (struct producer *)k;

	(void)is_good;
	if (producer_check(p, err)) {
		rd.purge(p->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		return -1;
	}
	if (sync_all(k, err))
		return -1;
	if (p->delivered != p->sent)
		return err_set(err, ERR_INTERNAL, "%llu of %llu messages were acknowledged",
			(unsigned long long)p->delivered, (unsigned long long)p->sent);
	return 0;
}

static uint64_t bytes_out(const struct sink *k)
{
	return ((const struct producer *)k)->bytes_out;
}

/* ---- in a transaction: the source commits ---- */

static int flush_exact(struct sink *k, struct err *err)
{
	(void)k;
	(void)err;
	return 0;
}

static int finish_exact(struct sink *k, bool is_good, struct err *err)
{
	(void)k;
	(void)is_good;
	(void)err;
	return 0;
}

/* ---- open and close ---- */

static void close_producer(struct sink *k)
{
	struct producer *p = (struct producer *)k;

	if (p->exact)
		exact_release(p->exact);
	else if (p->topic)
		rd.topic_destroy(p->topic);
	if (p->client.rk) {
		rd.purge(p->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd.destroy(p->client.rk);
	}
	fields_close(&p->fields);
	address_release(&p->address);
	buf_release(&p->keys);
	free(p);
}

static int open_client(struct producer *p, struct err *err)
{
	rd_kafka_conf_t *conf = props_conf(&p->opts, &p->address, 1, PROPS_SINK, err);
	const struct rd_kafka_metadata *meta;
	int n_partitions;

	if (!conf)
		return -1;
	rd.conf_set_dr_msg_cb(conf, producer_report);
	if (client_open(&p->client, RD_KAFKA_PRODUCER, conf, &p->opts, err))
		return -1;
	meta = client_topic(&p->client, p->address.topics[0], err);
	if (!meta)
		return err->code == ERR_UNREACHABLE ? -1 : err_at(err, p->name, 0, 0);
	n_partitions = meta->topics[0].partition_cnt;
	rd.metadata_destroy(meta);
	if (p->partition >= n_partitions) {
		err_set(err, ERR_REFUSED, "the topic has %d partitions", n_partitions);
		return err_at(err, p->name, 0, 0);
	}
	p->topic = rd.topic_new(p->client.rk, p->address.topics[0], NULL);
	return p->topic ? 0 : client_fail(err, rd.last_error(), "cannot write");
}

/* What the place says. */
static int open_address(struct producer *p, const struct kafka_opts *o, const char *name, struct err *err)
{
	p->base.is_topic = true;
	p->opts = *o;
	p->name = name;
	if (address_parse(&p->address, name, true, err))
		return -1;
	p->partition = p->address.has_partitions ? p->address.first_partition : RD_KAFKA_PARTITION_UA;
	return 0;
}

/* And what of a line makes the message. */
static int open_place(
	struct producer *p, const struct kafka_opts *o, const char *name, const struct kafka_row *row, struct err *err)
{
	bool is_envelope;

	if (open_address(p, o, name, err))
		return -1;
	is_envelope = p->address.has_envelope ? p->address.is_envelope : o->is_envelope && !row;
	if (is_envelope && row) {
		err_set(err, ERR_USAGE, "envelope=1: rows, late records and rejects have none");
		return err_at(err, name, 0, 0);
	}
	return fields_open(&p->fields, &p->address, is_envelope, row, err) ? err_at(err, name, 0, 0) : 0;
}

struct sink *kafka_sink(const struct kafka_opts *o, const char *name, const struct kafka_row *row, struct err *err)
{
	static const struct sink_ops ops = {
		.write = write_batch,
		.flush = flush,
		.deadline = deadline,
		.tick = tick,
		.finish = finish,
		.close = close_producer,
		.bytes_out = bytes_out,
		.sync = sync_all,
	};
	struct producer *p = mem_alloc(1, sizeof *p);

	p->base.ops = &ops;
	if (open_place(p, o, name, row, err) == 0 && open_client(p, err) == 0)
		return &p->base;
	close_producer(&p->base);
	return NULL;
}

struct sink *kafka_exact_sink(struct source *source, const struct kafka_opts *o, const char *name,
	const struct kafka_row *row, struct err *err)
{
	static const struct sink_ops ops = {
		.write = write_batch,
		.flush = flush_exact,
		.finish = finish_exact,
		.close = close_producer,
		.bytes_out = bytes_out,
	};
	struct reader *r = (struct reader *)source;
	struct producer *p = mem_alloc(1, sizeof *p);
	int topic;

	p->base.ops = &ops;
	if (open_place(p, o, name, row, err))
		goto fail;
	if (!r->exact && !(r->exact = exact_open(r, o, &p->address, err)))
		goto fail;
	topic = exact_topic(r->exact, p->address.topics[0], p->partition, err);
	if (topic < 0) {
		err_at(err, name, 0, 0);
		goto fail;
	}
	p->exact_topic = (size_t)topic;
	p->exact = r->exact;
	if (strcmp(p->exact->place, "kafka") == 0)
		p->exact->place = name;
	return &p->base;
fail:
	close_producer(&p->base);
	return NULL;
}

/* The identity of the cluster behind a client, asked until it is there; NULL: none answered. The caller frees it. */
static char *cluster_of(rd_kafka_t *rk)
{
	return rd.clusterid(rk, CLIENT_ASK_MS);
}

int kafka_is_same_cluster(
	struct source *source, const struct kafka_opts *o, const char *name, bool *is_same, struct err *err)
{
	struct reader *r = (struct reader *)source;
	struct producer *p = mem_alloc(1, sizeof *p);
	char *a = NULL, *b = NULL;

	if (open_address(p, o, name, err) || open_client(p, err)) {
		close_producer(&p->base);
		return -1;
	}
	a = cluster_of(r->client.rk);
	b = cluster_of(p->client.rk);
	*is_same = a && b && strcmp(a, b) == 0;
	if (!a || !b)
		err_set(err, ERR_UNREACHABLE, "no broker tells which cluster it is of");
	if (a)
		rd.mem_free(NULL, a);
	if (b)
		rd.mem_free(NULL, b);
	close_producer(&p->base);
	return err->code == ERR_NONE ? 0 : -1;
}
