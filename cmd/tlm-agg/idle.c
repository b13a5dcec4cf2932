/* Inputs that have nothing for now, and what becomes of open windows when none has. */
#include "agg_impl.h"

#include "ledger/ledger.h"
#include "mem/mem.h"

enum { LATE_TICK_US = 1500000 }; /* a tick so much behind its time was held up: the output was blocked */

/* A partition that was added is one input more; states of several producers are counted by it from the start. */
static int add_inputs(struct agg *g, uint32_t n, struct err *err)
{
	if (g->opts.is_merging || g->opts.is_partial)
		return err_set(err, ERR_REFUSED, "a partition was added: --partial and --merge must begin again");
	window_clock_grow(&g->clock, n);
	return 0;
}

static void fit(struct agg *g, uint32_t n)
{
	if (n <= g->n_caught_up)
		return;
	g->caught_up_us = mem_resize(g->caught_up_us, n, sizeof *g->caught_up_us);
	while (g->n_caught_up < n)
		g->caught_up_us[g->n_caught_up++] = -1;
}

int agg_see_input(struct agg *g, uint32_t input, struct err *err)
{
	if (input >= g->clock.n_inputs && add_inputs(g, input + 1, err))
		return -1;
	fit(g, input + 1);
	g->caught_up_us[input] = -1;
	window_clock_wake(&g->clock, input);
	g->walked_us = -1;
	return 0;
}

int agg_caught_up(struct stage *stage, uint32_t input, struct buf *out, struct err *err)
{
	struct agg *g = (struct agg *)stage;

	(void)out;
	if (input >= g->clock.n_inputs && add_inputs(g, input + 1, err))
		return -1;
	fit(g, g->clock.n_inputs);
	if (g->opts.idle_us && !g->clock.inputs[input].is_idle)
		g->caught_up_us[input] = ledger_now_us();
	return 0;
}

int64_t agg_deadline(const struct stage *stage)
{
	const struct agg *g = (const struct agg *)stage;
	int64_t least_us = -1;

	if (g->walked_us >= 0)
		return g->walked_us + 1000000;
	for (uint32_t i = 0; i < g->n_caught_up; i++) {
		int64_t at_us = g->caught_up_us[i];

		if (at_us >= 0 && (least_us < 0 || at_us + g->opts.idle_us < least_us))
			least_us = at_us + g->opts.idle_us;
	}
	return least_us;
}

/* The watermark that closes all that a record of the newest time can have opened. */
static int64_t closing_time(const struct agg *g)
{
	const struct window_spec *w = &g->window;
	int64_t newest_us = g->clock.max_us;

	if (w->is_all || w->every_n || w->has_start || w->has_end)
		return newest_us;
	if (w->session_us)
		return newest_us + w->session_us + g->opts.grace_us + 1;
	return window_end(w, window_pane_at(w, newest_us).last) + g->opts.grace_us;
}

static void push_when_all_idle(struct agg *g, int64_t now_us)
{
	if (g->clock.max_us == WINDOW_NEVER || g->clock.n_silent || g->clock.n_running || !g->clock.n_idle)
		return;
	if (g->opts.idle_close == IDLE_JUMP) {
		window_clock_push(&g->clock, closing_time(g));
	} else if (g->opts.idle_close == IDLE_WALK) {
		if (g->walked_us >= 0 && g->clock.watermark_us < closing_time(g))
			window_clock_push(&g->clock, g->clock.watermark_us + now_us - g->walked_us);
		g->walked_us = now_us;
	}
}

/* A tick that comes late was held up by the output: nothing was read meanwhile, so the wait begins again. */
int agg_tick(struct stage *stage, int64_t now_us, struct buf *out, struct err *err)
{
	struct agg *g = (struct agg *)stage;
	int64_t before_us = g->clock.watermark_us;

	g->out = out;
	for (uint32_t i = 0; i < g->n_caught_up; i++) {
		int64_t due_us = g->caught_up_us[i] + g->opts.idle_us;

		if (g->caught_up_us[i] < 0 || now_us < due_us)
			continue;
		if (now_us - due_us > LATE_TICK_US) {
			g->caught_up_us[i] = now_us;
			continue;
		}
		g->caught_up_us[i] = -1;
		window_clock_idle(&g->clock, i);
	}
	push_when_all_idle(g, now_us);
	if (!g->has_begun || g->clock.watermark_us == before_us || g->clock.watermark_us == WINDOW_FOREVER)
		return 0;
	if (agg_advance(g, err))
		return -1;
	return agg_end_call(g, err);
}
