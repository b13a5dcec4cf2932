#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "buf/buf.h"

/* RFC 4648, section 10. */
static void known_base64(void **state)
{
	static const char *const cases[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
		{"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "+/8="}};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_reset(&out);
		buf_add_base64(&out, cases[i][0], strlen(cases[i][0]));
		assert_string_equal(buf_cstr(&out), cases[i][1]);
		buf_reset(&out);
		assert_true(buf_add_unbase64(&out, slice_str(cases[i][1])));
		assert_string_equal(buf_cstr(&out), cases[i][0]);
	}
	assert_false(buf_add_unbase64(&out, SLICE_LIT("Zm9vY")));
	assert_false(buf_add_unbase64(&out, SLICE_LIT("Zm 8")));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(known_base64)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
