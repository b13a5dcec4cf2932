/*
 * The hot loop: from marked position to marked position, cell by cell, row by row.
 *
 * A cell between two delimiters that holds no marked byte needs no escape and no check, so it is copied as it is;
 * whether it is a number is judged on 16 bytes at once. Cells with marked bytes inside leave the fast way.
 */
#include "csv/csv_internal.h"

#include <assert.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* A window: its bytes, the marked positions in it, and how far the walk is. */
struct walk {
	const char *p;
	size_t len;
	const uint32_t *positions;
	size_t n, k;
	uint64_t inner_lines; /* line ends inside quotes of this row */
	const char *wrong;    /* what is wrong with this row: a message, or NULL */
	const struct csv_column *wrong_column;
	size_t wrong_at;  /* in the window, as the next */
	size_t broken_at; /* of a broken quote */
};

struct cell {
	const char *p;
	size_t len;
	size_t end; /* position of the delimiter or '\n' behind it */
	bool needs_care, has_doubled;
};

enum scan { SCAN_CELL, SCAN_MORE, SCAN_QUOTE };

enum verdict { NUMBER_NO, NUMBER_YES, NUMBER_ASK };

static inline bool may_follow_digits(char ch)
{
	return ch == 'e' || ch == 'E' || ch == ' ';
}

/*
 * Plain integers and decimals of up to 16 bytes: one compare gives a bit for each byte that is no digit; a sign in
 * front and one dot between digits may be among them. A byte that no number holds there says no; times of day, say.
 * Everything else is left to the plain judge.
 */
static inline enum verdict judge_number(const char *p, size_t len)
{
#if defined(__SSE2__)
	const __m128i nine = _mm_set1_epi8(9);
	const unsigned seen = len < 16 ? (1U << len) - 1 : 0xffff;
	__m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8('0'));
	unsigned odd = ~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, nine), v)) & seen;
	unsigned sign = p[0] == '-', dot, other;

	odd &= ~sign;
	if (odd == 0) {
		if (len == sign || (p[sign] == '0' && len > sign + 1))
			return NUMBER_NO;
		return len - sign <= 15 ? NUMBER_YES : NUMBER_ASK;
	}
	dot = (unsigned)__builtin_ctz(odd);
	other = odd & (odd - 1);
	if (p[dot] != '.')
		return may_follow_digits(p[dot]) ? NUMBER_ASK : NUMBER_NO;
	if (other)
		return may_follow_digits(p[__builtin_ctz(other)]) ? NUMBER_ASK : NUMBER_NO;
	if (dot == sign || dot + 1 == len || (p[sign] == '0' && dot != sign + 1))
		return NUMBER_NO;
	return len <= 16 ? NUMBER_YES : NUMBER_ASK;
#else
	(void)p;
	(void)len;
	return NUMBER_ASK;
#endif
}

static inline char *put(char *o, const char *p, size_t len)
{
	if (len <= CSV_COPY_BYTES)
		memcpy(o, p, CSV_COPY_BYTES);
	else
		memcpy(o, p, len);
	return o + len;
}

/* A cell inside quotes; the opening one was taken from the positions. */
static enum scan scan_quoted(const struct csv *c, struct walk *w, size_t begin, struct cell *cell)
{
	const char *p = w->p;
	size_t pos, k = w->k;

	for (;;) {
		if (k == w->n)
			return SCAN_MORE;
		pos = w->positions[k++];
		if (p[pos] == '"') {
			if (pos + 1 == w->len)
				return SCAN_MORE;
			if (p[pos + 1] != '"')
				break;
			cell->has_doubled = true;
			k++;
		} else {
			w->inner_lines += p[pos] == '\n';
			cell->needs_care |= p[pos] != c->opts.delimiter || p[pos] < 0x20;
		}
	}
	cell->p = p + begin + 1;
	cell->len = pos - begin - 1;
	if (k == w->n)
		return SCAN_MORE;
	w->broken_at = ++pos;
	if (w->positions[k++] != pos)
		return SCAN_QUOTE;
	if (p[pos] == '\r') {
		if (k == w->n)
			return SCAN_MORE;
		if (w->positions[k++] != ++pos || p[pos] != '\n')
			return SCAN_QUOTE;
	}
	if (p[pos] != '\n' && p[pos] != c->opts.delimiter)
		return SCAN_QUOTE;
	cell->end = pos;
	w->k = k;
	return SCAN_CELL;
}

/* A cell that begins at begin and whose first marked byte, just taken, does not end it. */
static enum scan scan_odd(const struct csv *c, struct walk *w, size_t begin, struct cell *cell)
{
	size_t pos = w->positions[w->k - 1];
	const char *p = w->p;

	*cell = (struct cell){.p = p + begin};
	if (pos == begin && p[pos] == '"')
		return scan_quoted(c, w, begin, cell);
	while (p[pos] != c->opts.delimiter && p[pos] != '\n') {
		bool is_cr = p[pos] == '\r';

		if (w->k == w->n)
			return SCAN_MORE;
		if (is_cr && w->positions[w->k] == pos + 1 && p[pos + 1] == '\n') {
			cell->len = pos - begin;
			cell->end = pos + 1;
			w->k++;
			return SCAN_CELL;
		}
		cell->needs_care = true;
		pos = w->positions[w->k++];
	}
	cell->len = cell->end = pos;
	cell->len -= begin;
	return SCAN_CELL;
}

/* What a row can need behind o: all keys, quotes and commas, and every byte that is left in the window. */
static char *make_room(const struct csv *c, const struct walk *w, struct buf *out)
{
	return buf_reserve(out, c->keys_bytes + w->len + 2 * CSV_COPY_BYTES);
}

static char *put_empty(const struct csv *c, const struct csv_column *column, char *o)
{
	if (c->opts.empty == CSV_EMPTY_OMIT)
		return o;
	o = put(o, column->key.p, column->key.len);
	if (c->opts.empty == CSV_EMPTY_STRING) {
		memcpy(o, "\"\",", 3);
		return o + 3;
	}
	memcpy(o, "null,", 5);
	return o + 5;
}

static char *put_odd(struct csv *c, struct walk *w, const struct csv_column *column, const struct cell *cell,
	struct buf *out, char *o)
{
	const char *wrong;

	if (cell->len == 0)
		return put_empty(c, column, o);
	o = put(o, column->key.p, column->key.len);
	out->len = (size_t)(o - out->p);
	wrong = csv_add_cell(c, column, (struct slice){cell->p, cell->len}, cell->has_doubled, out);
	if (wrong && !w->wrong) {
		w->wrong = wrong;
		w->wrong_column = column;
		w->wrong_at = (size_t)(cell->p - w->p);
	}
	o = make_room(c, w, out);
	*o++ = ',';
	return o;
}

/* A cell without marked bytes. */
static inline char *put_cell(struct csv *c, struct walk *w, const struct csv_column *column, const struct cell *cell,
	struct buf *out, char *o)
{
	char first;
	enum verdict is_number = NUMBER_NO;

	if (cell->len == 0)
		return put_empty(c, column, o);
	first = *cell->p;
	if (column->type == CSV_NUM || (column->type == CSV_AUTO && (first <= '9')))
		is_number = judge_number(cell->p, cell->len);
	if (is_number == NUMBER_ASK) {
		if (first == ' ' || cell->p[cell->len - 1] == ' ' || column->type == CSV_NUM)
			return put_odd(c, w, column, cell, out, o);
		is_number = csv_is_number(cell->p, cell->len) ? NUMBER_YES : NUMBER_NO;
	} else if (is_number == NUMBER_NO && column->type == CSV_NUM) {
		return put_odd(c, w, column, cell, out, o);
	}
	o = put(o, column->key.p, column->key.len);
	if (is_number == NUMBER_YES) {
		o = put(o, cell->p, cell->len);
	} else {
		*o++ = '"';
		o = put(o, cell->p, cell->len);
		*o++ = '"';
	}
	*o++ = ',';
	return o;
}

/* One row from `begin`: its line goes to out unless something is wrong with it. *end is the position of its '\n'. */
static enum scan walk_row(struct csv *c, struct walk *w, size_t begin, struct buf *out, size_t *end, size_t *n_columns)
{
	const char delimiter = c->opts.delimiter;
	size_t n = 0, extra_bytes = 0;
	char *o = make_room(c, w, out);

	*o++ = '{';
	for (;;) {
		struct cell cell;
		bool is_odd = false;
		char mark;

		if (w->k == w->n)
			return SCAN_MORE;
		cell.p = w->p + begin;
		cell.end = w->positions[w->k++];
		cell.len = cell.end - begin;
		cell.has_doubled = false;
		mark = w->p[cell.end];
		if (mark != delimiter && mark != '\n') {
			enum scan scan = scan_odd(c, w, begin, &cell);

			if (scan != SCAN_CELL)
				return scan;
			is_odd = cell.needs_care || cell.has_doubled;
			mark = w->p[cell.end];
		}
		if (n >= c->n_columns)
			extra_bytes += cell.len;
		else if (is_odd)
			o = put_odd(c, w, &c->columns[n], &cell, out, o);
		else
			o = put_cell(c, w, &c->columns[n], &cell, out, o);
		n++;
		begin = cell.end + 1;
		if (mark == '\n') {
			*end = cell.end;
			break;
		}
	}
	if (n == c->n_columns + 1 && extra_bytes == 0)
		n--;
	*n_columns = n;
	o -= o[-1] == ',';
	*o++ = '}';
	*o++ = '\n';
	out->len = (size_t)(o - out->p);
	return SCAN_CELL;
}

static int reject_row(struct csv *c, const struct walk *w, size_t begin, size_t len, size_t n_columns, struct err *err)
{
	struct csv_bad bad = {.line = c->line, .raw = {w->p + begin, len}};
	struct buf message = BUF_INIT;
	int r;

	if (w->wrong) {
		buf_addf(&message, "column '%.*s' %s",
			(int)(w->wrong_column->name.len > 64 ? 64 : w->wrong_column->name.len), w->wrong_column->name.p,
			w->wrong);
		bad.byte = w->wrong_at - begin + 1;
	} else {
		buf_addf(&message, "the row has %zu cell%s, the header has %zu", n_columns, n_columns == 1 ? "" : "s",
			c->n_columns);
	}
	bad.message = buf_cstr(&message);
	r = c->reject(c->context, &bad, err);
	buf_release(&message);
	return r;
}

/* Takes one whole row, or the empty line at begin. CSV_WALK_DONE: go on. */
static enum csv_walk_end take_row(
	struct csv *c, struct walk *w, size_t begin, size_t *end, struct buf *out, struct err *err)
{
	size_t was_len = out->len, k = w->k, n_columns, len;
	enum scan scan;

	w->inner_lines = 0;
	w->wrong = NULL;
	scan = walk_row(c, w, begin, out, end, &n_columns);
	if (scan != SCAN_CELL) {
		w->k = k;
		out->len = was_len;
		return scan == SCAN_MORE ? CSV_WALK_MORE : CSV_WALK_QUOTE;
	}
	len = *end - begin;
	if (__builtin_expect(len > c->opts.row_max_bytes, 0)) {
		w->k = k;
		out->len = was_len;
		return CSV_WALK_LONG;
	}
	len -= len > 0 && w->p[*end - 1] == '\r';
	if (__builtin_expect(len == 0, 0)) {
		out->len = was_len;
		c->n_empty++;
	} else if (__builtin_expect(w->wrong || n_columns != c->n_columns, 0)) {
		out->len = was_len;
		if (reject_row(c, w, begin, len, n_columns, err))
			return CSV_WALK_STOP;
	} else {
		struct csv_row row = {w->p + begin, len, c->line};

		buf_add(&c->rows, &row, sizeof row);
	}
	c->line += 1 + w->inner_lines;
	return CSV_WALK_DONE;
}

enum csv_walk_end csv_walk(
	struct csv *c, const char *p, size_t *at, size_t end, size_t *bad_at, struct buf *out, struct err *err)
{
	struct walk w = {.p = p + *at, .len = end - *at};
	enum csv_walk_end walked = CSV_WALK_DONE;
	size_t begin = 0, row_end;

	buf_reset(&c->positions);
	w.positions = (const uint32_t *)(const void *)buf_reserve(&c->positions, (w.len + 64) * sizeof(uint32_t));
	w.n = c->index(w.p, w.len, c->opts.delimiter, (uint32_t *)(void *)c->positions.p);
	while (begin < w.len) {
		walked = take_row(c, &w, begin, &row_end, out, err);
		if (walked != CSV_WALK_DONE)
			break;
		begin = row_end + 1;
	}
	*bad_at = *at + w.broken_at;
	*at += begin;
	return walked;
}
