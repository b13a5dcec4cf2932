#include "window/window.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

void window_clock_init(struct window_clock *c, uint32_t n_inputs, int64_t delay_us, int64_t max_ahead_us)
{
	*c = (struct window_clock){.delay_us = delay_us,
		.max_ahead_us = max_ahead_us,
		.watermark_us = WINDOW_NEVER,
		.max_us = WINDOW_NEVER,
		.n_inputs = n_inputs,
		.n_silent = n_inputs};
	c->inputs = mem_alloc(n_inputs, sizeof *c->inputs);
	for (uint32_t i = 0; i < n_inputs; i++)
		c->inputs[i].stream_us = WINDOW_NEVER;
}

void window_clock_release(struct window_clock *c)
{
	for (uint32_t i = 0; c->quorum && i < c->n_inputs; i++) {
		for (uint32_t k = 0; k < c->inputs[i].n_votes; k++)
			buf_release(&c->inputs[i].votes[k].value);
		free(c->inputs[i].votes);
	}
	free(c->inputs);
	*c = (struct window_clock){0};
}

/* W anew. With one running input, the usual case, its T is the minimum: just_raised says which it is. */
static void find_watermark(struct window_clock *c, int64_t just_raised_us)
{
	int64_t least = just_raised_us;

	if (c->n_silent)
		return;
	if (!c->n_running && !c->n_idle) {
		c->watermark_us = WINDOW_FOREVER;
		return;
	}
	/* where all are idle nobody holds time back, and it stands at the newest record */
	if (!c->n_running && c->max_us == WINDOW_NEVER)
		return;
	if (!c->n_running)
		least = c->max_us;
	else if (c->n_running > 1 || just_raised_us == WINDOW_NEVER) {
		least = WINDOW_FOREVER;
		for (uint32_t i = 0; i < c->n_inputs; i++) {
			if (!c->inputs[i].is_ended && !c->inputs[i].is_idle && c->inputs[i].stream_us < least)
				least = c->inputs[i].stream_us;
		}
	}
	/* only an input that was idle, or is new, can be behind */
	if (least - c->delay_us > c->watermark_us)
		c->watermark_us = least - c->delay_us;
}

void window_clock_raise(struct window_clock *c, uint32_t input, int64_t us)
{
	struct window_input *in = &c->inputs[input];

	if (in->is_idle)
		window_clock_wake(c, input);
	if (in->stream_us == WINDOW_NEVER && !in->is_ended) {
		c->n_silent--;
		c->n_running++;
	}
	in->stream_us = us;
	if (us > c->max_us)
		c->max_us = us;
	find_watermark(c, us);
}

void window_clock_set_quorum(struct window_clock *c, uint32_t n)
{
	assert(n >= 1 && n <= WINDOW_QUORUM_MAX && !c->quorum);
	c->quorum = n;
	for (uint32_t i = 0; i < c->n_inputs; i++)
		c->inputs[i].votes = mem_alloc(n, sizeof *c->inputs[i].votes);
}

static struct window_vote *find_vote(const struct window_input *in, struct slice value)
{
	for (uint32_t i = 0; i < in->n_votes; i++) {
		if (slice_eq(buf_slice(&in->votes[i].value), value))
			return &in->votes[i];
	}
	return NULL;
}

static struct window_vote *least_vote(const struct window_input *in)
{
	struct window_vote *least = in->votes;

	for (uint32_t i = 1; i < in->n_votes; i++) {
		if (in->votes[i].us < least->us)
			least = &in->votes[i];
	}
	return least;
}

/*
 * The n best pairs (value, maximum) are enough. Say that they are the n largest maxima of all values so far, so that no
 * other value has a maximum above the least of them. A record of a value among them raises its pair: the others stay
 * below. A record of another value at or below the least changes no pair; above it, it is that value's new maximum (the
 * old one was at most the least) and takes the place of the least, which no other value exceeds. So the pairs are the n
 * largest again, and T, their least, is known and never falls. For the same reason a time at or below T changes
 * nothing, whoever sent it.
 */
bool window_clock_vote(struct window_clock *c, uint32_t input, int64_t us, struct slice value)
{
	struct window_input *in = &c->inputs[input];
	struct window_vote *vote;

	if (us <= in->stream_us)
		return true;
	if (in->stream_us != WINDOW_NEVER && us - in->stream_us > c->max_ahead_us)
		return false;
	if (!value.len)
		return true;
	vote = find_vote(in, value);
	if (vote) {
		if (us > vote->us)
			vote->us = us;
	} else {
		vote = in->n_votes < c->quorum ? &in->votes[in->n_votes++] : least_vote(in);
		if (!vote->value.len || us > vote->us) {
			vote->us = us;
			buf_reset(&vote->value);
			buf_add_slice(&vote->value, value);
		}
	}
	if (in->n_votes == c->quorum && (us = least_vote(in)->us) > in->stream_us)
		window_clock_raise(c, input, us);
	return true;
}

void window_clock_end(struct window_clock *c, uint32_t input)
{
	struct window_input *in = &c->inputs[input];

	if (in->is_ended)
		return;
	in->is_ended = true;
	if (in->is_idle)
		c->n_idle--;
	else if (in->stream_us == WINDOW_NEVER)
		c->n_silent--;
	else
		c->n_running--;
	find_watermark(c, WINDOW_NEVER);
}

void window_clock_idle(struct window_clock *c, uint32_t input)
{
	struct window_input *in = &c->inputs[input];

	if (in->is_ended || in->is_idle)
		return;
	in->is_idle = true;
	c->n_idle++;
	if (in->stream_us == WINDOW_NEVER)
		c->n_silent--;
	else
		c->n_running--;
	find_watermark(c, WINDOW_NEVER);
}

void window_clock_wake(struct window_clock *c, uint32_t input)
{
	struct window_input *in = &c->inputs[input];

	if (!in->is_idle)
		return;
	in->is_idle = false;
	c->n_idle--;
	if (in->stream_us == WINDOW_NEVER)
		c->n_silent++;
	else
		c->n_running++;
}

void window_clock_push(struct window_clock *c, int64_t us)
{
	if (us > c->watermark_us)
		c->watermark_us = us;
	for (uint32_t i = 0; i < c->n_inputs; i++) {
		if (c->inputs[i].is_idle && c->inputs[i].stream_us < us + c->delay_us)
			c->inputs[i].stream_us = us + c->delay_us;
	}
}

void window_clock_grow(struct window_clock *c, uint32_t n_inputs)
{
	assert(n_inputs > c->n_inputs);
	c->inputs = mem_resize(c->inputs, n_inputs, sizeof *c->inputs);
	for (uint32_t i = c->n_inputs; i < n_inputs; i++) {
		c->inputs[i] = (struct window_input){.stream_us = WINDOW_NEVER};
		if (c->quorum)
			c->inputs[i].votes = mem_alloc(c->quorum, sizeof *c->inputs[i].votes);
	}
	c->n_silent += n_inputs - c->n_inputs;
	c->n_inputs = n_inputs;
}
