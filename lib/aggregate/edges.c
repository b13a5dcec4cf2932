/* edges: what is made of the earliest and the latest value: delta, rate. */
#include "aggregate/form.h"

#define SECOND_US 1e6

struct edge {
	struct agg_place place;
	struct agg_num num;
};

struct edges_state {
	uint64_t n;
	struct edge first, last;
};

static void offer_edges(struct edges_state *s, uint64_t n, const struct edge *first, const struct edge *last)
{
	if (!s->n || agg_place_cmp(&first->place, &s->first.place) < 0)
		s->first = *first;
	if (!s->n || agg_place_cmp(&last->place, &s->last.place) > 0)
		s->last = *last;
	s->n += n;
}

static void add_edges(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	struct edge edge = {*place, v->num};

	(void)list;
	offer_edges(state, 1, &edge, &edge);
}

static void merge_edges(void *into, const void *from, struct agg_list *list)
{
	const struct edges_state *f = from;

	(void)list;
	if (f->n)
		offer_edges(into, f->n, &f->first, &f->last);
}

static void write_edge(const struct form_writer *w, const struct edge *e)
{
	buf_add_char(w->out, '[');
	form_add_place(w, &e->place);
	buf_add_char(w->out, ',');
	form_add_num(w->out, e->num);
	buf_add_char(w->out, ']');
}

static void write_edges(const void *state, const struct form_writer *w)
{
	const struct edges_state *s = state;

	json_add_key(w->out, "n");
	form_add_u64(w->out, s->n);
	json_add_key(w->out, "first");
	write_edge(w, &s->first);
	json_add_key(w->out, "last");
	write_edge(w, &s->last);
}

static bool read_edge(const struct form_reader *r, struct json_span span, struct edge *e)
{
	struct json_span value;

	return form_placed(r, span, &e->place, &value) && form_num(value, &e->num);
}

static bool read_edges(void *state, struct json_span object, const struct form_reader *r)
{
	struct edges_state *s = state;
	struct json_span v[3];

	return form_members(object, "n first last", v) && form_count(v[0], &s->n) && read_edge(r, v[1], &s->first) &&
	       read_edge(r, v[2], &s->last) && agg_place_cmp(&s->first.place, &s->last.place) <= 0;
}

const struct agg_kind agg_kind_edges = {
	.name = "delta and rate",
	.bytes = sizeof(struct edges_state),
	.need = AGG_NUMBER,
	.add = add_edges,
	.merge = merge_edges,
	.write = write_edges,
	.read = read_edges,
};

void agg_finish_delta(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct edges_state *s = state;

	(void)call;
	if (s->n)
		agg_set_difference(r, s->last.num, s->first.num);
}

/* In double-double, so that it is the nearest double. */
void agg_finish_rate(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct edges_state *s = state;
	int64_t us = s->last.place.time_us - s->first.place.time_us;
	struct dd change, scaled;

	(void)call;
	if (!us)
		return;
	change = dd_two_sum(s->last.num.value, -s->first.num.value);
	dd_add(&change, (double)s->last.num.rest - s->first.num.rest);
	scaled = dd_two_product(change.high, SECOND_US);
	dd_add(&scaled, change.low * SECOND_US);
	agg_set_double(r, dd_divide(scaled, (double)us).high);
}
