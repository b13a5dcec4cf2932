/*
 * Looking into values and changing them: the rules and messages of jq's getpath, setpath and delpaths.
 */
#include "jq/impl.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "fieldpath/fieldpath.h"

/* As a C compiler for x86 converts: what does not fit is INT_MIN. */
static int to_int(double d)
{
	return d > -2147483649.0 && d < 2147483648.0 ? (int)d : INT_MIN;
}

static uint32_t count_characters(struct slice s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

/* ---- get ---- */

static struct value get_member(struct run *r, struct value t, struct slice key)
{
	struct entry *e;
	struct json_span name, value;
	struct json_iter it;
	struct value found = value_literal(JSON_NULL);

	if (t.form == FORM_BUILT) {
		e = object_find(r, t.object, key);
		return e ? e->value : found;
	}
	json_iter_init(&it, value_as_span(t));
	while (json_iter_next(&it, &name, &value)) {
		run_step(r, 1);
		if (name.is_escaped ? json_string_eq(name, key)
				    : name.len == key.len + 2 && memcmp(name.p + 1, key.p, key.len) == 0)
			found = value_span(value);
	}
	return found;
}

static struct value get_element(struct run *r, struct value t, double index)
{
	struct json_span key, value;
	struct json_iter it;
	int i;

	/* a fraction finds nothing in 1.6, and is cut off later */
	if (is_later(r) && !(fabs(index) < INT_MAX && index == (double)(int)index))
		run_elsewhere(r);
	if (index != index || index > INT_MAX || index < INT_MIN || index != (double)(int)index)
		return value_literal(JSON_NULL);
	i = (int)index;
	if (t.form == FORM_TEXT && i >= 0) {
		json_iter_init(&it, value_as_span(t));
		while (json_iter_next(&it, &key, &value)) {
			run_step(r, 1);
			if (i-- == 0)
				return value_span(value);
		}
		return value_literal(JSON_NULL);
	}
	struct array *a = value_array(r, t);

	if (i < 0)
		i += (int)a->n;
	return i >= 0 && (uint32_t)i < a->n ? a->items[i] : value_literal(JSON_NULL);
}

/* Where an array occurs in another: .[[1,2]]. */
static struct value find_subarrays(struct run *r, struct value in, struct value what)
{
	struct array *a = value_array(r, in), *b = value_array(r, what), *found = array_new(r, 0);

	for (uint32_t i = 0; b->n && i < a->n; i++) {
		bool is_equal = true;

		for (uint32_t k = 0; is_equal && k < b->n; k++)
			is_equal = i + k < a->n && value_eq(r, a->items[i + k], b->items[k]);
		if (is_equal)
			array_add(r, found, value_number(i));
	}
	return value_from_array(found);
}

static int raise_index(struct run *r, struct value t, struct value key)
{
	struct slice name;

	if (key.type == JSON_STRING) {
		name = value_text(r, key);
		if (name.len < 30)
			return raise_text(r, "Cannot index %s with string \"%.*s\"", value_kind(t),
				(int)strnlen(name.p, name.len), name.p);
	}
	return raise_text(r, "Cannot index %s with %s", value_kind(t), value_kind(key));
}

/* A bound of a slice that is written as an object: one that is missing is no number, and not null either. */
static struct value get_bound(struct run *r, struct value key, struct slice name)
{
	struct entry *e = object_find(r, value_object(r, key), name);

	return e ? e->value : value_literal(JSON_FALSE);
}

static int slice_by_object(struct run *r, struct value t, struct value key, struct value *out)
{
	return value_slice(r, t, get_bound(r, key, SLICE_LIT("start")), get_bound(r, key, SLICE_LIT("end")), out);
}

int value_get(struct run *r, struct value t, struct value key, struct value *out)
{
	if (t.type == JSON_OBJECT && key.type == JSON_STRING)
		*out = get_member(r, t, value_text(r, key));
	else if (t.type == JSON_ARRAY && key.type == JSON_NUMBER)
		*out = get_element(r, t, value_double(key));
	else if ((t.type == JSON_ARRAY || t.type == JSON_STRING) && key.type == JSON_OBJECT)
		return slice_by_object(r, t, key, out);
	else if (t.type == JSON_ARRAY && key.type == JSON_ARRAY)
		*out = find_subarrays(r, t, key);
	else if (t.type == JSON_NULL && (key.type == JSON_STRING || key.type == JSON_NUMBER || key.type == JSON_OBJECT))
		*out = value_literal(JSON_NULL);
	else
		return raise_index(r, t, key);
	return 0;
}

/* ---- slices ---- */

static bool slice_bounds(
	struct run *r, uint32_t len, struct value from, struct value to, uint32_t *start, uint32_t *end)
{
	double first, last;

	if ((from.type != JSON_NULL && from.type != JSON_NUMBER) || (to.type != JSON_NULL && to.type != JSON_NUMBER))
		return false;
	first = from.type == JSON_NULL ? 0 : value_double(from);
	last = to.type == JSON_NULL ? len : value_double(to);
	if (is_later(r) && (isnan(first) || isnan(last)))
		run_elsewhere(r);
	if (first < 0)
		first += len;
	if (last < 0)
		last += len;
	if (!(first > 0))
		first = 0;
	if (first > len)
		first = len;
	if (!(last > 0))
		last = 0;
	if (last > len)
		last = len;
	*start = (uint32_t)first;
	*end = (uint32_t)last;
	if (*end < last)
		++*end;
	if (*end < *start)
		*end = *start;
	return true;
}

static size_t skip_characters(struct slice s, size_t i, uint32_t n)
{
	while (n-- > 0 && i < s.len)
		do
			i++;
		while (i < s.len && ((unsigned char)s.p[i] & 0xc0) == 0x80);
	return i;
}

int value_slice(struct run *r, struct value t, struct value from, struct value to, struct value *out)
{
	uint32_t start, end;

	if (t.type == JSON_NULL) {
		*out = value_literal(JSON_NULL);
	} else if (t.type == JSON_ARRAY) {
		struct array *a = value_array(r, t), *part;

		if (!slice_bounds(r, a->n, from, to, &start, &end))
			return raise_text(r, "Start and end indices of an array slice must be numbers");
		part = array_new(r, end - start);
		if (end > start)
			memcpy(part->items, a->items + start, (end - start) * sizeof *a->items);
		part->n = end - start;
		run_step(r, part->n);
		*out = value_from_array(part);
	} else if (t.type == JSON_STRING) {
		struct slice s = value_text(r, t);
		size_t first;

		run_step(r, s.len / 16);
		if (!slice_bounds(r, count_characters(s), from, to, &start, &end))
			return raise_text(r, "Start and end indices of an string slice must be numbers");
		first = skip_characters(s, 0, start);
		*out = value_borrow(s.p + first, skip_characters(s, first, end - start) - first);
	} else {
		return raise_text(r, "Cannot index %s with object", value_kind(t));
	}
	return 0;
}

int value_has(struct run *r, struct value t, struct value key, bool *has)
{
	if (t.type == JSON_NULL) {
		*has = false;
	} else if (t.type == JSON_OBJECT && key.type == JSON_STRING) {
		*has = object_find(r, value_object(r, t), value_text(r, key));
	} else if (t.type == JSON_ARRAY && key.type == JSON_NUMBER) {
		int i = to_int(value_double(key));

		*has = i >= 0 && (uint32_t)i < value_array(r, t)->n;
	} else {
		return raise_text(r, "Cannot check whether %s has a %s key", value_kind(t), value_kind(key));
	}
	return 0;
}

/* ---- set ---- */

static int set_element(struct run *r, struct value t, double index, struct value v, uint32_t owner, struct value *out)
{
	struct array *a = t.type == JSON_NULL ? array_new(r, 1) : array_own(r, t, owner);
	int i = to_int(index);

	a->owner = owner;
	if (i < 0)
		i += (int)a->n;
	if (i < 0)
		return raise_text(r, "Out of bounds negative array index");
	if ((uint32_t)i >= a->n)
		run_step(r, (uint32_t)i - a->n);
	while (a->n <= (uint32_t)i)
		array_add(r, a, value_literal(JSON_NULL));
	a->items[i] = v;
	*out = value_from_array(a);
	return 0;
}

static int set_slice(struct run *r, struct value t, struct value key, struct value v, struct value *out)
{
	struct array *a = t.type == JSON_NULL ? array_new(r, 0) : value_array(r, t), *b, *joined;
	uint32_t start, end;

	if (!slice_bounds(
		    r, a->n, get_bound(r, key, SLICE_LIT("start")), get_bound(r, key, SLICE_LIT("end")), &start, &end))
		return raise_text(r, "Start and end indices of an array slice must be numbers");
	if (v.type != JSON_ARRAY)
		return raise_text(r, "A slice of an array can only be assigned another array");
	b = value_array(r, v);
	run_step(r, a->n + b->n);
	joined = array_new(r, start + b->n + (a->n - end));
	for (uint32_t i = 0; i < start; i++)
		array_add(r, joined, a->items[i]);
	for (uint32_t i = 0; i < b->n; i++)
		array_add(r, joined, b->items[i]);
	for (uint32_t i = end; i < a->n; i++)
		array_add(r, joined, a->items[i]);
	*out = value_from_array(joined);
	return 0;
}

static int set_value(struct run *r, struct value t, struct value key, struct value v, uint32_t owner, struct value *out)
{
	bool is_null = t.type == JSON_NULL;

	if (key.type == JSON_STRING && (t.type == JSON_OBJECT || is_null)) {
		struct object *o = is_null ? object_new(r, 2) : object_own(r, t, owner);

		o->owner = owner;
		object_set(r, o, value_text(r, key), (struct slice){NULL, 0}, v);
		*out = value_from_object(o);
		return 0;
	}
	if (key.type == JSON_NUMBER && (t.type == JSON_ARRAY || is_null))
		return set_element(r, t, value_double(key), v, owner, out);
	if (key.type == JSON_OBJECT && (t.type == JSON_ARRAY || is_null))
		return set_slice(r, t, key, v, out);
	return raise_text(r, "Cannot update field at %s index of %s", value_kind(key), value_kind(t));
}

int value_get_path(struct run *r, struct value t, const struct path *path, struct value *out)
{
	*out = t;
	for (uint32_t i = 0; i < path->n; i++)
		if (value_get(r, *out, path->keys[i], out))
			return -1;
	return 0;
}

/* Down the path with the values on it kept, then up again with the changed ones. No recursion. */
int value_set_path(
	struct run *r, struct value t, const struct path *path, struct value v, uint32_t owner, struct value *out)
{
	struct value *on_way = arena_alloc(&r->arena, (path->n + 1) * sizeof *on_way);

	on_way[0] = t;
	for (uint32_t i = 0; i < path->n; i++)
		if (value_get(r, on_way[i], path->keys[i], &on_way[i + 1]))
			return -1;
	for (uint32_t i = path->n; i-- > 0;)
		if (set_value(r, on_way[i], path->keys[i], v, owner, &v))
			return -1;
	*out = v;
	return 0;
}

/* ---- delete ---- */

static int compare_paths(const void *x, const void *y, void *run)
{
	const struct path *a = x, *b = y;

	for (uint32_t i = 0; i < a->n && i < b->n; i++) {
		int order = value_cmp(run, a->keys[i], b->keys[i]);

		if (order)
			return order;
	}
	return a->n < b->n ? -1 : a->n > b->n;
}

/* Removes the elements that sorted keys (numbers, slices) name. */
static int delete_elements(struct run *r, struct value t, struct value *keys, uint32_t n, struct value *out)
{
	struct array *a = value_array(r, t), *rest = array_new(r, a->n);
	bool *is_gone = arena_alloc(&r->arena, a->n + 1);
	uint32_t start, end;

	memset(is_gone, 0, a->n + 1);
	for (uint32_t i = 0; i < n; i++) {
		if (keys[i].type == JSON_NUMBER) {
			double d = value_double(keys[i]);
			int at = to_int(d);

			if (d < 0)
				at += (int)a->n;
			if (at >= 0 && (uint32_t)at < a->n)
				is_gone[at] = true;
		} else if (keys[i].type == JSON_OBJECT) {
			if (!slice_bounds(r, a->n, get_bound(r, keys[i], SLICE_LIT("start")),
				    get_bound(r, keys[i], SLICE_LIT("end")), &start, &end))
				return raise_text(r, "Start and end indices of an array slice must be numbers");
			run_step(r, end - start);
			memset(is_gone + start, 1, end - start);
		} else {
			return raise_text(r, "Cannot delete %s element of array", value_kind(keys[i]));
		}
	}
	run_step(r, a->n);
	for (uint32_t i = 0; i < a->n; i++)
		if (!is_gone[i])
			array_add(r, rest, a->items[i]);
	*out = value_from_array(rest);
	return 0;
}

static int delete_members(struct run *r, struct value t, struct value *keys, uint32_t n, struct value *out)
{
	struct object *o = value_object(r, t), *rest = object_new(r, o->n);

	for (uint32_t i = 0; i < n; i++)
		if (keys[i].type != JSON_STRING)
			return raise_text(r, "Cannot delete %s field of object", value_kind(keys[i]));
	/* keys are sorted: a binary search for each member */
	for (uint32_t i = 0; i < o->n; i++) {
		uint32_t low = 0, high = n;

		while (low < high) {
			uint32_t mid = (low + high) / 2;

			if (slice_cmp(value_text(r, keys[mid]), o->entries[i].key) < 0)
				low = mid + 1;
			else
				high = mid;
		}
		run_step(r, 2);
		if (low < n && slice_eq(value_text(r, keys[low]), o->entries[i].key))
			continue;
		rest->entries[rest->n++] = o->entries[i];
	}
	*out = value_from_object(rest);
	return 0;
}

static int delete_keys(struct run *r, struct value t, struct value *keys, uint32_t n, struct value *out)
{
	*out = t;
	if (t.type == JSON_NULL || n == 0)
		return 0;
	if (t.type == JSON_ARRAY)
		return delete_elements(r, t, keys, n, out);
	if (t.type == JSON_OBJECT)
		return delete_members(r, t, keys, n, out);
	return raise_text(r, "Cannot delete fields from %s", value_kind(t));
}

/* Paths sorted, all longer than depth. The recursion is as deep as the longest path, which the program bounds. */
static int delete_sorted(
	struct run *r, struct value t, struct path *paths, uint32_t n, uint32_t depth, struct value *out)
{
	struct value *keys = arena_alloc(&r->arena, n * sizeof *keys), below;
	uint32_t n_keys = 0, next;

	for (uint32_t i = 0; i < n; i = next) {
		struct value key = paths[i].keys[depth];

		for (next = i + 1; next < n && value_eq(r, key, paths[next].keys[depth]);)
			next++;
		if (paths[i].n == depth + 1) {
			keys[n_keys++] = key;
			continue;
		}
		if (value_get(r, t, key, &below))
			return -1;
		if (below.type == JSON_NULL)
			continue;
		if (delete_sorted(r, below, paths + i, next - i, depth + 1, &below))
			return -1;
		if (set_value(r, t, key, below, 0, &t))
			return -1;
	}
	return delete_keys(r, t, keys, n_keys, out);
}

int value_delete_paths(struct run *r, struct value t, struct path *paths, uint32_t n, struct value *out)
{
	*out = t;
	if (n == 0)
		return 0;
	qsort_r(paths, n, sizeof *paths, compare_paths, r);
	if (paths[0].n == 0) {
		*out = value_literal(JSON_NULL);
		return 0;
	}
	return delete_sorted(r, t, paths, n, 0, out);
}
