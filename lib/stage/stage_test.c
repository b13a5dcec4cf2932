#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stage/stage.h"

static int n_closed;

static void count_close(struct stage *g)
{
	(void)g;
	n_closed++;
}

static void close_reaches_the_kind(void **state)
{
	static const struct stage_ops ops = {.close = count_close};
	struct stage g = {&ops};

	(void)state;
	stage_close(NULL);
	assert_int_equal(n_closed, 0);
	stage_close(&g);
	assert_int_equal(n_closed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(close_reaches_the_kind)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("stage", tests, NULL, NULL);
}
