#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fieldpath/fieldpath.h"

/* The steps as text: k<key> or i<index>, each with a '|' behind it. */
static void steps_of(struct buf *out, const struct fieldpath *path)
{
	for (size_t i = 0; i < path->n_steps; i++) {
		const struct fieldpath_step *step = &path->steps[i];

		if (step->is_index)
			buf_addf(out, "i%lld|", (long long)step->index);
		else
			buf_addf(out, "k%.*s|", (int)step->key.len, step->key.p);
	}
}

static void expect(const char *text, const char *steps)
{
	struct err err = ERR_INIT;
	struct fieldpath path = FIELDPATH_INIT;
	struct buf out = BUF_INIT;

	if (fieldpath_parse(&path, slice_str(text), NULL, &err))
		fail_msg("'%s': %s", text, err.msg);
	steps_of(&out, &path);
	assert_string_equal(buf_cstr(&out), steps);
	assert_string_equal(path.text, text);
	fieldpath_release(&path);
	buf_release(&out);
}

static void paths_of_jq_are_read(void **state)
{
	(void)state;
	expect(".", "");
	expect("a", "ka|");
	expect(".a", "ka|");
	expect("1a", "k1a|");
	expect("a.b", "ka|kb|");
	expect(".a.b.c", "ka|kb|kc|");
	expect(".a[0]", "ka|i0|");
	expect(".a[-1].b", "ka|i-1|kb|");
	expect(".a.[3]", "ka|i3|");
	expect(".[2][1]", "i2|i1|");
	expect("[2]", "i2|");
	expect(".[\"x:y\"]", "kx:y|");
	expect(".a[\"b c\"].d", "ka|kb c|kd|");
	expect(".\"b c\".d", "kb c|kd|");
	expect("\"b c\"", "kb c|");
	expect(".[\"\"]", "k|");
	expect("$ref.@type.x-y_z", "k$ref|k@type|kx-y_z|");
	expect(".pr\xC4\x99"
	       "dko\xC5\x9B\xC4\x87",
		"kpr\xC4\x99"
		"dko\xC5\x9B\xC4\x87|");
}

static void escapes_are_taken(void **state)
{
	(void)state;
	expect(".[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "k\"\\/\b\f\n\r\t|");
	expect(".[\"\\u0041\\u00e9\\u20AC\"]", "kA\xC3\xA9\xE2\x82\xAC|");
	expect(".[\"\\ud83d\\ude97\"]", "k\xF0\x9F\x9A\x97|");
	expect(".[\"\\ud83dx\"]", "k\xEF\xBF\xBDx|");
	expect(".[\"\\ud83d\\u0041\"]", "k\xEF\xBF\xBD"
					"A|");
	expect(".[\"\\udc00\\udc00\"]", "k\xEF\xBF\xBD\xEF\xBF\xBD|");
	expect(".[\"\\ude97\"]", "k\xEF\xBF\xBD|");
}

static void refuse(const char *text, const char *message)
{
	struct err err = ERR_INIT;
	struct fieldpath path = FIELDPATH_INIT;

	if (!fieldpath_parse(&path, slice_str(text), NULL, &err))
		fail_msg("'%s' was taken", text);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.msg, message);
	assert_null(path.steps);
	assert_null(path.text);
}

static void bad_paths_are_refused_with_the_place(void **state)
{
	(void)state;
	refuse("", "path '': expected a key at byte 1");
	refuse("..", "path '..': expected a key at byte 2");
	refuse("a..b", "path 'a..b': expected a key at byte 3");
	refuse("a.", "path 'a.': expected a key at byte 3");
	refuse("a[x]", "path 'a[x]': expected an index or a quoted key at byte 3");
	refuse("a[]", "path 'a[]': expected an index or a quoted key at byte 3");
	refuse("a[1.5]", "path 'a[1.5]': expected ']' at byte 4");
	refuse("a[0", "path 'a[0': expected ']' at byte 4");
	refuse("a[99999999999999999999]",
		"path 'a[99999999999999999999]': expected an index or a quoted key at byte 23");
	refuse("a[\"b", "path 'a[\"b': expected a closing quote at byte 5");
	refuse("a[\"\\q\"]", "path 'a[\"\\q\"]': unknown escape at byte 5");
	refuse("a[\"\\u12\"]", "path 'a[\"\\u12\"]': expected four hex digits at byte 6");
	refuse("a b", "path 'a b': unexpected character (other keys are written [\"...\"]) at byte 2");
	refuse(":ms", "path ':ms': expected a key at byte 1");
}

static void too_many_steps_are_refused(void **state)
{
	struct err err = ERR_INIT;
	struct fieldpath path = FIELDPATH_INIT;
	struct buf text = BUF_INIT;

	(void)state;
	for (int i = 0; i < FIELDPATH_STEPS_MAX; i++)
		buf_add_str(&text, ".a");
	assert_int_equal(fieldpath_parse(&path, buf_slice(&text), NULL, &err), 0);
	fieldpath_release(&path);
	buf_add_str(&text, ".a");
	assert_int_equal(fieldpath_parse(&path, buf_slice(&text), NULL, &err), -1);
	buf_release(&text);
}

static void path_ends_where_it_cannot_go_on(void **state)
{
	static const struct {
		const char *text;
		size_t used;
	} cases[] = {{"ts:ms", 2}, {".a.b,c", 4}, {"value) as x", 5}, {".[\"x:y\"]:iso", 8}, {". | x", 1}, {"a b", 1}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = ERR_INIT;
		struct fieldpath path = FIELDPATH_INIT;
		size_t used;

		assert_int_equal(fieldpath_parse(&path, slice_str(cases[i].text), &used, &err), 0);
		assert_int_equal(used, cases[i].used);
		assert_int_equal(strlen(path.text), used);
		fieldpath_release(&path);
	}
}

static void expect_names(const char *text, const char *column, const char *name)
{
	struct err err = ERR_INIT;
	struct fieldpath path = FIELDPATH_INIT;
	struct buf out = BUF_INIT;

	assert_int_equal(fieldpath_parse(&path, slice_str(text), NULL, &err), 0);
	fieldpath_column(&out, &path);
	assert_string_equal(buf_cstr(&out), column);
	buf_reset(&out);
	buf_add_str(&out, "mean of ");
	fieldpath_name(&out, &path);
	assert_memory_equal(buf_cstr(&out), "mean of ", 8);
	assert_string_equal(out.p + 8, name);
	fieldpath_release(&path);
	buf_release(&out);
}

static void expect_canonical(const char *text, const char *canonical)
{
	struct err err = ERR_INIT;
	struct fieldpath path = FIELDPATH_INIT;
	struct buf out = BUF_INIT;

	assert_int_equal(fieldpath_parse(&path, slice_str(text), NULL, &err), 0);
	fieldpath_canonical(&out, &path);
	assert_string_equal(buf_cstr(&out), canonical);
	fieldpath_release(&path);
	buf_release(&out);
}

/* Equal paths have one form, others have another: the key "a.b" is not b in a. */
static void one_form_for_every_path(void **state)
{
	(void)state;
	expect_canonical("a.b", "[\"a\"][\"b\"]");
	expect_canonical(".a[\"b\"]", "[\"a\"][\"b\"]");
	expect_canonical(".[\"a.b\"][0]", "[\"a.b\"][0]");
	expect_canonical(".[\"a\\\"]\"]", "[\"a\\\"]\"]");
	expect_canonical(".a[-1]", "[\"a\"][-1]");
}

static void names_of_columns(void **state)
{
	(void)state;
	expect_names(".driver.id", "driver.id", "driver_id");
	expect_names(".a[0].b", "a.0.b", "a_0_b");
	expect_names(".[\"Vehicle speed\"]", "Vehicle speed", "Vehicle_speed");
	expect_names("x-y@$", "x-y@$", "x_y__");
	expect_names("\xC3\xA9", "\xC3\xA9", "_");
}

static void copies_are_equal_and_their_own(void **state)
{
	struct err err = ERR_INIT;
	struct fieldpath a = FIELDPATH_INIT, b = FIELDPATH_INIT, c;

	(void)state;
	assert_int_equal(fieldpath_parse(&a, slice_str(".a[0].b"), NULL, &err), 0);
	assert_int_equal(fieldpath_parse(&b, slice_str("a[0][\"b\"]"), NULL, &err), 0);
	fieldpath_copy(&c, &a);
	assert_true(fieldpath_eq(&a, &b));
	fieldpath_release(&a);
	assert_true(fieldpath_eq(&b, &c));
	assert_string_equal(c.text, ".a[0].b");
	fieldpath_release(&b);
	assert_int_equal(fieldpath_parse(&a, slice_str("a[1].b"), NULL, &err), 0);
	assert_false(fieldpath_eq(&a, &c));
	fieldpath_release(&a);
	assert_int_equal(fieldpath_parse(&a, slice_str("a[0].c"), NULL, &err), 0);
	assert_false(fieldpath_eq(&a, &c));
	fieldpath_release(&a);
	assert_int_equal(fieldpath_parse(&a, slice_str("a[\"0\"].b"), NULL, &err), 0);
	assert_false(fieldpath_eq(&a, &c));
	fieldpath_release(&a);
	fieldpath_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_of_jq_are_read),
		cmocka_unit_test(escapes_are_taken),
		cmocka_unit_test(bad_paths_are_refused_with_the_place),
		cmocka_unit_test(too_many_steps_are_refused),
		cmocka_unit_test(path_ends_where_it_cannot_go_on),
		cmocka_unit_test(one_form_for_every_path),
		cmocka_unit_test(names_of_columns),
		cmocka_unit_test(copies_are_equal_and_their_own),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("fieldpath", tests, NULL, NULL);
}
