/* series: aggregates that look at all records in their order: transitions, max_gap, distance, ewma, lttb. */
#include "aggregate/kinds.h"

#include <math.h>
#include <stdlib.h>

#include "group/group.h"
#include "mem/mem.h"

#define SECOND_US 1e6
#define EARTH_RADIUS_M 6371008.8 /* the mean radius of the IUGG */

/* ---- samples ---- */

/* All of them, until the window closes. */
struct sample {
	struct agg_place place;
	union {
		double number;
		uint64_t hash; /* of the value, as group value */
		struct {
			double lat, lon;
		} at;
	} value;
};

struct series {
	size_t n, cap;
	bool is_unsorted;
	struct sample *samples;
	struct buf text; /* of the result of lttb */
};

struct series_state {
	struct series *series; /* NULL: empty */
};

static void push_sample(struct series_state *state, const struct sample *sample)
{
	struct series *s = state->series;

	if (!s)
		s = state->series = mem_alloc(1, sizeof *s);
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 4;
		s->samples = mem_resize(s->samples, s->cap, sizeof *s->samples);
	}
	s->is_unsorted |= s->n && agg_place_cmp(&sample->place, &s->samples[s->n - 1].place) < 0;
	s->samples[s->n++] = *sample;
}

static int compare_samples(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return agg_place_cmp(&x->place, &y->place);
}

/* The samples by time, input and line; NULL when there are none. */
static struct series *sorted_series(const void *state)
{
	struct series *s = ((const struct series_state *)state)->series;

	if (s && s->is_unsorted)
		qsort(s->samples, s->n, sizeof *s->samples, compare_samples);
	if (s)
		s->is_unsorted = false;
	return s;
}

static void merge_series(void *into, const void *from, struct agg_list *list)
{
	const struct series *f = ((const struct series_state *)from)->series;

	(void)list;
	for (size_t i = 0; f && i < f->n; i++)
		push_sample(into, &f->samples[i]);
}

static void release_series(void *state)
{
	struct series *s = ((struct series_state *)state)->series;

	if (s) {
		free(s->samples);
		buf_release(&s->text);
	}
	free(s);
}

/* ---- max_gap ---- */

static void add_time(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	(void)v;
	(void)list;
	push_sample(state, &(struct sample){.place = *place});
}

const struct agg_kind agg_kind_times = {
	.bytes = sizeof(struct series_state),
	.need = AGG_ANY,
	.add = add_time,
	.merge = merge_series,
	.release = release_series,
};

void agg_finish_max_gap(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct series *s = sorted_series(state);
	int64_t gap_us = 0;

	(void)call;
	if (!s || s->n < 2)
		return;
	for (size_t i = 1; i < s->n; i++) {
		int64_t us = s->samples[i].place.time_us - s->samples[i - 1].place.time_us;

		gap_us = us > gap_us ? us : gap_us;
	}
	agg_set_double(r, (double)gap_us / SECOND_US);
}

/* ---- transitions ---- */

/* Values are equal as group values are; a 64-bit hash tells them apart, as in distinct. */
static void add_change(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	struct sample sample = {.place = *place};

	buf_reset(&list->scratch);
	group_key_add(&list->scratch, v->span, &list->scratch_text);
	sample.value.hash = group_hash(buf_slice(&list->scratch));
	push_sample(state, &sample);
}

const struct agg_kind agg_kind_changes = {
	.bytes = sizeof(struct series_state),
	.need = AGG_SCALAR,
	.add = add_change,
	.merge = merge_series,
	.release = release_series,
};

void agg_finish_transitions(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct series *s = sorted_series(state);
	uint64_t n = 0;

	(void)call;
	if (!s)
		return;
	for (size_t i = 1; i < s->n; i++)
		n += s->samples[i].value.hash != s->samples[i - 1].value.hash;
	agg_set_double(r, (double)n);
}

/* ---- ewma ---- */

static void add_number(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	(void)list;
	push_sample(state, &(struct sample){.place = *place, .value.number = v->num.value});
}

const struct agg_kind agg_kind_numbers = {
	.bytes = sizeof(struct series_state),
	.need = AGG_NUMBER,
	.add = add_number,
	.merge = merge_series,
	.release = release_series,
};

void agg_finish_ewma(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct series *s = sorted_series(state);
	double mean;

	if (!s)
		return;
	mean = s->samples[0].value.number;
	for (size_t i = 1; i < s->n; i++)
		mean = call->share * s->samples[i].value.number + (1 - call->share) * mean;
	agg_set_digits(r, mean);
}

/* ---- lttb ---- */

/* A sample as [milliseconds since 1970, value]. */
static void print_sample(struct buf *out, const struct sample *s)
{
	struct agg_result value = {.type = AGG_NULL};
	uint64_t us = (uint64_t)(s->place.time_us < 0 ? -s->place.time_us : s->place.time_us);

	buf_add_str(out, out->len ? ",[" : "[[");
	buf_addf(out, "%s%llu", s->place.time_us < 0 ? "-" : "", (unsigned long long)us / 1000);
	if (us % 1000) {
		buf_addf(out, ".%03u", (unsigned)(us % 1000));
		while (out->p[out->len - 1] == '0')
			out->len--;
	}
	buf_add_char(out, ',');
	agg_set_double(&value, s->value.number);
	agg_result_print(out, &value);
	buf_add_char(out, ']');
}

/* The sample of from .. to - 1 that makes the largest triangle with sample a and the mean of to .. end - 1. */
static size_t largest_triangle(const struct sample *samples, size_t a, size_t from, size_t to, size_t end)
{
	double x = 0, y = 0, largest = -1;
	size_t best = from;

	for (size_t i = to; i < end; i++) {
		x += (double)(samples[i].place.time_us - samples[a].place.time_us);
		y += samples[i].value.number;
	}
	x /= (double)(end - to);
	y = y / (double)(end - to) - samples[a].value.number;
	for (size_t i = from; i < to; i++) {
		double along = (double)(samples[i].place.time_us - samples[a].place.time_us);
		double area = fabs(x * (samples[i].value.number - samples[a].value.number) - along * y);

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
	struct series *s = sorted_series(state);
	size_t n = call->n, a = 0, to = 1, inner;

	if (!s)
		return;
	buf_reset(&s->text);
	print_sample(&s->text, &s->samples[0]);
	inner = s->n < 2 ? 0 : s->n - 2;
	for (size_t i = 1; i + 1 < n && inner; i++) {
		size_t from = to, end;

		if (s->n <= n) {
			if (i > inner)
				break;
			print_sample(&s->text, &s->samples[i]);
			continue;
		}
		to = 1 + i * inner / (n - 2);
		end = i + 2 < n ? 1 + (i + 1) * inner / (n - 2) : s->n;
		a = largest_triangle(s->samples, a, from, to, end);
		print_sample(&s->text, &s->samples[a]);
	}
	if (s->n > 1)
		print_sample(&s->text, &s->samples[s->n - 1]);
	buf_add_char(&s->text, ']');
	agg_set_text(r, buf_slice(&s->text));
}

/* ---- distance ---- */

static void add_position(void *state, const struct agg_input *in)
{
	struct sample sample = {.place = *in->place};

	sample.value.at.lat = in->a->num.value;
	sample.value.at.lon = in->b->num.value;
	push_sample(state, &sample);
}

const struct agg_kind agg_kind_positions = {
	.bytes = sizeof(struct series_state),
	.need = AGG_LATITUDE,
	.second_need = AGG_LONGITUDE,
	.add_input = add_position,
	.merge = merge_series,
	.release = release_series,
};

/* The haversine formula, well conditioned for near points. */
static double distance_m(const struct sample *a, const struct sample *b)
{
	const double radian = M_PI / 180;
	double from = a->value.at.lat * radian, to = b->value.at.lat * radian;
	double up = sin((to - from) / 2), along = sin((b->value.at.lon - a->value.at.lon) * radian / 2);
	double h = up * up + cos(from) * cos(to) * along * along;

	return 2 * EARTH_RADIUS_M * asin(sqrt(h < 1 ? h : 1));
}

void agg_finish_distance(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct series *s = sorted_series(state);
	struct dd sum = {0, 0};

	(void)call;
	if (!s)
		return;
	for (size_t i = 1; i < s->n; i++)
		dd_add(&sum, distance_m(&s->samples[i - 1], &s->samples[i]));
	agg_set_digits(r, sum.high);
}
