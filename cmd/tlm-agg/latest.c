#include "latest.h"

#include <stdlib.h>
#include <string.h>

#include "group/group.h"
#include "json/json.h"
#include "ledger/ledger.h"
#include "mem/mem.h"
#include "sink/sink.h"

enum { LAZY_US = 1000000 };

/* State of a group in the table: its row. */
struct newest {
	char *p;
	size_t len;
	int64_t end_us; /* of its window */
};

struct latest {
	const char *name;
	struct rows *rows;
	enum rows_format form;
	enum rows_time time;
	struct group_table groups;
	struct buf header, text;
	bool has_news;
	int64_t written_us; /* monotonic */
};

int latest_form(const char *name, enum rows_format *form, struct err *err)
{
	static const struct {
		const char *suffix;
		enum rows_format form;
	} forms[] = {{".csv", ROWS_CSV}, {".tsv", ROWS_TSV}, {".ndjson", ROWS_NDJSON}, {".jsonl", ROWS_NDJSON}};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		size_t n = strlen(forms[i].suffix);

		*form = forms[i].form;
		if (len > n && strcmp(name + len - n, forms[i].suffix) == 0)
			return 0;
	}
	return err_set(err, ERR_USAGE, "--latest %.100s: the name must end in .csv, .tsv, .ndjson or .jsonl", name);
}

struct latest *latest_open(const char *name, struct rows *rows, enum rows_format form, enum rows_time time)
{
	struct latest *t = mem_alloc(1, sizeof *t);

	t->name = name;
	t->rows = rows;
	t->form = form;
	t->time = time;
	t->written_us = INT64_MIN / 2;
	group_table_init(&t->groups, sizeof(struct newest));
	return t;
}

static struct newest *newest_of(struct group_entry *entry)
{
	return (struct newest *)entry->state;
}

void latest_close(struct latest *t)
{
	struct group_entry *entry;

	if (!t)
		return;
	for (size_t offset = 0; (entry = group_table_next(&t->groups, &offset));)
		free(newest_of(entry)->p);
	group_table_release(&t->groups);
	rows_close(t->rows);
	buf_release(&t->header);
	buf_release(&t->text);
	free(t);
}

static char separator(const struct latest *t)
{
	return t->form == ROWS_TSV ? '\t' : ',';
}

/* A time as a cell: without quotes. */
static void add_cell_time(struct latest *t, int64_t us)
{
	struct buf time = BUF_INIT;

	rows_add_time(&time, t->time, us);
	if (*time.p == '"')
		buf_add(&t->text, time.p + 1, time.len - 2);
	else
		buf_add_slice(&t->text, buf_slice(&time));
	buf_release(&time);
}

/* The row ends in a line end, or in "}" and one: last_updated goes before that. */
static void add_updated(struct latest *t, const struct engine_row *row)
{
	struct buf *text = &t->text;

	if (t->form == ROWS_NDJSON) {
		text->len -= 2;
		json_add_key(text, "last_updated");
		rows_add_time(text, t->time, row->end_us);
		buf_add(text, "}\n", 2);
		return;
	}
	text->len--;
	buf_add_char(text, separator(t));
	add_cell_time(t, row->end_us);
	buf_add_char(text, '\n');
}

void latest_add(struct latest *t, const struct engine_row *row)
{
	bool is_new;
	struct newest *newest = newest_of(group_table_get(&t->groups, row->key, group_hash(row->key), &is_new));

	/* a change of an older window; a session that grows to its front is the one that is there */
	if (!is_new && row->has_rev && row->end_us < newest->end_us)
		return;
	newest->end_us = row->end_us;
	if (!t->header.len && t->form != ROWS_NDJSON) {
		rows_add_header(t->rows, &t->header);
		t->header.len--;
		if (row->has_bounds)
			buf_addf(&t->header, "%clast_updated", separator(t));
		buf_add_char(&t->header, '\n');
	}
	buf_reset(&t->text);
	rows_add(t->rows, row, &t->text);
	if (row->has_bounds)
		add_updated(t, row);
	if (newest->len < t->text.len)
		newest->p = mem_resize(newest->p, t->text.len, 1);
	newest->len = t->text.len;
	memcpy(newest->p, t->text.p, t->text.len);
	t->has_news = true;
}

static void gather(struct latest *t)
{
	struct group_entry **order = mem_resize(NULL, t->groups.n, sizeof *order);

	buf_reset(&t->text);
	buf_add_slice(&t->text, buf_slice(&t->header));
	group_table_sort(&t->groups, order);
	for (uint32_t i = 0; i < t->groups.n; i++)
		buf_add(&t->text, newest_of(order[i])->p, newest_of(order[i])->len);
	free(order);
}

int latest_write(struct latest *t, bool is_lazy, struct err *err)
{
	int64_t now_us = ledger_now_us();
	struct sink *sink;
	int result;

	if (!t->has_news || (is_lazy && now_us - t->written_us < LAZY_US))
		return 0;
	sink = sink_file(t->name, err);
	if (!sink)
		return -1;
	gather(t);
	result = sink_write_bytes(sink, buf_slice(&t->text), err);
	if (sink->ops->finish(sink, result == 0, err))
		result = -1;
	sink_close(sink);
	t->has_news = false;
	t->written_us = now_us;
	return result;
}
