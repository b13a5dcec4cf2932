/*
 * The plain twin: reads a whole input character by character, as RFC 4180 is written. Slow and simple; the tests and
 * the fuzzer hold the fast way against it.
 */
#include "csv/csv_internal.h"

#include <stdio.h>

struct plain_row {
	struct buf line;  /* the JSON made so far */
	struct buf cell;  /* the text of the current cell */
	size_t n_cells;   /* all, those past the header too */
	size_t last_len;  /* bytes of the last cell */
	size_t end;       /* behind the line end */
	size_t broken_at; /* of a broken quote */
	const char *wrong;
	size_t wrong_column, wrong_at;
};

static void finish_cell(struct csv *c, struct plain_row *row, size_t begin)
{
	const struct csv_column *column = &c->columns[row->n_cells];
	struct slice cell = buf_slice(&row->cell);
	const char *wrong;

	row->last_len = cell.len;
	if (row->n_cells++ >= c->n_columns)
		return;
	if (cell.len == 0 && c->opts.empty == CSV_EMPTY_OMIT)
		return;
	if (row->line.len > 1)
		buf_add_char(&row->line, ',');
	buf_add_slice(&row->line, buf_slice(&column->key));
	if (cell.len == 0) {
		buf_add_str(&row->line, c->opts.empty == CSV_EMPTY_NULL ? "null" : "\"\"");
		return;
	}
	wrong = csv_add_cell(c, column, cell, false, &row->line);
	if (wrong && !row->wrong) {
		row->wrong = wrong;
		row->wrong_column = row->n_cells - 1;
		row->wrong_at = begin;
	}
}

enum plain_state { AT_START, IN_TEXT, IN_QUOTES, BEHIND_QUOTE };

/* Reads the row at p + at. 1; 0 when a quote does not close; -1 when one is broken. */
static int read_row(struct csv *c, const char *p, size_t at, size_t len, struct plain_row *row)
{
	enum plain_state state = AT_START;
	size_t begin = at;

	buf_reset(&row->line);
	buf_reset(&row->cell);
	buf_add_char(&row->line, '{');
	row->n_cells = 0;
	row->wrong = NULL;
	for (; at < len; at++) {
		char ch = p[at];
		bool is_end = ch == '\n' || (ch == '\r' && p[at + 1] == '\n');

		if (state == IN_QUOTES) {
			if (ch == '"')
				state = BEHIND_QUOTE;
			else
				buf_add_char(&row->cell, ch);
		} else if (state == AT_START && ch == '"') {
			state = IN_QUOTES;
			begin = at + 1;
		} else if (state == BEHIND_QUOTE && ch == '"') {
			buf_add_char(&row->cell, ch);
			state = IN_QUOTES;
		} else if (ch == c->opts.delimiter || is_end) {
			finish_cell(c, row, begin);
			if (is_end) {
				row->end = at + 1 + (ch == '\r');
				buf_add_str(&row->line, "}\n");
				return 1;
			}
			buf_reset(&row->cell);
			state = AT_START;
			begin = at + 1;
		} else if (state == BEHIND_QUOTE) {
			row->broken_at = at;
			return -1;
		} else {
			buf_add_char(&row->cell, ch);
			state = IN_TEXT;
		}
	}
	return 0;
}

static int reject(struct csv *c, struct slice raw, size_t byte, struct err *err, const char *message)
{
	struct csv_bad bad = {c->line, byte, raw, message};

	return c->reject(c->context, &bad, err);
}

static struct slice cut_line_end(const char *p, size_t len)
{
	len -= len && p[len - 1] == '\n';
	len -= len && p[len - 1] == '\r';
	return (struct slice){p, len};
}

/* The row that was read is good, or has other columns or a bad cell. */
static int judge_row(
	struct csv *c, struct plain_row *row, struct slice raw, size_t at, struct buf *out, struct err *err)
{
	char message[256];

	if (row->n_cells == c->n_columns + 1 && row->last_len == 0)
		row->n_cells--;
	if (row->wrong) {
		struct slice name = buf_slice(&c->columns[row->wrong_column].name);

		snprintf(message, sizeof message, "column '%.*s' %s", (int)(name.len > 64 ? 64 : name.len), name.p,
			row->wrong);
		return reject(c, raw, row->wrong_at - at + 1, err, message);
	}
	if (row->n_cells != c->n_columns) {
		snprintf(message, sizeof message, "the row has %zu cell%s, the header has %zu", row->n_cells,
			row->n_cells == 1 ? "" : "s", c->n_columns);
		return reject(c, raw, 0, err, message);
	}
	buf_add_slice(out, buf_slice(&row->line));
	return 0;
}

/* Where the last quote opens within the longest row, counting quotes one by one. */
static size_t last_opening(const struct csv *c, const char *p, size_t len)
{
	size_t n = 0, opening = 0;

	for (size_t i = 0; i < len && i < c->opts.row_max_bytes; i++) {
		if (p[i] == '"' && n++ % 2 == 0)
			opening = i;
	}
	return opening;
}

static int give_up(
	struct csv *c, const char *p, size_t *at, size_t len, int found, const struct plain_row *row, struct err *err)
{
	const char *begin = p + *at;
	size_t n = (size_t)((const char *)memchr(begin, '\n', len - *at) - begin) + 1;
	const char *message;
	size_t byte;

	if (found < 0 && row->broken_at - *at <= c->opts.row_max_bytes) {
		message = "expected a delimiter or a line end behind a closing quote";
		byte = row->broken_at - *at + 1;
	} else {
		message = found == 0 && len - *at <= c->opts.row_max_bytes
				  ? "a quote does not close before the end of the input"
				  : "a quote does not close within the longest row (see --max-line)";
		byte = last_opening(c, begin, len - *at) + 1;
	}
	*at += n;
	if (reject(c, cut_line_end(begin, n), byte, err, message))
		return -1;
	c->line++;
	return 0;
}

int csv_plain(struct csv *c, const char *p, size_t len, struct buf *out, struct err *err)
{
	struct plain_row row = {0};
	size_t at = 0, used = 0;
	int r = 0;

	c->line = 1;
	for (; at < len && c->lines_to_skip; at++) {
		c->lines_to_skip -= p[at] == '\n';
		c->line += p[at] == '\n';
	}
	while (r == 0 && at < len) {
		struct slice line =
			cut_line_end(p + at, (size_t)((const char *)memchr(p + at, '\n', len - at) - p) - at + 1);
		int found;

		if (line.len == 0) {
			at = (size_t)((const char *)memchr(p + at, '\n', len - at) - p) + 1;
			c->n_empty++;
			c->line++;
			continue;
		}
		if (!c->has_header) {
			r = csv_read_header(c, p + at, len - at, &used, err);
			if (r == 0)
				r = err_set(err, ERR_IO, "the header has a quote that does not close");
			r = r < 0 ? -1 : 0;
			at += used;
			continue;
		}
		found = read_row(c, p, at, len, &row);
		if (found != 1 || row.end - 1 - at > c->opts.row_max_bytes) {
			r = give_up(c, p, &at, len, found, &row, err);
			continue;
		}
		r = judge_row(c, &row, cut_line_end(p + at, row.end - at), at, out, err);
		for (; at < row.end; at++)
			c->line += p[at] == '\n';
	}
	buf_release(&row.line);
	buf_release(&row.cell);
	return r;
}
