#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf/buf.h"
#include "sink/sink.h"

static char folder[] = "/tmp/tlm-sink-test-XXXXXX";

static int enter_folder(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return chdir("/") || system(command);
}

static struct buf contents(const char *path)
{
	struct buf b = BUF_INIT;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	b.len = fread(buf_reserve(&b, 4 << 20), 1, 4 << 20, f);
	fclose(f);
	return b;
}

static size_t count_beside(void)
{
	glob_t found;
	size_t n = glob("*.tlm-*", 0, NULL, &found) == 0 ? found.gl_pathc : 0;

	globfree(&found);
	return n;
}

static void put(struct sink *k, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(sink_write_bytes(k, slice_str(text), &err), 0);
}

static int finish(struct sink *k, bool is_good)
{
	struct err err = ERR_INIT;
	int rc = k->ops->finish(k, is_good, &err);

	sink_close(k);
	return rc;
}

static void a_file_appears_when_the_run_was_good(void **state)
{
	struct err err = ERR_INIT;
	struct sink *k = sink_file("new", &err);
	struct stat st;
	struct buf b;

	(void)state;
	umask(027);
	assert_non_null(k);
	put(k, "one\n");
	assert_int_equal(k->ops->flush(k, &err), 0);
	assert_int_equal(access("new", F_OK), -1);
	assert_int_equal(count_beside(), 1);
	put(k, "two\n");
	assert_int_equal(finish(k, true), 0);
	assert_int_equal(count_beside(), 0);
	b = contents("new");
	assert_string_equal(buf_cstr(&b), "one\ntwo\n");
	buf_release(&b);
	k = sink_file("newer", &err);
	assert_int_equal(finish(k, true), 0);
	assert_int_equal(stat("newer", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_size, 0);
}

static void an_old_file_stays_when_the_run_was_bad(void **state)
{
	struct err err = ERR_INIT;
	struct sink *k;
	struct stat st;
	struct buf b;

	(void)state;
	assert_int_equal(system("echo old > old; chmod 604 old; ln -s old link"), 0);
	k = sink_file("old", &err);
	put(k, "new\n");
	assert_int_equal(finish(k, false), 0);
	k = sink_file("old", &err);
	put(k, "new\n");
	sink_close(k);
	assert_int_equal(count_beside(), 0);
	b = contents("old");
	assert_string_equal(buf_cstr(&b), "old\n");
	buf_release(&b);
	/* a good one replaces it, keeps its mode, and a link to it */
	k = sink_file("link", &err);
	put(k, "new\n");
	assert_int_equal(finish(k, true), 0);
	b = contents("old");
	assert_string_equal(buf_cstr(&b), "new\n");
	buf_release(&b);
	assert_int_equal(stat("old", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void what_is_no_file_is_written_in_place(void **state)
{
	struct err err = ERR_INIT;
	struct sink *k;
	char text[16] = "";
	int fd;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	fd = open("fifo", O_RDWR);
	k = sink_file("fifo", &err);
	put(k, "one\n");
	assert_int_equal(k->ops->flush(k, &err), 0);
	assert_int_equal(read(fd, text, sizeof text), 4);
	assert_int_equal(finish(k, true), 0);
	close(fd);
	k = sink_file("/dev/null", &err);
	put(k, "one\n");
	assert_int_equal(finish(k, true), 0);
	k = sink_file("/dev/full", &err);
	put(k, "one\n");
	assert_int_equal(k->ops->flush(k, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.msg, "cannot write: No space left on device");
	assert_string_equal(err.input, "/dev/full");
	assert_int_equal(finish(k, false), -1);
}

/* { echo before; tool -o /dev/fd/N; echo after; } >shared keeps all three. */
static void a_named_descriptor_is_shared(void **state)
{
	struct err err = ERR_INIT;
	int fd = open("shared", O_WRONLY | O_CREAT, 0600);
	struct buf text;
	struct sink *k;
	char name[32];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "before\n", 7), 7);
	snprintf(name, sizeof name, "/dev/fd/%d", fd);
	k = sink_file(name, &err);
	assert_non_null(k);
	put(k, "row\n");
	assert_int_equal(finish(k, true), 0);
	assert_int_equal(write(fd, "after\n", 6), 6);
	close(fd);
	text = contents("shared");
	assert_string_equal(buf_cstr(&text), "before\nrow\nafter\n");
	buf_release(&text);
	assert_null(sink_file(name, &err));
	assert_int_equal(err.code, ERR_IO);
}

static void refusals_are_named(void **state)
{
	static const struct {
		const char *name, *message;
	} cases[] = {
		{"/nowhere/x", "/nowhere/x: cannot create: No such file or directory"},
		{"/", "/: is a directory"},
		{"dangling", "dangling: cannot open: No such file or directory"},
	};

	(void)state;
	assert_int_equal(symlink("nowhere/at/all", "dangling"), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = ERR_INIT;
		char text[256];

		assert_null(sink_file(cases[i].name, &err));
		err_format(&err, text, sizeof text);
		assert_string_equal(text, cases[i].message);
		assert_int_equal(err.code, ERR_IO);
	}
}

/* Stdout becomes fd; returns the old one. */
static int replace_stdout(int fd)
{
	int saved;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	return saved;
}

static void restore_stdout(int saved)
{
	dup2(saved, STDOUT_FILENO);
	close(saved);
}

static void small_batches_wait_for_the_flush(void **state)
{
	struct err err = ERR_INIT;
	int ends[2], saved;
	struct sink *k;
	char text[64] = "";

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	saved = replace_stdout(ends[1]);
	k = sink_file("-", &err);
	put(k, "one\n");
	put(k, "two\n");
	assert_int_equal(read(ends[0], text, sizeof text), -1);
	assert_int_equal(k->ops->flush(k, &err), 0);
	assert_int_equal(read(ends[0], text, sizeof text), 8);
	assert_string_equal(text, "one\ntwo\n");
	assert_int_equal(k->ops->bytes_out(k), 8);
	/* what was taken before an error elsewhere still leaves */
	put(k, "six\n");
	assert_int_equal(finish(k, false), 0);
	assert_int_equal(read(ends[0], text, sizeof text), 4);
	restore_stdout(saved);
	close(ends[0]);
}

static void a_reader_that_left_is_a_quiet_end(void **state)
{
	struct err err = ERR_INIT;
	int ends[2], saved;
	struct sink *k;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	saved = replace_stdout(ends[1]);
	k = sink_file("-", &err);
	put(k, "one\n");
	assert_int_equal(k->ops->flush(k, &err), -1);
	restore_stdout(saved);
	assert_int_equal(err.code, ERR_PIPE);
	sink_close(k);
}

/* A writer of a full, non-blocking pipe waits; nothing is lost, nothing comes twice. */
static void a_slow_reader_gets_every_byte(void **state)
{
	struct err err = ERR_INIT;
	struct buf all = BUF_INIT, b;
	int ends[2], saved;
	struct sink *k;
	pid_t reader;

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	for (int i = 0; all.len < 1500000; i++)
		buf_addf(&all, "line %d\n", i);
	reader = fork();
	if (reader == 0) {
		dup2(ends[0], STDIN_FILENO);
		fcntl(STDIN_FILENO, F_SETFL, 0);
		close(ends[0]);
		close(ends[1]);
		execlp("sh", "sh", "-c", "sleep 0.1; cat > read", (char *)NULL);
		_exit(1);
	}
	close(ends[0]);
	saved = replace_stdout(ends[1]);
	k = sink_file("-", &err);
	for (size_t at = 0; at < all.len; at += 100000)
		assert_int_equal(
			sink_write_bytes(
				k, (struct slice){all.p + at, all.len - at < 100000 ? all.len - at : 100000}, &err),
			0);
	assert_int_equal(finish(k, true), 0);
	restore_stdout(saved);
	assert_int_equal(waitpid(reader, NULL, 0), reader);
	b = contents("read");
	assert_true(slice_eq(buf_slice(&b), buf_slice(&all)));
	buf_release(&b);
	buf_release(&all);
}

static void compressed_by_suffix(void **state)
{
	static const struct {
		const char *name, *command;
	} cases[] = {
		{"c.gz", "gzip -dc c.gz > plain"},
		{"c.zst", "zstd -q -dc c.zst > plain"},
		{"c.xz", "xz -dc c.xz > plain"},
		{"c.lz4", "lz4 -q -dc c.lz4 > plain"},
		{"c.bz2", "bzip2 -dc c.bz2 > plain"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = ERR_INIT;
		struct sink *k = sink_file(cases[i].name, &err);
		struct buf b;

		put(k, "one\n");
		assert_int_equal(k->ops->flush(k, &err), 0);
		put(k, "two\n");
		assert_int_equal(finish(k, true), 0);
		assert_int_equal(system(cases[i].command), 0);
		b = contents("plain");
		assert_string_equal(buf_cstr(&b), "one\ntwo\n");
		buf_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_appears_when_the_run_was_good),
		cmocka_unit_test(an_old_file_stays_when_the_run_was_bad),
		cmocka_unit_test(what_is_no_file_is_written_in_place),
		cmocka_unit_test(a_named_descriptor_is_shared),
		cmocka_unit_test(refusals_are_named),
		cmocka_unit_test(small_batches_wait_for_the_flush),
		cmocka_unit_test(a_reader_that_left_is_a_quiet_end),
		cmocka_unit_test(a_slow_reader_gets_every_byte),
		cmocka_unit_test(compressed_by_suffix),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sink", tests, enter_folder, leave_folder);
}
