/*
 * Terms: paths, literals, arrays, objects, calls, variables; strings are in parse_string.c.
 */
#include "jq/parse.h"

#include <stdio.h>
#include <stdlib.h>

#include "num/num.h"

/* The '$' is taken; the word behind it is the name. */
static struct node *parse_variable(struct parser *p, size_t at)
{
	struct slice name = p->lx.word;
	const struct name *found;
	struct node *n;
	char message[64];

	if (lex_is(&p->lx, "__loc__")) {
		lex_next(&p->lx);
		return parser_foreign(p, "'$__loc__'", at);
	}
	if (p->lx.kind != T_IDENT)
		return parser_unexpected(p, "the name of a variable");
	lex_next(&p->lx);
	found = parser_find_variable(p, name);
	if (found && found->constant)
		return parser_constant(p, at, *found->constant);
	if (found) {
		n = parser_node(p, N_VAR, at, NULL, NULL);
		n->slot = found->slot;
		return n;
	}
	if (slice_eq(name, SLICE_LIT("ENV"))) {
		p->program->reads_environment = true;
		return parser_foreign(p, "'$ENV'", at);
	}
	if (memchr(name.p, ':', name.len))
		return parser_foreign(p, "a variable of a module", at);
	snprintf(message, sizeof message, "$%.*s is not defined", (int)(name.len > 40 ? 40 : name.len), name.p);
	return p->is_abandoned ? NULL : parser_fail(p, at, message);
}

/* From libjq 1.7 on a number of the program keeps its digits, in a form of libjq's own. */
static bool is_plain_number(const char *text, double d)
{
	struct buf plain = BUF_INIT;
	bool is_plain;

	dump_number(&plain, d);
	is_plain = strcmp(buf_cstr(&plain), text) == 0;
	buf_release(&plain);
	return is_plain;
}

static struct node *parse_number(struct parser *p)
{
	struct lexer *lx = &p->lx;
	char *end, *text = arena_alloc(&p->program->arena, lx->word.len + 1);
	size_t at = lx->at;
	double d;

	memcpy(text, lx->word.p, lx->word.len);
	text[lx->word.len] = '\0';
	if (num_is_json(text, lx->word.len)) {
		d = num_to_double(text, lx->word.len);
	} else {
		d = strtod(text, &end);
		if (*end || end == text)
			return parser_fail(p, at, "invalid number");
	}
	lex_next(lx);
	if (p->program->dialect != JQ_DIALECT_1_6 && !is_plain_number(text, d))
		mark_foreign(p->program, "a number of this form", at);
	return parser_constant(p, at, value_number(d));
}

/* Arguments of a call: lx is behind the '('. */
static bool parse_args(struct parser *p, struct node *call)
{
	struct node *args[8];
	uint32_t n = 0;

	do {
		if (n == sizeof args / sizeof *args) {
			mark_foreign(p->program, "a call with so many arguments", p->lx.at);
			n--;
		}
		args[n] = parse_exp(p, LEVEL_PIPE);
		if (!args[n++])
			return false;
	} while (parser_accept(p, ";"));
	call->args = arena_alloc(&p->program->arena, n * sizeof *args);
	memcpy(call->args, args, n * sizeof *args);
	call->n = n;
	return parser_expect(p, ")");
}

static void note_if(const char **call, struct slice name, const char *wanted)
{
	if (slice_eq(name, slice_str(wanted)))
		*call = wanted;
}

/* What is more than a function of its input. */
static void note_call(struct jq_program *program, struct slice name)
{
	note_if(&program->input_call, name, "input");
	note_if(&program->input_call, name, "inputs");
	note_if(&program->place_call, name, "input_filename");
	note_if(&program->place_call, name, "input_line_number");
	if (slice_eq(name, SLICE_LIT("env")))
		program->reads_environment = true;
}

static struct node *parse_call(struct parser *p)
{
	struct slice name = p->lx.word;
	size_t at = p->lx.at;
	const struct name *function;
	struct node *n, *known;

	lex_next(&p->lx);
	if (slice_eq(name, SLICE_LIT("null")) && !lex_is(&p->lx, "("))
		return parser_constant(p, at, value_literal(JSON_NULL));
	if (slice_eq(name, SLICE_LIT("true")) && !lex_is(&p->lx, "("))
		return parser_constant(p, at, value_bool(true));
	if (slice_eq(name, SLICE_LIT("false")) && !lex_is(&p->lx, "("))
		return parser_constant(p, at, value_bool(false));
	n = parser_node(p, N_CALL, at, NULL, NULL);
	n->name = name;
	if (parser_accept(p, "(") && !parse_args(p, n))
		return NULL;
	function = parser_find_function(p, name, n->n);
	if (function)
		return parser_call(p, function, n);
	p->is_refused = slice_eq(name, SLICE_LIT("modulemeta"));
	if (p->is_refused)
		return parser_fail(p, at, "modulemeta would open a file, which no program may here");
	if (n->n == 0)
		note_call(p->program, name);
	n->is_internal = p->is_prelude;
	known = parser_call_prelude(p, n);
	return known ? known : n;
}

static struct node *parse_key(struct parser *p, struct node **key)
{
	struct slice name = p->lx.word;

	*key = parser_constant(p, p->lx.at, parser_keep(p, name));
	lex_next(&p->lx);
	return *key;
}

/* Values of an object are terms with pipes and a minus only: {a: 1 + 2} is an error in jq. */
static struct node *parse_object_value(struct parser *p)
{
	size_t at = p->lx.at;
	struct node *a, *b;

	if (parser_accept(p, "-")) {
		a = parse_object_value(p);
		return a ? parser_node(p, N_NEGATE, at, a, NULL) : NULL;
	}
	a = parse_term(p);
	if (!a || !parser_accept(p, "|"))
		return a;
	b = parse_object_value(p);
	return b ? parser_node(p, N_PIPE, at, a, b) : NULL;
}

/* One pair; every form of key that jq takes. */
static bool parse_pair(struct parser *p, struct pair *pair)
{
	size_t at = p->lx.at;
	bool is_name = p->lx.kind == T_IDENT, is_keyword = p->lx.kind == T_KEYWORD;
	struct slice format = SLICE_LIT("text");

	if (parser_accept(p, "$")) {
		struct slice name = p->lx.word;

		pair->key = parser_constant(p, at, parser_keep(p, name));
		pair->value = parse_variable(p, at);
		return pair->value;
	}
	if (parser_accept(p, "(")) {
		pair->key = parse_exp(p, LEVEL_PIPE);
		return pair->key && parser_expect(p, ")") && parser_expect(p, ":") &&
		       (pair->value = parse_object_value(p));
	}
	if (p->lx.kind == T_FORMAT) {
		format = (struct slice){p->lx.word.p + 1, p->lx.word.len - 1};
		lex_next(&p->lx);
	}
	if (is_name || is_keyword)
		parse_key(p, &pair->key);
	else if (p->lx.kind == T_QUOTE)
		pair->key = parse_string(p, format);
	else
		parser_unexpected(p, "a key or '}'");
	if (!pair->key)
		return false;
	if (parser_accept(p, ":"))
		return (pair->value = parse_object_value(p));
	if (is_keyword)
		return parser_unexpected(p, "':'");
	/* {a} and {"a b"}: the value is .[key], the key is evaluated once: a constant, or libjq does it. */
	if (pair->key->kind != N_CONST)
		mark_foreign(p->program, "a computed key without a value", at);
	pair->value = parser_node(p, N_INDEX, at, parser_node(p, N_IDENTITY, at, NULL, NULL), pair->key);
	return true;
}

static struct node *parse_object(struct parser *p, size_t at)
{
	struct node *n = parser_node(p, N_OBJECT, at, NULL, NULL);
	uint32_t cap = 0;

	while (!lex_is(&p->lx, "}")) {
		if (n->n == cap) {
			n->pairs = arena_more(&p->program->arena, n->pairs, cap * sizeof *n->pairs,
				(cap ? cap * 2 : 8) * sizeof *n->pairs);
			cap = cap ? cap * 2 : 8;
		}
		n->pairs[n->n] = (struct pair){NULL, NULL};
		if (!parse_pair(p, &n->pairs[n->n]))
			return NULL;
		n->n++;
		if (!parser_accept(p, ","))
			break;
	}
	return parser_expect(p, "}") ? n : NULL;
}

/* Behind `term[`: an index, a slice, or all. */
static struct node *parse_bracket(struct parser *p, struct node *term, size_t at)
{
	struct node *n;

	if (parser_accept(p, "]"))
		return parser_node(p, N_EACH, at, term, NULL);
	n = parser_node(p, N_INDEX, at, term, NULL);
	if (!lex_is(&p->lx, ":")) {
		n->b = parse_exp(p, LEVEL_PIPE);
		if (!n->b)
			return NULL;
	}
	if (parser_accept(p, ":")) {
		n->kind = N_SLICE;
		if (!n->b || !lex_is(&p->lx, "]")) {
			n->c = parse_exp(p, LEVEL_PIPE);
			if (!n->c)
				return NULL;
		}
	}
	return parser_expect(p, "]") ? n : NULL;
}

static struct node *parse_field(struct parser *p, struct node *term)
{
	struct slice name = {p->lx.word.p + 1, p->lx.word.len - 1};
	size_t at = p->lx.at;

	lex_next(&p->lx);
	return parser_node(p, N_INDEX, at, term, parser_constant(p, at, parser_keep(p, name)));
}

/* A `?` right behind a step is part of the step, not a `try` around it. */
static struct node *mark_optional(struct parser *p, struct node *step)
{
	if (step && parser_accept(p, "?"))
		step->is_optional = true;
	return step;
}

/* `break` is taken. */
static struct node *parse_break(struct parser *p, size_t at)
{
	struct slice name;
	const struct name *label;
	struct node *n;
	char message[64];

	if (!parser_accept(p, "$") || p->lx.kind != T_IDENT)
		return parser_unexpected(p, "'$' and the name of a label");
	name = p->lx.word;
	lex_next(&p->lx);
	label = parser_find_label(p, name);
	if (!label) {
		snprintf(message, sizeof message, "$*label-%.*s is not defined", (int)(name.len > 30 ? 30 : name.len),
			name.p);
		return p->is_abandoned ? NULL : parser_fail(p, at, message);
	}
	n = parser_node(p, N_BREAK, at, NULL, NULL);
	n->slot = label->slot;
	return n;
}

static struct node *parse_primary(struct parser *p)
{
	struct lexer *lx = &p->lx;
	size_t at = lx->at;
	struct node *n;

	if (lx->kind == T_FIELD)
		return mark_optional(p, parse_field(p, parser_node(p, N_IDENTITY, at, NULL, NULL)));
	if (lx->kind == T_NUMBER)
		return parse_number(p);
	if (lx->kind == T_QUOTE || lx->kind == T_FORMAT)
		return parse_text(p);
	if (lx->kind == T_IDENT)
		return parse_call(p);
	if (parser_accept(p, "$"))
		return parse_variable(p, at);
	if (parser_accept(p, "..")) {
		return parser_foreign(p, "'..'", at);
	}
	if (parser_accept(p, ".")) {
		n = parser_node(p, N_IDENTITY, at, NULL, NULL);
		if (lx->kind == T_QUOTE ||
			(lx->kind == T_FORMAT && lx->text.len > lx->pos && lx->text.p[lx->pos] == '"')) {
			struct node *key = parse_text(p);

			return key ? mark_optional(p, parser_node(p, N_INDEX, at, n, key)) : NULL;
		}
		return n;
	}
	if (parser_accept(p, "(")) {
		n = parse_exp(p, LEVEL_PIPE);
		return n && parser_expect(p, ")") ? n : NULL;
	}
	if (parser_accept(p, "[")) {
		if (parser_accept(p, "]"))
			return parser_node(p, N_ARRAY, at, NULL, NULL);
		n = parse_exp(p, LEVEL_PIPE);
		return n && parser_expect(p, "]") ? parser_node(p, N_ARRAY, at, n, NULL) : NULL;
	}
	if (parser_accept(p, "{"))
		return parse_object(p, at);
	if (parser_accept(p, "break"))
		return parse_break(p, at);
	return parser_unexpected(p, NULL);
}

/* A primary and its postfixes. */
struct node *parse_term(struct parser *p)
{
	struct node *n;

	if (++p->nesting > NESTING_MAX) {
		p->is_abandoned = true;
		mark_foreign(p->program, "a program nested so deep", p->lx.at);
		return NULL;
	}
	n = parse_primary(p);
	while (n) {
		size_t at = p->lx.at;

		if (p->lx.kind == T_FIELD) {
			n = parse_field(p, n);
		} else if (parser_accept(p, "[")) {
			n = parse_bracket(p, n, at);
		} else if (lex_is(&p->lx, ".") && at + 1 < p->lx.text.len) {
			struct node *key;

			lex_next(&p->lx);
			if (p->lx.kind != T_QUOTE && p->lx.kind != T_FORMAT) {
				n = parser_unexpected(p, "a name or a string");
				break;
			}
			key = parse_text(p);
			n = key ? parser_node(p, N_INDEX, at, n, key) : NULL;
		} else {
			break;
		}
		n = mark_optional(p, n);
	}
	p->nesting--;
	return n;
}
