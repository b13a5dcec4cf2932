#include "rows/rows_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

/*
 * Rows up to a flush, or CELLS_MAX, are one block: columns as wide as the widest cell so far, numbers to the right, and
 * a bar of the last aggregate against the largest so far. The header stands again where a column had to grow.
 */
enum { NUMBER_WIDTH = 8, BAR_WIDTH = 20, EIGHTHS = 8, CELLS_MAX = 10000 };

void rows_table_release(struct rows_table *t)
{
	buf_release(&t->text);
	free(t->cells);
	free(t->widths);
	free(t->are_numbers);
}

/* Columns on the screen: bytes that begin a character. */
static size_t width_of(struct slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += (text.p[i] & 0xc0) != 0x80;
	return n;
}

static struct rows_cell *new_cell(struct rows_table *t)
{
	if (t->n_cells == t->cap_cells) {
		t->cap_cells = t->cap_cells ? t->cap_cells * 2 : 64;
		t->cells = mem_resize(t->cells, t->cap_cells, sizeof *t->cells);
	}
	t->cells[t->n_cells] = (struct rows_cell){.start = (uint32_t)t->text.len};
	return &t->cells[t->n_cells++];
}

static void end_cell(struct rows_table *t, struct rows_cell *cell)
{
	/* a line stays a line */
	for (size_t i = cell->start; i < t->text.len; i++) {
		if ((uint8_t)t->text.p[i] < 0x20 || t->text.p[i] == 0x7f)
			t->text.p[i] = ' ';
	}
	cell->len = (uint32_t)(t->text.len - cell->start);
}

static void add_time_cell(struct rows *r, int64_t us)
{
	struct rows_table *t = &r->table;
	struct rows_cell *cell = new_cell(t);

	rows_add_time(&t->text, r->opts.time, us);
	if (t->text.p[cell->start] == '"') {
		t->text.len--;
		cell->start++;
	}
	end_cell(t, cell);
}

static void add_result_cell(struct rows *r, const struct agg_result *result)
{
	struct rows_table *t = &r->table;
	struct rows_cell *cell = new_cell(t);

	if (!rows_result_text(r, result, &t->text))
		buf_add_char(&t->text, '-');
	cell->is_number = result->type == AGG_INTEGER || result->type == AGG_DOUBLE || result->type == AGG_DIGITS;
	if (cell->is_number)
		cell->number = result->type == AGG_INTEGER ? (double)result->integer : result->value;
	if (result->is_approximate)
		buf_add_char(&t->text, '~');
	end_cell(t, cell);
}

/* The columns of the table are those of the rows without "approx": a ~ behind a number says it. */
static size_t columns(const struct rows *r)
{
	return r->n_columns - r->opts.list->has_sketch;
}

static void add_revision(struct rows *r, const struct engine_row *row)
{
	struct rows_table *t = &r->table;
	struct rows_cell *cell = new_cell(t);

	buf_addf(&t->text, "%u", row->rev);
	end_cell(t, cell);
	if (!r->opts.is_session)
		return;
	cell = new_cell(t);
	if (row->n_replaces)
		rows_add_replaces(r, row, &t->text);
	else
		buf_add_char(&t->text, '-');
	end_cell(t, cell);
}

void rows_add_table(struct rows *r, const struct engine_row *row, struct buf *out)
{
	struct rows_table *t = &r->table;
	struct agg_result result;

	if (row->has_bounds) {
		add_time_cell(r, row->start_us);
		add_time_cell(r, row->end_us);
	}
	for (size_t i = 0; i < r->opts.n_fields; i++) {
		struct rows_cell *cell = new_cell(t);

		if (!rows_group_text(r, i, &t->text))
			buf_add_char(&t->text, '-');
		cell->is_number = r->group.values[i].type == JSON_NUMBER;
		end_cell(t, cell);
	}
	for (size_t i = 0; i < r->opts.list->n_calls; i++) {
		agg_result(r->opts.list, i, row->states, &result);
		add_result_cell(r, &result);
	}
	if (r->opts.has_rev)
		add_revision(r, row);
	if (r->opts.has_part) {
		struct rows_cell *cell = new_cell(t);

		if (row->part)
			buf_addf(&t->text, "%u", row->part);
		else
			buf_add_char(&t->text, '-');
		end_cell(t, cell);
	}
	if (r->opts.has_cut) {
		struct rows_cell *cell = new_cell(t);

		buf_add_str(&t->text, row->is_cut ? "cut" : "-");
		end_cell(t, cell);
	}
	t->cells[t->n_cells - 1].is_open = !row->is_final;
	if (t->n_cells >= CELLS_MAX)
		rows_flush_table(r, out);
}

/* Widths of the block; true where one had to grow. */
static bool measure(struct rows *r)
{
	struct rows_table *t = &r->table;
	size_t n = columns(r),
	       n_behind = r->opts.has_cut + r->opts.has_part + r->opts.has_rev * (1 + (size_t)r->opts.is_session),
	       first_call = n - r->opts.list->n_calls - n_behind;
	bool has_grown = false;

	if (!t->widths) {
		t->widths = mem_alloc(n, sizeof *t->widths);
		t->are_numbers = mem_alloc(n, sizeof *t->are_numbers);
		for (size_t i = 0; i < n; i++) {
			t->widths[i] = width_of(slice_str(r->columns[i]));
			if (i >= first_call && t->widths[i] < NUMBER_WIDTH)
				t->widths[i] = NUMBER_WIDTH;
		}
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t width = width_of((struct slice){t->text.p + t->cells[i].start, t->cells[i].len});

		t->are_numbers[i % n] |= t->cells[i].is_number;
		if (width > t->widths[i % n]) {
			t->widths[i % n] = width;
			has_grown = true;
		}
	}
	t->bar = n;
	while (t->bar > first_call && !t->are_numbers[t->bar - 1])
		t->bar--;
	if (t->bar == first_call)
		t->bar = 0;
	for (size_t i = t->bar - 1; t->bar && i < t->n_cells; i += n) {
		if (t->cells[i].is_number && t->cells[i].number > t->scale)
			t->scale = t->cells[i].number;
	}
	return has_grown;
}

static void add_padded(struct buf *out, struct slice text, size_t width, bool is_right)
{
	size_t blanks = width - width_of(text);

	for (size_t i = 0; is_right && i < blanks; i++)
		buf_add_char(out, ' ');
	buf_add_slice(out, text);
	for (size_t i = 0; !is_right && i < blanks; i++)
		buf_add_char(out, ' ');
	buf_add(out, "  ", 2);
}

static void end_line(struct buf *out)
{
	while (out->len && out->p[out->len - 1] == ' ')
		out->len--;
	buf_add_char(out, '\n');
}

static void add_header(struct rows *r, struct buf *out)
{
	struct rows_table *t = &r->table;

	if (t->has_header)
		buf_add_char(out, '\n');
	for (size_t i = 0; i < columns(r); i++)
		add_padded(out, slice_str(r->columns[i]), t->widths[i], t->are_numbers[i]);
	end_line(out);
	t->has_header = true;
}

static void add_bar(struct buf *out, const struct rows_cell *cell, double scale)
{
	static const char *const part[EIGHTHS] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	double share = cell->is_number && scale > 0 && cell->number > 0 ? cell->number / scale : 0;
	int eighths = (int)lround(share * BAR_WIDTH * EIGHTHS);

	for (int i = 0; i < eighths / EIGHTHS; i++)
		buf_add_str(out, "█");
	buf_add_str(out, part[eighths % EIGHTHS]);
}

void rows_flush_table(struct rows *r, struct buf *out)
{
	struct rows_table *t = &r->table;
	size_t n = columns(r);
	bool has_grown;

	if (!t->n_cells)
		return;
	has_grown = measure(r);
	if (!t->has_header || has_grown)
		add_header(r, out);
	for (size_t i = 0; i < t->n_cells; i++) {
		const struct rows_cell *cell = &t->cells[i];

		add_padded(out, (struct slice){t->text.p + cell->start, cell->len}, t->widths[i % n],
			t->are_numbers[i % n]);
		if (i % n != n - 1)
			continue;
		if (t->bar)
			add_bar(out, &t->cells[i - n + t->bar], t->scale);
		if (cell->is_open)
			buf_add_str(out, "(open)");
		end_line(out);
	}
	t->n_cells = 0;
	buf_reset(&t->text);
}
