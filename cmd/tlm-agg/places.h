/* places: the files of --late and --latest must be none that is read, or written by another option. */
#ifndef TLM_AGG_PLACES_H
#define TLM_AGG_PLACES_H

#include "agg.h"
#include "tool/tool.h"

/* 0, or -1 with ERR_USAGE. */
int places_check(const struct tool *t, const struct agg_options *o, struct err *err);

#endif
