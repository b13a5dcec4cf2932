#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>

#include "jobs/jobs.h"

enum { TASKS = 300 };

struct sum {
	uint64_t from, sum;
	unsigned worker;
};

static void add_up(void *context, unsigned worker)
{
	struct sum *s = context;

	s->sum = 0;
	s->worker = worker;
	for (uint64_t i = 0; i < 10000; i++)
		s->sum += s->from + i;
}

static void every_task_runs_once_before_the_wait_ends(void **state)
{
	static struct sum sums[TASKS];

	(void)state;
	for (unsigned n = 1; n <= 7; n += 2) {
		struct jobs *jobs = jobs_open(n);

		for (uint64_t round = 0; round < 20; round++) {
			for (uint64_t i = 0; i < TASKS; i++) {
				sums[i].from = round * TASKS + i;
				jobs_add(jobs, add_up, &sums[i]);
			}
			jobs_wait(jobs);
			for (uint64_t i = 0; i < TASKS; i++) {
				assert_int_equal(sums[i].sum, (round * TASKS + i) * 10000 + 49995000);
				assert_true(sums[i].worker < n);
			}
		}
		jobs_wait(jobs);
		jobs_close(jobs);
	}
}

/* A ring of tasks that are waited for one by one while others are added: many more than there is room for at once. */
static void tasks_are_waited_for_one_by_one(void **state)
{
	enum { RING = 5, ALL = 3 * JOBS_TASKS_MAX };
	struct sum sums[RING];
	uint64_t numbers[RING];

	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		struct jobs *jobs = jobs_open(n);

		for (uint64_t i = 0; i < ALL + RING; i++) {
			if (i >= RING) {
				jobs_wait_for(jobs, numbers[i % RING]);
				assert_int_equal(sums[i % RING].sum, (i - RING) * 10000 + 49995000);
			}
			if (i < ALL) {
				sums[i % RING].from = i;
				sums[i % RING].sum = 0;
				numbers[i % RING] = jobs_add(jobs, add_up, &sums[i % RING]);
			}
		}
		jobs_close(jobs);
	}
}

struct meeting {
	atomic_uint n;
};

/* Ends when another task has come too: two threads at least. */
static void meet(void *context, unsigned worker)
{
	struct meeting *m = context;

	(void)worker;
	atomic_fetch_add(&m->n, 1);
	while (atomic_load(&m->n) < 2)
		;
}

static void tasks_run_side_by_side(void **state)
{
	struct meeting m = {0};
	struct jobs *jobs = jobs_open(2);

	(void)state;
	jobs_add(jobs, meet, &m);
	jobs_add(jobs, meet, &m);
	jobs_wait(jobs);
	assert_int_equal(atomic_load(&m.n), 2);
	jobs_close(jobs);
}

struct masks {
	struct meeting meeting;
	sigset_t of[2];
};

static void look_at_signals(void *context, unsigned worker)
{
	struct masks *m = context;

	pthread_sigmask(SIG_BLOCK, NULL, &m->of[worker]);
	meet(&m->meeting, worker);
}

static void signals_stay_with_the_caller(void **state)
{
	struct masks m = {0};
	struct jobs *jobs = jobs_open(2);

	(void)state;
	jobs_add(jobs, look_at_signals, &m);
	jobs_add(jobs, look_at_signals, &m);
	jobs_wait(jobs);
	assert_false(sigismember(&m.of[0], SIGTERM));
	assert_true(sigismember(&m.of[1], SIGTERM));
	jobs_close(jobs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_runs_once_before_the_wait_ends),
		cmocka_unit_test(tasks_are_waited_for_one_by_one),
		cmocka_unit_test(tasks_run_side_by_side),
		cmocka_unit_test(signals_stay_with_the_caller),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
