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
	unsigned n_keys; /* of records that were compared with their groups */
	void (*warn)(void *ctx, const char *text);
	void *warn_ctx;
};

/* agg_group_plan.c */
int agg_group_check(const struct agg *model, const struct agg_options *o, struct err *err); /* what cannot be done */
uint64_t agg_group_hash(const struct agg_options *o, const char *list); /* of what open windows depend on */

#endif
