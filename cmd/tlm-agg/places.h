/* places: where the records of tlm-agg come from, and where its rows go. */
#ifndef AGG_PLACES_H
#define AGG_PLACES_H

#include "agg.h"
#include "agg_group.h"
#include "source/source.h"
#include "tool/tool.h"

struct places {
	struct source *source; /* NULL: a dry run over topics, which opens none */
	struct sink *sink;
	struct sink *late;         /* of --late */
	struct kafka_table *table; /* of --state-topic, or NULL */
	struct agg_group *group;   /* NULL: there is none */
};

/* Checks all places and opens the sources; fills what the frame says of them. Returns 0, or -1 with err. */
int places_open(
	struct places *p, struct tool *t, const struct agg_options *o, struct agg_frame *frame, struct err *err);

/* The places of rows and late records, now that their form is known; of a group the stage too. Returns 0, or -1 with
 * err.
 */
int places_open_sinks(struct places *p, struct tool *t, const struct agg_options *o, struct agg *agg,
	const struct agg_frame *frame, struct err *err);

/* The stage of the run, and its end: agg, or that of a group. */
struct stage *places_stage(struct places *p, struct agg *agg);
int places_finish(struct places *p, struct agg *agg, struct buf *out, struct err *err);

void places_close(struct places *p);

#endif
