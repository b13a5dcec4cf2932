/* agg_group_impl: what the files of the stage of a group share. */
#ifndef TLM_AGG_GROUP_IMPL_H
#define TLM_AGG_GROUP_IMPL_H

#include "agg_group.h"
#include "agg_impl.h"
#include "kafka/kafka.h"
#include "rebuild/rebuild.h"

/* One partition. */
struct part {
	struct agg *agg; /* NULL: not ours */
	struct rebuild rebuild;
	const char *name;
	struct buf names; /* in the state topic: what they begin with, up to the comma or the bracket */
	struct buf head;  /* the metadata that the state there goes with */
};

struct agg_group {
	struct stage stage;
	struct kafka_keeper keeper;
	struct agg *model;
	const struct agg_options *opts;
	const char *list;
	struct agg_frame frame;
	uint64_t options;   /* a hash of what windows depend on */
	struct part *parts; /* by input */
	uint32_t n_parts;
	struct sink *late;
	bool has_unsynced_late;
	struct engine_counts past; /* of partitions that went */
	struct ledger replayed;    /* the books of what was read before: nobody looks at them */
	struct reject *silent;
	struct kafka_table *table; /* NULL: what is open is in the log alone */
	unsigned n_keys;           /* of records that were compared with their groups */
	void (*warn)(void *ctx, const char *text);
	void *warn_ctx;
};

/* agg_group.c: a stage for a partition, name is "kafka:TOPIC[PARTITION]"; it is rebuilt, and tells nothing. */
struct agg *agg_group_begin(const struct agg_group *g, const char *name, int32_t partition, struct err *err);
void agg_group_go_silent(struct agg_group *g, struct agg *agg);

/* agg_group_plan.c */
int agg_group_check(const struct agg *model, const struct agg_options *o, struct err *err); /* what cannot be done */
uint64_t agg_group_hash(const struct agg_options *o, const char *list); /* of what open windows depend on */

/* agg_group_state.c: the state topic */

/* What it holds of the partition goes into the new p->agg; where the metadata do not say that there is something, it
 * goes away with the next commit. 0, or -1 with err. */
int agg_group_restore(struct agg_group *g, struct part *p, int32_t partition, struct slice metadata, struct err *err);

/* What has changed since the last call, with the metadata of the commit. */
void agg_group_save(struct agg_group *g, struct part *p, const struct buf *metadata);

#endif
