#include "json/json_impl.h"

#include <assert.h>
#include <stdlib.h>

#include "mem/mem.h"

static int32_t add_node(struct json_paths *paths, const struct fieldpath_step *step)
{
	struct path_node *node;

	paths->nodes = mem_resize(paths->nodes, paths->n_nodes + 1, sizeof *paths->nodes);
	node = &paths->nodes[paths->n_nodes];
	*node = (struct path_node){.slot = -1, .child = -1, .next = -1, .tail = -1};
	if (step) {
		node->step = *step;
		node->step.key.p = step->is_index ? NULL : mem_dup(step->key.p, step->key.len);
	}
	return (int32_t)paths->n_nodes++;
}

struct json_paths *json_paths_open(void)
{
	struct json_paths *paths = mem_alloc(1, sizeof *paths);

	add_node(paths, NULL);
	return paths;
}

static void free_steps(struct fieldpath_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)steps[i].key.p);
	free(steps);
}

void json_paths_close(struct json_paths *paths)
{
	if (!paths)
		return;
	for (size_t i = 0; i < paths->n_nodes; i++) {
		free((void *)(uintptr_t)paths->nodes[i].step.key.p);
		free(paths->nodes[i].below);
	}
	for (size_t i = 0; i < paths->n_tails; i++)
		free_steps(paths->tails[i].rest.steps, paths->tails[i].rest.n_steps);
	free(paths->nodes);
	free(paths->tails);
	free(paths);
}

size_t json_paths_count(const struct json_paths *paths)
{
	return paths->n_slots;
}

static bool is_same_step(const struct fieldpath_step *a, const struct fieldpath_step *b)
{
	if (a->is_index != b->is_index)
		return false;
	return a->is_index ? a->index == b->index : slice_eq(a->key, b->key);
}

static bool is_negative(const struct fieldpath_step *step)
{
	return step->is_index && step->index < 0;
}

static int32_t find_child(const struct json_paths *paths, int32_t parent, const struct fieldpath_step *step)
{
	for (int32_t i = paths->nodes[parent].child; i >= 0; i = paths->nodes[i].next)
		if (is_same_step(&paths->nodes[i].step, step))
			return i;
	return -1;
}

static int32_t find_tail(const struct json_paths *paths, int32_t node, const struct fieldpath_step *steps, size_t n)
{
	for (int32_t i = paths->nodes[node].tail; i >= 0; i = paths->tails[i].next) {
		const struct fieldpath *rest = &paths->tails[i].rest;
		size_t same = 0;

		while (rest->n_steps == n && same < n && is_same_step(&rest->steps[same], &steps[same]))
			same++;
		if (same == n)
			return paths->tails[i].slot;
	}
	return -1;
}

static void add_tail(struct json_paths *paths, int32_t node, const struct fieldpath_step *steps, size_t n, int32_t slot)
{
	struct fieldpath_step *copy = mem_alloc(n, sizeof *copy);
	struct path_tail *tail;

	for (size_t i = 0; i < n; i++) {
		copy[i] = steps[i];
		copy[i].key.p = steps[i].is_index ? NULL : mem_dup(steps[i].key.p, steps[i].key.len);
	}
	paths->tails = mem_resize(paths->tails, paths->n_tails + 1, sizeof *paths->tails);
	tail = &paths->tails[paths->n_tails];
	*tail = (struct path_tail){{copy, n, NULL}, slot, paths->nodes[node].tail};
	paths->nodes[node].tail = (int32_t)paths->n_tails++;
}

static void add_below(struct path_node *node, int32_t slot)
{
	node->below = mem_resize(node->below, node->n_below + 1, sizeof *node->below);
	node->below[node->n_below++] = slot;
}

/* The node of the path's steps before its first negative index; *used says how many those are. */
static int32_t reach(struct json_paths *paths, const struct fieldpath *path, size_t *used, int32_t slot)
{
	int32_t at = 0;
	size_t i = 0;

	if (slot >= 0)
		add_below(&paths->nodes[0], slot);
	for (; i < path->n_steps && !is_negative(&path->steps[i]); i++) {
		int32_t child = find_child(paths, at, &path->steps[i]);

		if (child < 0) {
			child = add_node(paths, &path->steps[i]);
			if (!path->steps[i].is_index)
				paths->nodes[at].key_lens |= UINT64_C(1) << (path->steps[i].key.len & 63);
			paths->nodes[child].next = paths->nodes[at].child;
			paths->nodes[at].child = child;
		}
		at = child;
		if (slot >= 0)
			add_below(&paths->nodes[at], slot);
	}
	*used = i;
	return at;
}

size_t json_paths_add(struct json_paths *paths, const struct fieldpath *path)
{
	size_t used;
	int32_t slot, node = reach(paths, path, &used, -1);
	const struct fieldpath_step *rest = used ? path->steps + used : path->steps;
	size_t n = path->n_steps - used;

	assert(path->n_steps <= FIELDPATH_STEPS_MAX);
	slot = n == 0 ? paths->nodes[node].slot : find_tail(paths, node, rest, n);
	if (slot >= 0)
		return (size_t)slot;
	slot = (int32_t)paths->n_slots++;
	if (n == 0)
		paths->nodes[node].slot = slot;
	else
		add_tail(paths, node, rest, n, slot);
	reach(paths, path, &used, slot);
	return (size_t)slot;
}

size_t json_paths_add_key(struct json_paths *paths, const char *key)
{
	struct fieldpath path = FIELDPATH_INIT;
	struct fieldpath_step step = {.key = slice_str(key)};

	path.steps = &step;
	path.n_steps = 1;
	return json_paths_add(paths, &path);
}

const struct path_node *json_path_key(
	const struct json_paths *paths, const struct path_node *node, struct slice key, bool is_escaped)
{
	struct json_span span = {key.p - 1, (uint32_t)key.len + 2, JSON_STRING, is_escaped};

	for (int32_t i = node->child; i >= 0; i = paths->nodes[i].next) {
		const struct path_node *child = &paths->nodes[i];

		if (child->step.is_index)
			continue;
		if (is_escaped ? json_string_eq(span, child->step.key) : slice_eq(key, child->step.key))
			return child;
	}
	return NULL;
}

const struct path_node *json_path_index(const struct json_paths *paths, const struct path_node *node, int64_t index)
{
	for (int32_t i = node->child; i >= 0; i = paths->nodes[i].next)
		if (paths->nodes[i].step.is_index && paths->nodes[i].step.index == index)
			return &paths->nodes[i];
	return NULL;
}

void json_path_set(
	const struct json_paths *paths, struct json_span *spans, const struct path_node *node, struct json_span span)
{
	if (node->slot >= 0)
		spans[node->slot] = span;
	if (span.type == JSON_ARRAY)
		for (int32_t i = node->tail; i >= 0; i = paths->tails[i].next)
			spans[paths->tails[i].slot] = json_get(span, &paths->tails[i].rest);
}
