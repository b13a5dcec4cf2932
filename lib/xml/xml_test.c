#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "xml/xml.h"

static const char list[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			   "<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
			   "<C><Key>a&amp;b &#x65e5;\n</Key><Size>1</Size></C><C><Key>c<x/>d</Key></C></R>";

static bool add_to(void *ctx, const char *path, struct slice text)
{
	buf_addf(ctx, "%s=%.*s;", path, (int)text.len, text.len ? text.p : "");
	return true;
}

static void elements_come_with_path_and_text(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_true(xml_walk(slice_str(list), add_to, &out));
	assert_string_equal(
		buf_cstr(&out), "R/Name=b;R/C/Key=a&b \xe6\x97\xa5\n;R/C/Size=1;R/C=;R/C/Key/x=;R/C/Key=d;R/C=;R=;");
	buf_release(&out);
}

static void the_first_of_a_path_is_found(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_true(xml_find(slice_str(list), "R/C/Size", &out));
	assert_string_equal(buf_cstr(&out), "1");
	assert_false(xml_find(slice_str(list), "C/Size", &out));
	buf_reset(&out);
	assert_true(xml_root(slice_str(list), &out));
	assert_string_equal(buf_cstr(&out), "R");
	buf_release(&out);
}

static void what_is_no_document_is_told(void **state)
{
	struct buf out = BUF_INIT, deep = BUF_INIT;

	(void)state;
	assert_false(xml_walk(SLICE_LIT(""), add_to, &out));
	assert_false(xml_walk(SLICE_LIT("<a><b></a>"), add_to, &out));
	assert_false(xml_walk(SLICE_LIT("{}"), add_to, &out));
	assert_false(xml_root(SLICE_LIT("Service Unavailable"), &out));
	for (int i = 0; i < 1000; i++)
		buf_add_str(&deep, "<abcde>");
	assert_false(xml_walk(buf_slice(&deep), add_to, &out));
	buf_reset(&out);
	xml_add_text(&out, SLICE_LIT("a<b>&c"));
	assert_string_equal(buf_cstr(&out), "a&lt;b&gt;&amp;c");
	buf_release(&out);
	buf_release(&deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_come_with_path_and_text),
		cmocka_unit_test(the_first_of_a_path_is_found),
		cmocka_unit_test(what_is_no_document_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}
