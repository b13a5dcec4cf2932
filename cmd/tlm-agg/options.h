/* options: what the command line of tlm-agg says, into a struct agg_options. */
#ifndef TLM_AGG_OPTIONS_H
#define TLM_AGG_OPTIONS_H

#include "opt/opt.h"

extern const struct opt_spec options_spec;

#endif
