#include "jobs/jobs.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mem/mem.h"

/*
 * One list, one lock: a task is worth some hundred microseconds, so the lock costs nothing. The list is emptied when
 * all of it is done, hence an array that is filled from the front will do.
 */
struct task {
	jobs_fn *run;
	void *context;
};

struct worker {
	struct jobs *jobs;
	unsigned number;
	pthread_t thread;
};

struct jobs {
	unsigned n;
	struct worker *workers; /* [0] is the caller's, without a thread */
	pthread_mutex_t lock;
	pthread_cond_t is_work, is_done;
	bool is_closing;
	struct task tasks[JOBS_TASKS_MAX];
	unsigned n_tasks, n_taken, n_done;
};

/* Takes the next task and runs it; the lock is held before and after. */
static void run_next(struct jobs *jobs, unsigned number)
{
	struct task task = jobs->tasks[jobs->n_taken++];

	pthread_mutex_unlock(&jobs->lock);
	task.run(task.context, number);
	pthread_mutex_lock(&jobs->lock);
	if (++jobs->n_done == jobs->n_tasks)
		pthread_cond_signal(&jobs->is_done);
}

static void *work(void *context)
{
	struct worker *w = context;
	struct jobs *jobs = w->jobs;

	pthread_mutex_lock(&jobs->lock);
	for (;;) {
		if (jobs->n_taken < jobs->n_tasks)
			run_next(jobs, w->number);
		else if (jobs->is_closing)
			break;
		else
			pthread_cond_wait(&jobs->is_work, &jobs->lock);
	}
	pthread_mutex_unlock(&jobs->lock);
	return NULL;
}

/* Threads that cannot be had are done without: the caller's works through the list too. */
struct jobs *jobs_open(unsigned n)
{
	struct jobs *jobs = mem_alloc(1, sizeof *jobs);
	sigset_t all, before;

	assert(n >= 1 && n <= JOBS_MAX);
	jobs->workers = mem_alloc(n, sizeof *jobs->workers);
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->is_work, NULL);
	pthread_cond_init(&jobs->is_done, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (jobs->n = 1; jobs->n < n; jobs->n++) {
		struct worker *w = &jobs->workers[jobs->n];

		*w = (struct worker){.jobs = jobs, .number = jobs->n};
		if (pthread_create(&w->thread, NULL, work, w))
			break;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return jobs;
}

void jobs_close(struct jobs *jobs)
{
	if (!jobs)
		return;
	jobs_wait(jobs);
	pthread_mutex_lock(&jobs->lock);
	jobs->is_closing = true;
	pthread_cond_broadcast(&jobs->is_work);
	pthread_mutex_unlock(&jobs->lock);
	for (unsigned i = 1; i < jobs->n; i++)
		pthread_join(jobs->workers[i].thread, NULL);
	pthread_cond_destroy(&jobs->is_work);
	pthread_cond_destroy(&jobs->is_done);
	pthread_mutex_destroy(&jobs->lock);
	free(jobs->workers);
	free(jobs);
}

void jobs_add(struct jobs *jobs, jobs_fn *run, void *context)
{
	if (jobs->n == 1) {
		run(context, 0);
		return;
	}
	pthread_mutex_lock(&jobs->lock);
	assert(jobs->n_tasks < JOBS_TASKS_MAX);
	jobs->tasks[jobs->n_tasks++] = (struct task){run, context};
	pthread_cond_signal(&jobs->is_work);
	pthread_mutex_unlock(&jobs->lock);
}

void jobs_wait(struct jobs *jobs)
{
	pthread_mutex_lock(&jobs->lock);
	while (jobs->n_taken < jobs->n_tasks)
		run_next(jobs, 0);
	while (jobs->n_done < jobs->n_tasks)
		pthread_cond_wait(&jobs->is_done, &jobs->lock);
	jobs->n_tasks = jobs->n_taken = jobs->n_done = 0;
	pthread_mutex_unlock(&jobs->lock);
}
