#include "aggregate/form.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

/* ---- count ---- */

static void add_count(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	struct agg_count_state *s = state;

	(void)v;
	(void)place;
	(void)list;
	s->n++;
}

static void merge_count(void *into, const void *from, struct agg_list *list)
{
	struct agg_count_state *s = into;
	const struct agg_count_state *f = from;

	(void)list;
	s->n += f->n;
}

static void write_count(const void *state, const struct form_writer *w)
{
	json_add_key(w->out, "n");
	form_add_u64(w->out, ((const struct agg_count_state *)state)->n);
}

static bool read_count(void *state, struct json_span object, const struct form_reader *r)
{
	struct json_span n;

	(void)r;
	return form_members(object, "n", &n) && form_count(n, &((struct agg_count_state *)state)->n);
}

const struct agg_kind agg_kind_records = {
	.name = "count",
	.bytes = sizeof(struct agg_count_state),
	.need = AGG_ANY,
	.merges_exactly = true,
	.add = add_count,
	.merge = merge_count,
	.write = write_count,
	.read = read_count,
};
const struct agg_kind agg_kind_present = {
	.name = "count of a field",
	.bytes = sizeof(struct agg_count_state),
	.need = AGG_ANY,
	.merges_exactly = true,
	.add = add_count,
	.merge = merge_count,
	.write = write_count,
	.read = read_count,
};

/* ---- sum, mean ---- */

static void add_sum(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	(void)place;
	(void)list;
	agg_sum_add(state, v);
}

static void merge_sum(void *into, const void *from, struct agg_list *list)
{
	struct agg_sum_state *s = into;
	const struct agg_sum_state *f = from;

	(void)list;
	s->n += f->n;
	agg_sum_add_i128(s, f->integer_low, f->integer_high);
	xsum_merge(&s->rest, &f->rest);
}

static size_t owned_sum(const void *state)
{
	return xsum_owned(&((const struct agg_sum_state *)state)->rest);
}

static void release_sum(void *state)
{
	xsum_release(&((struct agg_sum_state *)state)->rest);
}

static void write_sum(const void *state, const struct form_writer *w)
{
	const struct agg_sum_state *s = state;

	json_add_key(w->out, "n");
	form_add_u64(w->out, s->n);
	json_add_key(w->out, "i");
	form_add_i128(w->out, s->integer_low, s->integer_high);
	json_add_key(w->out, "d");
	form_add_xsum(w->out, &s->rest);
}

static bool read_sum(void *state, struct json_span object, const struct form_reader *r)
{
	struct agg_sum_state *s = state;
	struct json_span v[3];

	(void)r;
	return form_members(object, "n i d", v) && form_count(v[0], &s->n) &&
	       form_i128(v[1], &s->integer_low, &s->integer_high) && form_xsum(v[2], &s->rest);
}

const struct agg_kind agg_kind_sum = {
	.name = "sum",
	.bytes = sizeof(struct agg_sum_state),
	.need = AGG_NUMBER,
	.merges_exactly = true,
	.add = add_sum,
	.merge = merge_sum,
	.release = release_sum,
	.owned = owned_sum,
	.write = write_sum,
	.read = read_sum,
};

/* ---- min, max ---- */

void agg_extrema_offer(struct agg_extrema_state *s, struct agg_num low, struct agg_num high)
{
	if (!s->is_used || agg_num_cmp(low, (struct agg_num){s->min, s->min_rest}) < 0) {
		s->min = low.value;
		s->min_rest = (int16_t)low.rest;
	}
	if (!s->is_used || agg_num_cmp(high, (struct agg_num){s->max, s->max_rest}) > 0) {
		s->max = high.value;
		s->max_rest = (int16_t)high.rest;
	}
	s->is_used = 1;
}

static void add_extrema(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	struct agg_extrema_state *s = state;

	(void)place;
	(void)list;
	/* the usual case: inside what was seen */
	if (s->is_used && v->num.value > s->min && v->num.value < s->max)
		return;
	agg_extrema_offer(s, v->num, v->num);
}

static void merge_extrema(void *into, const void *from, struct agg_list *list)
{
	const struct agg_extrema_state *f = from;

	(void)list;
	if (f->is_used)
		agg_extrema_offer(into, (struct agg_num){f->min, f->min_rest}, (struct agg_num){f->max, f->max_rest});
}

void agg_extrema_write(const struct agg_extrema_state *s, struct buf *out)
{
	buf_add_char(out, '[');
	form_add_num(out, (struct agg_num){s->min, s->min_rest});
	buf_add_char(out, ',');
	form_add_num(out, (struct agg_num){s->max, s->max_rest});
	buf_add_char(out, ']');
}

bool agg_extrema_read(struct agg_extrema_state *s, struct json_span span)
{
	struct json_span v[2];
	struct agg_num min, max;

	if (!form_elements(span, 2, v) || !form_num(v[0], &min) || !form_num(v[1], &max) || agg_num_cmp(min, max) > 0)
		return false;
	agg_extrema_offer(s, min, max);
	return true;
}

static void write_extrema(const void *state, const struct form_writer *w)
{
	json_add_key(w->out, "x");
	agg_extrema_write(state, w->out);
}

static bool read_extrema(void *state, struct json_span object, const struct form_reader *r)
{
	struct json_span x;

	(void)r;
	return form_members(object, "x", &x) && agg_extrema_read(state, x);
}

const struct agg_kind agg_kind_extrema = {
	.name = "min and max",
	.bytes = sizeof(struct agg_extrema_state),
	.need = AGG_NUMBER,
	.merges_exactly = true,
	.add = add_extrema,
	.merge = merge_extrema,
	.write = write_extrema,
	.read = read_extrema,
};

/* ---- var, stddev ---- */

static void add_moments(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	struct agg_moments_state *s = state;
	double x = v->num.value, rest = v->num.rest;

	(void)place;
	(void)list;
	s->n++;
	dd_add(&s->sum, x);
	dd_add_dd(&s->squares, dd_two_product(x, x));
	if (v->num.rest) {
		dd_add(&s->sum, rest);
		dd_add_dd(&s->squares, dd_two_product(2 * x, rest));
		dd_add(&s->squares, rest * rest);
	}
}

static void merge_moments(void *into, const void *from, struct agg_list *list)
{
	struct agg_moments_state *s = into;
	const struct agg_moments_state *f = from;

	(void)list;
	s->n += f->n;
	dd_add_dd(&s->sum, f->sum);
	dd_add_dd(&s->squares, f->squares);
}

static void write_moments(const void *state, const struct form_writer *w)
{
	const struct agg_moments_state *s = state;

	json_add_key(w->out, "n");
	form_add_u64(w->out, s->n);
	json_add_key(w->out, "s");
	form_add_dd(w->out, s->sum);
	json_add_key(w->out, "q");
	form_add_dd(w->out, s->squares);
}

static bool read_moments(void *state, struct json_span object, const struct form_reader *r)
{
	struct agg_moments_state *s = state;
	struct json_span v[3];

	(void)r;
	return form_members(object, "n s q", v) && form_count(v[0], &s->n) && form_dd(v[1], &s->sum) &&
	       form_dd(v[2], &s->squares);
}

const struct agg_kind agg_kind_moments = {
	.name = "var",
	.bytes = sizeof(struct agg_moments_state),
	.need = AGG_NUMBER,
	.add = add_moments,
	.merge = merge_moments,
	.write = write_moments,
	.read = read_moments,
};

/* ---- first, last ---- */

int agg_place_cmp(const struct agg_place *a, const struct agg_place *b)
{
	if (a->time_us != b->time_us)
		return a->time_us < b->time_us ? -1 : 1;
	if (a->producer != b->producer)
		return a->producer < b->producer ? -1 : 1;
	if (a->input != b->input)
		return a->input < b->input ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

void agg_text_set(struct agg_text_state *s, const struct agg_place *place, const char *p, size_t len)
{
	if (len > s->cap || !s->text) {
		s->cap = (uint32_t)(len + len / 2 + 8);
		s->text = mem_resize(s->text, s->cap, 1);
	}
	memcpy(s->text, p, len);
	s->len = (uint32_t)len;
	s->place = *place;
}

static void add_first(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	struct agg_text_state *s = state;

	(void)list;
	if (!s->text || agg_place_cmp(place, &s->place) < 0)
		agg_text_set(s, place, v->span.p, v->span.len);
}

static void add_last(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	struct agg_text_state *s = state;

	(void)list;
	if (!s->text || agg_place_cmp(place, &s->place) > 0)
		agg_text_set(s, place, v->span.p, v->span.len);
}

static void merge_first(void *into, const void *from, struct agg_list *list)
{
	struct agg_text_state *s = into;
	const struct agg_text_state *f = from;

	(void)list;
	if (f->text && (!s->text || agg_place_cmp(&f->place, &s->place) < 0))
		agg_text_set(s, &f->place, f->text, f->len);
}

static void merge_last(void *into, const void *from, struct agg_list *list)
{
	struct agg_text_state *s = into;
	const struct agg_text_state *f = from;

	(void)list;
	if (f->text && (!s->text || agg_place_cmp(&f->place, &s->place) > 0))
		agg_text_set(s, &f->place, f->text, f->len);
}

static size_t owned_text(const void *state)
{
	return ((const struct agg_text_state *)state)->cap;
}

static void release_text(void *state)
{
	struct agg_text_state *s = state;

	free(s->text);
}

static void write_text(const void *state, const struct form_writer *w)
{
	json_add_key(w->out, "x");
	form_add_text(w, state);
}

static bool read_text(void *state, struct json_span object, const struct form_reader *r)
{
	struct json_span x;

	return form_members(object, "x", &x) && form_text(r, x, state);
}

const struct agg_kind agg_kind_first = {
	.name = "first",
	.bytes = sizeof(struct agg_text_state),
	.need = AGG_ANY,
	.add = add_first,
	.merge = merge_first,
	.release = release_text,
	.owned = owned_text,
	.write = write_text,
	.read = read_text,
};
const struct agg_kind agg_kind_last = {
	.name = "last",
	.bytes = sizeof(struct agg_text_state),
	.need = AGG_ANY,
	.add = add_last,
	.merge = merge_last,
	.release = release_text,
	.owned = owned_text,
	.write = write_text,
	.read = read_text,
};
