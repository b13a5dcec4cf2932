#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "segment/segment.h"

static char path[] = "/tmp/segment-test-XXXXXX";

static int collect(void *ctx, const char *p, size_t len, struct err *err)
{
	(void)err;
	assert_true(len > 0 && p[len - 1] == '\n');
	buf_add(ctx, p, len);
	return 0;
}

static const enum codec_kind kinds[] = {CODEC_ZST, CODEC_GZ, CODEC_NONE};

/* Lines of 1 byte to 100 KiB, on both sides of the buffer's size; both sums are those that a reader computes. */
static void what_is_added_is_read(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct err err = ERR_INIT;
		struct codec_set set;
		struct segment s;
		struct segment_sum seen;
		int fd;
		struct buf lines = BUF_INIT, back = BUF_INIT;
		bool is_whole;

		unlink(path);
		assert_int_equal(codec_set_init(&set, kinds[k], 0, &err), 0);
		segment_init(&s, &set, NULL);
		for (int turn = 0; turn < 2; turn++) {
			unlink(path);
			buf_reset(&lines);
			buf_reset(&back);
			assert_int_equal(segment_begin(&s, path, &err), 0);
			for (size_t len = 1; len < 100000; len = len * 5 / 3 + 1) {
				size_t before = lines.len;

				for (size_t i = 1; i < len; i++)
					buf_add_char(&lines, (char)('a' + i * len % 23));
				buf_add_char(&lines, '\n');
				assert_int_equal(segment_add(&s, lines.p + before, len, 1, &err), 0);
				segment_sum_time(&s.sum, (int64_t)(len * 7919 % 1000));
				if (len % 4 == 0)
					assert_int_equal(segment_sync(&s, &err), 0);
			}
			assert_int_equal(segment_end(&s, &fd, &err), 0);
			assert_int_equal(close(fd), 0);
			assert_int_equal(segment_read(kinds[k], path, &seen, &is_whole, collect, &back, &err), 0);
			assert_true(is_whole);
			assert_true(slice_eq(buf_slice(&back), buf_slice(&lines)));
			assert_int_equal(seen.records, s.sum.records);
			assert_int_equal(seen.bytes, s.sum.bytes);
			assert_int_equal(seen.raw_bytes, s.sum.raw_bytes);
			assert_string_equal(seen.sha256, s.sum.sha256);
			assert_string_equal(seen.raw_sha256, s.sum.raw_sha256);
			assert_true(s.sum.has_time && s.sum.min_us < s.sum.max_us);
		}
		segment_release(&s);
		codec_set_release(&set);
		buf_release(&lines);
		buf_release(&back);
	}
}

/* A leftover: the lines that were synced, but not the one that had not ended. */
static void a_torn_line_is_left_out(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct err err = ERR_INIT;
		struct codec_set set;
		struct segment s;
		struct segment_sum seen;
		int fd;
		struct buf back = BUF_INIT;
		bool is_whole;

		unlink(path);
		assert_int_equal(codec_set_init(&set, kinds[k], 0, &err), 0);
		segment_init(&s, &set, NULL);
		assert_int_equal(segment_begin(&s, path, &err), 0);
		assert_int_equal(segment_add(&s, "{\"a\":1}\n{\"a\":2}\n{\"a\":3", 22, 3, &err), 0);
		assert_int_equal(segment_sync(&s, &err), 0);
		segment_abandon(&s);
		assert_int_equal(segment_read(kinds[k], path, &seen, &is_whole, collect, &back, &err), 0);
		assert_false(is_whole);
		assert_int_equal(seen.records, 2);
		assert_true(slice_eq(buf_slice(&back), SLICE_LIT("{\"a\":1}\n{\"a\":2}\n")));
		/* The object is used again. */
		unlink(path);
		assert_int_equal(segment_begin(&s, path, &err), 0);
		assert_int_equal(segment_add(&s, "x\n", 2, 1, &err), 0);
		assert_int_equal(segment_end(&s, &fd, &err), 0);
		assert_int_equal(close(fd), 0);
		buf_reset(&back);
		assert_int_equal(segment_read(kinds[k], path, &seen, &is_whole, collect, &back, &err), 0);
		assert_true(is_whole);
		assert_true(slice_eq(buf_slice(&back), SLICE_LIT("x\n")));
		segment_release(&s);
		codec_set_release(&set);
		buf_release(&back);
	}
}

static void an_existing_file_is_not_touched(void **state)
{
	struct err err = ERR_INIT;
	struct codec_set set;
	struct segment s;

	(void)state;
	assert_int_equal(codec_set_init(&set, CODEC_NONE, 0, &err), 0);
	segment_init(&s, &set, NULL);
	assert_int_equal(segment_begin(&s, path, &err), -1);
	assert_non_null(strstr(err.msg, "File exists"));
	segment_release(&s);
	codec_set_release(&set);
}

/* ---- lanes ---- */

enum { N_SEGMENTS = 5, N_RUNS = 400 };

/* Runs of lengths on both sides of all that matters: the buffer of a segment, a block of zstd, a whole lane. */
static void add_runs(struct segment *list, size_t n, const struct buf *text)
{
	static const size_t lens[] = {7, 16384, 900, 131072, 16385, 60, 40000, 16384, 100, 2500000};
	struct err err = ERR_INIT;

	for (size_t i = 0; i < N_RUNS; i++) {
		size_t len = lens[i * i % 10] + (i % 3 ? 0 : i % 7);

		len = i % 37 ? len % 200000 : len;
		assert_int_equal(segment_add(&list[i * 7 % n], text->p + i, len, 1, &err), 0);
		if (i % 101 == 100)
			assert_int_equal(segment_sync(&list[i % n], &err), 0);
	}
}

static void run_lanes(enum codec_kind kind, unsigned n_lanes, const struct buf *text, struct segment_sum *sums)
{
	struct err err = ERR_INIT;
	struct segment_lanes *lanes = segment_lanes_open(n_lanes);
	struct segment list[N_SEGMENTS];
	char name[N_SEGMENTS][64];
	struct codec_set set;
	int fd;

	assert_int_equal(codec_set_init(&set, kind, 0, &err), 0);
	for (size_t i = 0; i < N_SEGMENTS; i++) {
		segment_init(&list[i], &set, lanes);
		snprintf(name[i], sizeof name[i], "%s-%zu", path, i);
		assert_int_equal(segment_begin(&list[i], name[i], &err), 0);
	}
	/* The end comes right behind a whole block of zstd. */
	assert_int_equal(segment_add(&list[N_SEGMENTS - 2], text->p, 131072 + 5000, 1, &err), 0);
	assert_int_equal(segment_add(&list[N_SEGMENTS - 1], text->p, 2000000, 1, &err), 0);
	add_runs(list, N_SEGMENTS - 2, text);
	for (size_t i = 0; i < N_SEGMENTS; i++) {
		if (i < N_SEGMENTS - 1) {
			assert_int_equal(segment_end(&list[i], &fd, &err), 0);
			assert_int_equal(close(fd), 0);
			sums[i] = list[i].sum;
		}
		segment_release(&list[i]);
		assert_int_equal(unlink(name[i]), 0);
	}
	segment_lanes_close(lanes);
	codec_set_release(&set);
}

static void lanes_change_no_byte(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	for (uint32_t x = 1; text.len < 3000000; x = x * 1664525 + 1013904223)
		buf_addf(&text, "{\"v\":%u,\"deviceId\":\"veh-%u\"}\n", x >> 20, x >> 28);
	for (size_t k = 0; k < 3; k++) {
		struct segment_sum want[N_SEGMENTS], got[N_SEGMENTS];

		run_lanes(kinds[k], 0, &text, want);
		for (unsigned n = 1; n <= 4; n += 3) {
			run_lanes(kinds[k], n, &text, got);
			for (size_t i = 0; i < N_SEGMENTS - 1; i++) {
				assert_int_equal(got[i].bytes, want[i].bytes);
				assert_string_equal(got[i].sha256, want[i].sha256);
				assert_string_equal(got[i].raw_sha256, want[i].raw_sha256);
			}
		}
	}
	buf_release(&text);
}

/* A disk that is full: told by a later call, at the latest by the end; the other segment of the lane goes on. */
static void what_fails_in_a_lane_is_told(void **state)
{
	struct err err = ERR_INIT;
	struct segment_lanes *lanes = segment_lanes_open(1);
	struct rlimit old, small = {1 << 20, RLIM_INFINITY};
	struct segment bad, good;
	struct codec_set set;
	char other[64], *lines = calloc(1, 200000);
	int fd, n = 0, got = 0;

	(void)state;
	unlink(path);
	memset(lines, '\n', 200000);
	snprintf(other, sizeof other, "%s-other", path);
	assert_int_equal(codec_set_init(&set, CODEC_NONE, 0, &err), 0);
	segment_init(&bad, &set, lanes);
	segment_init(&good, &set, lanes);
	assert_int_equal(segment_begin(&bad, path, &err), 0);
	assert_int_equal(segment_begin(&good, other, &err), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (; got == 0 && n < 100; n++)
		got = segment_add(&bad, lines, 200000, 1, &err);
	assert_int_equal(got, -1);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.msg, "File too large"));
	assert_int_not_equal(n, 100);
	err_reset(&err);
	assert_int_equal(segment_flush(&bad, &err), -1);
	segment_abandon(&bad);
	err_reset(&err);
	assert_int_equal(segment_add(&good, lines, 200000, 1, &err), 0);
	assert_int_equal(segment_end(&good, &fd, &err), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	/* The object that failed is used again. */
	unlink(path);
	assert_int_equal(segment_begin(&bad, path, &err), 0);
	assert_int_equal(segment_add(&bad, lines, 200000, 1, &err), 0);
	assert_int_equal(segment_end(&bad, &fd, &err), 0);
	assert_int_equal(close(fd), 0);
	segment_release(&bad);
	segment_release(&good);
	segment_lanes_close(lanes);
	codec_set_release(&set);
	unlink(other);
	free(lines);
}

static int make_path(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return close(fd);
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_is_read),
		cmocka_unit_test(a_torn_line_is_left_out),
		cmocka_unit_test(an_existing_file_is_not_touched),
		cmocka_unit_test(lanes_change_no_byte),
		cmocka_unit_test(what_fails_in_a_lane_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("segment", tests, make_path, remove_path);
}
