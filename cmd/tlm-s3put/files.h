/* files: the objects of a lake that is there, in a bucket or a directory, listed and read for an audit. */
#ifndef TLM_S3PUT_FILES_H
#define TLM_S3PUT_FILES_H

#include "s3put.h"
#include "segment/segment.h"

struct files;

/* The place may have codes and fields: what stands before them is its root. NULL with err. */
struct files *files_open(const char *place, const struct s3put_options *o, struct err *err);
void files_close(struct files *f); /* does nothing for NULL */

/* "s3://BUCKET" or "file://": what stands before the path in a row; and the root of the place, "" or "/a/b". */
const char *files_url(const struct files *f);
const char *files_root(const struct files *f);

/* Each object below the root by its path ("/a/b/x.ndjson.zst"), in any order, those of manifests among
 * them; hidden names and those of other formats are left out. 0, or -1. */
typedef int files_found_fn(void *ctx, const char *path, struct err *err);
int files_list(struct files *f, files_found_fn *found, void *ctx, struct err *err);

/* Reads an object as segment_read() does. 1; 0 when it is gone; -1. */
int files_read(struct files *f, const char *path, struct segment_sum *sum, bool *is_whole, segment_lines_fn *lines,
	void *ctx, struct err *err);

/* What the server keeps as the hash of its raw lines, if it does. */
bool files_raw_sha256(struct files *f, const char *path, char hex[DIGEST_HEX_BYTES + 1], struct err *err);

#endif
