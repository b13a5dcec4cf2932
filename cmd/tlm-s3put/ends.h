/* ends: what runs told at their end of how much they had stored, and whether their rows are as many. */
#ifndef TLM_S3PUT_ENDS_H
#define TLM_S3PUT_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"

struct end {
	char *run; /* owned */
	uint64_t objects, records;
	uint64_t objects_told, records_told;
};

struct ends {
	struct end *list;
	size_t n;
};

/* The last that a run told counts. */
void ends_add(struct ends *e, struct slice run, uint64_t objects, uint64_t records);

/* A row tells of an object of that run. */
void ends_count_row(struct ends *e, const char *run, uint64_t records);

/*
 * Each run whose rows are not as many: found() says what and which; -1 from it ends the check. has_all: runs without
 * any row count, too.
 */
typedef int ends_fault_fn(void *ctx, const char *what, const char *run, struct err *err);
int ends_check(const struct ends *e, bool has_all, ends_fault_fn *found, void *ctx, struct err *err);
void ends_release(struct ends *e);

#endif
