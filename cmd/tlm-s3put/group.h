/* group: a lake that is fed by a group of Kafka: what the group asks goes to the lake, what is to commit to the group.
 */
#ifndef TLM_S3PUT_GROUP_H
#define TLM_S3PUT_GROUP_H

#include "kafka/kafka.h"
#include "s3put.h"

struct group {
	struct tool *tool;
	struct source *source;
	struct sink *lake;
	struct lake_group lake_group;
	struct buf words; /* of it */
	struct kafka_keeper keeper;
};

/*
 * Before the lake is opened: what cannot be had with a group is refused (ERR_USAGE), the rest is set in *o, and
 * transactions begin. group_join() gives it the lake; then the pump may run.
 */
int group_open(struct group *g, struct tool *t, struct source *source, struct s3put_options *o, struct err *err);
void group_join(struct group *g, struct sink *lake);
void group_close(struct group *g);

#endif
