/*
 * From names to meaning: calls become builtins, constants are folded as jq folds them, and whatever the evaluator
 * cannot run marks the program as foreign.
 */
#include "jq/impl.h"

#include <math.h>
#include <stdio.h>

struct resolver {
	struct jq_program *program;
	size_t *at;
	struct err *err;
	const struct node *ours; /* a call that only the native evaluator knows, or NULL */
};

static int fail(struct resolver *v, const struct node *n, const char *message)
{
	if (v->err->code == ERR_NONE)
		*v->at = n->at;
	return parse_error(v->program->text, n->at, v->err, "%s", message);
}

/* ---- constants ---- */

static bool is_const(const struct node *n, uint8_t type)
{
	return n->kind == N_CONST && n->value.type == type && n->value.form == FORM_BUILT;
}

static void become_const(struct node *n, struct value v)
{
	n->kind = N_CONST;
	n->value = v;
	n->is_single = true;
}

static void fold_numbers(struct node *n, double a, double b)
{
	switch (n->op) {
	case OP_ADD:
		become_const(n, value_number(a + b));
		break;
	case OP_SUB:
		become_const(n, value_number(a - b));
		break;
	case OP_MUL:
		become_const(n, value_number(a * b));
		break;
	case OP_DIV:
		become_const(n, value_number(a / b));
		break;
	case OP_EQ:
		become_const(n, value_bool(!(a < b) && !(a > b) && a == a && b == b));
		break;
	case OP_NE:
		become_const(n, value_bool(a < b || a > b || a != a || b != b));
		break;
	case OP_LT:
		become_const(n, value_bool(a < b));
		break;
	case OP_LE:
		become_const(n, value_bool(a <= b));
		break;
	case OP_GT:
		become_const(n, value_bool(a > b));
		break;
	case OP_GE:
		become_const(n, value_bool(a >= b));
		break;
	default:
		break;
	}
}

/* What jq's parser folds: it shows, for 0/0 is null there and 1/0 does not compile, as it does later. */
static int fold(struct resolver *v, struct node *n)
{
	bool is_division = n->kind == N_ARITH && n->op == OP_DIV;

	if (is_const(n->a, JSON_NUMBER) && is_const(n->b, JSON_NUMBER)) {
		fold_numbers(n, n->a->value.number, n->b->value.number);
	} else if (n->kind == N_ARITH && n->op == OP_ADD && is_const(n->a, JSON_STRING) &&
		   is_const(n->b, JSON_STRING)) {
		struct value a = n->a->value, b = n->b->value;
		char *p = arena_alloc(&v->program->arena, (size_t)a.len + b.len);

		memcpy(p, a.p, a.len);
		memcpy(p + a.len, b.p, b.len);
		become_const(n, value_borrow(p, (size_t)a.len + b.len));
	}
	if (is_division && is_const(n, JSON_NUMBER) && isinf(n->value.number)) {
		if (v->program->dialect == JQ_DIALECT_1_6)
			return fail(v, n, "division by zero");
		mark_foreign(v->program, "a division by zero", n->at);
	}
	return 0;
}

/* ---- calls ---- */

static int resolve(struct resolver *v, struct node *n);

static bool is_call(const struct node *n, const char *name, uint32_t n_args)
{
	return n->n == n_args && slice_eq(n->name, slice_str(name));
}

static void mark_call(struct resolver *v, const struct node *n)
{
	char what[80];

	snprintf(what, sizeof what, "'%.*s'", (int)(n->name.len > 60 ? 60 : n->name.len), n->name.p);
	mark_foreign(v->program, what, n->at);
}

static struct node *new_node(struct resolver *v, enum kind kind, size_t at, struct node *a, struct node *b)
{
	struct node *n = arena_alloc(&v->program->arena, sizeof *n);

	memset(n, 0, sizeof *n);
	n->kind = (uint8_t)kind;
	n->at = (uint32_t)at;
	n->a = a;
	n->b = b;
	return n;
}

/* first and last are paths: .[0] and .[-1]. */
static void become_index(struct resolver *v, struct node *n, double index)
{
	n->a = new_node(v, N_IDENTITY, n->at, NULL, NULL);
	n->b = new_node(v, N_CONST, n->at, NULL, NULL);
	n->b->value = value_number(index);
	n->kind = N_INDEX;
}

static bool is_ours(const struct node *n)
{
	return n->name.len > 5 && memcmp(n->name.p, "tlm::", 5) == 0;
}

static int resolve_call(struct resolver *v, struct node *n)
{
	static const struct {
		const char *name;
		uint8_t n_args, kind;
	} special[] = {{"select", 1, N_SELECT}, {"map", 1, N_MAP}, {"del", 1, N_DEL}, {"empty", 0, N_EMPTY},
		{"not", 0, N_NOT}, {"range", 2, N_RANGE}, {"_range", 3, N_RANGE}, {"path", 1, N_PATH}};

	for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
		if (!is_call(n, special[i].name, special[i].n_args) || (*special[i].name == '_' && !n->is_internal))
			continue;
		n->kind = special[i].kind;
		n->a = n->n > 0 ? n->args[0] : NULL;
		n->b = n->n > 1 ? n->args[1] : NULL;
		n->c = n->n > 2 ? n->args[2] : NULL;
		n->n = 0;
		n->args = NULL;
		return resolve(v, n);
	}
	if (is_call(n, "first", 0) || is_call(n, "last", 0)) {
		become_index(v, n, n->name.p[0] == 'f' ? 0 : -1);
		return resolve(v, n);
	}
	n->builtin = *n->name.p == '_' && !n->is_internal ? NULL : builtin_find(n->name, n->n);
	n->kind = N_FUNC;
	n->is_single = !slice_eq(n->name, SLICE_LIT("error"));
	for (uint32_t i = 0; i < n->n; i++) {
		if (resolve(v, n->args[i]))
			return -1;
		n->is_single = n->is_single && n->args[i]->is_single;
	}
	if (is_ours(n)) {
		if (!n->builtin)
			return fail(v, n,
				"no function of tlm: those are tlm::time(f), tlm::iso and tlm::haversine(lat; lon; "
				"lat; lon)");
		v->ours = n;
	} else if (!n->builtin && !match_resolve(v->program, n)) {
		mark_call(v, n);
	}
	return 0;
}

/* ---- the tree ---- */

static bool is_constant_value(const struct node *n)
{
	if (n->kind == N_OBJECT) {
		for (uint32_t i = 0; i < n->n; i++)
			if (n->pairs[i].key->kind != N_CONST || !is_constant_value(n->pairs[i].value))
				return false;
		return true;
	}
	if (n->kind == N_ARRAY)
		return !n->a || is_constant_value(n->a);
	if (n->kind == N_COMMA)
		return is_constant_value(n->a) && is_constant_value(n->b);
	return n->kind == N_CONST;
}

static int resolve_object(struct resolver *v, struct node *n)
{
	n->is_single = true;
	for (uint32_t i = 0; i < n->n; i++) {
		struct pair *p = &n->pairs[i];

		if (resolve(v, p->key) || resolve(v, p->value))
			return -1;
		if (p->key->kind != N_COMMA && is_constant_value(p->key) && !is_const(p->key, JSON_STRING)) {
			char message[80];

			snprintf(message, sizeof message, "%s cannot be the key of an object",
				p->key->kind == N_CONST ? value_kind(p->key->value)
							: value_kind(value_literal(
								  p->key->kind == N_ARRAY ? JSON_ARRAY : JSON_OBJECT)));
			return fail(v, p->key, message);
		}
		n->is_single = n->is_single && p->key->is_single && p->value->is_single;
	}
	return 0;
}

static bool is_single_or_none(const struct node *n)
{
	return !n || n->is_single;
}

/* A `try` in a tree, or only one with a `catch`. */
static bool has_try(const struct node *n, bool is_catching)
{
	if (!n)
		return false;
	for (uint32_t i = 0; i < n->n && n->args; i++)
		if (has_try(n->args[i], is_catching))
			return true;
	for (uint32_t i = 0; i < n->n && n->pairs; i++)
		if (has_try(n->pairs[i].key, is_catching) || has_try(n->pairs[i].value, is_catching))
			return true;
	return (n->kind == N_TRY && (n->b || !is_catching)) || has_try(n->a, is_catching) ||
	       has_try(n->b, is_catching) || has_try(n->c, is_catching);
}

static int resolve_update(struct resolver *v, struct node *n)
{
	if (resolve(v, n->a) || (n->b && resolve(v, n->b)))
		return -1;
	if (!is_path(n->a))
		mark_foreign(
			v->program, n->kind == N_DEL ? "a path of 'del'" : "the left side of an assignment", n->a->at);
	/* in libjq 1.6 it also catches what ends the update after its first value */
	if (n->kind == N_MODIFY && has_try(n->b, false))
		mark_foreign(v->program, "'try' on the right of '|='", n->b->at);
	n->is_single = n->kind == N_DEL || n->kind == N_MODIFY || n->b->is_single;
	return 0;
}

/* A value that does not come from the input. */
static bool is_apart(const struct node *n)
{
	switch (n->kind) {
	case N_CONST:
	case N_VAR:
		return true;
	case N_INDEX:
		return is_apart(n->a) && is_apart(n->b);
	case N_ARRAY:
		return !n->a || is_apart(n->a);
	case N_PIPE:
		return is_apart(n->a);
	case N_OBJECT:
		for (uint32_t i = 0; i < n->n; i++)
			if (!is_apart(n->pairs[i].key) || !is_apart(n->pairs[i].value))
				return false;
		return true;
	default:
		return false;
	}
}

/* One path, known before anything is changed. */
static bool is_one_path(const struct node *n)
{
	while (n->kind == N_INDEX && n->is_single)
		n = n->a;
	return n->kind == N_IDENTITY;
}

/* The body of a `reduce` that is nothing but assignments of one value to one path. */
static bool is_all_assignments(const struct node *n)
{
	if (n->kind == N_PIPE)
		return is_all_assignments(n->a) && is_all_assignments(n->b);
	return (n->kind == N_ASSIGN || n->kind == N_UPDATE || n->kind == N_MODIFY) && is_one_path(n->a) &&
	       n->b->is_single;
}

/* They may change the state in place. */
static void mark_kept(struct node *n)
{
	if (n->kind == N_PIPE) {
		mark_kept(n->a);
		mark_kept(n->b);
		return;
	}
	n->is_kept = true;
	n->is_apart = n->kind != N_MODIFY && is_apart(n->b);
}

static int resolve_children(struct resolver *v, struct node *n)
{
	if ((n->a && resolve(v, n->a)) || (n->b && resolve(v, n->b)) || (n->c && resolve(v, n->c)))
		return -1;
	return 0;
}

static int resolve(struct resolver *v, struct node *n)
{
	switch (n->kind) {
	case N_CALL:
		return resolve_call(v, n);
	case N_OBJECT:
		return resolve_object(v, n);
	case N_ASSIGN:
	case N_MODIFY:
	case N_UPDATE:
	case N_ALT_UPDATE:
	case N_DEL:
		return resolve_update(v, n);
	default:
		break;
	}
	if (resolve_children(v, n))
		return -1;
	switch (n->kind) {
	case N_ARITH:
	case N_CMP:
		n->is_single = n->a->is_single && n->b->is_single;
		return fold(v, n);
	case N_INDEX:
		n->is_single = !n->is_optional && n->a->is_single && n->b->is_single;
		return 0;
	case N_SLICE:
		n->is_single = !n->is_optional && n->a->is_single && is_single_or_none(n->b) && is_single_or_none(n->c);
		return 0;
	case N_IDENTITY:
	case N_CONST:
	case N_VAR:
	case N_ARRAY:
	case N_MAP:
	case N_NOT:
	case N_SLOT:
		n->is_single = true;
		return 0;
	case N_TO_STRING:
		n->builtin = builtin_find(SLICE_LIT("tostring"), 0);
		n->is_single = n->a->is_single;
		return 0;
	case N_PIPE:
	case N_NEGATE:
	case N_AND:
	case N_OR:
	case N_ALT:
	case N_IF:
	case N_AS:
		n->is_single = n->a->is_single && is_single_or_none(n->b) && is_single_or_none(n->c);
		return 0;
	case N_REDUCE:
		if (is_all_assignments(n->c))
			mark_kept(n->c);
		n->is_single = n->b->is_single;
		return 0;
	case N_TRY:
		/* in 1.6 it also catches what is raised behind it; not so later, and with other messages */
		if (v->program->dialect != JQ_DIALECT_1_6)
			mark_foreign(v->program, "'try'", n->at);
		n->is_single = false;
		return 0;
	case N_PATH:
		if (!is_path(n->a))
			mark_foreign(v->program, "a path of 'path'", n->a->at);
		return 0;
	case N_LABEL:
		/* in libjq 1.6 a `catch` sees the break as an object of its own */
		if (has_try(n->a, true))
			mark_foreign(v->program, "'catch' behind a label", n->at);
		return 0;
	case N_FOREACH:
		return n->n ? resolve(v, n->args[0]) : 0;
	default:
		n->is_single = false;
		return 0;
	}
}

int jq_resolve(struct jq_program *program, size_t *at, struct err *err)
{
	struct resolver v = {program, at, err, NULL};
	char message[160];
	struct node *body;

	for (const struct function *f = program->functions; f;) {
		body = function_check(f, &f);
		if (body && resolve(&v, body))
			return -1;
	}
	if (resolve(&v, program->root))
		return -1;
	if (v.ours && program->foreign) {
		snprintf(message, sizeof message, "%.*s is native only, and only libjq runs %.60s",
			(int)(v.ours->name.len < 40 ? v.ours->name.len : 40), v.ours->name.p, program->foreign);
		return fail(&v, v.ours, message);
	}
	program->is_native_only = v.ours != NULL;
	if (!program->foreign)
		slots_assign(program);
	return 0;
}
