/* Builtins over paths as values, and over JSON as text. */
#include "jq/impl.h"

#include <time.h>

static int read_path(struct run *r, struct value v, struct path *path)
{
	struct array *a;

	if (v.type != JSON_ARRAY)
		return raise_text(r, "Path must be specified as an array");
	a = value_array(r, v);
	*path = (struct path){a->items, a->n};
	return 0;
}

static int b_getpath(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct path path = {NULL, 0};

	return read_path(r, args[0], &path) || value_get_path(r, in, &path, out) ? -1 : 0;
}

static int b_setpath(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct path path = {NULL, 0};

	return read_path(r, args[0], &path) || value_set_path(r, in, &path, args[1], ++r->owner, out) ? -1 : 0;
}

static int b_delpaths(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct array *list;
	struct path *paths;

	if (args[0].type != JSON_ARRAY)
		return raise_text(r, "Paths must be specified as an array");
	list = value_array(r, args[0]);
	paths = arena_alloc(&r->arena, (list->n + 1) * sizeof *paths);
	for (uint32_t i = 0; i < list->n; i++) {
		if (list->items[i].type != JSON_ARRAY)
			return raise_text(r, "Path must be specified as array, not %s", value_kind(list->items[i]));
		read_path(r, list->items[i], &paths[i]);
	}
	return value_delete_paths(r, in, paths, list->n, out);
}

/* An array of the record taken apart, so that each element is found at once; other values as they are. */
static int b_elements(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)args;
	*out = in.type == JSON_ARRAY ? value_from_array(value_array(r, in)) : in;
	return 0;
}

/* What is not strict JSON goes to libjq, which knows nan and what to say about errors. */
static int b_fromjson(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct json_record record;
	struct slice text;
	char *line;

	(void)args;
	if (in.type != JSON_STRING)
		return raise_type(r, in, "only strings can be parsed");
	text = value_text(r, in);
	run_step(r, text.len / 16);
	line = arena_alloc(&r->arena, text.len + JSON_PAD_BYTES);
	for (size_t i = 0; i < text.len; i++)
		line[i] = text.p[i] == '\n' || text.p[i] == '\r' ? ' ' : text.p[i];
	json_check(line, text.len, JSON_DEPTH_DEFAULT, &record);
	if (record.status != JSON_OK)
		run_elsewhere(r);
	/* in jq's own form, as what it reads there is its own from then on */
	buf_reset(&r->message);
	value_dump(r, &r->message, value_span(record.value));
	line = arena_alloc(&r->arena, r->message.len + JSON_PAD_BYTES);
	memcpy(line, r->message.p, r->message.len);
	json_check(line, r->message.len, JSON_DEPTH_DEFAULT, &record);
	*out = value_span(record.value);
	return 0;
}

static int b_now(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct timespec now;

	(void)r;
	(void)in;
	(void)args;
	clock_gettime(CLOCK_REALTIME, &now);
	*out = value_number((double)now.tv_sec + (double)(now.tv_nsec / 1000) / 1e6);
	return 0;
}

static const struct builtin rows[] = {{"getpath", 1, b_getpath}, {"setpath", 2, b_setpath}, {"delpaths", 1, b_delpaths},
	{"_elements", 0, b_elements}, {"fromjson", 0, b_fromjson}, {"now", 0, b_now}};

const struct builtins builtins_path = {rows, sizeof rows / sizeof *rows};
