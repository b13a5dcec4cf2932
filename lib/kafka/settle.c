/*
 * What an end means where transactions write. A reader of committed messages sees a partition up to its last stable
 * offset: to the first transaction that is not decided. A producer that has committed knows that its transaction will
 * be seen, not that every partition has the marker that shows it, so a run that ends where the stable offsets are would
 * leave out what was committed before it began. Here it waits until the stable offset of each partition has reached
 * where the partition ended, with all that was open, when it was asked first. An open transaction is decided at the
 * latest by its time limit (transaction.timeout.ms of its producer), which bounds the wait.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kafka/reader.h"
#include "ledger/ledger.h"
#include "stop/stop.h"

enum { FIRST_NAP_US = 2000, LAST_NAP_US = 100000, TELL_US = 1000000 };

static void tell(const struct reader *r, const rd_kafka_topic_partition_t *part, int64_t stable, int64_t end)
{
	char text[BATCH_PLACE_BYTES + 128];

	if (!r->opts->warn)
		return;
	snprintf(text, sizeof text, "kafka:%.*s[%d]: a transaction is open: waiting for its end (offset %lld of %lld)",
		BATCH_PLACE_BYTES, part->topic, (int)part->partition, (long long)stable, (long long)end);
	r->opts->warn(r->opts->warn_ctx, text);
}

static int await(struct reader *r, const rd_kafka_topic_partition_t *part, struct err *err)
{
	int64_t tell_us = ledger_now_us() + TELL_US, nap_us = FIRST_NAP_US, low, stable;

	for (;;) {
		if (client_bounds(&r->client, part->topic, part->partition, &low, &stable, err))
			return reader_at(r, part->topic, err);
		if (stable >= part->offset || stop_signal())
			return 0;
		if (tell_us >= 0 && ledger_now_us() >= tell_us) {
			tell(r, part, stable, part->offset);
			tell_us = -1;
		}
		nanosleep(&(struct timespec){.tv_nsec = nap_us * 1000}, NULL);
		nap_us = nap_us < LAST_NAP_US / 2 ? 2 * nap_us : LAST_NAP_US;
	}
}

int reader_ask_ends(struct reader *r, rd_kafka_topic_partition_list_t *list, struct err *err)
{
	struct client dirty;
	int result = client_open_beside(&dirty, &r->client, "read_uncommitted", err);

	for (int i = 0; result == 0 && i < list->cnt; i++) {
		rd_kafka_topic_partition_t *part = &list->elems[i];
		int64_t low;

		if (client_bounds(&dirty, part->topic, part->partition, &low, &part->offset, err))
			result = reader_at(r, part->topic, err);
		else if (low >= part->offset)
			part->offset = 0;
	}
	if (dirty.rk)
		rd.destroy(dirty.rk);
	return result;
}

/* The partitions of one name of an address, or of all topics that it matches. */
static int list_name(struct reader *r, const struct address *a, const char *name, rd_kafka_topic_partition_list_t *list,
	struct err *err)
{
	const struct rd_kafka_metadata *meta = client_topic(&r->client, *name == '^' ? NULL : name, err);

	if (!meta)
		return reader_at(r, name, err);
	for (int i = 0; i < meta->topic_cnt; i++) {
		const struct rd_kafka_metadata_topic *t = &meta->topics[i];

		for (int j = 0; !t->err && j < t->partition_cnt; j++)
			if (reader_address(r, t->topic, t->partitions[j].id) == a)
				rd.topic_partition_list_add(list, t->topic, t->partitions[j].id);
	}
	rd.metadata_destroy(meta);
	return 0;
}

static bool has_end(const struct reader *r, const struct address *a)
{
	return r->is_until_end || a->has_end;
}

static bool is_dirty(const struct reader *r)
{
	char text[32];
	size_t size = sizeof text;

	return rd.conf_get(rd.conf(r->client.rk), "isolation.level", text, &size) == RD_KAFKA_CONF_OK &&
	       strcmp(text, "read_uncommitted") == 0;
}

int reader_settle(struct reader *r, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd.topic_partition_list_new(16);
	bool is_needed = r->group || !is_dirty(r);
	int result = 0;

	r->ends = list;
	for (size_t i = 0; i < r->n_addresses && result == 0 && is_needed; i++)
		for (size_t j = 0; j < r->addresses[i].n_topics && result == 0 && has_end(r, &r->addresses[i]); j++)
			result = list_name(r, &r->addresses[i], r->addresses[i].topics[j], list, err);
	if (result == 0 && list->cnt)
		result = reader_ask_ends(r, list, err); /* first: what is written while we wait is not waited for */
	for (int i = 0; i < list->cnt && result == 0; i++)
		result = await(r, &list->elems[i], err);
	return result;
}
