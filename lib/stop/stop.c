/*
 * The handler only sets flags, writes a byte into a pipe and starts a timer: poll() in the source's wait sees the byte,
 * a blocked write sees EINTR, and where neither helps (a reader that does not read) the timer ends the process. Files
 * that must not survive stand in a fixed table, so the last step needs no lock and no memory.
 */
#include "stop/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mem/mem.h"

enum { FILES_MAX = 16, ECHO_MS = 50 };

static const int deadly[] = {SIGINT, SIGTERM, SIGHUP};

static int fds[2] = {-1, -1};
static atomic_int first_signal;
static atomic_llong first_ms; /* when it came; 0: not yet */
static atomic_bool is_status_wanted;
static atomic_long grace_ms;
static atomic_bool has_timer;
static timer_t timer;

static struct {
	atomic_bool is_used;
	char path[PATH_MAX];
} files[FILES_MAX];

_Noreturn void stop_raise(int signo)
{
	sigset_t set;

	signal(signo, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(signo);
	/* Only a debugger or a signal that does not kill comes here. */
	_exit(128 + signo);
}

/* Async-signal-safe, as is what calls it. */
static void unlink_files(void)
{
	for (int i = 0; i < FILES_MAX; i++)
		if (atomic_load(&files[i].is_used))
			unlink(files[i].path);
}

/* The end without a finish. */
static _Noreturn void end_at_once(int signo)
{
	unlink_files();
	stop_raise(signo);
}

static void arm(void)
{
	long ms = atomic_load(&grace_ms);
	struct itimerspec at = {.it_value = {ms / 1000, ms % 1000 * 1000000}};

	if (ms > 0 && atomic_load(&has_timer))
		timer_settime(timer, 0, &at, NULL);
}

static void wake(void)
{
	/* A full pipe is awake already. */
	if (fds[1] >= 0 && write(fds[1], "", 1) < 0)
		return;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * timeout(1) signals its child and then its whole group, where the child is again; so does a terminal whose ^C timeout
 * hands on. Nobody asks twice so fast.
 */
static void on_deadly(int signo)
{
	int saved = errno, first = 0;
	long long at_ms = now_ms(), never = 0;

	atomic_compare_exchange_strong(&first_ms, &never, at_ms);
	if (atomic_compare_exchange_strong(&first_signal, &first, signo)) {
		arm();
		wake();
	} else if (signo != first || at_ms - atomic_load(&first_ms) >= ECHO_MS) {
		end_at_once(signo);
	}
	errno = saved;
}

static void on_status(int signo)
{
	int saved = errno;

	(void)signo;
	atomic_store(&is_status_wanted, true);
	wake();
	errno = saved;
}

static void on_timer(int signo)
{
	int first = atomic_load(&first_signal);

	(void)signo;
	if (first)
		end_at_once(first);
}

/* Without SA_RESTART: a call that waits returns, and its caller looks at stop_signal(). */
static void catch_signal(int signo, void (*handler)(int))
{
	struct sigaction act = {.sa_handler = handler}, old;

	sigfillset(&act.sa_mask);
	if (sigaction(signo, NULL, &old) == 0 && old.sa_handler == SIG_IGN && handler == on_deadly)
		return;
	sigaction(signo, &act, NULL);
}

void stop_install(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		fds[0] = fds[1] = -1; /* poll() ignores it; a signal still interrupts */
	atomic_store(&has_timer, timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	mem_on_fail(unlink_files);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
		catch_signal(deadly[i], on_deadly);
	catch_signal(SIGUSR1, on_status);
	catch_signal(SIGALRM, on_timer);
}

int stop_signal(void)
{
	return atomic_load(&first_signal);
}

bool stop_take_status(void)
{
	return atomic_exchange(&is_status_wanted, false);
}

int stop_fd(void)
{
	return fds[0];
}

void stop_drain(void)
{
	char bytes[64];

	while (fds[0] >= 0 && read(fds[0], bytes, sizeof bytes) > 0)
		;
}

/* A signal that came before the limit was known gets it now. */
void stop_set_grace(long timeout_ms)
{
	atomic_store(&grace_ms, timeout_ms);
	if (stop_signal())
		arm();
}

bool stop_cleanup_add(const char *path)
{
	size_t len = strlen(path);

	if (len >= PATH_MAX)
		return false;
	for (int i = 0; i < FILES_MAX; i++)
		if (!atomic_load(&files[i].is_used)) {
			memcpy(files[i].path, path, len + 1);
			atomic_store(&files[i].is_used, true);
			return true;
		}
	return false;
}

void stop_cleanup_remove(const char *path)
{
	for (int i = 0; i < FILES_MAX; i++)
		if (atomic_load(&files[i].is_used) && strcmp(files[i].path, path) == 0) {
			atomic_store(&files[i].is_used, false);
			return;
		}
}
