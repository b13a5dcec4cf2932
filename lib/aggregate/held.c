/* held: values that hold until the next one: twa, integral, duration, time_above, increase, and what windows carry
 * over. */
#include <assert.h>

#include "aggregate/form.h"
#include "aggregate/series.h"
#include "mem/mem.h"
#include "window/window.h"

#define SECOND_US 1e6

/* The latest value of a state before a window. */
struct carried {
	int64_t time_us;
	uint64_t value; /* the third word of a sample */
	uint64_t is_used;
};

_Static_assert(sizeof(struct carried) == AGG_CARRIED_BYTES, "kinds.h tells the size");

/* The window that a series is a row of, and the value that it begins with. */
struct series_held {
	struct agg_bounds window;
	struct carried carried;
};

/* ---- from window to window ---- */

static struct series_state *series_of(const struct agg_state *s, const void *states)
{
	return (struct series_state *)((uintptr_t)states + s->offset);
}

bool agg_carried_has(const struct agg_list *list, const void *states)
{
	for (size_t i = 0; i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];
		const struct series *series = s->is_held ? series_of(s, states)->series : NULL;

		if (series && series->n)
			return true;
	}
	return false;
}

/* How many samples are before us. */
static size_t count_before(const struct series *s, int64_t us)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (series_time_us(s, middle) < us)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void agg_carried_take(const struct agg_list *list, void *carried, const void *states, int64_t us)
{
	for (size_t i = 0; i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];
		const struct series *series = s->is_held ? series_sorted(series_of(s, states)) : NULL;
		struct carried *c = (struct carried *)((char *)carried + s->carried_offset);
		size_t n = series ? count_before(series, us) : 0;

		/* of equal times the last: windows that hold one of them hold them all */
		if (n && (!c->is_used || c->time_us <= series_time_us(series, n - 1)))
			*c = (struct carried){series_time_us(series, n - 1), *series_value(series, n - 1), true};
	}
}

int64_t agg_carried_end(const struct agg_list *list, const void *carried)
{
	int64_t end_us = INT64_MIN;

	for (size_t i = 0; i < list->carried_bytes / sizeof(struct carried); i++) {
		const struct carried *c = (const struct carried *)carried + i;
		int64_t us = c->is_used ? window_add_us(c->time_us, list->calls[0].hold_us) : INT64_MIN;

		end_us = us > end_us ? us : end_us;
	}
	return end_us;
}

/* [time_us,"16 hex digits of the value"], or null for none. */
void agg_carried_write(const struct agg_list *list, const void *carried, struct buf *out)
{
	const struct carried *c = carried;

	buf_add_char(out, '[');
	for (size_t i = 0; i < list->carried_bytes / sizeof *c; i++) {
		buf_add_str(out, i ? "," : "");
		if (!c[i].is_used) {
			buf_add_str(out, "null");
			continue;
		}
		buf_add_char(out, '[');
		form_add_i64(out, c[i].time_us);
		buf_add_char(out, ',');
		form_add_hash_text(out, c[i].value);
		buf_add_char(out, ']');
	}
	buf_add_char(out, ']');
}

bool agg_carried_read(const struct agg_list *list, struct json_span array, void *carried)
{
	struct json_span item, parts[2];
	struct carried *c = carried;
	struct json_iter it;
	size_t i = 0;

	if (!form_array(array, &it))
		return false;
	for (; form_next(&it, &item); i++) {
		if (i == list->carried_bytes / sizeof *c)
			return false;
		if (item.type == JSON_NULL)
			continue;
		if (!form_elements(item, 2, parts) || !form_time(parts[0], &c[i].time_us) ||
			!form_hash_text(parts[1], &c[i].value))
			return false;
		c[i].is_used = true;
	}
	return i == list->carried_bytes / sizeof *c;
}

void agg_states_settle(const struct agg_list *list, void *states, const struct agg_bounds *window, const void *carried)
{
	for (size_t i = 0; i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];
		struct series_state *state = s->is_held ? series_of(s, states) : NULL;
		struct carried from = {0, 0, false};

		if (!state)
			continue;
		if (carried)
			from = *(const struct carried *)((const char *)carried + s->carried_offset);
		if (!state->series && !from.is_used)
			continue;
		if (!state->series)
			state->series = series_open(SERIES_VALUE_WORDS);
		if (!state->series->held)
			state->series->held = mem_alloc(1, sizeof(struct series_held));
		*state->series->held = (struct series_held){*window, from};
	}
}

/* ---- how long each value holds ---- */

/* Goes from value to value; the carried one, if there is one, comes first. */
struct walk {
	const struct series *s;
	int64_t hold_us;
	bool is_carried; /* the carried one is next */
	size_t next;
	uint64_t value; /* what the last step gave */
	int64_t us;
};

static bool start_walk(struct walk *w, const struct agg_call *call, const void *state)
{
	series_sorted(state);
	*w = (struct walk){.s = ((const struct series_state *)state)->series, .hold_us = call->hold_us};
	w->is_carried = w->s && w->s->held && w->s->held->carried.is_used &&
			window_add_us(w->s->held->carried.time_us, call->hold_us) > w->s->held->window.start_us;
	return w->is_carried || (w->s && w->s->n);
}

/* Where the last value ends: at the end of the window, as far as there is one. */
static int64_t end_of(const struct series *s, int64_t last_us)
{
	return s->held && s->held->window.end_us > last_us ? s->held->window.end_us : last_us;
}

static bool step(struct walk *w)
{
	int64_t from_us, time_us, to_us;

	if (w->is_carried) {
		w->is_carried = false;
		w->value = w->s->held->carried.value;
		time_us = w->s->held->carried.time_us;
		from_us = w->s->held->window.start_us;
	} else if (w->next < w->s->n) {
		w->value = *series_value(w->s, w->next);
		time_us = from_us = series_time_us(w->s, w->next++);
	} else {
		return false;
	}
	to_us = w->next < w->s->n ? series_time_us(w->s, w->next) : end_of(w->s, from_us);
	if (to_us > window_add_us(time_us, w->hold_us))
		to_us = window_add_us(time_us, w->hold_us);
	w->us = to_us - from_us;
	return true;
}

static double number_of(uint64_t bits)
{
	double number;

	memcpy(&number, &bits, sizeof number);
	return number;
}

static void add_product(struct xsum *sum, double value, int64_t us)
{
	struct dd product = dd_two_product(value, (double)us);

	xsum_add(sum, product.high);
	xsum_add(sum, product.low);
}

/* The area under the values, by the time that they hold or in seconds. */
static void set_area(struct agg_result *r, struct walk *w, bool is_mean)
{
	struct xsum sum = {{0, 0}, NULL};
	int64_t us = 0;

	while (step(w)) {
		add_product(&sum, number_of(w->value), w->us);
		us += w->us;
	}
	if (us || !is_mean)
		agg_set_double(r, xsum_divide(&sum, 0, is_mean ? (uint64_t)us : (uint64_t)SECOND_US));
	xsum_release(&sum);
}

void agg_finish_twa(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct walk w;

	if (start_walk(&w, call, state))
		set_area(r, &w, true);
}

void agg_finish_integral(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct walk w;

	if (start_walk(&w, call, state))
		set_area(r, &w, false);
}

void agg_finish_duration(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct walk w;
	int64_t us = 0;

	if (!start_walk(&w, call, state))
		return;
	while (step(&w))
		us += w.value == call->constant ? w.us : 0;
	agg_set_double(r, (double)us / SECOND_US);
}

void agg_finish_time_above(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct walk w;
	int64_t us = 0;

	if (!start_walk(&w, call, state))
		return;
	while (step(&w))
		us += number_of(w.value) > call->number ? w.us : 0;
	agg_set_double(r, (double)us / SECOND_US);
}

/* What a counter rose by; one that falls was set to 0 and has risen since. */
static void add_rise(struct xsum *sum, double before, double now)
{
	xsum_add(sum, now);
	if (now >= before)
		xsum_add(sum, -before);
}

void agg_finish_increase(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct xsum sum = {{0, 0}, NULL};
	uint64_t before;
	int64_t before_us;
	struct walk w;

	if (!start_walk(&w, call, state))
		return;
	if (!w.is_carried)
		w.next = 1;
	before = w.is_carried ? w.s->held->carried.value : *series_value(w.s, 0);
	before_us = w.is_carried ? w.s->held->carried.time_us : series_time_us(w.s, 0);
	for (; w.next < w.s->n; w.next++) {
		if (series_time_us(w.s, w.next) < window_add_us(before_us, w.hold_us))
			add_rise(&sum, number_of(before), series_number(w.s, w.next));
		before = *series_value(w.s, w.next);
		before_us = series_time_us(w.s, w.next);
	}
	agg_set_double(r, xsum_divide(&sum, 0, 1));
	xsum_release(&sum);
}
