/*
 * The spawner: the child that compiles the program and forks the workers from itself, and the worker's loop. It shall
 * be forked while the process has one thread. It talks with the parent over a socket pair of packets. Private to
 * lib/jqworker.
 */
#ifndef TLM_JQWORKER_SPAWNER_H
#define TLM_JQWORKER_SPAWNER_H

#include <stdint.h>
#include <sys/types.h>

#include "buf/buf.h"
#include "jqworker/channel.h"
#include "jqworker/jqworker.h"

enum { WORKER_NO_MEMORY = 2, WORKER_NO_START = 3 }; /* exit statuses of a worker; mem_fail() has 2 too */

enum { COMMAND_SPAWN = 1, COMMAND_KILL };

struct command {
	uint32_t what, slot;
};

enum { REPORT_READY = 1, REPORT_FAILED, REPORT_BORN, REPORT_DIED };

struct report {
	uint32_t what, slot;
	int32_t pid;
	int32_t status; /* of waitpid(); -1 with errno in pid: could not be forked; REPORT_READY: 1 for `input` */
	char text[512]; /* REPORT_FAILED: why the program does not compile */
};

struct spawner {
	const struct jqworker_opts *opts;
	int control;
	pid_t parent;
	int *doors; /* by slot: the workers' ends */
	struct channel **channels;
	int n;
	bool is_asked; /* whether the program calls `input` */
};

/* Runs in the forked child. */
_Noreturn void spawner_run(struct spawner *s);

/* In a forked child: ends with its parent, and leaves signals, files but those kept, environment and cores behind. */
void spawner_leave(pid_t parent, const int *kept, int n_kept, const char *const *env);
void spawner_open_no_files(void);

/* ---- the parent's side of its control socket ---- */

void spawner_command(int control, uint32_t what, uint32_t slot);

/* The next report: 1, 0 when there is none within timeout_ms, -1 when the spawner has gone. */
int spawner_hear(int control, struct report *r, int timeout_ms);

/* Appends a size as people write it: "512M", "64K", "1000". */
void size_add(struct buf *out, size_t bytes);

#endif
