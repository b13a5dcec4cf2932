/* ranges: which offsets of which partitions the objects of a lake hold, by their names, and whether any is missing or
 * there twice. */
#ifndef TLM_S3PUT_RANGES_H
#define TLM_S3PUT_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"

/* A batch of a partition, whose objects share these offsets; last is inclusive. */
struct range {
	char *topic; /* owned */
	int64_t partition, first, last;
	uint64_t objects, records;
	bool is_ended; /* the last row of its manifest told how many there are */
	uint64_t end_objects, end_records;
};

struct ranges {
	struct range *list;
	size_t n, size;
};

/* An object of that path with so many records, if its name has offsets: "/a/trips-3-000000000100-000000000249.ndjson".
 */
void ranges_add_object(struct ranges *r, const char *path, uint64_t records);

/* What a manifest told at its end. */
void ranges_add_end(struct ranges *r, struct slice topic, const struct range *end);

/* How many partitions there are, and each fault: found() says what and where; -1 from it ends the check. */
typedef int ranges_fault_fn(void *ctx, const char *what, const struct range *where, struct err *err);
int ranges_check(struct ranges *r, size_t *n_partitions, ranges_fault_fn *found, void *ctx, struct err *err);
void ranges_release(struct ranges *r);

#endif
