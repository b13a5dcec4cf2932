/*
 * walk: goes over the options of a spec, the tool's own first, then the common ones that are not hidden by own ones
 * (the module's private header).
 */
#ifndef TLM_OPT_WALK_H
#define TLM_OPT_WALK_H

#include "opt/opt.h"

struct opt_walk {
	const struct opt_spec *spec;
	const struct opt *at;
	bool is_common;  /* the option comes from the common table, or the one of several tools */
	bool is_last;    /* no table follows */
	bool has_name;   /* its long name is its own */
	bool has_letter; /* its letter is its own */
};

void opt_walk_init(struct opt_walk *w, const struct opt_spec *spec);

/* The next option or heading, NULL at the end. */
const struct opt *opt_walk_next(struct opt_walk *w);

/* How many arguments it takes: 0, 1 or 2. */
int opt_args(const struct opt *o);

#endif
