/* What places of topics say, without a broker; tests/bats/kafka-*.bats run against one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/address.h"
#include "kafka/kafka.h"

static void expect(const char *text, bool is_sink, const char *message)
{
	struct err err = ERR_INIT;
	struct address a;

	assert_int_equal(address_parse(&a, text, is_sink, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.input, text);
	assert_string_equal(err.msg, message);
	address_release(&a);
}

static void parse(struct address *a, const char *text)
{
	struct err err = ERR_INIT;

	if (address_parse(a, text, false, &err))
		fail_msg("%s: %s", text, err.msg);
}

static void test_topics(void **state)
{
	struct address a;

	(void)state;
	assert_true(kafka_is_place("kafka:t"));
	assert_true(kafka_is_place("KAFKA://h/t"));
	assert_false(kafka_is_place("./kafka:t"));
	parse(&a, "kafka:a,b.c");
	assert_int_equal(a.n_topics, 2);
	assert_string_equal(a.topics[1], "b.c");
	assert_null(a.brokers);
	address_release(&a);
	parse(&a, "kafka://h1:9092,h2/trips?fetch.min.bytes=7&limit=5");
	assert_string_equal(a.brokers, "h1:9092,h2");
	assert_string_equal(a.topics[0], "trips");
	assert_int_equal(a.limit, 5);
	assert_int_equal(a.properties.n, 1);
	assert_string_equal(a.properties.items[0], "fetch.min.bytes=7");
	address_release(&a);
	/* commas in brackets and question marks belong to the expression */
	parse(&a, "kafka:^a?b{1,2},c?offset=end");
	assert_int_equal(a.n_topics, 2);
	assert_string_equal(a.topics[0], "^a?b{1,2}");
	assert_true(a.has_offset);
	address_release(&a);
}

static void expect_range(
	const char *text, enum point_kind from, int64_t from_n, bool has_end, enum point_kind to, int64_t to_n)
{
	struct err err = ERR_INIT;
	struct address a = {0};

	if (address_parse_range(&a, text, 10000000, &err))
		fail_msg("%s: %s", text, err.msg);
	assert_int_equal(a.from.kind, from);
	assert_int_equal(a.from.n, from_n);
	assert_int_equal(a.has_end, has_end);
	assert_int_equal(a.to.kind, to);
	assert_int_equal(a.to.n, to_n);
}

static void test_offsets(void **state)
{
	(void)state;
	expect_range("beginning", POINT_BEGINNING, 0, false, POINT_END, 0);
	expect_range("stored", POINT_STORED, 0, false, POINT_END, 0);
	expect_range("42", POINT_OFFSET, 42, false, POINT_END, 0);
	expect_range("-42", POINT_BEFORE_END, 42, false, POINT_END, 0);
	expect_range("+42", POINT_AFTER, 42, false, POINT_END, 0);
	expect_range("@1000", POINT_TIME, 1000, false, POINT_END, 0);
	expect_range("@-2h", POINT_TIME, 10000000 - 7200000, false, POINT_END, 0);
	/* by date -d 2026-11-22T10:00:00Z +%s */
	expect_range("@2026-11-22T10:00:00.5Z", POINT_TIME, INT64_C(1795341600500), false, POINT_END, 0);
	expect_range("1..+5", POINT_OFFSET, 1, true, POINT_AFTER, 5);
	expect_range("..", POINT_BEGINNING, 0, true, POINT_END, 0);
	expect_range("-10..", POINT_BEFORE_END, 10, true, POINT_END, 0);
	expect_range("..@500", POINT_BEGINNING, 0, true, POINT_TIME, 500);
}

static void test_refused(void **state)
{
	(void)state;
	expect("kafka:", false, "the name of a topic is empty (kafka:TOPIC, kafka://HOST:PORT/TOPIC)");
	expect("kafka://fleet", false, "write kafka:fleet for a topic, or kafka://HOST:PORT/TOPIC");
	expect("kafka:///t", false, "write kafka:t for a topic, or kafka://HOST:PORT/TOPIC");
	expect("kafka:a b", false,
		"'a b' is no name of a topic: letters, digits, '.', '_' and '-' (a regular expression: kafka:^a b)");
	expect("kafka:a,", false, "the name of a topic is empty (kafka:TOPIC, kafka://HOST:PORT/TOPIC)");
	expect("kafka:t?offset=x", false,
		"offset=x: must be beginning, end, stored, N, -N, +N, @TIME or a range FROM..TO of them");
	expect("kafka:t?offset=s@5", false, "offset=s@5: write offset=@FROM..@TO");
	expect("kafka:t?offset=@noon", false,
		"offset=@noon: a time is @2026-11-22T10:00:00Z, milliseconds since 1970, or @-2h for two hours ago");
	expect("kafka:t?offset=5..stored", false, "offset=5..stored: a range ends at end, N, -N, +N or @TIME");
	expect("kafka:t?limit=0", false, "limit=0: must be a number of messages, 1 or more");
	expect("kafka:t?partition=3-1", false, "partition=3-1: must be a number, or FIRST-LAST");
	expect("kafka:t?envelope=yes", false, "envelope=yes: must be 0 or 1");
	expect("kafka:t?key=a", false, "key= belongs to a sink, the place of -o");
	expect("kafka:t?offset", false, "parameter 'offset': write NAME=VALUE");
	expect("kafka:t?group=", false, "parameter group= is empty");
	expect("kafka:t?offset=1", true, "offset= belongs to a source");
	expect("kafka:a,b", true, "a sink has one topic, not 2");
	expect("kafka:t,^(a", false, "'^(a' is no regular expression: Unmatched ( or \\(");
	expect("kafka:^a", true, "a sink has one topic, not a regular expression");
	expect("kafka:a?partition=0-3", true, "partition= of a sink is one number");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_topics),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
