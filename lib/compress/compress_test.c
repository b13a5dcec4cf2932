#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf/buf.h"
#include "compress/compress.h"

/* The commands that other people decode and encode with. */
static const struct {
	enum compress_kind kind;
	const char *encode, *decode;
} commands[] = {
	{COMPRESS_GZ, "gzip -c", "gzip -dc"},
	{COMPRESS_ZST, "zstd -q -c", "zstd -q -dc"},
	{COMPRESS_XZ, "xz -c", "xz -dc"},
	{COMPRESS_LZ4, "lz4 -q -c", "lz4 -q -dc"},
	{COMPRESS_BZ2, "bzip2 -c", "bzip2 -dc"},
};
enum { N_KINDS = sizeof commands / sizeof *commands };

static struct buf sample(size_t lines)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < lines; i++)
		buf_addf(&b, "{\"line\":%zu,\"value\":%zu,\"name\":\"vehicle %zu\"}\n", i, i * 2654435761 % 1000003,
			i % 97);
	return b;
}

static char path[64];

static struct buf run(const char *command, struct slice input)
{
	struct buf out = BUF_INIT, line = BUF_INIT;
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "/tmp/tlm-compress-test-%d", (int)getpid());
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(input.p, 1, input.len, f), input.len);
	fclose(f);
	buf_addf(&line, "%s < %s", command, path);
	f = popen(buf_cstr(&line), "r");
	assert_non_null(f);
	while ((n = fread(buf_reserve(&out, 65536), 1, 65536, f)) > 0)
		out.len += n;
	assert_int_equal(pclose(f), 0);
	unlink(path);
	buf_release(&line);
	return out;
}

/* Stored bytes that are fed piece by piece; every other call has none when is_slow. */
struct feeder {
	struct slice all;
	size_t piece, at, waits;
	bool is_slow, has_waited;
};

static ssize_t feed(void *ctx, const char **p, struct err *err)
{
	struct feeder *f = ctx;
	size_t n = f->all.len - f->at < f->piece ? f->all.len - f->at : f->piece;

	(void)err;
	if (f->is_slow && !f->has_waited) {
		f->has_waited = true;
		return COMPRESS_WAIT;
	}
	f->has_waited = false;
	*p = f->all.p + f->at;
	f->at += n;
	return (ssize_t)n;
}

static struct buf decode(enum compress_kind kind, struct feeder *f, size_t out_bytes, struct err *err)
{
	struct decoder *d = decoder_open(kind, feed, f);
	struct buf out = BUF_INIT;
	ssize_t n;

	while ((n = decoder_read(d, buf_reserve(&out, out_bytes), out_bytes, err)) != 0) {
		if (n == COMPRESS_WAIT) {
			f->waits++;
			continue;
		}
		if (n < 0)
			break;
		out.len += (size_t)n;
	}
	decoder_close(d);
	return out;
}

static void what_the_commands_wrote_is_read(void **state)
{
	struct buf plain = sample(20000);
	static const size_t pieces[] = {1 << 20, 4099, 7};

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		struct buf stored = run(commands[i].encode, buf_slice(&plain));
		enum compress_kind kind;

		assert_int_equal(compress_detect(stored.p, stored.len, &kind), 1);
		assert_int_equal(kind, commands[i].kind);
		for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
			struct feeder f = {buf_slice(&stored), pieces[k], 0, 0, k == 1, false};
			struct err err = ERR_INIT;
			struct buf out = decode(kind, &f, k == 2 ? 1000 : 1 << 18, &err);

			assert_int_equal(err.code, ERR_NONE);
			assert_true(slice_eq(buf_slice(&out), buf_slice(&plain)));
			assert_true(k != 1 || f.waits > 0);
			buf_release(&out);
		}
		buf_release(&stored);
	}
	buf_release(&plain);
}

static void members_follow_one_another(void **state)
{
	struct buf plain = sample(3000);

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		struct buf stored = run(commands[i].encode, buf_slice(&plain));
		struct buf empty = run(commands[i].encode, SLICE_LIT(""));
		struct buf all = BUF_INIT;
		struct feeder f = {.piece = 1000};
		struct err err = ERR_INIT;
		struct buf out;

		buf_add_slice(&all, buf_slice(&stored));
		buf_add_slice(&all, buf_slice(&empty));
		buf_add_slice(&all, buf_slice(&stored));
		f.all = buf_slice(&all);
		out = decode(commands[i].kind, &f, 1 << 18, &err);
		assert_int_equal(err.code, ERR_NONE);
		assert_int_equal(out.len, 2 * plain.len);
		assert_memory_equal(out.p, plain.p, plain.len);
		assert_memory_equal(out.p + plain.len, plain.p, plain.len);
		buf_release(&out);
		f = (struct feeder){buf_slice(&empty), 1000, 0, 0, false, false};
		out = decode(commands[i].kind, &f, 1 << 18, &err);
		assert_int_equal(err.code, ERR_NONE);
		assert_int_equal(out.len, 0);
		buf_release(&out);
		/* zeros that fill the last block of a tape are no data, anything else is */
		all.len = 0;
		buf_add_slice(&all, buf_slice(&stored));
		buf_add(&all, (char[512]){0}, 512);
		f = (struct feeder){buf_slice(&all), 1000, 0, 0, false, false};
		out = decode(commands[i].kind, &f, 1 << 18, &err);
		assert_int_equal(err.code, ERR_NONE);
		assert_int_equal(out.len, plain.len);
		buf_release(&out);
		memcpy(all.p + stored.len, "something else, longer than a header of any kind", 48);
		f = (struct feeder){buf_slice(&all), 1000, 0, 0, false, false};
		out = decode(commands[i].kind, &f, 1 << 18, &err);
		assert_non_null(strstr(err.msg, "there is something else behind the last member"));
		assert_int_equal(out.len, plain.len);
		buf_release(&out);
		buf_release(&all);
		buf_release(&empty);
		buf_release(&stored);
	}
	buf_release(&plain);
}

/* What is given before a fault is a prefix of the truth; how much of it may be lost depends on the kind. */
static void faults_are_told_after_what_came_before(void **state)
{
	struct buf plain = sample(60000);
	static const size_t lost_most[] = {
		[COMPRESS_GZ] = 100, [COMPRESS_ZST] = 128 << 10, [COMPRESS_LZ4] = 4 << 20, [COMPRESS_BZ2] = 900 << 10};

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		struct buf stored = run(commands[i].encode, buf_slice(&plain));
		enum compress_kind kind = commands[i].kind;

		for (int is_corrupt = 0; is_corrupt < 2; is_corrupt++) {
			struct feeder f = {buf_slice(&stored), 50000, 0, 0, false, false};
			struct err err = ERR_INIT;
			char expected[64];
			struct buf out;

			if (is_corrupt)
				memset(stored.p + stored.len / 2, 0xa5, 40);
			else
				f.all.len = stored.len / 2;
			out = decode(kind, &f, 1 << 18, &err);
			snprintf(expected, sizeof expected, "broken %s data: ", compress_name(kind));
			assert_int_equal(err.code, ERR_IO);
			assert_memory_equal(err.msg, expected, strlen(expected));
			/* a checksum stands behind what it covers: changed bytes may be given before they are found out
			 */
			if (!is_corrupt) {
				assert_true(out.len < plain.len);
				assert_memory_equal(out.p, plain.p, out.len);
			}
			if (lost_most[kind])
				assert_true(out.len + lost_most[kind] > plain.len * 2 / 5);
			buf_release(&out);
		}
		buf_release(&stored);
	}
	buf_release(&plain);
}

static int drain(void *ctx, const char *p, size_t len, struct err *err)
{
	(void)err;
	buf_add(ctx, p, len);
	return 0;
}

static void the_commands_read_what_is_written(void **state)
{
	struct buf plain = sample(20000);

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		for (size_t piece = 0; piece <= plain.len; piece = piece ? piece * 37 : 5003) {
			struct buf stored = BUF_INIT, out;
			struct err err = ERR_INIT;
			struct encoder *e = encoder_open(commands[i].kind, 0, drain, &stored);
			size_t len = piece ? plain.len : 0;

			for (size_t at = 0; at < len; at += piece) {
				size_t n = len - at < piece ? len - at : piece;

				assert_int_equal(encoder_write(e, plain.p + at, n, &err), 0);
			}
			assert_int_equal(encoder_finish(e, &err), 0);
			encoder_close(e);
			assert_true(stored.len > 0);
			out = run(commands[i].decode, buf_slice(&stored));
			assert_true(slice_eq(buf_slice(&out), (struct slice){plain.p, len}));
			buf_release(&out);
			buf_release(&stored);
		}
	}
	buf_release(&plain);
}

static void a_flush_lets_a_live_reader_see_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		struct buf stored = BUF_INIT;
		struct err err = ERR_INIT;
		struct encoder *e = encoder_open(commands[i].kind, 0, drain, &stored);
		size_t before;

		for (int round = 0; round < 3; round++) {
			struct feeder f = {.piece = 1 << 20, .is_slow = false};
			struct decoder *d;
			char out[64];
			size_t got = 0;

			assert_int_equal(encoder_write(e, "one line\n", 9, &err), 0);
			assert_int_equal(encoder_flush(e, &err), 0);
			before = stored.len;
			assert_int_equal(encoder_flush(e, &err), 0);
			assert_int_equal(stored.len, before);
			f.all = buf_slice(&stored);
			d = decoder_open(commands[i].kind, feed, &f);
			while (got < (size_t)(round + 1) * 9) {
				ssize_t n = decoder_read(d, out, sizeof out, &err);

				assert_true(n > 0);
				got += (size_t)n;
			}
			assert_int_equal(got, (round + 1) * 9);
			decoder_close(d);
		}
		assert_int_equal(encoder_finish(e, &err), 0);
		encoder_close(e);
		buf_release(&stored);
	}
}

static void kinds_are_detected_by_prefix(void **state)
{
	enum compress_kind kind;

	(void)state;
	assert_int_equal(compress_detect("", 0, &kind), 0);
	assert_int_equal(compress_detect("{", 1, &kind), 1);
	assert_int_equal(kind, COMPRESS_NONE);
	assert_int_equal(compress_detect("\x1f", 1, &kind), 0);
	assert_int_equal(compress_detect("BZh9", 4, &kind), 0);
	assert_int_equal(compress_detect("BZhello", 7, &kind), 1);
	assert_int_equal(kind, COMPRESS_NONE);
	assert_int_equal(compress_detect("\x55\x2a\x4d\x18", 4, &kind), 1);
	assert_int_equal(kind, COMPRESS_ZST);
	assert_int_equal(compress_by_suffix("a.ndjson.zst"), COMPRESS_ZST);
	assert_int_equal(compress_by_suffix(".gz"), COMPRESS_NONE);
	assert_int_equal(compress_by_suffix("x.bz2"), COMPRESS_BZ2);
	assert_int_equal(compress_by_suffix("x.ndjson"), COMPRESS_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_detected_by_prefix),
		cmocka_unit_test(what_the_commands_wrote_is_read),
		cmocka_unit_test(members_follow_one_another),
		cmocka_unit_test(faults_are_told_after_what_came_before),
		cmocka_unit_test(the_commands_read_what_is_written),
		cmocka_unit_test(a_flush_lets_a_live_reader_see_all),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("compress", tests, NULL, NULL);
}
