/* window_story: for tests that tell as text what went into windows, and the rows that came out where they came out. */
#ifndef TLM_TESTS_WINDOW_STORY_H
#define TLM_TESTS_WINDOW_STORY_H

#include "engine/engine.h"
#include "group/group.h"

#include "engine_story.h"

struct story {
	struct engine *e;
	struct window_clock clock;
	struct agg_list list;
	struct buf text;
	uint64_t line;
	bool is_inside; /* rows of the window of the last row are still to come */
	int64_t start_us, end_us;
};

static int tell_row(void *context, const struct engine_row *row, struct err *err)
{
	struct story *s = context;

	(void)err;
	/* a window is told from its first row to its last one, without another between */
	assert_int_equal(row->is_first_of_window, !s->is_inside);
	assert_true(!s->is_inside || (row->start_us == s->start_us && row->end_us == s->end_us));
	s->is_inside = !row->is_last_of_window;
	s->start_us = row->start_us;
	s->end_us = row->end_us;
	story_add_row(&s->text, &s->list, row, ')');
	if (row->has_rev)
		buf_addf(&s->text, "#%u", row->rev);
	for (size_t i = 0; i < row->n_replaces; i++)
		buf_addf(&s->text, "<%lld,%lld>", (long long)row->replaces[i].start_us,
			(long long)row->replaces[i].end_us);
	buf_add_char(&s->text, ' ');
	return 0;
}

/* rules: delay_us, max_ahead_us and n_inputs of the clock; 0 for no limit, for one input. */
static void story_open(struct story *s, struct engine_opts opts, struct window_clock rules)
{
	*s = (struct story){0};
	opts.has_time = true;
	opts.row = tell_row;
	window_clock_init(&s->clock, rules.n_inputs ? rules.n_inputs : 1, rules.delay_us,
		rules.max_ahead_us ? rules.max_ahead_us : WINDOW_FOREVER);
	s->e = story_engine(&s->list, "count", opts, s);
}

static void add_key(struct story *s, uint32_t input, int64_t us, const char *key)
{
	struct engine_record r = {.place = {.time_us = us, .line = ++s->line, .input = input},
		.key = slice_str(key),
		.hash = group_hash(slice_str(key))};
	struct err err = ERR_INIT;

	if (!window_clock_see(&s->clock, input, us)) {
		buf_add_str(&s->text, "ahead ");
		return;
	}
	switch (engine_add(s->e, &r, s->clock.watermark_us, &err)) {
	case ENGINE_TAKEN:
		break;
	case ENGINE_LATE:
		buf_addf(&s->text, "late(%lld,%lld,%llu,%lld) ", (long long)engine_late(s->e)->start_us,
			(long long)engine_late(s->e)->end_us, (unsigned long long)engine_late(s->e)->windows,
			(long long)engine_late(s->e)->late_us);
		break;
	case ENGINE_ERROR:
	case ENGINE_FULL:
	case ENGINE_MISFIT:
		fail();
	}
}

static void add(struct story *s, int64_t us)
{
	add_key(s, 0, us, "");
}

static void flush(struct story *s, bool is_final)
{
	struct err err = ERR_INIT;

	assert_int_equal(engine_flush(s->e, s->clock.max_us, is_final, &err), 0);
}

static void story_end(struct story *s, const char *text)
{
	const struct engine_counts *c = engine_counts(s->e);
	size_t bytes, groups;

	assert_string_equal(buf_cstr(&s->text), text);
	assert_false(s->is_inside);
	assert_true(c->kept <= c->taken);
	engine_memory(s->e, &bytes, &groups);
	assert_int_equal(groups != 0, bytes != 0);
	window_clock_release(&s->clock);
	story_release(s->e, &s->list, &s->text);
}

#endif
