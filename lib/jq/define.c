/*
 * Functions: a call of a function of the program becomes a copy of its body, with copies of the arguments where the
 * body calls its parameters. Variables and labels that a copy binds get slots of their own, so copies nest. What calls
 * itself has no finite copy: it is left to libjq.
 *
 * Builtins that jq itself writes in its language are written so here too (`prelude`); they are read when a program
 * calls them.
 */
#include "jq/parse.h"

#include <assert.h>
#include <stdlib.h>

#include "mem/mem.h"

struct function {
	struct function *next;
	struct slice name;
	uint32_t n_params;
	bool is_prelude;
	struct node *body; /* NULL while it is read: a call from inside is recursive */
};

struct text {
	const char *name;
	uint32_t n_params;
	const char *text;
};

/* Of these libjq 1.7 and later have another text, or (NULL) texts that differ between them, which stay with them. */
static const struct text later[] = {
	{"any", 2, "(g; f): first((g | f | select(.) | true), false);"},
	{"all", 2, "(g; f): first((g | f | select(. | not) | false), true);"},
	{"isempty", 1, "(f): first((f | false), true);"},
	{"with_entries", 1, NULL},
	{"from_entries", 0, NULL},
	{"limit", 2, NULL},
	{"last", 1, NULL},
	{"nth", 2, NULL},
};

/* Names that begin with '_' are known to these texts only. */
static const struct text prelude[] = {
	{"map_values", 1, "(f): .[] |= f;"},
	{"with_entries", 1, "(f): to_entries | map(f) | from_entries;"},
	{"from_entries", 0,
		": map({(.key // .Key // .name // .Name): (if has(\"value\") then .value else .Value end)}) | add | "
		".//={};"},
	{"sort_by", 1, "(f): _sort_by(map([f]));"},
	{"group_by", 1, "(f): _group_by(map([f]));"},
	{"min_by", 1, "(f): _min_by(map([f]));"},
	{"max_by", 1, "(f): _max_by(map([f]));"},
	{"unique", 0, ": group_by(.) | map(.[0]);"},
	{"unique_by", 1, "(f): group_by(f) | map(.[0]);"},
	{"any", 2,
		"(g; f): [label $stop | foreach g as $x (false; if . then break $stop elif $x | f then true else . "
		"end; "
		"if . then . else empty end)] | length == 1;"},
	{"any", 1, "(f): any(.[]; f);"},
	{"any", 0, ": any(.[]; .);"},
	{"all", 2,
		"(g; f): [label $stop | foreach g as $x (true; if . | not then break $stop elif $x | f then . else "
		"false "
		"end; if . | not then . else empty end)] | length == 0;"},
	{"all", 1, "(f): all(.[]; f);"},
	{"all", 0, ": all(.[]; .);"},
	{"range", 1, "($stop): range(0; $stop);"},
	{"range", 3, "($from; $stop; $by): _range($from; $stop; $by);"},
	{"limit", 2,
		"($n; f): if $n < 0 then f else label $stop | foreach f as $x ($n; . - 1; $x, if . <= 0 then break "
		"$stop "
		"else empty end) end;"},
	{"first", 1, "(f): label $stop | f | ., break $stop;"},
	{"last", 1, "(f): reduce f as $x (null; $x);"},
	{"nth", 1, "($n): .[$n];"},
	{"nth", 2,
		"($n; f): if $n < 0 then error(\"nth doesn't support negative indices\") else last(limit($n + 1; f)) "
		"end;"},
	{"isempty", 1, "(f): 0 == ((label $stop | f | (1, break $stop)) // 0);"},
	{"in", 1, "(f): . as $x | f | has($x);"},
	{"inside", 1, "(f): . as $x | f | contains($x);"},
	{"reverse", 0, ": _elements | [.[length - 1 - range(0; length)]];"},
	{"arrays", 0, ": select(type == \"array\");"},
	{"objects", 0, ": select(type == \"object\");"},
	{"iterables", 0, ": arrays, objects;"},
	{"booleans", 0, ": select(type == \"boolean\");"},
	{"numbers", 0, ": select(type == \"number\");"},
	{"strings", 0, ": select(type == \"string\");"},
	{"nulls", 0, ": select(type == \"null\");"},
	{"values", 0, ": select(. != null);"},
	{"scalars", 0, ": select(. == null or . == true or . == false or type == \"number\" or type == \"string\");"},
	{"isfinite", 0, ": type == \"number\" and (isinfinite | not);"},
	{"finites", 0, ": select(isfinite);"},
	{"normals", 0, ": select(isnormal);"},
};

/* ---- copies ---- */

struct rename {
	const struct rename *next;
	uint32_t from, to;
};

struct copy {
	struct parser *p;
	const struct function *function;
	struct node **args;
	const uint32_t *at; /* of the call, for texts that are not the program's; else NULL */
};

static struct node *copy_node(const struct copy *c, const struct node *n, const struct rename *names);

static uint32_t rename_slot(const struct rename *names, uint32_t slot)
{
	for (; names; names = names->next)
		if (names->from == slot)
			return names->to;
	return slot;
}

static void copy_lists(const struct copy *c, struct node *to, const struct node *n, const struct rename *names)
{
	if (n->args) {
		to->args = arena_alloc(&c->p->program->arena, n->n * sizeof *to->args);
		for (uint32_t i = 0; i < n->n; i++)
			to->args[i] = copy_node(c, n->args[i], names);
	}
	if (n->pairs) {
		to->pairs = arena_alloc(&c->p->program->arena, n->n * sizeof *to->pairs);
		for (uint32_t i = 0; i < n->n; i++) {
			to->pairs[i].key = copy_node(c, n->pairs[i].key, names);
			to->pairs[i].value = copy_node(c, n->pairs[i].value, names);
		}
	}
}

/* A slot may be renamed where its node does not see it: nobody reads it there. */
static struct node *copy_node(const struct copy *c, const struct node *n, const struct rename *names)
{
	const struct copy plain = {.p = c->p};
	struct rename own = {names, n->slot, 0};
	struct node *to;

	if (n->kind == N_PARAM && n->function == c->function)
		return copy_node(&plain, c->args[n->slot], NULL);
	to = parser_node(c->p, (enum kind)n->kind, n->at, NULL, NULL);
	if (c->p->n_nodes > NODES_MAX)
		return to; /* the program is libjq's by now */
	*to = *n;
	if (c->at)
		to->at = *c->at;
	if (n->kind == N_AS || n->kind == N_REDUCE || n->kind == N_FOREACH || n->kind == N_LABEL) {
		own.to = c->p->program->n_vars++;
		names = &own;
	}
	to->slot = n->kind == N_PARAM ? n->slot : rename_slot(names, n->slot);
	to->a = n->a ? copy_node(c, n->a, names) : NULL;
	to->b = n->b ? copy_node(c, n->b, names) : NULL;
	to->c = n->c ? copy_node(c, n->c, names) : NULL;
	copy_lists(c, to, n, names);
	return to;
}

/* ---- definitions ---- */

/* The name of a parameter, which is also that of a variable behind '$'. */
static bool parse_parameter(struct parser *p, const struct function *f, uint32_t i, uint32_t *slot, bool *is_value)
{
	struct name *name;

	*is_value = parser_accept(p, "$");
	if (p->lx.kind != T_IDENT)
		return parser_unexpected(p, "the name of a parameter");
	name = parser_add_name(p, p->lx.word, true);
	name->function = f;
	name->slot = i;
	name->is_param = true;
	if (*is_value) {
		*slot = p->program->n_vars++;
		parser_add_name(p, p->lx.word, false)->slot = *slot;
	}
	lex_next(&p->lx);
	return true;
}

static bool parse_body(struct parser *p, struct function *f, size_t at)
{
	enum { PARAMS_MAX = 8 };
	uint32_t own = p->n_names - 1, slots[PARAMS_MAX];
	bool is_value[PARAMS_MAX];
	struct node *body;

	if (parser_accept(p, "(")) {
		do {
			uint32_t i = f->n_params < PARAMS_MAX ? f->n_params : PARAMS_MAX - 1;

			if (f->n_params++ >= PARAMS_MAX)
				mark_foreign(p->program, "a function with so many parameters", at);
			if (!parse_parameter(p, f, i, &slots[i], &is_value[i]))
				return false;
		} while (parser_accept(p, ";"));
		if (!parser_expect(p, ")"))
			return false;
	}
	if (own < p->n_names)
		p->names[own].n_args = f->n_params;
	if (!parser_expect(p, ":"))
		return false;
	body = parse_exp(p, LEVEL_PIPE);
	if (!body || !parser_expect(p, ";"))
		return false;
	/* `def f($x): body` is `def f(x): x as $x | body`; the first parameter is the outermost loop */
	for (uint32_t i = f->n_params < PARAMS_MAX ? f->n_params : PARAMS_MAX; i-- > 0;) {
		struct node *param;

		if (!is_value[i])
			continue;
		param = parser_node(p, N_PARAM, at, NULL, NULL);
		param->function = f;
		param->slot = i;
		body = parser_node(p, N_AS, at, param, body);
		body->slot = slots[i];
	}
	f->body = body;
	if (own < p->n_names)
		p->n_names = own + 1;
	return true;
}

static struct function *add_function(struct parser *p, struct slice name)
{
	struct function *f = arena_alloc(&p->program->arena, sizeof *f);

	*f = (struct function){.next = p->program->functions, .name = name, .is_prelude = p->is_prelude};
	p->program->functions = f;
	return f;
}

bool parse_def(struct parser *p, size_t at)
{
	struct slice name = p->lx.word;
	struct function *f;

	if (p->lx.kind != T_IDENT)
		return parser_unexpected(p, "the name of a function");
	lex_next(&p->lx);
	f = add_function(p, name);
	parser_add_name(p, name, true)->function = f;
	return parse_body(p, f, at);
}

struct node *function_check(const struct function *f, const struct function **next)
{
	*next = f->next;
	return f->is_prelude ? NULL : f->body;
}

/* ---- calls ---- */

struct node *parser_call(struct parser *p, const struct name *name, struct node *call)
{
	struct copy c = {p, name->function, call->args, p->is_prelude ? &call->at : NULL};

	if (name->is_param) {
		call->kind = N_PARAM;
		call->function = name->function;
		call->slot = name->slot;
		return call;
	}
	if (p->program->foreign || !name->function)
		return parser_foreign(p, "a function of the program", call->at);
	if (!name->function->body)
		return parser_foreign(p, "a recursive function", call->at);
	return copy_node(&c, name->function->body, NULL);
}

static const struct function *find_prelude(const struct jq_program *program, struct slice name, uint32_t n_params)
{
	for (const struct function *f = program->functions; f; f = f->next)
		if (f->is_prelude && f->n_params == n_params && slice_eq(f->name, name))
			return f;
	return NULL;
}

static const struct function *read_prelude(struct parser *p, struct slice name, const char *text)
{
	struct parser *q = mem_alloc(1, sizeof *q);
	struct function *f;
	bool is_read;

	*q = (struct parser){.lx.text = slice_str(text),
		.program = p->program,
		.n_nodes = p->n_nodes,
		.is_prelude = true,
		.at = p->at,
		.err = p->err};
	f = add_function(q, name);
	parser_add_name(q, name, true)->function = f;
	lex_next(&q->lx);
	is_read = parse_body(q, f, 0);
	assert(is_read);
	p->n_nodes = q->n_nodes;
	free(q);
	return f;
}

static const struct text *find_text(const struct text *texts, size_t n, const struct node *call)
{
	for (size_t i = 0; i < n; i++)
		if (texts[i].n_params == call->n && slice_eq(call->name, slice_str(texts[i].name)))
			return &texts[i];
	return NULL;
}

/* The text that the dialect has for the function, or NULL. */
static const char *prelude_text(const struct jq_program *program, const struct node *call)
{
	const struct text *t = NULL;

	if (program->dialect != JQ_DIALECT_1_6)
		t = find_text(later, sizeof later / sizeof *later, call);
	if (!t)
		t = find_text(prelude, sizeof prelude / sizeof *prelude, call);
	return t ? t->text : NULL;
}

struct node *parser_call_prelude(struct parser *p, struct node *call)
{
	const struct function *f = find_prelude(p->program, call->name, call->n);
	const struct copy plain = {p, f, call->args, &call->at};
	struct copy c = plain;
	const char *text = f ? NULL : prelude_text(p->program, call);

	if (text)
		f = read_prelude(p, call->name, text);
	if (!f || !f->body)
		return NULL;
	c.function = f;
	return copy_node(&c, f->body, NULL);
}
