#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reject/reject.h"

struct fixture {
	struct ledger ledger;
	struct reject_opts opts;
	struct reject *r;
	struct batch batch;
	struct err err;
	char path[64]; /* of --rejects */
	char text[1 << 20];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	ledger_init(&f->ledger, "tlm-filter");
	batch_init(&f->batch);
	f->batch.name = "day.ndjson";
	snprintf(f->path, sizeof f->path, "/tmp/tlm-reject-test-%d", (int)getpid());
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	reject_close(f->r);
	unlink(f->path);
	free(f);
	return 0;
}

static void open_rejects(struct fixture *f, bool has_place)
{
	f->opts.place = has_place ? f->path : NULL;
	f->r = reject_open(&f->opts, &f->ledger, &f->err);
	assert_non_null(f->r);
}

static int add(struct fixture *f, enum reject_reason reason, uint64_t line, const char *raw, const char *message)
{
	f->ledger.read++;
	return reject_add(f->r, reason, &f->batch, line, 18, slice_str(raw), strlen(raw), &f->err, "%s", message);
}

static const char *read_file(struct fixture *f, int fd)
{
	ssize_t n = pread(fd, f->text, sizeof f->text - 1, 0);

	assert_true(n >= 0);
	f->text[n] = '\0';
	return f->text;
}

static const char *read_rows(struct fixture *f)
{
	int fd = open(f->path, O_RDONLY);

	assert_true(fd >= 0);
	read_file(f, fd);
	close(fd);
	return f->text;
}

/* Everything that `body` writes to stderr. */
static const char *catch_stderr(struct fixture *f, void (*body)(struct fixture *f))
{
	FILE *tmp = tmpfile();
	int saved = dup(STDERR_FILENO);

	assert_non_null(tmp);
	dup2(fileno(tmp), STDERR_FILENO);
	body(f);
	dup2(saved, STDERR_FILENO);
	close(saved);
	read_file(f, fileno(tmp));
	fclose(tmp);
	return f->text;
}

/* ---- rows ---- */

static void a_long_message_keeps_whole_characters(void **state)
{
	struct fixture *f = *state;
	struct buf message = BUF_INIT, expected = BUF_INIT;

	/* 191 bytes fit: 63 of three, and the two before them */
	buf_add_str(&message, "ab");
	for (int i = 0; i < 100; i++)
		buf_add_str(&message, "\u6f22");
	buf_add_str(&expected, "\"message\":\"");
	buf_add(&expected, message.p, 2 + 63 * 3);
	buf_add_str(&expected, "\",");
	open_rejects(f, true);
	assert_int_equal(add(f, REJECT_PROGRAM, 1, "1", buf_cstr(&message)), 0);
	/* one byte more in front, and the last one does not fit */
	assert_int_equal(add(f, REJECT_PROGRAM, 2, "1", buf_cstr(&message) + 1), 0);
	assert_int_equal(reject_finish(f->r, false, &f->err), STATUS_OK);
	assert_non_null(strstr(read_rows(f), buf_cstr(&expected)));
	assert_null(strstr(f->text, "\xef\xbf\xbd"));
	buf_release(&message);
	buf_release(&expected);
}

static void row_has_the_documented_form(void **state)
{
	struct fixture *f = *state;

	open_rejects(f, true);
	assert_int_equal(add(f, REJECT_JSON, 412, "{\"a\":tru}\t", "expected 'true'"), 0);
	assert_int_equal(reject_finish(f->r, false, &f->err), STATUS_OK);
	assert_string_equal(read_rows(f), "{\"reason\":\"json\",\"source\":\"day.ndjson\",\"line\":412,\"byte\":18,"
					  "\"message\":\"expected 'true'\","
					  "\"raw\":\"{\\\"a\\\":tru}\\t\",\"tool\":\"tlm-filter\"}\n");
	assert_int_equal(f->ledger.rejected, 1);
	assert_int_equal(f->ledger.rejects[REJECT_JSON], 1);
}

static void bytes_become_base64(void **state)
{
	/* From RFC 4648 (f, fo, foo, ...) with a byte in front that is not UTF-8, checked with base64(1). */
	static const struct {
		const char *raw, *text;
	} cases[] = {
		{"\xff", "/w=="}, {"\xff\x66", "/2Y="}, {"\xff\x66\x6f", "/2Zv"}, {"\xff\x66\x6f\x6f", "/2Zvbw=="}};
	struct buf out = BUF_INIT;
	char want[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_reset(&out);
		reject_add_raw(&out, slice_str(cases[i].raw));
		snprintf(want, sizeof want, ",\"raw_b64\":\"%s\"", cases[i].text);
		assert_string_equal(buf_cstr(&out), want);
	}
	buf_reset(&out);
	reject_add_raw(&out, (struct slice){"a\0b", 3});
	assert_string_equal(buf_cstr(&out), ",\"raw_b64\":\"YQBi\"");
	buf_reset(&out);
	reject_add_raw(&out, SLICE_LIT("caf\xc3\xa9"));
	assert_string_equal(buf_cstr(&out), ",\"raw\":\"caf\xc3\xa9\"");
	buf_release(&out);
}

static void cut_record_tells_its_length(void **state)
{
	struct fixture *f = *state;

	open_rejects(f, true);
	f->batch.name = "a\xff\xc3\xa9.json";
	f->ledger.read++;
	assert_int_equal(
		reject_add(f->r, REJECT_TOO_LONG, &f->batch, 7, 0, SLICE_LIT("{\"a\""), 2000000, &f->err, "too long"),
		0);
	assert_int_equal(reject_finish(f->r, false, &f->err), STATUS_OK);
	assert_string_equal(read_rows(f), "{\"reason\":\"too_long\",\"source\":\"a\xef\xbf\xbd\xc3\xa9.json\",\"line\":"
					  "7,\"message\":\"too long\","
					  "\"raw\":\"{\\\"a\\\"\",\"raw_bytes\":2000000,\"tool\":\"tlm-filter\"}\n");
}

static void rows_leave_with_a_flush(void **state)
{
	struct fixture *f = *state;
	int fd;

	/* A fifo is written in place: what has left the process can be read. */
	assert_int_equal(mkfifo(f->path, 0600), 0);
	fd = open(f->path, O_RDWR | O_NONBLOCK);
	assert_true(fd >= 0);
	open_rejects(f, true);
	assert_int_equal(add(f, REJECT_JSON, 1, "x", "m"), 0);
	assert_int_equal(read(fd, f->text, 10), -1);
	assert_int_equal(reject_flush(f->r, &f->err), 0);
	assert_int_equal(read(fd, f->text, 10), 10);
	assert_memory_equal(f->text, "{\"reason\":", 10);
	close(fd);
}

static void failed_start_keeps_the_old_file(void **state)
{
	struct fixture *f = *state;
	int fd = open(f->path, O_WRONLY | O_CREAT, 0600);

	assert_int_equal(write(fd, "old\n", 4), 4);
	close(fd);
	open_rejects(f, true);
	assert_int_equal(reject_finish(f->r, true, &f->err), STATUS_OK);
	assert_string_equal(read_rows(f), "old\n");
	reject_close(f->r);
	open_rejects(f, true);
	f->ledger.read = 1;
	assert_int_equal(reject_finish(f->r, true, &f->err), STATUS_OK);
	assert_string_equal(read_rows(f), "");
}

static void unwritable_place_is_an_error(void **state)
{
	struct fixture *f = *state;

	f->opts.place = "/nonexistent/rejects";
	assert_null(reject_open(&f->opts, &f->ledger, &f->err));
	assert_int_equal(f->err.code, ERR_IO);
	err_reset(&f->err);
	f->opts.place = "/dev/full";
	f->r = reject_open(&f->opts, &f->ledger, &f->err);
	assert_non_null(f->r);
	assert_int_equal(add(f, REJECT_JSON, 1, "x", "m"), 0);
	assert_int_equal(reject_finish(f->r, false, &f->err), -1);
	assert_int_equal(f->err.code, ERR_IO);
}

/* ---- the short form ---- */

static void reject_five(struct fixture *f)
{
	add(f, REJECT_JSON, 412, "x", "expected ','\x1b[31m\x07");
	add(f, REJECT_JSON, 413, "x", "not told");
	add(f, REJECT_TYPE, 414, "x", "first of its kind \xc2\x9b caf\xc3\xa9");
	f->ledger.read += 97;
	f->ledger.kept += 97;
	assert_int_equal(reject_finish(f->r, false, &f->err), STATUS_REJECTED);
}

static void first_of_a_kind_is_told(void **state)
{
	struct fixture *f = *state;

	open_rejects(f, false);
	assert_string_equal(catch_stderr(f, reject_five),
		"tlm-filter: day.ndjson:412 (byte 18): expected ','\\x1b[31m\\x07\n"
		"tlm-filter: day.ndjson:414 (byte 18): first of its kind \\x9b caf\xc3\xa9\n"
		"tlm-filter: 3 of 100 records rejected: 2 json, 1 type (--rejects FILE keeps them)\n");
}

static void a_short_csv_is_told_too(void **state)
{
	struct fixture *f = *state;

	f->batch.name = "day.csv.zst";
	open_rejects(f, false);
	assert_non_null(strstr(catch_stderr(f, reject_five), " 1 type (tlm-replay reads CSV and TSV)\n"));
}

static void a_dry_run_opens_no_place(void **state)
{
	struct fixture *f = *state;

	f->opts.is_dry_run = true;
	open_rejects(f, true);
	assert_int_equal(add(f, REJECT_JSON, 1, "x", "m"), 0);
	assert_int_equal(f->ledger.rejected, 1);
	assert_int_equal(reject_finish(f->r, false, &f->err), STATUS_OK);
	assert_int_not_equal(access(f->path, F_OK), 0);
}

static void verbose_tells_all(void **state)
{
	struct fixture *f = *state;

	f->opts.is_verbose = true;
	open_rejects(f, false);
	assert_non_null(strstr(catch_stderr(f, reject_five), ":413 (byte 18): not told\n"));
}

static void quiet_tells_nothing(void **state)
{
	struct fixture *f = *state;

	f->opts.is_quiet = true;
	open_rejects(f, false);
	assert_string_equal(catch_stderr(f, reject_five), "");
}

static void clean_run_is_ok(void **state)
{
	struct fixture *f = *state;

	open_rejects(f, false);
	f->ledger.read = 5;
	assert_int_equal(reject_finish(f->r, false, &f->err), STATUS_OK);
}

/* ---- limits ---- */

static void strict_stops_at_the_first(void **state)
{
	struct fixture *f = *state;
	char text[256];

	f->opts.is_strict = true;
	open_rejects(f, false);
	assert_int_equal(add(f, REJECT_JSON, 412, "x", "expected ','"), -1);
	assert_int_equal(f->err.code, ERR_DATA);
	err_format(&f->err, text, sizeof text);
	assert_string_equal(text, "day.ndjson:412 (byte 18): expected ','");
}

static void limit_counts_all_reasons(void **state)
{
	struct fixture *f = *state;

	f->opts.is_quiet = true;
	f->opts.max = 3;
	open_rejects(f, false);
	assert_int_equal(add(f, REJECT_JSON, 1, "x", "m"), 0);
	assert_int_equal(add(f, REJECT_TYPE, 2, "x", "m"), 0);
	assert_int_equal(add(f, REJECT_AHEAD, 3, "x", "m"), -1);
	assert_int_equal(f->err.code, ERR_DATA);
	assert_string_equal(f->err.msg, "3 records rejected, the limit of --max-rejects");
}

static int reject_many(struct fixture *f, uint64_t n)
{
	int ret = 0;

	for (uint64_t i = 1; i <= n && ret == 0; i++)
		ret = add(f, REJECT_JSON, i, "x", "expected a value");
	return ret;
}

static void wrong_input_is_found_out(void **state)
{
	struct fixture *f = *state;

	f->opts.is_quiet = true;
	f->batch.name = "day.csv";
	open_rejects(f, false);
	assert_int_equal(reject_many(f, REJECT_FIRST_RECORDS - 1), 0);
	assert_int_equal(add(f, REJECT_JSON, REJECT_FIRST_RECORDS, "x", "expected a value"), -1);
	assert_int_equal(f->err.code, ERR_DATA);
	assert_string_equal(f->err.msg, "the first 1000 records were all rejected, the last one: expected a value "
					"(tlm-replay reads CSV and TSV)");
}

static void one_good_record_is_enough(void **state)
{
	struct fixture *f = *state;

	f->opts.is_quiet = true;
	open_rejects(f, false);
	f->ledger.read = f->ledger.kept = 1;
	assert_int_equal(reject_many(f, 5000), 0);
}

static void a_good_record_may_be_held_back(void **state)
{
	struct fixture *f = *state;

	f->opts.is_quiet = true;
	open_rejects(f, false);
	reject_note_good(f->r);
	assert_int_equal(reject_many(f, 5000), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(row_has_the_documented_form),
		TEST(a_long_message_keeps_whole_characters),
		TEST(bytes_become_base64),
		TEST(cut_record_tells_its_length),
		TEST(rows_leave_with_a_flush),
		TEST(failed_start_keeps_the_old_file),
		TEST(unwritable_place_is_an_error),
		TEST(first_of_a_kind_is_told),
		TEST(a_short_csv_is_told_too),
		TEST(a_dry_run_opens_no_place),
		TEST(verbose_tells_all),
		TEST(quiet_tells_nothing),
		TEST(clean_run_is_ok),
		TEST(strict_stops_at_the_first),
		TEST(limit_counts_all_reasons),
		TEST(wrong_input_is_found_out),
		TEST(one_good_record_is_enough),
		TEST(a_good_record_may_be_held_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("reject", tests, NULL, NULL);
}
