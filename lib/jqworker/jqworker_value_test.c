#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jv.h>

#include "jqworker/value.h"

static unsigned long long seed = 1;

static unsigned random_below(unsigned n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(seed >> 33) % n;
}

static void add_random(struct buf *out, int depth)
{
	static const char *const scalars[] = {"null", "true", "false", "0", "-0", "1.5e300", "1e-7",
		"123456789012345678", "0.1", "1e400", "-1e400", "1.7976931348623157e308", "5e-324", "0.00001",
		"100000000000000000000", "\"\"", "\"a\\u00e9\\ud83d\\ude00\\n\"", "\"\\u0000\\u001f\\u007f\\/\"",
		"\"\xc3\xa9\xf0\x9f\x98\x80\"", "\"\\\\\\\"\"", "2.50", "3.0E+2", "9007199254740993"};
	unsigned kind = random_below(depth > 5 ? 4 : 7), n = random_below(5);

	if (kind < 3) {
		buf_add_str(out, scalars[random_below(sizeof scalars / sizeof *scalars)]);
	} else if (kind == 3) {
		buf_addf(out, "%.*g", (int)random_below(17) + 1,
			((double)random_below(1 << 30) - 1e8) / (1 << random_below(30)));
	} else if (kind < 5) {
		buf_add_str(out, n % 2 ? "[ " : "[");
		for (unsigned i = 0; i < n; i++) {
			buf_add_str(out, i ? (n == 3 ? " ,\t" : ",") : "");
			add_random(out, depth + 1);
		}
		buf_add_char(out, ']');
	} else {
		buf_add_char(out, '{');
		for (unsigned i = 0; i < n; i++) {
			buf_addf(out, "%s\"k%u\\n\"%s:", i ? "," : "", random_below(4), n == 2 ? " " : "");
			add_random(out, depth + 1);
		}
		buf_add_str(out, n == 4 ? " }" : "}");
	}
}

/* The fast reader and printer against the library's. */
static void values_agree_with_the_library(void **state)
{
	struct buf text = BUF_INIT, ours = BUF_INIT;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		jv theirs, value, dump;

		buf_reset(&text);
		add_random(&text, 0);
		theirs = jv_parse_sized(text.p, (int)text.len);
		assert_int_not_equal(jv_get_kind(theirs), JV_KIND_INVALID);
		buf_add_str(&text, "\n");
		assert_true(value_read(text.p, text.len - 1, &value));
		assert_true(jv_equal(jv_copy(value), jv_copy(theirs)));
		buf_reset(&ours);
		value_add(&ours, value);
		dump = jv_dump_string(theirs, 0);
		assert_string_equal(buf_cstr(&ours), jv_string_value(dump));
		jv_free(dump);
		jv_free(value);
	}
	/* deeper than the fast way goes, as deep as the library does */
	buf_reset(&text);
	for (int i = 0; i < 200; i++)
		buf_add_char(&text, '[');
	for (int i = 0; i < 200; i++)
		buf_add_char(&text, ']');
	{
		jv value, deep = jv_parse_sized(text.p, (int)text.len);

		assert_false(value_read(buf_cstr(&text), text.len, &value));
		buf_reset(&ours);
		value_add(&ours, deep);
		assert_string_equal(buf_cstr(&ours), buf_cstr(&text));
		jv_free(deep);
	}
	buf_release(&text);
	buf_release(&ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_agree_with_the_library),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("jqworker_value", tests, NULL, NULL);
}
