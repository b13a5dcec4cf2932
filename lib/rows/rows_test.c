#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "group/group.h"
#include "rows/rows.h"

/* Rows of a group list and an aggregate list without records: what stands around the values. */
struct form {
	struct rows_field *fields;
	size_t n_fields;
	struct agg_list list;
	struct rows *rows;
	struct buf out;
	void *states;
};

static void form_open(struct form *f, enum rows_format format, const char *groups, const char *list)
{
	struct rows_opts opts = {.format = format, .has_bounds = true, .list = &f->list};
	struct err err = ERR_INIT;

	*f = (struct form){0};
	if (*groups)
		assert_int_equal(rows_fields_parse(&f->fields, &f->n_fields, groups, &err), 0);
	assert_int_equal(agg_list_parse(&f->list, list, &err), 0);
	opts.fields = f->fields;
	opts.n_fields = f->n_fields;
	f->rows = rows_open(&opts, &err);
	assert_non_null(f->rows);
	f->states = calloc(1, f->list.state_bytes);
}

/* values: JSON texts with '|' between; "" is absent. */
static void form_add(struct form *f, const char *values, bool is_final)
{
	struct engine_row row = {.has_bounds = true,
		.start_us = 1500000,
		.end_us = 61500000,
		.is_final = is_final,
		.is_first_of_window = true,
		.states = f->states};
	struct buf key = BUF_INIT, tmp = BUF_INIT;

	for (size_t i = 0; i < f->n_fields; i++) {
		size_t len = strcspn(values, "|");
		struct json_record r = {.value = {NULL, 0, JSON_ABSENT, 0}};

		if (len)
			json_check(values, len, 8, &r);
		group_key_add(&key, r.value, &tmp);
		values += len + (values[len] == '|');
	}
	row.key = buf_slice(&key);
	rows_add(f->rows, &row, &f->out);
	rows_flush(f->rows, &f->out);
	buf_release(&key);
	buf_release(&tmp);
}

static void form_end(struct form *f, const char *text)
{
	assert_string_equal(buf_cstr(&f->out), text);
	rows_close(f->rows);
	rows_fields_release(f->fields, f->n_fields);
	agg_list_release(&f->list);
	buf_release(&f->out);
	free(f->states);
}

#define BOUNDS "{\"window_start\":\"1970-01-01T00:00:01.500Z\",\"window_end\":\"1970-01-01T00:01:01.500Z\""

static void groups_stand_at_their_paths(void **state)
{
	struct form f;

	(void)state;
	form_open(&f, ROWS_NDJSON, "driver.id, car, driver.name, .a[1] , x.y as z", "count");
	form_add(&f, "7|\"m3\"|\"Z\"|true|null", true);
	form_add(&f, "|||2|", true);
	form_add(&f, "||\"\\u00e9\"||\"\\n\"", true);
	form_add(&f, "||||", false);
	form_end(&f, BOUNDS ",\"driver\":{\"id\":7,\"name\":\"Z\"},\"car\":\"m3\",\"a\":[null,true],\"z\":null,"
			    "\"count\":0}\n" BOUNDS ",\"a\":[null,2],\"count\":0}\n" BOUNDS
			    ",\"driver\":{\"name\":\"\xc3\xa9\"},\"z\":\"\\n\",\"count\":0}\n" BOUNDS
			    ",\"count\":0,\"final\":false}\n");
}

static void csv_quotes_what_it_must(void **state)
{
	struct form f;

	(void)state;
	form_open(&f, ROWS_CSV, "a.b,c", "count, mean(x)");
	form_add(&f, "\"p,q\"|\"say \\\"x\\\"\\n\"", true);
	form_add(&f, "\"\"|", true);
	form_add(&f, "null|1.50", false);
	form_add(&f, "null|1.50", true);
	assert_int_equal(rows_withheld(f.rows), 1);
	form_end(&f, "window_start,window_end,a.b,c,count,mean_x\n"
		     "1970-01-01T00:00:01.500Z,1970-01-01T00:01:01.500Z,\"p,q\",\"say \"\"x\"\"\n\",0,\n"
		     "1970-01-01T00:00:01.500Z,1970-01-01T00:01:01.500Z,\"\",,0,\n"
		     "1970-01-01T00:00:01.500Z,1970-01-01T00:01:01.500Z,,1.5,0,\n");
}

static void tsv_escapes(void **state)
{
	struct form f;

	(void)state;
	form_open(&f, ROWS_TSV, "a", "count, p50(x)");
	form_add(&f, "\"t\\tn\\nr\\rb\\\\,\"", true);
	form_end(&f, "window_start\twindow_end\ta\tcount\tp50_x\tapprox\n"
		     "1970-01-01T00:00:01.500Z\t1970-01-01T00:01:01.500Z\tt\\tn\\nr\\rb\\\\,\t0\t\t\n");
}

static void a_table_is_aligned(void **state)
{
	struct form f;

	(void)state;
	form_open(&f, ROWS_TABLE, "a", "count");
	*(uint64_t *)f.states = 8;
	form_add(&f, "\"x\"", true);
	*(uint64_t *)f.states = 3;
	form_add(&f, "\"\xc3\xa9\\n\"", true);
	form_add(&f, "\"longer\"", false);
	form_end(&f, "window_start              window_end                a     count\n"
		     "1970-01-01T00:00:01.500Z  1970-01-01T00:01:01.500Z  x         8  ████████████████████\n"
		     "\n"
		     "window_start              window_end                a      count\n"
		     "1970-01-01T00:00:01.500Z  1970-01-01T00:01:01.500Z  \xc3\xa9          3  ███████▌\n"
		     "\n"
		     "window_start              window_end                a          count\n"
		     "1970-01-01T00:00:01.500Z  1970-01-01T00:01:01.500Z  longer         3  ███████▌(open)\n");
}

static void check_refused(const char *groups, const char *list, const char *part)
{
	struct rows_field *fields = NULL;
	size_t n = 0;
	struct agg_list aggs = {0};
	struct err err = ERR_INIT;
	struct rows_opts opts = {.has_bounds = true, .list = &aggs};
	struct rows *rows = NULL;

	assert_int_equal(agg_list_parse(&aggs, list, &err), 0);
	if (rows_fields_parse(&fields, &n, groups, &err) == 0) {
		opts.fields = fields;
		opts.n_fields = n;
		rows = rows_open(&opts, &err);
	}
	assert_null(rows);
	if (!strstr(err.msg, part))
		print_message("# %s\n", err.msg);
	assert_non_null(strstr(err.msg, part));
	rows_fields_release(fields, n);
	agg_list_release(&aggs);
}

static void names_must_not_clash(void **state)
{
	(void)state;
	check_refused("a,a", "count", "two columns have the name a");
	check_refused("count", "count", "two columns have the name count");
	check_refused("count.x", "count", "two columns have the name count");
	check_refused("a,a.b", "count", "does not fit beside the others");
	check_refused("a.b,a[0]", "count", "does not fit beside the others");
	check_refused("a[-1]", "count", "cannot be written back");
	check_refused("window_start", "count", "belongs to the row itself");
	check_refused("final.x", "count", "the name final belongs to the row itself: say final.x as NAME");
	check_refused("x", "count as final", "belongs to the row itself");
	check_refused("a as", "count", "expected a name");
	check_refused("a b", "count", "expected ','");
	check_refused(".", "count", "cannot be the record itself");
	check_refused("a..b", "count", "");
	check_refused("[0]", "count", "cannot begin with an index");
}

static void times_are_floored(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	rows_add_time(&out, ROWS_SECONDS, -1);
	buf_add_char(&out, ' ');
	rows_add_time(&out, ROWS_MILLIS, 1999);
	buf_add_char(&out, ' ');
	rows_add_time(&out, ROWS_MICROS, -7);
	buf_add_char(&out, ' ');
	rows_add_time(&out, ROWS_ISO, -1);
	assert_string_equal(buf_cstr(&out), "-1 1 -7 \"1969-12-31T23:59:59.999999Z\"");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_stand_at_their_paths),
		cmocka_unit_test(csv_quotes_what_it_must),
		cmocka_unit_test(tsv_escapes),
		cmocka_unit_test(a_table_is_aligned),
		cmocka_unit_test(names_must_not_clash),
		cmocka_unit_test(times_are_floored),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
