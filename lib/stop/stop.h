/*
 * stop: signals. The first SIGINT, SIGTERM or SIGHUP asks to stop: stop reading, finish, flush, within --stop-timeout;
 * the second ends at once, unless it is the echo of the first: the same within 50 ms. SIGPIPE is ignored (EPIPE on
 * stdout is a quiet end). SIGUSR1 asks for a status line. A signal that was ignored at the start (nohup) stays ignored.
 * Process-wide; stop_install() once at the start, before any thread.
 */
#ifndef TLM_STOP_H
#define TLM_STOP_H

#include <stdbool.h>

void stop_install(void);

/* The signal that asked to stop, or 0. */
int stop_signal(void);

/* Whether SIGUSR1 came since the last call. */
bool stop_take_status(void);

/* A descriptor that polls readable when a signal has come: for poll() in source wait(); stop_drain() empties it. */
int stop_fd(void);
void stop_drain(void);

/* How long the process may take once a signal has asked to stop: then it ends by that signal (a watchdog by timer, so
 * that a blocked write cannot hold it). Until this is called there is no limit. */
void stop_set_grace(long timeout_ms);

/* Files to unlink if the process is ended at once, or out of memory; a handful; false when there is no room. path is
 * copied. */
bool stop_cleanup_add(const char *path);
void stop_cleanup_remove(const char *path);

/* Restores the default action and raises the signal, which must be a deadly one. */
_Noreturn void stop_raise(int signo);

#endif
