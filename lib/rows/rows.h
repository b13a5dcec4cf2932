/*
 * rows: window rows as text: ndjson, csv, tsv, or a table for people.
 *
 * ndjson: the fields of docs/formats.md in their order; a group field stands at its own path. csv (RFC 4180) and tsv
 * (tab, line feed, carriage return and backslash as \t \n \r \\): a header, then the same columns; an absent or null
 * value is an empty cell, an empty text in csv is "". table: aligned columns and a bar of the last numeric column.
 * csv and tsv have a column for "final" only with has_rev: else rows that are not final are withheld and counted.
 * Memory: open/close. Not thread safe per object.
 */
#ifndef TLM_ROWS_H
#define TLM_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "aggregate/aggregate.h"
#include "buf/buf.h"
#include "engine/engine.h"
#include "err/err.h"
#include "fieldpath/fieldpath.h"

enum rows_format { ROWS_NDJSON, ROWS_CSV, ROWS_TSV, ROWS_TABLE };
enum rows_time { ROWS_ISO, ROWS_SECONDS, ROWS_MILLIS, ROWS_MICROS };

/* One group-by field. */
struct rows_field {
	struct fieldpath path;
	char *name; /* `as NAME`, or NULL: at its own path */
};

/* "a.b", "a,b.c", "a as x, b": appends to *fields. 0, or -1 with ERR_USAGE: "a..b", "a as", "a as x.y", ".". */
int rows_fields_parse(struct rows_field **fields, size_t *n, const char *text, struct err *err);
void rows_fields_release(struct rows_field *fields, size_t n);

/* Rows hold the states of the aggregates, not their results. All borrowed, and may change between rows. */
struct rows_partial {
	struct agg_head head;         /* known_us is that of the row */
	const uint32_t *first_inputs; /* see agg_states_write() */
};

struct rows_opts {
	enum rows_format format;
	enum rows_time time;
	bool has_bounds;    /* rows have window_start and window_end */
	bool is_session;    /* which are called session_start and session_end */
	bool has_rev;       /* rows before the final one are told too: columns rev and final */
	bool has_part;      /* windows may go out in parts: the same */
	bool has_topic;     /* this topic behind the bounds, in ndjson */
	bool has_partition; /* and behind it this partition */
	struct slice topic;
	int32_t partition;
	bool has_cut;                    /* sessions may be cut: a column of the forms but ndjson */
	const struct rows_field *fields; /* borrowed, as is list */
	size_t n_fields;
	const struct agg_list *list;
	const struct rows_partial *partial; /* NULL: results; else format is ndjson */
};

struct rows;

/* NULL with ERR_PROGRAM: a name twice, a group field inside another, an array index that cannot be written back. */
struct rows *rows_open(const struct rows_opts *opts, struct err *err);
void rows_close(struct rows *r); /* does nothing for NULL */

/* Appends one row (a table keeps some thousands of cells until rows_flush()). */
void rows_add(struct rows *r, const struct engine_row *row, struct buf *out);

/* Appends the header of csv or tsv now, not with the first row. */
void rows_add_header(struct rows *r, struct buf *out);

/* Appends what a table keeps: at the end, or when somebody looks on. Otherwise does nothing. */
void rows_flush(struct rows *r, struct buf *out);

/* Rows that were not final and have no form here (csv, tsv). */
uint64_t rows_withheld(const struct rows *r);

/* Appends the names of the columns, one line with commas between: for --dry-run. */
void rows_columns(const struct rows *r, struct buf *out);

/* Appends an instant as JSON text in the form asked for; integers are rounded toward minus infinity. */
void rows_add_time(struct buf *out, enum rows_time form, int64_t us);

#endif
