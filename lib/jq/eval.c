/*
 * The evaluator. A node gives any number of values: eval() hands each to an emit, and what follows in the program runs
 * inside that call: backtracking is simply returning. Nodes that always give one value go through eval_one(), without
 * calls back. The depth of the C stack is bounded by the size of the program.
 *
 * Returns: 0 go on, -1 an error is in r->error, STOP somebody (r->stop_at) has seen enough.
 */
#include "jq/impl.h"

#include <assert.h>

/* An error that is null ends this branch without a message: the way of libjq 1.6. */
static int end_of_error(struct run *r)
{
	if (r->has_error && r->error.type == JSON_NULL && !is_later(r)) {
		r->has_error = false;
		return 0;
	}
	return -1;
}

/* ---- any number of values ---- */

/* .[] */
int eval_each(struct run *r, struct value v, bool is_optional, struct emit *k)
{
	struct json_span key, value;
	struct json_iter it;
	char shown[15];
	int result;

	if (v.type == JSON_ARRAY && v.form == FORM_TEXT) {
		json_iter_init(&it, value_as_span(v));
		while (json_iter_next(&it, &key, &value)) {
			run_step(r, 1);
			result = k->fn(k, r, value_span(value));
			if (result)
				return result;
		}
		return 0;
	}
	if (v.type == JSON_ARRAY) {
		for (uint32_t i = 0; i < v.array->n; i++) {
			result = k->fn(k, r, v.array->items[i]);
			if (result)
				return result;
		}
		return 0;
	}
	if (v.type == JSON_OBJECT) {
		struct object *o = value_object(r, v);

		for (uint32_t i = 0; i < o->n; i++) {
			result = k->fn(k, r, o->entries[i].value);
			if (result)
				return result;
		}
		return 0;
	}
	if (is_optional)
		return 0;
	show_value(r, v, shown, sizeof shown);
	return raise_text(r, "Cannot iterate over %s (%s)", value_kind(v), shown);
}

/* A continuation of a node: the node, its input, what follows, and room for what was already computed. */
struct step {
	struct emit emit;
	const struct node *n;
	struct value in;
	struct emit *k;
	struct value first, second;
	uint32_t i;
	bool is_found;
	struct step *outer;
};

static int then_each(struct emit *k, struct run *r, struct value v)
{
	struct step *s = (struct step *)k;

	return eval_each(r, v, s->n->is_optional, s->k);
}

static int then_pipe(struct emit *k, struct run *r, struct value v)
{
	struct step *s = (struct step *)k;

	return eval(r, s->n->b, v, s->k);
}

static int then_negate(struct emit *k, struct run *r, struct value v)
{
	struct step *s = (struct step *)k;

	return eval_negate(r, v, &v) ? end_of_error(r) : s->k->fn(s->k, r, v);
}

static int then_to_string(struct emit *k, struct run *r, struct value v)
{
	struct step *s = (struct step *)k;

	s->n->builtin->fn(r, v, NULL, &v);
	return s->k->fn(s->k, r, v);
}

/* Index: keys are the outer loop, targets the inner. */
static int index_target(struct emit *k, struct run *r, struct value t)
{
	struct step *s = (struct step *)k;
	struct value v;
	int result = s->n->kind == N_INDEX ? value_get(r, t, s->first, &v) : value_slice(r, t, s->first, s->second, &v);

	if (result && s->n->is_optional) {
		r->has_error = false;
		return 0;
	}
	return result ? result : s->k->fn(s->k, r, v);
}

static int index_key(struct emit *k, struct run *r, struct value key)
{
	struct step *s = (struct step *)k;
	struct step next = {.emit = {index_target}, .n = s->n, .k = s->k, .first = key};

	return eval(r, s->n->a, s->in, &next.emit);
}

static int slice_to(struct emit *k, struct run *r, struct value to)
{
	struct step *s = (struct step *)k;
	struct step next = {.emit = {index_target}, .n = s->n, .k = s->k, .first = s->first, .second = to};

	return eval(r, s->n->a, s->in, &next.emit);
}

static int slice_from(struct emit *k, struct run *r, struct value from)
{
	struct step *s = (struct step *)k;
	struct step next = {.emit = {slice_to}, .n = s->n, .in = s->in, .k = s->k, .first = from};

	return s->n->c ? eval(r, s->n->c, s->in, &next.emit) : slice_to(&next.emit, r, value_literal(JSON_NULL));
}

/* Operators: the right side is the outer loop. */
static int binary_left(struct emit *k, struct run *r, struct value a)
{
	struct step *s = (struct step *)k;
	struct value v;

	return eval_binary(r, s->n, a, s->first, &v) ? -1 : s->k->fn(s->k, r, v);
}

static int binary_right(struct emit *k, struct run *r, struct value b)
{
	struct step *s = (struct step *)k;
	struct step next = {.emit = {binary_left}, .n = s->n, .k = s->k, .first = b};

	return eval(r, s->n->a, s->in, &next.emit);
}

static int truth(struct emit *k, struct run *r, struct value v)
{
	struct step *s = (struct step *)k;

	return s->k->fn(s->k, r, value_bool(value_is_true(v)));
}

static int logic_left(struct emit *k, struct run *r, struct value v)
{
	struct step *s = (struct step *)k;
	struct step next = {.emit = {truth}, .k = s->k};

	if (value_is_true(v) == (s->n->kind == N_OR))
		return s->k->fn(s->k, r, value_bool(s->n->kind == N_OR));
	return eval(r, s->n->b, s->in, &next.emit);
}

static int if_condition(struct emit *k, struct run *r, struct value v)
{
	struct step *s = (struct step *)k;

	return eval(r, value_is_true(v) ? s->n->b : s->n->c, s->in, s->k);
}

static int select_condition(struct emit *k, struct run *r, struct value v)
{
	struct step *s = (struct step *)k;

	return value_is_true(v) ? s->k->fn(s->k, r, s->in) : 0;
}

static int keep_true(struct emit *k, struct run *r, struct value v)
{
	struct step *s = (struct step *)k;

	if (!value_is_true(v))
		return 0;
	s->is_found = true;
	return s->k->fn(s->k, r, v);
}

static int bind_variable(struct emit *k, struct run *r, struct value v)
{
	struct step *s = (struct step *)k;
	struct value outer = r->vars[s->n->slot];
	int result;

	r->vars[s->n->slot] = v;
	result = eval(r, s->n->b, s->in, s->k);
	r->vars[s->n->slot] = outer;
	return result;
}

/* With several starts, libjq 1.6 gives its input to the first only; the others read null. */
static int reduce_start(struct emit *k, struct run *r, struct value start)
{
	struct step *s = (struct step *)k;
	struct value v;
	int result = eval_reduce_from(r, s->n, s->in, start, &v);

	s->in = value_literal(JSON_NULL);
	return result ? result : s->k->fn(s->k, r, v);
}

/* Calls: the last argument is the outermost loop. */
struct call {
	struct emit emit;
	const struct node *n;
	struct value in;
	struct emit *k;
	struct value *args;
	uint32_t left; /* arguments still to evaluate */
};

static int call_argument(struct emit *k, struct run *r, struct value v)
{
	struct call *c = (struct call *)k, next = *c;
	struct value out;

	c->args[c->left - 1] = v;
	next.left--;
	if (next.left)
		return eval(r, c->n->args[next.left - 1], c->in, &next.emit);
	return c->n->builtin->fn(r, c->in, c->args, &out) ? end_of_error(r) : c->k->fn(c->k, r, out);
}

static int eval_call(struct run *r, const struct node *n, struct value in, struct emit *k)
{
	struct value args[BUILTIN_ARGS_MAX] = {{.p = NULL}}, out;
	struct call c = {{call_argument}, n, in, k, args, n->n};

	if (n->n)
		return eval(r, n->args[n->n - 1], in, &c.emit);
	return n->builtin->fn(r, in, args, &out) ? end_of_error(r) : k->fn(k, r, out);
}

/* Objects: the first key is the outermost loop. What is chosen so far is a chain of steps on the stack. */
static int next_pair(struct run *r, struct step *s);

static int pair_value(struct emit *k, struct run *r, struct value v)
{
	struct step *s = (struct step *)k;
	struct step next = {.n = s->n, .in = s->in, .k = s->k, .i = s->i + 1, .outer = s};

	if (eval_check_key(r, s->first))
		return -1;
	s->second = v;
	return next_pair(r, &next);
}

static int pair_key(struct emit *k, struct run *r, struct value key)
{
	struct step *s = (struct step *)k;

	s->first = key;
	s->emit.fn = pair_value;
	int result = eval(r, s->n->pairs[s->i].value, s->in, &s->emit);

	s->emit.fn = pair_key;
	return result;
}

static void set_pairs(struct run *r, struct object *o, const struct step *s)
{
	if (!s)
		return;
	set_pairs(r, o, s->outer);
	object_set(r, o, value_text(r, s->first),
		s->first.form == FORM_TEXT ? (struct slice){s->first.p, s->first.len} : (struct slice){NULL, 0},
		s->second);
}

static int next_pair(struct run *r, struct step *s)
{
	struct object *o;

	if (s->i < s->n->n) {
		s->emit.fn = pair_key;
		return eval(r, s->n->pairs[s->i].key, s->in, &s->emit);
	}
	o = object_new(r, s->n->n);
	set_pairs(r, o, s->outer);
	return s->k->fn(s->k, r, value_from_object(o));
}

/* Everything that fails behind a `try` while it is open is caught by it, what follows included: libjq 1.6. */
static int eval_try(struct run *r, const struct node *n, struct value in, struct emit *k)
{
	int result = eval(r, n->a, in, k);

	if (result != -1)
		return result;
	assert(r->has_error);
	assert(!is_break(r) || !n->b);
	r->has_error = false;
	if (!n->b)
		return 0;
	/* libjq 1.6 looks for its own mark in an error whose text is the name of a type */
	if (r->error.type == JSON_STRING && slice_eq(value_text(r, r->error), SLICE_LIT("object")))
		return raise_text(r, "Cannot index string with string \"__jq\"");
	return eval(r, n->b, r->error, k);
}

static int eval_alt(struct run *r, const struct node *n, struct value in, struct emit *k)
{
	struct step s = {.emit = {keep_true}, .n = n, .k = k};
	int result = eval(r, n->a, in, &s.emit);

	return result || s.is_found ? result : eval(r, n->b, in, k);
}

int eval(struct run *r, const struct node *n, struct value in, struct emit *k)
{
	struct step s = {.n = n, .in = in, .k = k};
	struct value v;
	int result;

	if (n->is_single)
		return eval_one(r, n, in, &v) ? -1 : k->fn(k, r, v);
	run_step(r, 1);
	switch (n->kind) {
	case N_EACH:
		s.emit.fn = then_each;
		return eval(r, n->a, in, &s.emit);
	case N_PIPE:
		s.emit.fn = then_pipe;
		return eval(r, n->a, in, &s.emit);
	case N_COMMA:
		result = eval(r, n->a, in, k);
		return result ? result : eval(r, n->b, in, k);
	case N_INDEX:
		s.emit.fn = index_key;
		return eval(r, n->b, in, &s.emit);
	case N_SLICE:
		s.emit.fn = slice_from;
		return n->b ? eval(r, n->b, in, &s.emit) : slice_from(&s.emit, r, value_literal(JSON_NULL));
	case N_NEGATE:
		s.emit.fn = then_negate;
		return eval(r, n->a, in, &s.emit);
	case N_TO_STRING:
		s.emit.fn = then_to_string;
		return eval(r, n->a, in, &s.emit);
	case N_ARITH:
	case N_CMP:
		s.emit.fn = binary_right;
		return eval(r, n->b, in, &s.emit);
	case N_AND:
	case N_OR:
		s.emit.fn = logic_left;
		return eval(r, n->a, in, &s.emit);
	case N_ALT:
		return eval_alt(r, n, in, k);
	case N_IF:
		s.emit.fn = if_condition;
		return eval(r, n->a, in, &s.emit);
	case N_SELECT:
		s.emit.fn = select_condition;
		return eval(r, n->a, in, &s.emit);
	case N_TRY:
		return eval_try(r, n, in, k);
	case N_EMPTY:
		return 0;
	case N_OBJECT:
		return next_pair(r, &s);
	case N_FUNC:
		return eval_call(r, n, in, k);
	case N_AS:
		s.emit.fn = bind_variable;
		return eval(r, n->a, in, &s.emit);
	case N_REDUCE:
		s.emit.fn = reduce_start;
		return eval(r, n->b, in, &s.emit);
	case N_FOREACH:
		return eval_foreach(r, n, in, k);
	case N_LABEL:
		return eval_label(r, n, in, k);
	case N_BREAK:
		return eval_break(r, n);
	case N_RANGE:
		return eval_range(r, n, in, k);
	case N_PATH:
		return eval_paths(r, n, in, k);
	default:
		return eval_assign(r, n, in, k);
	}
}
