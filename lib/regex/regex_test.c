#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "regex/regex.h"

static int test(const char *pattern, const char *flags, struct slice text)
{
	struct regex *re = regex_open(slice_str(pattern), slice_str(flags));
	struct regex_room *room = regex_room_open();
	int answer = -1;

	if (re)
		answer = (int)regex_test(re, room, text);
	regex_room_close(room);
	regex_close(re);
	return answer;
}

static void found_as_libjq_finds(void **state)
{
	/* read off jq 1.6 */
	static const struct {
		const char *pattern, *flags, *text;
		int answer;
	} cases[] = {{"a+b", "", "xaab", 1}, {"a+b", "", "xab\n", 1}, {"^B", "", "abc", 0}, {"B", "i", "abc", 1},
		{"a b", "x", "ab", 1}, {"a b", "", "ab", 0}, {"", "", "", 1}, {"", "n", "", 0}, {"a.b", "", "a\nb", 0},
		{"a.b", "p", "a\nb", 1}, {"^.$", "", "\xc3\xa9", 1}, {"(?<n>a)", "gl", "a", 1},
		{"\\d{2,3}$", "", "x12", 1}, {"^b", "", "a\nb", 0}, {"^b", "s", "a\nb", 0}, {"a$", "", "a\nb", 0},
		{"a$", "s", "a\nb", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (test(cases[i].pattern, cases[i].flags, slice_str(cases[i].text)) != cases[i].answer)
			fail_msg("%s %s", cases[i].pattern, cases[i].flags);
	assert_int_equal(test("a", "", (struct slice){"b\0a", 3}), REGEX_YES);
	assert_int_equal(test("a", "", (struct slice){NULL, 0}), REGEX_NO);
}

static void unbounded_patterns_are_refused(void **state)
{
	static const char *const patterns[] = {"(?=a)b", "(?!a)b", "(?<=a)b", "(?<!a)b", "(?~a)", "(a)\\1", "\\k<n>",
		"a{10001}", "(a{200}){200}", "(*FAIL)", "(?{x})", "\\X", "(a", "[a", "*"};
	char longest[REGEX_PATTERN_BYTES + 2];

	(void)state;
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
		if (regex_open(slice_str(patterns[i]), SLICE_LIT("")))
			fail_msg("%s", patterns[i]);
	assert_null(regex_open(SLICE_LIT("a"), SLICE_LIT("q")));
	memset(longest, 'a', sizeof longest);
	assert_null(regex_open((struct slice){longest, REGEX_PATTERN_BYTES + 1}, SLICE_LIT("")));
}

/* Each of them would run for minutes and more, or need gigabytes. */
static void searches_end(void **state)
{
	char *ones = malloc(8 << 20), *letters = malloc(40);

	(void)state;
	memset(ones, '1', 8 << 20);
	ones[(1 << 20) - 2] = '.';
	memset(letters, 'a', 40);
	assert_int_equal(test("^(a+)+$", "", (struct slice){"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 37}), REGEX_OVER);
	letters[38] = 'b';
	assert_int_equal(test("^(?:a|a)*b$", "", (struct slice){letters, 40}), REGEX_OVER);
	assert_int_equal(test("(?:\\d*[ab]|\\d)*[^0-9]$", "", (struct slice){ones, 1 << 20}), REGEX_OVER);
	assert_int_equal(test("(1|2)*3?", "", (struct slice){ones, 8 << 20}), REGEX_OVER);
	free(ones);
	free(letters);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_as_libjq_finds),
		cmocka_unit_test(unbounded_patterns_are_refused),
		cmocka_unit_test(searches_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("regex", tests, NULL, NULL);
}
