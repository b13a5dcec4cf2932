#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
		segment_init(&s, &set);
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
		segment_init(&s, &set);
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
	segment_init(&s, &set);
	assert_int_equal(segment_begin(&s, path, &err), -1);
	assert_non_null(strstr(err.msg, "File exists"));
	segment_release(&s);
	codec_set_release(&set);
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
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("segment", tests, make_path, remove_path);
}
