#include "window/window.h"

#include <assert.h>
#include <stdlib.h>

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
	free(c->inputs);
	*c = (struct window_clock){0};
}

/* W anew. With one running input, the usual case, its T is the minimum: just_raised says which it is. */
static void find_watermark(struct window_clock *c, int64_t just_raised_us)
{
	int64_t least = just_raised_us;

	if (c->n_silent)
		return;
	if (!c->n_running) {
		c->watermark_us = WINDOW_FOREVER;
		return;
	}
	if (c->n_running > 1 || just_raised_us == WINDOW_NEVER) {
		least = WINDOW_FOREVER;
		for (uint32_t i = 0; i < c->n_inputs; i++) {
			if (!c->inputs[i].is_ended && c->inputs[i].stream_us < least)
				least = c->inputs[i].stream_us;
		}
	}
	/* T rises, and an input counts as minus infinity before it has one: the minimum cannot fall */
	assert(least - c->delay_us >= c->watermark_us);
	c->watermark_us = least - c->delay_us;
}

void window_clock_raise(struct window_clock *c, uint32_t input, int64_t us)
{
	struct window_input *in = &c->inputs[input];

	if (in->stream_us == WINDOW_NEVER && !in->is_ended) {
		c->n_silent--;
		c->n_running++;
	}
	in->stream_us = us;
	if (us > c->max_us)
		c->max_us = us;
	find_watermark(c, us);
}

void window_clock_end(struct window_clock *c, uint32_t input)
{
	struct window_input *in = &c->inputs[input];

	if (in->is_ended)
		return;
	in->is_ended = true;
	if (in->stream_us == WINDOW_NEVER)
		c->n_silent--;
	else
		c->n_running--;
	find_watermark(c, WINDOW_NEVER);
}
