/* series: aggregates that look at all records in their order: transitions, max_gap, distance, ewma, lttb. */
#include "aggregate/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate/form.h"
#include "geo/geo.h"
#include "group/group.h"
#include "mem/mem.h"

#define SECOND_US 1e6

/* ---- samples ---- */

struct series *series_open(unsigned n_words)
{
	struct series *s = mem_alloc(1, sizeof *s);

	s->n_words = n_words;
	return s;
}

/* Room for n more. */
static void reserve(struct series *s, size_t n)
{
	if (s->cap - s->n >= n)
		return;
	s->cap += s->cap / 2 + (n > 4 ? n : 4);
	s->words = mem_resize(s->words, s->cap, s->n_words * sizeof *s->words);
}

void series_push(struct series_state *state, unsigned n_words, const uint64_t *sample)
{
	struct series *s = state->series;

	if (!s)
		s = state->series = series_open(n_words);
	reserve(s, 1);
	s->is_unsorted |= s->n && series_compare(s, sample, series_sample(s, s->n - 1)) < 0;
	memcpy(&s->words[s->n++ * n_words], sample, n_words * sizeof *sample);
}

/* Two sizes of samples, two functions of order for qsort(). */
static int compare_times(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return ((int64_t)*x > (int64_t)*y) - ((int64_t)*x < (int64_t)*y);
}

static int compare_places(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	int order = compare_times(a, b);

	return order ? order : (x[1] > y[1]) - (x[1] < y[1]);
}

int series_compare(const struct series *s, const uint64_t *a, const uint64_t *b)
{
	return s->n_words == SERIES_TIME_WORDS ? compare_times(a, b) : compare_places(a, b);
}

struct series *series_sorted(const void *state)
{
	struct series *s = ((const struct series_state *)state)->series;

	if (s && s->is_unsorted)
		qsort(s->words, s->n, s->n_words * sizeof *s->words,
			s->n_words == SERIES_TIME_WORDS ? compare_times : compare_places);
	if (s)
		s->is_unsorted = false;
	return s && s->n ? s : NULL;
}

static void merge_series(void *into, const void *from, struct agg_list *list)
{
	const struct series *f = ((const struct series_state *)from)->series;
	struct series_state *state = into;
	struct series *s;

	(void)list;
	if (!f || !f->n)
		return;
	if (!state->series)
		state->series = series_open(f->n_words);
	s = state->series;
	reserve(s, f->n);
	s->is_unsorted |=
		f->is_unsorted || (s->n && series_compare(s, series_sample(f, 0), series_sample(s, s->n - 1)) < 0);
	memcpy(&s->words[s->n * s->n_words], f->words, f->n * s->n_words * sizeof *f->words);
	s->n += f->n;
}

static size_t owned_series(const void *state)
{
	const struct series *s = ((const struct series_state *)state)->series;

	return s ? sizeof *s + s->cap * s->n_words * sizeof *s->words : 0;
}

static void release_series(void *state)
{
	struct series *s = ((struct series_state *)state)->series;

	if (s) {
		free(s->held);
		free(s->words);
		buf_release(&s->text);
	}
	free(s);
}

/* ---- the written form: [[time_us,input,line,value...],...] or [time_us,...], in order ---- */

static struct agg_place place_of(const struct series *s, size_t i)
{
	uint64_t position = series_sample(s, i)[1];

	return (struct agg_place){.time_us = series_time_us(s, i),
		.line = position & SERIES_LINE_MASK,
		.input = (uint32_t)(position >> SERIES_LINE_BITS) & (AGG_INPUTS_MAX - 1),
		.producer = (uint32_t)(position >> (SERIES_LINE_BITS + SERIES_INPUT_BITS))};
}

/* Words behind the place: numbers, or the hash of a value. */
static void write_series(const void *state, const struct form_writer *w, bool is_hash)
{
	const struct series *s = series_sorted(state);

	if (!s)
		return;
	json_add_key(w->out, "x");
	for (size_t i = 0; i < s->n; i++) {
		struct agg_place place = place_of(s, i);

		buf_add_str(w->out, i ? ",[" : "[[");
		form_add_place(w, &place);
		for (size_t k = 2; k < s->n_words; k++) {
			double number;

			buf_add_char(w->out, ',');
			memcpy(&number, &series_sample(s, i)[k], sizeof number);
			if (is_hash)
				form_add_hash_text(w->out, series_sample(s, i)[k]);
			else
				form_add_double(w->out, number);
		}
		buf_add_char(w->out, ']');
	}
	buf_add_char(w->out, ']');
}

static bool read_word(struct json_span span, bool is_hash, uint64_t *word)
{
	double number;

	if (is_hash)
		return form_hash_text(span, word);
	if (!form_double(span, &number))
		return false;
	*word = series_bits(number);
	return true;
}

static bool read_series(
	void *state, struct json_span object, const struct form_reader *r, unsigned n_words, bool is_hash)
{
	struct json_span x, item, parts[FORM_VALUES_MAX];
	uint64_t sample[SERIES_POSITION_WORDS];
	struct series_state *s = state;
	struct agg_place place;
	struct json_iter it;

	if (!form_members(object, "x", &x) || !form_array(x, &it))
		return false;
	while (form_next(&it, &item)) {
		if (!form_elements(item, n_words + 1, parts) || !form_place(r, parts, &place))
			return false;
		sample[0] = (uint64_t)place.time_us;
		place.line &= SERIES_LINE_MASK;
		sample[1] = series_position(&place);
		for (unsigned k = 2; k < n_words; k++) {
			if (!read_word(parts[k + 1], is_hash, &sample[k]))
				return false;
		}
		series_push(s, n_words, sample);
	}
	return s->series && !s->series->is_unsorted;
}

static void write_numbers(const void *state, const struct form_writer *w)
{
	write_series(state, w, false);
}

static bool read_numbers(void *state, struct json_span object, const struct form_reader *r)
{
	return read_series(state, object, r, SERIES_VALUE_WORDS, false);
}

/* ---- max_gap ---- */

static void add_time(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	(void)v;
	(void)list;
	series_push(state, SERIES_TIME_WORDS, (const uint64_t[]){(uint64_t)place->time_us});
}

static void write_times(const void *state, const struct form_writer *w)
{
	const struct series *s = series_sorted(state);

	if (!s)
		return;
	json_add_key(w->out, "x");
	for (size_t i = 0; i < s->n; i++) {
		buf_add_char(w->out, i ? ',' : '[');
		form_add_i64(w->out, series_time_us(s, i));
	}
	buf_add_char(w->out, ']');
}

static bool read_times(void *state, struct json_span object, const struct form_reader *r)
{
	struct series_state *s = state;
	struct json_span x, item;
	struct json_iter it;
	int64_t us;

	(void)r;
	if (!form_members(object, "x", &x) || !form_array(x, &it))
		return false;
	while (form_next(&it, &item)) {
		if (!form_time(item, &us))
			return false;
		series_push(s, SERIES_TIME_WORDS, (const uint64_t[]){(uint64_t)us});
	}
	return s->series && !s->series->is_unsorted;
}

const struct agg_kind agg_kind_times = {
	.name = "max_gap",
	.write = write_times,
	.read = read_times,
	.bytes = sizeof(struct series_state),
	.need = AGG_ANY,
	.add = add_time,
	.merge = merge_series,
	.keeps_samples = true,
	.release = release_series,
	.owned = owned_series,
};

void agg_finish_max_gap(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct series *s = series_sorted(state);
	int64_t gap_us = 0;

	(void)call;
	if (!s || s->n < 2)
		return;
	for (size_t i = 1; i < s->n; i++) {
		int64_t us = series_time_us(s, i) - series_time_us(s, i - 1);

		gap_us = us > gap_us ? us : gap_us;
	}
	agg_set_double(r, (double)gap_us / SECOND_US);
}

static void push_value(void *state, const struct agg_place *place, uint64_t value)
{
	series_push(
		state, SERIES_VALUE_WORDS, (const uint64_t[]){(uint64_t)place->time_us, series_position(place), value});
}

/* ---- transitions ---- */

/* Values are equal as group values are; a 64-bit hash tells them apart, as in distinct. */
static void add_change(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	buf_reset(&list->scratch);
	group_key_add(&list->scratch, v->span, &list->scratch_text);
	push_value(state, place, group_hash(buf_slice(&list->scratch)));
}

static void write_changes(const void *state, const struct form_writer *w)
{
	write_series(state, w, true);
}

static bool read_changes(void *state, struct json_span object, const struct form_reader *r)
{
	return read_series(state, object, r, SERIES_VALUE_WORDS, true);
}

const struct agg_kind agg_kind_changes = {
	.name = "transitions",
	.write = write_changes,
	.read = read_changes,
	.bytes = sizeof(struct series_state),
	.need = AGG_SCALAR,
	.add = add_change,
	.merge = merge_series,
	.keeps_samples = true,
	.release = release_series,
	.owned = owned_series,
};

void agg_finish_transitions(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct series *s = series_sorted(state);
	uint64_t n = 0;

	(void)call;
	if (!s)
		return;
	for (size_t i = 1; i < s->n; i++)
		n += *series_value(s, i) != *series_value(s, i - 1);
	agg_set_double(r, (double)n);
}

/* ---- ewma ---- */

static void add_number(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	(void)list;
	push_value(state, place, series_bits(v->num.value));
}

const struct agg_kind agg_kind_numbers = {
	.name = "ewma and lttb",
	.write = write_numbers,
	.read = read_numbers,
	.bytes = sizeof(struct series_state),
	.need = AGG_NUMBER,
	.add = add_number,
	.merge = merge_series,
	.keeps_samples = true,
	.release = release_series,
	.owned = owned_series,
};

void agg_finish_ewma(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct series *s = series_sorted(state);
	double mean;

	if (!s)
		return;
	mean = series_number(s, 0);
	for (size_t i = 1; i < s->n; i++)
		mean = call->number * series_number(s, i) + (1 - call->number) * mean;
	agg_set_digits(r, mean);
}

/* ---- lttb ---- */

/* A sample as [milliseconds since 1970, value]. */
static void print_sample(struct buf *out, const struct series *s, size_t i)
{
	struct agg_result value = {.type = AGG_NULL};
	int64_t time_us = series_time_us(s, i);
	uint64_t us = (uint64_t)(time_us < 0 ? -time_us : time_us);

	buf_add_str(out, out->len ? ",[" : "[[");
	buf_addf(out, "%s%llu", time_us < 0 ? "-" : "", (unsigned long long)us / 1000);
	if (us % 1000) {
		buf_addf(out, ".%03u", (unsigned)(us % 1000));
		while (out->p[out->len - 1] == '0')
			out->len--;
	}
	buf_add_char(out, ',');
	agg_set_double(&value, series_number(s, i));
	agg_result_print(out, &value);
	buf_add_char(out, ']');
}

/* The sample of from .. to - 1 that makes the largest triangle with sample a and the mean of to .. end - 1. */
static size_t largest_triangle(const struct series *s, size_t a, size_t from, size_t to, size_t end)
{
	double x = 0, y = 0, largest = -1;
	size_t best = from;

	for (size_t i = to; i < end; i++) {
		x += (double)(series_time_us(s, i) - series_time_us(s, a));
		y += series_number(s, i);
	}
	x /= (double)(end - to);
	y = y / (double)(end - to) - series_number(s, a);
	for (size_t i = from; i < to; i++) {
		double along = (double)(series_time_us(s, i) - series_time_us(s, a));
		double area = fabs(x * (series_number(s, i) - series_number(s, a)) - along * y);

		if (area > largest) {
			largest = area;
			best = i;
		}
	}
	return best;
}

/*
 * Largest triangle three buckets (Steinarsson, "Downsampling time series for visual representation", 2013): the first
 * and the last sample stay, the others are parted into n - 2 buckets of as many samples, and each gives one.
 */
void agg_finish_lttb(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct series *s = series_sorted(state);
	size_t n = call->n, a = 0, to = 1, inner;

	if (!s)
		return;
	buf_reset(&s->text);
	print_sample(&s->text, s, 0);
	inner = s->n < 2 ? 0 : s->n - 2;
	for (size_t i = 1; i + 1 < n && inner; i++) {
		size_t from = to, end;

		if (s->n <= n) {
			if (i > inner)
				break;
			print_sample(&s->text, s, i);
			continue;
		}
		to = 1 + i * inner / (n - 2);
		end = i + 2 < n ? 1 + (i + 1) * inner / (n - 2) : s->n;
		a = largest_triangle(s, a, from, to, end);
		print_sample(&s->text, s, a);
	}
	if (s->n > 1)
		print_sample(&s->text, s, s->n - 1);
	buf_add_char(&s->text, ']');
	agg_set_text(r, buf_slice(&s->text));
}

/* ---- distance ---- */

static void add_position(void *state, const struct agg_input *in)
{
	series_push(state, SERIES_POSITION_WORDS,
		(const uint64_t[]){(uint64_t)in->place->time_us, series_position(in->place),
			series_bits(in->a->num.value), series_bits(in->b->num.value)});
}

static bool read_positions(void *state, struct json_span object, const struct form_reader *r)
{
	const struct series_state *s = state;

	if (!read_series(state, object, r, SERIES_POSITION_WORDS, false))
		return false;
	for (size_t i = 0; i < s->series->n; i++) {
		double at[2];

		memcpy(at, series_value(s->series, i), sizeof at);
		if (fabs(at[0]) > 90 || fabs(at[1]) > 180)
			return false;
	}
	return true;
}

const struct agg_kind agg_kind_positions = {
	.name = "distance",
	.write = write_numbers,
	.read = read_positions,
	.bytes = sizeof(struct series_state),
	.need = AGG_LATITUDE,
	.second_need = AGG_LONGITUDE,
	.add_input = add_position,
	.merge = merge_series,
	.keeps_samples = true,
	.release = release_series,
	.owned = owned_series,
};

void agg_finish_distance(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct series *s = series_sorted(state);
	struct dd sum = {0, 0};
	double at[2][2]; /* two positions in turn */

	(void)call;
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		memcpy(at[i % 2], series_value(s, i), sizeof at[0]);
		if (i) {
			const double *a = at[(i - 1) % 2], *b = at[i % 2];

			dd_add(&sum, geo_distance_m(a[0], a[1], b[0], b[1]));
		}
	}
	agg_set_digits(r, sum.high);
}
