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
 *   kafkaadmin BROKERS transact TOPIC PARTITION VALUE [GROUP TOPIC PARTITION OFFSET METADATA]
 *                                                         a message in a transaction, with its value for a key: says
 *                                                         "open", and when its standard input ends commits that, and
 *                                                         the offset of the group, of which it is no member
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

static const char *brokers;
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

static void delete_topic(char **arg, int n)
{
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(arg[0]);
	const rd_kafka_topic_result_t **results;
	rd_kafka_event_t *event;
	size_t n_results;

	(void)n;
	rd_kafka_DeleteTopics(rk, &topic, 1, NULL, queue);
	event = await("delete");
	results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n_results);
	check_topics("delete", results, n_results);
}

static void grow(char **arg, int n)
{
	char text[512];
	rd_kafka_NewPartitions_t *parts = rd_kafka_NewPartitions_new(arg[0], (size_t)atoi(arg[1]), text, sizeof text);
	const rd_kafka_topic_result_t **results;
	rd_kafka_event_t *event;
	size_t n_results;

	(void)n;
	if (!parts)
		die("grow", text);
	rd_kafka_CreatePartitions(rk, &parts, 1, NULL, queue);
	event = await("grow");
	results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &n_results);
	check_topics("grow", results, n_results);
}

static void trim(char **arg, int n)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_DeleteRecords_t *records;

	(void)n;
	rd_kafka_topic_partition_list_add(list, arg[0], atoi(arg[1]))->offset = atoll(arg[2]);
	records = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(rk, &records, 1, NULL, queue);
	check("trim", rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(await("trim")))
			      ->elems[0]
			      .err);
}

static void allow(char **arg, int n)
{
	char text[512], user[128];
	rd_kafka_AclOperation_t op = strcmp(arg[3], "read") == 0    ? RD_KAFKA_ACL_OPERATION_READ
				     : strcmp(arg[3], "write") == 0 ? RD_KAFKA_ACL_OPERATION_WRITE
								    : RD_KAFKA_ACL_OPERATION_DESCRIBE;
	rd_kafka_ResourceType_t type = strcmp(arg[1], "group") == 0 ? RD_KAFKA_RESOURCE_GROUP : RD_KAFKA_RESOURCE_TOPIC;
	rd_kafka_AclBinding_t *acl;

	(void)n;
	snprintf(user, sizeof user, "User:%s", arg[0]);
	acl = rd_kafka_AclBinding_new(type, arg[2], RD_KAFKA_RESOURCE_PATTERN_LITERAL, user, "*", op,
		RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, text, sizeof text);
	if (!acl)
		die("allow", text);
	rd_kafka_CreateAcls(rk, &acl, 1, NULL, queue);
	await("allow");
}

/* TOPIC PARTITION OFFSET [METADATA] */
static rd_kafka_topic_partition_list_t *parse_offset(char **arg, int n)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *part = rd_kafka_topic_partition_list_add(list, arg[0], atoi(arg[1]));

	part->offset = atoll(arg[2]);
	if (n > 3) {
		part->metadata = strdup(arg[3]);
		part->metadata_size = strlen(arg[3]);
	}
	return list;
}

static void set_offset(char **arg, int n)
{
	check("commit", rd_kafka_commit(rk, parse_offset(arg + 1, n - 1), 0));
}

static void committed(char **arg, int n)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	const struct rd_kafka_metadata *meta;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, arg[1], NULL);

	(void)n;
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

static void transact(char **arg, int n)
{
	char rest;

	check_error("transact", rd_kafka_init_transactions(rk, WAIT_MS));
	check_error("transact", rd_kafka_begin_transaction(rk));
	check("transact", rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(arg[0]), RD_KAFKA_V_PARTITION(atoi(arg[1])),
				  RD_KAFKA_V_KEY(arg[2], strlen(arg[2])), RD_KAFKA_V_VALUE(arg[2], strlen(arg[2])),
				  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END));
	check("transact", rd_kafka_flush(rk, WAIT_MS));
	puts("open");
	fflush(stdout);
	while (read(STDIN_FILENO, &rest, 1) > 0)
		;
	if (n > 6)
		check_error("transact", rd_kafka_send_offsets_to_transaction(rk, parse_offset(arg + 4, n - 4),
						rd_kafka_consumer_group_metadata_new(arg[3]), WAIT_MS));
	check_error("transact", rd_kafka_commit_transaction(rk, WAIT_MS));
}

/* With one property more, where its value is not NULL. */
static rd_kafka_t *open_handle(rd_kafka_type_t type, const char *property, const char *value)
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

static void settle(char **arg, int n)
{
	const char *name = arg[0];
	rd_kafka_t *all = open_handle(RD_KAFKA_CONSUMER, "isolation.level", "read_uncommitted");
	rd_kafka_t *stable = open_handle(RD_KAFKA_CONSUMER, "isolation.level", "read_committed");
	rd_kafka_topic_t *topic = rd_kafka_topic_new(all, name, NULL);
	const struct rd_kafka_metadata *meta;

	(void)n;
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

static void count_members(char **arg, int n)
{
	const struct rd_kafka_group_list *groups;

	(void)n;
	check("members", rd_kafka_list_groups(rk, arg[0], &groups, WAIT_MS));
	for (int i = 0; i < groups->group_cnt; i++)
		printf("%s %d\n", groups->groups[i].state, groups->groups[i].member_cnt);
	rd_kafka_group_list_destroy(groups);
}

static void fence(char **arg, int n)
{
	(void)arg;
	(void)n;
	check_error("fence", rd_kafka_init_transactions(rk, WAIT_MS));
}

/* What a verb is done with: a producer, or the argument that names a group or a transactional.id. */
static const struct verb {
	const char *name;
	int n_least;
	void (*run)(char **arg, int n);
	int group, transactional_id; /* from 1; 0: none */
} verbs[] = {
	{"create", 2, create, 0, 0},
	{"delete", 1, delete_topic, 0, 0},
	{"grow", 2, grow, 0, 0},
	{"trim", 3, trim, 0, 0},
	{"allow", 4, allow, 0, 0},
	{"commit", 4, set_offset, 1, 0},
	{"committed", 2, committed, 1, 0},
	{"transact", 3, transact, 0, 3},
	{"fence", 1, fence, 0, 1},
	{"settle", 1, settle, 0, 0},
	{"members", 1, count_members, 0, 0},
};

int main(int argc, char **argv)
{
	const struct verb *verb = NULL;

	for (size_t i = 0; argc >= 3 && i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(argv[2], verbs[i].name) == 0 && argc - 3 >= verbs[i].n_least)
			verb = &verbs[i];
	}
	if (!verb) {
		fputs("usage: kafkaadmin BROKERS VERB ARGUMENT...\n", stderr);
		return 2;
	}
	brokers = argv[1];
	if (verb->group)
		rk = open_handle(RD_KAFKA_CONSUMER, "group.id", argv[2 + verb->group]);
	else
		rk = open_handle(RD_KAFKA_PRODUCER, "transactional.id",
			verb->transactional_id ? argv[2 + verb->transactional_id] : NULL);
	queue = rd_kafka_queue_new(rk);
	verb->run(argv + 3, argc - 3);
	fflush(stdout);
	_exit(0);
}
