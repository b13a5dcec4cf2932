#include "rows/rows_impl.h"

#include <string.h>

bool rows_group_text(const struct rows *r, size_t field, struct buf *out)
{
	const struct group_value *v = &r->group.values[field];

	switch (v->type) {
	case JSON_ABSENT:
	case JSON_NULL:
		return false;
	case JSON_FALSE:
		buf_add_str(out, "false");
		break;
	case JSON_TRUE:
		buf_add_str(out, "true");
		break;
	default:
		buf_add_slice(out, v->bytes);
		break;
	}
	return true;
}

bool rows_result_text(struct rows *r, const struct agg_result *result, struct buf *out)
{
	(void)r;
	if (result->type == AGG_NULL)
		return false;
	if (result->type == AGG_TEXT && *result->text.p == '"')
		json_unescape(out, (struct json_span){result->text.p, (uint32_t)result->text.len, JSON_STRING, 1});
	else
		agg_result_print(out, result);
	return true;
}

static void add_quoted(struct buf *out, struct slice text)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '"')
			buf_add_char(out, '"');
		buf_add_char(out, text.p[i]);
	}
	buf_add_char(out, '"');
}

static void add_escaped(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		switch (text.p[i]) {
		case '\t':
			buf_add(out, "\\t", 2);
			break;
		case '\n':
			buf_add(out, "\\n", 2);
			break;
		case '\r':
			buf_add(out, "\\r", 2);
			break;
		case '\\':
			buf_add(out, "\\\\", 2);
			break;
		default:
			buf_add_char(out, text.p[i]);
		}
	}
}

static bool needs_quotes(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (strchr(",\"\r\n", text.p[i]) && text.p[i])
			return true;
	}
	return !text.len || text.p[0] == ' ' || text.p[text.len - 1] == ' ';
}

/* A cell with the text in it, or an empty one. */
static void add_cell(struct rows *r, bool is_there, struct buf *out)
{
	struct slice text = buf_slice(&r->cell);

	if (!is_there)
		return;
	if (r->opts.format == ROWS_TSV)
		add_escaped(out, text);
	else if (needs_quotes(text))
		add_quoted(out, text);
	else
		buf_add_slice(out, text);
}

static struct buf *next_cell(struct rows *r, bool is_first, struct buf *out)
{
	if (!is_first)
		buf_add_char(out, r->opts.format == ROWS_TSV ? '\t' : ',');
	buf_reset(&r->cell);
	return &r->cell;
}

void rows_add_header(struct rows *r, struct buf *out)
{
	for (size_t i = 0; i < r->n_columns; i++) {
		buf_add_str(next_cell(r, i == 0, out), r->columns[i]);
		add_cell(r, true, out);
	}
	buf_add_char(out, '\n');
	r->has_header = true;
}

static void add_time(struct rows *r, int64_t us, bool is_first, struct buf *out)
{
	struct buf *cell = next_cell(r, is_first, out);

	rows_add_time(cell, r->opts.time, us);
	if (*cell->p == '"')
		buf_add(out, cell->p + 1, cell->len - 2);
	else
		buf_add_slice(out, buf_slice(cell));
}

static void add_revision(struct rows *r, const struct engine_row *row, struct buf *out)
{
	buf_addf(next_cell(r, false, out), "%u", row->rev);
	add_cell(r, true, out);
	buf_add_str(next_cell(r, false, out), row->is_final ? "true" : "false");
	add_cell(r, true, out);
	if (!r->opts.is_session)
		return;
	next_cell(r, false, out);
	if (row->n_replaces)
		rows_add_replaces(r, row, &r->cell);
	add_cell(r, row->n_replaces, out);
}

void rows_add_csv(struct rows *r, const struct engine_row *row, struct buf *out)
{
	const struct agg_list *list = r->opts.list;
	struct agg_result result;
	bool is_first = true;

	if (!r->has_header)
		rows_add_header(r, out);
	buf_reset(&r->approximate);
	if (row->has_bounds) {
		add_time(r, row->start_us, true, out);
		add_time(r, row->end_us, false, out);
		is_first = false;
	}
	for (size_t i = 0; i < r->opts.n_fields; i++, is_first = false)
		add_cell(r, rows_group_text(r, i, next_cell(r, is_first, out)), out);
	for (size_t i = 0; i < list->n_calls; i++, is_first = false) {
		agg_result(list, i, row->states, &result);
		add_cell(r, rows_result_text(r, &result, next_cell(r, is_first, out)), out);
		if (result.is_approximate)
			buf_addf(&r->approximate, "%s%s", r->approximate.len ? " " : "", list->calls[i].name);
	}
	if (r->opts.has_rev)
		add_revision(r, row, out);
	if (r->opts.has_part) {
		struct buf *cell = next_cell(r, false, out);

		if (row->part)
			buf_addf(cell, "%u", row->part);
		add_cell(r, row->part, out);
	}
	if (r->opts.has_cut) {
		buf_add_str(next_cell(r, false, out), row->is_cut ? "true" : "");
		add_cell(r, row->is_cut, out);
	}
	if (list->has_sketch) {
		buf_add_slice(next_cell(r, false, out), buf_slice(&r->approximate));
		add_cell(r, r->approximate.len > 0, out);
	}
	buf_add_char(out, '\n');
}
