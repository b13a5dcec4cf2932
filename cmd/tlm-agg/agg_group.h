/*
 * agg_group: the stage of tlm-agg for partitions of a group of Kafka.
 *
 * Each partition has a clock, windows and rows of its own: a stage of agg.h. No state is kept anywhere: what is
 * committed is the low water, with what it takes to rebuild the windows from there (see lib/rebuild). While a partition
 * is rebuilt nothing goes out and nothing counts. With a state topic what is open is there, piece by piece (see
 * engine.h), and what is committed is the position.
 */
#ifndef TLM_AGG_GROUP_H
#define TLM_AGG_GROUP_H

#include "agg.h"
#include "source/source.h"

struct agg_group;

/* What a group changes in the options: sessions are cut at each day unless --session-max says otherwise. */
void agg_group_defaults(struct agg_options *o);

/*
 * model: the stage as planned, with the same options; borrowed, as are opts and list. The source asks it for what is
 * committed from now on. warn tells the user something. NULL with err: ERR_USAGE for what a group cannot do.
 */
struct agg_group *agg_group_open(struct agg *model, const struct agg_options *opts, const char *list,
	const struct agg_frame *frame, struct source *source, void (*warn)(void *ctx, const char *text), void *warn_ctx,
	struct err *err);
void agg_group_close(struct agg_group *g); /* does nothing for NULL */
struct stage *agg_group_stage(struct agg_group *g);

/* What is open is kept in this topic too; borrowed. Before the first batch. */
void agg_group_set_table(struct agg_group *g, struct kafka_table *table);

/* Where rows and late records go; late NULL: nowhere. */
void agg_group_set_sinks(struct agg_group *g, struct sink *sink, struct sink *late);

/* As agg_finish(). */
int agg_group_finish(struct agg_group *g, struct buf *out, struct err *err);

#endif
