#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "engine/carry.h"
#include "group/group.h"

/* One list with a value that holds and one aggregate that has nothing to do with it. */
static struct keep no_keep;

static void open_carry(struct carry *c, struct agg_list *list, const char *text, int64_t hold_us)
{
	struct err err = ERR_INIT;

	assert_int_equal(agg_list_parse(list, text, &err), 0);
	agg_list_hold(list, hold_us);
	carry_init(c, list, &no_keep);
}

/* A value of group key at us in one of two fields, alone in its table. */
static void take_field(struct carry *c, struct agg_list *list, size_t field, const char *key, int64_t us, double number,
	int64_t end_us)
{
	struct agg_value values[2] = {{.is_present = false}, {.is_present = false}};
	struct agg_place place = {.time_us = us, .line = 1};
	struct group_table groups;
	struct group_entry *entry;
	bool is_new;

	values[field] = (struct agg_value){.is_present = true, .num = {number, 0}};
	group_table_init(&groups, list->state_bytes);
	entry = group_table_get(&groups, slice_str(key), group_hash(slice_str(key)), &is_new);
	agg_states_add(list, entry->state, values, &place);
	carry_take(c, &groups, end_us);
	agg_states_release(list, entry->state);
	group_table_release(&groups);
}

static void take(struct carry *c, struct agg_list *list, const char *key, int64_t us, double number, int64_t end_us)
{
	take_field(c, list, 0, key, us, number, end_us);
}

/* Group "a" of a window of 30 s with a value in the middle of every 10 of them; the next window begins at next_us. */
static void take_whole(struct carry *c, struct agg_list *list, const double *numbers, int64_t start_us, int64_t next_us)
{
	struct group_table groups;
	struct group_entry *entry;
	bool is_new;

	group_table_init(&groups, list->state_bytes);
	entry = group_table_get(&groups, slice_str("a"), group_hash(slice_str("a")), &is_new);
	for (int i = 0; i < 3; i++) {
		struct agg_value value = {.is_present = true, .num = {numbers[i], 0}};
		struct agg_place place = {.time_us = start_us + 5000000 + i * 10000000, .line = 1};

		agg_states_add(list, entry->state, &value, &place);
	}
	carry_take(c, &groups, next_us);
	agg_states_release(list, entry->state);
	group_table_release(&groups);
}

/* The result of the first call in a window without any record. */
static void expect(struct carry *c, const char *key, struct agg_bounds window, const char *text)
{
	uint64_t *states = calloc(1, c->list->state_bytes);
	struct agg_result result;
	struct buf out = BUF_INIT;

	agg_states_settle(c->list, states, &window, carry_find(c, slice_str(key)));
	agg_result(c->list, 0, states, &result);
	agg_result_print(&out, &result);
	assert_string_equal(buf_cstr(&out), text);
	agg_states_release(c->list, states);
	free(states);
	buf_release(&out);
}

static void the_latest_value_goes_over(void **state)
{
	struct agg_list list;
	struct carry c;

	(void)state;
	open_carry(&c, &list, "integral(x), ewma(x, 0.5), twa(y)", INT64_MAX);
	expect(&c, "a", (struct agg_bounds){0, 10000000}, "null");
	take(&c, &list, "a", -7000000, 3, 0);
	take(&c, &list, "b", -6000000, 5, 0);
	expect(&c, "a", (struct agg_bounds){0, 10000000}, "30");
	take(&c, &list, "a", 4000000, 1, 10000000);
	expect(&c, "a", (struct agg_bounds){10000000, 20000000}, "10");
	expect(&c, "b", (struct agg_bounds){10000000, 20000000}, "50");
	expect(&c, "c", (struct agg_bounds){10000000, 20000000}, "null");
	carry_release(&c);
	agg_list_release(&list);
}

/* Whatever comes later: of equal times the one that comes last. */
static void older_values_do_not_take_its_place(void **state)
{
	struct agg_list list;
	struct carry c;

	(void)state;
	open_carry(&c, &list, "integral(x)", INT64_MAX);
	take(&c, &list, "a", -2000000, 3, 0);
	take(&c, &list, "a", -5000000, 9, 0);
	expect(&c, "a", (struct agg_bounds){0, 10000000}, "30");
	take(&c, &list, "a", -2000000, 5, 0);
	expect(&c, "a", (struct agg_bounds){0, 10000000}, "50");
	carry_release(&c);
	agg_list_release(&list);
}

/* A group is forgotten when the last of its fields has ended. */
static void each_field_holds_for_itself(void **state)
{
	struct agg_list list;
	struct carry c;

	(void)state;
	for (size_t later = 0; later < 2; later++) {
		open_carry(&c, &list, "integral(x), integral(y)", 100);
		take_field(&c, &list, !later, "a", 10, 1, 11);
		take_field(&c, &list, later, "a", 90, 1, 100);
		take(&c, &list, "b", 115, 1, 120); /* 111 has gone: time to sweep */
		assert_non_null(carry_find(&c, SLICE_LIT("a")));
		take(&c, &list, "b", 255, 1, 260);
		assert_null(carry_find(&c, SLICE_LIT("a")));
		carry_release(&c);
		agg_list_release(&list);
	}
}

static void it_holds_for_a_while(void **state)
{
	struct agg_list list;
	struct carry c;

	(void)state;
	open_carry(&c, &list, "integral(x)", 8000000);
	take(&c, &list, "a", -7000000, 3, 0);
	expect(&c, "a", (struct agg_bounds){0, 10000000}, "3");
	expect(&c, "a", (struct agg_bounds){1000000, 10000000}, "null");
	carry_release(&c);
	agg_list_release(&list);
}

/* Windows that were made elsewhere hold the records of their neighbours too. */
static void a_window_takes_what_was_before_its_start_out_of_those_that_overlap(void **state)
{
	struct agg_list list;
	struct carry c;

	(void)state;
	open_carry(&c, &list, "integral(x)", INT64_MAX);
	take_whole(&c, &list, (double[]){3, 5, 7}, 0, 10000000);
	expect(&c, "a", (struct agg_bounds){10000000, 20000000}, "30");
	take_whole(&c, &list, (double[]){5, 7, 9}, 10000000, 20000000);
	expect(&c, "a", (struct agg_bounds){20000000, 30000000}, "50");
	take_whole(&c, &list, (double[]){7, 9, 11}, 20000000, 50000000);
	expect(&c, "a", (struct agg_bounds){60000000, 70000000}, "110");
	carry_release(&c);
	agg_list_release(&list);
}

/* Silent groups go: at most twice the limit of time is kept, whatever comes. */
static void memory_is_that_of_live_groups(void **state)
{
	struct agg_list list;
	struct carry c;
	uint32_t most = 0;

	(void)state;
	open_carry(&c, &list, "duration(x, 1)", 100);
	for (int i = 0; i < 10000; i++) {
		char key[16];

		snprintf(key, sizeof key, "%d", i);
		take(&c, &list, key, i, 3, i + 1);
		most = c.groups.n > most ? c.groups.n : most;
		assert_non_null(carry_find(&c, slice_str(key)));
	}
	assert_in_range(most, 100, 202);
	assert_in_range(carry_memory(&c), 1, 32768);
	carry_release(&c);
	agg_list_release(&list);
}

static void without_such_aggregates_nothing_is_kept(void **state)
{
	struct agg_list list;
	struct carry c;

	(void)state;
	open_carry(&c, &list, "ewma(x, 0.5), lttb(x, 2), transitions(x)", INT64_MAX);
	take(&c, &list, "a", 1, 3, 2);
	assert_int_equal(carry_memory(&c), 0);
	carry_release(&c);
	agg_list_release(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_takes_what_was_before_its_start_out_of_those_that_overlap),
		cmocka_unit_test(the_latest_value_goes_over),
		cmocka_unit_test(older_values_do_not_take_its_place),
		cmocka_unit_test(each_field_holds_for_itself),
		cmocka_unit_test(it_holds_for_a_while),
		cmocka_unit_test(memory_is_that_of_live_groups),
		cmocka_unit_test(without_such_aggregates_nothing_is_kept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("carry", tests, NULL, NULL);
}
