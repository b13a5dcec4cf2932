/*
 * A reader of one input: what is carried from batch to batch, and what happens after a broken quote.
 */
#include "csv/csv.h"

#include <assert.h>
#include <stdlib.h>

#include "csv/csv_internal.h"
#include "json/json.h"
#include "mem/mem.h"

int csv_delimiter_parse(const char *text, char *delimiter, struct err *err)
{
	char ch = text[0];

	if (strcmp(text, "\\t") == 0 || strcmp(text, "tab") == 0) {
		*delimiter = '\t';
		return 0;
	}
	if (ch == '\0' || text[1] != '\0' || strchr("\"\\\r\n.+-", ch) || (uint8_t)ch >= 0x7f ||
		(ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z'))
		return err_set(err, ERR_USAGE, "must be one byte, no letter, digit, quote, backslash, '.', '+' or '-'");
	*delimiter = ch;
	return 0;
}

struct csv *csv_open(const struct csv_opts *opts, csv_reject_fn *reject, void *context, struct err *err)
{
	struct csv *c = mem_alloc(1, sizeof *c);

	c->opts = *opts;
	c->reject = reject;
	c->context = context;
	c->index = csv_index_best();
	c->lines_to_skip = opts->skip_lines;
	if (csv_check_types(opts->types, err) || (opts->header && csv_set_header(c, opts->header, err))) {
		csv_close(c);
		return NULL;
	}
	return c;
}

void csv_close(struct csv *c)
{
	if (!c)
		return;
	csv_forget_columns(c);
	free(c->columns);
	buf_release(&c->rest);
	buf_release(&c->old_rest);
	buf_release(&c->positions);
	buf_release(&c->rows);
	buf_release(&c->text);
	buf_release(&c->utf8);
	free(c);
}

const struct csv_row *csv_rows(const struct csv *c, size_t *n)
{
	*n = c->rows.len / sizeof(struct csv_row);
	return (const struct csv_row *)(const void *)c->rows.p;
}

uint64_t csv_take_empty(struct csv *c)
{
	uint64_t n = c->n_empty;

	c->n_empty = 0;
	return n;
}

/* Rejects the first line of the open row at p + *at and goes on behind it. */
static int give_up_line(
	struct csv *c, const char *p, size_t *at, size_t len, size_t bad_at, const char *message, struct err *err)
{
	const char *end = memchr(p + *at, '\n', len - *at);
	struct csv_bad bad = {.line = c->line, .raw = {p + *at, (size_t)(end - p) - *at}, .message = message};

	assert(end);
	if (bad.raw.len && bad.raw.p[bad.raw.len - 1] == '\r')
		bad.raw.len--;
	bad.byte = bad_at - *at + 1;
	*at = (size_t)(end - p) + 1;
	c->line++;
	return c->reject(c->context, &bad, err);
}

/* Where the quote begins that the row at p + at is lost in: the last one that stands behind an even number of others,
 * within the longest row (so it is the same however the input came in pieces). */
static size_t find_open_quote(const struct csv *c, const char *p, size_t at, size_t len)
{
	bool is_open = false;
	size_t open_at = at;

	if (len - at > c->opts.row_max_bytes)
		len = at + c->opts.row_max_bytes;
	for (; at < len; at++) {
		if (p[at] != '"')
			continue;
		if (!is_open)
			open_at = at;
		is_open = !is_open;
	}
	return open_at;
}

/* Skips lines and reads the header where they are due. 1: rows follow at *at; 0: more input is needed; -1. */
static int start(struct csv *c, const char *p, size_t *at, size_t len, struct err *err)
{
	size_t used = 0;
	int r = 1;

	while (*at < len && (c->lines_to_skip || (!c->has_header && (p[*at] == '\n' || p[*at] == '\r')))) {
		const char *end = memchr(p + *at, '\n', len - *at);

		if (!c->lines_to_skip && p[*at] == '\r' && p[*at + 1] != '\n')
			break;
		c->n_empty += c->lines_to_skip == 0;
		c->lines_to_skip -= c->lines_to_skip > 0;
		c->line++;
		*at = (size_t)(end - p) + 1;
	}
	if (*at < len && !c->has_header)
		r = csv_read_header(c, p + *at, len - *at, &used, err);
	*at += used;
	if (r == 0 && len - *at > c->opts.row_max_bytes) {
		err_set(err, ERR_IO, "the header has a quote that does not close");
		return err_at(err, NULL, c->line, find_open_quote(c, p, *at, len) - *at + 1);
	}
	return r;
}

/* The row at p + *at cannot be read: its first line is given up. A row that is too long is that and nothing else. */
static int give_up_row(
	struct csv *c, const char *p, size_t *at, size_t len, enum csv_walk_end walked, size_t bad_at, struct err *err)
{
	bool is_too_long = walked == CSV_WALK_LONG || (walked == CSV_WALK_MORE && len - *at > c->opts.row_max_bytes) ||
			   (walked == CSV_WALK_QUOTE && bad_at - *at > c->opts.row_max_bytes);

	if (!is_too_long && walked == CSV_WALK_QUOTE)
		return give_up_line(
			c, p, at, len, bad_at, "expected a delimiter or a line end behind a closing quote", err);
	bad_at = find_open_quote(c, p, *at, len);
	return give_up_line(c, p, at, len, bad_at,
		is_too_long ? "a quote does not close within the longest row (see --max-line)"
			    : "a quote does not close before the end of the input",
		err);
}

/*
 * Converts the whole rows of p[len], *at of them read already; is_end: nothing follows. A window that holds no whole
 * row is doubled; behind a broken row it begins small, so that a file of broken rows is not indexed over and over.
 */
static int convert(struct csv *c, const char *p, size_t *at, size_t len, bool is_end, struct buf *out, struct err *err)
{
	size_t window = CSV_WINDOW_BYTES, bad_at;
	int started = start(c, p, at, len, err);

	if (started <= 0)
		return started;
	while (*at < len) {
		size_t left = len - *at, was_at = *at;
		enum csv_walk_end walked = csv_walk(c, p, at, *at + (window < left ? window : left), &bad_at, out, err);
		bool is_stuck = walked == CSV_WALK_MORE && *at == was_at;

		if (walked == CSV_WALK_STOP)
			return -1;
		if (is_stuck && window < left) {
			window *= 2;
		} else if (is_stuck && !is_end && left <= c->opts.row_max_bytes) {
			return 0;
		} else if (is_stuck || walked == CSV_WALK_QUOTE || walked == CSV_WALK_LONG) {
			if (give_up_row(c, p, at, len, walked, bad_at, err))
				return -1;
			window = CSV_WINDOW_MIN_BYTES;
		} else {
			window = window < CSV_WINDOW_BYTES / 2 ? window * 2 : CSV_WINDOW_BYTES;
		}
	}
	return 0;
}

/* Keeps p[len], an open row, for the next call. */
static void keep_rest(struct csv *c, const char *p, size_t len)
{
	struct buf swap = c->old_rest;

	c->old_rest = c->rest;
	c->rest = swap;
	buf_reset(&c->rest);
	buf_add(&c->rest, p, len);
}

static int convert_rest(struct csv *c, bool is_end, struct buf *out, struct err *err)
{
	size_t at = 0;

	memset(buf_reserve(&c->rest, JSON_PAD_BYTES), 0, JSON_PAD_BYTES);
	if (convert(c, c->rest.p, &at, c->rest.len, is_end, out, err))
		return -1;
	keep_rest(c, c->rest.p + at, c->rest.len - at);
	return 0;
}

int csv_feed(struct csv *c, const char *p, size_t len, uint64_t first_line, struct buf *out, struct err *err)
{
	size_t at = 0;

	buf_reset(&c->rows);
	if (c->rest.len) {
		buf_add(&c->rest, p, len);
		/* an open row ends at a quote and nowhere else */
		if (c->rest.len <= c->opts.row_max_bytes && !memchr(p, '"', len))
			return 0;
		return convert_rest(c, false, out, err);
	}
	c->line = first_line;
	if (convert(c, p, &at, len, false, out, err))
		return -1;
	if (at < len)
		keep_rest(c, p + at, len - at);
	return 0;
}

int csv_end(struct csv *c, struct buf *out, struct err *err)
{
	buf_reset(&c->rows);
	if (!c->rest.len)
		return 0;
	if (!c->has_header) {
		err_set(err, ERR_IO, "the header has a quote that does not close");
		return err_at(err, NULL, c->line, find_open_quote(c, c->rest.p, 0, c->rest.len) + 1);
	}
	return convert_rest(c, true, out, err);
}

int csv_break(struct csv *c, struct buf *out, struct err *err)
{
	if (c->lines_to_skip) {
		c->lines_to_skip--;
		return 0;
	}
	if (!c->has_header)
		return err_set(err, ERR_IO, "the header is longer than --max-line");
	return csv_end(c, out, err);
}
