/* The short way of agg_states_add() for lists of count, sum, mean, min, max of one field, against the plain one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "aggregate/aggregate.h"

static const char *const numbers[] = {"1", "1", "2.5", "-7.25", "0", "-0", "0.10", "1e3", "9223372036854775807",
	"-9223372036854775808", "9007199254740993", "1e22", "1e300", "-1e300", "1e400", "5e-324", "12.000", "83.125"};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

/* Adds random values, and none at times, to two states; what they keep is the same to the byte. */
static void compare(const char *text, bool is_simple)
{
	struct agg_list list;
	struct err err = ERR_INIT;
	void *short_states, *plain_states;

	assert_int_equal(agg_list_parse(&list, text, &err), 0);
	assert_int_equal(list.simple.is_simple, is_simple);
	short_states = calloc(1, list.state_bytes);
	plain_states = calloc(1, list.state_bytes);
	for (int i = 0; i < 500; i++) {
		const char *number = numbers[i < 60 ? i % 7 : rand() % NUMBERS];
		struct agg_value value = {.is_present = rand() % 8 > 0};
		struct agg_place place = {.time_us = i, .line = (uint64_t)i};
		char padded[128] = "";

		memcpy(padded, number, strlen(number));
		if (value.is_present)
			agg_read_number(padded, strlen(number), &value);
		agg_states_add(&list, short_states, &value, &place);
		agg_states_add_plain(&list, plain_states, &value, &place);
		if (is_simple && i < 60)
			assert_memory_equal(short_states, plain_states, list.state_bytes);
	}
	for (size_t i = 0; i < list.n_calls; i++) {
		struct agg_result a, b;
		struct buf out = BUF_INIT;

		agg_result(&list, i, short_states, &a);
		agg_result(&list, i, plain_states, &b);
		agg_result_print(&out, &a);
		buf_add_char(&out, 0);
		agg_result_print(&out, &b);
		buf_add_char(&out, 0);
		assert_string_equal(out.p, out.p + strlen(out.p) + 1);
		buf_release(&out);
	}
	agg_states_release(&list, short_states);
	agg_states_release(&list, plain_states);
	free(short_states);
	free(plain_states);
	agg_list_release(&list);
}

static void simple_lists_are_added_alike(void **state)
{
	(void)state;
	srand(7);
	compare("count", true);
	compare("sum(v)", true);
	compare("max(v)", true);
	compare("count, mean(v), min(v), max(v)", true);
	compare("range(v), count, mean(v) as m, sum(v)", true);
	compare("round(mean(v), 2), min(v)", true);
	compare("count(v), mean(v)", false);
	compare("count, p50(v)", false);
}

static void two_fields_or_a_condition_are_not_simple(void **state)
{
	static const char *const texts[] = {
		"mean(a), max(b)", "count where .v > 1 as n", "sum(v), sum(v) where .v > 1 as s", "last(v)"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct agg_list list;
		struct err err = ERR_INIT;

		assert_int_equal(agg_list_parse(&list, texts[i], &err), 0);
		assert_false(list.simple.is_simple);
		agg_list_release(&list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simple_lists_are_added_alike),
		cmocka_unit_test(two_fields_or_a_condition_are_not_simple),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("aggregate_simple", tests, NULL, NULL);
}
