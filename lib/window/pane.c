#include "window/window.h"

static int64_t divide_floor(int64_t a, int64_t b)
{
	int64_t q = a / b;

	return q - (a % b < 0);
}

int64_t window_start(const struct window_spec *s, int64_t k)
{
	if (s->calendar)
		return window_calendar_start(s, k);
	return s->is_all ? WINDOW_NEVER : s->offset_us + k * s->advance_us;
}

int64_t window_end(const struct window_spec *s, int64_t k)
{
	if (s->calendar)
		return window_calendar_start(s, k + 1);
	return s->is_all ? WINDOW_FOREVER : s->offset_us + k * s->advance_us + s->size_us;
}

/*
 * With size = whole * advance + rest an advance [start of k, start of k + 1) is cut at rest, where window k - whole
 * ends: the front pane is in windows k - whole .. k, the back pane in k - whole + 1 .. k. Without rest there is no
 * front pane.
 */
struct window_pane window_pane_at(const struct window_spec *s, int64_t us)
{
	struct window_pane p = {WINDOW_NEVER, WINDOW_FOREVER, 0, 0};
	int64_t rest, whole;

	if (s->is_all)
		return p;
	if (s->calendar) {
		p.first = p.last = window_calendar_at(s, us);
		p.start_us = window_calendar_start(s, p.first);
		p.end_us = window_calendar_start(s, p.first + 1);
		return p;
	}
	whole = s->size_us / s->advance_us;
	rest = s->size_us % s->advance_us;
	p.last = divide_floor(us - s->offset_us, s->advance_us);
	p.first = p.last - whole + 1;
	p.start_us = window_start(s, p.last);
	p.end_us = p.start_us + s->advance_us;
	if (rest && us - p.start_us < rest) {
		p.first--;
		p.end_us = p.start_us + rest;
	} else if (rest) {
		p.start_us += rest;
	}
	return p;
}

int64_t window_first_behind(const struct window_spec *s, int64_t us)
{
	if (s->calendar)
		return window_calendar_at(s, us);
	return s->is_all ? 0 : divide_floor(us - s->offset_us - s->size_us, s->advance_us) + 1;
}
