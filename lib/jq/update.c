/*
 * Assignments. The left side gives paths, each with the value that is there in the input; the result is the input with
 * each path set in turn. What an update has built belongs to it (its owner number) and is changed in place; what came
 * from elsewhere is copied first. The assignments that are the whole body of a `reduce` share one number from step to
 * step, as long as nothing that was put in leads to a part of the state.
 */
#include "jq/impl.h"

#include <assert.h>

/* A path as a chain from its last key up; lives on the stack of the walk. */
struct link {
	const struct link *up;
	struct value key;
	uint32_t depth;
};

struct path_emit {
	int (*fn)(struct path_emit *k, struct run *r, const struct link *path, struct value v);
};

/* A continuation in path mode. */
struct path_step {
	struct emit emit; /* for values of subexpressions */
	struct path_emit path_emit;
	const struct node *n;
	const struct link *path;
	struct value in, first;
	struct path_emit *k;
	bool is_found;
};

bool is_path(const struct node *n)
{
	switch (n->kind) {
	case N_IDENTITY:
	case N_EMPTY:
		return true;
	case N_INDEX:
	case N_SLICE:
	case N_EACH:
	case N_SELECT:
		return n->kind == N_SELECT || is_path(n->a);
	case N_PIPE:
	case N_COMMA:
	case N_ALT:
		return is_path(n->a) && is_path(n->b);
	case N_TRY:
		return is_path(n->a) && (!n->b || is_path(n->b));
	case N_IF:
		return is_path(n->b) && is_path(n->c);
	default:
		return false;
	}
}

static int eval_path(
	struct run *r, const struct node *n, const struct link *path, struct value in, struct path_emit *k);

static struct path_step *step_of_emit(struct emit *k)
{
	return (struct path_step *)k;
}

static struct path_step *step_of_path(struct path_emit *k)
{
	return (struct path_step *)((char *)k - offsetof(struct path_step, path_emit));
}

static int emit_child(struct path_emit *k, struct run *r, const struct link *path, struct value key, struct value v)
{
	struct link below = {path, key, path ? path->depth + 1 : 1};

	return k->fn(k, r, &below, v);
}

static int step_target(struct path_emit *k, struct run *r, const struct link *path, struct value t)
{
	struct path_step *s = step_of_path(k);
	struct value v;

	if (value_get(r, t, s->first, &v)) {
		if (!s->n->is_optional)
			return -1;
		r->has_error = false;
		return 0;
	}
	return emit_child(s->k, r, path, s->first, v);
}

static int step_key(struct emit *k, struct run *r, struct value key)
{
	struct path_step *s = step_of_emit(k);
	struct path_step next = {.path_emit = {step_target}, .n = s->n, .first = key, .k = s->k};

	return eval_path(r, s->n->a, s->path, s->in, &next.path_emit);
}

static struct value slice_key(struct run *r, struct value from, struct value to)
{
	struct object *o = object_new(r, 2);

	object_set(r, o, SLICE_LIT("start"), (struct slice){NULL, 0}, from);
	object_set(r, o, SLICE_LIT("end"), (struct slice){NULL, 0}, to);
	return value_from_object(o);
}

static int step_slice_to(struct emit *k, struct run *r, struct value to)
{
	struct path_step *s = step_of_emit(k), key = *s;

	return step_key(&key.emit, r, slice_key(r, s->first, to));
}

static int step_slice_from(struct emit *k, struct run *r, struct value from)
{
	struct path_step *s = step_of_emit(k), next = *s;

	next.first = from;
	next.emit.fn = step_slice_to;
	return s->n->c ? eval(r, s->n->c, s->in, &next.emit) : step_slice_to(&next.emit, r, value_literal(JSON_NULL));
}

static int step_each(struct path_emit *k, struct run *r, const struct link *path, struct value t)
{
	struct path_step *s = step_of_path(k);
	char shown[15];
	int result = 0;

	if (t.type == JSON_ARRAY) {
		struct array *a = value_array(r, t);

		for (uint32_t i = 0; !result && i < a->n; i++)
			result = emit_child(s->k, r, path, value_number(i), a->items[i]);
	} else if (t.type == JSON_OBJECT) {
		struct object *o = value_object(r, t);

		for (uint32_t i = 0; !result && i < o->n; i++)
			result = emit_child(s->k, r, path, value_borrow(o->entries[i].key.p, o->entries[i].key.len),
				o->entries[i].value);
	} else if (!s->n->is_optional) {
		show_value(r, t, shown, sizeof shown);
		return raise_text(r, "Cannot iterate over %s (%s)", value_kind(t), shown);
	}
	return result;
}

static int step_pipe(struct path_emit *k, struct run *r, const struct link *path, struct value v)
{
	struct path_step *s = step_of_path(k);

	return eval_path(r, s->n->b, path, v, s->k);
}

static int step_if(struct emit *k, struct run *r, struct value v)
{
	struct path_step *s = step_of_emit(k);

	return eval_path(r, value_is_true(v) ? s->n->b : s->n->c, s->path, s->in, s->k);
}

static int step_select(struct emit *k, struct run *r, struct value v)
{
	struct path_step *s = step_of_emit(k);

	return value_is_true(v) ? s->k->fn(s->k, r, s->path, s->in) : 0;
}

static int step_alt(struct path_emit *k, struct run *r, const struct link *path, struct value v)
{
	struct path_step *s = step_of_path(k);

	if (!value_is_true(v))
		return 0;
	s->is_found = true;
	return s->k->fn(s->k, r, path, v);
}

static int eval_path(struct run *r, const struct node *n, const struct link *path, struct value in, struct path_emit *k)
{
	struct path_step s = {.n = n, .path = path, .in = in, .k = k};
	int result;

	run_step(r, 1);
	switch (n->kind) {
	case N_IDENTITY:
		return k->fn(k, r, path, in);
	case N_EMPTY:
		return 0;
	case N_INDEX:
		s.emit.fn = step_key;
		return eval(r, n->b, in, &s.emit);
	case N_SLICE:
		s.emit.fn = step_slice_from;
		return n->b ? eval(r, n->b, in, &s.emit) : step_slice_from(&s.emit, r, value_literal(JSON_NULL));
	case N_EACH:
		s.path_emit.fn = step_each;
		return eval_path(r, n->a, path, in, &s.path_emit);
	case N_PIPE:
		s.path_emit.fn = step_pipe;
		return eval_path(r, n->a, path, in, &s.path_emit);
	case N_COMMA:
		result = eval_path(r, n->a, path, in, k);
		return result ? result : eval_path(r, n->b, path, in, k);
	case N_IF:
		s.emit.fn = step_if;
		return eval(r, n->a, in, &s.emit);
	case N_SELECT:
		s.emit.fn = step_select;
		return eval(r, n->a, in, &s.emit);
	case N_ALT:
		s.path_emit.fn = step_alt;
		result = eval_path(r, n->a, path, in, &s.path_emit);
		return result || s.is_found ? result : eval_path(r, n->b, path, in, k);
	default:
		assert(n->kind == N_TRY);
		result = eval_path(r, n->a, path, in, k);
		if (result != -1)
			return result;
		r->has_error = false;
		return n->b ? eval_path(r, n->b, path, r->error, k) : 0;
	}
}

static struct path list_keys(struct run *r, const struct link *path)
{
	struct path p = {NULL, path ? path->depth : 0};

	p.keys = arena_alloc(&r->arena, (p.n + 1) * sizeof *p.keys);
	for (const struct link *l = path; l; l = l->up)
		p.keys[l->depth - 1] = l->key;
	return p;
}

struct each_path {
	struct path_emit emit;
	struct emit *k;
};

static int show_path(struct path_emit *k, struct run *r, const struct link *link, struct value v)
{
	struct emit *next = ((struct each_path *)k)->k;
	struct path path = list_keys(r, link);
	struct array *keys = array_new(r, path.n);

	(void)v;
	for (uint32_t i = 0; i < path.n; i++)
		array_add(r, keys, path.keys[i]);
	return next->fn(next, r, value_from_array(keys));
}

int eval_paths(struct run *r, const struct node *n, struct value in, struct emit *k)
{
	struct each_path each = {{show_path}, k};

	return eval_path(r, n->a, NULL, in, &each.emit);
}

/* ---- updates ---- */

struct paths {
	struct path_emit emit;
	struct path *list;
	uint32_t n, cap;
};

static void add_path(struct run *r, struct paths *p, struct path path)
{
	if (p->n == p->cap) {
		p->list = arena_more(&r->arena, p->list, p->n * sizeof *p->list, (p->cap * 2 + 8) * sizeof *p->list);
		p->cap = p->cap * 2 + 8;
	}
	p->list[p->n++] = path;
}

static int collect_path(struct path_emit *k, struct run *r, const struct link *link, struct value v)
{
	(void)v;
	add_path(r, (struct paths *)k, list_keys(r, link));
	return 0;
}

struct update {
	struct path_emit emit;
	const struct node *n;
	struct value sum; /* the input, changed so far */
	bool is_changed;
	struct value right; /* of = and op= */
	uint32_t owner;
	struct paths gone; /* libjq 1.7 and later: they are deleted at the end */
};

struct first {
	struct emit emit;
	struct value v;
	bool is_found;
};

static int keep_first(struct emit *k, struct run *r, struct value v)
{
	struct first *f = (struct first *)k;

	f->v = v;
	f->is_found = true;
	r->stop_at = f;
	return STOP;
}

/* The new value of what stands at a path: 1, 0 when the update gives none (the path is deleted), -1. */
static int new_value(struct run *r, const struct update *u, struct value old, struct value *v)
{
	struct first f = {.emit = {keep_first}};
	int result;

	switch (u->n->kind) {
	case N_UPDATE:
		return arith(r, u->n->op, old, u->right, v) ? -1 : 1;
	case N_ALT_UPDATE:
		*v = value_is_true(old) ? old : u->right;
		return 1;
	default:
		result = eval(r, u->n->b, old, &f.emit);
		if (result == -1 || (result == STOP && r->stop_at != &f))
			return result;
		*v = f.v;
		return f.is_found;
	}
}

static bool is_owned(struct value v, uint32_t owner)
{
	return v.form == FORM_BUILT && ((v.type == JSON_ARRAY && v.array->owner == owner) ||
					       (v.type == JSON_OBJECT && v.object->owner == owner));
}

/* Whether a value that was put into the state of a `reduce` may be one more way to a part of it. */
static bool is_alias(const struct node *n, struct value v)
{
	return n->is_kept && !n->is_apart && v.form == FORM_BUILT && (v.type == JSON_ARRAY || v.type == JSON_OBJECT);
}

static int set_one(struct update *u, struct run *r, const struct link *link)
{
	struct path path = list_keys(r, link);
	struct value v = u->right;
	int result = 1;

	if (u->n->kind != N_ASSIGN) {
		struct value old;

		if (value_get_path(r, u->sum, &path, &old))
			return -1;
		/* what we built so far gets out: from now on it is not only ours */
		if (is_owned(old, u->owner))
			u->owner = ++r->owner;
		result = new_value(r, u, old, &v);
	}
	if (result < 0)
		return -1;
	if (result == 0 && is_later(r)) {
		add_path(r, &u->gone, path);
		return 0;
	}
	if (result == 0)
		return value_delete_paths(r, u->sum, &path, 1, &u->sum);
	if (is_alias(u->n, v))
		u->owner = ++r->owner;
	return value_set_path(r, u->sum, &path, v, u->owner, &u->sum);
}

/* An error leaves null, should a `try` around the path catch it: libjq 1.6. */
static int update_path(struct path_emit *k, struct run *r, const struct link *link, struct value v)
{
	struct update *u = (struct update *)k;
	int result = set_one(u, r, link);

	(void)v;
	u->is_changed = true;
	if (result)
		u->sum = value_literal(JSON_NULL);
	return result;
}

static int update(struct run *r, const struct node *n, struct value in, struct value right, struct value *out)
{
	struct update u = {
		.emit = {update_path}, .n = n, .right = right, .owner = n->is_kept ? r->kept_owner : ++r->owner};

	*out = in;
	/* taken apart once, for the walk and for the changes: the first change copies what both would share */
	if (in.form == FORM_TEXT && in.type == JSON_OBJECT)
		in = value_from_object(value_object(r, in));
	else if (in.form == FORM_TEXT && in.type == JSON_ARRAY)
		in = value_from_array(value_array(r, in));
	u.sum = in;
	if (eval_path(r, n->a, NULL, in, &u.emit))
		return -1;
	if (n->is_kept)
		r->kept_owner = u.owner;
	if (u.gone.n && value_delete_paths(r, u.sum, u.gone.list, u.gone.n, &u.sum))
		return -1;
	if (u.is_changed)
		*out = u.sum;
	return 0;
}

static int delete (struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct paths p = {.emit = {collect_path}};

	if (eval_path(r, n->a, NULL, in, &p.emit))
		return -1;
	return value_delete_paths(r, in, p.list, p.n, out);
}

int eval_update_one(struct run *r, const struct node *n, struct value in, struct value *out)
{
	struct value right = value_literal(JSON_NULL);

	if (n->kind == N_DEL)
		return delete (r, n, in, out);
	if (n->kind != N_MODIFY && eval_one(r, n->b, in, &right))
		return -1;
	return update(r, n, in, right, out);
}

/* What the assignment n puts where `old` stands in the input. Its right side is single. */
int eval_new_value(struct run *r, const struct node *n, struct value in, struct value old, struct value *out)
{
	if (n->kind == N_MODIFY)
		return eval_one(r, n->b, old, out);
	if (n->kind == N_ALT_UPDATE && value_is_true(old)) {
		/* the right side is asked all the same, for its errors */
		if (eval_one(r, n->b, in, out))
			return -1;
		*out = old;
		return 0;
	}
	if (n->kind != N_UPDATE)
		return eval_one(r, n->b, in, out);
	return eval_one(r, n->b, in, out) ? -1 : arith(r, n->op, old, *out, out);
}

struct assign {
	struct emit emit;
	const struct node *n;
	struct value in;
	struct emit *k;
};

static int assign_value(struct emit *k, struct run *r, struct value right)
{
	struct assign *a = (struct assign *)k;
	struct value v;

	return update(r, a->n, a->in, right, &v) ? -1 : a->k->fn(a->k, r, v);
}

/* = and op= with several values on the right: one result for each. */
int eval_assign(struct run *r, const struct node *n, struct value in, struct emit *k)
{
	struct assign a = {{assign_value}, n, in, k};

	return eval(r, n->b, in, &a.emit);
}
