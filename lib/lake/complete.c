/*
 * The marks _complete/dt=2026-11-22/hour=10/TOPIC-PARTITION: the time of this partition has passed the hour. What a
 * mark holds depends on its name alone, so it may be stored again at any time.
 */
#include "lake/lake_impl.h"

#include <stdlib.h>

#define STEP_US (INT64_C(900) * 1000000) /* hours of zones begin at quarters */

enum { STEPS_MAX = 4 * 24 * 31 };

static int64_t step_of(int64_t us)
{
	int64_t step = us / STEP_US;

	return us % STEP_US < 0 ? step - 1 : step;
}

static void name_hour(const struct lake *l, int64_t step, struct buf *out)
{
	struct err ignored = ERR_INIT;

	buf_reset(out);
	etime_strftime(out, SLICE_LIT("dt=%Y-%m-%d/hour=%H"), l->opts.zone, step * STEP_US, &ignored);
}

static int add_mark(
	struct lake *l, const struct lake_part *part, struct slice hour, struct spool_pack *pack, struct err *err)
{
	struct buf dir = BUF_INIT, name = BUF_INIT, line = BUF_INIT;
	int got;

	buf_addf(&dir, TEMPLATE_COMPLETE "/%.*s", (int)hour.len, hour.p);
	buf_addf(&name, "%s-%d", part->topic, (int)part->partition);
	buf_add_char(&line, '{');
	json_add_key(&line, "complete");
	json_add_string(&line, hour);
	json_add_key(&line, "topic");
	json_add_string(&line, slice_str(part->topic));
	buf_addf(&line, ",\"partition\":%d}\n", (int)part->partition);
	got = lake_add_object(l, pack, buf_slice(&dir), buf_cstr(&name), buf_slice(&line), 1, err);
	buf_release(&dir);
	buf_release(&name);
	buf_release(&line);
	return got;
}

/* By the text of the hours: one that comes twice when clocks are set back has passed with the second. */
int lake_add_marks(struct lake *l, const struct lake_batch *b, struct spool_pack *pack, size_t *n, struct err *err)
{
	struct buf hour = BUF_INIT, next = BUF_INIT, now = BUF_INIT;
	int64_t step, end;
	int got = 0;

	*n = 0;
	if (!template_has_time(l->template) || b->plan.stream_us == LAKE_NO_TIME)
		return 0;
	step = step_of(b->plan.stream_us);
	end = step_of(b->stream_us);
	name_hour(l, end, &now);
	if (end - step > STEPS_MAX)
		step = end - STEPS_MAX;
	for (; got == 0 && step < end; step++) {
		name_hour(l, step, &hour);
		name_hour(l, step + 1, &next);
		if (slice_eq(buf_slice(&hour), buf_slice(&next)) || slice_eq(buf_slice(&hour), buf_slice(&now)))
			continue;
		got = add_mark(l, b->part, buf_slice(&hour), pack, err);
		++*n;
	}
	buf_release(&hour);
	buf_release(&next);
	buf_release(&now);
	return got;
}
