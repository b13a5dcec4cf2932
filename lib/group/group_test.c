#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "group/group.h"

static struct json_span span_of(const char *json)
{
	struct json_record r;

	if (!*json)
		return (struct json_span){NULL, 0, JSON_ABSENT, 0};
	json_check(json, strlen(json), 8, &r);
	assert_int_equal(r.status, JSON_OK);
	return r.value;
}

static void make_key(struct buf *key, const char *json)
{
	struct buf tmp = BUF_INIT;

	buf_reset(key);
	assert_true(group_key_add(key, span_of(json), &tmp));
	buf_release(&tmp);
}

static int order(const char *a, const char *b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	int c;

	make_key(&x, a);
	make_key(&y, b);
	c = slice_cmp(buf_slice(&x), buf_slice(&y));
	buf_release(&x);
	buf_release(&y);
	return c;
}

/* Ascending in the order of values; those of one line are equal. */
static const char *const ladder[][4] = {
	{""},
	{"null"},
	{"false"},
	{"true"},
	{"-1e400"},
	{"-123456789012345678901234567890"},
	{"-100", "-1e2", "-100.0"},
	{"-99.5"},
	{"-12"},
	{"-1.5"},
	{"-1"},
	{"-0.00001", "-1e-5"},
	{"0", "-0", "0.0", "0e7"},
	{"1e-400"},
	{"0.1", "1E-1", "0.10"},
	{"0.11"},
	{"1", "1.0", "10e-1", "0.1e+1"},
	{"1.5"},
	{"2"},
	{"10", "1e1"},
	{"9007199254740992"},
	{"9007199254740993"},
	{"1e30"},
	{"\"\""},
	{"\"\\u0000\""},
	{"\"\\u0000a\""},
	{"\"\\u0001\""},
	{"\"1\""},
	{"\"a\"", "\"\\u0061\""},
	{"\"a\\u0000\""},
	{"\"a\\u0000b\""},
	{"\"a b\""},
	{"\"aa\""},
	{"\"b\""},
	{"\"\xc3\xa9\"", "\"\\u00e9\""},
	{"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
};
enum { RUNGS = sizeof ladder / sizeof *ladder };

static void keys_are_ordered_as_values(void **state)
{
	(void)state;
	for (int i = 0; i < RUNGS; i++) {
		for (int k = 0; k < RUNGS; k++) {
			int c = order(ladder[i][0], ladder[k][0]);

			assert_int_equal((c > 0) - (c < 0), (i > k) - (i < k));
		}
		for (int k = 1; k < 4 && ladder[i][k]; k++)
			assert_int_equal(order(ladder[i][0], ladder[i][k]), 0);
	}
}

/* A longer string must not swallow the field behind it. */
static void fields_do_not_run_together(void **state)
{
	struct buf x = BUF_INIT, y = BUF_INIT, tmp = BUF_INIT;

	(void)state;
	group_key_add(&x, span_of("\"a\""), &tmp);
	group_key_add(&x, span_of("\"b\""), &tmp);
	group_key_add(&y, span_of("\"a\\u0000\\u0006b\""), &tmp);
	group_key_add(&y, span_of("\"\""), &tmp);
	assert_true(slice_cmp(buf_slice(&x), buf_slice(&y)) < 0);
	assert_false(group_key_add(&x, span_of("[1]"), &tmp));
	assert_false(group_key_add(&x, span_of("{}"), &tmp));
	buf_release(&x);
	buf_release(&y);
	buf_release(&tmp);
}

static void check_text(const char *json, uint8_t type, const char *text, size_t len)
{
	struct buf key = BUF_INIT, tmp = BUF_INIT;
	struct group_value v;
	struct slice rest;

	make_key(&key, json);
	rest = buf_slice(&key);
	group_key_next(&rest, &v, &tmp);
	assert_int_equal(rest.len, 0);
	assert_int_equal(v.type, type);
	assert_int_equal(v.bytes.len, len);
	assert_memory_equal(len ? v.bytes.p : "", text, len);
	buf_release(&key);
	buf_release(&tmp);
}

static void values_are_read_back(void **state)
{
	static const char *const numbers[][2] = {{"-0", "0"}, {"1.0", "1"}, {"-1.50", "-1.5"}, {"1e2", "100"},
		{"9007199254740993", "9007199254740993"}, {"1e18", "1000000000000000000"}, {"1e19", "1e+19"},
		{"123456789012345678901", "123456789012345678901"}, {"0.0001", "0.0001"}, {"0.00001", "1e-05"},
		{"12345e15", "12345000000000000000"}, {"12345e16", "1.2345e+20"}, {"-12.5e-7", "-1.25e-06"},
		{"1e400", "1e+400"}, {"12345678901234567890.5", "12345678901234567890.5"}};

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		check_text(numbers[i][0], JSON_NUMBER, numbers[i][1], strlen(numbers[i][1]));
	check_text("", JSON_ABSENT, "", 0);
	check_text("null", JSON_NULL, "", 0);
	check_text("\"\"", JSON_STRING, "", 0);
	check_text("\"a\\u0000b\\u0000\"", JSON_STRING, "a\0b\0", 4);
	check_text("\"veh-7\"", JSON_STRING, "veh-7", 5);
}

/* Keys that share a beginning, differ at once, or tie over more than eight bytes. */
static int make_text(char *text, size_t size, int form, int i)
{
	switch (form) {
	case 0:
		return snprintf(text, size, "key-%d", i);
	case 1:
		return snprintf(text, size, "%d-a-long-key-behind-it", i);
	case 2:
		return snprintf(text, size, "%d-0123456789-%d", i % 7, i);
	default:
		return snprintf(text, size, "0123456789-%05d", i);
	}
}

static void count_keys(int n_keys, int form)
{
	enum { ROUNDS = 3 };
	struct group_table t;
	struct group_entry **sorted;
	bool is_new;

	group_table_init(&t, 8);
	for (int i = 0; i < n_keys * ROUNDS; i++) {
		char text[64];
		int n = make_text(text, sizeof text, form, (i * 7) % n_keys);
		struct slice key = {text, (size_t)n};

		group_table_get(&t, key, group_hash(key), &is_new)->state[0]++;
		assert_int_equal(is_new, i < n_keys);
	}
	assert_int_equal(t.n, n_keys);
	sorted = malloc((size_t)n_keys * sizeof *sorted);
	assert_non_null(sorted);
	group_table_sort(&t, sorted);
	for (int i = 0; i < n_keys; i++) {
		assert_int_equal(sorted[i]->state[0], ROUNDS);
		if (i)
			assert_true(slice_cmp(group_entry_key(&t, sorted[i - 1]), group_entry_key(&t, sorted[i])) < 0);
	}
	free(sorted);
	group_table_release(&t);
}

static void a_table_counts_and_sorts(void **state)
{
	static const int sizes[] = {1, 2, 20, 255, 256, 5000};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (int form = 0; form < 4; form++)
			count_keys(sizes[i], form);
	}
}

/* Two keys with the same hash are two groups. */
static void equal_hashes_are_not_equal_keys(void **state)
{
	struct group_table t;
	bool is_new;

	(void)state;
	group_table_init(&t, 8);
	group_table_get(&t, SLICE_LIT("a"), 7, &is_new)->state[0] = 1;
	group_table_get(&t, SLICE_LIT("b"), 7, &is_new)->state[0] = 2;
	assert_true(is_new);
	assert_int_equal(group_table_get(&t, SLICE_LIT("a"), 7, &is_new)->state[0], 1);
	assert_int_equal(group_table_get(&t, SLICE_LIT("b"), 7, &is_new)->state[0], 2);
	assert_int_equal(t.n, 2);
	/* emptied it knows none of them */
	group_table_reset(&t);
	assert_null(group_table_find(&t, SLICE_LIT("a"), 7));
	assert_int_equal(group_table_get(&t, SLICE_LIT("b"), 7, &is_new)->state[0], 0);
	assert_true(is_new && t.n == 1);
	group_table_release(&t);
}

/* 200 bytes are promised for count, mean, min and max of a group; keys of 24 bytes. */
static void a_group_is_small(void **state)
{
	enum { STATE_BYTES = 8 + 40 + 24, KEYS = 100000 };
	struct group_table t;
	bool is_new;

	(void)state;
	group_table_init(&t, STATE_BYTES);
	for (int i = 0; i < KEYS; i++) {
		char text[32];
		struct slice key = {text, (size_t)snprintf(text, sizeof text, "veh-%08d-COOLANT_TMP", i)};

		group_table_get(&t, key, group_hash(key), &is_new);
	}
	assert_true((t.n_slots + t.n_words) * 8 / KEYS < 200);
	assert_true((t.n_slots + t.cap_words) * 8 / KEYS < 240);
	group_table_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_ordered_as_values),
		cmocka_unit_test(fields_do_not_run_together),
		cmocka_unit_test(values_are_read_back),
		cmocka_unit_test(a_table_counts_and_sorts),
		cmocka_unit_test(equal_hashes_are_not_equal_keys),
		cmocka_unit_test(a_group_is_small),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
