/*
 * lesson: a record that the walk has accepted, taken apart, so that a shape can be made of it. Only for lib/json.
 */
#ifndef TLM_JSON_LESSON_H
#define TLM_JSON_LESSON_H

#include "json/json_impl.h"

struct lesson_value {
	const char *start, *end; /* with the quotes of a string */
	uint32_t mark;           /* the first one behind its start */
	uint8_t kind;
};

/* A text between two values: from the end of one, with a string's quote, to the start of the next. Numbers of a fixed
 * form are part of it. */
struct lesson_run {
	const char *start, *end;
	uint32_t first, n; /* its marks */
};

struct lesson {
	const char *base;
	const uint16_t *marks; /* of the record */
	const char *start, *newline;
	uint32_t n_marks;
	uint32_t n_values, n_runs, skeleton_bytes;
	struct lesson_value values[JSON_SHAPE_VALUES];
	struct lesson_run runs[JSON_SHAPE_VALUES + 1];
	char skeleton[JSON_SHAPE_BYTES];
};

/* Ranges for the digits of a number of a fixed form, as far as it is in the len bytes at p. */
void lesson_add_ranges(uint8_t *low, uint8_t *span, const char *p, size_t len, const struct lesson_value *v,
	const struct json_value *known);

/* Whether the value may be a word, which its span's type then depends on. */
bool lesson_is_any(const struct lesson *l, struct json_span span);

/* straight.c: the same shape for the way without an index, where there is one. */
void straight_build(const struct json_scan *scan, const struct json_record *record, const struct lesson *l,
	struct json_shape *shape);

#endif
