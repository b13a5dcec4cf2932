/*
 * suggest: what a user may have meant by an option that does not exist (the module's private header).
 */
#ifndef TLM_OPT_SUGGEST_H
#define TLM_OPT_SUGGEST_H

#include "opt/opt.h"

/* The tool's line of help for a word of another tool ("--tab-separated", "-P"), or NULL. */
const char *opt_hint_for(const struct opt_spec *spec, const char *word);

/* The long name nearest to "--word", or NULL when none is near. */
const char *opt_nearest(const struct opt_spec *spec, const char *word);

/* Whether this is the long name of an option (without the dashes). */
bool opt_is_name(const struct opt_spec *spec, const char *name);

#endif
