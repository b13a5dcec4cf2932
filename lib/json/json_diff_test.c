/*
 * Every kernel of the scanner against the oracle: mutated telemetry, every place of a record at the border of a
 * window, records longer than a window.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "../../tests/kit/json_mutate.h"
#include "../../tests/kit/json_oracle.h"
#include "json/json_impl.h"

enum { DEPTH = 8 };

#define KEY(s)                                                                                                         \
	{                                                                                                              \
		.key = {(s), sizeof(s) - 1 }                                                                           \
	}
#define INDEX(i)                                                                                                       \
	{                                                                                                              \
		.is_index = true, .index = (i)                                                                         \
	}
#define PATH(...)                                                                                                      \
	{                                                                                                              \
		(struct fieldpath_step[]){__VA_ARGS__},                                                                \
			sizeof((struct fieldpath_step[]){__VA_ARGS__}) / sizeof(struct fieldpath_step), NULL           \
	}
#define N_PATHS (sizeof paths / sizeof *paths)

static const struct fieldpath paths[] = {
	PATH(KEY("deviceId")),
	PATH(KEY("value")),
	{NULL, 0, NULL},
	PATH(KEY("pos"), KEY("lat")),
	PATH(KEY("pos")),
	PATH(KEY("tags"), INDEX(1)),
	PATH(KEY("tags"), INDEX(-1)),
	PATH(KEY("pos"), KEY("track"), INDEX(-2), INDEX(0)),
	PATH(INDEX(0), KEY("value")),
	PATH(KEY("")),
	PATH(KEY("a\"b\\c")),
	PATH(KEY("pos"), KEY("track"), INDEX(0)),
	PATH(KEY("a key that is longer than what a hint remembers")),
};

static const char *pick(const char *const *of, uint32_t n)
{
	return of[any(n)];
}

static void add_number(struct buf *b)
{
	static const char *const odd[] = {"0", "-0", "1e5", "-1.5E-7", "0.0", "12345678901234567890123456789012345678",
		"1E+2", "-8.801872461089014e-13", "0.000000000000000000000000000000000000001", "01", "-", "1.", ".5",
		"+1", "1e", "1.e5", "--1", "1.2.3", "-01", "00", "1-1", "0x1", "1e5.5",
		"1234567890123456789012345678901", "12345678901234567890123456789012"};

	if (any(12) == 0)
		buf_add_str(b, odd[any(any(6) ? 9 : sizeof odd / sizeof *odd)]);
	else
		buf_addf(b, "%s%u.%0*u", any(3) ? "" : "-", any(1000), (int)any(5) + 1, any(9));
}

static void add_text(struct buf *b)
{
	static const char *const words[] = {"SPEED", "RPM", "", "veh-00042", "2023-11-14 22:13:20.002", "Zażółć",
		"\\u00e9", "\\\"", "\\\\", "🚌 17", "\\ud83d\\ude00", "a\\nb", "{\\\"a\\\":[1]}", "\\\\\\\"", "\\ud800",
		"x y, z:", "]}{[", "日本語のテキスト"};

	buf_add_char(b, '"');
	for (uint32_t n = any(3) ? 1 : any(4); n > 0; n--)
		buf_add_str(b, any(3) ? words[any(5)] : pick(words, sizeof words / sizeof *words));
	buf_add_char(b, '"');
}

static void add_value(struct buf *b, int depth);

static void add_members(struct buf *b, int depth)
{
	static const char *const keys[] = {"deviceId", "value", "variable", "timeMili", "pos", "tags", "lat", "track",
		"", "a\\\"b\\\\c", "de\\u0076iceId", "valu", "values",
		"a key that is longer than what a hint remembers", "vaIue"};
	static const char *const gap[] = {"", "", "", "", " ", " ", "  ", "\t", "\r", " \t "};
	uint32_t n = any(8), start = any(4);
	bool is_tight = any(3) > 0;

	buf_add_char(b, '{');
	for (uint32_t i = 0; i < n; i++) {
		const char *key = any(4) ? keys[(start + i) % 6] : pick(keys, sizeof keys / sizeof *keys);

		buf_addf(b, "%s%s\"%s\"%s:%s", i ? "," : "", is_tight ? "" : pick(gap, 10), key,
			is_tight ? "" : pick(gap, 10), is_tight ? "" : pick(gap, 10));
		add_value(b, depth + 1);
		if (!is_tight)
			buf_add_str(b, pick(gap, 10));
	}
	buf_add_char(b, '}');
}

static void add_value(struct buf *b, int depth)
{
	static const char *const bare[] = {"true", "false", "null", "[]", "{}", "[ ]", "tru", "nul", "falsy", "True"};

	switch (any(depth > 5 ? 8 : 12)) {
	case 0:
		buf_add_str(b, bare[any(any(9) ? 6 : 10)]);
		break;
	case 8:
	case 9:
		add_members(b, depth);
		break;
	case 10:
	case 11:
		buf_add_char(b, '[');
		for (uint32_t n = any(4), i = 0; i < n; i++) {
			if (i)
				buf_add_str(b, any(3) ? "," : " , ");
			add_value(b, depth + 1);
		}
		buf_add_char(b, ']');
		break;
	default:
		if (any(2))
			add_number(b);
		else
			add_text(b);
	}
}

/* In memory that ends where the promise ends, so that a sanitizer sees a read too far. */
static void check_batch(struct json_scan *scan, const struct buf *b)
{
	char *p = malloc(b->len + JSON_PAD_BYTES);
	const char *wrong;

	assert_non_null(p);
	memcpy(p, b->p, b->len);
	memset(p + b->len, (int)any(256), JSON_PAD_BYTES);
	wrong = oracle_compare(scan, paths, N_PATHS, DEPTH, p, b->len);
	if (wrong)
		print_message("# %s: %s\n", scan->kernel->name, wrong);
	assert_null(wrong);
	free(p);
}

/* One scanner with paths per kernel. */
struct both {
	struct json_paths *paths;
	struct json_scan *scans[2];
};

static int open_both(void **state)
{
	struct both *both = malloc(sizeof *both);

	both->paths = json_paths_open();
	for (size_t i = 0; i < N_PATHS; i++)
		assert_int_equal(json_paths_add(both->paths, &paths[i]), i);
	for (int i = 0; i < 2; i++) {
		json_force_portable(i == 0);
		both->scans[i] = json_scan_open(both->paths, DEPTH);
	}
	*state = both;
	return 0;
}

static int close_both(void **state)
{
	struct both *both = *state;

	json_scan_close(both->scans[0]);
	json_scan_close(both->scans[1]);
	json_paths_close(both->paths);
	free(both);
	return 0;
}

static void check_both(void **state, const struct buf *b, size_t window_bytes)
{
	struct both *both = *state;

	both->scans[0]->window_bytes = both->scans[1]->window_bytes = window_bytes;
	check_batch(both->scans[0], b);
	check_batch(both->scans[1], b);
}

static void mutated_records_agree(void **state)
{
	static const size_t windows[] = {64, 128, 256, 1024, JSON_WINDOW_BYTES, JSON_WINDOW_BYTES};
	struct buf b = BUF_INIT;

	for (uint32_t done = 0; done < 120000;) {
		bool is_wild = any(2), has_cr = any(8) == 0;

		buf_reset(&b);
		for (uint32_t n = any(400) + 1; n > 0; n--, done++) {
			size_t start = b.len;

			if (any(20))
				add_members(&b, 0);
			else
				add_value(&b, 0);
			for (uint32_t m = is_wild ? any(4) : any(10) == 0; m > 0; m--)
				mutate(&b, start);
			buf_add_str(&b, has_cr ? "\r\n" : "\n");
			/* The same again, so that keys are found by the hints of what was good or bad. */
			for (uint32_t again = any(4) ? 0 : any(3), len = (uint32_t)(b.len - start); again > 0;
				again--, done++) {
				buf_reserve(&b, len);
				buf_add(&b, b.p + start, len);
			}
		}
		check_both(state, &b, windows[any(6)]);
	}
	buf_release(&b);
}

/* A record of a form: '#' is a number, '%' one of three digits, '$' a text, '?' a word, a number or a text. */
static void add_form(struct buf *b, const char *form, bool is_tame)
{
	static const char *const words[] = {
		"true", "false", "null", "1", "\"true\"", "nul", "True", "nulll", "t", "truefalse"};

	for (; *form; form++) {
		if (*form == '?')
			buf_add_str(b, pick(words, is_tame ? 4 : 10));
		else if (*form == '%')
			buf_addf(b, "%.3s", is_tame || any(40) ? &"1234567890"[any(8)] : &"012-34001.2e5"[any(11)]);
		else if (*form == '$' && is_tame)
			buf_addf(b, "\"%.*s\"", (int)any(9), "veh 0042x");
		else if (*form == '$')
			add_text(b);
		else if (*form == '#' && any(3))
			buf_addf(b, "%s%u%s", any(9) ? "" : "-", 100 + any(900), any(9) ? ".5" : "");
		else if (*form == '#')
			add_number(b);
		else
			buf_add_char(b, *form);
	}
}

/* Records that look like each other, as those of a stream do, are read by shapes; some differ a little, anywhere. */
static void shapes_agree(void **state)
{
	static const char *const forms[] = {
		"{\"deviceId\":$,\"timeMili\":%,\"value\":#,\"variable\":$}",
		"{\"deviceId\": $, \"value\": #, \"pos\": {\"lat\": #, \"track\": [$, #, $, #]}, \"\": ?}",
		"{\"value\":#,\"value\":#,\"pos\":{\"lat\":1},\"pos\":{\"track\":[]},\"tags\":[%,2,%]}",
		" {\"tags\":[ 12 , $ ],\"a\\\"b\\\\c\":#,\"valu\":?,\"de\\u0076iceId\":$ }\r",
		"{\"a key that is longer than what a hint remembers\":[[{\"value\":#}]],\"value\":{},\"deviceId\":#  }",
		"[{\"value\":#},$]",
		"{\"x\":#,\"y\":[$,$],\"pos\":{\"track\":[[0,-%],[#]]},\"é\":$,\"z\":1e5}",
		"{\"l\":#]}",
	};
	static const size_t windows[] = {64, 256, 1024, JSON_WINDOW_BYTES, JSON_WINDOW_BYTES};
	struct both *both = *state;
	struct buf b = BUF_INIT;
	uint64_t hits = 0;

	for (int round = 0; round < 600; round++) {
		bool is_tame = round % 2, is_broken = any(2);
		uint32_t first = any(8), n = 1 + any(4);

		buf_reset(&b);
		for (uint32_t i = 0; i < 300; i++) {
			size_t start = b.len;

			add_form(&b, forms[(first + (is_tame ? i : any(8)) % n) % 8], is_tame);
			if (is_broken && any(6) == 0)
				mutate(&b, start);
			buf_add_char(&b, '\n');
		}
		check_both(state, &b, windows[any(5)]);
		hits += both->scans[0]->shapes.hits > 0 && both->scans[1]->shapes.hits > 0;
	}
	assert_true(hits > 100);
	buf_release(&b);
}

/* A stream of records of any form makes shapes rest, and one of a few forms makes them work again. */
static void shapes_rest_when_they_are_of_no_use(void **state)
{
	struct both *both = *state;
	struct json_shapes *s = &both->scans[1]->shapes;
	struct buf b = BUF_INIT;

	for (int i = 0; i < 3000; i++)
		buf_addf(&b, "{\"key%d\":1,\"value\":%d}\n", i, i);
	check_both(state, &b, JSON_WINDOW_BYTES);
	assert_true(s->rest > 0 && s->pause > 1000);
	buf_reset(&b);
	for (int i = 0; i < 20000; i++)
		buf_addf(&b, "{\"deviceId\":\"veh-%d\",\"value\":%d}\n", i % 77, i);
	check_both(state, &b, JSON_WINDOW_BYTES);
	assert_true(s->rest == 0 && s->hits > 10000 && s->misses < 20);
	buf_release(&b);
}

/* Ordinary records with one that is hard at every place around the end of the first window. */
static void borders_of_windows_do_not_matter(void **state)
{
	static const char *const hard[] = {
		"{\"deviceId\":\"\\\\\\\"\\\\\\\\\\\\\\\"x\",\"value\":1}",
		"{\"deviceId\":\"\xf0\x9f\x9a\x8c\xe2\x82\xac\xc3\xa9\",\"value\":-1.5e7}",
		"{\"deviceId\":\"\xf0\x9f\x9a\",\"value\":1}",
		"{\"deviceId\":\"ok\",\"value\":12345.678901}",
		"{\"deviceId\":\"ok\",\"value\":}",
		"{\"value\":1,\"deviceId\":\"ends in an escape\\\"}",
	};
	struct buf b = BUF_INIT;

	for (size_t h = 0; h < sizeof hard / sizeof *hard; h++)
		for (size_t shift = 0; shift < 130; shift++) {
			size_t len = strlen(hard[h]);

			buf_reset(&b);
			while (b.len < 1000)
				buf_addf(&b, "{\"deviceId\":\"veh-%u\",\"value\":%zu}\n", any(1000), b.len);
			buf_addf(&b, "\"%*s\"\n", (int)(JSON_WINDOW_BYTES - b.len - len - 60 + shift), "");
			buf_addf(&b, "%s\n%s\r\n[0]\n%s\n", hard[h], hard[h], hard[3]);
			check_both(state, &b, JSON_WINDOW_BYTES);
		}
	buf_release(&b);
}

/* A key that a hint knows, behind the window in which the record's last string ends: its insides were never seen. */
static void keys_behind_a_window_are_not_trusted(void **state)
{
	static const char *const last[] = {("ba\xff"
					    "d"),
		"a\\x", "good"};
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof last / sizeof *last; i++)
		for (int pad = 0; pad < 130; pad++) {
			buf_reset(&b);
			for (int again = 0; again < 3; again++)
				buf_addf(&b, "{\"deviceId\":\"%*s\",\"value\":1,\"%s\":2}\n", pad, "", last[i]);
			check_both(state, &b, 64);
			check_both(state, &b, 128);
		}
	buf_release(&b);
}

static void many_numbers_behind_the_last_string_agree(void **state)
{
	struct buf b = BUF_INIT;

	buf_add_str(&b, "[\"\\n\"");
	for (int i = 0; i < 40000; i++)
		buf_addf(&b, ",%d", i);
	buf_add_str(&b, "]\n{\"value\":1}\n");
	check_both(state, &b, JSON_WINDOW_BYTES);
	buf_release(&b);
}

static void long_records_agree(void **state)
{
	static const size_t lengths[] = {
		JSON_WINDOW_BYTES - 1, JSON_WINDOW_BYTES, JSON_WINDOW_BYTES + 1, 100000, 1 << 20};
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		for (int is_bad = 0; is_bad < 2; is_bad++) {
			size_t start;

			buf_reset(&b);
			buf_addf(&b, "{\"value\":1}\n");
			start = b.len;
			buf_add_str(&b, "{\"pos\":{\"track\":[[1],[2]");
			while (b.len - start < lengths[i] - 40)
				buf_add_str(&b, any(2) ? ",[12.5,\"\\u00e9\"]" : ",\"é\"");
			buf_addf(&b, "]},\"value\":%s2", is_bad ? "+" : "");
			while (b.len - start < lengths[i] - 2)
				buf_add_char(&b, ' ');
			buf_add_str(&b, "}\n{\"value\":3}\n");
			check_both(state, &b, JSON_WINDOW_BYTES);
		}
	buf_release(&b);
}

/* All that two bytes, a third and a fourth can be: the kernels' UTF-8 against the arithmetic of the oracle. */
static void utf8_agrees(void **state)
{
	static const unsigned char third[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
	char text[80];

	for (int i = 0; i < 2; i++) {
		const struct json_kernel *kernel = ((struct both *)*state)->scans[i]->kernel;

		for (unsigned n = 0; n < 65536 * 36; n += n % 5 ? 1 : 2) {
			struct oracle o = {(const unsigned char *)text, 3 + n % 4, 0, 1, false};
			size_t at = n % 61;
			bool is_good = true;

			memset(text, 'a', sizeof text);
			text[at] = (char)(n / 36 >> 8);
			text[at + 1] = (char)(n / 36 & 0xff);
			text[at + 2] = (char)third[n % 6];
			text[at + 3] = (char)third[n / 6 % 6];
			o.len = at + 1 + n % 17;
			while (is_good && o.at < o.len)
				is_good = oracle_point(&o);
			if (kernel->is_utf8(text, o.len) != is_good)
				fail_msg("%s: bytes %04x and %x %x", kernel->name, n / 36, third[n % 6],
					third[n / 6 % 6]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(mutated_records_agree, open_both, close_both),
		cmocka_unit_test_setup_teardown(shapes_agree, open_both, close_both),
		cmocka_unit_test_setup_teardown(shapes_rest_when_they_are_of_no_use, open_both, close_both),
		cmocka_unit_test_setup_teardown(borders_of_windows_do_not_matter, open_both, close_both),
		cmocka_unit_test_setup_teardown(keys_behind_a_window_are_not_trusted, open_both, close_both),
		cmocka_unit_test_setup_teardown(many_numbers_behind_the_last_string_agree, open_both, close_both),
		cmocka_unit_test_setup_teardown(long_records_agree, open_both, close_both),
		cmocka_unit_test_setup_teardown(utf8_agrees, open_both, close_both),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("json_diff", tests, NULL, NULL);
}
