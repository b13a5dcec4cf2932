/*
 * The names of the columns, and the types that were asked for. Read once per input, the plain way.
 */
#include "csv/csv_internal.h"

#include <search.h>
#include <stdlib.h>

#include "json/json.h"
#include "mem/mem.h"

/*
 * Takes the next cell of p[len] without its quotes. Returns 1 with *used behind its delimiter, 2 for the last cell of
 * the row (*used behind the line end, if there is one), 0 when the row does not end here, -1 for a broken quote.
 */
static int take_cell(const char *p, size_t len, char delimiter, struct buf *cell, size_t *used)
{
	size_t at = 0, quoted_bytes;

	buf_reset(cell);
	if (len && p[0] == '"') {
		for (at = 1;; at++) {
			if (at == len)
				return 0;
			if (p[at] == '"' && (at + 1 == len || p[at + 1] != '"'))
				break;
			at += p[at] == '"';
			buf_add_char(cell, p[at]);
		}
		at++;
		if (at < len && p[at] != delimiter && p[at] != '\n' &&
			!(p[at] == '\r' && at + 1 < len && p[at + 1] == '\n')) {
			*used = at;
			return -1;
		}
	}
	quoted_bytes = cell->len;
	while (at < len && p[at] != delimiter && p[at] != '\n')
		buf_add_char(cell, p[at++]);
	if (at < len && p[at] == '\n' && cell->len > quoted_bytes && cell->p[cell->len - 1] == '\r')
		cell->len--;
	*used = at + (at < len);
	return at < len && p[at] == delimiter ? 1 : 2;
}

/* A name that is taken, in the tree c->names. */
struct taken {
	struct slice name; /* of its column */
	unsigned next;     /* the number to try behind it */
};

static int compare_taken(const void *a, const void *b)
{
	return slice_cmp(((const struct taken *)a)->name, ((const struct taken *)b)->name);
}

static struct taken *find_taken(const struct csv *c, const struct buf *name)
{
	struct taken key = {.name = buf_slice(name)};
	void *const *node = tfind(&key, &c->names, compare_taken);

	return node ? *node : NULL;
}

static void take_name(struct csv *c, const struct buf *name)
{
	struct taken *taken = mem_alloc(1, sizeof *taken);

	*taken = (struct taken){buf_slice(name), 2};
	if (!tsearch(taken, &c->names, compare_taken))
		mem_fail();
}

/* An empty name gets one by its place, a name that stood before the first free number. */
static void choose_name(const struct csv *c, struct buf *name)
{
	struct taken *taken;
	size_t len;

	if (name->len == 0)
		buf_addf(name, "column_%zu", c->n_columns + 1);
	len = name->len;
	taken = find_taken(c, name);
	while (taken && find_taken(c, name)) {
		name->len = len;
		buf_addf(name, "_%u", taken->next++);
	}
}

static int add_column(struct csv *c, const struct buf *cell, bool is_latin1, struct err *err)
{
	struct csv_column column = {.type = c->opts.no_infer ? CSV_STR : CSV_AUTO};

	if (c->n_columns == CSV_COLUMNS_MAX)
		return err_set(err, ERR_IO, "the header has more than %d columns", CSV_COLUMNS_MAX);
	buf_reserve(&column.key, CSV_COPY_BYTES);
	if (is_latin1)
		csv_add_latin1(&column.name, buf_slice(cell));
	else
		buf_add_slice(&column.name, buf_slice(cell));
	choose_name(c, &column.name);
	if (!json_try_string(&column.key, buf_slice(&column.name))) {
		buf_release(&column.name);
		buf_release(&column.key);
		return err_set(err, ERR_IO,
			"the name of column %zu is not UTF-8: say --encoding latin1, or --header NAMES",
			c->n_columns + 1);
	}
	buf_add_char(&column.key, ':');
	take_name(c, &column.name);
	c->columns = mem_resize(c->columns, c->n_columns + 1, sizeof *c->columns);
	c->columns[c->n_columns++] = column;
	c->keys_bytes += column.key.len + sizeof "\"null\",";
	return 0;
}

/* Takes the next "NAME:TYPE"; the name is quoted as a CSV cell where it holds a comma. 1, 0 at the end, -1. */
static int take_type(const char **text, struct buf *name, enum csv_type *type, struct err *err)
{
	const char *p = *text, *colon;
	size_t len = strcspn(p, ",");
	size_t used = 0;

	if (*p == '\0')
		return 0;
	buf_reset(name);
	if (*p == '"') {
		if (take_cell(p, strlen(p), ':', name, &used) != 1)
			return err_set(err, ERR_USAGE, "--types: expected NAME:str or NAME:num at '%.80s'", p);
		colon = p + used - 1;
		len = used + strcspn(p + used, ",");
	} else {
		colon = memrchr(p, ':', len);
		if (!colon || colon == p)
			return err_set(err, ERR_USAGE, "--types: expected NAME:str or NAME:num at '%.80s'", p);
		buf_add(name, p, (size_t)(colon - p));
	}
	len -= (size_t)(colon + 1 - p);
	if (slice_eq((struct slice){colon + 1, len}, SLICE_LIT("str")))
		*type = CSV_STR;
	else if (slice_eq((struct slice){colon + 1, len}, SLICE_LIT("num")))
		*type = CSV_NUM;
	else
		return err_set(err, ERR_USAGE, "--types: a type is str or num, not '%.*s'", (int)(len > 80 ? 80 : len),
			colon + 1);
	*text = colon + 1 + len;
	*text += **text == ',';
	return 1;
}

int csv_check_types(const char *types, struct err *err)
{
	struct buf name = BUF_INIT;
	enum csv_type type;
	int r = 0;

	while (types && (r = take_type(&types, &name, &type, err)) == 1)
		;
	buf_release(&name);
	return r;
}

static int set_types(struct csv *c, struct err *err)
{
	const char *types = c->opts.types;
	struct buf name = BUF_INIT;
	enum csv_type type;
	int r = 0;

	while (types && (r = take_type(&types, &name, &type, err)) == 1) {
		size_t i = 0;

		while (i < c->n_columns && !slice_eq(buf_slice(&c->columns[i].name), buf_slice(&name)))
			i++;
		if (i == c->n_columns) {
			r = err_set(err, ERR_USAGE, "--types: the header has no column '%.*s'",
				(int)(name.len > 80 ? 80 : name.len), name.p);
			break;
		}
		c->columns[i].type = type;
	}
	buf_release(&name);
	return r;
}

/* Names from the input, or from an option: 1, 0 when the row does not end here, -1 with err. */
static int read_names(struct csv *c, const char *p, size_t len, bool is_of_input, size_t *used, struct err *err)
{
	char delimiter = is_of_input ? c->opts.delimiter : ',';
	bool is_latin1 = is_of_input && c->opts.is_latin1;
	struct buf cell = BUF_INIT;
	int taken = 1;

	*used = 0;
	while (taken == 1) {
		const char *start = p + *used;
		size_t n = 0;

		taken = take_cell(start, len - *used, delimiter, &cell, &n);
		*used += n;
		if (taken < 0)
			err_set(err, ERR_IO, "the header has text behind a closing quote");
		else if (taken > 0 && cell.len && *start != '"' && memchr(cell.p, '\r', cell.len))
			/* A file of such line ends would be one long header and no rows. */
			taken = err_set(err, ERR_IO,
				"the header has a carriage return without a line feed: lines end in LF or CRLF");
		else if (taken > 0 && !(taken == 2 && cell.len == 0 && c->n_columns > 0) &&
			 add_column(c, &cell, is_latin1, err))
			taken = -1;
	}
	if (taken < 0)
		err_at(err, NULL, c->line, *used + 1);
	buf_release(&cell);
	return taken < 0 ? -1 : taken > 0;
}

void csv_forget_columns(struct csv *c)
{
	tdestroy(c->names, free);
	c->names = NULL;
	for (size_t i = 0; i < c->n_columns; i++) {
		buf_release(&c->columns[i].name);
		buf_release(&c->columns[i].key);
	}
	c->n_columns = 0;
	c->keys_bytes = 0;
}

int csv_read_header(struct csv *c, const char *p, size_t len, size_t *used, struct err *err)
{
	int r = read_names(c, p, len, true, used, err);

	if (r < 0)
		return -1;
	if (r == 0) {
		*used = 0;
		csv_forget_columns(c);
		return 0;
	}
	if (*used - 1 > c->opts.row_max_bytes) {
		err_set(err, ERR_IO, "the header is longer than --max-line");
		return err_at(err, NULL, c->line, 0);
	}
	for (size_t i = 0; i < *used; i++)
		c->line += p[i] == '\n';
	c->has_header = true;
	return set_types(c, err) ? -1 : 1;
}

int csv_set_header(struct csv *c, const char *names, struct err *err)
{
	size_t used;
	int r = read_names(c, names, strlen(names), false, &used, err);

	if (r < 0 || r == 0 || names[0] == '\0' || used < strlen(names)) {
		err_reset(err);
		return err_set(err, ERR_USAGE, "--header: expected names with commas between them, not '%.80s'", names);
	}
	c->has_header = true;
	return set_types(c, err);
}
