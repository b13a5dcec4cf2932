/* Builtins that order values: sort, min, max, and what sort_by() and its like are made of. */
#include "jq/impl.h"

#include <stdlib.h>

/* ---- sorting ---- */

struct ranked {
	struct value key, value;
	uint32_t i;
};

static int compare_ranked(const void *x, const void *y, void *run)
{
	const struct ranked *a = x, *b = y;
	int order = value_cmp(run, a->key, b->key);

	return order ? order : a->i < b->i ? -1 : 1;
}

/* values ordered by keys, which are as many. */
static struct ranked *rank(struct run *r, const struct array *values, const struct array *keys)
{
	struct ranked *all = arena_alloc(&r->arena, (values->n + 1) * sizeof *all);

	run_step(r, values->n);
	for (uint32_t i = 0; i < values->n; i++)
		all[i] = (struct ranked){keys->items[i], values->items[i], i};
	qsort_r(all, values->n, sizeof *all, compare_ranked, r);
	return all;
}

static void sort_array(struct run *r, const struct array *values, const struct array *keys, struct value *out)
{
	struct ranked *all = rank(r, values, keys);
	struct array *sorted = array_new(r, values->n);

	for (uint32_t i = 0; i < values->n; i++)
		array_add(r, sorted, all[i].value);
	*out = value_from_array(sorted);
}

static int b_sort(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct array *a;

	(void)args;
	if (in.type != JSON_ARRAY)
		return raise_type(r, in, "cannot be sorted, as it is not an array");
	a = value_array(r, in);
	sort_array(r, a, a, out);
	return 0;
}

static bool are_alike(struct run *r, struct value in, struct value keys)
{
	return in.type == JSON_ARRAY && keys.type == JSON_ARRAY && value_array(r, in)->n == value_array(r, keys)->n;
}

static int b_sort_by(struct run *r, struct value in, const struct value *args, struct value *out)
{
	if (!are_alike(r, in, args[0]))
		return raise_types(r, in, args[0], "cannot be sorted, as they are not both arrays");
	sort_array(r, value_array(r, in), value_array(r, args[0]), out);
	return 0;
}

static int b_group_by(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct array *groups, *group = NULL, *values;
	struct ranked *all;

	if (!are_alike(r, in, args[0]))
		return raise_types(r, in, args[0], "cannot be sorted, as they are not both arrays");
	values = value_array(r, in);
	all = rank(r, values, value_array(r, args[0]));
	groups = array_new(r, 0);
	for (uint32_t i = 0; i < values->n; i++) {
		if (!group || value_cmp(r, all[i - 1].key, all[i].key) != 0) {
			if (group)
				array_add(r, groups, value_from_array(group));
			group = array_new(r, 0);
		}
		array_add(r, group, all[i].value);
	}
	if (group)
		array_add(r, groups, value_from_array(group));
	*out = value_from_array(groups);
	return 0;
}

/* ---- the least and the greatest: of equal ones the first and the last ---- */

static int pick(struct run *r, struct value in, struct value by, bool is_least, struct value *out)
{
	struct array *values, *keys;
	uint32_t best = 0;

	if (in.type != JSON_ARRAY || by.type != JSON_ARRAY)
		return raise_types(r, in, by, "cannot be iterated over");
	values = value_array(r, in);
	keys = value_array(r, by);
	if (values->n != keys->n)
		return raise_types(r, in, by, "have wrong length");
	for (uint32_t i = 1; i < keys->n; i++)
		if ((value_cmp(r, keys->items[i], keys->items[best]) < 0) == is_least)
			best = i;
	*out = values->n ? values->items[best] : value_literal(JSON_NULL);
	return 0;
}

static int b_min(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)args;
	return pick(r, in, in, true, out);
}

static int b_max(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)args;
	return pick(r, in, in, false, out);
}

static int b_min_by(struct run *r, struct value in, const struct value *args, struct value *out)
{
	return pick(r, in, args[0], true, out);
}

static int b_max_by(struct run *r, struct value in, const struct value *args, struct value *out)
{
	return pick(r, in, args[0], false, out);
}

static const struct builtin rows[] = {{"sort", 0, b_sort}, {"min", 0, b_min}, {"max", 0, b_max},
	{"_sort_by", 1, b_sort_by}, {"_group_by", 1, b_group_by}, {"_min_by", 1, b_min_by}, {"_max_by", 1, b_max_by}};

const struct builtins builtins_order = {rows, sizeof rows / sizeof *rows};
