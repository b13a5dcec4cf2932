/* states: what callers do with the states of a group: add, merge, count, release, take the results. */
#include "aggregate/kinds.h"

enum agg_shortcut { BY_KIND, SPECIAL, COUNT_RECORDS, COUNT_PRESENT, WITHIN_EXTREMA };

uint8_t agg_shortcut_of(const struct agg_state *s)
{
	if (s->condition >= 0 || !s->kind->add)
		return SPECIAL;
	if (s->kind == &agg_kind_records && s->fields[0] < 0)
		return COUNT_RECORDS;
	if (s->kind == &agg_kind_present && s->fields[0] >= 0)
		return COUNT_PRESENT;
	return s->kind == &agg_kind_extrema ? WITHIN_EXTREMA : BY_KIND;
}

void agg_simple_find(struct agg_list *list)
{
	struct agg_simple simple = {.is_simple = true, .field = -1, .count_at = -1, .sum_at = -1, .extrema_at = -1};

	for (size_t i = 0; i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];
		int32_t at = (int32_t)s->offset;

		if (s->shortcut == COUNT_RECORDS)
			simple.count_at = at;
		else if (s->condition < 0 && s->kind == &agg_kind_sum)
			simple.sum_at = at;
		else if (s->condition < 0 && s->kind == &agg_kind_extrema)
			simple.extrema_at = at;
		else
			simple.is_simple = false;
		if (s->fields[0] >= 0 && simple.field >= 0 && s->fields[0] != simple.field)
			simple.is_simple = false;
		if (s->fields[0] >= 0)
			simple.field = s->fields[0];
	}
	list->simple = simple;
}

/* A state under a condition, or of a kind that takes more than one value. */
static __attribute__((noinline)) void add_special(struct agg_list *list, const struct agg_state *s, void *state,
	const struct agg_value *values, const struct agg_place *place)
{
	struct agg_input in = {.place = place, .list = list, .parameter = s->parameter};

	if (s->condition >= 0 && !values[list->n_fields + (size_t)s->condition].is_present)
		return;
	if (s->fields[0] >= 0) {
		in.a = &values[s->fields[0]];
		if (!in.a->is_present)
			return;
	}
	if (s->fields[1] >= 0) {
		in.b = &values[s->fields[1]];
		if (!in.b->is_present)
			return;
	}
	if (s->kind->add)
		s->kind->add(state, in.a, place, list);
	else
		s->kind->add_input(state, &in);
}

/* Strictly between what was seen, as nearly all are. */
static inline bool is_within(const struct agg_extrema_state *s, const struct agg_value *v)
{
	return s->is_used && v->num.value > s->min && v->num.value < s->max;
}

/* The loop below for a simple list, without a call where a value is no news. */
static inline void add_simple(struct agg_list *list, char *states, const struct agg_value *values)
{
	const struct agg_simple *s = &list->simple;
	const struct agg_value *v = s->field < 0 ? NULL : &values[s->field];

	if (s->count_at >= 0)
		((struct agg_count_state *)(void *)(states + s->count_at))->n++;
	if (!v || !v->is_present)
		return;
	if (s->sum_at >= 0)
		agg_sum_add((struct agg_sum_state *)(void *)(states + s->sum_at), v);
	if (s->extrema_at >= 0 && !is_within((const struct agg_extrema_state *)(void *)(states + s->extrema_at), v))
		agg_extrema_offer((struct agg_extrema_state *)(void *)(states + s->extrema_at), v->num, v->num);
}

void agg_states_add(struct agg_list *list, void *states, const struct agg_value *values, const struct agg_place *place)
{
	if (list->simple.is_simple)
		add_simple(list, states, values);
	else
		agg_states_add_plain(list, states, values, place);
}

void agg_states_add_plain(
	struct agg_list *list, void *states, const struct agg_value *values, const struct agg_place *place)
{
	const struct agg_state *end = list->states + list->n_states;

	for (const struct agg_state *s = list->states; s < end; s++) {
		void *state = (char *)states + s->offset;
		const struct agg_value *v;

		if (s->shortcut == COUNT_RECORDS) {
			((struct agg_count_state *)state)->n++;
			continue;
		}
		if (s->shortcut == SPECIAL) {
			add_special(list, s, state, values, place);
			continue;
		}
		v = s->fields[0] < 0 ? NULL : &values[s->fields[0]];
		if (v && !v->is_present)
			continue;
		if (s->shortcut == COUNT_PRESENT)
			((struct agg_count_state *)state)->n++;
		else if (s->shortcut != WITHIN_EXTREMA || !is_within(state, v))
			s->kind->add(state, v, place, list);
	}
}

void agg_states_merge(struct agg_list *list, void *into, const void *from)
{
	for (size_t i = 0; i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];

		s->kind->merge((char *)into + s->offset, (const char *)from + s->offset, list);
	}
}

void agg_states_merge_samples(struct agg_list *list, void *into, const void *from)
{
	for (size_t i = 0; i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];

		if (s->kind->keeps_samples)
			s->kind->merge((char *)into + s->offset, (const char *)from + s->offset, list);
	}
}

void agg_states_merge_bounded(struct agg_list *list, void *into, const void *from)
{
	for (size_t i = 0; i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];

		if (!s->kind->keeps_samples)
			s->kind->merge((char *)into + s->offset, (const char *)from + s->offset, list);
	}
}

size_t agg_states_owned(const struct agg_list *list, const void *states)
{
	size_t sum = 0;

	for (size_t i = 0; list->has_memory && i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];

		if (s->kind->owned)
			sum += s->kind->owned((const char *)states + s->offset);
	}
	return sum;
}

void agg_states_release(const struct agg_list *list, void *states)
{
	for (size_t i = 0; list->has_memory && i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];

		if (s->kind->release)
			s->kind->release((char *)states + s->offset);
	}
}

void agg_result(const struct agg_list *list, size_t call, const void *states, struct agg_result *result)
{
	const struct agg_call *c = &list->calls[call];

	*result = (struct agg_result){.type = AGG_NULL};
	c->function->finish(c, (const char *)states + list->states[c->state].offset, result);
	if (c->is_rounded)
		agg_round(result, c->digits);
}
