#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "err/err.h"

static void first_error_stays(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, ERR_DATA, "expected %c", '}'), -1);
	err_set(&err, ERR_IO, "later");
	assert_int_equal(err.code, ERR_DATA);
	assert_string_equal(err.msg, "expected }");
}

static void place_is_printed(void **state)
{
	struct err err = ERR_INIT;
	char out[256];

	(void)state;
	err_set(&err, ERR_DATA, "expected ','");
	err_at(&err, "day.ndjson", 412, 18);
	err_at(&err, "other", 1, 1);
	err_format(&err, out, sizeof out);
	assert_string_equal(out, "day.ndjson:412 (byte 18): expected ','");
}

static void errno_is_appended(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	errno = ENOENT;
	err_sys(&err, "cannot open");
	assert_int_equal(err.sys, ENOENT);
	assert_string_equal(err.msg, "cannot open: No such file or directory");
}

/* Characters of 1 to 4 bytes behind so much that each of their bytes is once the last with room. */
static void a_long_message_is_cut_between_characters(void **state)
{
	static const char *const characters[] = {"x", "\u00e9", "\u6f22", "\U0001f600"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t before = 0; before < 8; before++) {
			struct err err = ERR_INIT;
			char text[1024] = "", shown[50];
			size_t size = strlen(characters[i]), room = ERR_MSG_BYTES - 1 - before;

			memset(text, 'a', before);
			for (int k = 0; k < 200; k++)
				strcat(text, characters[i]);
			err_set(&err, ERR_DATA, "%s", text);
			assert_int_equal(strlen(err.msg), before + room / size * size);
			assert_memory_equal(err.msg, text, strlen(err.msg));
			assert_int_equal(err_format(&err, shown, sizeof shown), before + (49 - before) / size * size);
		}
	}
	/* what is whole stays, and so does what is no UTF-8 */
	assert_int_equal(err_trim("a\xc3\xa9", 3), 3);
	assert_int_equal(err_trim("a\x80\x80\x80\x80", 5), 5);
	assert_int_equal(err_trim("\x80", 1), 1);
	assert_int_equal(err_trim("", 0), 0);
}

static void statuses_have_precedence(void **state)
{
	static const int order[] = {STATUS_OK, STATUS_NO, STATUS_REJECTED, STATUS_LOCAL, STATUS_PROGRAM, STATUS_REFUSED,
		STATUS_UNREACHABLE};

	(void)state;
	for (size_t i = 1; i < sizeof order / sizeof *order; i++) {
		assert_int_equal(err_worse(order[i - 1], order[i]), order[i]);
		assert_int_equal(err_worse(order[i], order[i - 1]), order[i]);
	}
	assert_int_equal(err_worse(STATUS_NO_OUTPUT, STATUS_REJECTED), STATUS_REJECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_error_stays),
		cmocka_unit_test(place_is_printed),
		cmocka_unit_test(errno_is_appended),
		cmocka_unit_test(a_long_message_is_cut_between_characters),
		cmocka_unit_test(statuses_have_precedence),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
