/*
 * jobs: a few threads that work through a list of tasks while the caller goes on, and with the caller's help.
 *
 *     jobs_add(jobs, scan, block);    ... read the next block ...
 *     jobs_wait(jobs);                all that was added is done; what it wrote can be read
 *
 * With one thread a task runs at once in jobs_add(). Tasks may run in any order; a task that writes owns what it writes
 * to. Signals stay with the caller's thread. Memory: open/close. All calls: one thread.
 */
#ifndef TLM_JOBS_H
#define TLM_JOBS_H

#include <stdint.h>

struct jobs;

enum { JOBS_MAX = 64, JOBS_TASKS_MAX = 1024 };

/* worker is the number of the thread that runs the task, 0 for the caller's: for scratch memory of its own. */
typedef void jobs_fn(void *context, unsigned worker);

/* n threads in all, the caller's among them: 1..JOBS_MAX. */
struct jobs *jobs_open(unsigned n);
void jobs_close(struct jobs *jobs); /* waits; does nothing for NULL */

/* Tasks are taken in the order in which they are added; at most JOBS_TASKS_MAX may be waited for. The number of this
 * one, for jobs_wait_for(). */
uint64_t jobs_add(struct jobs *jobs, jobs_fn *run, void *context);

/* That one task is done; others may still run. The caller helps with any until then. For one that was added since
 * JOBS_TASKS_MAX others. */
void jobs_wait_for(struct jobs *jobs, uint64_t number);
void jobs_wait(struct jobs *jobs);

#endif
