/* s3put: what tlm-s3put is asked to do, and the lake that does it. */
#ifndef TLM_S3PUT_H
#define TLM_S3PUT_H

#include "err/err.h"
#include "etime/etime.h"
#include "sink/sink.h"
#include "timefield/timefield.h"
#include "tool/tool.h"

/* Filled by the option table. */
struct s3put_options {
	const char *time, *tz, *run_id, *spool;
	int compression; /* enum codec_kind */
	int64_t level;   /* 0: the default */
	int64_t max_open, max_records;
	uint64_t max_size_bytes;
	int64_t max_age_us, max_span_us;
	int64_t sync_us; /* -1: not given */
	bool has_marks;
};

#define S3PUT_OPTIONS_DEFAULT                                                                                          \
	{                                                                                                              \
		.max_open = LAKE_OPEN_DEFAULT, .max_size_bytes = LAKE_SIZE_DEFAULT_BYTES, .sync_us = -1                \
	}

/* The lake and what it borrows. */
struct s3put {
	struct timefield time;
	struct etime_zone *zone;
	struct sink *manifest, *lake;
};

/* Opens the lake of -o. 0, or -1 with err: a bad place, option or template, or a lake that cannot be opened. */
int s3put_open(struct s3put *s, struct tool *t, const struct s3put_options *o, struct err *err);
void s3put_close(struct s3put *s);

#endif
