/*
 * stop: signals. The first SIGINT, SIGTERM or SIGHUP asks to stop: stop reading, finish, flush, within --stop-timeout;
 * the second ends at once. SIGPIPE is ignored (EPIPE on stdout is a quiet end). SIGUSR1 asks for a status line.
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

/* From now on the process may take at most this long: then it ends by the signal (a watchdog by timer). */
void stop_arm(long timeout_ms);

/* Files to unlink if the process is ended at once; a handful; false when there is no room. path is copied. */
bool stop_cleanup_add(const char *path);
void stop_cleanup_remove(const char *path);

/* Restores the default action and raises the signal: does not return for a deadly one. */
void stop_raise(int signo);

#endif
