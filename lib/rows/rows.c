#include "rows/rows_impl.h"

#include <stdlib.h>
#include <string.h>

#include "etime/etime.h"
#include "mem/mem.h"
#include "num/num.h"

/* ---- group fields ---- */

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* "as NAME", if it is there. */
static int parse_alias(const char **at, struct rows_field *field, struct err *err)
{
	const char *p = skip_blanks(*at), *start;

	if (strncmp(p, "as", 2) != 0 || (p[2] != ' ' && p[2] != '\t' && p[2])) {
		*at = p;
		return 0;
	}
	start = skip_blanks(p + 2);
	for (p = start; is_name_byte(*p); p++)
		;
	if (p == start)
		return err_set(err, ERR_USAGE, "expected a name of letters, digits and _ behind 'as'");
	field->name = mem_dup(start, (size_t)(p - start));
	*at = skip_blanks(p);
	return 0;
}

int rows_fields_parse(struct rows_field **fields, size_t *n, const char *text, struct err *err)
{
	const char *at = text;

	for (;;) {
		struct rows_field field = {FIELDPATH_INIT, NULL};
		size_t used = 0;

		at = skip_blanks(at);
		if (fieldpath_parse(&field.path, slice_str(at), &used, err))
			return -1;
		at += used;
		*fields = mem_resize(*fields, *n + 1, sizeof **fields);
		(*fields)[(*n)++] = field;
		if (!field.path.n_steps)
			return err_set(err, ERR_USAGE, "a group field cannot be the record itself");
		if (parse_alias(&at, &(*fields)[*n - 1], err))
			return -1;
		if (!*at)
			return 0;
		if (*at++ != ',')
			return err_set(
				err, ERR_USAGE, "expected ',' or 'as NAME' behind the field %s", field.path.text);
	}
}

void rows_fields_release(struct rows_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fieldpath_release(&fields[i].path);
		free(fields[i].name);
	}
	free(fields);
}

/* ---- columns ---- */

static void add_column(struct rows *r, struct slice name)
{
	r->columns = mem_resize(r->columns, r->n_columns + 1, sizeof *r->columns);
	r->columns[r->n_columns++] = mem_dup(name.p, name.len);
}

static void name_columns(struct rows *r)
{
	struct buf name = BUF_INIT;

	if (r->opts.has_bounds) {
		add_column(r, slice_str(r->opts.is_session ? "session_start" : "window_start"));
		add_column(r, slice_str(r->opts.is_session ? "session_end" : "window_end"));
	}
	for (size_t i = 0; i < r->opts.n_fields; i++) {
		const struct rows_field *f = &r->opts.fields[i];

		buf_reset(&name);
		if (f->name)
			buf_add_str(&name, f->name);
		else
			fieldpath_column(&name, &f->path);
		add_column(r, buf_slice(&name));
	}
	for (size_t i = 0; i < r->opts.list->n_calls && !r->opts.partial; i++)
		add_column(r, slice_str(r->opts.list->calls[i].name));
	if (r->opts.partial)
		add_column(r, SLICE_LIT("_state"));
	if (r->opts.has_rev && r->opts.format != ROWS_NDJSON) {
		add_column(r, SLICE_LIT("rev"));
		if (r->opts.format != ROWS_TABLE)
			add_column(r, SLICE_LIT("final"));
		if (r->opts.is_session)
			add_column(r, SLICE_LIT("replaces"));
	}
	if (r->opts.has_part && r->opts.format != ROWS_NDJSON)
		add_column(r, SLICE_LIT("part"));
	if (r->opts.has_cut && r->opts.format != ROWS_NDJSON)
		add_column(r, SLICE_LIT("cut"));
	if (r->opts.list->has_sketch && r->opts.format != ROWS_NDJSON)
		add_column(r, SLICE_LIT("approx"));
	buf_release(&name);
}

/* A name that a row may hold beside the columns. */
static bool is_reserved(const struct rows *r, struct slice name)
{
	static const char *const names[] = {"window_start", "window_end", "session_start", "session_end", "partition",
		"rev", "final", "replaces", "part", "cut", "approx", "_state"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (slice_eq(name, slice_str(names[i])))
			return true;
	}
	return r->opts.has_topic && slice_eq(name, SLICE_LIT("topic"));
}

/* What stands at the top of the row: of a group field without a name the first key of its path. */
static struct slice top_of(const struct rows *r, size_t i, const char *name)
{
	const struct rows_field *f = &r->opts.fields[i];

	return i < r->opts.n_fields && !f->name && !f->path.steps[0].is_index ? f->path.steps[0].key : slice_str(name);
}

/* The group fields, then the aggregates, which have no column in partial rows but one in those made of them. */
static const char *name_of(const struct rows *r, size_t i)
{
	size_t first = r->opts.has_bounds ? 2 : 0;

	return i < r->opts.n_fields ? r->columns[first + i] : r->opts.list->calls[i - r->opts.n_fields].name;
}

static int check_columns(const struct rows *r, struct err *err)
{
	for (size_t i = 0; i < r->opts.n_fields + r->opts.list->n_calls; i++) {
		const char *name = name_of(r, i);
		struct slice top = top_of(r, i, name);

		if (is_reserved(r, top))
			return err_set(err, ERR_PROGRAM, "the name %.*s belongs to the row itself: say %s as NAME",
				(int)top.len, top.p, name);
		for (size_t k = 0; k < i; k++) {
			if (strcmp(name, name_of(r, k)) == 0)
				return err_set(err, ERR_PROGRAM, "two columns have the name %s: say as NAME", name);
		}
	}
	return 0;
}

void rows_columns(const struct rows *r, struct buf *out)
{
	for (size_t i = 0; i < r->n_columns; i++) {
		if (i)
			buf_add_char(out, ',');
		buf_add_str(out, r->columns[i]);
	}
}

/* ---- life ---- */

struct rows *rows_open(const struct rows_opts *opts, struct err *err)
{
	struct rows *r = mem_alloc(1, sizeof *r);

	r->opts = *opts;
	r->group.values = mem_alloc(opts->n_fields, sizeof *r->group.values);
	r->group.texts = mem_alloc(opts->n_fields, sizeof *r->group.texts);
	r->call_keys = mem_alloc(opts->list->n_calls, sizeof *r->call_keys);
	for (size_t i = 0; i < opts->list->n_calls; i++) {
		json_add_string(&r->call_keys[i], slice_str(opts->list->calls[i].name));
		buf_add_char(&r->call_keys[i], ':');
	}
	name_columns(r);
	if (check_columns(r, err) || rows_tree_build(r, err)) {
		rows_close(r);
		return NULL;
	}
	return r;
}

void rows_close(struct rows *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->opts.n_fields; i++)
		buf_release(&r->group.texts[i]);
	for (size_t i = 0; i < r->opts.list->n_calls; i++)
		buf_release(&r->call_keys[i]);
	for (size_t i = 0; i < r->n_columns; i++)
		free(r->columns[i]);
	rows_tree_release(&r->root);
	rows_table_release(&r->table);
	free(r->columns);
	free(r->group.values);
	free(r->group.texts);
	free(r->call_keys);
	buf_release(&r->prefix);
	buf_release(&r->approximate);
	buf_release(&r->cell);
	free(r);
}

void rows_read_group(struct rows *r, struct slice key)
{
	for (size_t i = 0; i < r->opts.n_fields; i++)
		group_key_next(&key, &r->group.values[i], &r->group.texts[i]);
}

void rows_add(struct rows *r, const struct engine_row *row, struct buf *out)
{
	rows_read_group(r, row->key);
	switch (r->opts.format) {
	case ROWS_NDJSON:
		rows_add_ndjson(r, row, out);
		break;
	case ROWS_CSV:
	case ROWS_TSV:
		if (row->is_final || row->has_rev)
			rows_add_csv(r, row, out);
		else
			r->n_withheld++;
		break;
	case ROWS_TABLE:
		rows_add_table(r, row, out);
		break;
	}
}

void rows_flush(struct rows *r, struct buf *out)
{
	if (r->opts.format == ROWS_TABLE)
		rows_flush_table(r, out);
}

uint64_t rows_withheld(const struct rows *r)
{
	return r->n_withheld;
}

void rows_add_replaces(const struct rows *r, const struct engine_row *row, struct buf *out)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < row->n_replaces; i++) {
		buf_add_str(out, i ? ",[" : "[");
		rows_add_time(out, r->opts.time, row->replaces[i].start_us);
		buf_add_char(out, ',');
		rows_add_time(out, r->opts.time, row->replaces[i].end_us);
		buf_add_char(out, ']');
	}
	buf_add_char(out, ']');
}

void rows_add_time(struct buf *out, enum rows_time form, int64_t us)
{
	static const int64_t unit[] = {[ROWS_SECONDS] = 1000000, [ROWS_MILLIS] = 1000, [ROWS_MICROS] = 1};

	if (form == ROWS_ISO) {
		buf_add_char(out, '"');
		out->len += etime_print_iso(buf_reserve(out, ETIME_ISO_BYTES), us);
		buf_add_char(out, '"');
	} else {
		int64_t whole = us / unit[form] - (us % unit[form] < 0);

		out->len += num_print_i64(buf_reserve(out, NUM_DOUBLE_BYTES), whole);
	}
}
