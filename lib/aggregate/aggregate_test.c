#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate/aggregate.h"
#include "jq/jq.h"

/* ---- the list ---- */

static void check_bad(const char *text, const char *part)
{
	struct agg_list list = {0};
	struct err err = ERR_INIT;

	assert_int_equal(agg_list_parse(&list, text, &err), -1);
	assert_int_equal(err.code, ERR_PROGRAM);
	if (!strstr(err.msg, part))
		print_message("# %s\n", err.msg);
	assert_non_null(strstr(err.msg, part));
}

static void mistakes_are_told_with_their_place(void **state)
{
	(void)state;
	check_bad("", "byte 1: expected a function at the end");
	check_bad("count,", "byte 7: expected a function at the end");
	check_bad("count sum(x)", "byte 7: expected ',' or 'as NAME'");
	check_bad("avg(x)", "byte 1: unknown function 'avg': it is called mean here");
	check_bad("frob(x)", "byte 1: unknown function 'frob'");
	check_bad("sum", "needs a field");
	check_bad("count, sum(x", "byte 13: expected ')' behind the field");
	check_bad("sum()", "byte 5:");
	check_bad("p101(x)", "from p0 to p100");
	check_bad("p100.1(x)", "from p0 to p100");
	check_bad("p(x)", "unknown function 'p'");
	check_bad("p5.(x)", "unknown function");
	check_bad("count, count", "byte 8: two columns have the name 'count'");
	check_bad("sum(x) as a, max(y) as a", "two columns");
	check_bad("sum(a.b), sum(a_b)", "two columns");
	check_bad("sum(x) as", "expected a name");
	check_bad("sum(x) as 'a'", "expected a name");
	check_bad("argmax(x)", "byte 9: expected ',' and a second field");
	check_bad("corr(x, y, z)", "byte 10: expected ')' behind the arguments");
	check_bad("topk(x)", "byte 7: expected ',' and a number");
	check_bad("topk(x, 0)", "byte 9: expected a number from 1 to 65536");
	check_bad("values(x, 65537)", "byte 11: expected a number from 1 to 65536");
	check_bad("topk(x, y)", "byte 9: expected a number");
	check_bad("mean(x, 2)", "byte 7: expected ')' behind the field");
	check_bad("mode", "needs a field");
	check_bad("round", "byte 6: expected '(', as in round(mean(value), 2)");
	check_bad("round(x, 2)", "byte 7: unknown function 'x'");
	check_bad("round(mean(x))", "byte 14: expected ',' and the number of digits");
	check_bad("round(mean(x), 16)", "byte 16: expected a number from 0 to 15");
	check_bad("round(mean(x), 2", "byte 17: expected ')' behind the number of digits");
	check_bad("round(set(x), 2)", "byte 7: no number to round: 'set'");
	check_bad("round(round(mean(x), 2), 1)", "unknown function 'round'");
	check_bad("mean(x), round(mean(x), 2)", "two columns have the name 'mean_x'");
	check_bad("ewma(x)", "byte 7: expected ',' and a number");
	check_bad("ewma(x, 0)", "byte 9: expected a share above 0 and up to 1");
	check_bad("ewma(x, 1.1)", "byte 9: expected a share");
	check_bad("ewma(x, )", "byte 9: expected a share");
	check_bad("round(bbox(x, y), 1)", "no number to round");
	check_bad("distance(x)", "expected ',' and a second field");
	check_bad("hist(x)", "byte 7: expected ',' and a number");
	check_bad("hist(x, 0)", "byte 9: expected a width, such as 10 or 0.5");
	check_bad("hist(x, 0.0000000000000001)", "expected a width");
	check_bad("hist(x, 10000000000000000)", "expected a width");
	check_bad("hist(x, 1e3)", "expected a width");
	check_bad("round(hist(x, 1), 1)", "no number to round");
	check_bad("lttb(x, 1)", "byte 9: expected a number from 2 to 65536");
	check_bad("count where", "byte 12: expected a program behind 'where'");
	check_bad("count where , sum(x)", "byte 13: expected a program behind 'where'");
	check_bad("count where .x >", "byte 17: line 1, column 5: unexpected end");
	check_bad("count where .x > 1", "expected 'as NAME' behind a condition");
	check_bad("count where .x > 1 as", "byte 22: line 1, column 10: unexpected end");
	check_bad("count where 1) as x, (1 as x", "expected 'as NAME'");
	check_bad("count where ascii(.x) as x", "'ascii' at line 1, column 1 cannot be part of a condition");
	check_bad("regr_slope(x, y)", "it is called slope here");
}

static void names_and_states_are_shared(void **state)
{
	static const char *const names[] = {"count", "mean_a_b", "s", "p99_9_a_b", "median_a_b", "count_x", "last_d__"};
	struct agg_list list = {0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(agg_list_parse(&list,
				 "count(*), mean(.a.b),\n sum(a.b) as s,p99.9( a.b ), median(a[\"b\"]), "
				 "count(x), last([\"d \xc3\xa9\"])",
				 &err),
		0);
	assert_int_equal(list.n_calls, 7);
	for (size_t i = 0; i < list.n_calls; i++)
		assert_string_equal(list.calls[i].name, names[i]);
	assert_int_equal(list.n_fields, 3);
	assert_int_equal(list.n_states, 5);
	agg_list_release(&list);
	/* one state for what is made of the same pairs; values(x, 2) is no part of values(x, 3) */
	assert_int_equal(agg_list_parse(&list,
				 "corr( x , y ),round(slope(x,y),2), r2(y, x), values(x, 2), values(x, 3), topk(x, 1), "
				 "mode(x)",
				 &err),
		0);
	assert_string_equal(list.calls[0].name, "corr_x_y");
	assert_string_equal(list.calls[1].name, "slope_x_y");
	assert_string_equal(list.calls[4].name, "values_x_3");
	assert_int_equal(list.n_states, 5);
	agg_list_release(&list);
	/* another second field is another state */
	assert_int_equal(agg_list_parse(&list, "corr(x, y), slope(x, z), argmax(x, y), argmax(x, z)", &err), 0);
	assert_int_equal(list.n_states, 4);
	agg_list_release(&list);
	/* equal programs are one condition, and what is under one condition shares a state */
	assert_int_equal(
		agg_list_parse(&list,
			"mean(x) where .x>1 as a, sum(x) where .x>1  as b, sum(x), sum(x) where .x>2 as c", &err),
		0);
	assert_int_equal(list.n_conditions, 2);
	assert_int_equal(list.n_states, 3);
	agg_list_release(&list);
}

static void conditions_that_fail_are_told(void **state)
{
	static const char text[64 + JSON_PAD_BYTES] = "\"a\"\n";
	struct agg_list list = {0};
	struct err err = ERR_INIT;
	struct agg_value values[2];
	struct json_record r = {.p = text, .len = 3};
	const struct jq_result *failed = NULL;

	(void)state;
	assert_int_equal(agg_list_parse(&list, "count where true as a, count where . + 1 == 2 as b", &err), 0);
	assert_int_equal(agg_judge(&list, &r, values, &failed), 1);
	assert_non_null(failed);
	assert_int_equal(failed->status, JQ_ERROR);
	assert_true(slice_eq(failed->message, slice_str("string (\"a\") and number (1) cannot be added")));
	agg_list_release(&list);
}

/* ---- values ---- */

/* The fast reader against the plain one, over many forms of numbers. */
static void numbers_read_alike(void **state)
{
	static const char *const texts[] = {"0", "-0", "7", "-12", "1.0", "1.5", "-0.5", "84.253", "0.1", "1e2",
		"25E-1", "9007199254740993", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
		"1e400", "0.000000000000001", "123456789012.34567", "1.50", "-0.0", "9007199254740991.5",
		"900719925474099.25", "-0.00000000", "-0e1", "-1e-400"};
	char text[64 + JSON_PAD_BYTES] = "";

	(void)state;
	srand(7);
	for (int i = 0; i < 200000; i++) {
		struct agg_value a, b;
		const char *t = text;
		char padded[64 + JSON_PAD_BYTES];

		memset(&a, 0, sizeof a);
		memset(&b, 0, sizeof b);
		if (i < (int)(sizeof texts / sizeof *texts))
			t = texts[i];
		else
			snprintf(text, 64, "%.*f", rand() % 8, (double)(rand() - rand()) / (1 << rand() % 31));
		/* what stands behind is not part of it */
		memset(padded, "0.,}\n"[i % 5], sizeof padded);
		memcpy(padded, t, strlen(t));
		agg_read_number(padded, strlen(t), &a);
		agg_read_number_plain(t, strlen(t), &b);
		assert_memory_equal(&a, &b, sizeof a);
		assert_false(a.num.value == 0 && signbit(a.num.value)); /* no minus zero */
	}
}

/* ---- results ---- */

struct fold {
	struct agg_list list;
	void *states;
	uint64_t line;
};

static void fold_open(struct fold *f, const char *list)
{
	struct err err = ERR_INIT;

	assert_int_equal(agg_list_parse(&f->list, list, &err), 0);
	f->states = calloc(1, f->list.state_bytes);
	assert_non_null(f->states);
	f->line = 0;
}

/* A record whose first field is one value and whose others are another. */
static void fold_add_pair(struct fold *f, const char *first, const char *other, int64_t time_us)
{
	struct agg_value values[12];
	const struct jq_result *raised;
	struct agg_place place = {.line = ++f->line, .time_us = time_us};
	char padded[2][64 + JSON_PAD_BYTES] = {"", ""};
	struct json_record r[2];

	for (size_t i = 0; i < 2; i++) {
		const char *json = i ? other : first;

		memcpy(padded[i], json, strlen(json));
		padded[i][strlen(json)] = '\n';
		json_check(padded[i], strlen(json), 8, &r[i]);
		r[i].p = padded[i];
		r[i].len = strlen(json);
	}
	for (size_t i = 0; i < f->list.n_fields; i++)
		assert_null(agg_read(&f->list, i, r[i ? 1 : 0].value, &values[i]));
	assert_int_equal(agg_judge(&f->list, r, values, &raised), -1);
	agg_states_add(&f->list, f->states, values, &place);
}

/* A record a second. */
static void fold_add(struct fold *f, const char *json)
{
	fold_add_pair(f, json, json, (int64_t)(f->line + 1) * 1000000);
}

static void fold_close(struct fold *f)
{
	agg_states_release(&f->list, f->states);
	free(f->states);
	agg_list_release(&f->list);
}

static void check_result(struct fold *f, size_t call, const char *text)
{
	struct agg_result r;
	struct buf out = BUF_INIT;

	agg_result(&f->list, call, f->states, &r);
	agg_result_print(&out, &r);
	assert_string_equal(buf_cstr(&out), text);
	buf_release(&out);
}

/* list of one call, values with blanks between, the text of the result */
static void check_fold(const char *list, const char *values, const char *text)
{
	struct fold f;
	char copy[256], *word, *save = NULL;

	fold_open(&f, list);
	snprintf(copy, sizeof copy, "%s", values);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		fold_add(&f, word);
	check_result(&f, 0, text);
	fold_close(&f);
}

static void results_are_exact(void **state)
{
	(void)state;
	check_fold("sum(x)", "1 2 3", "6");
	check_fold("sum(x)", "", "null");
	check_fold("sum(x)", "null null", "null");
	check_fold("count(x)", "1 null \"a\"", "2");
	check_fold("count", "1 null \"a\"", "3");
	check_fold("sum(x)", "9223372036854775807 9223372036854775807", "18446744073709551614");
	check_fold("sum(x)", "0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1", "1");
	check_fold("sum(x)", "1e300 1 -1e300", "1");
	check_fold("sum(x)", "9007199254740993 0.5 0.5", "9007199254740994");
	check_fold("sum(x)", "9007199254740993 1.5 0.5", "9007199254740995");
	check_fold("sum(x)", "1e308 1e308", "null");
	check_fold("mean(x)", "1e308 1e308", "1e+308");
	check_fold("sum(x)", "1e308 1e308 -1e308", "1e+308");
	check_fold("sum(x)", "1e308 1e308 -1e308 -1e308 -0.5", "-0.5");
	check_fold("sum(x)", "1e999 -1e999", "null");
	check_fold("sum(x)", "1e300 1e-300 -1e300", "1e-300");
	check_fold("sum(x)", "1e100 1 1e-100 0.5 -1e100 -1e-100 0.5", "2");
	/* 2^55 + 4 and a little is no tie */
	check_fold("sum(x)", "36028797018963972 5e-324", "36028797018963976");
	check_fold("sum(x)", "36028797018963972 -5e-324", "36028797018963968");
	check_fold("mean(x)", "0.1 0.2 0.3", "0.2");
	check_fold("mean(x)", "5e-324 0 0", "0");
	check_fold("mean(x)", "5e-324 5e-324 0", "5e-324");
	check_fold("increase(x)", "-1e308 1e308 1e300 1e308", "null");
	check_fold("mean(x)", "1 2", "1.5");
	check_fold("mean(x)", "0.1 0.2", "0.15000000000000002");
	check_fold("mean(x)", "4503599627370497.5 0.1 0.2 0.30000000000000004", "1125899906842624.8");
	check_fold("mean(x)", "9007199254740993 9007199254740993", "9007199254740993");
	check_fold("min(x)", "9007199254740993 9007199254740994 9007199254740992.0", "9007199254740992");
	check_fold("max(x)", "9007199254740993 9007199254740992", "9007199254740993");
	check_fold("max(x)", "9007199254740992 9007199254740993", "9007199254740993");
	check_fold("max(x)", "-9223372036854775808", "-9223372036854775808");
	check_fold("min(x)", "1.10 1.1", "1.1");
	check_fold("range(x)", "-3 4.5", "7.5");
	check_fold("range(x)", "-9007199254740993 0.5", "9007199254740994");
	check_fold("stddev(x)", "1", "null");
	check_fold("stddev(x)", "2 4 4 4 5 5 7 9", "2.1380899353");
	check_fold("var(x)", "1000000000.25 1000000000.5 1000000000.75", "0.0625");
	check_fold("var(x)", "9007199254740993 9007299254740993", "5e+21");
	check_fold("first(x)", "null 1.10 2", "1.10");
	check_fold("last(x)", "1 \"\\u0041\" null", "\"\\u0041\"");
	check_fold("median(x)", "3 1 2", "2");
	check_fold("median(x)", "1 2", "1.5");
	check_fold("median(x)", "9007199254740993 9007199254740995", "9007199254740994");
	check_fold("median(x)", "1.5e308 1.7e308", "1.6e+308");
	check_fold("p50(x)", "1 2 3 4", "2");
	check_fold("p51(x)", "1 2 3 4", "3");
	check_fold("p0(x)", "3 1 2", "1");
	check_fold("p100(x)", "3 1 2", "3");
	check_fold("count where . > 1 as n", "1 2 3 null", "2");
	check_fold("sum(x) where . != 2 as n", "1 2 3 4", "8");
	check_fold("max(x) where . < 0 as n", "1 2", "null");
	check_fold("values(x, 2) where (., .) > 2 as n", "1 3 2 4 5", "[3,4]");
	check_fold("round(mean(x), 1) where empty as n", "1 3", "null");
	check_fold("count where . == \"a,b as c\" as n", "\"a,b\" \"a\"", "0");
	check_fold("count where \"\\(if . == \"a\" then \")\" else . end)\" == \")\" as n", "\"a\" \"b\" \")\"", "2");
	check_fold("count where [., 1][0] == 1 # one\n as n", "1 2", "1");
	check_fold("count where . as $v | $v == 1 as n", "1 2", "1");
	check_fold("count where .as? == null as n", "1", "0");
	check_fold("delta(x)", "0.5 null 3 null", "2.5");
	check_fold("delta(x)", "7", "0");
	check_fold("delta(x)", "null", "null");
	check_fold("delta(x)", "-9223372036854775808 9223372036854775807", "18446744073709551615");
	check_fold("rate(x)", "1 null 1.5 null 3", "0.5");
	check_fold("rate(x)", "9007199254740992 9007199254740993", "1");
	check_fold("rate(x)", "1", "null");
	check_fold("rate(x)", "", "null");
	check_fold("transitions(x)", "1 1.0 \"1\" null \"1\" 1", "2");
	check_fold("transitions(x)", "true", "0");
	check_fold("transitions(x)", "null", "null");
	check_fold("max_gap", "1 null 3", "1");
	check_fold("max_gap(x)", "1 null null 3 4", "3");
	check_fold("max_gap", "1", "null");
	check_fold("ewma(x, 0.5)", "1 3 5", "3.5");
	check_fold("ewma(x, 1)", "1 3 5", "5");
	check_fold("ewma(x, 1)", "null", "null");
	check_fold("distance(x, x)", "1 2 4", "471509.338387");
	check_fold("distance(x, x)", "1", "0");
	check_fold("distance(x, x)", "null", "null");
	check_fold("bbox(x, x)", "1.50 null -3 2", "[-3,-3,2,2]");
	check_fold("bbox(x, x)", "", "null");
	check_fold("hist(x, 0.1)", "0.3 0.30 0.31 null -0.01 1.05e1",
		"[{\"from\":-0.1,\"count\":1},{\"from\":0.3,\"count\":3},{\"from\":10.5,\"count\":1}]");
	check_fold("hist(x, 25)", "-25 -26 24.999 0",
		"[{\"from\":-50,\"count\":1},{\"from\":-25,\"count\":1},{\"from\":0,\"count\":2}]");
	check_fold("hist(x, 0.05)", "0.999", "[{\"from\":0.95,\"count\":1}]");
	check_fold("hist(x, 1)", "-9223372036854775808", "[{\"from\":-9223372036854775808,\"count\":1}]");
	check_fold("hist(x, 3)", "-9223372036854775808", "[{\"from\":-9223372036854775809,\"count\":1}]");
	check_fold("hist(x, 1)", "1 9223372036854775808 2", "null");
	check_fold("hist(x, 1)", "null", "null");
	check_fold("twa(x)", "1 2 9 3 100", "3.75");
	check_fold("twa(x)", "1 null null 2 9", "1.25");
	check_fold("twa(x)", "0.1 0.1 0.1 7", "0.1");
	check_fold("twa(x)", "5", "null");
	check_fold("twa(x)", "null", "null");
	check_fold("integral(x)", "5", "0");
	check_fold("integral(x)", "0.1 0.2 7", "0.30000000000000004");
	check_fold("integral(x)", "1e300 -1e300 0", "0");
	check_fold("integral(x)", "", "null");
	check_fold("duration(x, 1)", "1 1.0 \"1\" 1e0 true null 1", "3");
	check_fold("duration(x, \"a\")", "\"\\u0061\" 1 \"a\"", "1");
	check_fold("duration(x, \"a\")", "null", "null");
	check_fold("increase(x)", "5 7.5 7.5 1 3 0 0", "5.5");
	check_fold("increase(x)", "5", "0");
	check_fold("increase(x)", "null", "null");
	check_fold("increase(x)", "0.1 0.2 0.3", "0.19999999999999998");
	check_fold("time_above(x, -1)", "0 -1 -0.999 -2 5", "2");
	check_fold("time_above(x, 1)", "1 1 1", "0");
	check_fold("lttb(x, 3)", "1 2 9 3 1", "[[1000,1],[3000,9],[5000,1]]");
	check_fold("lttb(x, 4)", "0 9 1 null 1 9.5 0", "[[1000,0],[2000,9],[6000,9.5],[7000,0]]");
	check_fold("lttb(x, 3)", "1 1 1 1", "[[1000,1],[2000,1],[4000,1]]");
	check_fold("lttb(x, 4)", "3 7 4 0 6 8 1 2", "[[1000,3],[4000,0],[6000,8],[8000,2]]");
	check_fold("lttb(x, 5)", "3 7 4 0 6 1 2 8 5", "[[1000,3],[2000,7],[4000,0],[8000,8],[9000,5]]");
	check_fold("lttb(x, 2)", "1 2 3", "[[1000,1],[3000,3]]");
	check_fold("lttb(x, 5)", "1 2 3", "[[1000,1],[2000,2],[3000,3]]");
	check_fold("lttb(x, 5)", "1", "[[1000,1]]");
	check_fold("lttb(x, 5)", "null", "null");
	check_fold("mode(x)", "2 1.0 1 \"a\" 2", "1.0");
	check_fold("mode(x)", "", "null");
	check_fold("mode(x)", "3 null null", "3");
	check_fold("topk(x, 2)", "\"b\" 10 1e1 true \"b\" \"\\u0062\" false",
		"[{\"value\":\"b\",\"count\":3},{\"value\":10,\"count\":2}]");
	check_fold("topk(x, 2)", "5 4 3", "[{\"value\":3,\"count\":1},{\"value\":4,\"count\":1}]");
	check_fold("set(x)", "\"a\" 10 9 true 9.0 -1", "[true,-1,9,10,\"a\"]");
	check_fold("set(x)", "null", "null");
	check_fold("values(x, 2)", "null 3.0 [1] 4", "[3.0,[1]]");
	check_fold("values(x, 2)", "", "null");
	check_fold("argmax(x, x)", "1 2.0 2 null", "2.0");
	check_fold("argmin(x, x)", "9007199254740993 9007199254740992.0 9007199254740992", "9007199254740992.0");
	check_fold("argmin(x, x)", "null", "null");
	check_fold("skew(x)", "1 2", "null");
	check_fold("skew(x)", "1 2 3", "0");
	check_fold("skew(x)", "0.1 0.1 0.1", "null");
	check_fold("skew(x)", "4.000000000000001 5.000000000000001 6.000000000000001", "0");
	check_fold("skew(x)", "1 2 4 1 8", "1.4301684243");
	check_fold("kurt(x)", "1 2 3", "null");
	check_fold("kurt(x)", "1 2 4 1 8", "1.58145065398");
	check_fold("covar(x, x)", "1 2 4", "2.33333333333");
	check_fold("covar(x, x)", "1", "null");
	check_fold("corr(x, x)", "0.1 0.2 0.4", "1");
	check_fold("corr(x, x)", "0.1 0.1 0.1", "null");
	check_fold("corr(x, x)", "1e300 -1e300 1", "null");
	check_fold("r2(x, x)", "1e300 -1e300 1", "null");
	check_fold("slope(x, x)", "0.1 0.2 0.4", "1");
	check_fold("r2(x, x)", "1000000 1000001", "1");
	check_fold("round(mean(x), 2)", "2.675", "2.68");
	check_fold("round(mean(x), 2)", "-2.675", "-2.68");
	check_fold("round(mean(x), 0)", "0.5", "1");
	check_fold("round(mean(x), 1)", "-0.04", "0");
	check_fold("round(mean(x), 3)", "0.25", "0.25");
	check_fold("round(mean(x), 2)", "1.5e-05 0.00499", "0");
	check_fold("round(sum(x), 3)", "1e-300 -5e-324", "0");
	check_fold("round(sum(x), 3)", "1e+22 5e-1", "1e+22");
	check_fold("round(sum(x), 15)", "0.30000000000000004", "0.3");
	check_fold("round(sum(x), 2)", "9223372036854775807 1", "9223372036854775808");
	check_fold("round(first(x), 1)", "1.25", "1.3");
	check_fold("round(first(x), 1)", "\"1.25\"", "\"1.25\"");
	check_fold("round(max(x), 1)", "", "null");
	check_fold("distinct(x)", "1 1.0 1e0 \"1\" \"\\u0031\" true null", "3");
}

/* Sums of squares leave what their roundings have added up to: of a constant, and of one that differs in its last bit
 * once. */
static void constants_have_no_spread(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct fold f;

		fold_open(&f, "corr(x, y), r2(x, y), slope(y, x), stddev(x), skew(x), kurt(x)");
		fold_add_pair(&f, i ? "0.30000000000000004" : "0.3", "2", 0);
		for (int n = 0; n < 60000; n++)
			fold_add_pair(&f, "0.3", n % 3 ? "1.7" : "2", n);
		for (size_t call = 0; call < f.list.n_calls; call++)
			check_result(&f, call, strcmp(f.list.calls[call].name, "stddev_x") == 0 ? "0" : "null");
		fold_close(&f);
	}
}

/* What is left of large numbers that nearly cancel is not exact, but no correlation is larger than 1. */
static void correlations_end_at_1(void **state)
{
	static const char *const pairs[][2] = {{"1.0000000000000071", "3.0000000000000213"},
		{"1.0000000000000107", "3.000000000000032"}, {"1.0000000000000018", "3.0000000000000053"},
		{"1.0000000000000036", "3.0000000000000107"}};
	struct fold f;

	(void)state;
	fold_open(&f, "corr(x, y), r2(x, y)");
	for (size_t i = 0; i < 5; i++)
		fold_add_pair(&f, pairs[i < 2 ? i : i - 1][0], pairs[i < 2 ? i : i - 1][1], 0);
	check_result(&f, 0, "1");
	check_result(&f, 1, "1");
	fold_close(&f);
}

static void records_of_equal_numbers_come_in_any_order(void **state)
{
	struct fold f;

	(void)state;
	fold_open(&f, "argmin(x, y), argmax(x, y)");
	fold_add_pair(&f, "\"b\"", "5", 2);
	fold_add_pair(&f, "\"a\"", "5", 1);
	fold_add_pair(&f, "\"c\"", "5.0", 3);
	check_result(&f, 0, "\"a\"");
	check_result(&f, 1, "\"a\"");
	fold_close(&f);
}

/* Behind exactly --max-gap a value holds no longer. */
static void increases_end_with_the_gap(void **state)
{
	struct fold f;

	(void)state;
	for (int64_t more_us = 0; more_us < 2; more_us++) {
		fold_open(&f, "increase(x)");
		agg_list_hold(&f.list, 1000000 + more_us);
		fold_add(&f, "1");
		fold_add(&f, "3");
		check_result(&f, 0, more_us ? "2" : "0");
		fold_close(&f);
	}
}

/* Samples of a part that are in disorder stay so, also where the first of them fits. */
static void samples_are_put_in_order_when_merged(void **state)
{
	struct fold parts[2];

	(void)state;
	for (size_t i = 0; i < 2; i++)
		fold_open(&parts[i], "ewma(x, 1)");
	fold_add_pair(&parts[0], "1", "1", 1);
	fold_add_pair(&parts[1], "3", "3", 3);
	fold_add_pair(&parts[1], "2", "2", 2);
	agg_states_merge(&parts[0].list, parts[0].states, parts[1].states);
	check_result(&parts[0], 0, "3");
	fold_close(&parts[0]);
	fold_close(&parts[1]);
}

/* Whatever the split, the merged states give the same bytes. The values are scale times what they would be. */
static void check_merging(const char *all, double scale)
{
	struct fold one, parts[2];
	struct buf text = BUF_INIT;
	struct agg_result r;

	for (int exact = 4; exact < 3000; exact *= 8) {
		fold_open(&one, all);
		fold_open(&parts[0], all);
		fold_open(&parts[1], all);
		one.list.exact_max = parts[0].list.exact_max = parts[1].list.exact_max = (uint32_t)exact;
		for (int i = 0; i < 1000; i++) {
			char value[32];
			struct fold *part = &parts[rand() % 2];

			/* some of them are equal, but not as they are written */
			snprintf(value, sizeof value, "%.*f", i % 4,
				scale * (i % 3 ? (rand() % 100000) / 7.0 : 1 + 15000.0 * (rand() % 2)));
			fold_add(&one, value);
			part->line = one.line - 1;
			fold_add(part, value);
		}
		agg_states_merge(&one.list, parts[1].states, parts[0].states);
		for (size_t call = 0; call < one.list.n_calls; call++) {
			agg_result(&one.list, call, one.states, &r);
			buf_reset(&text);
			agg_result_print(&text, &r);
			check_result(&parts[1], call, buf_cstr(&text));
		}
		fold_close(&one);
		fold_close(&parts[0]);
		fold_close(&parts[1]);
	}
	buf_release(&text);
}

static void merging_changes_nothing(void **state)
{
	(void)state;
	check_merging("sum(x), mean(x), min(x), max(x), p95(x), median(x), distinct(x), first(x), last(x), count", 1);
	check_merging("argmin(x, x), argmax(x, x), mode(x), topk(x, 9), set(x), values(x, 20), hist(x, 0.5)", 1);
	check_merging("skew(x), kurt(x), covar(x, x), corr(x, x), slope(x, x), r2(x, x)", 1);
	check_merging("delta(x), rate(x), transitions(x), max_gap, max_gap(x) as g, ewma(x, 0.1), lttb(x, 50)", 1);
	check_merging("twa(x), integral(x), duration(x, 1), time_above(x, 7000.5), increase(x)", 1);
	check_merging("distance(x, x), bbox(x, x)", 0.005);
}

static void approximate_results_say_so(void **state)
{
	struct fold f;
	struct agg_result r;

	(void)state;
	fold_open(&f, "p50(x), distinct(x), sum(x)");
	f.list.exact_max = 3;
	for (int i = 0; i < 3; i++)
		fold_add(&f, i % 2 ? "1" : "2");
	fold_add(&f, "2");
	agg_result(&f.list, 0, f.states, &r);
	assert_true(r.is_approximate);
	agg_result(&f.list, 1, f.states, &r);
	assert_false(r.is_approximate); /* two different values */
	fold_add(&f, "3");
	agg_result(&f.list, 1, f.states, &r);
	assert_false(r.is_approximate); /* as many as are allowed */
	fold_add(&f, "4");
	agg_result(&f.list, 1, f.states, &r);
	assert_true(r.is_approximate);
	assert_int_equal(r.integer, 4);
	agg_result(&f.list, 2, f.states, &r);
	assert_false(r.is_approximate);
	fold_close(&f);
}

/* mode, topk and set hold so many values and no more, however they were merged */
static void tallies_end(void **state)
{
	struct fold parts[2];
	struct agg_result r;
	char value[32];

	(void)state;
	for (int extra = 0; extra < 2; extra++) {
		fold_open(&parts[0], "mode(x), set(x), hist(x, 1)");
		fold_open(&parts[1], "mode(x), set(x), hist(x, 1)");
		for (int i = 0; i < AGG_TALLY_MAX + extra; i++) {
			snprintf(value, sizeof value, "%d", i);
			fold_add(&parts[i % 2], value);
		}
		agg_states_merge(&parts[0].list, parts[0].states, parts[1].states);
		agg_result(&parts[0].list, 0, parts[0].states, &r);
		assert_int_equal(r.is_approximate, extra);
		assert_int_equal(r.type, extra ? AGG_NULL : AGG_TEXT);
		agg_result(&parts[0].list, 2, parts[0].states, &r);
		assert_int_equal(r.is_approximate, extra);
		assert_int_equal(r.type, extra ? AGG_NULL : AGG_TEXT);
		/* what is too much stays so */
		agg_states_merge(&parts[1].list, parts[1].states, parts[0].states);
		fold_add(&parts[1], "1");
		for (size_t call = 1; call <= 2; call++) {
			agg_result(&parts[1].list, call, parts[1].states, &r);
			assert_int_equal(r.type, extra ? AGG_NULL : AGG_TEXT);
		}
		fold_close(&parts[0]);
		fold_close(&parts[1]);
	}
}

/* A value with the readable bytes behind it that agg_read() asks for. */
static void check_padded(const char *json, struct json_record *r)
{
	static char padded[64 + JSON_PAD_BYTES];

	memset(padded, 0, sizeof padded);
	memcpy(padded, json, strlen(json));
	json_check(padded, strlen(json), 8, r);
}

static void wrong_types_are_told(void **state)
{
	struct agg_list list = {0};
	struct err err = ERR_INIT;
	struct agg_value v;
	struct json_record r;

	(void)state;
	assert_int_equal(agg_list_parse(&list, "sum(x), distinct(y), first(z)", &err), 0);
	check_padded("\" 12 \"", &r);
	assert_non_null(agg_read(&list, 0, r.value, &v));
	list.is_coercing = true;
	assert_null(agg_read(&list, 0, r.value, &v));
	assert_int_equal(v.integer, 12);
	check_padded("\"0x12\"", &r);
	assert_non_null(agg_read(&list, 0, r.value, &v));
	check_padded("[1]", &r);
	assert_non_null(agg_read(&list, 0, r.value, &v));
	assert_non_null(agg_read(&list, 1, r.value, &v));
	assert_null(agg_read(&list, 2, r.value, &v));
	check_padded("null", &r);
	assert_null(agg_read(&list, 0, r.value, &v));
	assert_false(v.is_present);
	agg_list_release(&list);
}

static void positions_are_on_the_earth(void **state)
{
	struct agg_list list = {0};
	struct err err = ERR_INIT;
	struct agg_value v;
	struct json_record r;

	(void)state;
	assert_int_equal(agg_list_parse(&list, "distance(lat, lon), max(lat)", &err), 0);
	check_padded("-90.0", &r);
	assert_null(agg_read(&list, 0, r.value, &v));
	check_padded("90", &r);
	assert_null(agg_read(&list, 0, r.value, &v));
	check_padded("-180", &r);
	assert_null(agg_read(&list, 1, r.value, &v));
	check_padded("90.0001", &r);
	assert_string_equal(agg_read(&list, 0, r.value, &v), "is no latitude: beyond 90 degrees");
	assert_null(agg_read(&list, 1, r.value, &v));
	list.is_coercing = true;
	check_padded("\"-181\"", &r);
	assert_string_equal(agg_read(&list, 1, r.value, &v), "is no longitude: beyond 180 degrees");
	agg_list_release(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_told_with_their_place),
		cmocka_unit_test(names_and_states_are_shared),
		cmocka_unit_test(conditions_that_fail_are_told),
		cmocka_unit_test(numbers_read_alike),
		cmocka_unit_test(results_are_exact),
		cmocka_unit_test(constants_have_no_spread),
		cmocka_unit_test(correlations_end_at_1),
		cmocka_unit_test(records_of_equal_numbers_come_in_any_order),
		cmocka_unit_test(increases_end_with_the_gap),
		cmocka_unit_test(samples_are_put_in_order_when_merged),
		cmocka_unit_test(merging_changes_nothing),
		cmocka_unit_test(approximate_results_say_so),
		cmocka_unit_test(tallies_end),
		cmocka_unit_test(wrong_types_are_told),
		cmocka_unit_test(positions_are_on_the_earth),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("aggregate", tests, NULL, NULL);
}
