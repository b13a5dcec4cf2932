#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

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
		cmocka_unit_test(statuses_have_precedence),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
