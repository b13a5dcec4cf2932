/* texts: values as they were written: argmin, argmax, values. */
#include "aggregate/form.h"

#include <stdlib.h>

#include "mem/mem.h"

/* ---- argmin, argmax ---- */

struct arg_state {
	struct agg_num extreme;
	struct agg_text_state value;
};

/* sign: 1 for the largest, -1 for the smallest. Of equal numbers the earlier record counts. */
static void offer_arg(
	struct arg_state *s, int sign, struct agg_num num, const struct agg_place *place, struct slice text)
{
	if (s->value.text) {
		int order = agg_num_cmp(num, s->extreme) * sign;

		if (order < 0 || (order == 0 && agg_place_cmp(place, &s->value.place) > 0))
			return;
	}
	s->extreme = num;
	agg_text_set(&s->value, place, text.p, text.len);
}

static void add_argmin(void *state, const struct agg_input *in)
{
	offer_arg(state, -1, in->b->num, in->place, (struct slice){in->a->span.p, in->a->span.len});
}

static void add_argmax(void *state, const struct agg_input *in)
{
	offer_arg(state, 1, in->b->num, in->place, (struct slice){in->a->span.p, in->a->span.len});
}

static void merge_arg(struct arg_state *s, int sign, const struct arg_state *f)
{
	if (f->value.text)
		offer_arg(s, sign, f->extreme, &f->value.place, (struct slice){f->value.text, f->value.len});
}

static void merge_argmin(void *into, const void *from, struct agg_list *list)
{
	(void)list;
	merge_arg(into, -1, from);
}

static void merge_argmax(void *into, const void *from, struct agg_list *list)
{
	(void)list;
	merge_arg(into, 1, from);
}

static size_t owned_arg(const void *state)
{
	return ((const struct arg_state *)state)->value.cap;
}

static void release_arg(void *state)
{
	free(((struct arg_state *)state)->value.text);
}

static void write_arg(const void *state, const struct form_writer *w)
{
	const struct arg_state *s = state;

	json_add_key(w->out, "by");
	form_add_num(w->out, s->extreme);
	json_add_key(w->out, "x");
	form_add_text(w, &s->value);
}

static bool read_arg(void *state, struct json_span object, const struct form_reader *r)
{
	struct arg_state *s = state;
	struct json_span v[2];

	return form_members(object, "by x", v) && form_num(v[0], &s->extreme) && form_text(r, v[1], &s->value);
}

const struct agg_kind agg_kind_argmin = {
	.name = "argmin",
	.bytes = sizeof(struct arg_state),
	.need = AGG_ANY,
	.second_need = AGG_NUMBER,
	.add_input = add_argmin,
	.merge = merge_argmin,
	.release = release_arg,
	.owned = owned_arg,
	.write = write_arg,
	.read = read_arg,
};

const struct agg_kind agg_kind_argmax = {
	.name = "argmax",
	.bytes = sizeof(struct arg_state),
	.need = AGG_ANY,
	.second_need = AGG_NUMBER,
	.add_input = add_argmax,
	.merge = merge_argmax,
	.release = release_arg,
	.owned = owned_arg,
	.write = write_arg,
	.read = read_arg,
};

void agg_finish_arg(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct arg_state *s = state;

	(void)call;
	if (s->value.text)
		agg_set_text(r, (struct slice){s->value.text, s->value.len});
}

/* ---- values ---- */

/* The limit earliest values, in order of place. */
struct values {
	uint32_t n, cap, limit;
	struct agg_text_state *items;
	struct buf text; /* of the result */
};

struct values_state {
	struct values *values; /* NULL: empty */
};

static void put_value(struct values_state *s, uint32_t limit, const struct agg_place *place, const char *p, size_t len)
{
	struct values *v = s->values;
	uint32_t at;

	if (!v) {
		v = s->values = mem_alloc(1, sizeof *v);
		v->limit = limit;
	}
	if (v->n == v->limit && agg_place_cmp(place, &v->items[v->n - 1].place) > 0)
		return;
	if (v->n == v->limit)
		free(v->items[--v->n].text);
	if (v->n == v->cap) {
		v->cap = v->cap ? v->cap * 2 : 4;
		v->items = mem_resize(v->items, v->cap, sizeof *v->items);
	}
	/* records come in order, or nearly so */
	for (at = v->n; at && agg_place_cmp(place, &v->items[at - 1].place) < 0; at--)
		v->items[at] = v->items[at - 1];
	v->items[at] = (struct agg_text_state){.text = NULL};
	agg_text_set(&v->items[at], place, p, len);
	v->n++;
}

static void add_values(void *state, const struct agg_input *in)
{
	put_value(state, (uint32_t)in->parameter, in->place, in->a->span.p, in->a->span.len);
}

static void merge_values(void *into, const void *from, struct agg_list *list)
{
	const struct values *f = ((const struct values_state *)from)->values;

	(void)list;
	for (uint32_t i = 0; f && i < f->n; i++)
		put_value(into, f->limit, &f->items[i].place, f->items[i].text, f->items[i].len);
}

static size_t owned_values(const void *state)
{
	const struct values *v = ((const struct values_state *)state)->values;

	return v ? sizeof *v + v->cap * sizeof *v->items + v->n * AGG_TEXT_BYTES : 0;
}

static void release_values(void *state)
{
	struct values *v = ((struct values_state *)state)->values;

	if (!v)
		return;
	for (uint32_t i = 0; i < v->n; i++)
		free(v->items[i].text);
	free(v->items);
	buf_release(&v->text);
	free(v);
}

static void write_values(const void *state, const struct form_writer *w)
{
	const struct values *v = ((const struct values_state *)state)->values;

	json_add_key(w->out, "x");
	for (uint32_t i = 0; i < v->n; i++) {
		buf_add_char(w->out, i ? ',' : '[');
		form_add_text(w, &v->items[i]);
	}
	buf_add_char(w->out, ']');
}

static bool read_values(void *state, struct json_span object, const struct form_reader *r)
{
	struct json_span x, item, value;
	struct agg_place place, last;
	struct json_iter it;
	uint64_t n = 0;

	if (!form_members(object, "x", &x) || !form_array(x, &it))
		return false;
	for (; form_next(&it, &item); n++) {
		if (n == r->parameter || !form_placed(r, item, &place, &value) || value.type == JSON_NULL)
			return false;
		if (n && agg_place_cmp(&last, &place) > 0)
			return false;
		put_value(state, (uint32_t)r->parameter, &place, value.p, value.len);
		last = place;
	}
	return n;
}

const struct agg_kind agg_kind_values = {
	.name = "values",
	.bytes = sizeof(struct values_state),
	.need = AGG_ANY,
	.has_parameter = true,
	.add_input = add_values,
	.merge = merge_values,
	.release = release_values,
	.owned = owned_values,
	.write = write_values,
	.read = read_values,
};

void agg_finish_values(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct values *v = ((const struct values_state *)state)->values;

	(void)call;
	if (!v)
		return;
	buf_reset(&v->text);
	for (uint32_t i = 0; i < v->n; i++) {
		buf_add_char(&v->text, i ? ',' : '[');
		buf_add(&v->text, v->items[i].text, v->items[i].len);
	}
	buf_add_char(&v->text, ']');
	agg_set_text(r, buf_slice(&v->text));
}
