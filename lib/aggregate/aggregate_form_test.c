#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate/form.h"

/* ---- states, written and read ---- */

struct fold {
	struct agg_list list;
	void *states;
};

static void fold_open(struct fold *f, const char *list, uint32_t exact_max)
{
	struct err err = ERR_INIT;

	assert_int_equal(agg_list_parse(&f->list, list, &err), 0);
	f->list.exact_max = exact_max;
	f->states = calloc(1, f->list.state_bytes);
	assert_non_null(f->states);
}

static void fold_close(struct fold *f)
{
	agg_states_release(&f->list, f->states);
	free(f->states);
	agg_list_release(&f->list);
}

static void fold_add(struct fold *f, const char *json, uint64_t line, uint32_t input)
{
	struct agg_value values[12];
	const struct jq_result *raised;
	struct agg_place place = {(int64_t)(line / 3) * 1000000 - 5000000, line, input, 0};
	char padded[128 + JSON_PAD_BYTES] = "";
	struct json_record r;

	memcpy(padded, json, strlen(json));
	padded[strlen(json)] = '\n';
	json_check(padded, strlen(json), 8, &r);
	assert_int_equal(r.status, JSON_OK);
	for (size_t i = 0; i < f->list.n_fields; i++)
		assert_null(agg_read(&f->list, i, r.value, &values[i]));
	r.p = padded;
	r.len = strlen(json);
	assert_int_equal(agg_judge(&f->list, &r, values, &raised), -1);
	agg_states_add(&f->list, f->states, values, &place);
}

static void write_states(const struct fold *f, const uint32_t *first_inputs, struct buf *out)
{
	buf_reset(out);
	buf_add_char(out, '{');
	agg_states_write(&f->list, f->states, first_inputs, out);
	buf_add_char(out, '}');
}

/* 0, or -1 with the message. text is copied, so that it ends where it ends. */
static int read_states(struct fold *f, struct slice text, uint32_t producer, struct err *err)
{
	char *copy = malloc(text.len + JSON_PAD_BYTES);
	struct json_record r;
	int result;

	memcpy(copy, text.p, text.len);
	memset(copy + text.len, '9', JSON_PAD_BYTES);
	json_check(copy, text.len, 64, &r);
	if (r.status == JSON_OK && r.type == JSON_OBJECT)
		result = agg_states_read(&f->list, r.value, producer, f->states, err);
	else
		result = err_set(err, ERR_DATA, "no object");
	free(copy);
	return result;
}

static void print_results(const struct fold *f, struct buf *out)
{
	struct agg_result r;

	buf_reset(out);
	for (size_t i = 0; i < f->list.n_calls; i++) {
		agg_result(&f->list, i, f->states, &r);
		agg_result_print(out, &r);
		buf_add_str(out, r.is_approximate ? "~\n" : "\n");
	}
}

static void expect_same(const struct fold *a, const struct fold *b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;

	print_results(a, &x);
	print_results(b, &y);
	assert_string_equal(buf_cstr(&x), buf_cstr(&y));
	buf_release(&x);
	buf_release(&y);
}

/* ---- every kind ---- */

static const char *const lists[] = {
	"count",
	"count(x)",
	"sum(x), mean(x)",
	"min(x), max(x), range(x)",
	"var(x), stddev(x)",
	"first(x)",
	"last(x)",
	"argmin(x, x)",
	"argmax(x, x)",
	"p50(x), p99.9(x), median(x), p0(x), p100(x)",
	"distinct(x)",
	"mode(x), topk(x, 9), set(x)",
	"values(x, 20)",
	"hist(x, 0.5)",
	"skew(x), kurt(x)",
	"corr(x, x), slope(x, x), covar(x, x), r2(x, x)",
	"delta(x), rate(x)",
	"transitions(x)",
	"max_gap, max_gap(x) as g",
	"ewma(x, 0.1), lttb(x, 50)",
	"distance(x, x), bbox(x, x)",
	"sum(x) where . > 10 as big, last(x) where . < 0 as none, p50(x) where . > 2 as p",
};
enum { N_LISTS = sizeof lists / sizeof *lists };

static const char *const odd[] = {"9007199254740993", "-9223372036854775808", "9223372036854775807",
	"9223372036854775808", "1152921504606846976", "0.1", "-0.0", "5e-324", "1e22", "1.7976931348623157e308", "-2.5",
	"0", "123456789012.34567", "72057594037927937", "1e17", "1e999", "-1e999"};
enum { N_ODD = sizeof odd / sizeof *odd };

/* Numbers of all sorts; within 90 where they are degrees. */
static void draw(char text[64], const char *list, int i)
{

	if (strstr(list, "distance") || strstr(list, "hist"))
		snprintf(text, 64, "%.*f", i % 5, (rand() % 180000 - 90000) / 1001.0);
	else if (i % 4 == 0)
		snprintf(text, 64, "%s", odd[(size_t)rand() % N_ODD]);
	else
		snprintf(text, 64, "%.*f", i % 7, (rand() % 100000) / 7.0);
}

/* A state that went through its text answers as it did before, and is written alike: empty, exact, and as a sketch. */
static void states_come_back_as_they_were(void **state)
{
	struct buf text = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	srand(11);
	for (size_t k = 0; k < N_LISTS; k++) {
		for (int n = 0; n < 700; n = n * 3 + 1) {
			struct fold from, to;
			char value[64];

			fold_open(&from, lists[k], 64);
			fold_open(&to, lists[k], 64);
			for (int i = 0; i < n; i++) {
				draw(value, lists[k], i);
				fold_add(&from, value, (uint64_t)i, (uint32_t)i % 2);
			}
			write_states(&from, NULL, &text);
			if (read_states(&to, buf_slice(&text), 0, &err))
				fail_msg("%s: %s: %s", lists[k], err.msg, buf_cstr(&text));
			write_states(&to, NULL, &again);
			assert_string_equal(buf_cstr(&text), buf_cstr(&again));
			expect_same(&from, &to);
			fold_close(&from);
			fold_close(&to);
		}
	}
	buf_release(&text);
	buf_release(&again);
}

/* Each number alone, so that it is the result; kinds without a written form would be found here. */
static void numbers_come_back_to_the_bit(void **state)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (const struct agg_function *f = agg_functions; f->name; f++)
		assert_true(f->kind->name && f->kind->write && f->kind->read);
	for (size_t i = 0; i < N_ODD; i++) {
		struct fold from, to;

		fold_open(&from, "max(x), range(x), sum(x), p50(x), argmax(x, x), delta(x), lttb(x, 2), set(x)", 8);
		fold_open(&to, "max(x), range(x), sum(x), p50(x), argmax(x, x), delta(x), lttb(x, 2), set(x)", 8);
		fold_add(&from, odd[i], 1, 0);
		write_states(&from, NULL, &text);
		assert_int_equal(read_states(&to, buf_slice(&text), 0, &err), 0);
		expect_same(&from, &to);
		/* a difference shows what the largest one hides */
		fold_add(&from, "1", 2, 0);
		fold_add(&to, "1", 2, 0);
		expect_same(&from, &to);
		fold_close(&from);
		fold_close(&to);
	}
	buf_release(&text);
}

/* What a sum has of numbers that are far apart shows when the large ones are taken away. */
static void sums_come_back_in_all_their_parts(void **state)
{
	static const char *const values[] = {"1e300", "1.5", "1e-300", "-1e300", "-1.5"};
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct fold from, to;

	(void)state;
	fold_open(&from, "sum(x)", 8);
	fold_open(&to, "sum(x)", 8);
	for (size_t i = 0; i < 3; i++)
		fold_add(&from, values[i], 1, 0);
	write_states(&from, NULL, &text);
	assert_int_equal(read_states(&to, buf_slice(&text), 0, &err), 0);
	for (size_t i = 3; i < 5; i++)
		fold_add(&to, values[i], 1, 0);
	print_results(&to, &text);
	assert_string_equal(buf_cstr(&text), "1e-300\n");
	fold_close(&from);
	fold_close(&to);
	buf_release(&text);
}

static void too_many_values_stay_too_many(void **state)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct fold from, to;
	char value[16];

	(void)state;
	fold_open(&from, "mode(x), hist(x, 1)", 8);
	fold_open(&to, "mode(x), hist(x, 1)", 8);
	for (int i = 0; i <= AGG_TALLY_MAX; i++) {
		snprintf(value, sizeof value, "%d", i);
		fold_add(&from, value, 1, 0);
	}
	write_states(&from, NULL, &text);
	assert_string_equal(buf_cstr(&text), "{\"mode_x\":{\"over\":true},\"hist_x_1\":{\"over\":true}}");
	assert_int_equal(read_states(&to, buf_slice(&text), 0, &err), 0);
	expect_same(&from, &to);
	fold_close(&from);
	fold_close(&to);
	buf_release(&text);
}

/* However records are split over producers: the merged states of all answer as one state. var and its kin are summed up
 * in another order: there the values are small integers, whose sums are exact. */
static void split_states_answer_as_one(void **state)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	srand(13);
	for (size_t k = 0; k < N_LISTS; k++) {
		bool is_exact = !strstr(lists[k], "var(") && !strstr(lists[k], "skew(") && !strstr(lists[k], "corr(");

		for (int n = 1; n < 600; n = n * 2 + 1) {
			struct fold one, parts[4], all;
			char value[64];

			fold_open(&one, lists[k], 64);
			fold_open(&all, lists[k], 64);
			for (int p = 0; p < 4; p++)
				fold_open(&parts[p], lists[k], 64);
			for (int i = 0; i < n; i++) {
				uint32_t p = (uint32_t)rand() % 4;

				if (is_exact)
					draw(value, lists[k], i);
				else
					snprintf(value, sizeof value, "%d", rand() % 100);
				/* one process would read them as its inputs 0 .. 3 */
				fold_add(&one, value, (uint64_t)i, p);
				fold_add(&parts[p], value, (uint64_t)i, 0);
			}
			for (uint32_t p = 4; p-- > 0;) {
				struct fold read;

				fold_open(&read, lists[k], 64);
				write_states(&parts[p], NULL, &text);
				assert_int_equal(read_states(&read, buf_slice(&text), p, &err), 0);
				agg_states_merge(&all.list, all.states, read.states);
				fold_close(&read);
			}
			expect_same(&one, &all);
			fold_close(&one);
			fold_close(&all);
			for (int p = 0; p < 4; p++)
				fold_close(&parts[p]);
		}
	}
	buf_release(&text);
}

/* A merge that is written again numbers the inputs of its producers through. */
static void inputs_are_numbered_through(void **state)
{
	static const uint32_t first_inputs[] = {0, 3};
	struct buf text = BUF_INIT;
	struct fold a, b;
	struct err err = ERR_INIT;

	(void)state;
	fold_open(&a, "first(x), last(x)", 8);
	fold_open(&b, "first(x), last(x)", 8);
	assert_int_equal(
		read_states(
			&a, slice_str("{\"first_x\":{\"x\":[7,2,5,\"a\"]},\"last_x\":{\"x\":[7,2,5,\"a\"]}}"), 0, &err),
		0);
	assert_int_equal(
		read_states(
			&b, slice_str("{\"first_x\":{\"x\":[7,1,1,\"b\"]},\"last_x\":{\"x\":[7,1,1,\"b\"]}}"), 1, &err),
		0);
	agg_states_merge(&b.list, b.states, a.states);
	write_states(&b, first_inputs, &text);
	assert_string_equal(buf_cstr(&text), "{\"first_x\":{\"x\":[7,2,5,\"a\"]},\"last_x\":{\"x\":[7,4,1,\"b\"]}}");
	fold_close(&a);
	fold_close(&b);
	buf_release(&text);
}

/* ---- what was not written by us ---- */

static void refuse(const char *list, const char *text, const char *part)
{
	struct err err = ERR_INIT;
	struct fold f;

	fold_open(&f, list, 3);
	if (read_states(&f, slice_str(text), 0, &err) == 0)
		fail_msg("%s took %s", list, text);
	assert_int_equal(err.code, ERR_DATA);
	if (!strstr(err.msg, part))
		fail_msg("%s: %s, not %s", text, err.msg, part);
	for (size_t i = 0; i < f.list.state_bytes; i++)
		assert_int_equal(((char *)f.states)[i], 0);
	fold_close(&f);
}

static void bad_states_are_refused(void **state)
{
	static const struct {
		const char *list, *inside;
	} cases[] = {
		{"count", "\"n\":0"},
		{"count", "\"n\":-1"},
		{"count", "\"n\":1.5"},
		{"count", "\"n\":\"1\""},
		{"count", "\"n\":9007199254740993"},
		{"count", "\"n\":1,\"n\":1"},
		{"count", "\"n\":1,\"m\":1"},
		{"count", "\"m\":1"},
		{"sum(x) as s", "\"n\":1,\"i\":1,\"d\":[0,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"\",\"d\":[0,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"-\",\"d\":[0,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1x\",\"d\":[0,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"170141183460469231731687303715884105728\",\"d\":[0,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[0,0,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[1,1]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[1,1e-20,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[1,1e-20,1e-30]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[1e999,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[1,null]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[\"0\",1,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[\"9007199254740993\",1,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[\"-36893488147419103232\",1,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[\"1\"]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[\"1\",\"1\",1,0]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":[0,\"0\"]"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\",\"d\":{}"},
		{"sum(x) as s", "\"n\":1,\"i\":\"1\""},
		{"max(x) as s", "\"x\":[2,1]"},
		{"max(x) as s", "\"x\":[1,null]"},
		{"var(x) as s", "\"n\":1,\"s\":[1,0],\"q\":[1]"},
		{"first(x) as s", "\"x\":[1,0,1,null]"},
		{"first(x) as s", "\"x\":[1,-1,1,2]"},
		{"first(x) as s", "\"x\":[1,16384,1,2]"},
		{"first(x) as s", "\"x\":[1,0,-1,2]"},
		{"first(x) as s", "\"x\":[9223372036854775807,0,1,2]"},
		{"first(x) as s", "\"x\":[1,0,1]"},
		{"first(x) as s", "\"x\":[1,0,1,2,3]"},
		{"last(x) as s", "\"x\":1"},
		{"argmin(x, y) as s", "\"by\":null,\"x\":[1,0,1,2]"},
		{"argmin(x, y) as s", "\"x\":[1,0,1,2]"},
		{"p50(x) as s", "\"n\":1,\"x\":[]"},
		{"p50(x) as s", "\"n\":2,\"x\":[[1,1]]"},
		{"p50(x) as s", "\"n\":2,\"x\":[[1,1],[1,1]]"},
		{"p50(x) as s", "\"n\":2,\"x\":[[2,1],[1,1]]"},
		{"p50(x) as s", "\"n\":4,\"x\":[[1,4]]"},
		{"p50(x) as s", "\"n\":4,\"x\":[[1,9007199254740992]]"},
		{"p50(x) as s", "\"n\":3,\"m\":[],\"z\":0,\"b\":[[1,3]],\"min\":1,\"max\":1"},
		{"p50(x) as s", "\"n\":4,\"m\":[],\"z\":0,\"b\":[[1,3]],\"min\":1,\"max\":1"},
		{"p50(x) as s", "\"n\":4,\"m\":[],\"z\":0,\"b\":[[1,2],[1,2]],\"min\":1,\"max\":1"},
		{"p50(x) as s", "\"n\":4,\"m\":[],\"z\":0,\"b\":[[1000000,4]],\"min\":1,\"max\":1"},
		{"p50(x) as s", "\"n\":4,\"m\":[[4294967297,4]],\"z\":0,\"b\":[],\"min\":1,\"max\":1"},
		{"p50(x) as s", "\"n\":4,\"m\":[],\"z\":-1,\"b\":[[1,5]],\"min\":1,\"max\":1"},
		{"p50(x) as s", "\"n\":4,\"m\":[],\"z\":4,\"b\":[],\"min\":2,\"max\":1"},
		{"distinct(x) as s", "\"h\":\"\""},
		{"distinct(x) as s", "\"h\":\"0000000000000000\""},
		{"distinct(x) as s", "\"h\":\"000000000000000\""},
		{"distinct(x) as s", "\"h\":\"000000000000000A\""},
		{"distinct(x) as s", "\"h\":\"00000000000000020000000000000001\""},
		{"distinct(x) as s", "\"h\":\"0000000000000001000000000000000200000000000000030000000000000004\""},
		{"distinct(x) as s", "\"r\":\"000\""},
		{"mode(x) as s", "\"x\":[]"},
		{"mode(x) as s", "\"x\":[[1,[1,0,1,[]]]]"},
		{"mode(x) as s", "\"x\":[[1,[1,0,1,null]]]"},
		{"mode(x) as s", "\"x\":[[1,[1,0,1,1]],[1,[1,0,2,1.0]]]"},
		{"mode(x) as s", "\"x\":[[0,[1,0,1,1]]]"},
		{"mode(x) as s", "\"over\":false"},
		{"values(x, 1) as s", "\"x\":[]"},
		{"values(x, 1) as s", "\"x\":[[1,0,1,1],[1,0,2,1]]"},
		{"values(x, 3) as s", "\"x\":[[1,0,2,1],[1,0,1,1]]"},
		{"values(x, 3) as s", "\"x\":[[1,0,2,null]]"},
		{"hist(x, 1) as s", "\"x\":[]"},
		{"hist(x, 1) as s", "\"x\":[[1,1],[1,1]]"},
		{"hist(x, 1) as s", "\"x\":[[1.5,1]]"},
		{"hist(x, 1) as s", "\"over\":1"},
		{"skew(x) as s", "\"n\":1,\"x\":[1,1],\"s\":[[1,0],[1,0],[1,0]]"},
		{"skew(x) as s", "\"n\":1,\"x\":[1],\"s\":[[1,0],[1,0],[1,0],[1,0]]"},
		{"skew(x) as s", "\"n\":1,\"x\":[1,1],\"s\":[[1,0],[1,0],[1,0],1]"},
		{"corr(x, y) as s", "\"n\":1,\"x\":[1,1,1,1],\"s\":[]"},
		{"delta(x) as s", "\"n\":1,\"first\":[2,0,1,1],\"last\":[1,0,1,1]"},
		{"delta(x) as s", "\"n\":1,\"first\":[2,0,1,1],\"last\":[2,0,1,\"1\"]"},
		{"transitions(x) as s", "\"x\":[]"},
		{"transitions(x) as s", "\"x\":[[1,0,1,\"1\"]]"},
		{"transitions(x) as s", "\"x\":[[1,0,1,0]]"},
		{"max_gap as s", "\"x\":[\"1\"]"},
		{"max_gap as s", "\"x\":[2,1]"},
		{"ewma(x, 0.5) as s", "\"x\":[[1,0,1,null]]"},
		{"ewma(x, 0.5) as s", "\"x\":[[2,0,1,5],[1,0,2,5]]"},
		{"transitions(x) as s", "\"x\":[[1,0,2,\"00000000000000aa\"],[1,0,1,\"00000000000000aa\"]]"},
		{"distance(x, y) as s", "\"x\":[[1,0,1,90.1,0]]"},
		{"distance(x, y) as s", "\"x\":[[1,0,1,90,-180.1]]"},
		{"distance(x, y) as s", "\"x\":[[1,0,1,90]]"},
		{"bbox(x, y) as s", "\"lat\":[1,2]"},
		{"bbox(x, y) as s", "\"lat\":[1,2],\"lon\":[2,1]"},
	};
	struct buf text = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_reset(&text);
		buf_addf(&text, "{\"%s\":{%s}}", strcmp(cases[i].list, "count") ? "s" : "count", cases[i].inside);
		refuse(cases[i].list, buf_cstr(&text), "is damaged: it is no state of ");
	}
	buf_reset(&text);
	buf_addf(&text, "{\"s\":{\"r\":\"%04096d\"}}", 0);
	*(char *)memchr(text.p, '0', text.len) = 'S'; /* R, 53, is the largest rank */
	refuse("distinct(x) as s", buf_cstr(&text), "is damaged");
	refuse("count", "{\"count\":1}", "_state.count is damaged: it is no state of count");
	refuse("count", "{}", "_state.count is missing");
	refuse("count, max(x)", "{\"count\":{}}", "_state.max_x is missing");
	refuse("count", "{\"count\":{\"n\":1},\"count\":{}}", "_state.count comes twice");
	refuse("count", "{\"count\":{\"n\":1},\"sum\":{}}", "_state.sum belongs to no aggregate");
	refuse("values(x, 9), p50(x)", "{\"values_x_9\":{\"x\":[[1,0,1,5]]},\"p50_x\":{\"x\":[]}}", "p50_x is damaged");
	buf_release(&text);
}

/* Values of members that are missing are whatever was there before: the check alone tells. */
static void members_are_those_named_each_once(void **state)
{
	static const struct {
		const char *text;
		bool are_members;
	} cases[] = {
		{"{\"a\":1,\"b\":2,\"c\":3}", true},
		{"{\"c\":3,\"\\u0061\":1,\"b\":2}", true},
		{"{}", false},
		{"{\"a\":1,\"b\":2}", false},
		{"{\"a\":1,\"a\":1,\"b\":2}", false},
		{"{\"a\":1,\"b\":2,\"c\":3,\"c\":3}", false},
		{"{\"a\":1,\"b\":2,\"c\":3,\"d\":4}", false},
		{"[1,2,3]", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char padded[64 + JSON_PAD_BYTES] = "";
		struct json_record r;
		struct json_span v[3];

		memcpy(padded, cases[i].text, strlen(cases[i].text));
		padded[strlen(cases[i].text)] = '\n';
		json_check(padded, strlen(cases[i].text), 8, &r);
		assert_int_equal(r.status, JSON_OK);
		for (size_t j = 0; j < 3; j++)
			v[j] = r.value;
		if (form_members(r.value, "a b c", v) != cases[i].are_members)
			fail_msg("%s", cases[i].text);
		for (size_t j = 0; cases[i].are_members && j < 3; j++)
			assert_int_equal(*v[j].p, "123"[j]);
	}
}

/* Whatever is done to the text of a state: it is refused, or can be worked with. Run it under the sanitizers. */
static void damaged_states_do_no_harm(void **state)
{
	static const char bytes[] = "0123456789-.e\"[]{},:ntrx ";
	struct buf text = BUF_INIT, damaged = BUF_INIT, out = BUF_INIT;
	struct fold from, to, sum;
	char value[64];

	(void)state;
	srand(17);
	for (size_t k = 0; k < N_LISTS; k++) {
		fold_open(&from, lists[k], 8);
		fold_open(&sum, lists[k], 8);
		for (int i = 0; i < 12; i++) {
			draw(value, lists[k], i);
			fold_add(&from, value, (uint64_t)i, 0);
		}
		write_states(&from, NULL, &text);
		for (int i = 0; i < 1500; i++) {
			struct err err = ERR_INIT;
			size_t at = (size_t)rand() % text.len, end = at + (size_t)rand() % 3;

			buf_reset(&damaged);
			buf_add(&damaged, text.p, at);
			if (rand() % 3)
				buf_add_char(&damaged, bytes[(size_t)rand() % (sizeof bytes - 1)]);
			if (end < text.len)
				buf_add(&damaged, text.p + end, text.len - end);
			fold_open(&to, lists[k], 8);
			if (read_states(&to, buf_slice(&damaged), (uint32_t)i % 3, &err) == 0) {
				agg_states_merge(&sum.list, sum.states, to.states);
				print_results(&to, &out);
				print_results(&sum, &out);
				write_states(&sum, (uint32_t[]){0, 1, 2}, &out);
			}
			fold_close(&to);
		}
		fold_close(&from);
		fold_close(&sum);
	}
	buf_release(&text);
	buf_release(&damaged);
	buf_release(&out);
}

/* ---- the head ---- */

static uint64_t config_of(const char *list, uint32_t exact_max, const char *more)
{
	struct fold f;
	uint64_t config;

	fold_open(&f, list, exact_max);
	config = agg_config(&f.list, slice_str(more));
	fold_close(&f);
	return config;
}

static void config_is_what_decides_the_meaning(void **state)
{
	uint64_t config = config_of("count, p95(x)", 512, "g");

	(void)state;
	/* what is made of a state is not part of it, nor is how a path is written */
	assert_int_equal(config, config_of("count(*) as count,p50(.x) as p95_x", 512, "g"));
	assert_int_equal(config_of("round(mean(x), 2) as m", 9, ""), config_of("sum(x) as m", 512, ""));
	assert_int_not_equal(config, config_of("count, p95(x)", 511, "g"));
	assert_int_not_equal(config, config_of("count, p95(x)", 512, "h"));
	assert_int_not_equal(config, config_of("count, p95(y) as p95_x", 512, "g"));
	assert_int_not_equal(config, config_of("count, p95(x) where .y as p95_x", 512, "g"));
	assert_int_not_equal(config, config_of("count as n, p95(x)", 512, "g"));
	assert_int_not_equal(config, config_of("p95(x), count", 512, "g"));
	assert_int_not_equal(config_of("values(x, 2) as v", 1, ""), config_of("values(x, 3) as v", 1, ""));
	assert_int_not_equal(config_of("hist(x, 2) as v", 1, ""), config_of("hist(x, 2.5) as v", 1, ""));
	assert_int_not_equal(config_of("count where .a as v", 1, ""), config_of("count where .b as v", 1, ""));
}

static int read_head(const char *text, struct agg_head *head, struct err *err)
{
	static char padded[256 + JSON_PAD_BYTES];
	struct json_record r;

	memset(padded, 0, sizeof padded);
	memcpy(padded, text, strlen(text));
	json_check(padded, strlen(text), 8, &r);
	err_reset(err);
	return agg_head_read(r.value, head, err);
}

static void heads_come_back(void **state)
{
	struct agg_head head = {UINT64_C(0x0123456789abcdef), SLICE_LIT("1m"), 3, -7}, back;
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	buf_add_char(&out, '{');
	agg_head_write(&head, &out);
	buf_add_char(&out, '}');
	assert_string_equal(buf_cstr(&out),
		"{\"v\":1,\"config\":\"0123456789abcdef\",\"window\":\"1m\",\"inputs\":3,\"known\":-7}");
	assert_int_equal(read_head(buf_cstr(&out), &back, &err), 0);
	assert_true(back.config == head.config && slice_eq(back.window, head.window) && back.n_inputs == 3 &&
		    back.known_us == -7);
	assert_int_equal(
		read_head("{\"v\":1,\"config\":\"0123456789abcdef\",\"window\":\"1m\",\"x\":{}}", &back, &err), 0);
	assert_int_equal(back.n_inputs, 1);
	assert_true(back.known_us == AGG_KNOWN_ALL);
	head.known_us = AGG_KNOWN_NONE;
	buf_reset(&out);
	buf_add_char(&out, '{');
	agg_head_write(&head, &out);
	buf_add_char(&out, '}');
	assert_non_null(strstr(buf_cstr(&out), "\"known\":null"));
	assert_int_equal(read_head(buf_cstr(&out), &back, &err), 0);
	assert_true(back.known_us == AGG_KNOWN_NONE);
	assert_int_equal(read_head("[]", &back, &err), -1);
	assert_string_equal(err.msg, "_state is no object");
	assert_int_equal(read_head("{\"config\":\"0123456789abcdef\"}", &back, &err), -1);
	assert_string_equal(err.msg, "_state has no v: it is no state of tlm-agg");
	assert_int_equal(read_head("{\"v\":2}", &back, &err), -1);
	assert_string_equal(err.msg, "_state is of version 2, this tlm-agg reads 1");
	assert_int_equal(read_head("{\"v\":1,\"config\":\"123\",\"window\":\"1m\"}", &back, &err), -1);
	assert_int_equal(read_head("{\"v\":1,\"config\":\"0123456789abcdef\"}", &back, &err), -1);
	assert_int_equal(
		read_head("{\"v\":1,\"config\":\"0123456789abcdef\",\"window\":\"1m\",\"inputs\":0}", &back, &err), -1);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_come_back_as_they_were),
		cmocka_unit_test(numbers_come_back_to_the_bit),
		cmocka_unit_test(sums_come_back_in_all_their_parts),
		cmocka_unit_test(too_many_values_stay_too_many),
		cmocka_unit_test(split_states_answer_as_one),
		cmocka_unit_test(inputs_are_numbered_through),
		cmocka_unit_test(bad_states_are_refused),
		cmocka_unit_test(members_are_those_named_each_once),
		cmocka_unit_test(damaged_states_do_no_harm),
		cmocka_unit_test(config_is_what_decides_the_meaning),
		cmocka_unit_test(heads_come_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("aggregate_form", tests, NULL, NULL);
}
