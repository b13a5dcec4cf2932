/* kinds: the inside of aggregate: what a state is, and what a function is. Not for other modules. */
#ifndef TLM_AGGREGATE_KINDS_H
#define TLM_AGGREGATE_KINDS_H

#include "aggregate/aggregate.h"
#include "aggregate/dd.h"
#include "aggregate/xsum.h"
#include "sketch/sketch.h"

/* What a kind with two fields, or one that depends on the n or the width of its call, is given of a record. */
struct agg_input {
	const struct agg_value *a, *b; /* both present; b is NULL where there is one field */
	const struct agg_place *place;
	struct agg_list *list;
	uint64_t parameter; /* n or width of the call, of a kind with has_parameter */
};

struct form_writer; /* form.h */
struct form_reader;

struct agg_kind {
	const char *name; /* in messages, and in what decides whether states can be merged */
	uint32_t bytes;   /* of the state, a multiple of 8; all zero is the empty state */
	enum agg_need need, second_need;
	bool has_parameter;  /* calls with another n or width have another state */
	bool is_exact_first; /* depends on exact_max */
	bool keeps_samples;  /* all of them: the state grows with each value */
	bool merges_exactly; /* and cheaply: see agg_list */
	void (*add)(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list);
	void (*add_input)(void *state, const struct agg_input *in); /* in place of add, which is NULL then */
	void (*merge)(void *into, const void *from, struct agg_list *list);
	void (*release)(void *state);       /* NULL: owns no memory */
	size_t (*owned)(const void *state); /* bytes of that memory, about; beside release */
	/* The members of a state that is not empty, without the braces, and back into an empty one; form.h,
	 * docs/formats.md. read returns false for what write would not have written. */
	void (*write)(const void *state, const struct form_writer *w);
	bool (*read)(void *state, struct json_span object, const struct form_reader *r);
};

enum {
	AGG_PERCENTILE = 1, /* the name is p and a number */
	AGG_SKETCHED = 2,   /* may be approximate */
	AGG_COMPOUND = 4,   /* an array: cannot be rounded */
	AGG_TIMED = 16,     /* means nothing without the time of records */
	AGG_HELD = 8        /* values hold until the next one; the kind is a series of SERIES_VALUE_WORDS */
};

struct agg_function {
	const char *name;
	const struct agg_kind *kind;
	const char *arguments; /* one letter each, see list.c: f a field, n a number from 1, m one from 2, x a share
				  above 0 up to 1, w a width, l a limit, v a value; "": the bare name */
	unsigned flags;
	void (*finish)(const struct agg_call *call, const void *state, struct agg_result *result);
	const char *help;
};

extern const struct agg_kind agg_kind_records, agg_kind_present, agg_kind_sum, agg_kind_extrema, agg_kind_moments,
	agg_kind_first, agg_kind_last, agg_kind_quantile, agg_kind_distinct, agg_kind_argmin, agg_kind_argmax,
	agg_kind_powers, agg_kind_pairs, agg_kind_tally, agg_kind_values, agg_kind_edges, agg_kind_changes,
	agg_kind_times, agg_kind_numbers, agg_kind_positions, agg_kind_box, agg_kind_hist;

enum { AGG_TEXT_BYTES = 16 };    /* what a kept text costs, about, for agg_states_owned() */
enum { AGG_CARRIED_BYTES = 24 }; /* of a state whose values hold */

extern const struct agg_function agg_functions[]; /* name NULL is the end */

/* The function of a word, with or without arguments, or NULL; sets the percentage of "p99.9" in the call. */
const struct agg_function *agg_function_find(struct slice word, bool has_arguments, struct agg_call *call);

/* Our name of a function that other languages call by this word, or NULL. */
const char *agg_function_meant(struct slice word);

struct agg_count_state {
	uint64_t n;
};

struct agg_sum_state {
	uint64_t n;
	uint64_t integer_low; /* 128 bits in two halves, so that 8 bytes of alignment are enough */
	uint64_t integer_high;
	struct xsum rest; /* the numbers that are no integers */
};

static inline void agg_sum_add_i128(struct agg_sum_state *s, uint64_t low, uint64_t high)
{
	s->integer_high += high + __builtin_add_overflow(s->integer_low, low, &s->integer_low);
}

/* A large double is an integer: where 128 bits hold billions of them it is added to those, so that small numbers need
 * no more than two doubles. */
#define AGG_WHOLE_MIN 0x1p52
#define AGG_WHOLE_END 0x1p90

static inline void agg_sum_add_whole(struct agg_sum_state *s, double value)
{
	num_i128 whole = (num_i128)value;

	agg_sum_add_i128(s, (uint64_t)whole, (uint64_t)(whole >> 64));
}

static inline void agg_sum_add(struct agg_sum_state *s, const struct agg_value *v)
{
	s->n++;
	if (v->is_integer)
		agg_sum_add_i128(s, (uint64_t)v->integer, v->integer < 0 ? UINT64_MAX : 0);
	else if (fabs(v->num.value) >= AGG_WHOLE_MIN && fabs(v->num.value) < AGG_WHOLE_END)
		agg_sum_add_whole(s, v->num.value);
	else
		xsum_add(&s->rest, v->num.value);
}

struct agg_extrema_state {
	double min, max;
	int16_t min_rest, max_rest;
	uint32_t is_used;
};

struct agg_moments_state {
	uint64_t n;
	struct dd sum, squares;
};

struct agg_text_state {
	struct agg_place place;
	char *text; /* owned; NULL: empty state */
	uint32_t len, cap;
};

/* Values until there are more than exact_max, then a sketch. */
struct agg_quantile {
	uint64_t n;
	uint32_t cap;
	bool is_sorted;
	double *values; /* NULL when the sketch is used */
	int16_t *rests; /* beside values, NULL while all are 0 */
	struct ddsketch *sketch;
};
struct agg_quantile_state {
	struct agg_quantile *q; /* NULL: empty */
};

/* Hashes in an open-addressing table until there are more than exact_max, then registers. */
struct agg_distinct {
	uint32_t n, cap;
	uint64_t *hashes; /* 0 is free; NULL when hll is used */
	struct hll *hll;
};
struct agg_distinct_state {
	struct agg_distinct *d; /* NULL: empty */
};

/* The order of two exact numbers. */
static inline int agg_num_cmp(struct agg_num a, struct agg_num b)
{
	if (a.value != b.value)
		return a.value < b.value ? -1 : 1;
	return (a.rest > b.rest) - (a.rest < b.rest);
}

/* The order of records: by time, input, line. */
int agg_place_cmp(const struct agg_place *a, const struct agg_place *b);

/* Without blanks and tabs around it. */
struct slice agg_trim(struct slice text);

/* The width of a histogram from its text; false: "0", "-1", "1e3", more than 15 decimals or AGG_WIDTH_MAX without the
 * point. */
bool agg_width(struct slice text, uint64_t *width);

void agg_text_set(struct agg_text_state *s, const struct agg_place *place, const char *p, size_t len);

void agg_extrema_offer(struct agg_extrema_state *s, struct agg_num low, struct agg_num high);

/* [min,max] */
void agg_extrema_write(const struct agg_extrema_state *s, struct buf *out);
bool agg_extrema_read(struct agg_extrema_state *s, struct json_span span);

/* Results: null where not finite; a double as the nearest thing it is; 12 digits; JSON in the state. */
void agg_set_double(struct agg_result *r, double value);
void agg_set_num(struct agg_result *r, struct agg_num num);
void agg_set_digits(struct agg_result *r, double value);
void agg_set_text(struct agg_result *r, struct slice text);

/* a - b: exact where both are integers, else the nearest double. */
void agg_set_difference(struct agg_result *r, struct agg_num a, struct agg_num b);

/* Rounds a number to so many digits behind the point, half away from zero, as it would be printed. */
void agg_round(struct agg_result *r, int digits);

/* The state, made where it is empty; one more value; from values to a sketch, which may be empty; sorts the values of
 * an exact state. */
struct agg_quantile *agg_quantile_of(struct agg_quantile_state *s);
void agg_quantile_push(struct agg_quantile *q, struct agg_num num, uint32_t exact_max);
void agg_quantile_sketch(struct agg_quantile *q);
void agg_quantile_sort(struct agg_quantile *q);

/* The rank-th smallest (from 1) of an exact state without rests; moves values. */
double agg_quantile_select(struct agg_quantile *q, uint64_t rank);

/* The same of distinct. */
struct agg_distinct *agg_distinct_of(struct agg_distinct_state *s);
void agg_distinct_push(struct agg_distinct *d, uint64_t hash, uint32_t exact_max);
void agg_distinct_sketch(struct agg_distinct *d);

/* Their written forms: kinds_many_form.c */
void agg_quantile_write(const void *state, const struct form_writer *w);
bool agg_quantile_read(void *state, struct json_span object, const struct form_reader *r);
void agg_distinct_write(const void *state, const struct form_writer *w);
bool agg_distinct_read(void *state, struct json_span object, const struct form_reader *r);

/* What agg_states_add() does for a state without a call, if anything. */
uint8_t agg_shortcut_of(const struct agg_state *s);

/* Fills list->simple from its states. */
void agg_simple_find(struct agg_list *list);

/* Where the program of a condition ends: at ',' or ')' or "as NAME" outside of its brackets and strings. */
const char *agg_condition_end(const char *program);

/* Finds or adds the condition of a program. 0, or -1 with err and the byte of the program. */
int agg_condition_add(struct agg_list *list, struct slice text, int32_t *condition, size_t *at, struct err *err);
void agg_conditions_release(struct agg_list *list);

/* Results of the files besides functions.c. */
typedef void agg_finish(const struct agg_call *call, const void *state, struct agg_result *r);
agg_finish agg_finish_skew, agg_finish_kurt, agg_finish_covar, agg_finish_corr, agg_finish_slope, agg_finish_r2,
	agg_finish_arg, agg_finish_values, agg_finish_mode, agg_finish_topk, agg_finish_set, agg_finish_delta,
	agg_finish_rate, agg_finish_transitions, agg_finish_max_gap, agg_finish_ewma, agg_finish_distance,
	agg_finish_bbox, agg_finish_hist, agg_finish_lttb, agg_finish_increase, agg_finish_twa, agg_finish_integral,
	agg_finish_duration, agg_finish_time_above;

uint64_t agg_distinct_count(const struct agg_distinct *d);

#endif
