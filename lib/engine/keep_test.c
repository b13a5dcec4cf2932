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
#include "mem/mem.h"

/*
 * Streams of records go into an engine that is never disturbed, and into one that is saved now and then and now and
 * then taken away: what was saved is brought back into a new one. Both must tell the same.
 */

#define LIST "count, sum(x), p50(x), first(x), last(x), twa(x), mode(x), delta(x), set(x), values(x, 3), distinct(x)"

enum { N_RECORDS = 400, PIECES_MAX = 4096, S_US = 1000000 };

struct kept {
	char *name, *value; /* value: with JSON_PAD_BYTES behind */
	size_t len;
	struct engine_piece piece;
};

struct run {
	struct agg_list list;
	struct engine_opts opts;
	struct engine *e;
	struct buf text;
	struct kept kept[PIECES_MAX];
	size_t n_kept, n_gone, n_saved;
	uint64_t kept_before; /* records in final rows, of engines that are gone */
};

static int take_row(void *context, const struct engine_row *row, struct err *err)
{
	struct run *r = context;

	(void)err;
	buf_addf(&r->text, "\n%.*s [%lld,%lld) %s rev %u%s", (int)row->key.len - 2, row->key.p + 1,
		(long long)row->start_us, (long long)row->end_us, row->is_final ? "final" : "open", row->rev,
		row->is_cut ? " cut" : "");
	for (size_t i = 0; i < row->n_replaces; i++)
		buf_addf(&r->text, " for [%lld,%lld]", (long long)row->replaces[i].start_us,
			(long long)row->replaces[i].end_us);
	for (size_t i = 0; i < r->list.n_calls; i++) {
		struct agg_result result;

		agg_result(&r->list, i, row->states, &result);
		buf_add_char(&r->text, ' ');
		agg_result_print(&r->text, &result);
	}
	return 0;
}

static struct run *open_run(const struct engine_opts *opts, bool is_kept)
{
	struct run *r = mem_alloc(1, sizeof *r);
	struct err err = ERR_INIT;

	assert_int_equal(agg_list_parse(&r->list, LIST, &err), 0);
	agg_list_hold(&r->list, 30 * S_US);
	r->opts = *opts;
	r->opts.is_kept = is_kept;
	r->opts.list = &r->list;
	r->opts.row = take_row;
	r->opts.context = r;
	r->e = engine_open(&r->opts);
	return r;
}

static void close_run(struct run *r)
{
	engine_close(r->e);
	agg_list_release(&r->list);
	buf_release(&r->text);
	for (size_t i = 0; i < r->n_kept; i++) {
		free(r->kept[i].name);
		free(r->kept[i].value);
	}
	free(r);
}

/* ---- what is kept ---- */

static void keep(void *context, const struct engine_piece *piece)
{
	struct run *r = context;
	struct buf name = BUF_INIT;
	size_t i = 0;

	buf_addf(&name, "%c %lld ", piece->kind, (long long)piece->id);
	for (size_t k = 0; k < piece->key.len; k++)
		buf_addf(&name, "%02x", (unsigned char)piece->key.p[k]);
	while (i < r->n_kept && strcmp(r->kept[i].name, buf_cstr(&name)) != 0)
		i++;
	r->n_saved++;
	if (!piece->value.p) {
		assert_true(i < r->n_kept); /* what goes was there */
		r->n_gone++;
		free(r->kept[i].name);
		free(r->kept[i].value);
		r->kept[i] = r->kept[--r->n_kept];
	} else {
		if (i == r->n_kept) {
			assert_true(r->n_kept < PIECES_MAX);
			r->kept[r->n_kept++] = (struct kept){.name = mem_dup(buf_cstr(&name), name.len)};
		}
		free(r->kept[i].value);
		r->kept[i].value = mem_alloc(1, piece->value.len + JSON_PAD_BYTES);
		memcpy(r->kept[i].value, piece->value.p, piece->value.len);
		r->kept[i].len = piece->value.len;
		r->kept[i].piece = *piece;
	}
	buf_release(&name);
}

static void read_key(struct kept *k, struct buf *key)
{
	const char *at = strrchr(k->name, ' ') + 1;
	unsigned byte;

	buf_reset(key);
	for (; sscanf(at, "%2x", &byte) == 1; at += 2)
		buf_add_char(key, (char)byte);
	k->piece.key = buf_slice(key);
}

static void bring_back(struct run *r, int64_t watermark_us)
{
	const struct engine_counts *c = engine_counts(r->e);
	uint64_t digest = engine_digest(r->e), groups = c->groups, open = c->taken - c->kept - c->outside;
	struct err err = ERR_INIT;
	struct buf key = BUF_INIT;

	r->kept_before += c->kept;
	engine_close(r->e);
	r->e = engine_open(&r->opts);
	for (size_t i = 0; i < r->n_kept; i++) {
		struct json_record record;

		json_check(r->kept[i].value, r->kept[i].len, JSON_DEPTH_MAX, &record);
		assert_int_equal(record.status, JSON_OK);
		read_key(&r->kept[i], &key);
		if (engine_load(r->e, &r->kept[i].piece, record.value, &err))
			fail_msg("%s %s: %s", r->kept[i].name, r->kept[i].value, err.msg);
	}
	engine_loaded(r->e, watermark_us);
	c = engine_counts(r->e);
	assert_int_equal(engine_digest(r->e), digest);
	assert_int_equal(c->groups, groups);
	assert_int_equal(c->taken - c->kept - c->outside, open);
	buf_release(&key);
}

/* ---- streams ---- */

static void add(struct run *r, const char *key, int64_t us, int x, uint64_t line, int64_t watermark_us)
{
	struct agg_value values[4];
	struct engine_record record = {.place = {.time_us = r->opts.has_time ? us : 0, .line = line},
		.key = slice_str(key),
		.is_start = x == 0,
		.is_end = x == 8};
	char text[16 + JSON_PAD_BYTES];
	struct err err = ERR_INIT;
	struct buf bytes = BUF_INIT, tmp = BUF_INIT;
	char string[8];
	int len = snprintf(text, sizeof text, "%d.5", x);

	snprintf(string, sizeof string, "\"%s\"", key);
	group_key_add(&bytes, (struct json_span){string, (uint32_t)strlen(string), JSON_STRING, 0}, &tmp);
	record.key = buf_slice(&bytes);
	record.hash = group_hash(record.key);
	agg_read(&r->list, 0, (struct json_span){text, (uint32_t)len, JSON_NUMBER, 0}, &values[0]);
	record.values = values;
	if (engine_add(r->e, &record, watermark_us, &err) == ENGINE_LATE)
		buf_addf(&r->text, "\nlate %s %lld", key, (long long)us);
	buf_release(&bytes);
	buf_release(&tmp);
}

static void compare(const struct engine_opts *opts, unsigned seed)
{
	struct run *a = open_run(opts, false), *b = open_run(opts, true);
	static const char *const keys[] = {"a", "b", "c", "d"};
	int64_t newest_us = 1000 * (int64_t)S_US, watermark_us;
	struct err err = ERR_INIT;
	unsigned random = seed * 2654435761u + 1;

#define RANDOM(n) ((random = random * 1664525u + 1013904223u) >> 8) % (n)
	for (uint64_t i = 1; i <= N_RECORDS; i++) {
		const char *key = keys[RANDOM(4)];
		int64_t us = newest_us + ((int64_t)(RANDOM(17)) - 10) * S_US;
		int x = (int)(RANDOM(9));

		if (RANDOM(40) == 0)
			us += 60 * (int64_t)S_US;
		newest_us = us > newest_us ? us : newest_us;
		watermark_us = newest_us - 5 * (int64_t)S_US;
		add(a, key, us, x, i, watermark_us);
		add(b, key, us, x, i, watermark_us);
		if (RANDOM(3) == 0) {
			engine_save(b->e, keep, b);
			if (RANDOM(3) == 0)
				bring_back(b, watermark_us);
		}
	}
	assert_string_equal(buf_cstr(&a->text), buf_cstr(&b->text));
	assert_int_equal(engine_flush(a->e, newest_us, true, &err), 0);
	assert_int_equal(engine_flush(b->e, newest_us, true, &err), 0);
	assert_string_equal(buf_cstr(&a->text), buf_cstr(&b->text));
	assert_int_equal(engine_counts(a->e)->kept, b->kept_before + engine_counts(b->e)->kept);
	/* what is over leaves no trace */
	engine_save(b->e, keep, b);
	for (size_t i = 0; i < b->n_kept; i++)
		assert_non_null(strchr(opts->is_filling ? "hcf" : "hc", b->kept[i].name[0]));
	assert_true(b->n_gone > 0);
	close_run(a);
	close_run(b);
}

static void all_kinds(const struct window_spec *window, bool is_filling)
{
	static const enum engine_emit emits[] = {ENGINE_FINAL, ENGINE_UPDATE, ENGINE_EVERY};

	for (unsigned i = 0; i < 3 * 20; i++) {
		struct engine_opts opts = {
			.window = *window, .has_time = true, .grace_us = i % 2 ? 8 * S_US : 0, .emit = emits[i % 3]};

		opts.emit_every_us = opts.emit == ENGINE_EVERY ? 7 * S_US : 0;
		opts.is_filling = is_filling && opts.emit == ENGINE_FINAL;
		if (opts.emit == ENGINE_UPDATE)
			opts.grace_us = 8 * S_US;
		compare(&opts, i);
	}
}

static void windows_come_back(void **state)
{
	(void)state;
	all_kinds(&(struct window_spec){.size_us = 10 * S_US, .advance_us = 10 * S_US}, false);
	all_kinds(&(struct window_spec){.size_us = 10 * S_US, .advance_us = 10 * S_US}, true);
}

/* What a silence was filled with is not told again by whoever reads on. */
static void a_silence_comes_back(void **state)
{
	struct engine_opts opts = {
		.window = {.size_us = S_US, .advance_us = S_US}, .has_time = true, .is_filling = true};
	static const int64_t seconds[] = {1, 99990, 250000, 250003};
	struct run *a = open_run(&opts, false), *b = open_run(&opts, true);

	(void)state;
	for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
		add(a, "a", seconds[i] * S_US, 1, i + 1, seconds[i] * S_US);
		add(b, "a", seconds[i] * S_US, 1, i + 1, seconds[i] * S_US);
		engine_save(b->e, keep, b);
		bring_back(b, seconds[i] * S_US);
		/* time goes on, and nothing else */
		add(a, "a", 0, 1, 9, (seconds[i] + 20) * S_US);
		add(b, "a", 0, 1, 9, (seconds[i] + 20) * S_US);
		engine_save(b->e, keep, b);
		bring_back(b, (seconds[i] + 20) * S_US);
	}
	assert_true(buf_slice(&a->text).len == buf_slice(&b->text).len);
	assert_memory_equal(a->text.p, b->text.p, a->text.len);
	assert_int_equal(engine_counts(a->e)->unfilled, 250000 - 99990 - 100000 - 1);
	close_run(a);
	close_run(b);
}

static void windows_that_hop_come_back(void **state)
{
	(void)state;
	all_kinds(&(struct window_spec){.size_us = 20 * S_US, .advance_us = 5 * S_US}, false);
	all_kinds(&(struct window_spec){.size_us = 20 * S_US, .advance_us = 5 * S_US}, true);
	all_kinds(&(struct window_spec){.size_us = 25 * S_US, .advance_us = 10 * S_US}, false);
}

static void sessions_come_back(void **state)
{
	(void)state;
	all_kinds(&(struct window_spec){.session_us = 4 * S_US}, false);
	all_kinds(&(struct window_spec){.session_us = 4 * S_US, .session_max_us = 30 * S_US}, false);
}

static void the_whole_stream_comes_back(void **state)
{
	static const struct window_spec all = {.is_all = true};

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct engine_opts opts = {
			.window = all, .has_time = true, .emit = i % 2 ? ENGINE_EVERY : ENGINE_FINAL};

		opts.emit_every_us = i % 2 ? 7 * S_US : 0;
		compare(&opts, i);
	}
}

/* In the order of times, with grace or not, and in that of lines. */
static void runs(const struct window_spec *window, bool can_have_time)
{
	for (unsigned i = 0; i < 15; i++) {
		struct engine_opts opts = {.window = *window, .has_time = can_have_time || i % 3};

		opts.grace_us = opts.has_time && i % 2 ? 8 * S_US : 0;
		compare(&opts, i);
	}
}

static void count_windows_come_back(void **state)
{
	(void)state;
	runs(&(struct window_spec){.every_n = 7}, false);
	runs(&(struct window_spec){.every_n = 2}, false);
}

static void trips_come_back(void **state)
{
	(void)state;
	runs(&(struct window_spec){.has_start = true, .has_end = true}, false);
	runs(&(struct window_spec){.has_start = true, .session_us = 9 * S_US}, true);
	runs(&(struct window_spec){.has_end = true, .session_max_us = 20 * S_US}, true);
	runs(
		&(struct window_spec){
			.has_start = true, .has_end = true, .session_us = 40 * S_US, .session_max_us = 10 * S_US},
		true);
}

static void what_was_not_written_is_refused(void **state)
{
	static const char *const values[] = {"{}", "{\"n\":1}", "{\"n\":0,\"state\":{}}", "{\"n\":1,\"state\":{}}",
		"[]", "{\"n\":1,\"state\":{\"count\":{\"n\":1}}}"};
	struct engine_opts opts = {.window = {.size_us = 10, .advance_us = 10}, .has_time = true};

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		for (const char *kind = "wtcs?"; *kind; kind++) {
			struct run *r = open_run(&opts, true);
			struct engine_piece piece = {.kind = *kind, .id = 20, .key = slice_str("a")};
			struct json_record record;
			struct err err = ERR_INIT;

			json_check(values[i], strlen(values[i]), JSON_DEPTH_MAX, &record);
			if (*kind != 't' || i == 0 || i == 4)
				assert_int_equal(engine_load(r->e, &piece, record.value, &err), -1);
			close_run(r);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_come_back),
		cmocka_unit_test(a_silence_comes_back),
		cmocka_unit_test(windows_that_hop_come_back),
		cmocka_unit_test(sessions_come_back),
		cmocka_unit_test(the_whole_stream_comes_back),
		cmocka_unit_test(count_windows_come_back),
		cmocka_unit_test(trips_come_back),
		cmocka_unit_test(what_was_not_written_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
