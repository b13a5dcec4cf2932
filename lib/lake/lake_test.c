#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lake/lake.h"

#include "../../tests/kit/test_root.h"

static char root[] = "/tmp/lake-test-XXXXXX";

/* ---- a sink that keeps the rows ---- */

struct rows {
	struct sink base;
	struct buf text;
	size_t n, n_unflushed;
};

static int take_rows(struct sink *k, const struct batch *b, struct err *err)
{
	struct rows *r = (struct rows *)k;

	(void)err;
	buf_add(&r->text, b->p, b->len);
	r->n++;
	r->n_unflushed++;
	return 0;
}

static int flush_rows(struct sink *k, struct err *err)
{
	(void)err;
	((struct rows *)k)->n_unflushed = 0;
	return 0;
}

static const struct sink_ops row_ops = {.write = take_rows, .flush = flush_rows};

/* ---- one lake ---- */

struct run {
	struct lake_opts opts;
	struct rows rows;
	struct ledger ledger;
	struct timefield time;
	struct sink *lake;
	struct err err;
	size_t n_warnings;
	char warning[256];
};

static void warn(void *ctx, const char *text)
{
	struct run *r = ctx;

	r->n_warnings++;
	snprintf(r->warning, sizeof r->warning, "%s", text);
}

static void prepare(struct run *r, const char *place, const char *time)
{
	struct reject_opts rejects = {.is_quiet = true};

	*r = (struct run){.rows.base.ops = &row_ops};
	ledger_init(&r->ledger, "tlm-s3put");
	r->opts = (struct lake_opts){.place = place,
		.codec = CODEC_NONE,
		.max_open = 4,
		.max_size_bytes = 1 << 20,
		.depth_max = 64,
		.sync_us = 1000000,
		.ledger = &r->ledger,
		.manifest = &r->rows.base,
		.warn = warn,
		.warn_ctx = r};
	r->opts.reject = reject_open(&rejects, &r->ledger, &r->err);
	if (time) {
		assert_int_equal(timefield_parse(&r->time, time, &r->err), 0);
		r->opts.time = &r->time;
	}
}

static void open_it(struct run *r)
{
	r->lake = lake_open(&r->opts, &r->err);
	if (!r->lake)
		print_message("# %s\n", r->err.msg);
	assert_non_null(r->lake);
}

static int put(struct run *r, const char *lines)
{
	struct batch b;
	int got;

	batch_init(&b);
	buf_add_str(&b.own, lines);
	buf_reserve(&b.own, JSON_PAD_BYTES);
	b.p = b.own.p;
	b.len = b.own.len;
	b.name = "-";
	b.first_line = 1;
	got = r->lake->ops->write(r->lake, &b, &r->err);
	batch_release(&b);
	return got;
}

static void end(struct run *r, bool is_good)
{
	assert_int_equal(r->lake->ops->finish(r->lake, is_good, &r->err), 0);
	assert_int_equal(r->rows.n_unflushed, 0);
	assert_int_equal(r->ledger.out, r->rows.n);
	assert_int_equal(ledger_check(&r->ledger, &r->err), 0);
	sink_close(r->lake);
	reject_close(r->opts.reject);
	timefield_release(&r->time);
	buf_cstr(&r->rows.text);
}

/* The contents of an object below the root. */
static const char *object(const char *name)
{
	static char text[65536];
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", root, name);
	f = fopen(path, "r");
	if (!f)
		return NULL;
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	return text;
}

static const char *place(const char *below)
{
	static char text[512];

	snprintf(text, sizeof text, "%s%s", root, below);
	return text;
}

static void records_go_to_their_directories(void **state)
{
	struct run r;

	(void)state;
	prepare(&r, place("/one/dt=%F/d={d}/"), "ts:s");
	r.opts.run_id = "r";
	open_it(&r);
	assert_int_equal(
		put(&r, "{\"ts\":0,\"d\":1}\n{\"ts\":86400,\"d\":1}\r\n\n{ \"ts\" : 1 , \"d\" : 1 }\n[]\n{]\n{}\n"
			"{\"ts\":5,\"d\":{}}\n"),
		0);
	assert_int_equal(r.ledger.open, 3);
	end(&r, true);
	assert_string_equal(
		object("one/dt=1970-01-01/d=1/r-000001.ndjson"), "{\"ts\":0,\"d\":1}\n{ \"ts\" : 1 , \"d\" : 1 }\n");
	assert_string_equal(object("one/dt=1970-01-02/d=1/r-000002.ndjson"), "{\"ts\":86400,\"d\":1}\n");
	assert_int_equal(r.ledger.kept, 3);
	assert_int_equal(r.ledger.empty, 1);
	assert_int_equal(r.ledger.rejects[REJECT_NOT_OBJECT], 1);
	assert_int_equal(r.ledger.rejects[REJECT_JSON], 1);
	assert_int_equal(r.ledger.rejects[REJECT_NO_TIME], 1);
	assert_int_equal(r.ledger.rejects[REJECT_PATH_VALUE], 1);
	assert_non_null(strstr(r.rows.text.p, "\"records\":2,\"bytes\":38,\"raw_bytes\":38,"));
	assert_non_null(strstr(r.rows.text.p, "\"min_time\":\"1970-01-01T00:00:00Z\",\"max_time\":\"1970-01-01T00:00:"
					      "01Z\",\"run\":\"r\",\"seq\":1}\n"));
	buf_release(&r.rows.text);
}

static void objects_end_at_their_limits(void **state)
{
	struct run r;

	(void)state;
	prepare(&r, place("/two"), NULL);
	r.opts.run_id = "r";
	r.opts.max_records = 2;
	r.opts.max_size_bytes = 20;
	open_it(&r);
	/* Two by count; then one of 12 bytes, since the next does not fit; a long one alone. */
	assert_int_equal(
		put(&r, "{\"a\":1}\n{\"a\":2}\n{\"a\":33333}\n{\"a\":44444}\n{\"a\":\"012345678901234\"}\n{}\n"), 0);
	/* They wait for each other until there is nothing more to read. */
	assert_int_equal(r.rows.n, 0);
	assert_int_equal(r.ledger.open, 6);
	assert_int_equal(r.lake->ops->flush(r.lake, &r.err), 0);
	assert_int_equal(r.ledger.open, 1);
	assert_int_equal(r.rows.n, 4);
	end(&r, true);
	assert_string_equal(object("two/r-000001.ndjson"), "{\"a\":1}\n{\"a\":2}\n");
	assert_string_equal(object("two/r-000002.ndjson"), "{\"a\":33333}\n");
	assert_string_equal(object("two/r-000003.ndjson"), "{\"a\":44444}\n");
	assert_string_equal(object("two/r-000004.ndjson"), "{\"a\":\"012345678901234\"}\n");
	assert_string_equal(object("two/r-000005.ndjson"), "{}\n");
	assert_non_null(strstr(r.rows.text.p, "\"min_time\":null,\"max_time\":null"));
	buf_release(&r.rows.text);
}

static void a_span_is_cut_by_event_time(void **state)
{
	struct run r;

	(void)state;
	prepare(&r, place("/three"), "t:s");
	r.opts.run_id = "r";
	r.opts.max_span_us = 10000000;
	open_it(&r);
	/* A late record joins; the one at exactly 10 s begins the next. */
	assert_int_equal(put(&r, "{\"t\":100}\n{\"t\":50}\n{\"t\":109.9}\n{\"t\":110}\n"), 0);
	end(&r, true);
	assert_string_equal(object("three/r-000001.ndjson"), "{\"t\":100}\n{\"t\":50}\n{\"t\":109.9}\n");
	assert_string_equal(object("three/r-000002.ndjson"), "{\"t\":110}\n");
	buf_release(&r.rows.text);
}

static void the_oldest_directory_is_closed(void **state)
{
	struct run r;

	(void)state;
	prepare(&r, place("/four/{d}"), NULL);
	r.opts.run_id = "r";
	r.opts.max_open = 2;
	open_it(&r);
	/* a is used again before c comes, so b goes. */
	assert_int_equal(put(&r, "{\"d\":\"a\"}\n{\"d\":\"b\"}\n{\"d\":\"a\"}\n{\"d\":\"c\"}\n{\"d\":\"a\"}\n"), 0);
	assert_int_equal(r.lake->ops->flush(r.lake, &r.err), 0);
	assert_int_equal(r.rows.n, 1);
	assert_string_equal(r.warning, "more than 2 directories at once: objects are closed early (--max-open)");
	assert_string_equal(object("four/b/r-000002.ndjson"), "{\"d\":\"b\"}\n");
	end(&r, true);
	assert_string_equal(object("four/a/r-000001.ndjson"), "{\"d\":\"a\"}\n{\"d\":\"a\"}\n{\"d\":\"a\"}\n");
	assert_string_equal(r.warning, "1 objects were closed early");
	buf_release(&r.rows.text);
}

static void age_is_told_by_the_clock(void **state)
{
	struct run r;
	int64_t at_us;

	(void)state;
	prepare(&r, place("/five"), NULL);
	r.opts.max_age_us = 5000000;
	open_it(&r);
	assert_int_equal(r.lake->ops->deadline(r.lake), -1);
	assert_int_equal(put(&r, "{}\n"), 0);
	at_us = r.lake->ops->deadline(r.lake);
	/* First it is synced, then it is old. */
	assert_int_equal(r.lake->ops->tick(r.lake, at_us, &r.err), 0);
	assert_int_equal(r.lake->ops->deadline(r.lake), at_us + 4000000);
	assert_int_equal(r.rows.n, 0);
	assert_int_equal(r.lake->ops->tick(r.lake, at_us + 4000000, &r.err), 0);
	assert_int_equal(r.rows.n, 1);
	assert_int_equal(r.lake->ops->deadline(r.lake), -1);
	end(&r, false);
	buf_release(&r.rows.text);
}

static void rows_of_windows_bring_their_time(void **state)
{
	struct run r;

	(void)state;
	prepare(&r, place("/six/%H-%M-%S"), NULL);
	r.opts.run_id = "r";
	open_it(&r);
	assert_int_equal(put(&r, "{\"window_start\":\"2026-01-01T10:00:00Z\",\"window_end\":\"2026-01-01T11:00:00Z\"}\n"
				 "{\"window_end\":\"2026-01-01T12:00:00Z\"}\n{\"x\":1}\n"),
		0);
	end(&r, true);
	assert_non_null(object("six/10-59-59/r-000001.ndjson"));
	assert_non_null(object("six/11-59-59/r-000002.ndjson"));
	assert_int_equal(r.ledger.rejects[REJECT_NO_TIME], 1);
	buf_release(&r.rows.text);

	prepare(&r, place("/six/%H"), NULL);
	open_it(&r);
	assert_int_equal(put(&r, "{\"x\":1}\n"), -1);
	assert_int_equal(r.err.code, ERR_USAGE);
	assert_non_null(strstr(r.err.msg, "no --time"));
	sink_close(r.lake);
	reject_close(r.opts.reject);
}

static void a_hidden_field_is_told_once(void **state)
{
	struct run r;

	(void)state;
	prepare(&r, place("/seven/v={v}/d={x}"), NULL);
	open_it(&r);
	assert_int_equal(put(&r, "{\"v\":1,\"x\":1}\n"), 0);
	assert_int_equal(r.n_warnings, 0);
	assert_int_equal(put(&r, "{\"v\":1,\"x\":1,\"d\":1}\n{\"v\":1,\"x\":1,\"d\":1}\n"), 0);
	assert_int_equal(r.n_warnings, 1);
	assert_string_equal(r.warning, "the directory d=... hides the field d of the records for readers of the lake");
	end(&r, true);
	buf_release(&r.rows.text);
}

static void a_repeatable_run_that_failed_leaves_nothing(void **state)
{
	struct run r;

	(void)state;
	prepare(&r, place("/eight"), NULL);
	r.opts.run_id = "r";
	open_it(&r);
	assert_int_equal(put(&r, "{}\n"), 0);
	end(&r, false);
	assert_int_equal(r.ledger.open, 1);
	assert_null(object("eight/r-000001.ndjson"));
	assert_int_equal(access(place("/eight/.tlm-spool"), F_OK), -1);
	buf_release(&r.rows.text);
}

static void a_dry_run_writes_nothing(void **state)
{
	struct run r;

	(void)state;
	prepare(&r, place("/nine/{d}"), "t:s");
	r.opts.is_dry_run = true;
	open_it(&r);
	assert_int_equal(put(&r, "{\"t\":1,\"d\":1}\n{\"t\":2,\"d\":1}\n"), 0);
	end(&r, true);
	assert_int_equal(access(place("/nine"), F_OK), -1);
	assert_non_null(strstr(r.rows.text.p, "/nine/1/RUN-000001.ndjson\",\"records\":2,\"raw_bytes\":28,"));
	buf_release(&r.rows.text);
}

static int make_root(void **state)
{
	(void)state;
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	(void)state;
	return remove_tree(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_go_to_their_directories),
		cmocka_unit_test(objects_end_at_their_limits),
		cmocka_unit_test(a_span_is_cut_by_event_time),
		cmocka_unit_test(the_oldest_directory_is_closed),
		cmocka_unit_test(age_is_told_by_the_clock),
		cmocka_unit_test(rows_of_windows_bring_their_time),
		cmocka_unit_test(a_hidden_field_is_told_once),
		cmocka_unit_test(a_repeatable_run_that_failed_leaves_nothing),
		cmocka_unit_test(a_dry_run_writes_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("lake", tests, make_root, remove_root);
}
