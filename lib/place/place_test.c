#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "place/place.h"

struct good_case {
	const char *text;
	enum place_kind kind;
	const char *path;
};

static const struct good_case good_cases[] = {
	{"-", PLACE_STD, "-"},
	{"day.ndjson", PLACE_PATH, "day.ndjson"},
	{"./-", PLACE_PATH, "./-"},
	{"./kafka:x", PLACE_PATH, "./kafka:x"},
	{"/srv/a b.zst", PLACE_PATH, "/srv/a b.zst"},
	{"2020-01-01T10:00.ndjson", PLACE_PATH, "2020-01-01T10:00.ndjson"},
	{"x:y", PLACE_PATH, "x:y"},
	{"http:x", PLACE_PATH, "http:x"},
	{"a/http://x", PLACE_PATH, "a/http://x"},
	{"kafka", PLACE_PATH, "kafka"},
	{"kafka:trips", PLACE_KAFKA, "kafka:trips"},
	{"kafka://h:9092/t", PLACE_KAFKA, "kafka://h:9092/t"},
	{"file:///srv/lake/dt=%Y-%m-%d/", PLACE_LAKE_DIR, "/srv/lake/dt=%Y-%m-%d/"},
	{"FILE:///srv", PLACE_LAKE_DIR, "/srv"},
	{"file:///", PLACE_LAKE_DIR, "/"},
	{"s3://b", PLACE_LAKE_S3, "b"},
	{"S3://b/p/dt=%F/{x}", PLACE_LAKE_S3, "b/p/dt=%F/{x}"},
};

struct bad_case {
	const char *text;
	const char *message;
};

static const struct bad_case bad_cases[] = {
	{"", "the name of a file is empty"},
	{"http://x", "http://x: cannot read or write http:// (a file: ./http://x)"},
	{"gs://bucket/x", "gs://bucket/x: cannot read or write gs:// (a file: ./gs://bucket/x)"},
	{"svn+ssh://h", "svn+ssh://h: cannot read or write svn+ssh:// (a file: ./svn+ssh://h)"},
	{"s3:b/p", "s3:b/p: write s3://BUCKET/PREFIX"},
	{"s3://", "s3://: write s3://BUCKET/PREFIX"},
	{"s3:///p", "s3:///p: write s3://BUCKET/PREFIX"},
	{"file://host/x", "file://host/x: write file:///DIR with three slashes, or the path alone"},
	{"file:/x", "file:/x: write file:///DIR with three slashes, or the path alone"},
	{"file:x", "file:x: write file:///DIR with three slashes, or the path alone"},
};

static void good_places_are_parsed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good_cases / sizeof *good_cases; i++) {
		struct err err = ERR_INIT;
		struct place place;

		assert_int_equal(place_parse(&place, good_cases[i].text, &err), 0);
		assert_int_equal(place.kind, good_cases[i].kind);
		assert_string_equal(place.path, good_cases[i].path);
		assert_ptr_equal(place.text, good_cases[i].text);
	}
}

static void bad_places_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
		struct err err = ERR_INIT;
		struct place place;

		assert_int_equal(place_parse(&place, bad_cases[i].text, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_string_equal(err.msg, bad_cases[i].message);
	}
}

static void a_long_place_is_cut_in_the_message(void **state)
{
	struct err err = ERR_INIT;
	struct place place;
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text, "gopher://", 9);
	text[sizeof text - 1] = '\0';
	assert_int_equal(place_parse(&place, text, &err), -1);
	assert_non_null(strstr(err.msg, "cannot read or write gopher://"));
}

static void places_of_one_file_are_the_same(void **state)
{
	char folder[] = "/tmp/place-test-XXXXXX", file[64], link[64], new_file[64], long_way[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/x", folder);
	snprintf(link, sizeof link, "%s/y", folder);
	snprintf(new_file, sizeof new_file, "%s/z", folder);
	snprintf(long_way, sizeof long_way, "%s/.//z", folder);
	fclose(fopen(file, "w"));
	assert_int_equal(symlink("x", link), 0);
	assert_true(place_is_same(file, file));
	assert_true(place_is_same(file, link));
	assert_true(place_is_same(new_file, long_way));
	assert_false(place_is_same(file, new_file));
	assert_true(place_is_same("nowhere", "./nowhere"));
	assert_false(place_is_same("a/nowhere", "nowhere"));
	assert_true(place_is_same("-", "-"));
	assert_false(place_is_same("-", "./-"));
	assert_true(place_is_same("kafka:x", "kafka:x"));
	assert_false(place_is_same("kafka:x", "./kafka:x"));
	assert_false(place_is_same("/dev/null", "/dev/null"));
	unlink(link);
	unlink(file);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_places_are_parsed),
		cmocka_unit_test(bad_places_are_named),
		cmocka_unit_test(a_long_place_is_cut_in_the_message),
		cmocka_unit_test(places_of_one_file_are_the_same),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
