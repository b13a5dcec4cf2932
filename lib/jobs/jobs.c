#include "jobs/jobs.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mem/mem.h"

/*
 * One list, one lock: a task is worth some hundred microseconds, so the lock costs nothing. The list is a ring: tasks
 * are numbered as they come, taken in that order, and done in any.
 */
struct task {
	jobs_fn *run;
	void *context;
	bool is_done;
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
	struct task tasks[JOBS_TASKS_MAX]; /* by number modulo their count */
	uint64_t n_added, n_taken, n_done;
};

static struct task *find(struct jobs *jobs, uint64_t number)
{
	return &jobs->tasks[number % JOBS_TASKS_MAX];
}

/* Takes the next task and runs it; the lock is held before and after. */
static void run_next(struct jobs *jobs, unsigned worker)
{
	struct task *task = find(jobs, jobs->n_taken++);

	pthread_mutex_unlock(&jobs->lock);
	task->run(task->context, worker);
	pthread_mutex_lock(&jobs->lock);
	task->is_done = true;
	jobs->n_done++;
	pthread_cond_signal(&jobs->is_done);
}

static void *work(void *context)
{
	struct worker *w = context;
	struct jobs *jobs = w->jobs;

	pthread_mutex_lock(&jobs->lock);
	for (;;) {
		if (jobs->n_taken < jobs->n_added)
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

uint64_t jobs_add(struct jobs *jobs, jobs_fn *run, void *context)
{
	uint64_t number;

	if (jobs->n == 1) {
		run(context, 0);
		return 0;
	}
	pthread_mutex_lock(&jobs->lock);
	number = jobs->n_added++;
	assert(jobs->n_added - jobs->n_done <= JOBS_TASKS_MAX);
	*find(jobs, number) = (struct task){run, context, false};
	pthread_cond_signal(&jobs->is_work);
	pthread_mutex_unlock(&jobs->lock);
	return number;
}

void jobs_wait_for(struct jobs *jobs, uint64_t number)
{
	if (jobs->n == 1)
		return;
	pthread_mutex_lock(&jobs->lock);
	while (!find(jobs, number)->is_done) {
		if (jobs->n_taken < jobs->n_added)
			run_next(jobs, 0);
		else
			pthread_cond_wait(&jobs->is_done, &jobs->lock);
	}
	pthread_mutex_unlock(&jobs->lock);
}

void jobs_wait(struct jobs *jobs)
{
	pthread_mutex_lock(&jobs->lock);
	while (jobs->n_taken < jobs->n_added)
		run_next(jobs, 0);
	while (jobs->n_done < jobs->n_added)
		pthread_cond_wait(&jobs->is_done, &jobs->lock);
	pthread_mutex_unlock(&jobs->lock);
}
