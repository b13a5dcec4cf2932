/*
 * audit: whether a lake is what its rows tell: no row without its object, no object without its row (where there are
 * rows), every object whole with the bytes, records and hashes that were told, no number of a run used twice, and the
 * runs that told their end complete.
 */
#ifndef TLM_S3PUT_AUDIT_H
#define TLM_S3PUT_AUDIT_H

#include "s3put.h"

/*
 * Reads the rows of all SOURCE operands and of the lake's own manifests, lists and reads its objects; each fault is a
 * line on stdout and makes the status 1. 0, or -1 with err: the audit could not be done.
 */
int audit_run(struct tool *t, const struct s3put_options *o, struct err *err);

#endif
