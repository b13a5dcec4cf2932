/* Which partitions are read, from where and up to where. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/props.h"
#include "kafka/reader.h"
#include "ledger/ledger.h"
#include "mem/mem.h"

/* ---- the table ---- */

struct part *reader_find(const struct reader *r, const char *topic, int32_t id)
{
	for (size_t i = 0; i < r->n_parts; i++)
		if (r->parts[i].id == id && strcmp(r->parts[i].topic, topic) == 0)
			return &r->parts[i];
	return NULL;
}

/* As the library does it for members of a group. */
static bool is_match(const char *pattern, const char *topic)
{
	regex_t re;
	bool result;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	result = regexec(&re, topic, 0, NULL, 0) == 0;
	regfree(&re);
	return result;
}

bool reader_has_topic(const struct address *a, const char *topic)
{
	for (size_t i = 0; i < a->n_topics; i++) {
		const char *name = a->topics[i];

		if (*name == '^' ? is_match(name, topic) && !is_match(PROPS_OWN_TOPICS, topic)
				 : strcmp(name, topic) == 0)
			return true;
	}
	return false;
}

const struct address *reader_address(const struct reader *r, const char *topic, int32_t id)
{
	for (size_t i = 0; i < r->n_addresses; i++) {
		const struct address *a = &r->addresses[i];

		if (a->has_partitions && (id < a->first_partition || id > a->last_partition))
			continue;
		if (reader_has_topic(a, topic))
			return a;
	}
	return NULL;
}

struct part *reader_part(struct reader *r, const char *topic, int32_t id)
{
	struct part *p = reader_find(r, topic, id);
	struct buf name = BUF_INIT;

	if (p)
		return p;
	if (r->n_parts == r->cap_parts) {
		r->cap_parts = r->cap_parts ? 2 * r->cap_parts : 16;
		r->parts = mem_resize(r->parts, r->cap_parts, sizeof *r->parts);
	}
	p = &r->parts[r->n_parts++];
	*p = (struct part){
		.id = id, .start = RD_KAFKA_OFFSET_BEGINNING, .end = -1, .next = -1, .seen_end = -1, .committed = -1};
	p->topic = mem_dup(topic, strlen(topic));
	p->address = reader_address(r, topic, id);
	buf_addf(&name, "kafka:%s[%d]", topic, (int)id);
	p->name = mem_dup(buf_cstr(&name), name.len);
	buf_release(&name);
	return p;
}

/* ---- points ---- */

static int fail(const struct part *p, rd_kafka_resp_err_t code, struct err *err)
{
	client_fail(err, code, "cannot ask for offsets");
	return err_at(err, p->name, 0, 0);
}

/* The bounds of what the partition holds now. */
static int ask_bounds(struct reader *r, const struct part *p, int64_t *low, int64_t *high, struct err *err)
{
	return client_bounds(&r->client, p->topic, p->id, low, high, err) ? err_at(err, p->name, 0, 0) : 0;
}

/* The first message of that time or later; where there is none, the end as it is now. */
static int ask_time(struct reader *r, const struct part *p, int64_t ms, int64_t *offset, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd.topic_partition_list_new(1);
	rd_kafka_resp_err_t code;
	int64_t low;

	rd.topic_partition_list_add(list, p->topic, p->id)->offset = ms;
	code = rd.offsets_for_times(r->client.rk, list, CLIENT_ASK_MS);
	*offset = list->elems[0].offset;
	if (!code)
		code = list->elems[0].err;
	rd.topic_partition_list_destroy(list);
	if (code)
		return fail(p, code, err);
	return *offset < 0 ? ask_bounds(r, p, &low, offset, err) : 0;
}

static int resolve_start(struct reader *r, struct part *p, const struct point *at, struct err *err)
{
	int64_t low, high;

	switch (at->kind) {
	case POINT_BEGINNING:
		p->start = RD_KAFKA_OFFSET_BEGINNING;
		return 0;
	case POINT_END:
		p->start = RD_KAFKA_OFFSET_END;
		return 0;
	case POINT_OFFSET:
		p->start = at->n;
		return 0;
	case POINT_TIME:
		return ask_time(r, p, at->n, &p->start, err);
	case POINT_STORED:
		p->start = p->committed >= 0 ? p->committed : RD_KAFKA_OFFSET_BEGINNING;
		return 0;
	case POINT_BEFORE_END:
	case POINT_AFTER:
		break;
	}
	if (ask_bounds(r, p, &low, &high, err))
		return -1;
	if (at->kind == POINT_AFTER)
		p->start = at->n > high - low ? high : low + at->n;
	else
		p->start = at->n > high - low ? low : high - at->n;
	return 0;
}

/* So many behind where reading begins, or behind what the group has read: it may begin before that. */
static int64_t end_after(const struct reader *r, const struct part *p, int64_t n, int64_t low, int64_t high)
{
	int64_t start = p->start == RD_KAFKA_OFFSET_END ? high : p->start < 0 ? low : p->start;

	if (p->address->from.kind == POINT_STORED && p->committed >= 0 && r->keeper && r->keeper->read_up_to)
		start = r->keeper->read_up_to(p->committed, buf_slice(&p->metadata));
	return n > INT64_MAX - start ? INT64_MAX : start + n;
}

static int resolve_end(struct reader *r, struct part *p, const struct point *at, struct err *err)
{
	int64_t low, high;

	if (at->kind == POINT_OFFSET) {
		p->end = at->n;
		return 0;
	}
	if (at->kind == POINT_TIME)
		return ask_time(r, p, at->n, &p->end, err);
	if (ask_bounds(r, p, &low, &high, err))
		return -1;
	if (at->kind == POINT_AFTER)
		p->end = end_after(r, p, at->n, low, high);
	else
		p->end = at->kind == POINT_BEFORE_END ? (at->n > high - low ? low : high - at->n) : high;
	if (p->start == RD_KAFKA_OFFSET_BEGINNING && p->end <= low)
		p->is_done = true;
	return 0;
}

int reader_resolve(struct reader *r, struct part *p, struct err *err)
{
	static const struct point beginning = {POINT_BEGINNING, 0}, end = {POINT_END, 0};
	const struct address *a = p->address;

	if (resolve_start(r, p, a && a->has_offset ? &a->from : &beginning, err))
		return -1;
	if (a && a->has_end ? resolve_end(r, p, &a->to, err) : r->is_until_end && resolve_end(r, p, &end, err))
		return -1;
	p->is_done |= p->end >= 0 && (p->start >= p->end || (p->start == RD_KAFKA_OFFSET_END));
	return 0;
}

int reader_at(struct reader *r, const char *topic, struct err *err)
{
	if (err->code == ERR_UNREACHABLE)
		return -1; /* that is no matter of one topic */
	snprintf(r->topic_place, sizeof r->topic_place, "kafka:%s", topic);
	return err_at(err, r->topic_place, 0, 0);
}

/* ---- without a group: all partitions ---- */

static int list_topic(struct reader *r, const struct rd_kafka_metadata_topic *topic, bool is_again, struct err *err)
{
	for (int i = 0; i < topic->partition_cnt; i++) {
		int32_t id = topic->partitions[i].id;
		struct part *p;

		if (reader_find(r, topic->topic, id) || !reader_address(r, topic->topic, id))
			continue;
		p = reader_part(r, topic->topic, id);
		/* a partition that was added while we read: its first record is new too */
		if (!is_again && reader_resolve(r, p, err))
			return -1;
		if (is_again && r->opts->warn && r->opts->verbose) {
			struct buf text = BUF_INIT;

			buf_addf(&text, "%s was added and is read from its beginning", p->name);
			r->opts->warn(r->opts->warn_ctx, buf_cstr(&text));
			buf_release(&text);
		}
	}
	return 0;
}

static int by_id(const void *a, const void *b)
{
	int32_t x = ((const struct rd_kafka_metadata_partition *)a)->id;
	int32_t y = ((const struct rd_kafka_metadata_partition *)b)->id;

	return (x > y) - (x < y);
}

static int list_name(struct reader *r, const struct address *a, const char *name, bool is_again, struct err *err)
{
	const struct rd_kafka_metadata *meta = client_topic(&r->client, *name == '^' ? NULL : name, err);
	size_t n_before = r->n_parts;
	int result = 0;

	if (!meta)
		return reader_at(r, name, err);
	for (int i = 0; result == 0 && i < meta->topic_cnt; i++) {
		const struct rd_kafka_metadata_topic *t = &meta->topics[i];

		if (t->err || !reader_has_topic(a, t->topic))
			continue;
		qsort(t->partitions, (size_t)t->partition_cnt, sizeof *t->partitions, by_id);
		result = list_topic(r, t, is_again, err);
	}
	rd.metadata_destroy(meta);
	if (result == 0 && !is_again && r->n_parts == n_before && !reader_find(r, name, 0)) {
		err_set(err, ERR_REFUSED, "%s",
			a->has_partitions ? "there is no such partition" : "no topic has a name like that");
		return reader_at(r, name, err);
	}
	return result;
}

int reader_list(struct reader *r, bool is_again, struct err *err)
{
	for (size_t i = 0; i < r->n_addresses; i++)
		for (size_t j = 0; j < r->addresses[i].n_topics; j++)
			if (list_name(r, &r->addresses[i], r->addresses[i].topics[j], is_again, err))
				return -1;
	return 0;
}

int reader_start(struct reader *r, struct part *p, struct err *err)
{
	if (p->is_done || p->is_assigned)
		return 0;
	p->handle = rd.topic_new(r->client.rk, p->topic, NULL);
	if (!p->handle || rd.consume_start_queue(p->handle, p->id, p->start, r->queue)) {
		client_fail(err, rd.last_error(), "cannot read");
		return err_at(err, p->name, 0, 0);
	}
	p->is_assigned = true;
	return 0;
}

void reader_pause(struct reader *r, struct part *p)
{
	rd_kafka_topic_partition_list_t *list;

	if (p->is_paused)
		return;
	p->is_paused = true;
	list = rd.topic_partition_list_new(1);
	rd.topic_partition_list_add(list, p->topic, p->id);
	rd.pause_partitions(r->client.rk, list);
	rd.topic_partition_list_destroy(list);
}

/* By what the library has heard of the ends: no question to a broker. -1 where it is not known. */
int64_t reader_lag(const struct reader *r)
{
	int64_t lag = 0;

	for (size_t i = 0; i < r->n_parts; i++) {
		const struct part *p = &r->parts[i];
		int64_t low, high, at = p->next;

		if (!p->is_assigned || p->is_done)
			continue;
		if (rd.get_watermark_offsets(r->client.rk, p->topic, p->id, &low, &high) || high < 0)
			continue;
		if (p->seen_end > at)
			at = p->seen_end;
		if (at < 0)
			at = p->start >= 0 ? p->start : p->start == RD_KAFKA_OFFSET_END ? high : low;
		lag += high > at ? high - at : 0;
	}
	return lag;
}
