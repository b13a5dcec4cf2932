#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"

#define KEY(s)                                                                                                         \
	{                                                                                                              \
		.key = {(s), sizeof(s) - 1 }                                                                           \
	}
#define INDEX(i)                                                                                                       \
	{                                                                                                              \
		.is_index = true, .index = (i)                                                                         \
	}
#define PATH(...)                                                                                                      \
	&(struct fieldpath)                                                                                            \
	{                                                                                                              \
		(struct fieldpath_step[]){__VA_ARGS__},                                                                \
			sizeof((struct fieldpath_step[]){__VA_ARGS__}) / sizeof(struct fieldpath_step), NULL           \
	}

/* A batch in memory of exactly the promised size, so that a sanitizer sees a read too far. */
struct lines {
	char *p;
	size_t len;
};

static struct lines lines_of(const char *text, size_t len)
{
	struct lines l = {malloc(len + JSON_PAD_BYTES), len};

	assert_non_null(l.p);
	memcpy(l.p, text, len);
	memset(l.p + len, '"', JSON_PAD_BYTES);
	return l;
}

static struct json_span whole(const char *text)
{
	struct json_record r;

	json_check(text, strlen(text), 64, &r);
	assert_int_equal(r.status, JSON_OK);
	return r.value;
}

static void assert_span(struct json_span span, const char *text)
{
	if (!text) {
		assert_int_equal(span.type, JSON_ABSENT);
		return;
	}
	assert_int_not_equal(span.type, JSON_ABSENT);
	assert_int_equal(span.len, strlen(text));
	assert_memory_equal(span.p, text, span.len);
}

static void errors_have_a_place(void **state)
{
	static const struct {
		const char *line;
		size_t byte;
		const char *message;
	} cases[] = {
		{"{\"a\":1,}", 8, "expected a key in quotes"},
		{"{1:2}", 2, "expected a key in quotes or '}'"},
		{"{\"a\" 1}", 6, "expected ':' after a key"},
		{"{\"a\":1 \"b\":2}", 8, "expected ',' or '}' after a value"},
		{"[1 2]", 4, "expected ',' or ']' after a value"},
		{"[1,]", 4, "expected a value"},
		{"[1}", 3, "expected ',' or ']' after a value"},
		{"{\"a\":tru}", 6, "expected true"},
		{"{\"a\":01}", 7, "expected no digit after a leading zero"},
		{"{\"a\":1.}", 8, "expected a digit"},
		{"{\"a\":-}", 7, "expected a digit"},
		{"{\"a\":1e+}", 9, "expected a digit"},
		{"{\"a\":\"b", 8, "expected '\"' at the end of a string"},
		{"\"\\x\"", 3, "expected one of \"\\/bfnrtu after a backslash"},
		{"\"\\u12g4\"", 6, "expected four hexadecimal digits after \\u"},
		{"\"a\tb\"", 3, "expected control characters in a string as escapes"},
		{"\"a\xc3(\"", 3, "expected valid UTF-8"},
		{"\"\xed\xa0\x80\"", 2, "expected valid UTF-8"},
		{"1 2", 3, "expected the end of the line after the value"},
		{"{} {}", 4, "expected the end of the line after the value"},
		{"\xef\xbb\xbf{}", 1, "expected a value"},
		{"{\"a\":", 6, "expected a value"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json_record r;

		json_check(cases[i].line, strlen(cases[i].line), 64, &r);
		assert_int_equal(r.status, JSON_BAD);
		assert_string_equal(r.message, cases[i].message);
		assert_int_equal(r.byte, cases[i].byte);
	}
}

static void depth_is_limited(void **state)
{
	struct json_record r;

	(void)state;
	json_check("[[[1]]]", 7, 3, &r);
	assert_int_equal(r.status, JSON_OK);
	json_check("[[[[1]]]]", 9, 3, &r);
	assert_int_equal(r.status, JSON_TOO_DEEP);
	assert_int_equal(r.byte, 4);
}

static void paths_get_spans(void **state)
{
	static const struct {
		const char *line;
		const char *want[7];
	} cases[] = {
		{"{\"a\":{\"b\":7},\"c\":[1,2,{\"d\":\"x\"}]}",
			{"{\"b\":7}", "7", "2", "\"x\"", NULL, "{\"d\":\"x\"}", NULL}},
		{"{\"a\":{\"b\":7},\"a\":5}", {"5", NULL, NULL, NULL, NULL, NULL, NULL}},
		{"{\"a\":5,\"a\":{\"b\":7,\"b\":8}}", {"{\"b\":7,\"b\":8}", "8", NULL, NULL, NULL, NULL, NULL}},
		{"{\"c\":[1,2,{\"d\":1}],\"c\":[1]}", {NULL, NULL, NULL, NULL, NULL, "1", NULL}},
		{"{\"\\u0061\":1}", {"1", NULL, NULL, NULL, NULL, NULL, NULL}},
		{"[[3],[4]]", {NULL, NULL, NULL, NULL, "[4]", NULL, "4"}},
		{"{\"a\":null}", {"null", NULL, NULL, NULL, NULL, NULL, NULL}},
		{"5", {NULL, NULL, NULL, NULL, NULL, NULL, NULL}},
	};
	struct json_paths *paths = json_paths_open();
	struct json_scan *scan;
	size_t self;

	(void)state;
	assert_int_equal(json_paths_add(paths, PATH(KEY("a"))), 0);
	assert_int_equal(json_paths_add(paths, PATH(KEY("a"), KEY("b"))), 1);
	assert_int_equal(json_paths_add(paths, PATH(KEY("c"), INDEX(1))), 2);
	assert_int_equal(json_paths_add(paths, PATH(KEY("c"), INDEX(2), KEY("d"))), 3);
	assert_int_equal(json_paths_add(paths, PATH(INDEX(1))), 4);
	assert_int_equal(json_paths_add(paths, PATH(KEY("c"), INDEX(-1))), 5);
	assert_int_equal(json_paths_add(paths, PATH(INDEX(-1), INDEX(0))), 6);
	assert_int_equal(json_paths_add(paths, PATH(KEY("a"), KEY("b"))), 1);
	assert_int_equal(json_paths_add(paths, PATH(INDEX(-1), INDEX(0))), 6);
	self = json_paths_add(paths, &(struct fieldpath){NULL, 0, NULL});
	assert_int_equal(json_paths_count(paths), 8);
	scan = json_scan_open(paths, 64);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[256];
		struct json_record r;
		struct lines l;
		int n = snprintf(text, sizeof text, " %s \r\n", cases[i].line);

		l = lines_of(text, (size_t)n);
		json_scan_batch(scan, l.p, l.len);
		assert_int_equal(json_scan_next(scan, &r), 1);
		assert_int_equal(r.status, JSON_OK);
		assert_int_equal(r.len, l.len - 2);
		for (size_t slot = 0; slot < 7; slot++)
			assert_span(r.spans[slot], cases[i].want[slot]);
		assert_span(r.spans[self], cases[i].line);
		assert_span(r.value, cases[i].line);
		assert_int_equal(json_scan_next(scan, &r), 0);
		free(l.p);
	}
	json_scan_close(scan);
	json_paths_close(paths);
}

static void lines_are_counted(void **state)
{
	static const char text[] = "1\n\n \t\r\n{\"a\":}\n[]\r\n";
	static const enum json_status want[] = {JSON_OK, JSON_BLANK, JSON_BLANK, JSON_BAD, JSON_OK};
	struct lines l = lines_of(text, sizeof text - 1);
	struct json_scan *scan = json_scan_open(NULL, 64);
	struct json_record r;

	(void)state;
	json_scan_batch(scan, l.p, l.len);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(json_scan_next(scan, &r), 1);
		assert_int_equal(r.status, want[i]);
		assert_int_equal(r.line, i);
	}
	assert_int_equal(r.len, 2);
	assert_int_equal(json_scan_next(scan, &r), 0);
	json_scan_close(scan);
	free(l.p);
}

static void members_are_walked(void **state)
{
	struct json_span key, value;
	struct json_iter it;

	(void)state;
	json_iter_init(&it, whole("{ \"a\" : [1, \"]\"] , \"a\":-2e1 ,\"b\\\"\":\"\\\\\"}"));
	assert_int_equal(json_iter_next(&it, &key, &value), 1);
	assert_span(key, "\"a\"");
	assert_span(value, "[1, \"]\"]");
	assert_int_equal(json_iter_next(&it, &key, &value), 1);
	assert_span(value, "-2e1");
	assert_int_equal(json_iter_next(&it, &key, &value), 1);
	assert_span(key, "\"b\\\"\"");
	assert_span(value, "\"\\\\\"");
	assert_int_equal(json_iter_next(&it, &key, &value), 0);
	json_iter_init(&it, whole("[ ]"));
	assert_int_equal(json_iter_next(&it, NULL, &value), 0);
	json_iter_init(&it, whole("[{},null]"));
	assert_int_equal(json_iter_next(&it, NULL, &value), 1);
	assert_int_equal(value.type, JSON_OBJECT);
	assert_int_equal(json_iter_next(&it, NULL, &value), 1);
	assert_int_equal(value.type, JSON_NULL);
}

static void fields_are_got(void **state)
{
	struct json_span from = whole("{\"a\":1,\"a\":{\"b\":[10,20,{\"c\":3}]}}");

	(void)state;
	assert_span(json_get(from, PATH(KEY("a"), KEY("b"), INDEX(0))), "10");
	assert_span(json_get(from, PATH(KEY("a"), KEY("b"), INDEX(-1), KEY("c"))), "3");
	assert_span(json_get(from, PATH(KEY("a"), KEY("b"), INDEX(-4))), NULL);
	assert_span(json_get(from, PATH(KEY("a"), INDEX(0))), NULL);
	assert_span(json_get(from, &(struct fieldpath){NULL, 0, NULL}), "{\"a\":1,\"a\":{\"b\":[10,20,{\"c\":3}]}}");
}

static void strings_are_unescaped(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{"\"\"", ""},
		{"\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz"},
		{"\"\\u00e9\\u20AC\\ud83d\\ude00!\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!"},
		{"\"a\\udc00b\"", "a\xef\xbf\xbd"
				  "b"},
		{"\"\\ud800x\"", "\xef\xbf\xbdx"},
		{"\"\\ud800\\u0041\"", "\xef\xbf\xbd"
				       "A"},
		{"\"\\ud800\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
	};
	struct buf tmp = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json_span span = whole(cases[i].json);
		struct slice want = slice_str(cases[i].text);

		assert_true(slice_eq(json_text(span, &tmp), want));
		assert_true(json_string_eq(span, want));
		assert_false(json_string_eq(span, slice_str("a\"\\/\b\f\n\r\tzz")));
		assert_false(json_string_eq(span, slice_str("b")));
		if (want.len)
			assert_false(json_string_eq(span, (struct slice){want.p, want.len - 1}));
	}
	buf_release(&tmp);
}

static void strings_are_written_as_jq_does(void **state)
{
	static const char text[] = "\x01\b\t\n\v\f\r\x1f \"\\/\x7f\xef\xbf\xbf\xe2\x80\xa8";
	struct buf out = BUF_INIT;

	(void)state;
	json_add_string(&out, slice_str(text));
	assert_string_equal(
		buf_cstr(&out), "\"\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\\u007f\xef\xbf\xbf\xe2\x80\xa8\"");
	buf_reset(&out);
	assert_false(json_try_string(&out, slice_str("a\xff")));
	assert_false(json_try_string(&out, (struct slice){"a\0b", 3}));
	assert_int_equal(out.len, 0);
	buf_add_char(&out, '{');
	json_add_key(&out, "a");
	assert_true(json_try_string(&out, (struct slice){NULL, 0}));
	json_add_key(&out, "b");
	assert_string_equal(buf_cstr(&out), "{\"a\":\"\",\"b\":");
	buf_release(&out);
}

static void utf8_is_checked(void **state)
{
	static const char *const good[] = {"", "abcdefghi", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
		"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
		"abcdefg\xc3\xa9"};
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\xc2", "\xe0\x9f\xbf",
		"\xed\xa0\x80", "\xef\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
		"abcdefgh\xe2\x82"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(json_is_utf8(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(json_is_utf8(bad[i], strlen(bad[i])));
}

/* Scans one record of a batch that is the text of b and checks its status; the text gets its line end here. */
static struct json_record scan_one(struct json_scan *scan, struct buf *b, enum json_status status)
{
	struct json_record r;

	buf_add_char(b, '\n');
	memset(buf_reserve(b, JSON_PAD_BYTES), 0, JSON_PAD_BYTES);
	json_scan_batch(scan, b->p, b->len);
	assert_int_equal(json_scan_next(scan, &r), 1);
	assert_int_equal(r.status, status);
	assert_int_equal(r.len, b->len - 1);
	assert_int_equal(json_scan_next(scan, &(struct json_record){0}), 0);
	return r;
}

static void add_times(struct buf *b, const char *text, size_t times)
{
	size_t len = strlen(text);

	buf_reserve(b, len * times);
	for (size_t i = 0; i < times; i++)
		buf_add(b, text, len);
}

/* These would not end if something were quadratic, and overflow the stack if something were recursive. */
static void huge_records_are_scanned(void **state)
{
	const size_t million = 1000000;
	struct json_paths *paths = json_paths_open();
	struct json_scan *scan;
	struct json_record r;
	struct buf b = BUF_INIT;

	(void)state;
	json_paths_add(paths, PATH(KEY("k7")));
	json_paths_add(paths, PATH(KEY("a"), KEY("b"), INDEX(-1)));
	json_paths_add(paths, PATH(INDEX(-1)));
	scan = json_scan_open(paths, JSON_DEPTH_MAX);

	buf_add_char(&b, '{');
	for (size_t i = 0; i < million; i++)
		buf_addf(&b, "%s\"k%zu\":%zu", i ? "," : "", i % 999983, i);
	buf_add_char(&b, '}');
	r = scan_one(scan, &b, JSON_OK);
	assert_span(r.spans[0], "999990");

	buf_reset(&b);
	buf_add_str(&b, "{\"a\":{\"b\":[0]}");
	add_times(&b, ",\"a\":{\"b\":[0,7]}", million);
	buf_add_char(&b, '}');
	r = scan_one(scan, &b, JSON_OK);
	assert_span(r.spans[1], "7");

	buf_reset(&b);
	buf_add_str(&b, "[0");
	add_times(&b, ",-1.5", million);
	buf_add_str(&b, ",2]");
	r = scan_one(scan, &b, JSON_OK);
	assert_span(r.spans[2], "2");

	buf_reset(&b);
	add_times(&b, "[", JSON_DEPTH_MAX);
	add_times(&b, "]", JSON_DEPTH_MAX);
	scan_one(scan, &b, JSON_OK);
	buf_reset(&b);
	add_times(&b, "{\"a\":", 100000);
	r = scan_one(scan, &b, JSON_TOO_DEEP);
	assert_int_equal(r.byte, JSON_DEPTH_MAX * 5 + 1);

	buf_reset(&b);
	buf_add_char(&b, '"');
	add_times(&b, "0123456789abcd\\n", 4 << 20);
	buf_add_char(&b, '"');
	r = scan_one(scan, &b, JSON_OK);
	assert_true(r.value.is_escaped);
	b.p[b.len - 3] = 1;
	b.len--;
	r = scan_one(scan, &b, JSON_BAD);
	assert_int_equal(r.byte, b.len - 2);

	buf_release(&b);
	json_scan_close(scan);
	json_paths_close(paths);
}

static void values_have_an_order(void **state)
{
	static const char *const rising[] = {"null", "false", "true", "-1e400", "-2", "-1.5", "0", "1e-400", "0.1",
		"9007199254740992", "9007199254740993", "1e300", "1e400", "\"\"", "\"\\u0000\"", "\"A\"", "\"\\u0062\"",
		"\"b\\u0061\"", "\"c\"", "\"\\u00e9\"", "\"\\uffff\"", "\"\\ud83d\\ude00\"", "[1]", "[2]", "{}"};
	static const char *const same[][2] = {{"1", "1.0"}, {"100", "1e2"}, {"-0", "0"}, {"0e5", "0.0"},
		{"\"\\u0061b\"", "\"a\\u0062\""}, {"\"é\"", "\"\\u00e9\""}, {"\"\\/\"", "\"/\""}};
	const size_t n = sizeof rising / sizeof *rising;

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			int order = json_cmp(whole(rising[i]), whole(rising[j]));

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		assert_int_equal(json_cmp(whole(same[i][0]), whole(same[i][1])), 0);
	assert_true(json_cmp((struct json_span){NULL, 0, JSON_ABSENT, 0}, whole("null")) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_have_a_place),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(paths_get_spans),
		cmocka_unit_test(lines_are_counted),
		cmocka_unit_test(members_are_walked),
		cmocka_unit_test(fields_are_got),
		cmocka_unit_test(strings_are_unescaped),
		cmocka_unit_test(strings_are_written_as_jq_does),
		cmocka_unit_test(utf8_is_checked),
		cmocka_unit_test(values_have_an_order),
		cmocka_unit_test(huge_records_are_scanned),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
