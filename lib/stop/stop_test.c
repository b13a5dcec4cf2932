#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mem/mem.h"
#include "stop/stop.h"

static char path[] = "/tmp/tlm-stop-test-XXXXXX";

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

/* Signals are process-wide: each case runs in a child; its wait status is returned. An alarm ends one that hangs. */
static int run(void (*child)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		child();
		_exit(99);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_exit(int status, int code)
{
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static void assert_signal(int status, int signo)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signo);
}

static void require(bool is_true, int code)
{
	if (!is_true)
		_exit(code);
}

static bool is_readable(int timeout_ms)
{
	struct pollfd in = {stop_fd(), POLLIN, 0};

	return poll(&in, 1, timeout_ms) == 1;
}

/* ---- the first signal ---- */

static void ask_once(void)
{
	stop_install();
	require(stop_signal() == 0 && !is_readable(0), 1);
	raise(SIGTERM);
	require(stop_signal() == SIGTERM, 2);
	require(is_readable(0), 3);
	stop_drain();
	require(!is_readable(0), 4);
	require(stop_signal() == SIGTERM, 5);
	stop_raise(stop_signal());
}

static void first_signal_asks(void **state)
{
	(void)state;
	assert_signal(run(ask_once), SIGTERM);
}

static void interrupt_write(void)
{
	char bytes[4096] = {0};
	int fds[2];
	pid_t parent = getpid(), pid;
	ssize_t n;

	stop_install();
	require(pipe(fds) == 0, 1);
	pid = fork();
	if (pid == 0) {
		usleep(50000);
		kill(parent, SIGINT);
		_exit(0);
	}
	while ((n = write(fds[1], bytes, sizeof bytes)) > 0)
		;
	require(n < 0 && errno == EINTR && stop_signal() == SIGINT, 2);
	_exit(0);
}

static void blocked_write_is_interrupted(void **state)
{
	(void)state;
	assert_exit(run(interrupt_write), 0);
}

/* ---- the end at once ---- */

static void ask_twice(void)
{
	stop_install();
	require(stop_cleanup_add("/nonexistent/other"), 1);
	require(stop_cleanup_add(path), 2);
	raise(SIGTERM);
	require(access(path, F_OK) == 0, 3);
	raise(SIGINT);
}

static void second_signal_ends_and_unlinks(void **state)
{
	(void)state;
	assert_signal(run(ask_twice), SIGINT);
	assert_int_equal(access(path, F_OK), -1);
}

static void keep_and_ask_twice(void)
{
	stop_install();
	require(stop_cleanup_add(path), 1);
	stop_cleanup_remove(path);
	raise(SIGHUP);
	usleep(60000);
	raise(SIGHUP);
}

static void removed_files_stay(void **state)
{
	(void)state;
	assert_signal(run(keep_and_ask_twice), SIGHUP);
	assert_int_equal(access(path, F_OK), 0);
}

/* As timeout(1) does it. */
static void ask_with_echo(void)
{
	stop_install();
	raise(SIGTERM);
	raise(SIGTERM);
	require(stop_signal() == SIGTERM, 1);
	_exit(0);
}

static void an_echo_is_no_second_signal(void **state)
{
	(void)state;
	assert_exit(run(ask_with_echo), 0);
}

static void run_out_of_memory(void)
{
	stop_install();
	require(stop_cleanup_add(path), 1);
	close(STDERR_FILENO);
	mem_fail();
}

static void out_of_memory_unlinks(void **state)
{
	(void)state;
	assert_exit(run(run_out_of_memory), 2);
	assert_int_equal(access(path, F_OK), -1);
}

static void fill_table(void)
{
	char *longer = malloc(8192);
	int n = 0;

	memset(longer, 'x', 8191);
	longer[8191] = '\0';
	require(!stop_cleanup_add(longer), 1);
	while (stop_cleanup_add("/x") && n < 1000)
		n++;
	require(n > 3 && n < 1000, 2);
	stop_cleanup_remove("/x");
	require(stop_cleanup_add("/y"), 3);
	_exit(0);
}

static void table_has_an_end(void **state)
{
	(void)state;
	assert_exit(run(fill_table), 0);
}

/* ---- the watchdog ---- */

static void hang(void)
{
	for (;;)
		pause();
}

static void hang_with_grace(void)
{
	stop_install();
	require(stop_cleanup_add(path), 1);
	stop_set_grace(60);
	raise(SIGTERM);
	hang();
}

static void hang_with_late_grace(void)
{
	stop_install();
	raise(SIGINT);
	stop_set_grace(60);
	hang();
}

static void grace_ends_by_the_first_signal(void **state)
{
	(void)state;
	assert_signal(run(hang_with_grace), SIGTERM);
	assert_int_equal(access(path, F_OK), -1);
	assert_signal(run(hang_with_late_grace), SIGINT);
}

/* ---- the others ---- */

static void ask_status(void)
{
	stop_install();
	raise(SIGUSR1);
	require(stop_signal() == 0 && is_readable(0), 1);
	require(stop_take_status() && !stop_take_status(), 2);
	_exit(0);
}

static void usr1_asks_for_status(void **state)
{
	(void)state;
	assert_exit(run(ask_status), 0);
}

static void break_pipe(void)
{
	int fds[2];

	stop_install();
	require(pipe(fds) == 0, 1);
	close(fds[0]);
	require(write(fds[1], "x", 1) < 0 && errno == EPIPE, 2);
	stop_raise(SIGPIPE);
}

static void broken_pipe_is_an_error_then_a_signal(void **state)
{
	(void)state;
	assert_signal(run(break_pipe), SIGPIPE);
}

static void hang_up_ignored(void)
{
	signal(SIGHUP, SIG_IGN);
	stop_install();
	raise(SIGHUP);
	require(stop_signal() == 0, 1);
	raise(SIGTERM);
	require(stop_signal() == SIGTERM, 2);
	_exit(0);
}

static void nohup_is_respected(void **state)
{
	(void)state;
	assert_exit(run(hang_up_ignored), 0);
}

static void raise_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	stop_raise(SIGTERM);
}

static void blocked_signal_is_raised(void **state)
{
	(void)state;
	assert_signal(run(raise_blocked), SIGTERM);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_signal_asks),
		TEST(blocked_write_is_interrupted),
		TEST(second_signal_ends_and_unlinks),
		TEST(an_echo_is_no_second_signal),
		TEST(removed_files_stay),
		TEST(out_of_memory_unlinks),
		TEST(table_has_an_end),
		TEST(grace_ends_by_the_first_signal),
		TEST(usr1_asks_for_status),
		TEST(broken_pipe_is_an_error_then_a_signal),
		TEST(nohup_is_respected),
		TEST(blocked_signal_is_raised),
	};

	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
