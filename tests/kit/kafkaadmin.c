/*
 * kafkaadmin: what the Kafka tests ask a broker for, without the start of a Java program.
 *
 *   kafkaadmin BROKERS create TOPIC PARTITIONS [NAME=VALUE...]
 *   kafkaadmin BROKERS delete TOPIC
 *   kafkaadmin BROKERS grow TOPIC PARTITIONS
 *   kafkaadmin BROKERS trim TOPIC PARTITION OFFSET        records before OFFSET are deleted
 *   kafkaadmin BROKERS allow USER topic|group NAME read|write|describe
 *   kafkaadmin BROKERS commit GROUP TOPIC PARTITION OFFSET [METADATA]
 *   kafkaadmin BROKERS committed GROUP TOPIC              lines "PARTITION OFFSET METADATA"
 *   kafkaadmin BROKERS transact TOPIC PARTITION VALUE     a message in a transaction: says "open", and commits it when
 *                                                         its standard input ends
 *   kafkaadmin BROKERS fence ID                           whoever has this transactional.id is told that it is dead
 *   kafkaadmin BROKERS settle TOPIC                       waits until what was committed can be read: a producer knows
 *                                                         it before every partition has the marker that shows it
 *   kafkaadmin BROKERS members GROUP                      "Stable 2": the state of the group, and how many there are
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 60000, PARTITIONS_MAX = 64, NAP_US = 10000 };

static rd_kafka_t *rk;
static rd_kafka_queue_t *queue;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "kafkaadmin: %s: %s\n", what, why);
	exit(1);
}

static void check(const char *what, rd_kafka_resp_err_t code)
{
	if (code)
		die(what, rd_kafka_err2str(code));
}

static rd_kafka_event_t *await(const char *what)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);

	if (!event)
		die(what, "no answer");
	if (rd_kafka_event_error(event))
		die(what, rd_kafka_event_error_string(event));
	return event;
}

static void check_topics(const char *what, const rd_kafka_topic_result_t **results, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(what, rd_kafka_topic_result_error(results[i]));
}

static void create(char **arg, int n)
{
	char text[512];
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(arg[0], atoi(arg[1]), -1, text, sizeof text);
	const rd_kafka_topic_result_t **results;
	rd_kafka_event_t *event;
	size_t n_results;

	if (!topic)
		die("create", text);
	for (int i = 2; i < n; i++) {
		char *equals = strchr(arg[i], '=');

		if (!equals)
			die("create", arg[i]);
		*equals = '\0';
		check("create", rd_kafka_NewTopic_set_config(topic, arg[i], equals + 1));
	}
	rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
	event = await("create");
	results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n_results);
	check_topics("create", results, n_results);
}

static void delete_topic(char **arg)
{
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(arg[0]);
	const rd_kafka_topic_result_t **results;
	rd_kafka_event_t *event;
	size_t n;

	rd_kafka_DeleteTopics(rk, &topic, 1, NULL, queue);
	event = await("delete");
	results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
	check_topics("delete", results, n);
}

static void grow(char **arg)
{
	char text[512];
	rd_kafka_NewPartitions_t *parts = rd_kafka_NewPartitions_new(arg[0], (size_t)atoi(arg[1]), text, sizeof text);
	const rd_kafka_topic_result_t **results;
	rd_kafka_event_t *event;
	size_t n;

	if (!parts)
		die("grow", text);
	rd_kafka_CreatePartitions(rk, &parts, 1, NULL, queue);
	event = await("grow");
	results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &n);
	check_topics("grow", results, n);
}

static void trim(char **arg)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_DeleteRecords_t *records;

	rd_kafka_topic_partition_list_add(list, arg[0], atoi(arg[1]))->offset = atoll(arg[2]);
	records = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(rk, &records, 1, NULL, queue);
	check("trim", rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(await("trim")))
			      ->elems[0]
			      .err);
}

static void allow(char **arg)
{
	char text[512], user[128];
	rd_kafka_AclOperation_t op = strcmp(arg[3], "read") == 0    ? RD_KAFKA_ACL_OPERATION_READ
				     : strcmp(arg[3], "write") == 0 ? RD_KAFKA_ACL_OPERATION_WRITE
								    : RD_KAFKA_ACL_OPERATION_DESCRIBE;
	rd_kafka_ResourceType_t type = strcmp(arg[1], "group") == 0 ? RD_KAFKA_RESOURCE_GROUP : RD_KAFKA_RESOURCE_TOPIC;
	rd_kafka_AclBinding_t *acl;

	snprintf(user, sizeof user, "User:%s", arg[0]);
	acl = rd_kafka_AclBinding_new(type, arg[2], RD_KAFKA_RESOURCE_PATTERN_LITERAL, user, "*", op,
		RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, text, sizeof text);
	if (!acl)
		die("allow", text);
	rd_kafka_CreateAcls(rk, &acl, 1, NULL, queue);
	await("allow");
}

static void set_offset(char **arg, int n)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *part = rd_kafka_topic_partition_list_add(list, arg[1], atoi(arg[2]));

	part->offset = atoll(arg[3]);
	if (n > 4) {
		part->metadata = strdup(arg[4]);
		part->metadata_size = strlen(arg[4]);
	}
	check("commit", rd_kafka_commit(rk, list, 0));
}

static void committed(char **arg)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	const struct rd_kafka_metadata *meta;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, arg[1], NULL);

	check("committed", rd_kafka_metadata(rk, 0, topic, &meta, WAIT_MS));
	for (int i = 0; i < meta->topics[0].partition_cnt && i < PARTITIONS_MAX; i++)
		rd_kafka_topic_partition_list_add(list, arg[1], meta->topics[0].partitions[i].id);
	rd_kafka_topic_partition_list_sort(list, NULL, NULL);
	check("committed", rd_kafka_committed(rk, list, WAIT_MS));
	for (int i = 0; i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *p = &list->elems[i];

		printf("%d %lld %.*s\n", p->partition, p->offset < 0 ? -1LL : (long long)p->offset,
			(int)p->metadata_size, p->metadata ? (const char *)p->metadata : "");
	}
}

static void check_error(const char *what, rd_kafka_error_t *error)
{
	if (error)
		die(what, rd_kafka_error_string(error));
}

static void transact(char **arg)
{
	char rest;

	check_error("transact", rd_kafka_init_transactions(rk, WAIT_MS));
	check_error("transact", rd_kafka_begin_transaction(rk));
	check("transact", rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(arg[0]), RD_KAFKA_V_PARTITION(atoi(arg[1])),
				  RD_KAFKA_V_VALUE(arg[2], strlen(arg[2])), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
				  RD_KAFKA_V_END));
	check("transact", rd_kafka_flush(rk, WAIT_MS));
	puts("open");
	fflush(stdout);
	while (read(STDIN_FILENO, &rest, 1) > 0)
		;
	check_error("transact", rd_kafka_commit_transaction(rk, WAIT_MS));
}

/* With one property more, where its value is not NULL. */
static rd_kafka_t *open_handle(rd_kafka_type_t type, const char *brokers, const char *property, const char *value)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[512];
	rd_kafka_t *handle;

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof text);
	if (value)
		rd_kafka_conf_set(conf, property, value, text, sizeof text);
	handle = rd_kafka_new(type, conf, text, sizeof text);
	if (!handle)
		die("open", text);
	return handle;
}

static int64_t end_of(rd_kafka_t *reader, const char *topic, int partition)
{
	int64_t low, high;

	check("settle", rd_kafka_query_watermark_offsets(reader, topic, partition, &low, &high, WAIT_MS));
	return high;
}

static void settle(const char *brokers, const char *name)
{
	rd_kafka_t *all = open_handle(RD_KAFKA_CONSUMER, brokers, "isolation.level", "read_uncommitted");
	rd_kafka_t *stable = open_handle(RD_KAFKA_CONSUMER, brokers, "isolation.level", "read_committed");
	rd_kafka_topic_t *topic = rd_kafka_topic_new(all, name, NULL);
	const struct rd_kafka_metadata *meta;

	check("settle", rd_kafka_metadata(all, 0, topic, &meta, WAIT_MS));
	for (int i = 0; i < meta->topics[0].partition_cnt; i++) {
		int id = meta->topics[0].partitions[i].id;
		int64_t end = end_of(all, name, id), left_us = WAIT_MS * 1000LL;

		for (; end_of(stable, name, id) < end; left_us -= NAP_US) {
			if (left_us <= 0)
				die("settle", "a transaction is open");
			usleep(NAP_US);
		}
	}
}

static void open_client(const char *brokers, const char *group, const char *transactional_id)
{
	rk = group ? open_handle(RD_KAFKA_CONSUMER, brokers, "group.id", group)
		   : open_handle(RD_KAFKA_PRODUCER, brokers, "transactional.id", transactional_id);
	queue = rd_kafka_queue_new(rk);
}

static void count_members(const char *name)
{
	const struct rd_kafka_group_list *groups;

	check("members", rd_kafka_list_groups(rk, name, &groups, WAIT_MS));
	for (int i = 0; i < groups->group_cnt; i++)
		printf("%s %d\n", groups->groups[i].state, groups->groups[i].member_cnt);
	rd_kafka_group_list_destroy(groups);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int n_least;
	} verbs[] = {{"create", 2}, {"delete", 1}, {"grow", 2}, {"trim", 3}, {"allow", 4}, {"commit", 4},
		{"committed", 2}, {"transact", 3}, {"fence", 1}, {"settle", 1}, {"members", 1}};
	size_t verb = 0;

	while (argc >= 3 && verb < sizeof verbs / sizeof *verbs && strcmp(argv[2], verbs[verb].name) != 0)
		verb++;
	if (argc < 3 || verb == sizeof verbs / sizeof *verbs || argc - 3 < verbs[verb].n_least) {
		fputs("usage: kafkaadmin BROKERS VERB ARGUMENT...\n", stderr);
		return 2;
	}
	open_client(argv[1], verb == 5 || verb == 6 ? argv[3] : NULL, verb == 7 ? argv[5] : verb == 8 ? argv[3] : NULL);
	switch (verb) {
	case 0:
		create(argv + 3, argc - 3);
		break;
	case 1:
		delete_topic(argv + 3);
		break;
	case 2:
		grow(argv + 3);
		break;
	case 3:
		trim(argv + 3);
		break;
	case 4:
		allow(argv + 3);
		break;
	case 5:
		set_offset(argv + 3, argc - 3);
		break;
	case 6:
		committed(argv + 3);
		break;
	case 7:
		transact(argv + 3);
		break;
	case 8:
		check_error("fence", rd_kafka_init_transactions(rk, WAIT_MS));
		break;
	case 9:
		settle(argv[1], argv[3]);
		break;
	case 10:
		count_members(argv[3]);
		break;
	}
	fflush(stdout);
	_exit(0);
}
