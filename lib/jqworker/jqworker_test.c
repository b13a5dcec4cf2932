#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jqworker/jqworker.h"

/* All answers to a text of lines, as text: outputs, and for what is no plain answer a line "FATE:MESSAGE". */
static struct buf run_with(const struct jqworker_opts *opts, struct slice lines)
{
	struct err err = ERR_INIT;
	struct jqworker *w = jqworker_open(opts, &err);
	struct jqworker_answer a;
	struct buf out = BUF_INIT;
	const char *at = lines.p;
	int rc;

	if (!w) {
		buf_addf(&out, "%d:%s\n", err.code, err.msg);
		return out;
	}
	for (const char *p = lines.p; p < lines.p + lines.len;) {
		const char *end = memchr(p, '\n', (size_t)(lines.p + lines.len - p));

		assert_int_equal(jqworker_add(w, (struct slice){p, (size_t)(end - p)}, &err), 0);
		p = end + 1;
	}
	while ((rc = jqworker_next(w, &a, &err)) == 1) {
		const char *end = memchr(at, '\n', (size_t)(lines.p + lines.len - at));

		if (a.is_same)
			buf_add(&out, at, (size_t)(end + 1 - at));
		buf_add_slice(&out, a.out);
		buf_add_slice(&out, a.notes);
		if (a.fate == JQWORKER_HALTED)
			buf_addf(&out, "halted %d:%.*s\n", a.status, (int)a.message.len, a.message.p);
		else if (a.fate != JQWORKER_DONE)
			buf_addf(&out, "%s:%.*s\n", a.fate == JQWORKER_ERROR ? "error" : "killed", (int)a.message.len,
				a.message.p);
		at = end + 1;
	}
	if (rc < 0)
		buf_addf(&out, "%d:%s\n", err.code, err.msg);
	jqworker_close(w);
	return out;
}

static void check(const struct jqworker_opts *opts, const char *lines, const char *expected)
{
	struct buf out = run_with(opts, slice_str(lines));

	assert_string_equal(buf_cstr(&out), expected);
	buf_release(&out);
}

static char folder[] = "/tmp/tlm-jqworker-test-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static void store(const char *name, const char *text, size_t len)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

/* What the jq command says to the same; its messages are left out. */
static struct buf ask_jq(const char *flags, const char *program, const char *lines)
{
	struct buf out = BUF_INIT;
	char command[256];
	FILE *f;
	size_t n;

	store("program", program, strlen(program));
	store("input", lines, strlen(lines));
	snprintf(command, sizeof command, "cd %s && env -i PATH=\"$PATH\" jq %s -f program input 2>/dev/null", folder,
		flags);
	f = popen(command, "r");
	while ((n = fread(buf_reserve(&out, 65536), 1, 65536, f)) > 0)
		out.len += n;
	pclose(f);
	return out;
}

static const char sample[] = "{\"b\":1.5,\"a\":[1,2,{\"c\":null}],\"s\":\"h\\u00e9llo \\\"x\\\"\"}\n"
			     "{\"b\":-0.0001,\"a\":[],\"s\":\"\"}\n"
			     "{\"b\":1e17,\"a\":[[true,false]],\"s\":\"a,b\",\"z\":123456789012}\n"
			     "{\"b\":3,\"a\":[0.1,100,1e-7,1.0,1e300],\"s\":\"t\\tn\\n\\u007f\"}\n";

static void outputs_are_those_of_jq(void **state)
{
	static const char *const programs[] = {".b", ".a", ".a[]", ".s", "{x:.b,s}", "[.a[]|tostring]", "empty",
		".b+1,.b*1.1", "del(.a)", ".a|length", "keys", "to_entries[]", "tojson", ".s|@csv \"\\([.])\"",
		"[paths]", ".b|floor", ".new={x:.b}", "@base64 \"\\(.s)\"", ".s|explode", "[.b,.b]|add",
		"[limit(2;.a[])]", ".s|test(\"h\")", "ascii_downcase? // .b", "now|type", ".a|sort|tojson", "-.b",
		"infinite,-infinite,nan|tojson", "[infinite,nan]", ".b|@text", "\"\\u0000\\u007f\\ud83d\\ude00\""};
	static const struct {
		const char *flags;
		unsigned form;
		int indent;
		bool is_raw_input;
	} forms[] = {{"-c", 0, 0, false}, {"-c -r", JQWORKER_RAW, 0, false}, {"-c -j", JQWORKER_JOIN, 0, false},
		{"-c -a", JQWORKER_ASCII, 0, false}, {"-c -S", JQWORKER_SORTED, 0, false},
		{"-c -C", JQWORKER_COLOR, 0, false}, {"--tab", 0, -1, false}, {"--indent 3", 0, 3, false},
		{"-S", JQWORKER_SORTED, 2, false}, {"-c -R", 0, 0, true}, {"-c -R -r", JQWORKER_RAW, 0, true}};

	(void)state;
	for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
		for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
			struct jqworker_opts opts = {.program = programs[i],
				.form = forms[k].form,
				.indent = forms[k].indent,
				.is_raw_input = forms[k].is_raw_input};
			struct buf ours = run_with(&opts, slice_str(sample));
			struct buf theirs = ask_jq(forms[k].flags, programs[i], sample);
			struct buf plain = BUF_INIT;

			/* without the lines of errors */
			for (const char *p = buf_cstr(&ours); *p;) {
				const char *end = strchr(p, '\n');
				size_t n = end ? (size_t)(end + 1 - p) : strlen(p);

				if (strncmp(p, "error:", 6) != 0)
					buf_add(&plain, p, n);
				p += n;
			}
			assert_string_equal(buf_cstr(&plain), buf_cstr(&theirs));
			buf_release(&plain);
			buf_release(&ours);
			buf_release(&theirs);
			/* the forms differ in printing alone: a few programs are enough for most */
			if (k > 0 && i == 5)
				break;
		}
	}
}

static void an_unchanged_record_keeps_its_bytes(void **state)
{
	static const char in[] = "{ \"id\" : 9007199254740993, \"v\":1.10 }\n\"\\u00e9\"\n1.10\n[1,  2]\n";
	struct jqworker_opts opts = {.program = "."};

	(void)state;
	check(&opts, in, in);
	opts.program = "select(true)";
	check(&opts, in, in);
	opts.program = ".,.";
	check(&opts, "[1,  2]\n", "[1,  2]\n[1,  2]\n");
	opts.program = ".,1,.";
	check(&opts, "[1,  2]\n", "[1,  2]\n1\n[1,  2]\n");
	/* changed and equal is changed */
	opts.program = ".[0]=1";
	check(&opts, "[1,  2]\n", "[1,2]\n");
	opts.program = "if type==\"array\" then .[0]=5 else . end | .,.[0]";
	check(&opts, "[1,  2]\n", "[5,2]\n5\n");
	opts.program = ".";
	opts.form = JQWORKER_RAW;
	check(&opts, "\"\\u00e9\"\n[1,  2]\n", "\xc3\xa9\n[1,  2]\n");
	opts.form = JQWORKER_SORTED;
	check(&opts, "{\"b\":1,\"a\":2}\n", "{\"a\":2,\"b\":1}\n");
	opts.form = JQWORKER_RAW | JQWORKER_ASCII;
	check(&opts, "\"\xc3\xa9\"\n\"\"\n", "\"\\u00e9\"\n\"\"\n");
	opts.form = JQWORKER_SEQ;
	check(&opts, "[1,  2]\n", "\x1e[1,  2]\n");
}

static void errors_keep_their_place(void **state)
{
	struct jqworker_opts opts = {.program = ".[]|1/."};

	(void)state;
	check(&opts, "[1]\n[2,0,4]\n[4]\n",
		"1\n0.5\nerror:number (1) and number (0) cannot be divided because the divisor is zero\n0.25\n");
	opts.program = "error";
	check(&opts, "\"bad\"\n{\"a\":1}\n", "error:bad\nerror:(not a string): {\"a\":1}\n");
	opts.program = "debug|stderr|empty";
	check(&opts, "[1,2]\n3\n", "debug: [1,2]\nstderr: [1,2]\ndebug: 3\nstderr: 3\n");
}

static void halting_ends_the_batch(void **state)
{
	struct jqworker_opts opts = {.program = "if .==2 then halt else . end"};

	(void)state;
	check(&opts, "1\n2\n3\n", "1\nhalted 0:\n");
	opts.program = "if .==2 then \"so\\n\"|halt_error(7) else . end";
	check(&opts, "1\n2\n3\n", "1\nhalted 7:so\n\n");
	opts.program = "if .==2 then {a:1}|halt_error else . end";
	check(&opts, "1\n2\n3\n", "1\nhalted 5:{\"a\":1}\n\n");
}

static void programs_that_do_not_compile_are_told(void **state)
{
	static const struct {
		const char *program, *message;
	} cases[] = {
		{".a |", ": syntax error, unexpected "},
		{"1 +\n foo", ": foo/0 is not defined\n"},
		{"$x", ": $x is not defined\n"},
		{"}", ": syntax error, unexpected "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jqworker_opts opts = {.program = cases[i].program};
		struct buf out = run_with(&opts, SLICE_LIT(""));

		/* versions of libjq differ in the line that they notice it in, and in what they say */
		assert_memory_equal(buf_cstr(&out), "3:line ", 7);
		assert_non_null(strstr(out.p, cases[i].message));
		buf_release(&out);
	}
}

static void arguments_modules_and_environment_arrive(void **state)
{
	const char *dirs[] = {folder, NULL};
	static const char *const env[] = {"TLM_A=1", "TZ=Asia/Tokyo", NULL};
	struct jqworker_opts opts = {.program = "[$a,$ARGS.named.b,$ARGS.positional]",
		.named_json = "{\"a\":\"x\",\"b\":{\"c\":1}}",
		.positional_json = "[\"p\",2]"};

	(void)state;
	check(&opts, "0\n", "[\"x\",{\"c\":1},[\"p\",2]]\n");
	opts = (struct jqworker_opts){.program = "import \"m\" as m; m::twice", .lib_dirs = dirs};
	store("m.jq", "def twice: .*2;", 15);
	check(&opts, "21\n", "42\n");
	opts.lib_dirs = NULL;
	{
		struct buf out = run_with(&opts, SLICE_LIT("21\n"));

		assert_non_null(strstr(buf_cstr(&out), "3:module not found: m"));
		buf_release(&out);
	}
	opts = (struct jqworker_opts){.program = "env,$ENV"};
	check(&opts, "0\n", "{}\n{}\n");
	opts = (struct jqworker_opts){.program = "env.TLM_A,$ENV.TLM_A,(0|strflocaltime(\"%H\"))", .env = env};
	check(&opts, "0\n", "\"1\"\n\"1\"\n\"09\"\n");
}

/* Programs that end or hold libjq 1.6, each at the middle one of three records. */
static void killers_are_named_and_passed(void **state)
{
	static const char *const programs[] = {"1e18|todate", "nan|todate", "1e19|.%-1", "[1,2,3]|.[nan:]",
		"\"abc\"|[splits(\"\")]", "\"abc\"|indices(\"\")", "\"abc\"|gsub(\"\";\"x\")", "null|.[2147483647]=1",
		"reduce range(100000) as $i (1;[.])|contains(.)", "[repeat(1)]", "\"x\"*1e9", "[range(1e12)]",
		"def f:1+f; f", "def f:f; f", "last(repeat(1))", "reduce range(1000000) as $i (1;[.])|tojson"};

	(void)state;
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		struct buf program = BUF_INIT, out;
		struct jqworker_opts opts = {.time_ms = 200};
		const char *p;

		buf_addf(&program, "if .==2 then (%s|empty) else . end", programs[i]);
		opts.program = buf_cstr(&program);
		out = run_with(&opts, SLICE_LIT("1.0\n2\n3.0\n"));
		p = buf_cstr(&out);
		assert_memory_equal(p, "1.0\n", 4);
		assert_string_equal(p + out.len - 4, "3.0\n");
		/* a later library may answer, or refuse; if not, one line says why */
		if (out.len > 8) {
			if (strncmp(p + 4, "error:", 6) != 0)
				assert_memory_equal(p + 4, "killed:the program ", 19);
			assert_ptr_equal(strchr(p + 4, '\n'), p + out.len - 5);
		}
		buf_release(&out);
		buf_release(&program);
	}
}

static void limits_are_named(void **state)
{
	struct jqworker_opts opts = {.program = "if .==2 then last(repeat(1)) else . end", .time_ms = 200};

	(void)state;
	check(&opts, "1\n2\n3\n", "1\nkilled:the program took longer than 200ms\n3\n");
#ifndef __SANITIZE_ADDRESS__ /* it does not survive a limit of its address space */
	opts = (struct jqworker_opts){
		.program = "if .==2 then [range(1e9)]|length else . end", .memory_bytes = 32 << 20, .time_ms = 60000};
	check(&opts, "1\n2\n3\n", "1\nkilled:the program needed more than 32M\n3\n");
#endif
	opts = (struct jqworker_opts){
		.program = "if .==2 then range(1e9) else . end", .output_bytes = 1 << 20, .time_ms = 60000};
	check(&opts, "1\n2\n3\n", "1\nkilled:the program put out more than 1M\n3\n");
	opts = (struct jqworker_opts){.program = "last(repeat(1))", .time_ms = 20};
	check(&opts, "1\n2\n3\n4\n5\n6\n7\n8\n9\n",
		"killed:the program took longer than 20ms\n"
		"killed:the program took longer than 20ms\n"
		"killed:the program took longer than 20ms\n"
		"killed:the program took longer than 20ms\n"
		"killed:the program took longer than 20ms\n"
		"killed:the program took longer than 20ms\n"
		"killed:the program took longer than 20ms\n"
		"3:the program never succeeds: the program took longer than 20ms\n");
}

/* Many deaths among many records: every other answer comes once and in its place, whatever the number of workers. */
static void nothing_is_lost_or_doubled(void **state)
{
	(void)state;
	for (int workers = 1; workers <= 3; workers++) {
		struct jqworker_opts opts = {.program = "if .%1500==7 then last(repeat(1)) else [.,\"some more text "
							"to fill the ring\"*20] end",
			.workers = workers,
			.time_ms = 100};
		struct buf in = BUF_INIT, out;
		const char *p;

		for (int i = 0; i < 15000; i++)
			buf_addf(&in, "%d\n", i);
		out = run_with(&opts, buf_slice(&in));
		p = buf_cstr(&out);
		for (int i = 0; i < 15000; i++) {
			char expected[32];
			size_t n = (size_t)snprintf(expected, sizeof expected, i % 1500 == 7 ? "killed:" : "[%d,", i);

			assert_memory_equal(p, expected, n);
			p = strchr(p, '\n') + 1;
		}
		assert_int_equal(*p, '\0');
		buf_release(&in);
		buf_release(&out);
	}
}

static void the_last_output_is_judged(void **state)
{
	static const struct {
		const char *record;
		enum jqworker_last last;
	} cases[] = {{"[1,false]", JQWORKER_LAST_FALSE}, {"[null]", JQWORKER_LAST_FALSE},
		{"[false,0]", JQWORKER_LAST_TRUE}, {"[]", JQWORKER_LAST_NONE}};
	struct jqworker_opts opts = {.program = ".[]"};
	struct err err = ERR_INIT;
	struct jqworker *w = jqworker_open(&opts, &err);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(jqworker_add(w, slice_str(cases[i].record), &err), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jqworker_answer a;

		assert_int_equal(jqworker_next(w, &a, &err), 1);
		assert_int_equal(a.last, cases[i].last);
	}
	jqworker_close(w);
	jqworker_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outputs_are_those_of_jq),
		cmocka_unit_test(an_unchanged_record_keeps_its_bytes),
		cmocka_unit_test(errors_keep_their_place),
		cmocka_unit_test(halting_ends_the_batch),
		cmocka_unit_test(programs_that_do_not_compile_are_told),
		cmocka_unit_test(arguments_modules_and_environment_arrive),
		cmocka_unit_test(killers_are_named_and_passed),
		cmocka_unit_test(limits_are_named),
		cmocka_unit_test(nothing_is_lost_or_doubled),
		cmocka_unit_test(the_last_output_is_judged),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("jqworker", tests, make_folder, remove_folder);
}
