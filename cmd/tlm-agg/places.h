/* places: where the records of tlm-agg come from, and where its rows go. */
#ifndef AGG_PLACES_H
#define AGG_PLACES_H

#include "agg.h"
#include "source/source.h"
#include "tool/tool.h"

struct places {
	struct source *source; /* NULL: a dry run over topics, which opens none */
	struct sink *sink;
};

/* Checks all places and opens the sources; fills what the frame says of them. Returns 0, or -1 with err. */
int places_open(
	struct places *p, struct tool *t, const struct agg_options *o, struct agg_frame *frame, struct err *err);

/* The place of the rows, now that their form is known. Returns 0, or -1 with err. */
int places_open_sink(struct places *p, struct tool *t, struct agg *agg, struct err *err);

void places_close(struct places *p);

#endif
