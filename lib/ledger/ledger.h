/*
 * ledger: the books of a run. Every record has one fate:
 *     read = kept + filtered + late + rejected + duplicate + open
 * A sum that does not add up is a bug of the tool, told and non-zero in the exit status. One thread.
 */
#ifndef TLM_LEDGER_H
#define TLM_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"

/* The closed list of reasons of a reject row (docs/formats.md). */
enum reject_reason {
	REJECT_JSON,        /* json: not one JSON value in strict RFC 8259, or not UTF-8 */
	REJECT_TOO_LONG,    /* too_long: above --max-line */
	REJECT_TOO_DEEP,    /* too_deep: above --max-depth */
	REJECT_NOT_OBJECT,  /* not_object: a tool that looks for fields got another value */
	REJECT_NO_TIME,     /* no_time: no usable event time */
	REJECT_AHEAD,       /* ahead: later than stream time by more than --max-ahead */
	REJECT_TYPE,        /* type: a value of the wrong type for an aggregate */
	REJECT_GROUP_VALUE, /* group_value: an object or array as group value */
	REJECT_PATH_VALUE,  /* path_value: an object, an array or an over-long value in a directory name */
	REJECT_CSV,         /* csv: short or long row, broken quotes, not UTF-8 */
	REJECT_PROGRAM,     /* program: the program raised an error on this record */
	REJECT_LIMIT,       /* limit: the record ended a worker, or went over its time, memory or output */
	REJECT_STATE,       /* state: no partial row that can be merged here */
	REJECT_FULL,        /* full: no room under --max-keys or --max-mem */
	REJECT_MARK,        /* mark: a line of --marks without a usable time, or with more than a mark */
	REJECT_REASONS
};

const char *reject_reason_name(enum reject_reason reason);

struct ledger {
	const char *tool;
	int64_t start_us; /* monotonic */
	uint64_t read, kept, filtered, late, rejected, duplicate, open, out;
	uint64_t bytes_in, bytes_out; /* bytes of lines read (uncompressed), bytes handed to the sink */
	uint64_t empty, late_partial;
	uint64_t rejects[REJECT_REASONS];
	bool has_time; /* max_time_us and watermark_us are known */
	int64_t max_time_us, watermark_us;
	bool has_disorder; /* records by time (replay): how many left behind a newer one */
	uint64_t disorder;
	bool has_lag; /* of the source: how many records wait */
	int64_t lag;
	bool has_emit_error;
	int64_t emit_error_p99_us, emit_error_max_us;
};

void ledger_init(struct ledger *l, const char *tool);

/* 0, or -1 with ERR_INTERNAL when the sum does not add up. */
int ledger_check(const struct ledger *l, struct err *err);

/* Appends the stats line of docs/formats.md with its '\n'. */
void ledger_line(const struct ledger *l, bool is_end, struct buf *out);

/* The monotonic clock in microseconds. */
int64_t ledger_now_us(void);

#endif
