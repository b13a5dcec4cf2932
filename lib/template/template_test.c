#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "template/template.h"

#define AT_US INT64_C(1795341600000000) /* 2026-11-22T10:00:00Z */

/* Renders for one record; "!..." is the fault, "?..." the error of the template. */
static const char *render_at(const char *text, const char *record, int64_t us, const struct etime_zone *zone)
{
	static struct buf out;
	struct buf line = BUF_INIT;
	struct err err = ERR_INIT;
	struct template_fault fault;
	struct json_paths *paths = json_paths_open();
	struct template *t = template_open(text, zone, paths, &err);

	buf_reset(&out);
	if (!t) {
		assert_int_equal(err.code, ERR_PROGRAM);
		buf_addf(&out, "?%s", err.msg);
	} else {
		struct json_scan *scan = json_scan_open(paths, 10);
		struct json_record r;

		buf_addf(&line, "%s\n", record);
		buf_reserve(&line, JSON_PAD_BYTES);
		json_scan_batch(scan, line.p, line.len);
		assert_int_equal(json_scan_next(scan, &r), 1);
		assert_int_equal(r.status, JSON_OK);
		if (template_render(t, us, r.spans, &out, &fault) < 0) {
			buf_reset(&out);
			buf_addf(&out, "!%s %s", fault.field ? fault.field : "-", fault.why);
		}
		json_scan_close(scan);
	}
	template_close(t);
	json_paths_close(paths);
	buf_release(&line);
	return buf_cstr(&out);
}

static const char *render(const char *text, const char *record)
{
	return render_at(text, record, AT_US, NULL);
}

static void times_and_fields(void **state)
{
	(void)state;
	assert_string_equal(render("/l/dt=%Y-%m-%d/hour=%H/device={deviceId}", "{\"deviceId\":\"veh-7\"}"),
		"dt=2026-11-22/hour=10/device=veh-7");
	assert_string_equal(render("/l/dt=%F/", "{}"), "dt=2026-11-22");
	assert_string_equal(
		render("/l/{a.b}{c[1]}-{.[\"x/y}\"]}", "{\"a\":{\"b\":1},\"c\":[0,true],\"x/y}\":1.50}"), "1true-1.50");
	assert_string_equal(render("/l", "{}"), "");
	assert_string_equal(render("/l//{a}//x/", "{\"a\":1}"), "1/x");
	assert_string_equal(render("/l/%%{{{a}}}/", "{\"a\":1}"), "%{1}");
	/* What a code gives is encoded as well. */
	assert_string_equal(render("/l/h=%T/d=%D", "{}"), "h=10%3A00%3A00/d=11%2F22%2F26");
}

static void values_are_encoded(void **state)
{
	(void)state;
	assert_string_equal(render("/l/a={a}", "{\"a\":\"../../x\"}"), "a=..%2F..%2Fx");
	assert_string_equal(render("/l/a={a}", "{\"a\":\"..\"}"), "a=%2E%2E");
	assert_string_equal(render("/l/a={a}", "{\"a\":\".\"}"), "a=%2E");
	assert_string_equal(render("/l/a={a}", "{\"a\":\".5\"}"), "a=.5");
	assert_string_equal(render("/l/{a}", "{\"a\":\".tlm-spool\"}"), "%2Etlm-spool");
	assert_string_equal(render("/l/{a}{b}", "{\"a\":\".\",\"b\":\".\"}"), "%2E%2E");
	assert_string_equal(render("/l/{a}", "{\"a\":\"_manifests\"}"), "%5Fmanifests");
	assert_string_equal(render("/l/x{a}", "{\"a\":\"_manifests\"}"), "x_manifests");
	assert_string_equal(render("/l/a={a}", "{\"a\":\"\"}"), "a=__HIVE_DEFAULT_PARTITION__");
	assert_string_equal(render("/l/a={a}", "{\"a\":null}"), "a=__HIVE_DEFAULT_PARTITION__");
	assert_string_equal(render("/l/a={a}", "{}"), "a=__HIVE_DEFAULT_PARTITION__");
	assert_string_equal(
		render("/l/a={a}", "{\"a\":\"__HIVE_DEFAULT_PARTITION__\"}"), "a=%5F_HIVE_DEFAULT_PARTITION__");
	assert_string_equal(render("/l/a={a}", "{\"a\":\"a=b %2e\\u0000\\n\\u017c\"}"), "a=a%3Db%20%252e%00%0A%C5%BC");
	assert_string_equal(render("/l/a={a}", "{\"a\":1e+3}"), "a=1e%2B3");
	assert_string_equal(render("/l/a={a}", "{\"a\":false}"), "a=false");
}

static void some_have_no_directory(void **state)
{
	char record[512], value[256];

	(void)state;
	assert_string_equal(render("/l/a={.a}", "{\"a\":{}}"), "!.a is an object");
	assert_string_equal(render("/l/a={a}", "{\"a\":[1]}"), "!a is an array");
	memset(value, 'x', sizeof value);
	snprintf(record, sizeof record, "{\"a\":\"%.128s\"}", value);
	assert_int_equal(strlen(render("/l/a={a}", record)), 130);
	snprintf(record, sizeof record, "{\"a\":\"%.129s\"}", value);
	assert_string_equal(render("/l/a={a}", record), "!a gives more than 128 bytes in a directory name");
	/* 43 blanks are 129 bytes. */
	snprintf(record, sizeof record, "{\"a\":\"%43s\"}", "");
	assert_string_equal(render("/l/a={a}", record), "!a gives more than 128 bytes in a directory name");
	/* Two values that fit give a name that does not. */
	snprintf(record, sizeof record, "{\"a\":\"%.128s\"}", value);
	assert_string_equal(render("/l/{a}{a}", record), "!- the name of the directory would be too long");
}

static void mistakes_have_a_place(void **state)
{
	(void)state;
	assert_string_equal(render("/a/{", "{}"), "?expected {FIELD} (write {{ for the character) at byte 4 of '/a/{'");
	assert_non_null(strstr(render("/a/{b", "{}"), "at byte 4"));
	assert_non_null(strstr(render("/a/{}", "{}"), "at byte 4"));
	assert_non_null(strstr(render("/a/{.}", "{}"), "at byte 4"));
	assert_non_null(strstr(render("/a/x}", "{}"), "a '}' without its '{'"));
	assert_non_null(strstr(render("/a/%Q", "{}"), "an unknown code of the time at byte 4"));
	assert_non_null(strstr(render("/a/%", "{}"), "a '%' without a letter"));
	assert_non_null(strstr(render("/a/{b}/../c", "{}"), "begins with '.' at byte 8"));
	assert_non_null(strstr(render("/a/{b}/.c", "{}"), "begins with '.'"));
	assert_non_null(strstr(render("a/b", "{}"), "must be absolute"));
}

static void the_root_ends_at_the_first_code(void **state)
{
	static const struct {
		const char *text, *root;
		bool has_time;
	} cases[] = {
		{"/srv/lake/dt=%Y/x", "/srv/lake", true},
		{"/srv/lake/x{a}/", "/srv/lake", false},
		{"/srv//lake/", "/srv/lake", false},
		{"/srv/%%/{{x}}", "/srv/%/{x}", false},
		{"/{a}", "", false},
		{"/", "", false},
		{"/.cache/lake/%Y", "/.cache/lake", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = ERR_INIT;
		struct json_paths *paths = json_paths_open();
		struct template *t = template_open(cases[i].text, NULL, paths, &err);

		assert_non_null(t);
		assert_string_equal(template_root(t), cases[i].root);
		assert_int_equal(template_has_time(t), cases[i].has_time);
		template_close(t);
		json_paths_close(paths);
	}
}

static void columns_are_known(void **state)
{
	struct err err = ERR_INIT;
	struct json_paths *paths = json_paths_open();
	struct template *t = template_open("/l/dt=%F/device={deviceId}/v={.v}/w={w}x/{a}=1/plain", NULL, paths, &err);

	(void)state;
	assert_string_equal(template_column(t, 0), "dt");
	assert_string_equal(template_column(t, 1), "device");
	assert_string_equal(template_column(t, 2), "w");
	assert_null(template_column(t, 3));
	template_close(t);
	json_paths_close(paths);
}

/* One template for many times: what it keeps of the last one must never show. */
static void times_follow_each_other(void **state)
{
	static const char *const zones[] = {NULL, "Europe/Warsaw", "Asia/Kolkata", "Africa/Monrovia"};
	static const char *const texts[] = {"/l/%F-%H-%M", "/l/%F-%H-%M-%S", "/l/%F-%T.%f", "/l/%Y"};
	uint64_t chance = 1;

	(void)state;
	for (size_t z = 0; z < 4; z++) {
		for (size_t k = 0; k < 4; k++) {
			struct err err = ERR_INIT;
			struct etime_zone *zone = zones[z] ? etime_zone_open(zones[z], &err) : NULL;
			struct json_paths *paths = json_paths_open();
			struct template *t = template_open(texts[k], zone, paths, &err);
			struct template_fault fault;
			struct buf a = BUF_INIT;
			int64_t us = k % 2 ? 0 : AT_US;

			for (int i = 0; i < 2000; i++) {
				chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407u;
				us += (int64_t)(chance >> 40) * (i % 50 ? 10 : 1000000) - (i % 7 ? 0 : 200000000);
				if (!template_is_same(t, us)) {
					buf_reset(&a);
					assert_int_equal(template_render(t, us, NULL, &a, &fault), 0);
				}
				assert_string_equal(buf_cstr(&a), render_at(texts[k], "{}", us, zone));
			}
			buf_release(&a);
			template_close(t);
			json_paths_close(paths);
			etime_zone_close(zone);
		}
	}
}

static int hex(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* What a reader of the lake makes of a directory name. */
static void decode(struct buf *out, struct slice name)
{
	buf_reset(out);
	if (slice_eq(name, SLICE_LIT(TEMPLATE_NULL)))
		return;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if (c == '%') {
			assert_true(i + 2 < name.len);
			c = (char)(hex(name.p[i + 1]) << 4 | hex(name.p[i + 2]));
			i += 2;
		} else {
			assert_true((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
				    strchr("._-", c));
		}
		buf_add_char(out, c);
	}
}

/* A million values of an alphabet that means harm: each is one name, no dot or underscore first, and decoded to itself.
 */
static void a_million_values_stay_inside(void **state)
{
	static const char *const letters[] = {".", ".", "/", "%", "2e", "=", "_", "-", "\\", "~", "\n", " ", "a",
		"\xc5\xbc", "\x01", "__HIVE_DEFAULT_PARTITION__", "tlm-spool", "*"};
	struct err err = ERR_INIT;
	struct json_paths *paths = json_paths_open();
	struct template *t = template_open("/l/{a}/b={a}", NULL, paths, &err);
	struct buf value = BUF_INIT, text = BUF_INIT, out = BUF_INIT, back = BUF_INIT;
	uint64_t chance = 42;

	(void)state;
	for (int i = 0; i < 1000000; i++) {
		struct template_fault fault;
		struct json_span span = {.type = JSON_STRING, .is_escaped = true};
		const char *slash;

		buf_reset(&value);
		buf_reset(&text);
		buf_reset(&out);
		chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407u;
		for (uint64_t rest = chance >> 20; rest % 7; rest /= 7 * 18)
			buf_add_str(&value, letters[rest / 7 % 18]);
		if (chance >> 60 == 3)
			buf_add_char(&value, '\0');
		json_add_string(&text, buf_slice(&value));
		span.p = text.p;
		span.len = (uint32_t)text.len;
		assert_int_equal(template_render(t, 0, &span, &out, &fault), 0);
		slash = memchr(out.p, '/', out.len);
		assert_non_null(slash);
		assert_false(out.p[0] == '.');
		assert_true(out.p[0] != '_' || value.len == 0);
		decode(&back, (struct slice){out.p, (size_t)(slash - out.p)});
		assert_true(slice_eq(buf_slice(&back), buf_slice(&value)));
		assert_memory_equal(slash, "/b=", 3);
		decode(&back, (struct slice){slash + 3, out.len - (size_t)(slash + 3 - out.p)});
		assert_true(slice_eq(buf_slice(&back), buf_slice(&value)));
	}
	buf_release(&value);
	buf_release(&text);
	buf_release(&out);
	buf_release(&back);
	template_close(t);
	json_paths_close(paths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_and_fields),
		cmocka_unit_test(values_are_encoded),
		cmocka_unit_test(some_have_no_directory),
		cmocka_unit_test(mistakes_have_a_place),
		cmocka_unit_test(the_root_ends_at_the_first_code),
		cmocka_unit_test(columns_are_known),
		cmocka_unit_test(times_follow_each_other),
		cmocka_unit_test(a_million_values_stay_inside),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
