/*
 * What other members hold when ours has ended. A member that was killed keeps its partitions until the group misses it,
 * which takes session.timeout.ms; whoever joins in that time may get few partitions or none, and would leave what the
 * dead one had not read to nobody. A heartbeat that is missing shows to the group alone, but there are two signs that
 * can be seen from here. Either what others hold has been read, by what is committed, up to where it ended when we
 * began; or we have been in the group for longer than a dead member is kept, and it is not about to assign anew: then
 * all members lived after we came, and each of them answers for its own.
 */
#include <string.h>

#include "kafka/reader.h"
#include "ledger/ledger.h"

enum { ASK_EVERY_US = 200000, ASK_MS = 2000 };

/* The partitions that are to end and are not ours, without offsets. */
static rd_kafka_topic_partition_list_t *held_by_others(const struct reader *r)
{
	rd_kafka_topic_partition_list_t *list = rd.topic_partition_list_new(4);

	for (int i = 0; i < r->ends->cnt; i++) {
		const rd_kafka_topic_partition_t *part = &r->ends->elems[i];
		const struct part *p = reader_find(r, part->topic, part->partition);

		if (!p || !p->is_assigned)
			rd.topic_partition_list_add(list, part->topic, part->partition);
	}
	return list;
}

/* Where the group has read up to; windows that are open may keep the offset itself behind. */
static int64_t position_of(const struct reader *r, const rd_kafka_topic_partition_t *part)
{
	struct slice metadata = {part->metadata, part->metadata ? part->metadata_size : 0};

	if (part->offset < 0)
		return 0;
	return r->keeper && r->keeper->read_up_to ? r->keeper->read_up_to(part->offset, metadata) : part->offset;
}

/* An answer that does not come, or that waits for a transaction, tells nothing. */
static bool is_all_read(const struct reader *r, rd_kafka_topic_partition_list_t *list)
{
	if (rd.committed(r->client.rk, list, ASK_MS))
		return false;
	for (int i = 0; i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *part = &list->elems[i];
		const rd_kafka_topic_partition_t *end =
			rd.topic_partition_list_find(r->ends, part->topic, part->partition);

		if (part->err || position_of(r, part) < end->offset)
			return false;
	}
	return true;
}

/* A group of the newer protocol has no such state: it gives partitions away one by one. */
static bool is_settled(const struct reader *r)
{
	const struct rd_kafka_group_list *groups;
	bool is_moving = false;

	if (rd.list_groups(r->client.rk, r->group, &groups, ASK_MS))
		return false;
	for (int i = 0; i < groups->group_cnt; i++)
		is_moving |= strcmp(groups->groups[i].state, "PreparingRebalance") == 0 ||
			     strcmp(groups->groups[i].state, "CompletingRebalance") == 0;
	rd.group_list_destroy(groups);
	return !is_moving;
}

bool reader_can_leave(struct reader *r)
{
	rd_kafka_topic_partition_list_t *list;
	int64_t now_us = ledger_now_us();
	bool can_leave;

	if (!r->group)
		return true;
	if (now_us < r->ask_others_us)
		return false;
	r->ask_others_us = now_us + ASK_EVERY_US;
	list = held_by_others(r);
	can_leave = !list->cnt || is_all_read(r, list) || (now_us >= r->trusted_us && is_settled(r));
	rd.topic_partition_list_destroy(list);
	/* others wait for us */
	if (!can_leave && r->keeper && r->keeper->read_all)
		r->keeper->read_all(r->keeper->ctx);
	if (!can_leave && r->commit_at_us > now_us)
		r->commit_at_us = now_us;
	return can_leave;
}
