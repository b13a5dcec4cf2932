/* manifest: the lines of manifests, read. */
#ifndef TLM_S3PUT_MANIFEST_H
#define TLM_S3PUT_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "buf/buf.h"
#include "segment/segment.h"

/* The row of an object, or the one at the end of a run or batch. What is not there is 0 or empty. */
struct manifest_row {
	bool is_end;
	const char *key, *run, *topic;
	struct segment_sum told;
	uint64_t seq, objects;
	int64_t partition, first, last;
};

struct manifest;
struct manifest *manifest_open(void);
void manifest_close(struct manifest *m); /* does nothing for NULL */

/* Calls take() for each line that is a row, whose texts last until it returns. The number of the first line that is
 * none, from 1; 0: all are. */
typedef void manifest_row_fn(void *ctx, const struct manifest_row *row);
uint64_t manifest_read(struct manifest *m, struct slice text, manifest_row_fn *take, void *ctx);

#endif
