/*
 * The builtins that take values: each as jq 1.6 has it, errors included. Arguments are evaluated by the caller.
 */
#include "jq/impl.h"

#include <math.h>

/* ---- values ---- */

static int b_type(struct run *r, struct value in, const struct value *args, struct value *out)
{
	const char *kind = value_kind(in);

	(void)r;
	(void)args;
	*out = value_borrow(kind, strlen(kind));
	return 0;
}

static uint32_t count_characters(struct run *r, struct slice s)
{
	uint32_t n = 0;

	run_step(r, s.len / 16);
	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static int b_length(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)args;
	switch (in.type) {
	case JSON_ARRAY:
		*out = value_number(value_array(r, in)->n);
		return 0;
	case JSON_OBJECT:
		*out = value_number(value_object(r, in)->n);
		return 0;
	case JSON_STRING:
		*out = value_number(count_characters(r, value_text(r, in)));
		return 0;
	case JSON_NUMBER:
		if (r->program->dialect >= JQ_DIALECT_1_8)
			leave_other_forms(r, in);
		*out = value_number(fabs(value_double(in)));
		return 0;
	case JSON_NULL:
		*out = value_number(0);
		return 0;
	default:
		return raise_type(r, in, "has no length");
	}
}

static int b_utf8bytelength(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)args;
	if (in.type != JSON_STRING)
		return raise_type(r, in, "only strings have UTF-8 byte length");
	*out = value_number((double)value_text(r, in).len);
	return 0;
}

static int list_keys(struct run *r, struct value in, bool is_sorted, struct value *out)
{
	struct array *keys = array_new(r, 0);
	struct object *o;
	uint32_t *order;

	if (in.type == JSON_ARRAY) {
		for (uint32_t i = 0, n = value_array(r, in)->n; i < n; i++)
			array_add(r, keys, value_number(i));
	} else if (in.type == JSON_OBJECT) {
		o = value_object(r, in);
		order = is_sorted ? object_order(r, o) : NULL;
		run_step(r, o->n);
		for (uint32_t i = 0; i < o->n; i++) {
			const struct entry *e = &o->entries[order ? order[i] : i];

			array_add(r, keys, value_borrow(e->key.p, e->key.len));
		}
	} else {
		return raise_type(r, in, "has no keys");
	}
	*out = value_from_array(keys);
	return 0;
}

static int b_keys(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)args;
	return list_keys(r, in, true, out);
}

static int b_keys_unsorted(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)args;
	return list_keys(r, in, false, out);
}

static int b_has(struct run *r, struct value in, const struct value *args, struct value *out)
{
	bool has;

	if (value_has(r, in, args[0], &has))
		return -1;
	*out = value_bool(has);
	return 0;
}

static bool contains(struct run *r, struct value a, struct value b);

static bool contains_object(struct run *r, struct object *a, struct object *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		struct entry *e = object_find(r, a, b->entries[i].key);

		if (!e || !contains(r, e->value, b->entries[i].value))
			return false;
	}
	return true;
}

static bool contains_array(struct run *r, struct array *a, struct array *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t k = 0;

		while (k < a->n && !contains(r, a->items[k], b->items[i]))
			k++;
		if (k == a->n)
			return false;
	}
	return true;
}

/* Strings as C strings, as libjq 1.6 compares them: up to a NUL. */
static bool contains_text(struct run *r, struct slice a, struct slice b)
{
	size_t a_len = strnlen(a.p, a.len), b_len = strnlen(b.p, b.len);

	if (is_later(r) && (a_len < a.len || b_len < b.len))
		run_elsewhere(r);
	return b_len == 0 || memmem(a.p, a_len, b.p, b_len);
}

static bool contains(struct run *r, struct value a, struct value b)
{
	run_step(r, 1);
	if (a.type != b.type)
		return false;
	if (a.type == JSON_OBJECT)
		return contains_object(r, value_object(r, a), value_object(r, b));
	if (a.type == JSON_ARRAY)
		return contains_array(r, value_array(r, a), value_array(r, b));
	if (a.type == JSON_STRING)
		return contains_text(r, value_text(r, a), value_text(r, b));
	return value_eq(r, a, b);
}

static int b_contains(struct run *r, struct value in, const struct value *args, struct value *out)
{
	bool is_boolean = (in.type == JSON_TRUE || in.type == JSON_FALSE) && in.type == args[0].type;

	if (in.type != args[0].type && !is_boolean)
		return raise_types(r, in, args[0], "cannot have their containment checked");
	*out = value_bool(contains(r, in, args[0]));
	return 0;
}

static int b_error0(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)args;
	(void)out;
	return raise_value(r, in);
}

static int b_error1(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)in;
	(void)out;
	return raise_value(r, args[0]);
}

/* ---- text ---- */

static int b_tojson(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)args;
	buf_reset(&r->message);
	value_dump(r, &r->message, in);
	*out = value_string(r, r->message.p, r->message.len);
	return 0;
}

static int b_tostring(struct run *r, struct value in, const struct value *args, struct value *out)
{
	if (in.type != JSON_STRING)
		return b_tojson(r, in, args, out);
	*out = in;
	return 0;
}

static int b_startswith(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct slice s, head;

	if (in.type != JSON_STRING || args[0].type != JSON_STRING)
		return raise_text(r, "startswith() requires string inputs");
	s = value_text(r, in);
	head = value_text(r, args[0]);
	*out = value_bool(head.len <= s.len && memcmp(s.p, head.p, head.len) == 0);
	return 0;
}

static int b_endswith(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct slice s, tail;

	if (in.type != JSON_STRING || args[0].type != JSON_STRING)
		return raise_text(r, "endswith() requires string inputs");
	s = value_text(r, in);
	tail = value_text(r, args[0]);
	*out = value_bool(tail.len <= s.len && memcmp(s.p + s.len - tail.len, tail.p, tail.len) == 0);
	return 0;
}

/* What is no text passes in 1.6, and is an error of libjq later. */
static int pass_or_ask(struct run *r)
{
	if (is_later(r))
		run_elsewhere(r);
	return 0;
}

static int b_ltrimstr(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct slice s, head;

	*out = in;
	if (in.type != JSON_STRING || args[0].type != JSON_STRING)
		return pass_or_ask(r);
	s = value_text(r, in);
	head = value_text(r, args[0]);
	if (head.len <= s.len && memcmp(s.p, head.p, head.len) == 0)
		*out = value_borrow(s.p + head.len, s.len - head.len);
	return 0;
}

static int b_rtrimstr(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct slice s, tail;

	*out = in;
	if (in.type != JSON_STRING || args[0].type != JSON_STRING)
		return pass_or_ask(r);
	s = value_text(r, in);
	tail = value_text(r, args[0]);
	if (tail.len <= s.len && memcmp(s.p + s.len - tail.len, tail.p, tail.len) == 0)
		*out = value_borrow(s.p, s.len - tail.len);
	return 0;
}

static int change_case(struct run *r, struct value in, char first, char last, struct value *out)
{
	struct slice s;
	char *p;

	if (in.type != JSON_STRING)
		return raise_text(r, "explode input must be a string");
	s = value_text(r, in);
	run_step(r, s.len / 16);
	p = arena_alloc(&r->arena, s.len);
	for (size_t i = 0; i < s.len; i++)
		p[i] = s.p[i] >= first && s.p[i] <= last ? (char)(s.p[i] ^ 0x20) : s.p[i];
	*out = value_borrow(p, s.len);
	return 0;
}

static int b_ascii_downcase(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)args;
	return change_case(r, in, 'A', 'Z', out);
}

static int b_ascii_upcase(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)args;
	return change_case(r, in, 'a', 'z', out);
}

static int b_split(struct run *r, struct value in, const struct value *args, struct value *out)
{
	if (in.type != JSON_STRING || args[0].type != JSON_STRING)
		return raise_text(r, "split input and separator must be strings");
	*out = split_string(r, value_text(r, in), value_text(r, args[0]));
	return 0;
}

/* The elements of an array, or the values of an object, as .[] gives them. NULL after raising. */
static struct array *list_values(struct run *r, struct value in)
{
	char shown[15];
	struct array *values;
	struct object *o;

	if (in.type == JSON_ARRAY)
		return value_array(r, in);
	if (in.type != JSON_OBJECT) {
		show_value(r, in, shown, sizeof shown);
		raise_text(r, "Cannot iterate over %s (%s)", value_kind(in), shown);
		return NULL;
	}
	o = value_object(r, in);
	values = array_new(r, o->n);
	run_step(r, o->n);
	for (uint32_t i = 0; i < o->n; i++)
		array_add(r, values, o->entries[i].value);
	return values;
}

/*
 * jq defines join as a fold with +: ("" or what is there + separator) + piece, where booleans and numbers become text
 * and null "". Sums of strings grow in place, so this is linear.
 */
static int b_join(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct array *values = list_values(r, in);
	struct value sum = value_borrow("", 0), piece;

	if (!values)
		return -1;
	for (uint32_t i = 0; i < values->n; i++) {
		piece = values->items[i];
		if (piece.type == JSON_NULL)
			piece = value_borrow("", 0);
		else if (piece.type == JSON_FALSE || piece.type == JSON_TRUE || piece.type == JSON_NUMBER)
			b_tojson(r, piece, NULL, &piece);
		if (i && arith(r, OP_ADD, sum, args[0], &sum))
			return -1;
		if (arith(r, OP_ADD, sum, piece, &sum))
			return -1;
	}
	*out = value_is_true(sum) ? sum : value_borrow("", 0);
	return 0;
}

static int b_add(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct array *values = list_values(r, in);
	struct value sum = value_literal(JSON_NULL);
	uint32_t owner = ++r->owner;

	(void)args;
	if (!values)
		return -1;
	for (uint32_t i = 0; i < values->n; i++) {
		struct value v = values->items[i];

		run_step(r, 1);
		if (sum.type == JSON_OBJECT && v.type == JSON_OBJECT) {
			/* the sum is ours alone: members go into it */
			struct object *o = object_own(r, sum, owner), *more = value_object(r, v);

			for (uint32_t k = 0; k < more->n; k++)
				object_set(r, o, more->entries[k].key, more->entries[k].text, more->entries[k].value);
			sum = value_from_object(o);
		} else if (arith(r, OP_ADD, sum, v, &sum)) {
			return -1;
		}
	}
	*out = sum;
	return 0;
}

static int b_to_entries(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct array *keys, *entries, *elements = NULL;
	struct object *members = NULL;

	(void)args;
	if (in.type == JSON_OBJECT)
		in = value_from_object(members = value_object(r, in));
	else if (in.type == JSON_ARRAY)
		in = value_from_array(elements = value_array(r, in));
	if (list_keys(r, in, false, out))
		return -1;
	keys = out->array;
	entries = array_new(r, keys->n);
	run_step(r, keys->n);
	for (uint32_t i = 0; i < keys->n; i++) {
		struct object *o = object_new(r, 2);

		object_set(r, o, SLICE_LIT("key"), (struct slice){NULL, 0}, keys->items[i]);
		object_set(r, o, SLICE_LIT("value"), (struct slice){NULL, 0},
			elements ? elements->items[i] : members->entries[i].value);
		array_add(r, entries, value_from_object(o));
	}
	*out = value_from_array(entries);
	return 0;
}

static const struct builtin rows[] = {{"type", 0, b_type}, {"length", 0, b_length},
	{"utf8bytelength", 0, b_utf8bytelength}, {"keys", 0, b_keys}, {"keys_unsorted", 0, b_keys_unsorted},
	{"has", 1, b_has}, {"contains", 1, b_contains}, {"error", 0, b_error0}, {"error", 1, b_error1},
	{"tojson", 0, b_tojson}, {"tostring", 0, b_tostring}, {"startswith", 1, b_startswith},
	{"endswith", 1, b_endswith}, {"ltrimstr", 1, b_ltrimstr}, {"rtrimstr", 1, b_rtrimstr},
	{"ascii_downcase", 0, b_ascii_downcase}, {"ascii_upcase", 0, b_ascii_upcase}, {"split", 1, b_split},
	{"join", 1, b_join}, {"add", 0, b_add}, {"to_entries", 0, b_to_entries}};

const struct builtins builtins_plain = {rows, sizeof rows / sizeof *rows};

const struct builtin *builtin_find(struct slice name, uint32_t n_args)
{
	static const struct builtins *const tables[] = {
		&builtins_plain, &builtins_number, &builtins_order, &builtins_path, &builtins_tlm};

	for (size_t k = 0; k < sizeof tables / sizeof *tables; k++)
		for (size_t i = 0; i < tables[k]->n; i++)
			if (tables[k]->rows[i].n_args == n_args && slice_eq(name, slice_str(tables[k]->rows[i].name)))
				return &tables[k]->rows[i];
	return NULL;
}
