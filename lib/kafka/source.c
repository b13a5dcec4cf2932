/* The source that reads topics: opening and closing it, and what the pump asks of it. */
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kafka/exact.h"
#include "kafka/props.h"
#include "kafka/reader.h"
#include "ledger/ledger.h"
#include "mem/mem.h"
#include "stop/stop.h"

enum { WAIT_MS = 1000 };

static enum source_result next(struct source *s, struct batch *b, struct err *err)
{
	return reader_batch((struct reader *)s, b, err);
}

static void wait_for_more(struct source *s, int64_t until_us)
{
	struct reader *r = (struct reader *)s;
	struct pollfd fds[2] = {{r->event_fd, POLLIN, 0}, {stop_fd(), POLLIN, 0}};
	int64_t now_us = ledger_now_us();
	int64_t left_us = until_us < 0 ? WAIT_MS * INT64_C(1000) : until_us - now_us;
	uint64_t count;

	if (left_us > WAIT_MS * INT64_C(1000))
		left_us = WAIT_MS * INT64_C(1000);
	if (r->ask_others_us > now_us && r->ask_others_us - now_us < left_us)
		left_us = r->ask_others_us - now_us;
	if (left_us < 0)
		left_us = 0;
	if (poll(fds, 2, (int)((left_us + 999) / 1000)) > 0 && fds[0].revents &&
		read(r->event_fd, &count, sizeof count) < 0)
		return;
}

static uint32_t inputs(const struct source *s)
{
	const struct reader *r = (const struct reader *)s;

	return r->group ? 0 : (uint32_t)r->n_parts;
}

static int64_t deadline(const struct source *s)
{
	return ((const struct reader *)s)->commit_at_us;
}

static int commit(struct source *s, bool is_final, struct err *err)
{
	struct reader *r = (struct reader *)s;

	return reader_commit(r, is_final, err);
}

/* The batch was not taken from this line on. */
static void refuse(struct source *s, const struct batch *b, uint64_t line)
{
	struct reader *r = (struct reader *)s;

	size_t n = r->records.len / sizeof(struct batch_record);
	size_t index = line >= b->first_line && line - b->first_line < n ? (size_t)(line - b->first_line) : 0;

	if (n && b->input < r->n_parts)
		r->parts[b->input].next = b->records[index].offset;
}

static void on_revoke(struct source *s, int (*deliver)(void *ctx, struct err *err), void *ctx)
{
	struct reader *r = (struct reader *)s;

	r->deliver = deliver;
	r->deliver_ctx = ctx;
}

void kafka_source_keep(struct source *s, const struct kafka_keeper *keeper)
{
	((struct reader *)s)->keeper = keeper;
}

int kafka_exact_offsets(struct source *source, const struct kafka_opts *o, struct err *err)
{
	struct reader *r = (struct reader *)source;

	assert(r->group && !r->exact);
	r->exact = exact_open(r, o, &r->addresses[0], err);
	return r->exact ? 0 : -1;
}

static int64_t lag(const struct source *s)
{
	return reader_lag((const struct reader *)s);
}

/* ---- open and close ---- */

static void release(struct reader *r)
{
	for (size_t i = 0; i < r->n_parts; i++) {
		free(r->parts[i].topic);
		free(r->parts[i].name);
		buf_release(&r->parts[i].metadata);
		buf_release(&r->parts[i].asked_metadata);
		if (r->parts[i].handle)
			rd.topic_destroy(r->parts[i].handle);
	}
	for (size_t i = 0; i < r->n_addresses; i++)
		address_release(&r->addresses[i]);
	if (r->ends)
		rd.topic_partition_list_destroy(r->ends);
	free(r->parts);
	free(r->addresses);
	free(r->left);
	buf_release(&r->records);
	buf_release(&r->origins);
	if (r->event_fd >= 0)
		close(r->event_fd);
	free(r);
}

static void close_reader(struct source *s)
{
	struct reader *r = (struct reader *)s;

	r->is_closing = true;
	r->deliver = NULL;
	r->keeper = NULL;
	r->at = r->n_messages;
	reader_give_back(r);
	for (size_t i = 0; i < r->n_extra; i++)
		rd.message_destroy(r->extra[i]);
	if (r->client.rk && r->group && r->queue)
		rd.consumer_close(r->client.rk);
	for (size_t i = 0; i < r->n_parts; i++)
		if (r->parts[i].handle)
			rd.consume_stop(r->parts[i].handle, r->parts[i].id);
	if (r->queue)
		rd.queue_destroy(r->queue);
	if (r->commits)
		rd.queue_destroy(r->commits);
	for (size_t i = 0; i < r->n_parts; i++) {
		if (r->parts[i].handle)
			rd.topic_destroy(r->parts[i].handle);
		r->parts[i].handle = NULL;
	}
	if (r->exact) {
		r->exact->reader = NULL;
		exact_release(r->exact);
	}
	if (r->member)
		rd.consumer_group_metadata_destroy(r->member);
	if (r->client.rk)
		rd.destroy_flags(r->client.rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	release(r);
}

static int take_group(struct reader *r, const struct address *a, const char *place, struct err *err)
{
	char *group = a->group;

	if (!group)
		return 0;
	if (r->group && strcmp(r->group, group) != 0) {
		err_set(err, ERR_USAGE, "two groups, %.60s and %.60s: a run has one", r->group, group);
		return err_at(err, place, 0, 0);
	}
	r->group = group;
	return 0;
}

static int check_group(const struct reader *r, const struct address *a, struct err *err)
{
	if (r->group && a->has_partitions)
		return err_set(
			err, ERR_USAGE, "partition= and a group exclude each other: the group says who reads what");
	if (r->group && !*r->group)
		return err_set(err, ERR_USAGE, "the name of the group is empty: -G GROUP");
	if (!r->group && r->opts->instance)
		return err_set(err, ERR_USAGE, "--instance: is for a member of a group: -G GROUP");
	if (!r->group && a->from.kind == POINT_STORED)
		return err_set(err, ERR_USAGE, "offset=stored needs a group: -G GROUP");
	return 0;
}

static int parse_places(struct reader *r, const char *const *names, size_t n, struct err *err)
{
	union {
		const char *in;
		char *out;
	} group = {r->opts->group};

	r->group = group.out;
	r->is_envelope = r->opts->is_envelope;
	r->addresses = mem_alloc(n, sizeof *r->addresses);
	r->left = mem_alloc(n, sizeof *r->left);
	for (size_t i = 0; i < n; i++) {
		struct address *a = &r->addresses[i];

		r->n_addresses = i + 1;
		if (address_parse(a, names[i], false, err) || take_group(r, a, names[i], err))
			return -1;
		r->left[i] = a->limit;
		if (a->has_envelope)
			r->is_envelope = a->is_envelope;
		if (i && (!a->brokers != !r->addresses[0].brokers ||
				 (a->brokers && strcmp(a->brokers, r->addresses[0].brokers) != 0))) {
			err_set(err, ERR_USAGE, "all topics of one run are of one cluster");
			return err_at(err, names[i], 0, 0);
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (check_group(r, &r->addresses[i], err))
			return err_at(err, names[i], 0, 0);
	}
	r->is_until_end = r->opts->is_until_end;
	return 0;
}

/* A property in milliseconds. */
static int64_t interval_us(rd_kafka_conf_t *conf, const char *name)
{
	char text[64];
	size_t size = sizeof text;

	return rd.conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK ? strtoll(text, NULL, 10) * 1000 : 0;
}

static int open_client(struct reader *r, struct err *err)
{
	rd_kafka_conf_t *conf = props_conf(r->opts, r->addresses, r->n_addresses, PROPS_SOURCE, err);

	if (!conf)
		return -1;
	if (r->group && (props_set(conf, "group.id", r->group, err) ||
				(r->opts->instance && props_set(conf, "group.instance.id", r->opts->instance, err)))) {
		rd.conf_destroy(conf);
		return -1;
	}
	if (r->group)
		rd.conf_set_rebalance_cb(conf, reader_on_rebalance);
	r->discover_every_us = interval_us(conf, "topic.metadata.refresh.interval.ms");
	r->heartbeat_us = interval_us(conf, "heartbeat.interval.ms");
	r->session_us = interval_us(conf, "session.timeout.ms");
	if (client_open(&r->client, RD_KAFKA_CONSUMER, conf, r->opts, err) || client_await(&r->client, err))
		return -1;
	return 0;
}

/* Topics by name must be there before a group waits for them for ever. */
static int check_topics(struct reader *r, struct err *err)
{
	for (size_t i = 0; i < r->n_addresses; i++)
		for (size_t j = 0; j < r->addresses[i].n_topics; j++) {
			const char *name = r->addresses[i].topics[j];
			const struct rd_kafka_metadata *meta;

			if (*name == '^')
				continue;
			meta = client_topic(&r->client, name, err);
			if (!meta)
				return reader_at(r, name, err);
			rd.metadata_destroy(meta);
		}
	return 0;
}

static int start(struct reader *r, struct err *err)
{
	bool is_endless = false;

	if (r->group)
		return check_topics(r, err) || reader_settle(r, err) || reader_subscribe(r, err) ? -1 : 0;
	if (reader_settle(r, err))
		return -1;
	r->queue = rd.queue_new(r->client.rk);
	if (reader_list(r, false, err))
		return -1;
	for (size_t i = 0; i < r->n_parts; i++) {
		if (reader_start(r, &r->parts[i], err))
			return -1;
		is_endless |= r->parts[i].end < 0;
		r->parts[i].has_end_news = r->parts[i].is_done;
	}
	r->discover_us = is_endless && r->discover_every_us > 0 ? ledger_now_us() + r->discover_every_us : -1;
	return 0;
}

/* The error outlives the source: its place is copied. */
static void keep_place(struct err *err)
{
	static char place[BATCH_PLACE_BYTES];

	if (!err->input)
		return;
	snprintf(place, sizeof place, "%s", err->input);
	err->input = place;
}

struct source *kafka_source(const struct kafka_opts *o, const char *const *names, size_t n_names, struct err *err)
{
	static const struct source_ops ops = {
		.next = next,
		.wait = wait_for_more,
		.inputs = inputs,
		.deadline = deadline,
		.commit = commit,
		.refuse = refuse,
		.on_revoke = on_revoke,
		.keep_alive = reader_keep_alive,
		.lag = lag,
		.close = close_reader,
	};
	static const struct source_ops ops_alone = {
		.next = next,
		.wait = wait_for_more,
		.inputs = inputs,
		.lag = lag,
		.close = close_reader,
	};
	struct reader *r = mem_alloc(1, sizeof *r);

	r->base.ops = &ops;
	r->opts_own = *o;
	r->opts = &r->opts_own;
	r->commit_at_us = r->discover_us = -1;
	r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->event_fd < 0) {
		err_sys(err, "eventfd");
		goto fail;
	}
	if (parse_places(r, names, n_names, err) || open_client(r, err) || start(r, err))
		goto fail;
	if (!r->group)
		r->base.ops = &ops_alone;
	rd.queue_io_event_enable(r->queue, r->event_fd, &(uint64_t){1}, sizeof(uint64_t));
	return &r->base;
fail:
	keep_place(err);
	close_reader(&r->base);
	return NULL;
}

bool kafka_has_group(const struct kafka_opts *o, const char *const *names, size_t n_names)
{
	bool has = o->group != NULL;

	for (size_t i = 0; i < n_names && !has; i++) {
		struct err ignored = ERR_INIT;
		struct address a = {0};

		if (kafka_is_place(names[i]) && address_parse(&a, names[i], false, &ignored) == 0)
			has = a.group != NULL;
		address_release(&a);
	}
	return has;
}

bool kafka_has_topics(const char *const *names, size_t n_names)
{
	bool has = n_names > 1;

	for (size_t i = 0; i < n_names && !has; i++) {
		struct err ignored = ERR_INIT;
		struct address a;

		has = address_parse(&a, names[i], false, &ignored) == 0 && (a.n_topics > 1 || *a.topics[0] == '^');
		address_release(&a);
	}
	return has;
}

bool kafka_reads(const struct source *s, const char *topic)
{
	const struct reader *r = (const struct reader *)s;

	for (size_t i = 0; i < r->n_addresses; i++)
		if (reader_has_topic(&r->addresses[i], topic))
			return true;
	return false;
}

static bool is_same_cluster(const struct address *a, const struct address *b)
{
	return a->brokers && b->brokers ? strcmp(a->brokers, b->brokers) == 0 : !a->brokers && !b->brokers;
}

static bool is_fed(const struct address *from, const struct address *to)
{
	return !from->has_end && !from->limit && is_same_cluster(from, to) && reader_has_topic(from, to->topics[0]) &&
	       (!from->has_partitions || !to->has_partitions ||
		       (from->first_partition <= to->first_partition && to->first_partition <= from->last_partition));
}

bool kafka_feeds(const struct source *s, const char *sink)
{
	const struct reader *r = (const struct reader *)s;
	struct err ignored = ERR_INIT;
	struct address to;
	bool has = false;

	if (address_parse(&to, sink, true, &ignored) == 0 && !r->is_until_end)
		for (size_t i = 0; i < r->n_addresses && !has; i++)
			has = is_fed(&r->addresses[i], &to);
	address_release(&to);
	return has;
}

bool kafka_is_endless(const struct kafka_opts *o, const char *const *names, size_t n_names)
{
	if (kafka_has_group(o, names, n_names))
		return true;
	for (size_t i = 0; i < n_names && !o->is_until_end; i++) {
		struct err ignored = ERR_INIT;
		struct address a;
		bool has_end = address_parse(&a, names[i], false, &ignored) != 0 || a.has_end || a.limit;

		address_release(&a);
		if (!has_end)
			return true;
	}
	return false;
}
