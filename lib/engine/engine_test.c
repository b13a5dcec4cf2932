#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "engine/engine.h"
#include "group/group.h"

#include "../../tests/kit/engine_story.h"

/* A story is told as text: what went in, and the rows that came out where they came out. */
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

static void a_window_closes_at_its_end(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}}, (struct window_clock){0});
	add(&s, 0);
	add(&s, 9);
	buf_add_str(&s.text, "| ");
	add(&s, 10); /* W = end: closed */
	add(&s, 9);
	add(&s, 10);
	add(&s, 35); /* no rows for windows without records */
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->kept, 5);
	assert_int_equal(engine_counts(s.e)->late, 1);
	story_end(&s, "| [0,10)=2 late(0,10,1,0) [10,20)=2 [30,40)=1 ");
}

static void the_first_and_the_last_row_of_a_window_say_so(void **state)
{
	struct story s;

	(void)state;
	/* tell_row() looks: rows of one pane, of merged panes, of one group, and of those that a signal sends out */
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 5}}, (struct window_clock){0});
	for (int64_t us = 0; us < 20; us += 4) {
		add_key(&s, 0, us, "a");
		add_key(&s, 0, us, "b");
	}
	add_key(&s, 0, 31, "c");
	flush(&s, false);
	story_end(&s, "[-5,5)a=2 [-5,5)b=2 [0,10)a=3 [0,10)b=3 [5,15)a=2 [5,15)b=2 [10,20)a=2 [10,20)b=2 [15,25)a=1 "
		      "[15,25)b=1 [25,35?)c=1 [30,40?)c=1 ");
	story_open(&s, (struct engine_opts){.window = {.session_us = 3}}, (struct window_clock){0});
	add_key(&s, 0, 0, "b");
	add_key(&s, 0, 0, "a");
	flush(&s, true);
	story_end(&s, "[0,0)a=1 [0,0)b=1 ");
}

static void delay_and_grace_keep_it_open(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}, .grace_us = 2},
		(struct window_clock){.delay_us = 3});
	add(&s, -1);
	add(&s, 4); /* W = 1, the first window closes at 2 */
	add(&s, -10);
	add(&s, 5);
	add(&s, -1);
	add(&s, 6);
	add(&s, -1);
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->late_max_us, 1);
	story_end(&s, "[-10,0)=2 late(-10,0,1,0) late(-10,0,1,1) [0,10)=3 ");
}

/* A record that is late for some windows counts in the others. */
static void hopping_windows_refuse_one_by_one(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 5}}, (struct window_clock){0});
	add(&s, 7);
	add(&s, 10); /* closes [0,10) */
	add(&s, 7);  /* still in [5,15) */
	add(&s, 4);
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->late_partial, 1);
	assert_int_equal(engine_counts(s.e)->late, 1);
	assert_int_equal(engine_counts(s.e)->kept, 3);
	story_end(&s, "[0,10)=1 late(0,10,2,0) [5,15)=3 [10,20)=1 ");
}

/* Also the second record of a pane that came too late for its first window. */
static void each_record_that_some_windows_refuse_counts(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 5}}, (struct window_clock){0});
	add(&s, 10); /* [0,10) is over */
	add(&s, 7);
	add(&s, 8);
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->late_partial, 2);
	story_end(&s, "[5,15)=3 [10,20)=1 ");
}

/* A window that closed without records stays closed when a late one comes for its neighbours. */
static void an_empty_window_does_not_open_again(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 5}}, (struct window_clock){0});
	add(&s, 31);
	add(&s, 26); /* [20,30) has closed, [25,35) is open */
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->late_partial, 1);
	story_end(&s, "[25,35)=2 [30,40)=1 ");
}

static void sizes_need_not_fit_the_advance(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 4, .offset_us = 1}},
		(struct window_clock){0});
	add(&s, 1); /* -7 .. 1: three windows hold it: -7, -3, 1 */
	add(&s, 3);
	flush(&s, true);
	story_end(&s, "[-7,3)=1 [-3,7)=2 [1,11)=2 ");
}

static void rows_leave_by_end_and_group(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}},
		(struct window_clock){.delay_us = 100});
	add_key(&s, 0, 15, "b");
	add_key(&s, 0, 5, "b");
	add_key(&s, 0, 5, "a");
	add_key(&s, 0, 5, "");
	flush(&s, true);
	story_end(&s, "[0,10)=1 [0,10)a=1 [0,10)b=1 [10,20)b=1 ");
}

static void inputs_wait_for_each_other(void **state)
{
	struct story s;
	struct err err = ERR_INIT;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}},
		(struct window_clock){.n_inputs = 2});
	add_key(&s, 0, 5, "");
	add_key(&s, 0, 25, "");
	window_clock_end(&s.clock, 0);
	assert_int_equal(engine_advance(s.e, s.clock.watermark_us, &err), 0);
	buf_add_str(&s.text, "| ");
	add_key(&s, 1, 6, "");
	add_key(&s, 1, 12, "");
	flush(&s, true);
	story_end(&s, "| [0,10)=2 [10,20)=1 [20,30)=1 ");
}

static void a_record_ahead_moves_nothing(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}},
		(struct window_clock){.max_ahead_us = 20});
	add(&s, 5);
	add(&s, 26);
	add(&s, 4);
	add(&s, 25);
	flush(&s, true);
	story_end(&s, "ahead [0,10)=2 [20,30)=1 ");
}

static void a_signal_leaves_windows_open(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 5}}, (struct window_clock){0});
	add(&s, 7);
	add(&s, 12);
	flush(&s, false);
	assert_int_equal(engine_counts(s.e)->taken, 2);
	assert_int_equal(engine_counts(s.e)->kept, 1); /* the second is in no final row */
	story_end(&s, "[0,10)=1 [5,15?)=2 [10,20?)=1 ");
}

static void a_whole_stream_has_its_own_bounds(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.is_all = true}}, (struct window_clock){0});
	add_key(&s, 0, 7, "a");
	add_key(&s, 0, -12, "b");
	add_key(&s, 0, 500, "a");
	flush(&s, true);
	story_end(&s, "[-12,500)a=2 [-12,500)b=1 ");
}

/* State is what is open, however long the stream. */
static void closed_windows_leave_nothing(void **state)
{
	size_t bytes, groups, most = 0;
	struct story s;
	char key[16];

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 20, .advance_us = 10}},
		(struct window_clock){.delay_us = 7});
	for (int64_t us = 0; us < 20000; us++) {
		snprintf(key, sizeof key, "k%d", (int)(us * 7 % 100));
		add_key(&s, 0, us, key);
		engine_memory(s.e, &bytes, &groups);
		assert_true(groups <= 50);
		if (us == 100)
			most = bytes;
		if (us > 100)
			assert_true(bytes <= most * 3 / 2);
		buf_reset(&s.text);
	}
	flush(&s, true);
	buf_reset(&s.text);
	story_end(&s, "");
}

/* A long delay keeps many panes open; they come in any order, and leave one by one in theirs. */
static void many_windows_are_open(void **state)
{
	enum { N = 30000 };
	char row[64];
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}},
		(struct window_clock){.delay_us = 10 * N});
	for (int64_t i = 0; i < N; i++)
		add(&s, i * 7 % N * 10);
	for (int64_t i = 0; i < 3 * N; i++) {
		add(&s, (N + i) * 10 + 5);
		snprintf(row, sizeof row, "[%lld,%lld)=1 ", (long long)(i - 1) * 10, (long long)i * 10);
		assert_string_equal(buf_cstr(&s.text), i ? row : "");
		buf_reset(&s.text);
	}
	story_end(&s, "");
}

/* A stream for long windows: keys come and go, most records are in order, some are old. */
enum { LONG_N = 4000, LONG_SIZE = 300, LONG_KEYS = 4 };

struct long_record {
	int64_t us;
	int key;
	int64_t closed_us; /* W when it was judged */
};

static struct long_record long_records[LONG_N];

static int64_t count_in_window(int64_t start_us, int key, int64_t sum[2])
{
	sum[0] = sum[1] = 0;
	for (size_t i = 0; i < LONG_N; i++) {
		const struct long_record *r = &long_records[i];

		if (r->key == key && r->us >= start_us && r->us < start_us + LONG_SIZE &&
			r->closed_us < start_us + LONG_SIZE) {
			sum[0]++;
			sum[1] += r->us * 3 + key;
		}
	}
	return sum[0];
}

struct long_story {
	struct agg_list list;
	uint64_t n_rows;
};

/* Rows against the definition: all records of the window that came before it closed. */
static int check_long_row(void *context, const struct engine_row *row, struct err *err)
{
	struct long_story *s = context;
	struct agg_result count, sum, gap;
	int64_t expected[2];

	(void)err;
	count_in_window(row->start_us, row->key.p[0] - 'a', expected);
	agg_result(&s->list, 0, row->states, &count);
	agg_result(&s->list, 1, row->states, &sum);
	agg_result(&s->list, 2, row->states, &gap);
	assert_int_equal(count.integer, expected[0]);
	assert_int_equal(sum.integer, expected[1]);
	assert_int_equal(gap.type == AGG_NULL, expected[0] < 2);
	s->n_rows++;
	return 0;
}

static void make_long_records(void)
{
	uint32_t seed = 7;
	int64_t now = 0, most = WINDOW_NEVER;

	for (size_t i = 0; i < LONG_N; i++) {
		struct long_record *r = &long_records[i];

		seed = seed * 1664525 + 1013904223;
		now += (seed >> 10) % 1500 ? (seed >> 9) % 2 : 500;
		r->us = now;
		r->key = (int)((seed >> 20) % LONG_KEYS);
		if (r->key == 3)
			r->key = (int)(now / 700 % LONG_KEYS); /* a group that is away for a while */
		if ((seed >> 25) % 4 == 0)
			r->us -= (seed >> 13) % ((seed >> 27) % 4 ? 20 : LONG_SIZE);
		most = r->us > most ? r->us : most;
		r->closed_us = most;
	}
}

/* Hundreds of panes for each window, late records in old ones. */
static void long_windows_agree_with_the_definition(void **state)
{
	static const int64_t advances[] = {1, 7, 150};
	int64_t expected[2];

	(void)state;
	make_long_records();
	for (size_t a = 0; a < sizeof advances / sizeof *advances; a++) {
		struct long_story s = {0};
		struct err err = ERR_INIT;
		struct engine_opts opts = {.window = {.size_us = LONG_SIZE, .advance_us = advances[a]},
			.has_time = true,
			.list = &s.list,
			.row = check_long_row,
			.context = &s};
		struct engine *e;
		uint64_t n = 0;

		assert_int_equal(agg_list_parse(&s.list, "count, sum(v), max_gap", &err), 0);
		e = engine_open(&opts);
		for (size_t i = 0; i < LONG_N; i++) {
			struct long_record *r = &long_records[i];
			char key[2] = {(char)('a' + r->key)};
			struct agg_value v = {.is_present = true, .is_integer = true, .integer = r->us * 3 + r->key};
			struct engine_record record = {.place = {.time_us = r->us, .line = i},
				.key = slice_str(key),
				.hash = group_hash(slice_str(key)),
				.values = &v};

			assert_int_not_equal(engine_add(e, &record, r->closed_us, &err), ENGINE_ERROR);
		}
		assert_int_equal(engine_flush(e, WINDOW_FOREVER, true, &err), 0);
		for (int64_t k = -2 * LONG_SIZE; k < LONG_N + 20 * LONG_SIZE; k++) {
			for (int key = 0; key < LONG_KEYS; key++)
				n += window_start(&opts.window, k) < 4 * LONG_N &&
				     count_in_window(window_start(&opts.window, k), key, expected) > 0;
		}
		assert_int_equal(s.n_rows, n);
		assert_true(n > 50);
		engine_close(e);
		agg_list_release(&s.list);
	}
}

static void sessions_merge_and_close(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 5}, .grace_us = 2},
		(struct window_clock){.delay_us = 10});
	add_key(&s, 0, 0, "a");
	add_key(&s, 0, 5, "a"); /* the gap is inclusive */
	add_key(&s, 0, 11, "a");
	add_key(&s, 0, 11, "b");
	add_key(&s, 0, 17, "a"); /* W = 7: nothing closes */
	add_key(&s, 0, 8, "a");  /* 0..5 and 11 are one now */
	add_key(&s, 0, 12, "a"); /* and 17 */
	add_key(&s, 0, 28, "c"); /* W = 18 = last + gap + grace of b */
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 29, "c");
	add_key(&s, 0, 9, "b");  /* nothing open, 16 < W */
	add_key(&s, 0, 12, "b"); /* equality */
	add_key(&s, 0, 12, "a"); /* late alone or not, a is open to 24 */
	add_key(&s, 0, 1, "a");
	flush(&s, true);
	assert_int_equal(engine_counts(s.e)->kept, 12);
	assert_int_equal(engine_counts(s.e)->late, 1);
	story_end(&s, "| [11,11)b=1 late(9,9,1,3) [12,12)b=1 [0,17)a=8 [28,29)c=2 ");
}

/* Not by group: of two that end together the one that began first. */
static void sessions_of_one_end_leave_by_their_start(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 5}}, (struct window_clock){0});
	for (int64_t us = 1; us <= 10; us++)
		add_key(&s, 0, us, us % 5 ? "b" : "a");
	add_key(&s, 0, 10, "b");
	flush(&s, true);
	story_end(&s, "[1,10)b=9 [5,10)a=2 ");
}

static void sessions_are_cut_at_borders(void **state)
{
	struct story s;

	(void)state;
	story_open(
		&s, (struct engine_opts){.window = {.session_us = 3, .session_max_us = 10}}, (struct window_clock){0});
	add(&s, -4);
	add(&s, -1);
	add(&s, 1);
	add(&s, 5); /* 4 apart: the session of 1 is closed */
	add(&s, 7); /* 7 + 3 reaches over */
	add(&s, 13);
	add(&s, 16);
	flush(&s, false);
	assert_int_equal(engine_counts(s.e)->kept, 5);
	story_end(&s, "[-4,-1!)=2 [1,1!)=1 [5,7!)=2 [13,16?)=2 ");
}

/* From either side: the record before a border may come second. */
static void no_session_spans_a_border(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 3, .session_max_us = 10}},
		(struct window_clock){.delay_us = 50});
	add(&s, 10);
	add(&s, 9);
	add(&s, 19);
	add(&s, 20);
	add(&s, 18);
	flush(&s, true);
	story_end(&s, "[9,9!)=1 [10,10!)=1 [18,19!)=2 [20,20!)=1 ");
}

/* Every record against all of its key, as the rule is written. */
static void sessions_agree_with_the_definition(void **state)
{
	enum { N = 4000, GAP = 7, KEYS = 3 };
	static int64_t times[N];
	static char key[N][2];
	struct story s;
	size_t n = 0;
	uint32_t seed = 1;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = GAP}}, (struct window_clock){.delay_us = 40 * N});
	for (size_t i = 0; i < N; i++) {
		seed = seed * 1664525 + 1013904223;
		times[i] = (seed >> 8) % (20 * N / KEYS);
		key[i][0] = (char)('a' + (seed >> 4) % KEYS);
		add_key(&s, 0, times[i], key[i]);
	}
	flush(&s, true);
	/* a session begins where no record is in the gap before */
	for (size_t i = 0; i < N; i++) {
		bool begins = true;

		for (size_t k = 0; k < N && begins; k++) {
			if (key[k][0] == key[i][0] && times[k] <= times[i] && (times[k] < times[i] || k < i))
				begins = times[i] - times[k] > GAP;
		}
		n += begins;
	}
	assert_true(n > N / 10 && n < N);
	assert_int_equal(engine_counts(s.e)->rows, n);
	assert_int_equal(engine_counts(s.e)->kept, N);
	buf_reset(&s.text);
	story_end(&s, "");
}

/* State is what is open, and of sessions that were merged nothing stays. */
static void closed_sessions_leave_nothing(void **state)
{
	struct story s;
	size_t bytes, groups;
	char key[16];

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 10}}, (struct window_clock){.delay_us = 20});
	for (int64_t us = 0; us < 30000; us++) {
		snprintf(key, sizeof key, "k%d", (int)(us % 7));
		add_key(&s, 0, us * 3 - (us % 5) * 11, key);
		engine_memory(s.e, &bytes, &groups);
		assert_true(groups < 60 && bytes < 60 * 200);
		buf_reset(&s.text);
	}
	flush(&s, true);
	buf_reset(&s.text);
	story_end(&s, "");
}

/* ? is a row that is not final, # how many came before. */
static void complete_windows_are_told_and_told_again(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){
			.window = {.size_us = 10, .advance_us = 10}, .grace_us = 10, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add(&s, 1);
	add(&s, 9);
	buf_add_str(&s.text, "| ");
	add(&s, 10); /* W = end */
	add(&s, 3);
	add(&s, 20); /* W = end + grace: only the final row */
	add(&s, 10);
	add(&s, 55);
	flush(&s, true);
	story_end(&s, "| [0,10?)=2#0 [0,10?)=3#1 [0,10)=3#2 [10,20?)=1#0 [10,20?)=2#1 [10,20)=2#2 [20,30)=1#0 "
		      "[50,60)=1#0 ");
}

static void a_change_is_told_of_each_open_complete_window(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){.window = {.size_us = 10, .advance_us = 5}, .grace_us = 10, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add(&s, 7);
	add(&s, 20); /* [0,10) has closed, [5,15) is complete */
	add(&s, 7);
	add(&s, 12); /* [10,20) was empty when it was complete */
	add(&s, 21);
	flush(&s, true);
	story_end(&s, "[0,10)=1#0 [5,15?)=1#0 [5,15?)=2#1 [5,15?)=3#2 [10,20?)=1#0 [5,15)=3#3 [10,20)=1#1 "
		      "[15,25)=2#0 [20,30)=2#0 ");
}

/* Into a pane that a complete window shares with one that is not, and one older than panes that are complete. */
static void complete_windows_slide_over_late_records(void **state)
{
	const struct engine_opts opts = {
		.window = {.size_us = 10, .advance_us = 5}, .grace_us = 10, .emit = ENGINE_UPDATE};
	struct engine_opts patient = opts;
	struct story s;

	(void)state;
	story_open(&s, opts, (struct window_clock){0});
	add(&s, 7);
	add(&s, 12);
	add(&s, 7);
	add(&s, 15);
	flush(&s, true);
	story_end(&s, "[0,10?)=1#0 [0,10?)=2#1 [5,15?)=3#0 [0,10)=2#2 [5,15)=3#1 [10,20)=2#0 [15,25)=1#0 ");
	patient.grace_us = 100;
	story_open(&s, patient, (struct window_clock){0});
	add(&s, 12);
	add(&s, 40);
	add(&s, 7);
	add(&s, 50);
	flush(&s, true);
	story_end(&s, "[5,15?)=1#0 [10,20?)=1#0 [0,10?)=1#0 [5,15?)=2#1 [35,45?)=1#0 [40,50?)=1#0 [0,10)=1#1 "
		      "[5,15)=2#2 [10,20)=1#1 [35,45)=1#1 [40,50)=1#1 [45,55)=1#0 [50,60)=1#0 ");
}

/* A pane that comes before those of the newest complete window moves them, and none counts twice. */
static void a_late_pane_moves_those_that_were_told(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){
			.window = {.size_us = 10, .advance_us = 5}, .grace_us = 100, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add(&s, 12);
	add(&s, 17);
	add(&s, 20);
	add(&s, 7);
	buf_add_str(&s.text, "| ");
	add(&s, 25);
	flush(&s, true);
	story_end(&s, "[5,15?)=1#0 [10,20?)=2#0 [0,10?)=1#0 [5,15?)=2#1 | [15,25?)=2#0 [0,10)=1#1 [5,15)=2#2 "
		      "[10,20)=2#1 [15,25)=2#1 [20,30)=2#0 [25,35)=1#0 ");
}

/* Without a record, and without a pane. */
static void silent_windows_close_one_by_one(void **state)
{
	struct err err = ERR_INIT;
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.size_us = 10, .advance_us = 10}, .is_filling = true},
		(struct window_clock){0});
	add(&s, 1);
	for (int64_t us = 15; us <= 35; us += 5) {
		assert_int_equal(engine_advance(s.e, us, &err), 0);
		buf_add_str(&s.text, "| ");
	}
	flush(&s, true);
	story_end(&s, "[0,10)=1 | [10,20)=0 | | [20,30)=0 | | ");
}

static void borders_tell_what_has_changed(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){
			.window = {.size_us = 100, .advance_us = 100}, .emit = ENGINE_EVERY, .emit_every_us = 5},
		(struct window_clock){0});
	add_key(&s, 0, -12, "a");
	add_key(&s, 0, -11, "b");
	add_key(&s, 0, -10, "b"); /* W is at a border */
	add_key(&s, 0, -9, "b");
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, -5, "b");
	add_key(&s, 0, 4, "a"); /* over several: and the window has closed */
	add_key(&s, 0, 5, "b");
	add_key(&s, 0, 23, "b");
	flush(&s, false);
	story_end(&s, "[-100,0?)a=1#0 [-100,0?)b=1#0 | [-100,0?)b=3#1 [-100,0)a=1#1 [-100,0)b=4#2 [0,100?)a=1#0 "
		      "[0,100?)b=1#0 [0,100?)a=1#1 [0,100?)b=2#1 ");
}

/* A window has changed when any of its panes has. */
static void borders_see_each_pane_of_a_window(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){.window = {.size_us = 10, .advance_us = 5},
			.grace_us = 50,
			.emit = ENGINE_EVERY,
			.emit_every_us = 4},
		(struct window_clock){0});
	add(&s, 1);
	add(&s, 6);
	add(&s, 8);
	add(&s, 12);
	buf_add_str(&s.text, "| ");
	add(&s, 2);
	add(&s, 16);
	flush(&s, true);
	story_end(&s, "[-5,5?)=1#0 [0,10?)=1#0 [0,10?)=2#1 [5,15?)=1#0 [0,10?)=3#2 [5,15?)=2#1 | [-5,5?)=2#1 "
		      "[0,10?)=4#3 [5,15?)=3#2 [10,20?)=1#0 [-5,5)=2#2 [0,10)=4#4 [5,15)=3#3 [10,20)=2#1 [15,25)=1#0 ");
}

/* What was the end of a session says nothing when it has grown. */
static void a_session_that_grew_is_complete_later(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 5}, .grace_us = 20, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add_key(&s, 0, 0, "a");
	add_key(&s, 0, 4, "a");
	add_key(&s, 0, 9, "b"); /* W = 0 + gap is behind it, W = 4 + gap is not */
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 10, "b");
	flush(&s, true);
	story_end(&s, "| [0,4?)a=2#0 [0,4)a=2#1 [9,10)b=2#0 ");
}

static void sessions_make_rows_void(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 5}, .grace_us = 20, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add_key(&s, 0, 0, "a");
	add_key(&s, 0, 5, "b"); /* W = last + gap: not complete */
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 6, "b");
	add_key(&s, 0, 3, "a"); /* goes on */
	add_key(&s, 0, 9, "b");
	add_key(&s, 0, 0, "a"); /* the same bounds: nothing is void */
	add_key(&s, 0, 19, "b");
	add_key(&s, 0, 13, "a");
	add_key(&s, 0, 8, "a"); /* makes them one */
	flush(&s, true);
	story_end(&s, "| [0,0?)a=1#0 [0,3?)a=2#1<0,0> [0,3?)a=3#2 [5,9?)b=3#0 [13,13?)a=1#0 [0,13?)a=5#3<0,3><13,13> "
		      "[5,9)b=3#1 [0,13)a=5#4 [19,19)b=1#0 ");
}

/* The revisions of the session that is merged into another go on, where it had more. */
static void revisions_go_on_when_sessions_merge(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, (struct engine_opts){.window = {.session_us = 5}, .grace_us = 20, .emit = ENGINE_UPDATE},
		(struct window_clock){0});
	add_key(&s, 0, 0, "a");
	add_key(&s, 0, 10, "a");
	add_key(&s, 0, 19, "b");
	add_key(&s, 0, 10, "a");
	add_key(&s, 0, 10, "a");
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 5, "a");
	flush(&s, true);
	story_end(&s, "[0,0?)a=1#0 [10,10?)a=1#0 [10,10?)a=2#1 [10,10?)a=3#2 | [0,10?)a=5#3<0,0><10,10> [0,10)a=5#4 "
		      "[19,19)b=1#0 ");
}

/* W is at the border: that is enough. */
static void borders_tell_which_sessions_have_changed(void **state)
{
	struct story s;

	(void)state;
	story_open(&s,
		(struct engine_opts){
			.window = {.session_us = 5}, .grace_us = 20, .emit = ENGINE_EVERY, .emit_every_us = 10},
		(struct window_clock){0});
	add_key(&s, 0, 3, "a");
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 10, "b");
	buf_add_str(&s.text, "| ");
	add_key(&s, 0, 11, "b");
	add_key(&s, 0, 20, "c");
	flush(&s, true);
	story_end(&s, "| [3,3?)a=1#0 | [10,11?)b=2#0 [3,3)a=1#1 [10,11)b=2#1 [20,20)c=1#0 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_closes_at_its_end),
		cmocka_unit_test(the_first_and_the_last_row_of_a_window_say_so),
		cmocka_unit_test(delay_and_grace_keep_it_open),
		cmocka_unit_test(hopping_windows_refuse_one_by_one),
		cmocka_unit_test(each_record_that_some_windows_refuse_counts),
		cmocka_unit_test(an_empty_window_does_not_open_again),
		cmocka_unit_test(sizes_need_not_fit_the_advance),
		cmocka_unit_test(rows_leave_by_end_and_group),
		cmocka_unit_test(inputs_wait_for_each_other),
		cmocka_unit_test(a_record_ahead_moves_nothing),
		cmocka_unit_test(a_signal_leaves_windows_open),
		cmocka_unit_test(a_whole_stream_has_its_own_bounds),
		cmocka_unit_test(closed_windows_leave_nothing),
		cmocka_unit_test(many_windows_are_open),
		cmocka_unit_test(long_windows_agree_with_the_definition),
		cmocka_unit_test(complete_windows_are_told_and_told_again),
		cmocka_unit_test(a_change_is_told_of_each_open_complete_window),
		cmocka_unit_test(complete_windows_slide_over_late_records),
		cmocka_unit_test(a_late_pane_moves_those_that_were_told),
		cmocka_unit_test(silent_windows_close_one_by_one),
		cmocka_unit_test(borders_tell_what_has_changed),
		cmocka_unit_test(borders_see_each_pane_of_a_window),
		cmocka_unit_test(a_session_that_grew_is_complete_later),
		cmocka_unit_test(sessions_make_rows_void),
		cmocka_unit_test(sessions_merge_and_close),
		cmocka_unit_test(revisions_go_on_when_sessions_merge),
		cmocka_unit_test(borders_tell_which_sessions_have_changed),
		cmocka_unit_test(sessions_of_one_end_leave_by_their_start),
		cmocka_unit_test(sessions_are_cut_at_borders),
		cmocka_unit_test(no_session_spans_a_border),
		cmocka_unit_test(sessions_agree_with_the_definition),
		cmocka_unit_test(closed_sessions_leave_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
