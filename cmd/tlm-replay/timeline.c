#include "timeline.h"

enum { SECOND_US = 1000000 };

#define FAR_US INT64_C(1000000000000000000) /* behind the year 9999, where no record leaves with a moved time */

void timeline_init(struct timeline *t, int64_t max_gap_us)
{
	*t = (struct timeline){.max_gap_us = max_gap_us};
}

static void note_gap(struct timeline *t, int64_t to_us)
{
	int64_t gap_us = to_us - t->max_us;

	if (gap_us > t->widest_us) {
		t->widest_us = gap_us;
		t->widest_at_us = t->max_us;
	}
	if (!t->max_gap_us || gap_us <= t->max_gap_us)
		return;
	t->gaps[t->n_gaps++ % TIMELINE_GAPS] = (struct timeline_gap){t->max_us, to_us, t->cut_us};
	t->cut_us += gap_us - t->max_gap_us;
	t->n_cut++;
	t->all_cut_us += (uint64_t)(gap_us - t->max_gap_us);
}

/* What is cut before a time that lies behind the newest one: by the last gap that begins before it. */
static int64_t cut_before(const struct timeline *t, int64_t us)
{
	uint64_t n = t->n_gaps < TIMELINE_GAPS ? t->n_gaps : TIMELINE_GAPS;
	int64_t cut_us = t->cut_us;

	for (uint64_t i = 1; i <= n; i++) {
		const struct timeline_gap *gap = &t->gaps[(t->n_gaps - i) % TIMELINE_GAPS];

		if (us >= gap->to_us)
			return cut_us;
		if (us > gap->from_us) /* inside the gap: not behind its cut end */
			return us - gap->from_us > t->max_gap_us
				       ? gap->cut_before_us + us - gap->from_us - t->max_gap_us
				       : gap->cut_before_us;
		cut_us = gap->cut_before_us;
	}
	return cut_us;
}

int64_t timeline_add(struct timeline *t, int64_t us)
{
	int64_t cut_us;

	t->n_records++;
	if (!t->has_first) {
		t->has_first = true;
		t->first_us = t->min_us = t->max_us = us;
		return t->loop_played_us;
	}
	if (us >= t->max_us) {
		note_gap(t, us);
		t->max_us = us;
		cut_us = t->cut_us;
	} else {
		t->n_disorder++;
		if (t->max_us - us > t->disorder_us)
			t->disorder_us = t->max_us - us;
		if (us < t->min_us)
			t->min_us = us;
		cut_us = cut_before(t, us);
	}
	return t->loop_played_us + us - t->first_us - cut_us;
}

int64_t timeline_span(const struct timeline *t)
{
	return t->max_us - t->first_us - t->cut_us;
}

int64_t timeline_loop_gap(const struct timeline *t, int64_t span_us)
{
	int64_t gap_us = t->n_records > 1 ? span_us / (int64_t)(t->n_records - 1) : 0;

	return gap_us > 0 ? gap_us : SECOND_US;
}

void timeline_rewind(struct timeline *t)
{
	int64_t span_us = timeline_span(t), recorded_us = t->max_us - t->min_us;

	if (t->n_records) {
		t->loop_played_us += span_us + timeline_loop_gap(t, span_us);
		t->loop_recorded_us += recorded_us + timeline_loop_gap(t, recorded_us);
		if (t->loop_recorded_us > FAR_US) /* --rebase with --max-gap goes on */
			t->loop_recorded_us = FAR_US;
	}
	t->has_first = false;
	t->cut_us = 0;
	t->n_records = 0;
	t->n_gaps = 0;
}
