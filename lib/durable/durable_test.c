#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable/durable.h"

static char base[] = "/tmp/durable-test-XXXXXX";

static const char *at(const char *name)
{
	static char path[4][256];
	static int turn;
	char *p = path[turn = (turn + 1) % 4];

	snprintf(p, sizeof path[0], "%s%s", base, name);
	return p;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void put(const char *path, const char *text)
{
	struct err err = ERR_INIT;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	assert_int_equal(durable_write(fd, text, strlen(text), path, &err), 0);
	assert_int_equal(durable_sync(fd, path, &err), 0);
	close(fd);
}

static void directories_are_made_and_removed(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(durable_make_dirs(at("/a/b/c/d"), &err), 0);
	assert_int_equal(durable_make_dirs(at("/a/b/c/d"), &err), 0);
	assert_int_equal(durable_make_dirs(at("/a/b/x"), &err), 0);
	assert_int_equal(durable_sync_chain(at("/a/b/c/d"), strlen(base), &err), 0);
	assert_int_equal(durable_sync_chain(at("/a/b"), 0, &err), 0);
	durable_remove_empty(at("/a/b/c/d"), strlen(base));
	assert_false(exists(at("/a/b/c")));
	assert_true(exists(at("/a/b/x")));
	durable_remove_empty(at("/a/b/x"), strlen(base));
	assert_false(exists(at("/a")));
	assert_true(exists(base));
}

static void a_file_in_the_way_is_told(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	put(at("/file"), "x");
	assert_int_equal(durable_make_dirs(at("/file/b"), &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.msg, "/file/b: cannot make the directory: Not a directory"));
	err_reset(&err);
	assert_int_equal(durable_sync_dir(at("/none"), &err), -1);
	assert_non_null(strstr(err.msg, "No such file"));
	assert_int_equal(unlink(at("/file")), 0);
}

static void nothing_is_written_over(void **state)
{
	struct err err = ERR_INIT;
	char text[8] = "";
	FILE *f;

	(void)state;
	put(at("/new"), "new");
	put(at("/old"), "old");
	assert_int_equal(durable_publish(at("/new"), at("/old"), &err), 1);
	assert_int_equal(durable_publish(at("/new"), at("/name"), &err), 0);
	assert_int_equal(durable_publish(at("/gone"), at("/other"), &err), -1);
	assert_int_equal(err.sys, 2);
	f = fopen(at("/old"), "r");
	assert_non_null(fgets(text, sizeof text, f));
	fclose(f);
	assert_string_equal(text, "old");
	err_reset(&err);
	assert_int_equal(durable_unlink(at("/new"), &err), 0);
	assert_int_equal(durable_unlink(at("/new"), &err), 0);
	assert_true(exists(at("/name")));
	unlink(at("/name"));
	unlink(at("/old"));
}

static void a_full_disk_is_told(void **state)
{
	struct err err = ERR_INIT;
	int fd = open("/dev/full", O_WRONLY);

	(void)state;
	assert_int_equal(durable_write(fd, "x", 1, "/dev/full", &err), -1);
	assert_string_equal(err.msg, "/dev/full: cannot write: No space left on device");
	close(fd);
}

/* More than a few, so that threads do it: each has its own answer. */
static void many_are_synced_together(void **state)
{
	struct durable_job jobs[40];
	struct durable_dirs dirs = DURABLE_DIRS_INIT;
	struct err err = ERR_INIT;
	int fd = open(at("/many"), O_WRONLY | O_CREAT, 0666), pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0); /* cannot be synced */
	for (int i = 0; i < 40; i++)
		jobs[i] = (struct durable_job){.fd = i % 3 == 0 ? -1 : fd, .path = base, .got = 7};
	jobs[11].fd = pipes[1];
	jobs[12].path = "/none";
	durable_sync_all(jobs, 40);
	for (int i = 0; i < 40; i++)
		assert_int_equal(jobs[i].got, i == 11 || i == 12 ? -1 : 0);
	assert_non_null(strstr(jobs[11].err.msg, ": cannot sync: Invalid argument"));
	assert_non_null(strstr(jobs[12].err.msg, "/none: cannot open the directory"));
	for (int i = 0; i < 40; i++)
		durable_dirs_add(&dirs, at("/many"), strlen(base));
	assert_int_equal(durable_dirs_sync(&dirs, &err), 0);
	durable_dirs_add(&dirs, base, strlen(base));
	durable_dirs_add(&dirs, "/none/x", 5);
	assert_int_equal(durable_dirs_sync(&dirs, &err), -1);
	assert_string_equal(err.msg, "/none: cannot open the directory: No such file or directory");
	assert_int_equal(dirs.n, 0);
	durable_dirs_release(&dirs);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
	unlink(at("/many"));
}

static int make_base(void **state)
{
	(void)state;
	return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state)
{
	(void)state;
	return rmdir(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_are_made_and_removed),
		cmocka_unit_test(a_file_in_the_way_is_told),
		cmocka_unit_test(nothing_is_written_over),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(many_are_synced_together),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("durable", tests, make_base, remove_base);
}
