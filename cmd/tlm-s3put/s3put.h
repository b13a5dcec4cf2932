/* s3put: what tlm-s3put is asked to do, and the lake that does it, with the bucket behind it. */
#ifndef TLM_S3PUT_H
#define TLM_S3PUT_H

#include "err/err.h"
#include "etime/etime.h"
#include "lake/lake.h"
#include "opt/opt.h"
#include "place/place.h"
#include "s3/s3.h"
#include "sink/sink.h"
#include "timefield/timefield.h"
#include "tool/tool.h"

/* Filled by the option table. */
struct s3put_options {
	const char *time, *tz, *run_id, *spool;
	int compression; /* enum codec_kind */
	int64_t level;   /* 0: the default */
	int64_t jobs;    /* 0: not given */
	int64_t max_open, max_records;
	uint64_t max_size_bytes;
	int64_t max_age_us, max_span_us, max_ahead_us; /* 0: no limit */
	int64_t sync_us;                               /* -1: not given */
	bool has_marks, is_planning_anew;
	uint64_t max_spool_bytes;
	const char *manifest, *audit;
	/* S3 */
	const char *endpoint_url, *region, *profile, *ca_bundle, *sse_kms_key_id, *storage_class, *tagging;
	struct opt_list metadata;
	int addressing_style, checksum; /* enum s3_style, s3_checksum */
	int sse;                        /* -1: not given */
	uint64_t threshold_bytes, chunk_bytes;
	int64_t uploads, give_up_us, connect_s, read_s;
};

#define S3PUT_OPTIONS_DEFAULT                                                                                          \
	{                                                                                                              \
		.max_open = LAKE_OPEN_DEFAULT, .max_size_bytes = LAKE_SIZE_DEFAULT_BYTES, .sync_us = -1,               \
		.max_spool_bytes = LAKE_SPOOL_DEFAULT_BYTES, .sse = -1, .threshold_bytes = S3_THRESHOLD_DEFAULT_BYTES, \
		.chunk_bytes = S3_CHUNK_DEFAULT_BYTES, .uploads = STORE_UPLOADS_DEFAULT,                               \
		.give_up_us = S3_GIVE_UP_DEFAULT_US                                                                    \
	}

struct bucket;

/* The lake and what it borrows. */
struct s3put {
	struct bucket *bucket; /* NULL: a directory */
	struct buf spool;
	struct timefield time;
	bool is_message_time;
	struct etime_zone *zone;
	struct sink *manifest, *lake;
};

/* Opens the lake of -o, of a group if there is one. 0, or -1 with err: a bad place, option or template, or a lake that
 * cannot be opened. */
int s3put_open(struct s3put *s, struct tool *t, const struct s3put_options *o, const struct lake_group *group,
	struct err *err);
void s3put_close(struct s3put *s);

#endif
