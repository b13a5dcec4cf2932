#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jq/impl.h"

/* ---- help ---- */

static struct jq_setup setup;

/* Runs a program over lines; errors stand in the output as "!message", limits as "#message". The caller frees. */
static char *run_with(
	const char *text, const char *lines, const struct jq_format *format, const struct jq_limits *limits, bool judge)
{
	struct err err = ERR_INIT;
	struct buf in = BUF_INIT, out = BUF_INIT;
	struct json_record record;
	size_t at;
	struct jq_program *program = jq_program_open(slice_str(text), &setup, &at, &err);
	struct json_scan *scan;
	struct jq_run *run;

	if (!program) {
		char shown[300];

		snprintf(shown, sizeof shown, "%zu: %s", at, err.msg);
		return strdup(shown);
	}
	if (jq_foreign(program)) {
		char *why = strdup(jq_foreign(program));

		jq_program_close(program);
		return why;
	}
	buf_add_str(&in, lines);
	buf_reserve(&in, JSON_PAD_BYTES);
	run = jq_run_open(program, format, limits);
	scan = json_scan_open(jq_paths(program), JSON_DEPTH_DEFAULT);
	json_scan_batch(scan, in.p, in.len);
	while (json_scan_next(scan, &record)) {
		struct jq_result result;
		enum jq_verdict verdict = judge ? jq_judge(run, &record, &out) : JQ_EVALUATE;

		if (verdict == JQ_KEEP)
			buf_addf(&out, "%.*s\n", (int)record.len, record.p);
		if (verdict != JQ_EVALUATE)
			continue;
		jq_run_record(run, &record, &out, &result);
		if (result.status != JQ_OK)
			buf_addf(&out, "%c%.*s\n", result.status == JQ_ERROR ? '!' : '#', (int)result.message.len,
				result.message.p);
	}
	json_scan_close(scan);
	jq_run_close(run);
	jq_program_close(program);
	buf_cstr(&out);
	buf_release(&in);
	return out.p;
}

static char *run_text(const char *text, const char *lines)
{
	static const struct jq_format compact;

	return run_with(text, lines, &compact, NULL, true);
}

static void check(const char *text, const char *lines, const char *expected)
{
	char *out = run_text(text, lines);

	if (strcmp(out, expected))
		print_error("%s\n", text);
	assert_string_equal(out, expected);
	free(out);
}

static void check_in(enum jq_dialect dialect, const char *text, const char *lines, const char *expected)
{
	setup.dialect = dialect;
	check(text, lines, expected);
	setup.dialect = JQ_DIALECT_1_6;
}

/* ---- tokens ---- */

static void tokens_are_jqs(void **state)
{
	static const struct {
		const char *text;
		enum token kind;
		const char *word;
	} cases[] = {{".a.b", T_FIELD, ".a"}, {". a", T_OP, "."}, {"..", T_OP, ".."}, {".5x", T_NUMBER, ".5"},
		{"1.2.3e5", T_NUMBER, "1.2.3e5"}, {"1e", T_NUMBER, "1"}, {"?//1", T_OP, "?//"}, {"//= 1", T_OP, "//="},
		{"if", T_KEYWORD, "if"}, {"iff", T_IDENT, "iff"}, {"a::b::c d", T_IDENT, "a::b::c"},
		{"a:b", T_IDENT, "a"}, {"if::x", T_IDENT, "if::x"}, {"@json", T_FORMAT, "@json"}, {"@", T_BAD, "@"},
		{"é", T_BAD, "é"}, {"# all\n x", T_IDENT, "x"}, {"  ", T_END, ""}, {"\"x", T_QUOTE, "\""},
		{"|= 1", T_OP, "|="}, {"...", T_NUMBER, "..."}, {"\r1", T_BAD, "\r"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct lexer lx = {.text = slice_str(cases[i].text)};

		lex_next(&lx);
		assert_int_equal(lx.kind, cases[i].kind);
		assert_true(slice_eq(lx.word, slice_str(cases[i].word)));
	}
}

/* ---- programs: expected values were read off jq 1.6 ---- */

/* '#': left to libjq, which has a message or a form of its own */
static void later_dialects_have_answers_of_their_own(void **state)
{
	static const struct {
		const char *text, *lines, *in_1_6, *in_1_7, *in_1_8;
	} cases[] = {
		{"\"ab\" * .", "2\n0.5\n2.7\n-1\n", "\"abab\"\n\"ab\"\n\"abab\"\nnull\n", "\"abab\"\n#\n\"abab\"\n#\n",
			"\"abab\"\n\"\"\n\"abab\"\nnull\n"},
		{". % 7", "1e19\n-1e19\n-8\n", "-1\n-1\n-1\n", "0\n-1\n-1\n", "0\n-1\n-1\n"},
		{"length", "1e-7\n-5\n", "1e-07\n5\n", "1e-07\n5\n", "#\n5\n"},
		{"any(.[] | .a)", "[{\"a\":{\"a\":1}},1]\n[1]\n", "true\n!Cannot iterate over number (1)\n",
			"true\n#\n", "true\n#\n"},
		{"isempty(.[] | .a)", "[1]\n[]\n[{}]\n", "!Cannot index number with string \"a\"\ntrue\nfalse\n",
			"#\ntrue\nfalse\n", "#\ntrue\nfalse\n"},
		{"contains(\"b\\u0000x\")", "\"ab\"\n\"b\\u0000\"\n", "true\ntrue\n", "#\n#\n", "#\n#\n"},
		{".[1:nan]", "[1,2]\n", "[]\n", "#\n", "#\n"},
		{". * 1000000000", "\"\"\n", "\"\"\n", "\"\"\n", "\"\"\n"},
		{"reduce range(300) as $i (.; [.]) | tojson | length", "1\n", "601\n", "#\n", "#\n"},
		{"1 / 0 == .", "1\n", "2: line 1, column 3: division by zero", NULL, NULL},
		{"all(. > 1)", "[2,3]\n[2,1]\n[]\n", "true\nfalse\ntrue\n", "true\nfalse\ntrue\n",
			"true\nfalse\ntrue\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		check_in(JQ_DIALECT_1_6, cases[i].text, cases[i].lines, cases[i].in_1_6);
		if (!cases[i].in_1_7)
			continue;
		check_in(JQ_DIALECT_1_7, cases[i].text, cases[i].lines, cases[i].in_1_7);
		check_in(JQ_DIALECT_1_8, cases[i].text, cases[i].lines, cases[i].in_1_8);
	}
}

/* What stands in the grammar of a later libjq only, or means something else there, is not judged by ours. */
static void later_grammars_are_left_to_libjq(void **state)
{
	static const struct {
		const char *text;
		bool is_read; /* by the parser of 1.6 */
		bool is_other;
	} cases[] = {{"if . then 1 end", false, true}, {".a.[0]", false, true}, {"{a: 1 + 2}", false, true},
		{"1 as $if | $if", false, true}, {"reduce -.[] as $x (0; 1)", false, true}, {"1 +", false, true},
		{"1 / 0", false, true}, {"1 + 2 as $x | $x", true, true}, {"-1 as $x | $x", true, true},
		{". == (1 as $x | $x)", true, false}, {"1, 2 as $x | $x", true, false},
		{"1 | 2 as $x | $x", true, false}, {"[.[] as $x | $x + 1]", true, false},
		{"1 as $x | 2 + $x", true, false}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (enum jq_dialect d = JQ_DIALECT_1_6; d <= JQ_DIALECT_1_8; d++) {
			const struct jq_setup later = {.dialect = d};
			struct err err = ERR_INIT;
			size_t at;
			struct jq_program *program = jq_program_open(slice_str(cases[i].text), &later, &at, &err);

			if (d == JQ_DIALECT_1_6) {
				if ((program != NULL) != cases[i].is_read)
					fail_msg("%s in 1.6", cases[i].text);
			} else {
				assert_non_null(program);
				if ((jq_foreign(program) != NULL) != cases[i].is_other)
					fail_msg("%s: %s", cases[i].text, jq_foreign(program));
				assert_true(!jq_doubt(program, &at, &err) || err.code == ERR_PROGRAM);
			}
			jq_program_close(program);
		}
	}
}

static void what_no_libjq_reads_has_our_words(void **state)
{
	const struct jq_setup later = {.dialect = JQ_DIALECT_1_8};
	struct err err = ERR_INIT;
	size_t at = 0;
	struct jq_program *program = jq_program_open(slice_str(".a | )"), &later, &at, &err);

	(void)state;
	assert_non_null(program);
	assert_true(jq_is_unread(program));
	assert_true(jq_doubt(program, &at, &err));
	assert_int_equal(at, 5);
	assert_string_equal(err.msg, "line 1, column 6: unexpected ')'");
	jq_program_close(program);
	assert_null(jq_program_open(slice_str("modulemeta"), &later, &at, &err));
}

static void operators_bind_as_in_jq(void **state)
{
	(void)state;
	check("1 + 2 * 3 - 4 / 2", "0\n", "5\n");
	check("1, 2 | . + 1", "0\n", "2\n3\n");
	check("1 // 2, 3", "0\n", "1\n3\n");
	check(".a // .b = 1", "{}\n", "{\"b\":1}\n");
	check("1 == 1 and 2 > 1 or error", "0\n", "true\n");
	check("-1 as $x | $x, 2", "0\n", "-1\n-2\n");
	check("[2 * 3 as $x | $x + 1]", "0\n", "[8]\n");
	check("try error(\"x\") // 1", "0\n", "1\n");
	check("[.[] | .a?] | length", "[1,{\"a\":2}]\n", "1\n");
}

static void generators_run_in_jqs_order(void **state)
{
	(void)state;
	check("[(1,2) + (10,20)]", "0\n", "[11,12,21,22]\n");
	check("{a:(1,2),b:(3,4)} | .a * 10 + .b", "0\n", "13\n14\n23\n24\n");
	check("[.[0,1:2,3]]", "[1,2,3]\n", "[[1,2],[1,2,3],[2],[2,3]]\n");
	check("\"\\(1,2)-\\(3,4)\"", "0\n", "\"1-3\"\n\"2-3\"\n\"1-4\"\n\"2-4\"\n");
	check("[pow(2,3;1,2)]", "0\n", "[2,3,4,9]\n");
}

static void errors_say_what_jq_says(void **state)
{
	(void)state;
	check(".a", "1\n", "!Cannot index number with string \"a\"\n");
	check(".a + 1", "{\"a\":\"abcdefghijklmnop\"}\n", "!string (\"abcdefghij...) and number (1) cannot be added\n");
	check(".[]", "null\n", "!Cannot iterate over null (null)\n");
	check("1, error(\"x\"), 2", "0\n", "1\n!x\n");
	check("1, error(null), 2", "0\n", "1\n2\n");
	check("error({a:1})", "0\n", "!(not a string): {\"a\":1}\n");
	check("((1|tostring)?) | error(\"x\")", "0\n", "");
	check("[.[] |= empty]", "[1,2,3,4]\n", "[[2,4]]\n");
}

/* Expected values of these two were read off jq 1.6. */
static void an_error_named_object_is_not_caught(void **state)
{
	(void)state;
	check("try error(\"object\") catch 5", "1\n", "!Cannot index string with string \"__jq\"\n");
	check("try (try error catch 5) catch .", "\"\\u006fbject\"\n",
		"\"Cannot index string with string \\\"__jq\\\"\"\n");
	check("[error(\"object\")?, try error(\"object\")]", "1\n", "[]\n");
	check("try error({a:1}) catch .", "1\n", "{\"a\":1}\n");
}

static void literal_patterns_are_tested(void **state)
{
	(void)state;
	check("test(\"^a.c$\")", "\"abc\"\n\"abcd\"\n\"\\u0061bc\"\n", "true\nfalse\ntrue\n");
	check("test(\"B\"; \"ix\"), test([\"B\", \"g\"]), test([\"b\"]), test(\"b\"; null)", "\"abc\"\n",
		"true\nfalse\ntrue\ntrue\n");
	check("select(.a | test(\"x\"))", "{\"a\":\"x\"}\n{\"a\":\"y\"}\n", "{\"a\":\"x\"}\n");
	check("test(\"a\")", "1\n", "!number (1) cannot be matched, as it is not a string\n");
	check("test(\"(?=a)\")", "1\n", "'test' at line 1, column 1");
	check("test(.a)", "1\n", "'test' at line 1, column 1");
	check("test(\"(\")", "1\n", "'test' at line 1, column 1");
}

static void paths_are_assigned(void **state)
{
	(void)state;
	check(".a.b.c = 1", "null\n", "{\"a\":{\"b\":{\"c\":1}}}\n");
	check(".[2] = 1", "[]\n", "[null,null,1]\n");
	check(".[-2] = 1", "[1]\n", "!Out of bounds negative array index\n");
	check(".a |= . + 1 | .b += 2 | .c //= 3 | del(.d)", "{\"a\":1,\"b\":2,\"d\":4}\n",
		"{\"a\":2,\"b\":4,\"c\":3}\n");
	check("(.a, .a.b) |= {b: .}", "{\"a\":{\"b\":1}}\n", "{\"a\":{\"b\":{\"b\":{\"b\":1}}}}\n");
	check("{x: ., y: .} | .x.a.b = 2", "{\"a\":{\"b\":1}}\n",
		"{\"x\":{\"a\":{\"b\":2}},\"y\":{\"a\":{\"b\":1}}}\n");
	check("(.a.c, .a, .a.b.c) |= (if type == \"object\" then {b: ., d: .} else . + 1 end)", "{\"a\":{\"c\":1}}\n",
		"{\"a\":{\"b\":{\"c\":3},\"d\":{\"c\":2}}}\n");
	check(".a as $a | .a[0] = 9 | [$a, .a]", "{\"a\":[1,2]}\n", "[[1,2],[9,2]]\n");
	check("del(.[0,2], .[-1])", "[1,2,3,4]\n", "[2]\n");
	check(".[1:2] = [7,8]", "[1,2,3]\n", "[1,7,8,3]\n");
	check("(.a | select(. > 1)) = 0", "{\"a\":2}\n{\"a\":1}\n", "{\"a\":0}\n{\"a\":1}\n");
}

static void sums_share_nothing(void **state)
{
	(void)state;
	/* sums that grow in place must not show through older ones */
	check("(.a + \"b\") as $x | ($x + \"c\") as $y | ($x + \"d\") as $z | [$x, $y, $z, $y + \"e\"]",
		"{\"a\":\"a\"}\n", "[\"ab\",\"abc\",\"abd\",\"abce\"]\n");
	check("(.a + [2]) as $x | ($x + [3]) as $y | ($x + [4]) as $z | ($y + [5]) as $w | [$x, $y, $z, $w]",
		"{\"a\":[1]}\n", "[[1,2],[1,2,3],[1,2,4],[1,2,3,5]]\n");
	check("(.a + \"b\") as $x | ($x + \"c\") as $y | ($y + \"d\") as $z | ($y + \"e\") as $w | [$y, $z, $w]",
		"{\"a\":\"a\"}\n", "[\"abc\",\"abcd\",\"abce\"]\n");
	check("(.a + [2]) as $x | ($x + [3]) as $y | ($y + [4]) as $z | ($y + [5]) as $w | [$y, $z, $w]",
		"{\"a\":[1]}\n", "[[1,2,3],[1,2,3,4],[1,2,3,5]]\n");
	check("([1] + [2]) as $x | ($x | .[0] = 9) as $y | [$x, $y, $x + [3]]", "0\n", "[[1,2],[9,2],[1,2,3]]\n");
}

static void untouched_values_keep_their_text(void **state)
{
	(void)state;
	check("{a, c: .b}", " {\"a\": 1.10, \"b\" : {\"x\": [ 1 ]}}\n", "{\"a\":1.10,\"c\":{\"x\": [ 1 ]}}\n");
	check(".a = 1", "{\"\\u0061\":2,\"\\u0062\":\"\\u00e9\"}\n", "{\"\\u0061\":1,\"\\u0062\":\"\\u00e9\"}\n");
	check("select(.a)", "  {\"a\" : 9007199254740993}  \n", "  {\"a\" : 9007199254740993}  \n");
	check(".a, (.a | tostring), .a + 0", "{\"a\":9007199254740993}\n",
		"9007199254740993\n\"9007199254740992\"\n9007199254740992\n");
	check("[.] | .[0]", " {\"a\" : 1} \n", " {\"a\" : 1} \n");
}

static void duplicate_keys_are_jqs(void **state)
{
	(void)state;
	check(".a, length, keys, .b", "{\"a\":1,\"b\":2,\"a\":3}\n", "3\n2\n[\"a\",\"b\"]\n2\n");
	check("[.[]]", "{\"a\":1,\"b\":2,\"a\":3}\n", "[3,2]\n");
	check("select(.a == 3)", "{\"a\":1,\"a\":3}\n", "{\"a\":1,\"a\":3}\n");
	check(".a.b", "{\"a\":{\"b\":1},\"a\":{}}\n", "null\n");
}

/* Above a dozen members an object is found through its index. */
static void large_objects_find_their_members(void **state)
{
	struct buf in = BUF_INIT;

	(void)state;
	for (int i = 0; i < 40; i++)
		buf_addf(&in, "%s\"k%d\":%d", i ? "," : "{", i % 30, i);
	buf_add_str(&in, "}\n");
	check("[length, (. + {} | .k0, .k9, .k10, .k29), has(\"k30\"), (.k5 = 1 | .k5, length), (.z = 1 | .z, length)]",
		buf_cstr(&in), "[30,30,39,10,29,false,1,30,1,31]\n");
	buf_release(&in);
}

/* The short way and the evaluator must agree; every pair of operator, constant and value. */
static void judge_and_evaluator_agree(void **state)
{
	static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
	static const char *const constants[] = {"1", "-1", "0.5", "\"b\"", "\"\"", "null", "true", "false"};
	static const char lines[] =
		"{\"a\":1}\n{\"a\":-1}\n{\"a\":1.0}\n{\"a\":2}\n{\"a\":\"b\"}\n{\"a\":\"\\u0062\"}\n{\"a\":\"\"}\n"
		"{\"a\":\"bb\"}\n{\"a\":null}\n{}\n{\"a\":true}\n{\"a\":false}\n{\"a\":[]}\n{\"a\":{}}\n{\"b\":1}\n7\n["
		"]\n"
		"null\n{\"a\":{\"b\":1}}\n{\"a\":{\"b\":\"b\"}}\n{\"a\":[1]}\n";
	static const char *const forms[] = {"select(.a %s %s)", "select(%2$s %1$s .a)",
		"select(.a.b %s %s) | {a, c: .b}", "select(.a %s %s | not)", "select(.a[0] %s %s)",
		"select(.a and .b or .a %s %s)", "select(.a %s %s) | select(.b) | [.a, .a.b, \"x\"]"};
	static const struct jq_format compact;

	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		for (size_t k = 0; k < 6 * 8; k++) {
			char text[100], *fast, *slow;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(text, sizeof text, forms[i], ops[k % 6], constants[k / 6]);
#pragma GCC diagnostic pop
			fast = run_with(text, lines, &compact, NULL, true);
			slow = run_with(text, lines, &compact, NULL, false);
			if (strcmp(fast, slow))
				print_error("%s\n", text);
			assert_string_equal(fast, slow);
			free(fast);
			free(slow);
		}
}

static void bad_programs_say_where(void **state)
{
	(void)state;
	check(".a | )", "0\n", "5: line 1, column 6: unexpected ')'");
	check("1 |\n .é", "0\n", "6: line 2, column 3: unexpected 'é'");
	check("{a:1+2}", "0\n", "4: line 1, column 5: unexpected '+', expected '}'");
	check("1/0", "0\n", "1: line 1, column 2: division by zero");
	check("$x", "0\n", "0: line 1, column 1: $x is not defined");
	check("break $x", "0\n", "0: line 1, column 1: $*label-x is not defined");
	check("tlm::tim(.a)", "0\n",
		"0: line 1, column 1: no function of tlm: those are tlm::time(f), tlm::iso and tlm::haversine(lat; "
		"lon; lat; lon)");
	check(".. | tlm::iso", "0\n",
		"5: line 1, column 6: tlm::iso is native only, and only libjq runs '..' at line 1, column 1");
	check("1 as $x | 2) | $x", "0\n", "11: line 1, column 12: unexpected ')'");
	check("\xff", "0\n", "0: line 1, column 1: the program is not UTF-8");
	check(".a?//1", "0\n", "2: line 1, column 3: unexpected '?//'");
}

static void foreign_programs_are_recognised(void **state)
{
	(void)state;
	check("def f: if . then f else 1 end; f", "0\n", "a recursive function at line 1, column 18");
	check(".a |\nsub(\"x\"; \"y\")", "0\n", "'sub' at line 2, column 1");
	check(". as [$a, {b: $c}] | $a + $c", "0\n", "a pattern of several variables at line 1, column 6");
	check("label $f | try break $f catch 1", "0\n", "'catch' behind a label at line 1, column 1");
	check("def f(g; $x): g | $x; f(.a; 1), .. , @base64", "0\n", "'..' at line 1, column 33");
	check("import \"m\" as m; m::f", "0\n", "a module at line 1, column 1");
	check("(1, 2) |= 3", "0\n", "the left side of an assignment at line 1, column 3");
}

/* Copies of functions nest: each has variables and labels of its own. */
static void functions_are_copied(void **state)
{
	(void)state;
	check("def f(g): . as $x | g | . + $x; f(f(.))", "3\n", "9\n");
	check("def f($a; $b): [$a, $b]; f(1, 2; 3, 4)", "0\n", "[1,3]\n[1,4]\n[2,3]\n[2,4]\n");
	check("def f(g): def h: g | g; h; f(. * 10)", "1\n", "100\n");
	check("def f: 1; def g: f; def f: 2; [f, g]", "0\n", "[2,1]\n");
	check("def f(g): first(g | g); f(., . + 1)", "1\n", "1\n");
	check("[label $a | label $b | 1, break $a, 2], [label $a | (label $b | 1, break $b, 2), 3]", "0\n",
		"[1]\n[1,3]\n");
	check("[foreach range(5) as $x (0; . + $x; select(. % 2 == 1))]", "0\n", "[1,3]\n");
	check("[limit(3; range(1; infinite))], [range(9; 0; -4)]", "0\n", "[1,2,3]\n[9,5,1]\n");
	check("map_values(empty), with_entries(.value += 1), any, all(. < 9)", "{\"a\":1,\"b\":2}\n",
		"{}\n{\"a\":2,\"b\":3}\ntrue\ntrue\n");
	check("group_by(.k) | map([.[].v])", "[{\"k\":2,\"v\":1},{\"k\":1,\"v\":2},{\"k\":2,\"v\":3}]\n",
		"[[2],[1,3]]\n");
}

static void times_and_distances(void **state)
{
	(void)state;
	check("tlm::time(.) | ., tlm::iso", "\"2026-11-22T10:00:00.25+01:00\"\n",
		"1795338000250000\n\"2026-11-22T09:00:00.250Z\"\n");
	check("tlm::time(.a)", "{}\n", "!tlm::time: null (null) is not a time of RFC 3339\n");
	check("tlm::iso", "\"x\"\n", "!tlm::iso: string (\"x\") is not a number of microseconds\n");
	check("tlm::haversine(0; 0; 0; 90) | round", "0\n", "10007557\n");
	check("tlm::haversine(91; 0; 0; 0)", "0\n", "!tlm::haversine: number (91) is not a latitude in degrees\n");
	check("tlm::haversine(1; 0; 0; \"a\")", "0\n",
		"!tlm::haversine: string (\"a\") is not a longitude in degrees\n");
}

/* Depth of a program: more parentheses than the parser goes down belong to libjq; no crash on the way. */
static void deep_programs_do_not_crash(void **state)
{
	static char text[200001];

	(void)state;
	memset(text, '(', 200000);
	char *out = run_text(text, "0\n");

	assert_non_null(strstr(out, "nested so deep"));
	free(out);
	for (size_t i = 0; i < 200000; i += 2)
		memcpy(text + i, ".|", 2);
	text[199999] = '\0';
	out = run_text(text, "0\n");
	assert_true(strstr(out, "size") || strstr(out, "deep"));
	free(out);
}

static void budgets_hold(void **state)
{
	static const struct jq_format compact;
	static const struct jq_limits small = {.steps = 10000, .bytes = 1 << 20};
	static const char *const programs[] = {"\"x\" * 1e9", "[.[] + .[] + .[] + .[] + .[]]",
		"\"x\" * 5000 | [.,.,.,.] | . + . | . + . | . + . | . + . | . + . | . + . | . + .",
		"[.[] | .,.,.,.,.,.,. | .,.,.,.,.,. | .,.,.,.,.,.,. | .,.,.,.,.,.]",
		"reduce (.[]|.,.,.,.|.,.,.,.|.,.,.,.|.,.,.,.) as $x (\"\"; . + \"xxxxxxxxxxxxxxxxxxxxxx\")",
		".[3000000] = 1"};

	(void)state;
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		char *out = run_with(programs[i], "[1,2,3,4,5,6,7,8,9]\n", &compact, &small, true);

		if (out[0] != '#')
			print_error("%s: %.60s\n", programs[i], out);
		assert_int_equal(out[0], '#');
		free(out);
	}
}

/* A large record costs what its size says: sums, joins and updates in place are linear. */
static void large_records_are_linear(void **state)
{
	static const char *const programs[] = {"add | length", "join(\",\") | length", "map(. + \"x\") | length",
		".[] |= . + \"x\" | length", "reduce .[] as $x (\"\"; . + $x) | length",
		"reduce .[] as $x ([]; . + [$x]) | length", "map({(.): 1}) | add | keys | length", "del(.[]) | length",
		"to_entries | length", "sort | length", "group_by(.[0:9]) | length",
		"to_entries | map(.key |= tostring) | from_entries | length", "map_values(. + \"x\") | length",
		"reverse | length", "[limit(9999; .[])] | length", "[foreach .[] as $x (0; . + 1)] | length"};
	struct buf in = BUF_INIT;

	(void)state;
	buf_add_char(&in, '[');
	for (int i = 0; i < 50000; i++)
		buf_addf(&in, "%s\"element %d\"", i ? "," : "", i);
	buf_add_str(&in, "]\n");
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		char *out = run_text(programs[i], buf_cstr(&in));

		if (out[0] == '#' || out[0] == '!')
			print_error("%s: %.60s\n", programs[i], out);
		assert_true(out[0] != '#' && out[0] != '!');
		free(out);
	}
	buf_release(&in);
}

static void formats_print(void **state)
{
	static const struct jq_format raw = {.is_raw = true}, joined = {.is_joined = true}, ascii = {.is_ascii = true},
				      sorted = {.is_sorted = true}, indented = {.indent = 2}, tabs = {.indent = -1};
	static const struct {
		const struct jq_format *format;
		const char *program, *line, *expected;
	} cases[] = {{&raw, ".a, .", "{\"a\":\"x\\ny\"}\n", "x\ny\n{\"a\":\"x\\ny\"}\n"},
		{&joined, ".a, .b", "{\"a\":\"x\",\"b\":1}\n", "x1"},
		{&ascii, ".", "{\"é\":\"😀\\u00e9\\n\"}\n", "{\"\\u00e9\":\"\\ud83d\\ude00\\u00e9\\n\"}\n"},
		{&sorted, ".", "{\"b\":{\"d\":1,\"c\":2},\"a\":1.10}\n", "{\"a\":1.10,\"b\":{\"c\":2,\"d\":1}}\n"},
		{&indented, ".", "{\"a\":[1,{}],\"b\":[]}\n", "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}\n"},
		{&tabs, "[[1]]", "0\n", "[\n\t[\n\t\t1\n\t]\n]\n"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *out = run_with(cases[i].program, cases[i].line, cases[i].format, NULL, true);

		assert_string_equal(out, cases[i].expected);
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_jqs),
		cmocka_unit_test(operators_bind_as_in_jq),
		cmocka_unit_test(generators_run_in_jqs_order),
		cmocka_unit_test(errors_say_what_jq_says),
		cmocka_unit_test(an_error_named_object_is_not_caught),
		cmocka_unit_test(literal_patterns_are_tested),
		cmocka_unit_test(paths_are_assigned),
		cmocka_unit_test(sums_share_nothing),
		cmocka_unit_test(untouched_values_keep_their_text),
		cmocka_unit_test(duplicate_keys_are_jqs),
		cmocka_unit_test(large_objects_find_their_members),
		cmocka_unit_test(judge_and_evaluator_agree),
		cmocka_unit_test(bad_programs_say_where),
		cmocka_unit_test(foreign_programs_are_recognised),
		cmocka_unit_test(functions_are_copied),
		cmocka_unit_test(times_and_distances),
		cmocka_unit_test(deep_programs_do_not_crash),
		cmocka_unit_test(budgets_hold),
		cmocka_unit_test(large_records_are_linear),
		cmocka_unit_test(later_dialects_have_answers_of_their_own),
		cmocka_unit_test(later_grammars_are_left_to_libjq),
		cmocka_unit_test(what_no_libjq_reads_has_our_words),
		cmocka_unit_test(formats_print),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("jq", tests, NULL, NULL);
}
