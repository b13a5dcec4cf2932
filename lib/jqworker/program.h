/* libjq itself: a compiled program and one run of it over a record. Private to lib/jqworker; used in children only. */
#ifndef TLM_JQWORKER_PROGRAM_H
#define TLM_JQWORKER_PROGRAM_H

#include "buf/buf.h"
#include "jqworker/jqworker.h"

/* What a run gave; the bufs are kept from run to run. */
struct result {
	enum jqworker_fate fate;
	bool is_same;
	uint32_t outputs;
	enum jqworker_last last;
	int status;
	struct buf out, message, notes;
};

struct program;

/* NULL with a message in *why ("line 1: foo/0 is not defined"). opts is borrowed as long as the program lives. */
struct program *program_open(const struct jqworker_opts *opts, struct buf *why);

/* record[len] is followed by a newline that may be read. */
void program_run(struct program *p, const char *record, size_t len, struct result *r);

#endif
