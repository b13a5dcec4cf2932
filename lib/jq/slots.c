/*
 * Paths of the record become slots of the scanner: what `.a.b` of the record is, the scanner has found already.
 */
#include "jq/impl.h"

#include <math.h>

#include "fieldpath/fieldpath.h"

enum { SLOTS_MAX = 64 };

static bool is_step(const struct node *n)
{
	double d;

	if (n->kind != N_INDEX || n->is_optional || n->b->kind != N_CONST)
		return false;
	if (n->b->value.type == JSON_STRING)
		return n->b->value.form == FORM_BUILT;
	if (n->b->value.type != JSON_NUMBER || n->b->value.form != FORM_BUILT)
		return false;
	d = n->b->value.number;
	return d >= 0 && d < 1e9 && d == floor(d);
}

/* The number of steps of `.a.b[0]`, or 0 when the node is no plain path of its input. */
static size_t count_steps(const struct node *n)
{
	size_t steps = 0;

	for (; is_step(n); n = n->a)
		steps++;
	return n->kind == N_IDENTITY && steps <= FIELDPATH_STEPS_MAX ? steps : 0;
}

static void add_path_text(struct buf *out, const struct fieldpath_step *step)
{
	bool is_plain = !step->is_index && step->key.len;

	for (size_t i = 0; is_plain && i < step->key.len; i++) {
		char c = step->key.p[i];

		is_plain = c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i && c >= '0' && c <= '9');
	}
	if (step->is_index) {
		buf_addf(out, "[%lld]", (long long)step->index);
	} else if (is_plain) {
		buf_add_char(out, '.');
		buf_add_slice(out, step->key);
	} else {
		buf_add_str(out, "[");
		json_add_string(out, step->key);
		buf_add_str(out, "]");
	}
}

static struct node *copy_node(struct jq_program *program, const struct node *n)
{
	struct node *copy = arena_alloc(&program->arena, sizeof *copy);

	*copy = *n;
	return copy;
}

static void become_slot(struct jq_program *program, struct node *n, size_t n_steps)
{
	struct fieldpath_step steps[FIELDPATH_STEPS_MAX];
	struct fieldpath path = {steps, n_steps, NULL};
	size_t before = json_paths_count(program->paths);
	const struct node *from = n;
	struct node *chain = copy_node(program, n);

	for (size_t i = n_steps; i-- > 0; from = from->a) {
		const struct value *key = &from->b->value;

		memset(&steps[i], 0, sizeof steps[i]);
		steps[i].is_index = key->type == JSON_NUMBER;
		if (steps[i].is_index)
			steps[i].index = (int64_t)key->number;
		else
			steps[i].key = (struct slice){key->p, key->len};
	}
	for (struct node *c = chain; c->kind == N_INDEX; c = c->a)
		c->is_single = c->b->is_single = c->a->is_single = true;
	n->kind = N_SLOT;
	n->a = chain;
	n->n = (uint32_t)n_steps;
	n->slot = (uint32_t)json_paths_add(program->paths, &path);
	n->is_single = chain->is_single = true;
	if (json_paths_count(program->paths) == before)
		return;
	if (before)
		buf_add_char(&program->explain_paths, ' ');
	if (steps[0].is_index)
		buf_add_char(&program->explain_paths, '.');
	for (size_t i = 0; i < n_steps; i++)
		add_path_text(&program->explain_paths, &steps[i]);
}
/* Whether what a node gives is its input, so that the record stays the record behind `select(...) |`. */
static bool keeps_input(const struct node *n)
{
	return n->kind == N_IDENTITY || n->kind == N_SELECT ||
	       (n->kind == N_PIPE && keeps_input(n->a) && keeps_input(n->b));
}
/* A second walk: paths of the record become slots, outermost first, so that `.a.b` is one slot and not two. */
static void assign_slots(struct jq_program *program, struct node *n, bool is_rooted)
{
	size_t steps = is_rooted ? count_steps(n) : 0;

	if (steps && json_paths_count(program->paths) < SLOTS_MAX) {
		become_slot(program, n, steps);
		return;
	}
	switch (n->kind) {
	case N_PIPE:
		assign_slots(program, n->a, is_rooted);
		assign_slots(program, n->b, is_rooted && keeps_input(n->a));
		return;
	case N_ASSIGN:
	case N_UPDATE:
	case N_ALT_UPDATE:
		assign_slots(program, n->b, is_rooted);
		return;
	case N_MODIFY:
	case N_MAP:
	case N_DEL:
	case N_PATH:
		return;
	case N_TRY:
		assign_slots(program, n->a, is_rooted);
		return;
	case N_REDUCE:
	case N_FOREACH:
		/* of several starts libjq gives its input to the first only: the loop of the others reads null */
		assign_slots(program, n->a, is_rooted && (n->b->is_single || count_steps(n->b)));
		assign_slots(program, n->b, is_rooted);
		return;
	default:
		break;
	}
	for (uint32_t i = 0; i < n->n && n->args; i++)
		assign_slots(program, n->args[i], is_rooted);
	for (uint32_t i = 0; i < n->n && n->pairs; i++) {
		assign_slots(program, n->pairs[i].key, is_rooted);
		assign_slots(program, n->pairs[i].value, is_rooted);
	}
	if (n->a)
		assign_slots(program, n->a, is_rooted);
	if (n->b)
		assign_slots(program, n->b, is_rooted);
	if (n->c)
		assign_slots(program, n->c, is_rooted);
}

void slots_assign(struct jq_program *program)
{
	assign_slots(program, program->root, true);
}
