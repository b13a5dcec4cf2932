/* options: what the command line of tlm-s3put says, into a struct s3put_options. */
#ifndef TLM_S3PUT_OPTIONS_H
#define TLM_S3PUT_OPTIONS_H

#include "opt/opt.h"

extern const struct opt_spec options_spec;

#endif
