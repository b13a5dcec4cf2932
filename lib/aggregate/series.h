/*
 * series: the samples of a group, kept until its window closes. Not for other modules.
 *
 * A sample is a few words: its time, its position among the samples of that time, and its value: 8 bytes where only
 * times count (max_gap), 24 for a number or the hash of a value, 32 for a position on earth.
 */
#ifndef TLM_SERIES_H
#define TLM_SERIES_H

#include <string.h>

#include "aggregate/kinds.h"

enum { SERIES_TIME_WORDS = 1, SERIES_VALUE_WORDS = 3, SERIES_POSITION_WORDS = 4 };

struct series {
	size_t n, cap;
	unsigned n_words; /* of a sample */
	bool is_unsorted;
	uint64_t *words;
	struct buf text;          /* of the result of lttb */
	struct series_held *held; /* NULL until agg_states_settle() */
};

struct series_state {
	struct series *series; /* NULL: empty */
};

/* AGG_PRODUCERS_MAX producers, AGG_INPUTS_MAX inputs of each, lines of 10^12. */
enum { SERIES_LINE_BITS = 40, SERIES_INPUT_BITS = 14 };
#define SERIES_LINE_MASK ((UINT64_C(1) << SERIES_LINE_BITS) - 1)

/* Orders samples of one time by producer, input and line. */
static inline uint64_t series_position(const struct agg_place *place)
{
	return ((uint64_t)place->producer << (SERIES_LINE_BITS + SERIES_INPUT_BITS)) +
	       ((uint64_t)place->input << SERIES_LINE_BITS) + place->line;
}

static inline uint64_t series_bits(double number)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof bits);
	return bits;
}

static inline const uint64_t *series_sample(const struct series *s, size_t i)
{
	return &s->words[i * s->n_words];
}

static inline int64_t series_time_us(const struct series *s, size_t i)
{
	return (int64_t)*series_sample(s, i);
}

static inline const uint64_t *series_value(const struct series *s, size_t i)
{
	return series_sample(s, i) + 2;
}

static inline double series_number(const struct series *s, size_t i)
{
	double number;

	memcpy(&number, series_value(s, i), sizeof number);
	return number;
}

struct series *series_open(unsigned n_words);
void series_push(struct series_state *state, unsigned n_words, const uint64_t *sample);

int series_compare(const struct series *s, const uint64_t *a, const uint64_t *b);

/* The samples by time, input and line; NULL when there are none. */
struct series *series_sorted(const void *state);

#endif
