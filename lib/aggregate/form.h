/*
 * form: what states are written with, and how they are read back: strictly, since anybody may have written them. Not
 * for other modules.
 *
 * Writing appends JSON. Reading returns false for whatever the writing side would not have written; a state that was
 * half read can be released. Numbers are read back to the bit: a double is the shortest decimal that does it, infinity
 * is 1e999, what is no number null; integers beyond 64 bits are strings.
 */
#ifndef TLM_AGGREGATE_FORM_H
#define TLM_AGGREGATE_FORM_H

#include "aggregate/kinds.h"

/* counts of records: far from where 64 bits end, however many states are merged */
#define FORM_COUNT_MAX (INT64_C(1) << 53)

struct form_writer {
	struct buf *out;
	const uint32_t *first_inputs; /* by producer, see agg_states_write(); NULL: there is one */
	uint64_t parameter;           /* of the state */
};

struct form_reader {
	struct agg_list *list;
	uint32_t producer;
	uint64_t parameter;
};

/* ---- writing ---- */

void form_add_u64(struct buf *out, uint64_t value);
void form_add_i64(struct buf *out, int64_t value);
void form_add_double(struct buf *out, double value);
void form_add_num(struct buf *out, struct agg_num num);
void form_add_dd(struct buf *out, struct dd value);                                 /* [high,low] */
void form_add_xsum(struct buf *out, const struct xsum *sum);                        /* [high,low,...] */
void form_add_i128(struct buf *out, uint64_t low, uint64_t high);                   /* "-12" */
void form_add_hash(struct buf *out, uint64_t hash);                                 /* 16 hex digits, no quotes */
void form_add_hash_text(struct buf *out, uint64_t hash);                            /* the same in quotes */
void form_add_place(const struct form_writer *w, const struct agg_place *place);    /* time_us,input,line */
void form_add_text(const struct form_writer *w, const struct agg_text_state *text); /* [time_us,input,line,value] */

/* ---- reading ---- */

enum { FORM_VALUES_MAX = 8 };

/* The members of an object: exactly those of names ("n x"), in any order. values has one per name. */
bool form_members(struct json_span object, const char *names, struct json_span *values);

/* The elements of an array: exactly n. */
bool form_elements(struct json_span array, size_t n, struct json_span *values);

/* Starts on an array of any length: json_iter_next() goes on. */
bool form_array(struct json_span array, struct json_iter *it);
bool form_next(struct json_iter *it, struct json_span *value);

bool form_i64(struct json_span span, int64_t *value);
bool form_time(struct json_span span, int64_t *us);         /* within the years 1 to 9999 */
bool form_hash_text(struct json_span span, uint64_t *hash); /* "16 hex digits" */
bool form_count(struct json_span span, uint64_t *n);        /* 1 .. FORM_COUNT_MAX */
bool form_double(struct json_span span, double *value);
bool form_num(struct json_span span, struct agg_num *num);
bool form_dd(struct json_span span, struct dd *value);
bool form_xsum(struct json_span span, struct xsum *sum);
bool form_i128(struct json_span span, uint64_t *low, uint64_t *high);
bool form_hash(struct slice digits, uint64_t *hash); /* 16 hex digits */

/* parts: time, input and line. */
bool form_place(const struct form_reader *r, const struct json_span *parts, struct agg_place *place);
bool form_text(const struct form_reader *r, struct json_span span, struct agg_text_state *text);

/* The value of a [time_us,input,line,value], without a copy. */
bool form_placed(const struct form_reader *r, struct json_span span, struct agg_place *place, struct json_span *value);

#endif
