/*
 * foreach, label and break, range. A break is an error that only its label catches (and a `try` without a catch, as in
 * libjq 1.6): so it passes what errors pass. A `catch` where a break
 * may come by is left to libjq, see resolve.c.
 */
#include "jq/impl.h"

/* ---- foreach ---- */

struct foreach {
	struct emit emit;
	const struct node *n;
	struct value in, state;
	struct emit *k;
};

struct foreach_state {
	struct emit emit;
	struct foreach *f;
};

static int show_state(struct emit *k, struct run *r, struct value v)
{
	struct foreach *f = ((struct foreach_state *)k)->f;

	f->state = v;
	return f->n->n ? eval(r, f->n->args[0], v, f->k) : f->k->fn(f->k, r, v);
}

/* As with reduce, an update without a value leaves null. */
static int foreach_value(struct emit *k, struct run *r, struct value v)
{
	struct foreach *f = (struct foreach *)k;
	struct foreach_state next = {{show_state}, f};
	struct value state = f->state;

	r->vars[f->n->slot] = v;
	f->state = value_literal(JSON_NULL);
	return eval(r, f->n->c, state, &next.emit);
}

/* With several starts, libjq 1.6 gives its input to the first only; the others read null. */
static int foreach_start(struct emit *k, struct run *r, struct value start)
{
	struct foreach *f = (struct foreach *)k;
	struct foreach next = {{foreach_value}, f->n, f->in, start, f->k};

	/* libjq 1.6 has no input left for a second state to begin with */
	if (!is_later(r))
		f->in = value_literal(JSON_NULL);
	return eval(r, f->n->a, next.in, &next.emit);
}

int eval_foreach(struct run *r, const struct node *n, struct value in, struct emit *k)
{
	struct foreach f = {{foreach_start}, n, in, in, k};

	return eval(r, n->b, in, &f.emit);
}

/* ---- label ---- */

int eval_label(struct run *r, const struct node *n, struct value in, struct emit *k)
{
	char here;
	int result;

	r->vars[n->slot].p = &here;
	result = eval(r, n->a, in, k);
	if (result != -1 || !is_break(r) || r->stop_at != &here)
		return result;
	r->has_error = false;
	r->error = value_literal(JSON_NULL);
	return 0;
}

int eval_break(struct run *r, const struct node *n)
{
	r->has_error = true;
	r->error = (struct value){.type = JSON_ABSENT, .form = FORM_BUILT};
	r->stop_at = r->vars[n->slot].p;
	return -1;
}

/* ---- range ---- */

struct range {
	struct emit emit;
	const struct node *n;
	struct value in, from, to;
	struct emit *k;
};

static int count_by(struct run *r, struct value v, struct value to, struct value by, struct emit *k)
{
	struct value zero = value_number(0);
	bool is_up = compare(r, OP_GT, by, zero), is_down = compare(r, OP_LT, by, zero);
	int result = 0;

	if (value_eq(r, by, zero))
		return 0;
	while ((is_up && compare(r, OP_LT, v, to)) || (is_down && compare(r, OP_GT, v, to))) {
		run_step(r, 1);
		result = k->fn(k, r, v);
		if (result || arith(r, OP_ADD, v, by, &v))
			return result ? result : -1;
	}
	return result;
}

static int range_by(struct emit *k, struct run *r, struct value by)
{
	struct range *s = (struct range *)k;

	return count_by(r, s->from, s->to, by, s->k);
}

static int range_to(struct emit *k, struct run *r, struct value to)
{
	struct range *s = (struct range *)k, next = {{range_by}, s->n, s->in, s->from, to, s->k};
	double end;
	int result = 0;

	if (s->n->c)
		return eval(r, s->n->c, s->in, &next.emit);
	if (s->from.type != JSON_NUMBER || to.type != JSON_NUMBER)
		return raise_text(r, "Range bounds must be numeric");
	end = value_double(to);
	for (double d = value_double(s->from); d < end && !result; d += 1) {
		run_step(r, 1);
		result = s->k->fn(s->k, r, value_number(d));
	}
	return result;
}

static int range_from(struct emit *k, struct run *r, struct value from)
{
	struct range *s = (struct range *)k, next = {{range_to}, s->n, s->in, from, from, s->k};

	return eval(r, s->n->b, s->in, &next.emit);
}

int eval_range(struct run *r, const struct node *n, struct value in, struct emit *k)
{
	struct range s = {{range_from}, n, in, in, in, k};

	return eval(r, n->a, in, &s.emit);
}
