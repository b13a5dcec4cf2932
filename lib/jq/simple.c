/*
 * Simple programs, decided on the spans of a record: `select(TEST)` where the test compares paths with constants, and
 * templates: objects or arrays of paths and constants; or the assignment to one member, whose new value is put into the
 * bytes of the record. What is computed in them is evaluated by itself. Where the short way is not sure (an absent
 * value below something that may be no object, an error, a blank) it says so, and the evaluator decides about the
 * record: both give the same answers.
 */
#include "jq/impl.h"

#include "fieldpath/fieldpath.h"
#include "num/num.h"

enum { SLOTS_MAX = 64 };

/* ---- recognition ---- */

static struct test *new_test(struct jq_program *program, enum test_kind kind)
{
	struct test *t = arena_alloc(&program->arena, sizeof *t);

	memset(t, 0, sizeof *t);
	t->kind = (uint8_t)kind;
	return t;
}

static void use_slot(struct test *t, const struct node *slot)
{
	t->slot = slot->slot;
	t->is_deep = slot->n > 1 || slot->a->b->value.type != JSON_STRING;
}

static bool read_constant(struct test *t, const struct node *n)
{
	bool is_minus = n->kind == N_NEGATE;
	const struct node *c = is_minus ? n->a : n;

	if (c->kind != N_CONST || (is_minus && c->value.type != JSON_NUMBER))
		return false;
	if (c->value.type == JSON_NUMBER) {
		t->kind = TEST_NUMBER;
		t->number = is_minus ? -value_double(c->value) : value_double(c->value);
	} else if (c->value.type == JSON_STRING && !c->value.is_escaped) {
		t->kind = TEST_STRING;
		t->string = c->value.form == FORM_BUILT ? (struct slice){c->value.p, c->value.len}
							: json_inside(value_as_span(c->value));
	} else if (c->value.type < JSON_NUMBER) {
		t->kind = TEST_LITERAL;
		t->literal = c->value.type;
	} else {
		return false;
	}
	return true;
}

static enum op mirror(enum op op)
{
	switch (op) {
	case OP_LT:
		return OP_GT;
	case OP_LE:
		return OP_GE;
	case OP_GT:
		return OP_LT;
	case OP_GE:
		return OP_LE;
	default:
		return op;
	}
}

static struct test *make_value_test(struct jq_program *program, const struct node *n)
{
	struct test *t;

	if (!n->is_single)
		return NULL;
	t = new_test(program, TEST_VALUE);
	t->value = n;
	program->has_values = true;
	return t;
}

static struct test *make_test(struct jq_program *program, const struct node *n)
{
	struct test *t = new_test(program, TEST_TRUTH);

	switch (n->kind) {
	case N_SLOT:
		use_slot(t, n);
		return t;
	case N_CMP:
		if (n->a->kind == N_SLOT && read_constant(t, n->b)) {
			use_slot(t, n->a);
			t->op = n->op;
			return t;
		}
		if (n->b->kind == N_SLOT && read_constant(t, n->a)) {
			use_slot(t, n->b);
			t->op = (uint8_t)mirror(n->op);
			return t;
		}
		return make_value_test(program, n);
	case N_AND:
	case N_OR:
		t->kind = n->kind == N_AND ? TEST_AND : TEST_OR;
		t->a = make_test(program, n->a);
		t->b = make_test(program, n->b);
		return t->a && t->b ? t : NULL;
	case N_PIPE:
		if (n->b->kind != N_NOT)
			return make_value_test(program, n);
		t->kind = TEST_NOT;
		t->a = make_test(program, n->a);
		return t->a ? t : NULL;
	default:
		return make_value_test(program, n);
	}
}

/* ---- templates ---- */

struct template
{
	struct jq_program *program;
	struct buf text; /* literal text since the last slot */
	struct piece *pieces;
	uint32_t n, cap;
};

static void end_piece(struct template *t, int slot, bool is_deep)
{
	char *copy = arena_alloc(&t->program->arena, t->text.len + 1);

	if (t->n == t->cap) {
		t->pieces = arena_more(
			&t->program->arena, t->pieces, t->n * sizeof *t->pieces, (t->cap * 2 + 8) * sizeof *t->pieces);
		t->cap = t->cap * 2 + 8;
	}
	if (t->text.len)
		memcpy(copy, t->text.p, t->text.len);
	t->pieces[t->n++] = (struct piece){{copy, t->text.len}, slot, is_deep, NULL};
	buf_reset(&t->text);
}

static bool add_item(struct template *t, const struct node *n)
{
	if (n->kind == N_SLOT) {
		end_piece(t, (int)n->slot, n->n > 1 || n->a->b->value.type != JSON_STRING);
		return true;
	}
	if (n->kind == N_CONST && n->value.form == FORM_BUILT) {
		if (n->value.type == JSON_NUMBER)
			dump_number(&t->text, n->value.number);
		else if (n->value.type == JSON_STRING)
			json_add_string(&t->text, (struct slice){n->value.p, n->value.len});
		else
			buf_add_str(&t->text, n->value.type == JSON_NULL   ? "null"
					      : n->value.type == JSON_TRUE ? "true"
									   : "false");
		return true;
	}
	if (!n->is_single)
		return false;
	end_piece(t, -1, false);
	t->pieces[t->n - 1].value = n;
	t->program->has_values = true;
	return true;
}

static bool add_elements(struct template *t, const struct node *n)
{
	if (n->kind != N_COMMA)
		return add_item(t, n);
	if (!add_elements(t, n->a))
		return false;
	buf_add_char(&t->text, ',');
	return add_elements(t, n->b);
}

static bool add_members(struct template *t, const struct node *n)
{
	for (uint32_t i = 0; i < n->n; i++) {
		const struct node *key = n->pairs[i].key;

		if (key->kind != N_CONST || key->value.form != FORM_BUILT || key->value.type != JSON_STRING)
			return false;
		for (uint32_t k = 0; k < i; k++)
			if (slice_eq((struct slice){key->value.p, key->value.len},
				    (struct slice){n->pairs[k].key->value.p, n->pairs[k].key->value.len}))
				return false;
		if (i)
			buf_add_char(&t->text, ',');
		json_add_string(&t->text, (struct slice){key->value.p, key->value.len});
		buf_add_char(&t->text, ':');
		if (!add_item(t, n->pairs[i].value))
			return false;
	}
	return true;
}

static bool make_template(struct jq_program *program, const struct node *n)
{
	struct template t = {.program = program};
	bool is_object = n->kind == N_OBJECT, is_good = false;

	if (is_object || (n->kind == N_ARRAY && n->a)) {
		buf_add_char(&t.text, is_object ? '{' : '[');
		is_good = is_object ? add_members(&t, n) : add_elements(&t, n->a);
		buf_add_str(&t.text, is_object ? "}\n" : "]\n");
		end_piece(&t, -1, false);
	}
	buf_release(&t.text);
	if (!is_good)
		return false;
	program->pieces = t.pieces;
	program->n_pieces = t.n;
	return true;
}

/* ---- assignments ---- */

static bool make_splice(struct jq_program *program, const struct node *n)
{
	const struct node *left = n->a;
	struct fieldpath_step step = {false, 0, {NULL, 0}};
	const struct fieldpath path = {&step, 1, NULL};

	if (left->kind != N_INDEX || left->is_optional || left->a->kind != N_IDENTITY || left->b->kind != N_CONST ||
		left->b->value.type != JSON_STRING || left->b->value.form != FORM_BUILT || !n->b->is_single ||
		json_paths_count(program->paths) >= SLOTS_MAX)
		return false;
	step.key = (struct slice){left->b->value.p, left->b->value.len};
	program->splice = (struct splice){n, (uint32_t)json_paths_add(program->paths, &path)};
	program->has_values = true;
	return true;
}

/* select(..) | select(..) | template or assignment, each part optional. */
static bool add_stage(struct jq_program *program, const struct node *n, struct test **test)
{
	struct test *more, *both;

	if (program->pieces || program->splice.assignment)
		return false;
	if (n->kind == N_PIPE)
		return add_stage(program, n->a, test) && add_stage(program, n->b, test);
	if (n->kind == N_IDENTITY)
		return true;
	if (n->kind == N_ASSIGN || n->kind == N_MODIFY || n->kind == N_UPDATE || n->kind == N_ALT_UPDATE)
		return make_splice(program, n);
	if (n->kind != N_SELECT)
		return make_template(program, n);
	more = make_test(program, n->a);
	if (!more)
		return false;
	if (!*test) {
		*test = more;
		return true;
	}
	both = new_test(program, TEST_AND);
	both->a = *test;
	both->b = more;
	*test = both;
	return true;
}

/* What is asked first of a test whose answers lead to yes and no: of `and`, `or` and `not` nothing is left but the
 * way through the tests below them. */
static const struct test *link_test(struct test *t, const struct test *yes, const struct test *no)
{
	switch (t->kind) {
	case TEST_AND:
		return link_test(t->a, link_test(t->b, yes, no), no);
	case TEST_OR:
		return link_test(t->a, yes, link_test(t->b, yes, no));
	case TEST_NOT:
		return link_test(t->a, no, yes);
	default:
		t->yes = yes;
		t->no = no;
		return t;
	}
}

void jq_simplify(struct jq_program *program)
{
	static const struct test yes = {.kind = TEST_END, .literal = JSON_TRUE};
	static const struct test no = {.kind = TEST_END, .literal = JSON_FALSE};
	struct test *test = NULL;

	if (!add_stage(program, program->root, &test)) {
		program->pieces = NULL;
		program->n_pieces = 0;
		program->splice.assignment = NULL;
		program->has_values = false;
		return;
	}
	program->test = test ? link_test(test, &yes, &no) : &yes;
}

/* ---- judgement ---- */

enum answer { NO, YES, UNSURE };

static enum answer answer_order(enum op op, int order)
{
	switch (op) {
	case OP_EQ:
		return order == 0;
	case OP_NE:
		return order != 0;
	case OP_LT:
		return order < 0;
	case OP_LE:
		return order <= 0;
	case OP_GT:
		return order > 0;
	default:
		return order >= 0;
	}
}

static enum answer answer_number(enum op op, double a, double b)
{
	switch (op) {
	case OP_EQ:
		return !(a < b) && !(a > b);
	case OP_NE:
		return a < b || a > b;
	case OP_LT:
		return a < b;
	case OP_LE:
		return a <= b;
	case OP_GT:
		return a > b;
	default:
		return a >= b;
	}
}

static enum answer answer_string(const struct test *t, struct json_span s)
{
	struct slice text = json_inside(s);

	if (t->op == OP_EQ || t->op == OP_NE) {
		bool is_equal = s.is_escaped ? json_string_eq(s, t->string)
					     : text.len == t->string.len && memcmp(text.p, t->string.p, text.len) == 0;

		return is_equal == (t->op == OP_EQ);
	}
	return s.is_escaped ? UNSURE : answer_order(t->op, slice_cmp(text, t->string));
}

static enum answer answer_value(struct run *r, const struct test *t)
{
	struct value v;

	return eval_one(r, t->value, r->root, &v) ? UNSURE : value_is_true(v) ? YES : NO;
}

static inline enum answer answer_one(struct run *r, const struct test *t, const struct json_record *record)
{
	struct json_span s;

	if (t->kind == TEST_VALUE)
		return answer_value(r, t);
	s = record->spans[t->slot];
	if (s.type == JSON_ABSENT) {
		if (t->is_deep || record->type != JSON_OBJECT)
			return UNSURE;
		s.type = JSON_NULL;
	}
	if (t->kind == TEST_TRUTH)
		return s.type != JSON_NULL && s.type != JSON_FALSE;
	if (t->kind == TEST_NUMBER)
		return s.type == JSON_NUMBER ? answer_number(t->op, num_to_double(s.p, s.len), t->number)
					     : answer_order(t->op, (int)s.type - JSON_NUMBER);
	if (t->kind == TEST_STRING)
		return s.type == JSON_STRING ? answer_string(t, s) : answer_order(t->op, (int)s.type - JSON_STRING);
	return answer_order(t->op, (int)s.type - t->literal);
}

static enum answer answer(struct run *r, const struct test *t, const struct json_record *record)
{
	while (t->kind != TEST_END) {
		enum answer a = answer_one(r, t, record);

		if (a == UNSURE)
			return UNSURE;
		t = a == YES ? t->yes : t->no;
	}
	return t->literal == JSON_TRUE ? YES : NO;
}

static bool write_value(struct run *r, const struct node *n, struct buf *out)
{
	struct value v;

	if (eval_one(r, n, r->root, &v))
		return false;
	value_print_inner(r, out, v);
	return true;
}

static bool write_template(struct run *r, const struct json_record *record, struct buf *out)
{
	const struct jq_program *program = r->program;

	for (uint32_t i = 0; i < program->n_pieces; i++) {
		const struct piece *p = &program->pieces[i];
		struct json_span s;

		buf_add(out, p->text.p, p->text.len);
		if (p->value && !write_value(r, p->value, out))
			return false;
		if (p->slot < 0)
			continue;
		s = record->spans[p->slot];
		if (s.type != JSON_ABSENT)
			buf_add(out, s.p, s.len);
		else if (!p->is_deep && record->type == JSON_OBJECT)
			buf_add(out, "null", 4);
		else
			return false;
	}
	return true;
}

/* A record that would be printed as it stands but for the one value. */
static bool write_splice(struct run *r, const struct json_record *record, struct buf *out)
{
	const struct splice *splice = &r->program->splice;
	struct json_span old = record->spans[splice->slot];
	const char *end = record->value.p + record->value.len, *rest;
	struct value v;

	if (!record->is_tight || old.type == JSON_ABSENT ||
		eval_new_value(r, splice->assignment, r->root, value_span(old), &v))
		return false;
	rest = old.p + old.len;
	buf_add(out, record->value.p, (size_t)(old.p - record->value.p));
	value_print_inner(r, out, v);
	buf_add(out, rest, (size_t)(end - rest));
	buf_add_char(out, '\n');
	return true;
}

static inline enum jq_verdict judge(struct run *r, const struct json_record *record, struct buf *out)
{
	const struct jq_program *program = r->program;
	enum answer a = answer(r, program->test, record);
	size_t start = out->len;

	if (a != YES)
		return a == NO ? JQ_DROP : JQ_EVALUATE;
	if (!program->pieces && !program->splice.assignment)
		return JQ_KEEP;
	if (program->pieces ? write_template(r, record, out) : write_splice(r, record, out))
		return JQ_WROTE;
	out->len = start;
	return JQ_EVALUATE;
}

/* With values that are evaluated, within the limits of a record. Apart: setjmp() keeps a function out of registers. */
static __attribute__((noinline)) enum jq_verdict judge_values(
	struct run *r, const struct json_record *record, struct buf *out)
{
	r->record = record;
	r->root = value_span(record->value);
	run_begin(r, out);
	if (setjmp(r->on_limit)) {
		out->len = r->out_start;
		return JQ_EVALUATE;
	}
	return judge(r, record, out);
}

enum jq_verdict jq_judge(struct jq_run *r, const struct json_record *record, struct buf *out)
{
	if (!r->is_simple)
		return JQ_EVALUATE;
	return r->program->has_values ? judge_values(r, record, out) : judge(r, record, out);
}

bool jq_sieve(const struct jq_run *r, size_t *slot, struct slice *text)
{
	const struct test *first = r->program->test;

	if (!r->is_simple || first->kind != TEST_STRING || first->op != OP_EQ || first->no->kind != TEST_END ||
		first->no->literal == JSON_TRUE)
		return false;
	*slot = first->slot;
	*text = first->string;
	return true;
}

int jq_takes(struct jq_run *run, const struct json_record *record, struct buf *scratch, struct jq_result *result)
{
	struct jq_result got;

	buf_reset(scratch);
	switch (jq_judge(run, record, scratch)) {
	case JQ_DROP:
		return 0;
	case JQ_KEEP:
	case JQ_WROTE: /* not of a select */
		return 1;
	case JQ_EVALUATE:
		break;
	}
	jq_run_record(run, record, scratch, &got);
	if (got.status == JQ_OK)
		return got.outputs > 0;
	*result = got;
	return -1;
}
