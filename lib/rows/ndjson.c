#include "rows/rows_impl.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

enum { INDEX_MAX = 999 }; /* an array that is written back has at most so many elements */

/* ---- the tree of group fields ---- */

static bool same_step(const struct fieldpath_step *a, const struct fieldpath_step *b)
{
	if (a->is_index != b->is_index)
		return false;
	return a->is_index ? a->index == b->index : slice_eq(a->key, b->key);
}

static struct rows_node *child_of(struct rows_node *node, const struct fieldpath_step *step)
{
	struct rows_node *child;

	for (size_t i = 0; i < node->n_children; i++) {
		if (same_step(&node->children[i].step, step))
			return &node->children[i];
	}
	node->is_array = step->is_index;
	node->children = mem_resize(node->children, node->n_children + 1, sizeof *node->children);
	child = &node->children[node->n_children++];
	*child = (struct rows_node){.step = *step, .field = -1};
	if (!step->is_index) {
		json_add_string(&child->key, step->key);
		buf_add_char(&child->key, ':');
	}
	return child;
}

static int add_path(struct rows *r, size_t field, const struct fieldpath_step *steps, size_t n, struct err *err)
{
	const char *text = r->opts.fields[field].path.text;
	struct rows_node *node = &r->root;

	for (size_t i = 0; i < n; i++) {
		if (steps[i].is_index && (steps[i].index < 0 || steps[i].index > INDEX_MAX))
			return err_set(err, ERR_PROGRAM,
				"group field %s: this index cannot be written back: say %s as NAME", text, text);
		if (node->field >= 0 || (node->n_children && node->is_array != steps[i].is_index))
			break;
		node = child_of(node, &steps[i]);
		if (i + 1 == n && !node->n_children && node->field < 0) {
			node->field = (int)field;
			return 0;
		}
	}
	return err_set(err, ERR_PROGRAM, "group field %s does not fit beside the others: say %s as NAME", text, text);
}

/* The top of each path shares its row with the aggregates. */
static int check_top(const struct rows *r, struct err *err)
{
	for (size_t i = 0; i < r->root.n_children; i++) {
		struct slice key = r->root.children[i].step.key;

		for (size_t k = 0; k < r->opts.list->n_calls; k++) {
			if (slice_eq(key, slice_str(r->opts.list->calls[k].name)))
				return err_set(err, ERR_PROGRAM, "two columns have the name %.*s: say as NAME",
					(int)key.len, key.p);
		}
	}
	return 0;
}

int rows_tree_build(struct rows *r, struct err *err)
{
	r->root.field = -1;
	for (size_t i = 0; i < r->opts.n_fields; i++) {
		const struct rows_field *f = &r->opts.fields[i];
		struct fieldpath_step alias = {.key = {f->name, f->name ? strlen(f->name) : 0}};

		if (f->name ? add_path(r, i, &alias, 1, err) : add_path(r, i, f->path.steps, f->path.n_steps, err))
			return -1;
	}
	if (r->root.is_array)
		return err_set(err, ERR_PROGRAM, "a group field cannot begin with an index: say %s as NAME",
			r->opts.fields[0].path.text);
	return check_top(r, err);
}

void rows_tree_release(struct rows_node *node)
{
	for (size_t i = 0; i < node->n_children; i++)
		rows_tree_release(&node->children[i]);
	free(node->children);
	buf_release(&node->key);
}

/* ---- rows ---- */

static void add_value(struct buf *out, const struct group_value *v)
{
	switch (v->type) {
	case JSON_NULL:
		buf_add(out, "null", 4);
		break;
	case JSON_FALSE:
		buf_add(out, "false", 5);
		break;
	case JSON_TRUE:
		buf_add(out, "true", 4);
		break;
	case JSON_NUMBER:
		buf_add_slice(out, v->bytes);
		break;
	default:
		json_add_string(out, v->bytes);
		break;
	}
}

/* Whether anything below is there: absent values leave no trace. */
static bool has_value(const struct rows *r, const struct rows_node *node)
{
	if (node->field >= 0)
		return r->group.values[node->field].type != JSON_ABSENT;
	for (size_t i = 0; i < node->n_children; i++) {
		if (has_value(r, &node->children[i]))
			return true;
	}
	return false;
}

static void add_node(const struct rows *r, const struct rows_node *node, struct buf *out);

/* Elements up to the last that is there, null where there is none. */
static void add_elements(const struct rows *r, const struct rows_node *node, struct buf *out)
{
	int64_t last = -1;

	for (size_t i = 0; i < node->n_children; i++) {
		if (node->children[i].step.index > last && has_value(r, &node->children[i]))
			last = node->children[i].step.index;
	}
	for (int64_t at = 0; at <= last; at++) {
		const struct rows_node *child = NULL;

		for (size_t i = 0; i < node->n_children; i++) {
			if (node->children[i].step.index == at && has_value(r, &node->children[i]))
				child = &node->children[i];
		}
		if (at)
			buf_add_char(out, ',');
		if (child)
			add_node(r, child, out);
		else
			buf_add(out, "null", 4);
	}
}

/* Members that are there; a comma before each but the first in its object. */
static void add_members(const struct rows *r, const struct rows_node *node, struct buf *out)
{
	for (size_t i = 0; i < node->n_children; i++) {
		const struct rows_node *child = &node->children[i];

		if (!has_value(r, child))
			continue;
		if (out->p[out->len - 1] != '{')
			buf_add_char(out, ',');
		buf_add(out, child->key.p, child->key.len);
		add_node(r, child, out);
	}
}

static void add_node(const struct rows *r, const struct rows_node *node, struct buf *out)
{
	if (node->field >= 0) {
		add_value(out, &r->group.values[node->field]);
		return;
	}
	buf_add_char(out, node->is_array ? '[' : '{');
	if (node->is_array)
		add_elements(r, node, out);
	else
		add_members(r, node, out);
	buf_add_char(out, node->is_array ? ']' : '}');
}

/* What all rows of a window begin with. */
static void make_prefix(struct rows *r, const struct engine_row *row)
{
	buf_reset(&r->prefix);
	buf_add_char(&r->prefix, '{');
	if (row->has_bounds) {
		json_add_key(&r->prefix, r->columns[0]);
		rows_add_time(&r->prefix, r->opts.time, row->start_us);
		json_add_key(&r->prefix, r->columns[1]);
		rows_add_time(&r->prefix, r->opts.time, row->end_us);
	}
	if (r->opts.has_topic) {
		json_add_key(&r->prefix, "topic");
		buf_addf(&r->prefix, "\"%.*s\"", (int)r->opts.topic.len, r->opts.topic.p);
	}
	if (r->opts.has_partition) {
		json_add_key(&r->prefix, "partition");
		buf_addf(&r->prefix, "%d", (int)r->opts.partition);
	}
}

static void add_results(struct rows *r, const struct engine_row *row, struct buf *out)
{
	const struct agg_list *list = r->opts.list;
	struct agg_result result;

	for (size_t i = 0; i < list->n_calls; i++) {
		agg_result(list, i, row->states, &result);
		if (out->p[out->len - 1] != '{')
			buf_add_char(out, ',');
		buf_add_slice(out, buf_slice(&r->call_keys[i]));
		agg_result_print(out, &result);
		if (result.is_approximate)
			buf_addf(&r->approximate, "%s\"%s\"", r->approximate.len ? "," : "", list->calls[i].name);
	}
}

/* Up to when values hold is told where it is not the end of the window. */
static void add_states(struct rows *r, const struct engine_row *row, struct buf *out)
{
	struct agg_head head = r->opts.partial->head;

	head.known_us = r->opts.list->carried_bytes && row->known_us < row->end_us ? row->known_us : AGG_KNOWN_ALL;
	json_add_key(out, "_state");
	buf_add_char(out, '{');
	agg_head_write(&head, out);
	agg_states_write(r->opts.list, row->states, r->opts.partial->first_inputs, out);
	buf_add_char(out, '}');
}

void rows_add_ndjson(struct rows *r, const struct engine_row *row, struct buf *out)
{
	if (row->is_first_of_window)
		make_prefix(r, row);
	buf_reset(&r->approximate);
	buf_add_slice(out, buf_slice(&r->prefix));
	add_members(r, &r->root, out);
	if (r->opts.partial)
		add_states(r, row, out);
	else
		add_results(r, row, out);
	if (row->has_rev)
		buf_addf(out, ",\"rev\":%u", row->rev);
	if (row->has_rev || !row->is_final)
		buf_add_str(out, row->is_final ? ",\"final\":true" : ",\"final\":false");
	if (row->n_replaces) {
		buf_add_str(out, ",\"replaces\":");
		rows_add_replaces(r, row, out);
	}
	if (row->part)
		buf_addf(out, ",\"part\":%u", row->part);
	if (row->is_cut)
		buf_add_str(out, ",\"cut\":true");
	if (r->approximate.len) {
		buf_add_str(out, ",\"approx\":[");
		buf_add_slice(out, buf_slice(&r->approximate));
		buf_add_char(out, ']');
	}
	buf_add(out, "}\n", 2);
}
