/*
 * Nodes that always give one value (or an error): evaluated without calls back. See eval.c.
 */
#include "jq/impl.h"

#include <assert.h>

static int load_slot(struct run *r, const struct node *n, struct value *out)
{
	if (r->record) {
		struct json_span s = r->record->spans[n->slot];

		if (s.type != JSON_ABSENT) {
			*out = value_span(s);
			return 0;
		}
	}
	return eval_one(r, n->a, r->root, out);
}

static int index_one(struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct value t, key;

	if (eval_one(r, n->b, in, &key) || eval_one(r, n->a, in, &t))
		return -1;
	return value_get(r, t, key, out);
}

static int slice_one(struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct value t, from = value_literal(JSON_NULL), to = value_literal(JSON_NULL);

	if ((n->b && eval_one(r, n->b, in, &from)) || (n->c && eval_one(r, n->c, in, &to)))
		return -1;
	if (eval_one(r, n->a, in, &t))
		return -1;
	return value_slice(r, t, from, to, out);
}

int eval_negate(struct run *r, struct value v, struct value *out)
{
	if (v.type != JSON_NUMBER)
		return raise_type(r, v, "cannot be negated");
	leave_other_forms(r, v);
	/* later ones keep the sign of a zero that was computed, and drop that of one that was written */
	if (is_later(r) && value_double(v) == 0)
		run_elsewhere(r);
	*out = value_number(-value_double(v));
	return 0;
}

int eval_binary(struct run *r, const struct node *n, struct value a, struct value b, struct value *out)
{
	if (n->kind == N_ARITH)
		return arith(r, n->op, a, b, out);
	*out = value_bool(compare(r, n->op, a, b));
	return 0;
}

static int binary_one(struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct value a, b;

	if (eval_one(r, n->b, in, &b) || eval_one(r, n->a, in, &a))
		return -1;
	return eval_binary(r, n, a, b, out);
}

static int logic_one(struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct value v;

	if (eval_one(r, n->a, in, &v))
		return -1;
	if (value_is_true(v) == (n->kind == N_OR)) {
		*out = value_bool(n->kind == N_OR);
		return 0;
	}
	if (eval_one(r, n->b, in, &v))
		return -1;
	*out = value_bool(value_is_true(v));
	return 0;
}

static int func_one(struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct value args[BUILTIN_ARGS_MAX];

	assert(n->n <= BUILTIN_ARGS_MAX);
	for (uint32_t i = n->n; i-- > 0;)
		if (eval_one(r, n->args[i], in, &args[i]))
			return -1;
	return n->builtin->fn(r, in, args, out);
}

struct collect {
	struct emit emit;
	struct array *array;
};

static int collect_value(struct emit *k, struct run *r, struct value v)
{
	array_add(r, ((struct collect *)k)->array, v);
	return 0;
}

static int array_one(struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct collect c = {{collect_value}, array_new(r, 0)};

	if (n->a && eval(r, n->a, in, &c.emit))
		return -1;
	*out = value_from_array(c.array);
	return 0;
}

int eval_check_key(struct run *r, struct value key)
{
	char shown[15];

	if (key.type == JSON_STRING)
		return 0;
	show_value(r, key, shown, sizeof shown);
	return raise_text(r, "Cannot use %s (%s) as object key", value_kind(key), shown);
}

static int object_one(struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct object *o = object_new(r, n->n);

	for (uint32_t i = 0; i < n->n; i++) {
		struct value key, v;

		if (eval_one(r, n->pairs[i].key, in, &key) || eval_one(r, n->pairs[i].value, in, &v))
			return -1;
		if (eval_check_key(r, key))
			return -1;
		object_set(r, o, value_text(r, key),
			key.form == FORM_TEXT ? (struct slice){key.p, key.len} : (struct slice){NULL, 0}, v);
	}
	*out = value_from_object(o);
	return 0;
}

struct each_map {
	struct emit emit;
	const struct node *body;
	struct emit *k;
};

static int map_value(struct emit *k, struct run *r, struct value v)
{
	struct each_map *m = (struct each_map *)k;

	return eval(r, m->body, v, m->k);
}

static int map_one(struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct collect c = {{collect_value}, array_new(r, 0)};
	struct each_map m = {{map_value}, n->a, &c.emit};

	if (eval_each(r, in, false, &m.emit))
		return -1;
	*out = value_from_array(c.array);
	return 0;
}

struct fold {
	struct emit emit;
	const struct node *n;
	struct value sum;
	uint32_t owner;
};

struct last {
	struct emit emit;
	struct value v;
};

static int keep_last(struct emit *k, struct run *r, struct value v)
{
	(void)r;
	((struct last *)k)->v = v;
	return 0;
}

/* An update without a value leaves null (an error that a `try` in the source catches too), with several the last. */
static int fold_value(struct emit *k, struct run *r, struct value v)
{
	struct fold *f = (struct fold *)k;
	struct last last = {{keep_last}, value_literal(JSON_NULL)};
	struct value sum = f->sum;
	uint32_t outer = r->kept_owner;
	int result;

	r->vars[f->n->slot] = v;
	f->sum = last.v;
	r->kept_owner = f->owner;
	result = eval(r, f->n->c, sum, &last.emit);
	f->owner = r->kept_owner;
	r->kept_owner = outer;
	if (result)
		return -1;
	f->sum = last.v;
	return 0;
}

int eval_reduce_from(struct run *r, const struct node *n, struct value in, struct value start, struct value *out)
{
	struct fold f = {{fold_value}, n, start, ++r->owner};

	if (eval(r, n->a, in, &f.emit))
		return -1;
	*out = f.sum;
	return 0;
}

static int if_one(struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct value v;

	if (eval_one(r, n->a, in, &v))
		return -1;
	return eval_one(r, value_is_true(v) ? n->b : n->c, in, out);
}

int eval_one(struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct value v;

	run_step(r, 1);
	switch (n->kind) {
	case N_IDENTITY:
		*out = in;
		return 0;
	case N_CONST:
		*out = n->value;
		return 0;
	case N_VAR:
		*out = r->vars[n->slot];
		return 0;
	case N_SLOT:
		return load_slot(r, n, out);
	case N_INDEX:
		return index_one(r, n, in, out);
	case N_SLICE:
		return slice_one(r, n, in, out);
	case N_PIPE:
		return eval_one(r, n->a, in, &v) ? -1 : eval_one(r, n->b, v, out);
	case N_NEGATE:
		return eval_one(r, n->a, in, &v) ? -1 : eval_negate(r, v, out);
	case N_ARITH:
	case N_CMP:
		return binary_one(r, n, in, out);
	case N_AND:
	case N_OR:
		return logic_one(r, n, in, out);
	case N_NOT:
		*out = value_bool(!value_is_true(in));
		return 0;
	case N_ALT:
		if (eval_one(r, n->a, in, out))
			return -1;
		return value_is_true(*out) ? 0 : eval_one(r, n->b, in, out);
	case N_IF:
		return if_one(r, n, in, out);
	case N_ARRAY:
		return array_one(r, n, in, out);
	case N_OBJECT:
		return object_one(r, n, in, out);
	case N_MAP:
		return map_one(r, n, in, out);
	case N_FUNC:
		return func_one(r, n, in, out);
	case N_TEST:
		return match_test(r, n->match, in, out);
	case N_TO_STRING:
		if (eval_one(r, n->a, in, &v))
			return -1;
		return n->builtin->fn(r, v, NULL, out);
	case N_AS:
		if (eval_one(r, n->a, in, &v))
			return -1;
		r->vars[n->slot] = v;
		return eval_one(r, n->b, in, out);
	case N_REDUCE:
		return eval_one(r, n->b, in, &v) ? -1 : eval_reduce_from(r, n, in, v, out);
	default:
		return eval_update_one(r, n, in, out);
	}
}
