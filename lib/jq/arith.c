/*
 * Operators over two values, with jq's rules for each pair of types and its messages.
 */
#include "jq/impl.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { SHOWN_BYTES = 15 }; /* of a value in a message, its NUL included */

/* A value as messages show it: cut to fit, three dots at the end. */
void show_value(struct run *r, struct value v, char *out, size_t size)
{
	size_t len;

	buf_reset(&r->message);
	value_dump(r, &r->message, v);
	len = strnlen(r->message.p, r->message.len);
	if (len > size - 1) {
		memcpy(out, r->message.p, size - 1);
		memcpy(out + size - 4, "...", 4);
	} else {
		memcpy(out, r->message.p, len);
		out[len] = '\0';
	}
}

int raise_type(struct run *r, struct value v, const char *what)
{
	char shown[SHOWN_BYTES];

	show_value(r, v, shown, sizeof shown);
	return raise_text(r, "%s (%s) %s", value_kind(v), shown, what);
}

int raise_types(struct run *r, struct value a, struct value b, const char *what)
{
	char left[SHOWN_BYTES], right[SHOWN_BYTES];

	show_value(r, a, left, sizeof left);
	show_value(r, b, right, sizeof right);
	return raise_text(r, "%s (%s) and %s (%s) %s", value_kind(a), left, value_kind(b), right, what);
}

/*
 * A sum that is added to again (join, a fold with +) gets room to grow: the string made last is extended where it
 * stands, so n additions cost O(n). Who still holds the shorter string sees its own length of the same bytes.
 */
static struct value concat_strings(struct run *r, struct value a, struct value b)
{
	struct slice x = value_text(r, a), y = value_text(r, b);
	bool is_last = a.form == FORM_BUILT && x.len && x.p + x.len == r->last_string_end;
	size_t room = 2 * (x.len + y.len);
	char *p = r->last_string;

	run_step(r, y.len / 64);
	if (is_last && (size_t)(r->last_string_room - r->last_string_end) >= y.len) {
		memmove(r->last_string_end, y.p, y.len);
	} else {
		run_step(r, x.len / 64);
		if (x.len + y.len > UINT32_MAX)
			run_limit(r, "the program made a string above 4 GiB");
		p = arena_alloc(&r->arena, is_last ? room : x.len + y.len);
		r->last_string = p;
		r->last_string_room = p + (is_last ? room : x.len + y.len);
		if (x.len)
			memcpy(p, x.p, x.len);
		if (y.len)
			memcpy(p + x.len, y.p, y.len);
	}
	r->last_string_end = p + x.len + y.len;
	return value_borrow(p, x.len + y.len);
}

/* Grows the array made last in place, as strings do. Only arrays that no update owns are shared like that. */
static struct value concat_arrays(struct run *r, struct value a, struct value b)
{
	struct array *x = value_array(r, a), *y = value_array(r, b), *sum;
	bool is_last = a.form == FORM_BUILT && x->n && x->items + x->n == r->last_items_end;
	size_t n = (size_t)x->n + y->n;

	run_step(r, y->n);
	if (is_last && r->last_items_room >= r->last_items_end + y->n) {
		sum = array_new(r, 0);
		sum->items = x->items;
		sum->n = sum->cap = (uint32_t)n;
		if (y->n)
			memmove(r->last_items_end, y->items, y->n * sizeof *y->items);
		r->last_items_end += y->n;
		return value_from_array(sum);
	}
	run_step(r, x->n);
	sum = array_new(r, is_last ? 2 * n : n);
	r->last_items_end = sum->items + n;
	r->last_items_room = sum->items + sum->cap;
	sum->cap = (uint32_t)n;
	if (x->n)
		memcpy(sum->items, x->items, x->n * sizeof *x->items);
	if (y->n)
		memcpy(sum->items + x->n, y->items, y->n * sizeof *y->items);
	sum->n = (uint32_t)n;
	return value_from_array(sum);
}

static struct object *copy_object(struct run *r, struct object *o, uint32_t more)
{
	struct object *copy = object_new(r, (size_t)o->n + more);

	run_step(r, (uint64_t)o->n + more);
	if (o->n)
		memcpy(copy->entries, o->entries, o->n * sizeof *o->entries);
	copy->n = o->n;
	return copy;
}

/* is_deep: objects under the same key are merged too (`*`). As deep as the shallower operand. */
static struct value merge_objects(struct run *r, struct value a, struct value b, bool is_deep)
{
	struct object *y = value_object(r, b), *sum = copy_object(r, value_object(r, a), y->n);

	for (uint32_t i = 0; i < y->n; i++) {
		const struct entry *e = &y->entries[i];
		struct entry *old = is_deep ? object_find(r, sum, e->key) : NULL;
		struct value v = e->value;

		if (old && old->value.type == JSON_OBJECT && v.type == JSON_OBJECT)
			v = merge_objects(r, old->value, v, true);
		object_set(r, sum, e->key, e->text, v);
	}
	return value_from_object(sum);
}

static int add(struct run *r, struct value a, struct value b, struct value *out)
{
	if (a.type == JSON_NULL)
		*out = b;
	else if (b.type == JSON_NULL)
		*out = a;
	else if (a.type == JSON_NUMBER && b.type == JSON_NUMBER)
		*out = value_number(value_double(a) + value_double(b));
	else if (a.type == JSON_STRING && b.type == JSON_STRING)
		*out = concat_strings(r, a, b);
	else if (a.type == JSON_ARRAY && b.type == JSON_ARRAY)
		*out = concat_arrays(r, a, b);
	else if (a.type == JSON_OBJECT && b.type == JSON_OBJECT)
		*out = merge_objects(r, a, b, false);
	else
		return raise_types(r, a, b, "cannot be added");
	return 0;
}

static int subtract(struct run *r, struct value a, struct value b, struct value *out)
{
	struct array *x, *y, *rest;

	if (a.type == JSON_NUMBER && b.type == JSON_NUMBER) {
		*out = value_number(value_double(a) - value_double(b));
		return 0;
	}
	if (a.type != JSON_ARRAY || b.type != JSON_ARRAY)
		return raise_types(r, a, b, "cannot be subtracted");
	x = value_array(r, a);
	y = value_array(r, b);
	rest = array_new(r, 0);
	for (uint32_t i = 0; i < x->n; i++) {
		uint32_t k = 0;

		while (k < y->n && !value_eq(r, x->items[i], y->items[k]))
			k++;
		if (k == y->n)
			array_add(r, rest, x->items[i]);
	}
	*out = value_from_array(rest);
	return 0;
}

/*
 * How often a text stands in itself times n. In 1.6 once for 0 < n <= 1, and null (-1) for less and for NaN; in 1.8 n
 * without its fraction, and null below 0. Releases of 1.7 are not of one mind below 1.
 */
static int64_t repetitions(struct run *r, double n)
{
	if (is_later(r)) {
		if (n < 1 && r->program->dialect == JQ_DIALECT_1_7)
			run_elsewhere(r);
		return !(n >= 0) ? -1 : n < INT_MAX ? (int64_t)n : INT_MAX;
	}
	if (!(n > 0))
		return -1;
	return n - 1 < 1 ? 1 : n - 1 < INT_MAX ? (int64_t)(n - 1) + 1 : (int64_t)INT_MAX + 1;
}

static int repeat_string(struct run *r, struct value text, double n, struct value *out)
{
	int64_t times = repetitions(r, n);
	struct slice s;
	uint64_t count;
	char *p;

	*out = times < 0 ? value_literal(JSON_NULL) : text;
	if (times < 0 || times == 1)
		return 0;
	s = value_text(r, text);
	count = (uint64_t)times;
	if (count > INT_MAX || s.len * count > INT_MAX)
		return raise_text(r, "Repeat string result too long");
	if (s.len * count > r->limits.bytes)
		run_limit(r, "the program took more than its bytes for one record");
	run_step(r, s.len ? count : 1);
	p = arena_alloc(&r->arena, s.len * count);
	for (uint64_t i = 0; s.len && i < count; i++)
		memcpy(p + i * s.len, s.p, s.len);
	*out = value_borrow(p, s.len * count);
	return 0;
}

static int multiply(struct run *r, struct value a, struct value b, struct value *out)
{
	if (a.type == JSON_NUMBER && b.type == JSON_NUMBER)
		*out = value_number(value_double(a) * value_double(b));
	else if (a.type == JSON_STRING && b.type == JSON_NUMBER)
		return repeat_string(r, a, value_double(b), out);
	else if (a.type == JSON_NUMBER && b.type == JSON_STRING)
		return repeat_string(r, b, value_double(a), out);
	else if (a.type == JSON_OBJECT && b.type == JSON_OBJECT)
		*out = merge_objects(r, a, b, true);
	else
		return raise_types(r, a, b, "cannot be multiplied");
	return 0;
}

struct value split_string(struct run *r, struct slice s, struct slice sep)
{
	struct array *parts = array_new(r, 0);
	const char *p = s.p, *end = s.p + s.len, *found;

	run_step(r, s.len / 16);
	if (sep.len == 0) {
		for (const char *next; p < end; p = next) {
			for (next = p + 1; next < end && ((unsigned char)*next & 0xc0) == 0x80;)
				next++;
			array_add(r, parts, value_borrow(p, (size_t)(next - p)));
		}
		return value_from_array(parts);
	}
	while (p < end) {
		found = memmem(p, (size_t)(end - p), sep.p, sep.len);
		array_add(r, parts, value_borrow(p, (size_t)((found ? found : end) - p)));
		if (!found)
			break;
		p = found + sep.len;
		if (p == end)
			array_add(r, parts, value_borrow(end, 0));
	}
	return value_from_array(parts);
}

static int divide(struct run *r, struct value a, struct value b, struct value *out)
{
	if (a.type == JSON_NUMBER && b.type == JSON_NUMBER) {
		double divisor = value_double(b);

		if (!(divisor < 0 || divisor > 0) && divisor == divisor)
			return raise_types(r, a, b, "cannot be divided because the divisor is zero");
		*out = value_number(value_double(a) / divisor);
		return 0;
	}
	if (a.type == JSON_STRING && b.type == JSON_STRING) {
		*out = split_string(r, value_text(r, a), value_text(r, b));
		return 0;
	}
	return raise_types(r, a, b, "cannot be divided");
}

/* What does not fit: what an x86 conversion gives in 1.6, the nearest that fits later. */
static intmax_t to_integer(struct run *r, double d)
{
	if (d >= -9223372036854775808.0 && d < 9223372036854775808.0)
		return (intmax_t)d;
	return is_later(r) && d > 0 ? INTMAX_MAX : INTMAX_MIN;
}

static int modulo(struct run *r, struct value a, struct value b, struct value *out)
{
	intmax_t x, y;

	if (a.type != JSON_NUMBER || b.type != JSON_NUMBER)
		return raise_types(r, a, b, "cannot be divided (remainder)");
	if (is_later(r) && (isnan(value_double(a)) || isnan(value_double(b)))) {
		*out = value_number(NAN);
		return 0;
	}
	x = to_integer(r, value_double(a));
	y = to_integer(r, value_double(b));
	if (y == 0)
		return raise_types(r, a, b, "cannot be divided (remainder) because the divisor is zero");
	/* the one quotient that does not fit: libjq dies of it, the remainder is 0 */
	*out = value_number(y == -1 ? 0 : (double)(x % y));
	return 0;
}

int arith(struct run *r, enum op op, struct value a, struct value b, struct value *out)
{
	switch (op) {
	case OP_ADD:
		return add(r, a, b, out);
	case OP_SUB:
		return subtract(r, a, b, out);
	case OP_MUL:
		return multiply(r, a, b, out);
	case OP_DIV:
		return divide(r, a, b, out);
	default:
		return modulo(r, a, b, out);
	}
}

bool compare(struct run *r, enum op op, struct value a, struct value b)
{
	switch (op) {
	case OP_EQ:
		return value_eq(r, a, b);
	case OP_NE:
		return !value_eq(r, a, b);
	case OP_LT:
		return value_cmp(r, a, b) < 0;
	case OP_LE:
		return value_cmp(r, a, b) <= 0;
	case OP_GT:
		return value_cmp(r, a, b) > 0;
	default:
		return value_cmp(r, a, b) >= 0;
	}
}
