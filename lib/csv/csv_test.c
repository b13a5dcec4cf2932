#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "csv/csv.h"
#include "csv/csv_internal.h"
#include "json/json.h"

#include "../../tests/kit/random.h"

static const struct csv_opts defaults = {.delimiter = ',', .row_max_bytes = 1 << 20};

/* What a reader gave: its lines, and its rejects as text. */
struct answer {
	struct buf out, rejects;
	int result;
	uint64_t n_empty;
};

static int note_reject(void *context, const struct csv_bad *bad, struct err *err)
{
	struct answer *answer = context;

	(void)err;
	buf_addf(&answer->rejects, "%llu:%llu: %s: ", (unsigned long long)bad->line, (unsigned long long)bad->byte,
		bad->message);
	buf_add_slice(&answer->rejects, bad->raw);
	buf_add_char(&answer->rejects, '\n');
	return 0;
}

static void release(struct answer *answer)
{
	buf_release(&answer->out);
	buf_release(&answer->rejects);
}

/* A copy with the readable bytes that a batch has behind it. */
static void copy_padded(struct buf *to, const char *p, size_t len)
{
	buf_reset(to);
	buf_add(to, p, len);
	memset(buf_reserve(to, JSON_PAD_BYTES), '"', JSON_PAD_BYTES);
}

/* Feeds p[0, cut), p[cut, cut2), p[cut2, len): each piece in memory of its own. */
static void feed(struct answer *answer, const struct csv_opts *opts, struct slice text, size_t cut, size_t cut2)
{
	size_t cuts[] = {0, cut, cut2, text.len};
	struct err err = ERR_INIT;
	struct csv *csv = csv_open(opts, note_reject, answer, &err);
	uint64_t line = 1;

	*answer = (struct answer){.result = csv ? 0 : -1};
	for (int i = 0; i < 3 && answer->result == 0; i++) {
		struct buf piece = BUF_INIT;

		if (cuts[i] == cuts[i + 1])
			continue;
		copy_padded(&piece, text.p + cuts[i], cuts[i + 1] - cuts[i]);
		answer->result = csv_feed(csv, piece.p, piece.len, line, &answer->out, &err);
		for (size_t k = cuts[i]; k < cuts[i + 1]; k++)
			line += text.p[k] == '\n';
		buf_release(&piece);
	}
	if (answer->result == 0)
		answer->result = csv_end(csv, &answer->out, &err);
	if (csv)
		answer->n_empty = csv_take_empty(csv);
	csv_close(csv);
}

static void read_plain(struct answer *answer, const struct csv_opts *opts, struct slice text)
{
	struct err err = ERR_INIT;
	struct csv *csv = csv_open(opts, note_reject, answer, &err);
	struct buf piece = BUF_INIT;

	*answer = (struct answer){0};
	copy_padded(&piece, text.p, text.len);
	answer->result = csv_plain(csv, piece.p, piece.len, &answer->out, &err);
	answer->n_empty = csv_take_empty(csv);
	buf_release(&piece);
	csv_close(csv);
}

static void assert_same(const struct answer *a, const struct answer *b)
{
	assert_int_equal(a->result, b->result);
	if (a->result)
		return;
	if (!slice_eq(buf_slice(&a->out), buf_slice(&b->out)))
		fail_msg("lines differ:\n%.*s\n---\n%.*s", (int)a->out.len, a->out.p, (int)b->out.len, b->out.p);
	if (!slice_eq(buf_slice(&a->rejects), buf_slice(&b->rejects)))
		fail_msg("rejects differ:\n%.*s\n---\n%.*s", (int)a->rejects.len, a->rejects.p, (int)b->rejects.len,
			b->rejects.p);
	assert_true(a->n_empty == b->n_empty);
}

static void expect(const struct csv_opts *opts, const char *csv, const char *lines, const char *rejects)
{
	struct answer answer;

	feed(&answer, opts, slice_str(csv), strlen(csv), strlen(csv));
	assert_int_equal(answer.result, 0);
	assert_string_equal(buf_cstr(&answer.out), lines);
	assert_string_equal(buf_cstr(&answer.rejects), rejects);
	release(&answer);
}

static void cells_become_values(void **state)
{
	(void)state;
	expect(&defaults, "a,b\n1,x\n-0.50,\n", "{\"a\":1,\"b\":\"x\"}\n{\"a\":-0.50,\"b\":null}\n", "");
	expect(&defaults, "a\r\n04\r\n\r\n 7 \r\n", "{\"a\":\"04\"}\n{\"a\":7}\n", "");
	expect(&defaults, "a,b\n\"1\",\"x \"\"y\"\"\r\nz,\"\n", "{\"a\":1,\"b\":\"x \\\"y\\\"\\r\\nz,\"}\n", "");
	expect(&defaults, "a,b,\n1,2,\n1,2\n", "{\"a\":1,\"b\":2}\n{\"a\":1,\"b\":2}\n", "");
	expect(&defaults, "a\n5\" pipe\nc:\\d\n\x7f\n",
		"{\"a\":\"5\\\" pipe\"}\n{\"a\":\"c:\\\\d\"}\n{\"a\":\"\\u007f\"}\n", "");
	expect(&defaults, "a\n\xc2\xb0\n", "{\"a\":\"\xc2\xb0\"}\n", "");
}

static void names_are_made_unique(void **state)
{
	(void)state;
	expect(&defaults, ",a,a,a_2\n1,2,3,4\n", "{\"column_1\":1,\"a\":2,\"a_2\":3,\"a_2_2\":4}\n", "");
	expect(&defaults, "a,a_2,a,a,b\n1,2,3,4,5\n", "{\"a\":1,\"a_2\":2,\"a_3\":3,\"a_4\":4,\"b\":5}\n", "");
}

static void columns_are_limited(void **state)
{
	struct buf text = BUF_INIT;
	struct answer answer;

	(void)state;
	for (int i = 0; i < CSV_COLUMNS_MAX; i++)
		buf_add_str(&text, i ? ",a" : "a");
	buf_add_char(&text, '\n');
	feed(&answer, &defaults, buf_slice(&text), text.len, text.len);
	assert_int_equal(answer.result, 0);
	text.p[text.len - 1] = ',';
	buf_add_str(&text, "a\n");
	feed(&answer, &defaults, buf_slice(&text), text.len, text.len);
	assert_int_equal(answer.result, -1);
	buf_release(&text);
}

static void bad_rows_are_rejected_alone(void **state)
{
	(void)state;
	expect(&defaults, "a,b\n1\n1,2\n1,2,3\n1,2,\n1,2,,\n", "{\"a\":1,\"b\":2}\n{\"a\":1,\"b\":2}\n",
		"2:0: the row has 1 cell, the header has 2: 1\n4:0: the row has 3 cells, the header has 2: 1,2,3\n"
		"6:0: the row has 4 cells, the header has 2: 1,2,,\n");
	expect(&defaults, "a,b\n1,\"x\"y\n3,4\n", "{\"a\":3,\"b\":4}\n",
		"2:6: expected a delimiter or a line end behind a closing quote: 1,\"x\"y\n");
	expect(&defaults, "a,b\n1,\"x\n3,4\n5,6\n", "{\"a\":3,\"b\":4}\n{\"a\":5,\"b\":6}\n",
		"2:3: a quote does not close before the end of the input: 1,\"x\n");
	expect(&defaults, "a,b\n1,\xff\n3,4\n", "{\"a\":3,\"b\":4}\n",
		"2:3: column 'b' is not UTF-8 (see --encoding): 1,\xff\n");
}

static void options_decide(void **state)
{
	struct csv_opts opts = defaults;

	(void)state;
	opts.types = "a:str,\"b,c\":num";
	expect(&opts, "a,\"b,c\"\n1,2\n3,x\n", "{\"a\":\"1\",\"b,c\":2}\n", "3:3: column 'b,c' is not a number: 3,x\n");
	opts = defaults;
	opts.header = "x,y";
	opts.delimiter = '\t';
	opts.skip_lines = 1;
	expect(&opts, "# made by\na\t1\nb\t\"2\t3\"\n", "{\"x\":\"a\",\"y\":1}\n{\"x\":\"b\",\"y\":\"2\\t3\"}\n", "");
	opts = defaults;
	opts.no_infer = true;
	opts.empty = CSV_EMPTY_STRING;
	expect(&opts, "a,b\n1,\n", "{\"a\":\"1\",\"b\":\"\"}\n", "");
	opts = defaults;
	opts.empty = CSV_EMPTY_OMIT;
	expect(&opts, "a,b\n,1\n2,\n,\"\"\n", "{\"b\":1}\n{\"a\":2}\n{}\n", "");
	opts = defaults;
	opts.is_latin1 = true;
	expect(&opts, "\xb0\n\xe9t\xe9\n", "{\"\xc2\xb0\":\"\xc3\xa9t\xc3\xa9\"}\n", "");
}

static void a_long_row_costs_one_line(void **state)
{
	struct csv_opts opts = defaults;

	(void)state;
	opts.row_max_bytes = 16;
	expect(&opts, "a,b\n1,\"x\n3,4\n5,6\n7,8\n9,0\n1,\"y\"\n",
		"{\"a\":3,\"b\":4}\n{\"a\":5,\"b\":6}\n{\"a\":7,\"b\":8}\n"
		"{\"a\":9,\"b\":0}\n{\"a\":1,\"b\":\"y\"}\n",
		"2:3: a quote does not close within the longest row (see --max-line): 1,\"x\n");
}

static void bad_options_are_refused(void **state)
{
	static const char *const types[] = {"a", "a:float", ":str", "\"a:num", "\"a\"num"};
	struct csv_opts opts = defaults;
	struct err err = ERR_INIT;
	char delimiter;

	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		opts.types = types[i];
		err_reset(&err);
		assert_null(csv_open(&opts, note_reject, NULL, &err));
		assert_int_equal(err.code, ERR_USAGE);
	}
	opts = defaults;
	opts.header = "a,\"b";
	err_reset(&err);
	assert_null(csv_open(&opts, note_reject, NULL, &err));
	assert_int_equal(csv_delimiter_parse(";", &delimiter, &err), 0);
	assert_int_equal(delimiter, ';');
	assert_int_equal(csv_delimiter_parse("a", &delimiter, &err), -1);
	assert_int_equal(csv_delimiter_parse("", &delimiter, &err), -1);
	assert_int_equal(csv_delimiter_parse("\\t", &delimiter, &err), 0);
	assert_int_equal(delimiter, '\t');
}

static void numbers_survive_or_stay_text(void **state)
{
	static const char *const yes[] = {"0", "-0", "7", "-12", "1.10", "0.12345678901234567", "9007199254740992",
		"-9007199254740992", "123456789012345.67", "1e5", "-1.5E-300", "0e999", "0.00000000000000000000001234"};
	static const char *const no[] = {"", "-", "04", "-04.5", ".5", "5.", "+1", "1e", "1e400", "1e-400", "0x10",
		"NaN", "9007199254740993", "10000000000000000", "12345678901234567890", "1.2345678901234567890", "1,5",
		"--1", "1.2.3", "1-2"};

	(void)state;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		assert_true(csv_is_number(yes[i], strlen(yes[i])));
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		if (csv_is_number(no[i], strlen(no[i])))
			fail_msg("'%s' is no number", no[i]);
	}
}

/* The judge of 16 bytes at once against the plain one, by way of whole rows. */
static void fast_numbers_equal_plain_ones(void **state)
{
	static const char letters[] = "0123456789012345678901234567890123456789.-.-eE+ 0x";
	struct buf text = BUF_INIT;

	(void)state;
	buf_add_str(&text, "a,b\n");
	for (int i = 0; i < 20000; i++) {
		for (unsigned n = any(20); n > 0; n--)
			buf_add_char(&text, letters[any(sizeof letters - 1)]);
		buf_add_str(&text, ",x\n");
	}
	{
		struct answer fast, plain;

		feed(&fast, &defaults, buf_slice(&text), text.len / 2, text.len / 2);
		release(&fast);
		feed(&fast, &defaults, buf_slice(&text), text.len, text.len);
		read_plain(&plain, &defaults, buf_slice(&text));
		assert_same(&fast, &plain);
		release(&fast);
		release(&plain);
	}
	buf_release(&text);
}

/* Tables that are mostly well formed, with everything that hurts in between. */
static void make_table(struct buf *text, bool is_wild)
{
	static const char *const cells[] = {"1", "12.5", "abc", "\"a,b\"", "\"a\nb\"", "\"x\"\"y\"", "", "\"\"", " 4 ",
		"04", "\xc3\xa9", "back\\slash", "a\rb", "\"\r\n\"", "2020-08-17 00:00:02",
		"SPEED OF A VEHICLE ON THE LEFT LANE", "-1e-7", "\"7\"", "tab\there"};
	static const char *const wild[] = {"\"open", "\"a\"b", "x\"y", "\"", "\"\"\"", "\xff", "\"a\"\r", "a,b"};
	unsigned n_rows = 1 + any(12);

	buf_reset(text);
	buf_add_str(text, any(4) ? "a,b,c\n" : any(2) ? "a,b,a,\r\n" : "a,\"b\n\"\"x\r\n\",c\n");
	while (n_rows--) {
		if (any(10) == 0)
			buf_add_str(text, any(2) ? "\n" : "\r\n");
		for (int i = 0; i < 3; i++) {
			if (is_wild && any(12) == 0)
				buf_add_str(text, wild[any(sizeof wild / sizeof *wild)]);
			else
				buf_add_str(text, cells[any(sizeof cells / sizeof *cells)]);
			if (i < 2)
				buf_add_char(text, ',');
		}
		buf_add_str(text, any(10) ? "\n" : any(2) ? ",\n" : "\r\n");
	}
}

/* Every split of the input into three pieces of whole lines gives what the plain reader gives. */
static void splits_do_not_matter(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	for (int round = 0; round < 1500; round++) {
		struct csv_opts opts = defaults;
		struct answer plain;

		make_table(&text, round % 2);
		if (round % 3 == 0)
			opts.row_max_bytes = 8 + any(40);
		opts.empty = (enum csv_empty)any(3);
		csv_force_portable(round % 4 == 0);
		read_plain(&plain, &opts, buf_slice(&text));
		for (size_t cut = 0; cut <= text.len; cut++) {
			size_t cut2 = cut + any((unsigned)(text.len - cut + 1));
			struct answer fast;

			while (cut2 < text.len && cut2 > 0 && text.p[cut2 - 1] != '\n')
				cut2++;
			if (cut && text.p[cut - 1] != '\n')
				continue;
			feed(&fast, &opts, buf_slice(&text), cut, cut2);
			assert_same(&fast, &plain);
			release(&fast);
		}
		release(&plain);
	}
	csv_force_portable(false);
	buf_release(&text);
}

static void portable_index_equals_simd(void **state)
{
	static uint32_t a[4096 + 64], b[4096 + 64];
	char text[4096 + JSON_PAD_BYTES];

	(void)state;
	for (int round = 0; round < 200; round++) {
		size_t len = any(4096), n;

		for (size_t i = 0; i < sizeof text; i++)
			text[i] = any(3) ? (char)('a' + any(20)) : (char)any(256);
		n = csv_index_portable(text, len, ';', a);
		assert_int_equal(n, csv_index_best()(text, len, ';', b));
		assert_memory_equal(a, b, n * sizeof *a);
	}
}

/* Cells and rows larger than a window, and rows that end at its border. */
static void windows_do_not_matter(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct answer fast, plain;

		buf_reset(&text);
		buf_add_str(&text, "a,b\n");
		while (text.len < 200000) {
			size_t n = any(round % 4 == 0 ? 100000 : 300);

			buf_add_str(&text, any(2) ? "\"" : "\"\"\"x\n");
			memset(buf_reserve(&text, n), "z,1\n"[any(4)], n);
			text.len += n;
			buf_add_str(&text, any(2) ? "\",2\r\n" : "\",\"3\"\n");
		}
		feed(&fast, &defaults, buf_slice(&text), text.len, text.len);
		read_plain(&plain, &defaults, buf_slice(&text));
		assert_same(&fast, &plain);
		release(&fast);
		release(&plain);
	}
	buf_release(&text);
}

static void rows_know_their_lines(void **state)
{
	static const char text[] = "a,b\n1,\"x\ny\"\n\nbad\n2,z\r\n";
	struct answer answer = {0};
	struct err err = ERR_INIT;
	struct csv *csv = csv_open(&defaults, note_reject, &answer, &err);
	struct buf piece = BUF_INIT;
	const struct csv_row *rows;
	size_t n;

	(void)state;
	copy_padded(&piece, text, sizeof text - 1);
	assert_int_equal(csv_feed(csv, piece.p, piece.len, 10, &answer.out, &err), 0);
	rows = csv_rows(csv, &n);
	assert_int_equal(n, 2);
	assert_int_equal(rows[0].line, 11);
	assert_int_equal(rows[1].line, 15);
	assert_true(slice_eq((struct slice){rows[1].p, rows[1].len}, SLICE_LIT("2,z")));
	csv_close(csv);
	release(&answer);
	buf_release(&piece);
}

static void a_missing_line_breaks_an_open_row(void **state)
{
	struct answer answer = {0};
	struct err err = ERR_INIT;
	struct csv *csv = csv_open(&defaults, note_reject, &answer, &err);
	struct buf piece = BUF_INIT;

	(void)state;
	assert_int_equal(csv_break(csv, &answer.out, &err), -1);
	err_reset(&err);
	copy_padded(&piece, "a\n\"x\n", 5);
	assert_int_equal(csv_feed(csv, piece.p, piece.len, 1, &answer.out, &err), 0);
	assert_int_equal(csv_break(csv, &answer.out, &err), 0);
	assert_string_equal(
		buf_cstr(&answer.rejects), "2:1: a quote does not close before the end of the input: \"x\n");
	copy_padded(&piece, "y\"\n", 3);
	assert_int_equal(csv_feed(csv, piece.p, piece.len, 4, &answer.out, &err), 0);
	assert_string_equal(buf_cstr(&answer.out), "{\"a\":\"y\\\"\"}\n");
	csv_close(csv);
	release(&answer);
	buf_release(&piece);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_become_values),
		cmocka_unit_test(names_are_made_unique),
		cmocka_unit_test(columns_are_limited),
		cmocka_unit_test(bad_rows_are_rejected_alone),
		cmocka_unit_test(options_decide),
		cmocka_unit_test(a_long_row_costs_one_line),
		cmocka_unit_test(bad_options_are_refused),
		cmocka_unit_test(numbers_survive_or_stay_text),
		cmocka_unit_test(fast_numbers_equal_plain_ones),
		cmocka_unit_test(splits_do_not_matter),
		cmocka_unit_test(portable_index_equals_simd),
		cmocka_unit_test(windows_do_not_matter),
		cmocka_unit_test(rows_know_their_lines),
		cmocka_unit_test(a_missing_line_breaks_an_open_row),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
