/*
 * `test` with a literal pattern. What oniguruma cannot bound, and what goes over its bound, is left to libjq: the whole
 * program, or the one record.
 */
#include "jq/impl.h"

#include <time.h>

#include "regex/regex.h"

enum {
	SEARCH_NS_MAX = 250000000, /* all searches of a record together, the next one not begun */
	SEARCHES_FREE = 4 /* the first of a record, each with its own bound, are not timed: a clock costs more */
};

struct match {
	struct match *older;
	struct regex *regex;
};

/* ---- programs ---- */

static bool read_literal(const struct node *n, struct slice *text)
{
	if (n->kind != N_CONST || n->value.type != JSON_STRING || n->value.is_escaped)
		return false;
	*text = n->value.form == FORM_BUILT ? (struct slice){n->value.p, n->value.len}
					    : json_inside(value_as_span(n->value));
	return true;
}

static bool read_flags(const struct node *n, struct slice *flags)
{
	*flags = SLICE_LIT("");
	return (n->kind == N_CONST && n->value.type == JSON_NULL) || read_literal(n, flags);
}

/* test("p"), test("p"; "flags"), test(["p"]), test(["p", "flags"]) */
static bool read_arguments(const struct node *n, struct slice *pattern, struct slice *flags)
{
	const struct node *first = n->args[0];

	if (n->n == 2)
		return read_literal(first, pattern) && read_flags(n->args[1], flags);
	*flags = SLICE_LIT("");
	if (first->kind != N_ARRAY)
		return read_literal(first, pattern);
	if (first->a && first->a->kind == N_COMMA)
		return read_literal(first->a->a, pattern) && read_flags(first->a->b, flags);
	return first->a && read_literal(first->a, pattern);
}

bool match_resolve(struct jq_program *program, struct node *n)
{
	struct slice pattern, flags;
	struct regex *regex;
	struct match *m;

	if (n->n < 1 || n->n > 2 || !slice_eq(n->name, SLICE_LIT("test")) || !read_arguments(n, &pattern, &flags))
		return false;
	regex = regex_open(pattern, flags);
	if (!regex)
		return false;
	m = arena_alloc(&program->arena, sizeof *m);
	*m = (struct match){program->matches, regex};
	program->matches = m;
	n->kind = N_TEST;
	n->match = m;
	n->n = 0;
	return true;
}

void match_close_all(struct match *newest)
{
	for (; newest; newest = newest->older)
		regex_close(newest->regex);
}

/* ---- runs ---- */

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static enum regex_answer search(struct run *r, const struct match *m, struct slice text)
{
	enum regex_answer answer;
	uint64_t from_ns;

	if (r->searches < SEARCHES_FREE) {
		r->searches++;
		return regex_test(m->regex, r->room, text);
	}
	if (r->search_ns >= SEARCH_NS_MAX)
		return REGEX_OVER;
	from_ns = clock_ns();
	answer = regex_test(m->regex, r->room, text);
	r->search_ns += clock_ns() - from_ns;
	return answer;
}

/* The time is kept because a record may be searched very often, each time below the bound of one search. */
int match_test(struct run *r, const struct match *m, struct value in, struct value *out)
{
	enum regex_answer answer;
	struct slice text;

	if (in.type != JSON_STRING)
		return raise_type(r, in, "cannot be matched, as it is not a string");
	text = value_text(r, in);
	run_step(r, text.len / 16);
	if (!r->room)
		r->room = regex_room_open();
	answer = search(r, m, text);
	if (answer == REGEX_OVER)
		run_elsewhere(r);
	*out = value_bool(answer == REGEX_YES);
	return 0;
}
