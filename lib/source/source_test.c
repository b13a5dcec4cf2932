#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "buf/buf.h"
#include "json/json.h"
#include "source/lines.h"
#include "source/source.h"
#include "stop/stop.h"

/* All that a source gave, as text: "NAME:FIRST_LINE|BYTES" pieces are checked on the way, so that one buffer is enough.
 */
struct got {
	struct buf lines;  /* "LINE:TEXT\n" of every line, "LINE:too long N HEAD\n" */
	struct buf errors; /* messages, one a line */
	unsigned ends, waits;
};

static void release(struct got *g)
{
	buf_release(&g->lines);
	buf_release(&g->errors);
}

static void add_lines(struct got *g, const struct batch *b)
{
	uint64_t line = b->first_line;

	assert_int_equal(b->p[b->len - 1], '\n');
	for (const char *p = b->p; p < b->p + b->len; line++) {
		const char *end = memchr(p, '\n', (size_t)(b->p + b->len - p));

		buf_addf(&g->lines, "%llu:", (unsigned long long)line);
		buf_add(&g->lines, p, (size_t)(end + 1 - p));
		p = end + 1;
	}
	/* what stands behind a batch may be read */
	for (int i = 0; i < JSON_PAD_BYTES; i++)
		(void)*(const volatile char *)(b->p + b->len + i);
}

/* Calls next() until it says end or wait. */
static enum source_result drain(struct source *s, struct batch *b, struct got *g)
{
	struct err err = ERR_INIT;
	char text[512];
	enum source_result result;

	while ((result = source_next(s, b, &err)) != SOURCE_END && result != SOURCE_WAIT) {
		if (result == SOURCE_ERROR) {
			err_format(&err, text, sizeof text);
			buf_addf(&g->errors, "%s\n", text);
			assert_int_equal(err.code, ERR_IO);
			err_reset(&err);
		} else if (b->kind == BATCH_LINES) {
			add_lines(g, b);
		} else if (b->kind == BATCH_TOO_LONG) {
			buf_addf(&g->lines, "%llu:too long %llu %.*s\n", (unsigned long long)b->first_line,
				(unsigned long long)b->long_bytes, (int)b->len, b->p);
		} else {
			g->ends++;
		}
	}
	return result;
}

/* What shall come out, made line by line. */
static void expect(struct buf *out, const struct buf *in, size_t max)
{
	uint64_t line = 1;

	for (size_t at = 0; at < in->len; line++) {
		const char *p = in->p + at;
		const char *end = memchr(p, '\n', in->len - at);
		size_t len = end ? (size_t)(end - p) : in->len - at;

		if (len > max)
			buf_addf(out, "%llu:too long %zu %.*s\n", (unsigned long long)line, len,
				len > 256 ? 256 : (int)len, p);
		else
			buf_addf(out, "%llu:%.*s\n", (unsigned long long)line, (int)len, p);
		at += len + 1;
	}
}

static char folder[] = "/tmp/tlm-source-test-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(path, sizeof path, "%s/input", mkdtemp(folder));
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void store(const void *p, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static struct got read_stored(size_t max)
{
	const char *names[] = {path};
	struct source *s = source_files(names, 1, max);
	struct got g = {BUF_INIT, BUF_INIT, 0, 0};
	struct batch b;

	batch_init(&b);
	assert_int_equal(drain(s, &b, &g), SOURCE_END);
	assert_int_equal(drain(s, &b, &g), SOURCE_END);
	batch_release(&b);
	source_close(s);
	return g;
}

static unsigned long long seed;

static size_t random_below(size_t n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (size_t)(seed >> 33) % n;
}

/* Lines of lengths around the limit, some empty, the last one perhaps open. */
static struct buf random_input(size_t max, size_t lines)
{
	struct buf in = BUF_INIT;

	for (size_t i = 0; i < lines; i++) {
		size_t kind = random_below(8);
		size_t len = kind == 0   ? 0
			     : kind == 1 ? max + random_below(3) - 1
			     : kind == 2 ? random_below(3 * max)
					 : random_below(max + 1);

		for (size_t k = 0; k < len; k++)
			buf_add_char(&in, (char)('a' + (k + i) % 26));
		buf_add_char(&in, '\n');
	}
	if (random_below(2) && in.len)
		in.len--;
	return in;
}

static void files_are_cut_into_lines(void **state)
{
	static const size_t limits[] = {1, 10, 200, 5000, 300000, 1 << 20};

	(void)state;
	for (seed = 1; seed < 60; seed++) {
		unsigned long long first = seed;
		size_t max = limits[seed % (sizeof limits / sizeof *limits)];
		struct buf in = random_input(max, max > 5000 ? 12 : 3000);
		struct buf expected = BUF_INIT;
		struct got g;

		expect(&expected, &in, max);
		store(in.p, in.len);
		g = read_stored(max);
		assert_int_equal(g.ends, 1);
		assert_int_equal(g.errors.len, 0);
		assert_true(slice_eq(buf_slice(&g.lines), buf_slice(&expected)));
		release(&g);
		buf_release(&expected);
		buf_release(&in);
		seed = first;
	}
}

/* Stdin becomes the read end of a pipe; returns the write end. */
static int pipe_to_stdin(int *saved)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	*saved = dup(STDIN_FILENO);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	return ends[1];
}

static void restore_stdin(int saved)
{
	dup2(saved, STDIN_FILENO);
	close(saved);
}

static void pipes_give_what_is_there(void **state)
{
	static const char *const names[] = {"-"};

	(void)state;
	for (seed = 1; seed < 40; seed++) {
		unsigned long long first = seed;
		size_t max = seed % 2 ? 50 : 20000;
		struct buf in = random_input(max, max > 50 ? 20 : 400);
		struct buf expected = BUF_INIT;
		struct got g = {BUF_INIT, BUF_INIT, 0, 0};
		struct source *s;
		struct batch b;
		int saved, fd = pipe_to_stdin(&saved);

		s = source_files(names, 1, max);
		batch_init(&b);
		for (size_t at = 0; at < in.len;) {
			size_t n = 1 + random_below(seed % 3 ? 3000 : 7);

			n = n > in.len - at ? in.len - at : n;
			assert_int_equal(write(fd, in.p + at, n), n);
			at += n;
			assert_int_equal(drain(s, &b, &g), SOURCE_WAIT);
			/* every whole line that was written is through */
			if (in.p[at - 1] == '\n') {
				struct buf whole = {in.p, at, at};

				buf_reset(&expected);
				expect(&expected, &whole, max);
				assert_true(slice_eq(buf_slice(&g.lines), buf_slice(&expected)));
			}
		}
		close(fd);
		assert_int_equal(drain(s, &b, &g), SOURCE_END);
		buf_reset(&expected);
		expect(&expected, &in, max);
		assert_true(slice_eq(buf_slice(&g.lines), buf_slice(&expected)));
		restore_stdin(saved);
		source_close(s);
		batch_release(&b);
		release(&g);
		buf_release(&expected);
		buf_release(&in);
		seed = first;
	}
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void wait_ends_by_bytes_or_by_time(void **state)
{
	static const char *const names[] = {"-"};
	struct source *s = source_files(names, 1, 100);
	struct got g = {BUF_INIT, BUF_INIT, 0, 0};
	struct batch b;
	int saved, fd = pipe_to_stdin(&saved);
	int64_t start_us = now_us();

	(void)state;
	batch_init(&b);
	assert_int_equal(drain(s, &b, &g), SOURCE_WAIT);
	s->ops->wait(s, start_us + 20000);
	assert_true(now_us() - start_us >= 20000);
	assert_int_equal(write(fd, "x\n", 2), 2);
	s->ops->wait(s, -1);
	assert_int_equal(drain(s, &b, &g), SOURCE_WAIT);
	assert_string_equal(buf_cstr(&g.lines), "1:x\n");
	close(fd);
	s->ops->wait(s, -1);
	assert_int_equal(drain(s, &b, &g), SOURCE_END);
	restore_stdin(saved);
	source_close(s);
	batch_release(&b);
	release(&g);
}

static void a_fifo_waits_for_its_writer(void **state)
{
	char fifo[80];
	const char *names[] = {fifo};
	struct got g = {BUF_INIT, BUF_INIT, 0, 0};
	struct source *s;
	struct batch b;
	int fd;

	(void)state;
	snprintf(fifo, sizeof fifo, "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	s = source_files(names, 1, 100);
	batch_init(&b);
	assert_int_equal(drain(s, &b, &g), SOURCE_WAIT);
	fd = open(fifo, O_WRONLY);
	assert_int_equal(drain(s, &b, &g), SOURCE_WAIT);
	assert_int_equal(write(fd, "x\ny", 3), 3);
	assert_int_equal(drain(s, &b, &g), SOURCE_WAIT);
	assert_string_equal(buf_cstr(&g.lines), "1:x\n");
	close(fd);
	assert_int_equal(drain(s, &b, &g), SOURCE_END);
	assert_string_equal(buf_cstr(&g.lines), "1:x\n2:y\n");
	source_close(s);
	batch_release(&b);
	release(&g);
	unlink(fifo);
}

static void a_bom_is_cut_and_utf16_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *lines;
		const char *error;
	} cases[] = {
		{"\xef\xbb\xbf{}\n{}", 8, "1:{}\n2:{}\n", ""},
		{"\xef\xbb\xbf", 3, "", ""},
		{"\xef\xbb", 2, "1:\xef\xbb\n", ""},
		{"\n\xef\xbb\xbf\n", 5, "1:\n2:\xef\xbb\xbf\n", ""},
		{"\xef\xbb\xbf"
		 "12345678901\n1\n",
			17, "1:too long 11 12345678901\n2:1\n", ""},
		{"\xef\xbb\xbf"
		 "1234567890",
			13, "1:1234567890\n", ""},
		{"\xff\xfe{\0}\0\n\0", 8, "", ": is UTF-16, convert it first\n"},
		{"\xfe\xff\0{\0}", 6, "", ": is UTF-16, convert it first\n"},
		{"a\r\nb\r\n", 6, "1:a\r\n2:b\r\n", ""},
		{"a\0b\n", 4, NULL, ""},
		{"", 0, "", ""},
		{"\n", 1, "1:\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct got g;

		store(cases[i].bytes, cases[i].len);
		g = read_stored(10);
		assert_int_equal(g.ends, 1);
		if (cases[i].lines)
			assert_string_equal(buf_cstr(&g.lines), cases[i].lines);
		else
			assert_memory_equal(g.lines.p, "1:a\0b\n", 6);
		buf_cstr(&g.errors);
		assert_string_equal(cases[i].error[0] ? g.errors.p + strlen(path) : g.errors.p, cases[i].error);
		release(&g);
	}
}

static void failed_inputs_are_named_and_passed(void **state)
{
	const char *names[] = {"/nowhere/at/all", path, folder, path};
	struct source *s;
	struct got g = {BUF_INIT, BUF_INIT, 0, 0};
	char expected[256];
	struct batch b;

	(void)state;
	store("one\n", 4);
	s = source_files(names, 4, 100);
	batch_init(&b);
	assert_int_equal(drain(s, &b, &g), SOURCE_END);
	assert_string_equal(buf_cstr(&g.lines), "1:one\n1:one\n");
	snprintf(expected, sizeof expected,
		"/nowhere/at/all: cannot open: No such file or directory\n%s: is a directory\n", folder);
	assert_string_equal(buf_cstr(&g.errors), expected);
	assert_int_equal(g.ends, 4);
	assert_int_equal(s->ops->inputs(s), 4);
	source_close(s);
	batch_release(&b);
	release(&g);
}

/* A file shorter than the magic bytes that it begins with. */
static void what_only_begins_as_a_compressed_file_is_text(void **state)
{
	static const char *const magics[] = {"\x1f\x8b", "\x28\xb5\x2f", "P*M", "\xfd\x37zXZ", "\x04\"M", "BZh91AY&S"};

	(void)state;
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
		for (size_t len = 1; len <= strlen(magics[i]); len++) {
			char want[32];
			struct got g;

			store(magics[i], len);
			g = read_stored(100);
			snprintf(want, sizeof want, "1:%.*s\n", (int)len, magics[i]);
			assert_string_equal(buf_cstr(&g.lines), want);
			assert_int_equal(g.errors.len, 0);
			release(&g);
		}
	}
}

static void compressed_input_is_read_from_file_and_pipe(void **state)
{
	static const char *const commands[] = {"gzip -c", "zstd -q -c", "xz -c", "lz4 -q -c", "bzip2 -c"};

	(void)state;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		char command[256];
		struct got g;

		snprintf(command, sizeof command,
			"(printf '\\357\\273\\277one\\ntwo\\n' | %s; printf 'three' | %s) > %s", commands[i],
			commands[i], path);
		assert_int_equal(system(command), 0);
		g = read_stored(10);
		assert_string_equal(buf_cstr(&g.lines), "1:one\n2:two\n3:three\n");
		assert_int_equal(g.errors.len, 0);
		release(&g);
	}
}

static void a_broken_stream_gives_its_whole_lines(void **state)
{
	char command[256], expected[256];
	struct got g;

	(void)state;
	snprintf(command, sizeof command, "printf 'one\\ntwo\\nthr' | zstd -q -c | head -c -3 > %s", path);
	assert_int_equal(system(command), 0);
	g = read_stored(10);
	assert_string_equal(buf_cstr(&g.lines), "1:one\n2:two\n");
	snprintf(expected, sizeof expected, "%s: broken zstd data: it ends too soon\n", path);
	assert_string_equal(buf_cstr(&g.errors), expected);
	assert_int_equal(g.ends, 1);
	release(&g);
}

/* A live compressed line passes as soon as its writer flushed it. */
static void a_live_compressed_line_passes(void **state)
{
	static const char *const names[] = {"-"};
	struct source *s = source_files(names, 1, 100);
	struct got g = {BUF_INIT, BUF_INIT, 0, 0};
	struct batch b;
	char stored[100];
	FILE *f;
	size_t len;
	int saved, fd;

	(void)state;
	f = popen("printf 'one\\n' | zstd -q -c", "r");
	len = fread(stored, 1, sizeof stored, f);
	assert_int_equal(pclose(f), 0);
	fd = pipe_to_stdin(&saved);
	batch_init(&b);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(write(fd, stored, 2), 2);
		assert_int_equal(drain(s, &b, &g), SOURCE_WAIT);
		assert_int_equal(write(fd, stored + 2, len - 2), len - 2);
		assert_int_equal(drain(s, &b, &g), SOURCE_WAIT);
		assert_int_equal(g.lines.len, 6 * i);
	}
	close(fd);
	assert_int_equal(drain(s, &b, &g), SOURCE_END);
	assert_string_equal(buf_cstr(&g.lines), "1:one\n2:one\n3:one\n");
	restore_stdin(saved);
	source_close(s);
	batch_release(&b);
	release(&g);
}

static void a_long_line_takes_constant_memory(void **state)
{
	const char *names[] = {path};
	struct source *s;
	struct batch b;
	struct err err = ERR_INIT;
	uint64_t read_bytes, total_bytes;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	(void)state;
	/* a file with a hole of 300 MB in its only line */
	assert_int_equal(ftruncate(fd, 300000000), 0);
	assert_int_equal(pwrite(fd, "\nx\n", 3, 300000000), 3);
	close(fd);
	s = source_files(names, 1, 1 << 20);
	batch_init(&b);
	assert_int_equal(source_next(s, &b, &err), SOURCE_BATCH);
	assert_int_equal(b.kind, BATCH_TOO_LONG);
	assert_int_equal(b.long_bytes, 300000000);
	assert_int_equal(b.len, 256);
	assert_int_equal(source_next(s, &b, &err), SOURCE_BATCH);
	assert_int_equal(b.kind, BATCH_LINES);
	assert_int_equal(b.first_line, 2);
	assert_memory_equal(b.p, "x\n", 2);
	assert_true(b.own.cap < 4 << 20);
	s->ops->progress(s, &read_bytes, &total_bytes);
	assert_int_equal(read_bytes, 300000003);
	assert_int_equal(total_bytes, 300000003);
	source_close(s);
	batch_release(&b);
	unlink(path);
}

/* The last test: this process has been told to stop from then on. */
static void a_signal_is_seen_inside_a_long_line(void **state)
{
	const char *names[] = {path};
	struct got g = {BUF_INIT, BUF_INIT, 0, 0};
	struct buf in = BUF_INIT;
	struct source *s;
	struct batch b;

	(void)state;
	memset(buf_reserve(&in, 4 << 20), 'x', 4 << 20);
	store(in.p, 4 << 20);
	stop_install();
	raise(SIGTERM);
	s = source_files(names, 1, 100);
	batch_init(&b);
	assert_int_equal(drain(s, &b, &g), SOURCE_WAIT);
	batch_release(&b);
	source_close(s);
	buf_release(&in);
	release(&g);
}

static void counting_agrees_with_its_twin(void **state)
{
	char text[20000];

	(void)state;
	seed = 5;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = random_below(5) ? 'x' : '\n';
	for (int i = 0; i < 3000; i++) {
		size_t at = random_below(100), len = random_below(i % 2 ? 100 : sizeof text - at);
		uint64_t slow = 0;

		for (size_t k = 0; k < len; k++)
			slow += text[at + k] == '\n';
		assert_int_equal(lines_count(text + at, len), slow);
		assert_int_equal(lines_count_portable(text + at, len), slow);
	}
	memset(text, '\n', sizeof text);
	assert_int_equal(lines_count(text, sizeof text), sizeof text);
	assert_int_equal(lines_count_portable(text, sizeof text), sizeof text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_cut_into_lines),
		cmocka_unit_test(pipes_give_what_is_there),
		cmocka_unit_test(wait_ends_by_bytes_or_by_time),
		cmocka_unit_test(a_fifo_waits_for_its_writer),
		cmocka_unit_test(a_bom_is_cut_and_utf16_refused),
		cmocka_unit_test(failed_inputs_are_named_and_passed),
		cmocka_unit_test(compressed_input_is_read_from_file_and_pipe),
		cmocka_unit_test(what_only_begins_as_a_compressed_file_is_text),
		cmocka_unit_test(a_broken_stream_gives_its_whole_lines),
		cmocka_unit_test(a_live_compressed_line_passes),
		cmocka_unit_test(a_long_line_takes_constant_memory),
		cmocka_unit_test(counting_agrees_with_its_twin),
		cmocka_unit_test(a_signal_is_seen_inside_a_long_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("source", tests, make_folder, remove_folder);
}
