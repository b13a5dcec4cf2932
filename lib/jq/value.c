/*
 * Values: what a span means, and the arrays and objects that a program builds. A container of the record is taken apart
 * one level at a time, and only when a program looks inside.
 */
#include "jq/impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem/mem.h"
#include "num/num.h"

const char *value_kind(struct value v)
{
	static const char *const names[] = {
		"<invalid>", "null", "boolean", "boolean", "number", "string", "array", "object"};

	return names[v.type];
}

int raise_value(struct run *r, struct value message)
{
	r->has_error = true;
	r->error = message;
	return -1;
}

/* A copy where a character that a message cut in two is U+FFFD. */
static struct value valid_string(struct run *r, const char *p, size_t len)
{
	size_t i = 0;

	if (json_is_utf8(p, len))
		return value_string(r, p, len);
	buf_reset(&r->scratch);
	while (i < len) {
		unsigned char c = (unsigned char)p[i];
		size_t need = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2, have = 1;

		while (have < need && i + have < len && ((unsigned char)p[i + have] & 0xc0) == 0x80)
			have++;
		if (have == need)
			buf_add(&r->scratch, p + i, have);
		else
			buf_add_str(&r->scratch, "\xef\xbf\xbd");
		i += have;
	}
	return value_string(r, r->scratch.p, r->scratch.len);
}

int raise_text(struct run *r, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		mem_fail();
	raise_value(r, valid_string(r, text, (size_t)len));
	free(text);
	return -1;
}

/* ---- scalars ---- */

struct value value_borrow(const char *p, size_t len)
{
	return (struct value){.p = p, .len = (uint32_t)len, .type = JSON_STRING, .form = FORM_BUILT};
}

struct value value_string(struct run *r, const char *p, size_t len)
{
	char *copy = arena_alloc(&r->arena, len);

	if (len)
		memcpy(copy, p, len);
	return value_borrow(copy, len);
}

double value_double(struct value v)
{
	return v.form == FORM_TEXT ? num_to_double(v.p, v.len) : v.number;
}

struct slice value_text(struct run *r, struct value v)
{
	struct value copy;

	if (v.form == FORM_BUILT)
		return (struct slice){v.p, v.len};
	if (!v.is_escaped)
		return (struct slice){v.p + 1, v.len - 2};
	buf_reset(&r->scratch);
	json_unescape(&r->scratch, value_as_span(v));
	copy = value_string(r, r->scratch.p, r->scratch.len);
	return (struct slice){copy.p, copy.len};
}

/* ---- arrays ---- */

struct value value_from_array(struct array *a)
{
	return (struct value){.array = a, .type = JSON_ARRAY, .form = FORM_BUILT};
}

struct array *array_new(struct run *r, size_t cap)
{
	struct array *a = arena_alloc(&r->arena, sizeof *a);

	a->n = 0;
	a->cap = (uint32_t)cap;
	a->owner = 0;
	a->items = cap ? arena_alloc(&r->arena, cap * sizeof *a->items) : NULL;
	return a;
}

void array_add(struct run *r, struct array *a, struct value v)
{
	if (a->n == a->cap) {
		uint32_t cap = a->cap ? a->cap * 2 : 4;

		a->items = arena_more(&r->arena, a->items, a->n * sizeof *a->items, cap * sizeof *a->items);
		a->cap = cap;
	}
	a->items[a->n++] = v;
}

struct array *value_array(struct run *r, struct value v)
{
	struct json_span key, element;
	struct json_iter it;
	struct array *a;

	if (v.form == FORM_BUILT)
		return v.array;
	a = array_new(r, 0);
	json_iter_init(&it, value_as_span(v));
	while (json_iter_next(&it, &key, &element)) {
		run_step(r, 1);
		array_add(r, a, value_span(element));
	}
	return a;
}

struct array *array_own(struct run *r, struct value v, uint32_t owner)
{
	struct array *a = value_array(r, v), *copy;

	if (v.form == FORM_TEXT || (owner && a->owner == owner)) {
		a->owner = owner;
		return a;
	}
	run_step(r, a->n);
	copy = array_new(r, a->n);
	if (a->n)
		memcpy(copy->items, a->items, a->n * sizeof *a->items);
	copy->n = a->n;
	copy->owner = owner;
	return copy;
}

/* ---- objects ---- */

enum { INDEX_FROM = 12 };

struct value value_from_object(struct object *o)
{
	return (struct value){.object = o, .type = JSON_OBJECT, .form = FORM_BUILT};
}

struct object *object_new(struct run *r, size_t cap)
{
	struct object *o = arena_alloc(&r->arena, sizeof *o);

	memset(o, 0, sizeof *o);
	o->cap = (uint32_t)cap;
	o->entries = cap ? arena_alloc(&r->arena, cap * sizeof *o->entries) : NULL;
	return o;
}

static void put_index(struct run *r, struct object *o, uint32_t entry)
{
	uint32_t mask = o->index_size - 1, i = (uint32_t)slice_hash(o->entries[entry].key) & mask;

	while (o->index[i]) {
		i = (i + 1) & mask;
		run_step(r, 1);
	}
	o->index[i] = entry + 1;
}

static void build_index(struct run *r, struct object *o)
{
	uint32_t size = 32;

	while (size < o->n * 4)
		size *= 2;
	o->index = arena_alloc(&r->arena, size * sizeof *o->index);
	memset(o->index, 0, size * sizeof *o->index);
	o->index_size = size;
	for (uint32_t i = 0; i < o->n; i++)
		put_index(r, o, i);
}

struct entry *object_find(struct run *r, struct object *o, struct slice key)
{
	uint32_t mask, i;

	if (o->n < INDEX_FROM) {
		for (i = 0; i < o->n; i++)
			if (slice_eq(o->entries[i].key, key))
				return &o->entries[i];
		return NULL;
	}
	if (!o->index)
		build_index(r, o);
	mask = o->index_size - 1;
	for (i = (uint32_t)slice_hash(key) & mask; o->index[i]; i = (i + 1) & mask) {
		struct entry *e = &o->entries[o->index[i] - 1];

		run_step(r, 1);
		if (slice_eq(e->key, key))
			return e;
	}
	return NULL;
}

void object_set(struct run *r, struct object *o, struct slice key, struct slice text, struct value v)
{
	struct entry *e = object_find(r, o, key);

	if (e) {
		e->value = v;
		return;
	}
	if (o->n == o->cap) {
		uint32_t cap = o->cap ? o->cap * 2 : 8;

		o->entries = arena_more(&r->arena, o->entries, o->n * sizeof *e, cap * sizeof *e);
		o->cap = cap;
	}
	o->entries[o->n++] = (struct entry){.key = key, .text = text, .value = v};
	if (o->index && o->n * 2 > o->index_size)
		o->index = NULL;
	else if (o->index)
		put_index(r, o, o->n - 1);
}

/* Duplicate keys: the first place, the last value, as in jq. */
struct object *value_object(struct run *r, struct value v)
{
	struct json_span key, value;
	struct json_iter it;
	struct object *o;

	if (v.form == FORM_BUILT)
		return v.object;
	o = object_new(r, 8);
	json_iter_init(&it, value_as_span(v));
	while (json_iter_next(&it, &key, &value)) {
		run_step(r, 1);
		object_set(r, o, value_text(r, value_span(key)), (struct slice){key.p, key.len}, value_span(value));
	}
	return o;
}

struct object *object_own(struct run *r, struct value v, uint32_t owner)
{
	struct object *o = value_object(r, v), *copy;

	if (v.form == FORM_TEXT || (owner && o->owner == owner)) {
		o->owner = owner;
		return o;
	}
	run_step(r, o->n);
	copy = object_new(r, o->n + 4);
	if (o->n)
		memcpy(copy->entries, o->entries, o->n * sizeof *o->entries);
	copy->n = o->n;
	copy->owner = owner;
	return copy;
}

static int compare_entries(const void *a, const void *b, void *object)
{
	const struct object *o = object;

	return slice_cmp(o->entries[*(const uint32_t *)a].key, o->entries[*(const uint32_t *)b].key);
}

uint32_t *object_order(struct run *r, const struct object *o)
{
	uint32_t *order = arena_alloc(&r->arena, (o->n + 1) * sizeof *order);
	union {
		const struct object *in;
		void *out;
	} arg = {o};

	for (uint32_t i = 0; i < o->n; i++)
		order[i] = i;
	qsort_r(order, o->n, sizeof *order, compare_entries, arg.out);
	return order;
}

/* ---- order and equality ---- */

/* jq takes NaN as less than every number, itself included. */
static int compare_numbers(double a, double b)
{
	if (a < b || a != a)
		return -1;
	return a == b ? 0 : 1;
}

static int compare_arrays(struct run *r, struct array *a, struct array *b)
{
	for (uint32_t i = 0; i < a->n && i < b->n; i++) {
		int order = value_cmp(r, a->items[i], b->items[i]);

		if (order)
			return order;
	}
	return a->n < b->n ? -1 : a->n > b->n;
}

/* First the sorted keys as arrays, then the values in that order. */
static int compare_objects(struct run *r, struct object *a, struct object *b)
{
	uint32_t *in_a = object_order(r, a), *in_b = object_order(r, b), n = a->n < b->n ? a->n : b->n;
	int order;

	for (uint32_t i = 0; i < n; i++) {
		order = slice_cmp(a->entries[in_a[i]].key, b->entries[in_b[i]].key);
		if (order)
			return order;
	}
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (uint32_t i = 0; i < n; i++) {
		order = value_cmp(r, a->entries[in_a[i]].value, b->entries[in_b[i]].value);
		if (order)
			return order;
	}
	return 0;
}

int value_cmp(struct run *r, struct value a, struct value b)
{
	run_step(r, 1);
	if (a.type != b.type)
		return (int)a.type - (int)b.type;
	switch (a.type) {
	case JSON_NUMBER:
		return compare_numbers(value_double(a), value_double(b));
	case JSON_STRING:
		return slice_cmp(value_text(r, a), value_text(r, b));
	case JSON_ARRAY:
		return compare_arrays(r, value_array(r, a), value_array(r, b));
	case JSON_OBJECT:
		return compare_objects(r, value_object(r, a), value_object(r, b));
	default:
		return 0;
	}
}

static bool equal_objects(struct run *r, struct object *a, struct object *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		struct entry *e = object_find(r, b, a->entries[i].key);

		if (!e || !value_eq(r, a->entries[i].value, e->value))
			return false;
	}
	return true;
}

bool value_eq(struct run *r, struct value a, struct value b)
{
	struct array *x, *y;

	run_step(r, 1);
	if (a.type != b.type)
		return false;
	switch (a.type) {
	case JSON_NUMBER:
		return value_double(a) == value_double(b);
	case JSON_STRING:
		return slice_eq(value_text(r, a), value_text(r, b));
	case JSON_ARRAY:
		x = value_array(r, a);
		y = value_array(r, b);
		if (x->n != y->n)
			return false;
		for (uint32_t i = 0; i < x->n; i++)
			if (!value_eq(r, x->items[i], y->items[i]))
				return false;
		return true;
	case JSON_OBJECT:
		return equal_objects(r, value_object(r, a), value_object(r, b));
	default:
		return true;
	}
}
