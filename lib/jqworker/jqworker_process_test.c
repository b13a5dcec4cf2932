/* Workers as processes: what passes through them in a stream, what they hold, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jqworker/jqworker.h"

static long resident_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long all = 0, resident = 0;

	assert_int_equal(fscanf(f, "%ld %ld", &all, &resident), 2);
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Records and answers beyond the ring, batch after batch, in constant memory. */
static void large_records_pass_in_constant_memory(void **state)
{
	struct jqworker_opts opts = {.program = ".,length,[.]", .workers = 2};
	struct err err = ERR_INIT;
	struct jqworker *w = jqworker_open(&opts, &err);
	struct jqworker_answer a;
	struct buf big = BUF_INIT;
	long before_kb = 0;

	(void)state;
	buf_add_char(&big, '"');
	while (big.len < 9 << 20)
		buf_add(&big, "0123456789abcdefghijklmnopqrstuvwxyz", 36);
	buf_add_char(&big, '"');
	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < 3; i++)
			assert_int_equal(jqworker_add(w, buf_slice(&big), &err), 0);
		assert_int_equal(jqworker_add(w, SLICE_LIT("[]"), &err), 0);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(jqworker_next(w, &a, &err), 1);
			assert_int_equal(a.outputs, 3);
			assert_int_equal(a.out.len, 2 * big.len + 1 + 8 + 3);
			assert_memory_equal(a.out.p, big.p, big.len);
		}
		assert_int_equal(jqworker_next(w, &a, &err), 1);
		assert_memory_equal(a.out.p, "[]\n0\n[[]]\n", 10);
		assert_int_equal(jqworker_next(w, &a, &err), 0);
		if (round == 1)
			before_kb = resident_kb();
	}
	assert_true(resident_kb() < before_kb + 4096);
	jqworker_close(w);
	buf_release(&big);
}

/* The next answer is that of this record: its length, or that it was killed. */
static void next_is(struct jqworker *w, size_t len)
{
	struct err err = ERR_INIT;
	struct jqworker_answer a;
	char expected[32];

	assert_int_equal(jqworker_next(w, &a, &err), 1);
	if (len % 1000 == 7) {
		assert_int_equal(a.fate, JQWORKER_KILLED);
		return;
	}
	snprintf(expected, sizeof expected, "%zu\n", len);
	assert_int_equal(a.fate, JQWORKER_DONE);
	assert_int_equal(a.out.len, strlen(expected));
	assert_memory_equal(a.out.p, expected, a.out.len);
}

static size_t nth_length(int i)
{
	if (i % 4001 == 4000)
		return 3000000;
	return i % 977 == 500 ? 1007 : (size_t)(i * 37 % 900) + 100;
}

/* Old answers are taken while new records are added, some of them large, some of them killers. */
static void records_may_wait_while_more_are_added(void **state)
{
	struct jqworker_opts opts = {.program = "if length % 1000 == 7 then [range(1e12)] else length end",
		.workers = 2,
		.time_ms = 60,
		.memory_bytes = 32 << 20,
		.is_proven = true};
	struct err err = ERR_INIT;
	struct jqworker *w = jqworker_open(&opts, &err);
	struct jqworker_answer a;
	struct buf text = BUF_INIT;
	size_t waiting_bytes = 0;
	int answered = 0;

	(void)state;
	buf_add_char(&text, '"');
	for (size_t i = 0; i < 3000000; i++)
		buf_add_char(&text, 'x');
	for (int i = 0; i < 20000; i++) {
		size_t len = nth_length(i);

		for (; waiting_bytes && waiting_bytes + len > JQWORKER_HELD_BYTES; answered++) {
			next_is(w, nth_length(answered));
			waiting_bytes -= nth_length(answered);
		}
		text.p[len + 1] = '"';
		assert_int_equal(jqworker_add(w, (struct slice){text.p, len + 2}, &err), 0);
		text.p[len + 1] = 'x';
		waiting_bytes += len;
	}
	for (; answered < 20000; answered++)
		next_is(w, nth_length(answered));
	assert_int_equal(jqworker_next(w, &a, &err), 0);
	jqworker_close(w);
	buf_release(&text);
}

/* Children of a process by /proc, at most one. */
static pid_t child_of(pid_t parent)
{
	DIR *d = opendir("/proc");
	pid_t found = 0;

	for (struct dirent *e; (e = readdir(d));) {
		char path[300];
		int ppid;
		FILE *f;

		snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
		if (atoi(e->d_name) <= 0 || !(f = fopen(path, "r")))
			continue;
		if (fscanf(f, "%*d (%*[^)]) %*c %d", &ppid) == 1 && ppid == parent)
			found = atoi(e->d_name);
		fclose(f);
	}
	closedir(d);
	return found;
}

static bool vanishes(pid_t pid)
{
	for (int i = 0; i < 500; i++) {
		if (kill(pid, 0) != 0)
			return true;
		nanosleep(&(struct timespec){0, 10000000}, NULL);
	}
	return false;
}

/* Only /dev/null and the doorbell are open. */
static void check_files(pid_t pid)
{
	char path[300], target[64];
	DIR *d;
	int sockets = 0;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		ssize_t n;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)pid, e->d_name);
		n = readlink(path, target, sizeof target - 1);
		target[n < 0 ? 0 : n] = '\0';
		if (strncmp(target, "socket:", 7) == 0)
			sockets++;
		else
			assert_string_equal(target, "/dev/null");
	}
	closedir(d);
	assert_int_equal(sockets, 1);
}

static void workers_end_with_their_parent(void **state)
{
	static const int signals[] = {SIGKILL, SIGTERM};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int ready[2];
		pid_t parent, spawner, worker;
		char c;

		assert_int_equal(pipe(ready), 0);
		parent = fork();
		if (parent == 0) {
			struct jqworker_opts opts = {.program = "last(repeat(1))", .time_ms = 60000};
			struct err err = ERR_INIT;
			struct jqworker *w = jqworker_open(&opts, &err);
			struct jqworker_answer a;

			jqworker_add(w, SLICE_LIT("1"), &err);
			if (write(ready[1], "x", 1) == 1)
				jqworker_next(w, &a, &err);
			_exit(0);
		}
		assert_int_equal(read(ready[0], &c, 1), 1);
		nanosleep(&(struct timespec){0, 100000000}, NULL);
		spawner = child_of(parent);
		worker = child_of(spawner);
		assert_true(spawner > 0 && worker > 0);
		check_files(worker);
		kill(parent, signals[i]);
		assert_int_equal(waitpid(parent, NULL, 0), parent);
		assert_true(vanishes(spawner));
		assert_true(vanishes(worker));
		close(ready[0]);
		close(ready[1]);
	}
}

/* A worker that somebody else ends is replaced; a record it was not running is not blamed. */
static void a_lost_worker_is_replaced(void **state)
{
	struct jqworker_opts opts = {.program = ".+1"};
	struct err err = ERR_INIT;
	struct jqworker *w = jqworker_open(&opts, &err);
	struct jqworker_answer a;
	pid_t worker;

	(void)state;
	assert_int_equal(jqworker_add(w, SLICE_LIT("1"), &err), 0);
	assert_int_equal(jqworker_next(w, &a, &err), 1);
	assert_int_equal(jqworker_next(w, &a, &err), 0);
	worker = child_of(child_of(getpid()));
	assert_true(worker > 0);
	kill(worker, SIGKILL);
	assert_true(vanishes(worker));
	assert_int_equal(jqworker_add(w, SLICE_LIT("2"), &err), 0);
	assert_int_equal(jqworker_next(w, &a, &err), 1);
	assert_int_equal(a.fate, JQWORKER_DONE);
	assert_memory_equal(a.out.p, "3\n", 2);
	jqworker_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_records_pass_in_constant_memory),
		cmocka_unit_test(records_may_wait_while_more_are_added),
		cmocka_unit_test(workers_end_with_their_parent),
		cmocka_unit_test(a_lost_worker_is_replaced),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("jqworker_process", tests, NULL, NULL);
}
