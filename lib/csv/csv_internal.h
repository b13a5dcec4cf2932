/* Shared by the files of lib/csv; no other module includes it. */
#ifndef TLM_CSV_INTERNAL_H
#define TLM_CSV_INTERNAL_H

#include "csv/csv.h"

enum {
	CSV_WINDOW_BYTES = 32 << 10, /* indexed at once: stays in the first-level cache */
	CSV_WINDOW_MIN_BYTES = 512,  /* behind a broken row */
	CSV_COPY_BYTES = 32          /* short texts are copied in pieces of this size, over their end */
};

enum csv_type { CSV_AUTO, CSV_STR, CSV_NUM };

struct csv_column {
	struct buf name; /* unescaped bytes */
	struct buf key;  /* "name": as JSON, CSV_COPY_BYTES readable at p at least */
	enum csv_type type;
};

/*
 * Writes the positions, from p, of every byte that is the delimiter, a quote, a backslash, below 0x20, 0x7f or above
 * to positions (room for len + 64 of them) and returns how many. 64 bytes behind len are readable.
 */
typedef size_t csv_index_fn(const char *p, size_t len, char delimiter, uint32_t *positions);
csv_index_fn csv_index_portable;
csv_index_fn *csv_index_best(void); /* what this processor runs fastest, or the portable one when forced */

/* As csv_is_number(), but any count of digits and any size: a JSON number. */
bool csv_is_json_number(const char *p, size_t len);

struct csv {
	struct csv_opts opts;
	csv_reject_fn *reject;
	void *context;
	csv_index_fn *index;

	bool has_header;
	struct csv_column *columns;
	size_t n_columns;
	void *names;       /* tree of the names that are taken; see csv_header.c */
	size_t keys_bytes; /* of all keys, and what else a row needs besides its own bytes */
	uint32_t lines_to_skip;

	uint64_t line; /* number of the line where reading stands */
	uint64_t n_empty;
	struct buf rest;      /* an open row and what was read behind it */
	struct buf old_rest;  /* the one before: rows of the last call still point there */
	struct buf positions; /* uint32_t */
	struct buf rows;      /* struct csv_row */
	struct buf text;      /* scratch: a cell without its doubled quotes */
	struct buf utf8;      /* scratch: a cell out of latin1 */
};

/* What a walk over the rows of a window ended with. */
enum csv_walk_end {
	CSV_WALK_MORE,  /* the row at `at` does not end inside the window */
	CSV_WALK_DONE,  /* all of the window is used */
	CSV_WALK_QUOTE, /* the row at `at` has a broken quote at `bad_at` */
	CSV_WALK_LONG,  /* the row at `at` is longer than the longest row */
	CSV_WALK_STOP   /* err says why */
};

/*
 * Walks the rows of the window [*at, end) of p and appends their lines to out; *at moves behind the last whole row.
 * In csv_walk.c.
 */
enum csv_walk_end csv_walk(
	struct csv *c, const char *p, size_t *at, size_t end, size_t *bad_at, struct buf *out, struct err *err);

/* Appends a cell that needs care (escapes, UTF-8, doubled quotes, blanks around a number) as a JSON value. NULL, or the
 * message of what is wrong with it. In csv_cell.c. */
const char *csv_add_cell(
	struct csv *c, const struct csv_column *column, struct slice cell, bool has_doubled, struct buf *out);

/* Reads the header row at p; see csv_header.c. */
int csv_read_header(struct csv *c, const char *p, size_t len, size_t *used, struct err *err);
int csv_set_header(struct csv *c, const char *names, struct err *err);
void csv_forget_columns(struct csv *c);
int csv_check_types(const char *types, struct err *err);

/* The whole of an input at once, character by character: what csv_feed() and csv_end() give over all of its pieces. The
 * rows are not kept. In csv_plain.c. */
int csv_plain(struct csv *c, const char *p, size_t len, struct buf *out, struct err *err);

/* Appends ISO 8859-1 as UTF-8. */
void csv_add_latin1(struct buf *out, struct slice text);

#endif
