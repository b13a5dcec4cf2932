/* Runs of usual records against engine_add(): the same rows, counts and digests, whatever the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "engine/engine.h"
#include "group/group.h"

#include "../../tests/kit/engine_story.h"
#include "../../tests/kit/random.h"

enum { RECORDS = 4000, SECOND_US = 1000000 };

struct side {
	struct engine *e;
	struct agg_list list;
	struct buf text;
	uint64_t n_in_runs;
};

static int tell_row(void *context, const struct engine_row *row, struct err *err)
{
	struct side *s = context;

	(void)err;
	story_add_row(&s->text, &s->list, row, ')');
	buf_add_char(&s->text, ' ');
	return 0;
}

static void open_side(struct side *s, struct engine_opts opts)
{
	*s = (struct side){0};
	opts.has_time = true;
	opts.row = tell_row;
	s->e = story_engine(&s->list, "count", opts, s);
}

static void close_side(struct side *s)
{
	story_release(s->e, &s->list, &s->text);
}

static void add_plain(struct side *s, const struct engine_record *r, int64_t watermark_us)
{
	struct err err = ERR_INIT;

	assert_int_not_equal(engine_add(s->e, r, watermark_us, &err), ENGINE_ERROR);
}

/* Adds what a run takes, from records[0] on; returns how many. */
static size_t add_run(struct side *s, const struct engine_record *records, const int64_t *watermarks, size_t n)
{
	struct engine_run run;
	uint64_t digest = 0;
	size_t i = 0;
	bool is_new;

	if (!engine_run_start(s->e, &run))
		return 0;
	for (; i < n; i++) {
		const struct engine_record *r = &records[i];

		if (r->place.time_us < run.start_us || r->place.time_us >= run.end_us || watermarks[i] >= run.due_us)
			break;
		agg_states_add(&s->list, engine_run_states(s->e, r->key, r->hash, &is_new), NULL, &r->place);
		digest += r->hash;
	}
	engine_run_end(s->e, i, digest);
	s->n_in_runs += i;
	return i;
}

/* The same of records that lie in one pane, whose windows are all open: each group as one, after W has risen to the
 * end. */
static size_t add_sought(struct side *s, const struct window_spec *spec, int64_t grace_us,
	const struct engine_record *records, const int64_t *watermarks, size_t n)
{
	struct window_pane pane;
	struct err err = ERR_INIT;
	struct engine_run run;
	uint64_t digest = 0;
	size_t i = 0;
	bool is_new;

	if (!engine_has_runs(s->e))
		return 0;
	pane = window_pane_at(spec, records->place.time_us);
	while (i < n && records[i].place.time_us >= pane.start_us && records[i].place.time_us < pane.end_us &&
		watermarks[i] < window_end(spec, pane.first) + grace_us)
		digest += records[i++].hash;
	if (!i)
		return 0;
	assert_int_equal(engine_run_seek(s->e, records[0].place.time_us, watermarks[i - 1], &err), 0);
	assert_true(engine_run_start(s->e, &run));
	assert_true(run.start_us == pane.start_us && run.end_us == pane.end_us && run.due_us > watermarks[i - 1]);
	for (size_t k = i; k-- > 0;) {
		uint64_t states[8] = {0};

		assert_true(s->list.state_bytes <= sizeof states);
		agg_states_add(&s->list, states, NULL, &records[k].place);
		agg_states_merge(&s->list, engine_run_states(s->e, records[k].key, records[k].hash, &is_new), states);
	}
	engine_run_end(s->e, i, digest);
	s->n_in_runs += i;
	return i;
}

/* Time goes on with some disorder, and jumps at times. */
static void make_stream(struct engine_record *records, int64_t *watermarks, int64_t delay_us)
{
	static const char *const keys[] = {"a", "b", "c", "a key that is longer than the others"};
	int64_t now = 0, max = INT64_MIN;

	for (size_t i = 0; i < RECORDS; i++) {
		struct slice key = slice_str(keys[any(4)]);

		now += any(SECOND_US / 10);
		now += any(500) ? 0 : any(100) * SECOND_US;
		records[i] =
			(struct engine_record){.place = {.time_us = now - (any(4) ? 0 : any(3 * SECOND_US)), .line = i},
				.key = key,
				.hash = group_hash(key)};
		max = records[i].place.time_us > max ? records[i].place.time_us : max;
		watermarks[i] = max - delay_us;
	}
}

static uint64_t compare(const struct engine_opts *opts, int64_t delay_us)
{
	static struct engine_record records[RECORDS];
	static int64_t watermarks[RECORDS];
	struct side plain, runs;
	struct err err = ERR_INIT;
	uint64_t n_in_runs;

	make_stream(records, watermarks, delay_us);
	open_side(&plain, *opts);
	open_side(&runs, *opts);
	for (size_t i = 0; i < RECORDS;) {
		size_t most = any(100), n;

		if (most > RECORDS - i)
			most = RECORDS - i;
		n = any(2) ? add_run(&runs, records + i, watermarks + i, most)
			   : add_sought(&runs, &opts->window, opts->grace_us, records + i, watermarks + i, most);
		for (size_t k = 0; k < n; k++, i++)
			add_plain(&plain, &records[i], watermarks[i]);
		if (i == RECORDS)
			break;
		add_plain(&plain, &records[i], watermarks[i]);
		add_plain(&runs, &records[i], watermarks[i]);
		i++;
		assert_int_equal(engine_digest(plain.e), engine_digest(runs.e));
	}
	assert_memory_equal(engine_counts(plain.e), engine_counts(runs.e), sizeof(struct engine_counts));
	assert_int_equal(engine_flush(plain.e, WINDOW_FOREVER, true, &err), 0);
	assert_int_equal(engine_flush(runs.e, WINDOW_FOREVER, true, &err), 0);
	assert_string_equal(buf_cstr(&plain.text), buf_cstr(&runs.text));
	assert_memory_equal(engine_counts(plain.e), engine_counts(runs.e), sizeof(struct engine_counts));
	n_in_runs = runs.n_in_runs;
	close_side(&plain);
	close_side(&runs);
	return n_in_runs;
}

static void runs_are_the_same_as_records(void **state)
{
	static const int64_t sizes[] = {SECOND_US, 10 * SECOND_US, 60 * SECOND_US};
	uint64_t n = 0;

	(void)state;
	for (int i = 0; i < 60; i++) {
		int64_t size = sizes[any(3)];
		struct engine_opts opts = {.window = {.size_us = size, .advance_us = any(3) ? size : size / 2},
			.grace_us = any(2) ? 0 : any(5) * SECOND_US};

		n += compare(&opts, any(2) ? 0 : any(5) * SECOND_US);
	}
	assert_true(n > 60 * RECORDS / 4);
}

/* Limits, rows before the final one, sessions and the bounds of a whole stream ask more of a record. */
static void others_have_no_runs(void **state)
{
	const struct engine_opts opts[] = {
		{.window = {.size_us = 60 * SECOND_US, .advance_us = 60 * SECOND_US}, .limits = {.groups = 1000}},
		{.window = {.size_us = 60 * SECOND_US, .advance_us = 60 * SECOND_US},
			.emit = ENGINE_EVERY,
			.emit_every_us = SECOND_US},
		{.window = {.session_us = 5 * SECOND_US}},
		{.window = {.is_all = true}},
		{.window = {.every_n = 10}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof opts / sizeof *opts; i++)
		assert_int_equal(compare(&opts[i], 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_are_the_same_as_records),
		cmocka_unit_test(others_have_no_runs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("engine_run", tests, NULL, NULL);
}
