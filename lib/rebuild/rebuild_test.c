#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "group/group.h"
#include "rebuild/rebuild.h"

/*
 * A log, and a process that dies. Each run is compared with one that was not disturbed: the rows that were committed
 * must be the same, to the byte.
 */
enum { RECORDS_MAX = 120, RUNS = 1200 };

struct record {
	int64_t us;
	char value[8 + JSON_PAD_BYTES]; /* a number */
	char key[4], voter[4];
	int64_t push_us; /* before it; 0: none */
};

struct kind {
	const char *name;
	struct engine_opts opts;
	const char *list;
	int64_t delay_us, max_ahead_us, max_gap_us;
	uint32_t quorum;
};

static const struct kind kinds[] = {
	{.name = "tumbling", .opts.window = {.size_us = 10, .advance_us = 10}, .list = "count, sum(v), first(v)"},
	{.name = "tumbling, delay and grace",
		.opts = {.window = {.size_us = 10, .advance_us = 10}, .grace_us = 7},
		.list = "count, sum(v)",
		.delay_us = 5},
	{.name = "hopping",
		.opts = {.window = {.size_us = 12, .advance_us = 5}, .grace_us = 3},
		.list = "count, last(v)",
		.delay_us = 4},
	{.name = "sessions",
		.opts = {.window = {.session_us = 6, .session_max_us = 50}, .grace_us = 4},
		.list = "count, sum(v)",
		.delay_us = 3},
	{.name = "updates",
		.opts = {.window = {.size_us = 10, .advance_us = 10}, .grace_us = 9, .emit = ENGINE_UPDATE},
		.list = "count, sum(v)"},
	{.name = "updates of sessions",
		.opts = {.window = {.session_us = 6, .session_max_us = 50}, .grace_us = 6, .emit = ENGINE_UPDATE},
		.list = "count"},
	{.name = "every",
		.opts = {.window = {.size_us = 12, .advance_us = 4}, .emit = ENGINE_EVERY, .emit_every_us = 3},
		.list = "count, sum(v)",
		.delay_us = 2},
	{.name = "values that hold",
		.opts = {.window = {.size_us = 10, .advance_us = 10}},
		.list = "twa(v), integral(v), count",
		.delay_us = 3,
		.max_gap_us = 15},
	{.name = "max-ahead", .opts.window = {.size_us = 10, .advance_us = 10}, .list = "count", .max_ahead_us = 9},
	{.name = "quorum",
		.opts.window = {.size_us = 10, .advance_us = 10},
		.list = "count",
		.quorum = 2,
		.delay_us = 2},
	{.name = "quorum of sessions with max-ahead",
		.opts = {.window = {.session_us = 5, .session_max_us = 40}, .grace_us = 3},
		.list = "count",
		.quorum = 3,
		.max_ahead_us = 25},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

struct process {
	const struct kind *kind;
	struct engine *e;
	struct window_clock clock;
	struct agg_list list;
	struct rebuild r;
	struct buf *out;
	int64_t newest_us;
	char place[400]; /* of what was taken */
};

/* What the group knows. */
struct committed {
	int64_t offset;
	struct buf metadata, rows;
};

static uint64_t seed;

static uint32_t roll(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 11) % n;
}

static int tell_row(void *context, const struct engine_row *row, struct err *err)
{
	struct process *p = context;
	struct buf *out = p->out;
	struct agg_result result;

	(void)err;
	if (p->r.is_replaying)
		return 0;
	buf_addf(out, "[%lld,%lld)%.*s%s", (long long)row->start_us, (long long)row->end_us, (int)row->key.len,
		row->key.p, row->is_final ? "" : "?");
	if (row->has_rev)
		buf_addf(out, "#%u", row->rev);
	for (size_t i = 0; i < row->n_replaces; i++)
		buf_addf(out, "<%lld,%lld>", (long long)row->replaces[i].start_us, (long long)row->replaces[i].end_us);
	for (size_t i = 0; i < p->list.n_calls; i++) {
		buf_add_char(out, ' ');
		agg_result(&p->list, i, row->states, &result);
		agg_result_print(out, &result);
	}
	buf_add_char(out, '\n');
	return 0;
}

static void process_open(struct process *p, const struct kind *kind, struct buf *out)
{
	struct engine_opts opts = kind->opts;
	struct err err = ERR_INIT;

	*p = (struct process){.kind = kind, .out = out, .newest_us = WINDOW_NEVER};
	assert_int_equal(agg_list_parse(&p->list, kind->list, &err), 0);
	if (kind->max_gap_us)
		agg_list_hold(&p->list, kind->max_gap_us);
	opts.list = &p->list;
	opts.has_time = true;
	opts.row = tell_row;
	opts.context = p;
	window_clock_init(&p->clock, 1, kind->delay_us, kind->max_ahead_us ? kind->max_ahead_us : WINDOW_FOREVER);
	if (kind->quorum)
		window_clock_set_quorum(&p->clock, kind->quorum);
	p->e = engine_open(&opts);
	rebuild_init(&p->r, 77);
}

static void process_close(struct process *p)
{
	engine_close(p->e);
	agg_list_release(&p->list);
	window_clock_release(&p->clock);
	rebuild_release(&p->r);
}

static void push(struct process *p, int64_t us)
{
	struct err err = ERR_INIT;

	if (us <= p->clock.inputs[0].stream_us)
		return;
	window_clock_raise(&p->clock, 0, us);
	assert_int_equal(engine_advance(p->e, p->clock.watermark_us, &err), 0);
}

static bool see(struct process *p, const struct record *r)
{
	char bytes[8];

	if (!p->kind->quorum)
		return window_clock_see(&p->clock, 0, r->us);
	return window_clock_vote(&p->clock, 0, r->us, rebuild_vote_value(rebuild_hash(0, slice_str(r->voter)), bytes));
}

static void take(struct process *p, const struct record *log, int64_t offset)
{
	const struct record *r = &log[offset];
	struct agg_value value = {0};
	struct engine_record e = {.place = {r->us, (uint64_t)offset + 1, 0},
		.key = slice_str(r->key),
		.hash = group_hash(slice_str(r->key)),
		.values = &value};
	struct err err = ERR_INIT;

	if (p->list.n_fields)
		assert_null(agg_read(&p->list, 0,
			(struct json_span){.type = JSON_NUMBER, .p = r->value, .len = (uint32_t)strlen(r->value)},
			&value));
	if (!see(p, r))
		return;
	if (r->us > p->newest_us)
		p->newest_us = r->us;
	switch (engine_add(p->e, &e, p->clock.watermark_us, &err)) {
	case ENGINE_TAKEN:
		return;
	case ENGINE_LATE:
		if (!p->r.is_replaying)
			buf_addf(p->out, "late %lld\n", (long long)offset);
		return;
	default:
		fail();
	}
}

static uint64_t groups_of(const struct process *p)
{
	return engine_counts(p->e)->groups;
}

/* The records of [from, to) as one batch. */
static void take_batch(struct process *p, const struct record *log, int64_t from, int64_t to)
{
	struct err err = ERR_INIT;
	int64_t us;

	while (rebuild_next_push(&p->r, from, &us))
		push(p, us);
	if (rebuild_is_there(&p->r, from))
		assert_int_equal(rebuild_check(&p->r, &p->clock, groups_of(p), engine_digest(p->e), &err), 0);
	rebuild_begin(&p->r, from, &p->clock);
	p->newest_us = WINDOW_NEVER;
	for (int64_t i = from; i < to; i++)
		take(p, log, i);
	rebuild_end(&p->r, to - 1, p->newest_us);
	if (!rebuild_is_there(&p->r, -1))
		return;
	while (rebuild_next_push(&p->r, p->r.next, &us))
		push(p, us);
	assert_int_equal(rebuild_check(&p->r, &p->clock, groups_of(p), engine_digest(p->e), &err), 0);
}

static int64_t need(const struct process *p)
{
	const struct window_spec *w = &p->kind->opts.window;
	int64_t us = w->session_us ? engine_oldest_start(p->e)
				   : rebuild_oldest_start(w, p->clock.watermark_us, p->kind->opts.grace_us);

	return us == WINDOW_NEVER || us == WINDOW_FOREVER ? us : us - p->kind->max_gap_us;
}

static void commit(struct process *p, struct committed *c)
{
	struct buf metadata = BUF_INIT;
	int64_t offset;

	if (rebuild_commit(&p->r, need(p), &p->clock, groups_of(p), engine_digest(p->e), &offset, &metadata)) {
		assert_true(metadata.len <= REBUILD_METADATA_MAX);
		assert_true(offset >= c->offset);
		c->offset = offset;
		buf_reset(&c->metadata);
		buf_add_slice(&c->metadata, buf_slice(&metadata));
		buf_add_slice(&c->rows, buf_slice(p->out));
		buf_reset(p->out);
	}
	buf_release(&metadata);
}

static int64_t start(struct process *p, const struct committed *c)
{
	struct err err = ERR_INIT;

	if (c->offset < 0)
		return 0;
	assert_int_equal(rebuild_take(&p->r, c->offset, buf_slice(&c->metadata), false, &p->clock, &err), 0);
	return c->offset;
}

static void make_log(struct record *log, int64_t n, bool has_pushes)
{
	int64_t us = 1000;

	for (int64_t i = 0; i < n; i++) {
		us += roll(6) ? roll(4) : roll(40);
		log[i] = (struct record){.us = us - (roll(3) ? 0 : roll(25))};
		snprintf(log[i].value, 8, "%u", roll(100));
		snprintf(log[i].key, sizeof log[i].key, "%c", 'a' + (char)roll(3));
		snprintf(log[i].voter, sizeof log[i].voter, "%c", 'p' + (char)roll(4));
		if (has_pushes && !roll(12))
			log[i].push_us = us + roll(30);
	}
}

/* From where it is told to the end; dies with a chance of one in mortality at each batch. False: it died. */
static bool run(struct process *p, const struct record *log, int64_t n, struct committed *c, uint32_t mortality)
{
	int64_t at = start(p, c), live = at;

	if (c->offset >= 0)
		live = p->r.position;
	while (at < n) {
		int64_t to = at + 1 + roll(9), bound = rebuild_bound(&p->r, at);

		if (to > n)
			to = n;
		if (to > bound)
			to = bound;
		/* the wall's clock speaks between batches of the first reading alone; a pushed record begins a batch */
		for (int64_t i = at + 1; i < to; i++)
			if (i >= live && log[i].push_us)
				to = i;
		if (at >= live && log[at].push_us && log[at].push_us > p->clock.inputs[0].stream_us) {
			struct err err = ERR_INIT;

			if (rebuild_is_there(&p->r, at))
				assert_int_equal(
					rebuild_check(&p->r, &p->clock, groups_of(p), engine_digest(p->e), &err), 0);
			if (p->r.next < 0)
				p->r.next = at;
			if (rebuild_push(&p->r, log[at].push_us))
				push(p, log[at].push_us);
		}
		take_batch(p, log, at, to);
		at = to;
		if (mortality && !roll(mortality))
			return false;
		if (!roll(3))
			commit(p, c);
	}
	commit(p, c);
	return true;
}

static void runs_that_die_commit_the_rows_of_one_that_does_not(void **state)
{
	struct record log[RECORDS_MAX];
	unsigned deaths = 0;

	(void)state;
	for (uint32_t i = 0; i < RUNS; i++) {
		const struct kind *kind = &kinds[i % N_KINDS];
		struct committed whole = {.offset = -1}, parts = {.offset = -1};
		struct buf out = BUF_INIT;
		struct process p;
		int64_t n = 20 + i % (RECORDS_MAX - 20);
		bool is_done = false;

		seed = 0x9e3779b97f4a7c15u * (i + 1);
		make_log(log, n, i % 3 == 0);
		process_open(&p, kind, &out);
		run(&p, log, n, &whole, 0);
		process_close(&p);
		while (!is_done) {
			buf_reset(&out);
			process_open(&p, kind, &out);
			is_done = run(&p, log, n, &parts, 6);
			deaths += !is_done;
			process_close(&p);
		}
		if (strcmp(buf_cstr(&whole.rows), buf_cstr(&parts.rows)) != 0)
			fail_msg("%s, run %u:\n%s\nbut\n%s", kind->name, i, buf_cstr(&whole.rows),
				buf_cstr(&parts.rows));
		buf_release(&whole.rows);
		buf_release(&whole.metadata);
		buf_release(&parts.rows);
		buf_release(&parts.metadata);
		buf_release(&out);
	}
	assert_true(deaths > RUNS);
}

/* ---- the metadata ---- */

static void what_was_committed_is_read_back(void **state)
{
	struct window_clock clock, again;
	struct rebuild r, s;
	struct buf metadata = BUF_INIT;
	struct err err = ERR_INIT;
	char bytes[8];
	int64_t offset, us;

	(void)state;
	window_clock_init(&clock, 1, 0, WINDOW_FOREVER);
	window_clock_set_quorum(&clock, 2);
	rebuild_init(&r, 0xabc);
	for (uint64_t i = 1; i <= 3; i++)
		window_clock_vote(&clock, 0, (int64_t)i * 10, rebuild_vote_value(i, bytes));
	rebuild_begin(&r, 5, &clock);
	rebuild_end(&r, 9, 30);
	assert_true(rebuild_push(&r, 40));
	assert_true(rebuild_push(&r, 50)); /* at one offset the last one counts */
	assert_true(rebuild_commit(&r, 25, &clock, 3, 0xffffffffffffffffu, &offset, &metadata));
	assert_int_equal(offset, 5);
	assert_int_equal(rebuild_read_up_to(5, buf_slice(&metadata)), 10);
	assert_int_equal(rebuild_read_up_to(11, buf_slice(&metadata)), 11); /* set by hand since */
	assert_int_equal(rebuild_read_up_to(5, SLICE_LIT("p=10")), 5);
	assert_string_equal(
		buf_cstr(&metadata), "tlm1 o=abc p=10 n=3 d=ffffffffffffffff t=20 l=20 q=30:3,20:2 f=10:50");
	window_clock_init(&again, 1, 0, WINDOW_FOREVER);
	window_clock_set_quorum(&again, 2);
	rebuild_init(&s, 0xabc);
	assert_int_equal(rebuild_take(&s, offset, buf_slice(&metadata), false, &again, &err), 0);
	assert_true(s.is_replaying);
	assert_int_equal(again.inputs[0].stream_us, 20);
	assert_int_equal(again.inputs[0].n_votes, 2);
	assert_int_equal(rebuild_bound(&s, 5), 10);
	assert_false(rebuild_next_push(&s, 9, &us));
	assert_true(rebuild_next_push(&s, 10, &us));
	assert_int_equal(us, 50);
	assert_false(rebuild_is_there(&s, 9));
	assert_true(rebuild_is_there(&s, 10));
	/* count and digest are compared, and T */
	assert_int_equal(rebuild_check(&s, &again, 3, 1, &err), -1);
	assert_int_equal(err.code, ERR_REFUSED);
	/* nothing is needed: the low water is the position */
	buf_reset(&metadata);
	assert_true(rebuild_commit(&r, 31, &clock, 0, 0, &offset, &metadata));
	assert_int_equal(offset, 10);
	assert_string_equal(buf_cstr(&metadata), "tlm1 o=abc p=10 n=0 d=0 t=20 l=20 q=30:3,20:2");
	/* so it is where what is open is kept elsewhere, whatever is needed: nothing is read again */
	rebuild_begin(&r, 10, &clock);
	rebuild_end(&r, 11, 32);
	r.state = 3;
	buf_reset(&metadata);
	assert_true(rebuild_commit(&r, 0, &clock, 4, 5, &offset, &metadata));
	assert_int_equal(offset, 12);
	assert_string_equal(buf_cstr(&metadata), "tlm1 o=abc p=12 n=4 d=5 t=20 l=20 s=3 q=30:3,20:2");
	rebuild_release(&s);
	window_clock_release(&again);
	window_clock_init(&again, 1, 0, WINDOW_FOREVER);
	window_clock_set_quorum(&again, 2);
	rebuild_init(&s, 0xabc);
	err_reset(&err);
	assert_int_equal(rebuild_take(&s, 12, buf_slice(&metadata), false, &again, &err), 0);
	assert_int_equal(s.state, 3);
	assert_true(rebuild_is_there(&s, -1));
	assert_int_equal(rebuild_check(&s, &again, 4, 6, &err), -1);
	assert_non_null(strstr(err.msg, "what the state topic holds is not what was open at offset 12"));
	assert_int_equal(rebuild_check(&s, &again, 4, 5, &err), 0);
	window_clock_release(&clock);
	window_clock_release(&again);
	rebuild_release(&r);
	rebuild_release(&s);
	buf_release(&metadata);
}

static void what_cannot_be_rebuilt_is_refused(void **state)
{
	static const struct {
		const char *metadata;
		int without, with; /* --accept-new-config */
	} cases[] = {
		{"tlm1 o=1 p=10 n=0 d=0 t=5 l=5", 0, 0},
		{"tlm1 o=2 p=10 n=0 d=0 t=5 l=5", -1, 0},
		{"", -1, 0},
		{"{\"plan\":1}", -1, 0},
		{"tlm1 o=1 p=3 n=0 d=0 t=5 l=5", -1, 0}, /* before the offset: somebody has set it */
		{"tlm1 o=1 p=10 n=0 d=0 t=5", -1, -1},
		{"tlm1 o=1 p=x n=0 d=0 t=5 l=5", -1, -1},
		{"tlm1 o=1 p=10 n=-1 d=0 t=5 l=5", -1, -1},
		{"tlm1 o=1 p=10 n=0 d=0 t=5 l=5 f=1", -1, -1},
		{"tlm1 o=1 p=7 n=0 d=0 t=5 l=5 s=2", 0, 0},
		{"tlm1 o=1 p=10 n=0 d=0 t=5 l=5 s=2", -1, 0}, /* what is kept is of the position alone */
		{"tlm1 o=1 p=7 n=0 d=0 t=5 l=5 s=-1", -1, -1},
		{"tlm1 o=1 p=7 n=0 d=0 t=5 l=5 s=x", -1, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (int is_accepted = 0; is_accepted < 2; is_accepted++) {
			struct window_clock clock;
			struct rebuild r;
			struct err err = ERR_INIT;
			int expected = is_accepted ? cases[i].with : cases[i].without;

			window_clock_init(&clock, 1, 0, WINDOW_FOREVER);
			rebuild_init(&r, 1);
			assert_int_equal(
				rebuild_take(&r, 7, slice_str(cases[i].metadata), is_accepted, &clock, &err), expected);
			assert_int_equal(err.code, expected ? ERR_REFUSED : ERR_NONE);
			rebuild_release(&r);
			window_clock_release(&clock);
		}
	}
}

static void many_points_and_many_pushes_are_bounded(void **state)
{
	struct window_clock clock;
	struct rebuild r;
	struct buf metadata = BUF_INIT;
	int64_t offset;
	unsigned n = 0;

	(void)state;
	window_clock_init(&clock, 1, 0, WINDOW_FOREVER);
	rebuild_init(&r, UINT64_MAX);
	for (int64_t i = 0; i < 10000; i++) {
		rebuild_begin(&r, i, &clock);
		window_clock_see(&clock, 0, i * 1000000);
		rebuild_end(&r, i, i * 1000000);
		n += rebuild_push(&r, 4000000000000000 + i);
	}
	assert_int_equal(n, REBUILD_PUSHES_MAX);
	assert_true(r.n <= 1024);
	assert_true(rebuild_commit(&r, 0, &clock, UINT64_MAX / 2, UINT64_MAX, &offset, &metadata));
	assert_true(metadata.len <= REBUILD_METADATA_MAX);
	assert_int_equal(offset, 0);
	/* a low water may be early, never late */
	assert_true(rebuild_commit(&r, 5000 * 1000000LL, &clock, 0, 0, &offset, &metadata));
	assert_in_range(offset, 4500, 5000);
	buf_release(&metadata);
	rebuild_release(&r);
	window_clock_release(&clock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_committed_is_read_back),
		cmocka_unit_test(what_cannot_be_rebuilt_is_refused),
		cmocka_unit_test(many_points_and_many_pushes_are_bounded),
		cmocka_unit_test(runs_that_die_commit_the_rows_of_one_that_does_not),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
