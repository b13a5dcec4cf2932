/*
 * csv: rows of CSV or TSV become lines of JSON objects.
 *
 * RFC 4180 read exactly: quoted cells hold delimiters, line ends and doubled quotes; LF and CRLF both end a row, a
 * lone CR is text; an empty line is skipped. A quote inside a cell that does not begin with one is text. The first
 * row names the columns unless names are given: an empty name becomes "column_N", a name that stood before gets "_2",
 * "_3" ..., one empty name behind the last column is dropped. At most CSV_COLUMNS_MAX columns.
 *
 * A cell that is a JSON number whose text survives every reader (at most 17 significant digits, integers within 2^53,
 * a finite double) becomes that number, its text unchanged, blanks around it left out; everything else becomes a
 * string. Quotes around a cell do not matter.
 *
 * A row that breaks a rule is handed to the caller and left out: other columns than the header (one empty cell behind
 * the last is dropped), text behind a closing quote, a quote that does not close within row_max_bytes, bytes that are
 * not UTF-8, a NUL. After a broken quote reading goes on at the line behind the one where that row began, so a stray
 * quote costs one line.
 *
 * How: the positions of delimiters, quotes, line ends and bytes that need care are found by SIMD (AVX2, or a portable
 * twin) for a window of input, then rows are walked from position to position. Constant memory: one row, one window.
 * One thread per object.
 */
#ifndef TLM_CSV_H
#define TLM_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"

enum { CSV_COLUMNS_MAX = 16384 };

enum csv_empty { CSV_EMPTY_NULL, CSV_EMPTY_STRING, CSV_EMPTY_OMIT };

struct csv_opts {
	char delimiter;     /* ',' '\t' ...; see csv_delimiter_parse() */
	const char *header; /* names of the columns, comma separated, quoted as CSV where needed; NULL: the first row */
	const char *types;  /* "deviceId:str,value:num", names quoted where needed; may be NULL */
	uint32_t skip_lines;  /* lines left out at the start of the input */
	bool no_infer;        /* every cell a string, unless types says num */
	enum csv_empty empty; /* what an empty cell becomes: null, "", or no field at all */
	bool is_latin1;       /* the input is ISO 8859-1, else UTF-8 */
	size_t row_max_bytes; /* a row longer than this is rejected */
};

/* One row that was rejected. All borrowed for the time of the call. */
struct csv_bad {
	uint64_t line;    /* where the row begins, from 1 */
	uint64_t byte;    /* of the row, from 1; 0 unknown */
	struct slice raw; /* the row (after a broken quote: its first line), without its line end */
	const char *message;
};

/* Returns 0, or -1 with err to stop. */
typedef int csv_reject_fn(void *context, const struct csv_bad *bad, struct err *err);

/* Where an output line came from. */
struct csv_row {
	const char *p; /* the row without its line end; lives until the next csv_feed() and as long as its batch */
	size_t len;
	uint64_t line; /* where it begins, from 1 */
};

struct csv;

/* One byte, or "\t"; no letter, digit, quote, backslash, '.', '-', '+', line end or NUL. Returns 0, or -1 with
 * ERR_USAGE:
 * "", ";;", "a". */
int csv_delimiter_parse(const char *text, char *delimiter, struct err *err);

/* A reader of one input; opts and its strings are borrowed. NULL with ERR_USAGE: header "a,\"b", types "a", "a:float".
 */
struct csv *csv_open(const struct csv_opts *opts, csv_reject_fn *reject, void *context, struct err *err);
void csv_close(struct csv *csv);

/*
 * Takes the next whole lines of the input (the last byte is '\n', JSON_PAD_BYTES readable behind) and appends the
 * lines of the rows that are complete to out. first_line numbers the first one. Returns 0, or -1 with err: the input
 * cannot be read (its header is broken or not UTF-8, types names a column that it does not have), or reject said stop.
 */
int csv_feed(struct csv *csv, const char *p, size_t len, uint64_t first_line, struct buf *out, struct err *err);

/* A line of the input was too long and is missing: a row that is still open is rejected. As csv_feed(). */
int csv_break(struct csv *csv, struct buf *out, struct err *err);

/* The input has ended: a row that is still open is rejected, the lines inside it are read again as rows. */
int csv_end(struct csv *csv, struct buf *out, struct err *err);

/* The rows that the last csv_feed(), csv_break() or csv_end() appended, one for each line, in order. */
const struct csv_row *csv_rows(const struct csv *csv, size_t *n);

/* How many empty lines were skipped since the last call. */
uint64_t csv_take_empty(struct csv *csv);

/* Whether a cell's text (no blanks around it) counts as a number. */
bool csv_is_number(const char *p, size_t len);

/* For tests and TLM_SIMD=portable: objects opened from now on use the portable code. */
void csv_force_portable(bool is_portable);

#endif
