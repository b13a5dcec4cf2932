/*
 * json_impl: what the files of lib/json share. Nobody else includes it.
 */
#ifndef TLM_JSON_IMPL_H
#define TLM_JSON_IMPL_H

#include "json/json.h"

enum { JSON_TRACK_MAX = FIELDPATH_STEPS_MAX + 1 }; /* containers above each other that a wanted path can go through */

/* A node stands for a path; its children are that path with one step more. */
struct path_node {
	struct fieldpath_step step; /* the last step; the key is owned */
	int32_t slot;               /* of the value itself; -1: nobody wants it */
	int32_t child;              /* first child, -1 none */
	int32_t next;               /* next child of the same parent, -1 none */
	int32_t tail;               /* first of the paths that go on with a negative index, -1 none */
	int32_t *below;             /* every slot at or below this node */
	size_t n_below;
};

/* A path from its first negative index on: looked up when the array at the node is complete. */
struct path_tail {
	struct fieldpath rest; /* steps owned, no text */
	int32_t slot;
	int32_t next;
};

struct json_paths {
	struct path_node *nodes; /* nodes[0] is the record itself */
	size_t n_nodes;
	struct path_tail *tails;
	size_t n_tails;
	size_t n_slots;
};

/* The child of node for this member or element, or NULL. key is the text between the quotes. */
const struct path_node *json_path_key(
	const struct json_paths *paths, const struct path_node *node, struct slice key, bool is_escaped);
const struct path_node *json_path_index(const struct json_paths *paths, const struct path_node *node, int64_t index);

/* The value of the node is complete: fills its slots. */
void json_path_set(
	const struct json_paths *paths, struct json_span *spans, const struct path_node *node, struct json_span span);

/* A value of the node begins: what an earlier one of the same name left below it is forgotten. */
static inline void json_path_begin(struct json_span *spans, const struct path_node *node)
{
	for (size_t i = 0; i < node->n_below; i++)
		spans[node->below[i]] = (struct json_span){NULL, 0, JSON_ABSENT, 0};
}

/* A wanted container that is open. */
struct json_frame {
	const struct path_node *node;
	const char *start;
	int64_t index; /* of the element that is read, arrays only */
};

/* The plain scanner: one line without its end, strict, with the place of what is wrong. */
struct json_plain {
	const struct json_paths *paths; /* NULL: validate only */
	struct json_span *spans;        /* by slot, emptied by the caller */
	int depth_max;
	uint64_t is_object[JSON_DEPTH_MAX / 64 + 1]; /* one bit per open container */
	struct json_frame frames[JSON_TRACK_MAX + 1];
};

void json_plain_scan(struct json_plain *plain, const char *p, size_t len, struct json_record *record);

/* The end of the valid string whose text begins at p (behind its quote): the closing quote. */
const char *json_string_end(const char *p);

/* Order of two string spans by their unescaped bytes. */
int json_cmp_strings(struct json_span a, struct json_span b);

/* Length of the valid UTF-8 sequence at p, p < end, or 0. */
size_t json_utf8_len(const char *p, const char *end);

#endif
