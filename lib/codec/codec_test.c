#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf/buf.h"
#include "codec/codec.h"

static int keep(void *ctx, const void *p, size_t len, struct err *err)
{
	(void)err;
	buf_add(ctx, p, len);
	return 0;
}

/* Lines that pack a little. */
static void make_lines(struct buf *out, size_t n)
{
	uint32_t chance = 7;

	for (size_t i = 0; i < n; i++) {
		chance = chance * 1664525 + 1013904223;
		buf_addf(out, "{\"n\":%zu,\"v\":%u}\n", i, chance >> 12);
	}
}

/* Stored bytes into a file, read back. */
static bool read_back(enum codec_kind kind, struct slice stored, struct buf *raw)
{
	char name[] = "/tmp/codec-test-XXXXXX";
	int fd = mkstemp(name);
	struct err err = ERR_INIT;
	bool is_whole = false;

	assert_true(fd >= 0);
	unlink(name);
	if (stored.len)
		assert_int_equal(write(fd, stored.p, stored.len), (ssize_t)stored.len);
	lseek(fd, 0, SEEK_SET);
	buf_reset(raw);
	assert_int_equal(codec_read_back(kind, fd, name, keep, NULL, raw, &is_whole, &err), 0);
	close(fd);
	return is_whole;
}

static const enum codec_kind kinds[] = {CODEC_ZST, CODEC_GZ, CODEC_NONE};

/* Twice with one codec: nothing of the first object may be in the second. */
static void objects_come_back(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct err err = ERR_INIT;
		struct codec_set set;
		struct codec *c;
		struct buf lines = BUF_INIT, raw = BUF_INIT;

		make_lines(&lines, 20000);
		assert_int_equal(codec_set_init(&set, kinds[k], 0, &err), 0);
		c = codec_open(&set);
		for (int turn = 0; turn < 2; turn++) {
			struct buf stored = BUF_INIT;
			size_t at = 0, step = 1;

			for (; at + step < lines.len; at += step, step = step * 3 % 50021)
				assert_int_equal(c->ops->put(c, lines.p + at, step, CODEC_ADD, keep, &stored, &err), 0);
			assert_int_equal(
				c->ops->put(c, lines.p + at, lines.len - at, CODEC_FINISH, keep, &stored, &err), 0);
			assert_true(read_back(kinds[k], buf_slice(&stored), &raw));
			assert_true(slice_eq(buf_slice(&raw), buf_slice(&lines)));
			if (kinds[k] != CODEC_NONE)
				assert_true(stored.len < lines.len / 2);
			buf_release(&stored);
		}
		codec_close(c);
		codec_set_release(&set);
		buf_release(&lines);
		buf_release(&raw);
	}
}

/* Cut at any byte: what was flushed before it comes back, and no byte that was never there. */
static void leftovers_give_what_was_flushed(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct err err = ERR_INIT;
		struct codec_set set;
		struct codec *c;
		struct buf lines = BUF_INIT, raw = BUF_INIT, stored = BUF_INIT;
		size_t flushed, flushed_raw;

		make_lines(&lines, 60);
		assert_int_equal(codec_set_init(&set, kinds[k], 0, &err), 0);
		c = codec_open(&set);
		flushed_raw = lines.len / 2;
		assert_int_equal(c->ops->put(c, lines.p, flushed_raw, CODEC_FLUSH, keep, &stored, &err), 0);
		flushed = stored.len;
		assert_int_equal(c->ops->put(c, lines.p + flushed_raw, lines.len - flushed_raw, CODEC_FINISH, keep,
					 &stored, &err),
			0);
		for (size_t cut = 0; cut <= stored.len; cut++) {
			bool is_whole = read_back(kinds[k], (struct slice){stored.p, cut}, &raw);

			assert_true(raw.len <= lines.len && memcmp(raw.p ? raw.p : "", lines.p, raw.len) == 0);
			if (cut >= flushed)
				assert_true(raw.len >= flushed_raw);
			if (kinds[k] != CODEC_NONE && cut)
				assert_int_equal(is_whole, cut == stored.len);
		}
		codec_close(c);
		codec_set_release(&set);
		buf_release(&lines);
		buf_release(&raw);
		buf_release(&stored);
	}
}

static void a_reset_forgets(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct err err = ERR_INIT;
		struct codec_set set;
		struct codec *c;
		struct buf stored = BUF_INIT, raw = BUF_INIT;

		assert_int_equal(codec_set_init(&set, kinds[k], kinds[k] == CODEC_NONE ? 0 : 1, &err), 0);
		c = codec_open(&set);
		assert_int_equal(c->ops->put(c, "old\n", 4, CODEC_FLUSH, keep, &stored, &err), 0);
		codec_reset(c);
		buf_reset(&stored);
		assert_int_equal(c->ops->put(c, "new\n", 4, CODEC_FINISH, keep, &stored, &err), 0);
		assert_true(read_back(kinds[k], buf_slice(&stored), &raw));
		assert_true(slice_eq(buf_slice(&raw), SLICE_LIT("new\n")));
		codec_close(c);
		codec_set_release(&set);
		buf_release(&stored);
		buf_release(&raw);
	}
}

static void many_codecs_stay_small(void **state)
{
	struct err err = ERR_INIT;
	struct codec_set set;
	struct codec *list[200];

	(void)state;
	assert_int_equal(codec_set_init(&set, CODEC_ZST, 0, &err), 0);
	for (size_t i = 0; i < 200; i++)
		list[i] = codec_open(&set);
	assert_true(set.full_bytes >= CODEC_FULL_BYTES);
	assert_true(set.full_bytes < CODEC_FULL_BYTES + (3 << 20));
	for (size_t i = 0; i < 200; i++)
		codec_close(list[i]);
	codec_set_release(&set);
}

static void names_and_levels(void **state)
{
	enum codec_kind kind;
	struct codec_set set;

	(void)state;
	assert_true(codec_kind_of("a-000001.ndjson.gz", &kind));
	assert_int_equal(kind, CODEC_GZ);
	assert_true(codec_kind_of("a.ndjson", &kind));
	assert_int_equal(kind, CODEC_NONE);
	assert_false(codec_kind_of("a.parquet", &kind));
	assert_false(codec_kind_of(".ndjson.zst", &kind));
	for (size_t k = 0; k < 3; k++) {
		struct err err = ERR_INIT;

		assert_int_equal(codec_set_init(&set, kinds[k], 20, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_come_back),
		cmocka_unit_test(leftovers_give_what_was_flushed),
		cmocka_unit_test(a_reset_forgets),
		cmocka_unit_test(many_codecs_stay_small),
		cmocka_unit_test(names_and_levels),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
