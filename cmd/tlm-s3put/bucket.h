/* bucket: a place s3://BUCKET/PREFIX and the options of S3 as a store. */
#ifndef TLM_S3PUT_BUCKET_H
#define TLM_S3PUT_BUCKET_H

#include "s3put.h"

struct bucket;

/*
 * NULL with err: a place, an option or a file of the aws command that is wrong. Nothing is asked, and libcurl is not
 * loaded yet. o and the place's text are borrowed.
 */
struct bucket *bucket_open(const struct place *place, const struct s3put_options *o, struct err *err);
void bucket_close(struct bucket *b); /* does nothing for NULL */

/* "s3://BUCKET"; the place behind it, with a '/' before it; what tells its server from others. */
const char *bucket_url(const struct bucket *b);
const char *bucket_path(const struct bucket *b);
const char *bucket_identity(const struct bucket *b);

struct s3 *bucket_s3(const struct bucket *b);

/* Appends where the spool is if no option says so. 0, or -1 with ERR_USAGE: there is no HOME. */
int bucket_add_spool(struct buf *out, struct err *err);

#endif
