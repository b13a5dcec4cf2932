/*
 * aggregate: the list of aggregates and what they keep.
 *
 *     count, mean(value), p95(value) as p
 *
 * A list is parsed into calls (what the user wrote: a name, a function), states (what must be kept; calls share them:
 * sum, mean and count of one field are one state) and fields (what must be read of a record). Two tables say
 * everything: agg_functions[] (function: arguments, state kind, how the result is made of the state; functions.c) and
 * agg_kinds[] (state: size, add, merge, release; kinds.c). A new function is a row in the first, and one in the second
 * if no kind fits.
 *
 * What results mean (order of records never matters):
 * - Sums are exact, and so the same in every order and for every split: integers in 128 bits, all other numbers as
 * xsum.h does it, rounded once at the end, and so are means. A result that is an integer prints as one; else the
 * shortest double. Not finite: null.
 * - var and stddev (of a sample, n - 1) print 12 digits. pNN is the nearest rank, median averages the two middle
 * values: exact up to exact_max values of a state, then from a DDSketch. distinct is exact (by a 64-bit hash) up to
 * exact_max values, then a HyperLogLog. See sketch.h for the errors.
 * - first and last are those of the smallest and the largest (time, input, line), and keep the text of the record; so
 * do argmin, argmax (ties: the earlier record), values, mode, topk and set (ties: the smaller value; a value that was
 * written in several ways is shown as its earliest record has it). The last three are null and approximate beyond
 * AGG_TALLY_MAX different values.
 * - delta and rate are of the earliest and the latest value; transitions, max_gap, ewma and distance keep every sample
 * of the window until it closes and look at them in the order of (time, input, line).
 * - twa, integral, duration and time_above take a value to hold until the next one: agg_states_settle().
 * - skew, kurt, covar, corr, slope and r2 come from sums in double-double and print 12 digits, as var.
 *
 * Memory: agg_list_release(); states may own memory: agg_states_release() for each. Not thread safe per state.
 */
#ifndef TLM_AGGREGATE_H
#define TLM_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"
#include "fieldpath/fieldpath.h"
#include "json/json.h"
#include "num/num.h"

enum { AGG_EXACT_DEFAULT = 512, AGG_EXACT_MAX = 1 << 20 };
enum { AGG_PRODUCERS_MAX = 1 << 10, AGG_INPUTS_MAX = 1 << 14 }; /* of a merge; of a producer whose states are written */
enum { AGG_TALLY_MAX = 65536 }; /* different values of mode, topk and set; n of values(f, n) and topk(f, n) */
#define AGG_WIDTH_MAX UINT64_C(1000000000000000) /* of hist(f, width), its point left out */
enum { AGG_DIGITS_MAX = 15 };                    /* of round(..., digits) */

/* ---- values ---- */

/* A number, exactly: value + rest. rest is not 0 only for integers beyond 2^53 that no double holds. */
struct agg_num {
	double value;
	int32_t rest;
};

/* One field of one record. */
struct agg_value {
	struct json_span span;
	bool is_present; /* neither absent nor null */
	bool is_integer; /* within 64 bits: "7", "1.0" */
	int64_t integer;
	struct agg_num num;
};

/* Where a record stands: the order of first and last is that of time, producer, input and line. */
struct agg_place {
	int64_t time_us;
	uint64_t line;
	uint32_t input;
	uint32_t producer; /* of a merge: its inputs; else 0 */
};

/* Reads a valid JSON number; p is readable up to JSON_PAD_BYTES behind it. agg_read_number_plain() is the same by the
 * functions of num.h alone (tests compare). */
void agg_read_number(const char *p, size_t len, struct agg_value *v);
void agg_read_number_plain(const char *p, size_t len, struct agg_value *v);

/* ---- the list ---- */

struct agg_kind;
struct agg_function;

enum agg_need {
	AGG_ANY,
	AGG_SCALAR,
	AGG_NUMBER,
	AGG_LATITUDE,
	AGG_LONGITUDE
}; /* what a field must be, unless absent or null */

struct agg_field {
	struct fieldpath path;
	int32_t condition; /* that of all that read it: index in conditions, -1: none */
	uint8_t need;      /* enum agg_need: the strictest of its functions */
};

struct agg_state {
	const struct agg_kind *kind;
	int32_t fields[2];       /* indices in fields; -1: none (count), or no second one */
	int32_t condition;       /* index in conditions, -1: sees every record */
	uint8_t shortcut;        /* how agg_states_add() does it: agg_shortcut_of() */
	bool is_held;            /* some call counts how long its values hold: agg_states_settle() */
	uint64_t parameter;      /* n or width of a kind that depends on it, else 0 */
	uint32_t offset;         /* of the state in the block of a group, a multiple of 8 */
	uint32_t carried_offset; /* of its sample in the block of what a group carries over, if is_held */
};

struct agg_call {
	char *name; /* of the output */
	const struct agg_function *function;
	uint32_t state;                  /* index in states */
	uint64_t percent, percent_scale; /* pNN: the share is percent / (100 * percent_scale) */
	uint32_t n;                      /* of topk(f, n), values(f, n), lttb(f, n) */
	uint64_t width;                  /* of hist(f, width), see agg_width() */
	double number;                   /* share of ewma(f, share), limit of time_above(f, limit) */
	uint64_t constant;               /* hash of VALUE of duration(f, VALUE) */
	int64_t hold_us;                 /* a value holds so long at most: agg_list_hold() */
	bool is_rounded;                 /* round(..., digits) */
	int digits;
};

/* The list is a count of records, and sum, mean, min, max, range of one field: the offsets of what it keeps. */
struct agg_simple {
	bool is_simple;
	int32_t field;                        /* -1: none */
	int32_t count_at, sum_at, extrema_at; /* -1: it keeps no such thing */
};

struct agg_list {
	struct agg_call *calls;
	size_t n_calls;
	struct agg_state *states;
	size_t n_states;
	struct agg_field *fields;
	size_t n_fields;
	struct agg_condition *conditions;
	size_t n_conditions;
	const char *timed;      /* the first function of the list that means nothing without times, or NULL */
	uint32_t state_bytes;   /* of one group, a multiple of 8 */
	uint32_t carried_bytes; /* what a group carries from window to window; 0: no value holds */
	uint32_t exact_max;
	struct agg_simple simple;
	bool is_coercing;    /* numbers may be written as text */
	bool has_memory;     /* some state owns memory: agg_states_release() is needed */
	bool has_sketch;     /* some result may be approximate */
	bool has_samples;    /* some state keeps every sample */
	bool merges_exactly; /* states of parts, merged in their order, give the results of all records to the bit, and
			      * a merge is cheap */
	bool *are_read;      /* of agg_states_read(): the states of a row; NULL before */
	struct buf scratch, scratch_text;
};

/*
 * Returns 0, or -1 with ERR_PROGRAM and the byte of the text: "" (empty), "avg(x)" (unknown, with the right name),
 * "sum" (needs a field), "p101(x)", "count, count" (a name twice), "sum(x) as",
 * "topk(x)" (needs a number), "round(set(x), 1)", "count where .x > 1" (needs a name).
 */
int agg_list_parse(struct agg_list *list, const char *text, struct err *err);
void agg_list_release(struct agg_list *list);

/* Values hold for us at most (--max-gap), without it until the next one. */
void agg_list_hold(struct agg_list *list, int64_t us);

/*
 * Reads field `field` of a record from its span. Returns NULL, or a literal that says what is wrong with it: "is not a
 * number". v borrows from the span, whose bytes are followed by JSON_PAD_BYTES readable ones.
 */
const char *agg_read(struct agg_list *list, size_t field, struct json_span span, struct agg_value *v);

struct jq_result;

/*
 * Decides the conditions (`count where .value > 80 as fast`) for a record that stands in its batch (its line end is
 * readable): behind one value per field, values has one per condition. -1, or the condition whose program failed, with
 * what it raised (JQ_ERROR, JQ_LIMIT) until the next call.
 */
int32_t agg_judge(struct agg_list *list, const struct json_record *record, struct agg_value *values,
	const struct jq_result **raised);
struct slice agg_condition_text(const struct agg_list *list, int32_t condition); /* its program */

/* ---- states ---- */

/* states: state_bytes, zeroed when the group is new. values: one per field, and one per condition, see agg_judge(). */
void agg_states_add(struct agg_list *list, void *states, const struct agg_value *values, const struct agg_place *place);
/* The same, state by state, for any list (tests compare). */
void agg_states_add_plain(
	struct agg_list *list, void *states, const struct agg_value *values, const struct agg_place *place);
void agg_states_merge(struct agg_list *list, void *into, const void *from);
/* The same of only those that keep every sample, and of all others: together they are agg_states_merge(). */
void agg_states_merge_samples(struct agg_list *list, void *into, const void *from);
void agg_states_merge_bounded(struct agg_list *list, void *into, const void *from);
void agg_states_release(const struct agg_list *list, void *states);

/* Bytes of the memory that states own, about, in constant time: results and the blocks of malloc(3) are not counted. */
size_t agg_states_owned(const struct agg_list *list, const void *states);

/* ---- values that hold ---- */

/*
 * twa, integral, duration, time_above and increase take a value to hold until the next one. In a window [start, end) it
 * may come from before the start, and it holds up to the end: agg_states_settle() says so before agg_result(). States
 * that were not settled (sessions, a whole stream) count from their earliest value to the latest.
 *
 * What a group carries over is a zeroed block of carried_bytes, without memory of its own: agg_carried_take() puts the
 * latest values of a window into it, once no older window is open.
 */
struct agg_bounds {
	int64_t start_us, end_us;
};

/* carried: NULL for nothing. To be called anew for each window that the states are a row of. */
void agg_states_settle(const struct agg_list *list, void *states, const struct agg_bounds *window, const void *carried);

/* Whether the states hold a value to carry over. */
bool agg_carried_has(const struct agg_list *list, const void *states);

/* Takes the latest values whose time is before us. */
void agg_carried_take(const struct agg_list *list, void *carried, const void *states, int64_t us);

/* Up to when some value of it holds; never before start_us of a window of which it is a part. */
int64_t agg_carried_end(const struct agg_list *list, const void *carried);

/* ---- written states: docs/formats.md, partial rows ---- */

/* What is told beside the states: what all that are merged must have in common, and what one row needs. */
struct agg_head {
	uint64_t config;     /* agg_config() */
	struct slice window; /* a text of the caller */
	uint32_t n_inputs;   /* 1 .. AGG_INPUTS_MAX */
	int64_t known_us;    /* up to when values hold that the window does not end; AGG_KNOWN_ALL: it does */
};

#define AGG_KNOWN_ALL INT64_MAX
#define AGG_KNOWN_NONE INT64_MIN /* no time was known: a quorum was never reached */

/* A hash of what decides what the states of a list mean, and of more, what the caller knows besides. */
uint64_t agg_config(const struct agg_list *list, struct slice more);

/* Names that stand beside the states: no aggregate may have one of them there. */
bool agg_is_head_name(struct slice name);

/* Appends the members of the head behind a '{'; and reads them from the whole object. head->window borrows from it.
 * 0, or -1 with ERR_DATA: another version, a head that is damaged. */
void agg_head_write(const struct agg_head *head, struct buf *out);
int agg_head_read(struct json_span object, struct agg_head *head, struct err *err);

/* Appends a member for each state. first_inputs: the number of the first input of each producer, NULL where nothing was
 * merged. */
void agg_states_write(const struct agg_list *list, const void *states, const uint32_t *first_inputs, struct buf *out);

/*
 * Reads them into states, state_bytes that are zero; producer goes into all places. 0, or -1 with ERR_DATA, states zero
 * again: a state is missing, comes twice, belongs to no call of the list, or is not as agg_states_write() writes it.
 */
int agg_states_read(struct agg_list *list, struct json_span object, uint32_t producer, void *states, struct err *err);

/* What a group carries over: an array with an element for each value that holds. False: it is not as it was written. */
void agg_carried_write(const struct agg_list *list, const void *carried, struct buf *out);
bool agg_carried_read(const struct agg_list *list, struct json_span array, void *carried);

/* ---- results ---- */

enum agg_type { AGG_NULL, AGG_INTEGER, AGG_DOUBLE, AGG_DIGITS, AGG_TEXT };

struct agg_result {
	enum agg_type type;
	num_i128 integer;  /* AGG_INTEGER */
	double value;      /* AGG_DOUBLE: shortest; AGG_DIGITS: 12 digits */
	struct slice text; /* AGG_TEXT: a JSON text in the state */
	bool is_approximate;
};

/* The result of a call for a group. */
void agg_result(const struct agg_list *list, size_t call, const void *states, struct agg_result *result);

/* Appends it as JSON text. */
void agg_result_print(struct buf *out, const struct agg_result *result);

#endif
