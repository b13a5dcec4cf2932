#include "jqworker/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jqworker/program.h"
#include "mem/mem.h"

void size_add(struct buf *out, size_t bytes)
{
	static const char units[] = {'G', 'M', 'K'};

	for (size_t i = 0; i < sizeof units; i++) {
		unsigned shift = 30 - 10 * (unsigned)i;

		if (bytes >> shift && (bytes & (((size_t)1 << shift) - 1)) == 0) {
			buf_addf(out, "%zu%c", bytes >> shift, units[i]);
			return;
		}
	}
	buf_addf(out, "%zu", bytes);
}

/* ---- the parent's side ---- */

void spawner_command(int control, uint32_t what, uint32_t slot)
{
	struct command c = {what, slot};

	while (send(control, &c, sizeof c, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

int spawner_hear(int control, struct report *r, int timeout_ms)
{
	struct pollfd p = {control, POLLIN, 0};
	ssize_t n;
	int rc;

	do
		rc = poll(&p, 1, timeout_ms);
	while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return rc;
	n = recv(control, r, sizeof *r, 0);
	return n == sizeof *r ? 1 : -1;
}

/* ---- what a child must not keep ---- */

/* Ends with its parent: by the signal, or at once if the parent has ended before it was asked for. */
static void end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
}

/* The terminal's signals are the parent's: it ends its children when it has taken their answers. */
static void leave_signals(void)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGTSTP};
	static const int deadly[] = {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL, SIGALRM, SIGCHLD};
	sigset_t none;

	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
		signal(deadly[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0 to 2 become /dev/null (a reader of our stdout must see its end); the others are closed but those kept. */
static void leave_files(const int *kept, int n_kept)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int last = 2;

	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	for (;;) {
		int next = INT32_MAX;

		for (int i = 0; i < n_kept; i++)
			if (kept[i] > last && kept[i] < next)
				next = kept[i];
		close_range((unsigned)last + 1, next == INT32_MAX ? ~0U : (unsigned)next - 1, 0);
		if (next == INT32_MAX)
			return;
		last = next;
	}
}

/* The bytes of the old one are wiped: env may be among them. */
static void leave_environment(const char *const *env)
{
	extern char **environ;
	char **old = environ;
	size_t n = 0;

	while (env && env[n])
		n++;
	environ = mem_alloc(n + 1, sizeof *environ);
	for (size_t i = 0; i < n; i++)
		environ[i] = mem_dup(env[i], strlen(env[i]));
	for (; old && *old; old++)
		explicit_bzero(*old, strlen(*old));
	tzset();
}

static void limit(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit r = {value, value};

	setrlimit(resource, &r);
}

/* Address space: what the process has now, shared memory included, and the bytes it may add. */
static void limit_memory(size_t more_bytes)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!f)
		return;
	if (fscanf(f, "%lu", &pages) == 1)
		limit(RLIMIT_AS, (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more_bytes);
	fclose(f);
}

void spawner_leave(pid_t parent, const int *kept, int n_kept, const char *const *env)
{
	end_with(parent);
	leave_signals();
	leave_files(kept, n_kept);
	leave_environment(env);
	limit(RLIMIT_CORE, 0);
}

void spawner_open_no_files(void)
{
	limit(RLIMIT_NOFILE, 0);
}

/* ---- the worker ---- */

static void answer(struct channel *c, int door, uint64_t *head, const struct result *r)
{
	static const char zeros[8];
	struct answer_head h = {
		.out_bytes = (uint32_t)r->out.len,
		.message_bytes = (uint32_t)r->message.len,
		.notes_bytes = (uint32_t)r->notes.len,
		.outputs = r->outputs,
		.status = r->status,
		.fate = (uint8_t)r->fate,
		.last = (uint8_t)r->last,
		.is_same = r->is_same,
	};
	size_t bytes = sizeof h + r->out.len + r->message.len + r->notes.len;

	channel_write(c, door, head, &h, sizeof h);
	channel_write(c, door, head, r->out.p, r->out.len);
	channel_write(c, door, head, r->message.p, r->message.len);
	channel_write(c, door, head, r->notes.p, r->notes.len);
	channel_write(c, door, head, zeros, answer_bytes(&h) - bytes);
}

static _Noreturn void work(struct channel *c, int door, struct program *program)
{
	struct result r = {0};
	uint64_t mine = c->first_record, head = atomic_load(&c->head), rung = head;
	size_t at = c->first_at;

	for (;;) {
		const char *record;
		size_t len;

		while (atomic_load_explicit(&c->sent, memory_order_acquire) == mine)
			if (!door_answer(door, true))
				_exit(0);
		record = channel_record(c, mine, &at, &len);
		atomic_store_explicit(&c->begun, mine + 1, memory_order_release);
		program_run(program, record, len, &r);
		answer(c, door, &head, &r);
		atomic_store_explicit(&c->head, head, memory_order_release);
		atomic_store_explicit(&c->done, ++mine, memory_order_release);
		if (atomic_load_explicit(&c->sent, memory_order_acquire) == mine || head - rung >= DOOR_BYTES) {
			door_ring(door);
			rung = head;
		}
	}
}

static _Noreturn void be_worker(struct spawner *s, uint32_t slot, struct program *program, pid_t spawner)
{
	end_with(spawner);
	leave_signals();
	leave_files(&s->doors[slot], 1);
	limit_memory(s->opts->memory_bytes);
	spawner_open_no_files();
	work(s->channels[slot], s->doors[slot], program);
}

/* ---- the spawner ---- */

static void report(const struct spawner *s, const struct report *r)
{
	while (send(s->control, r, sizeof *r, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static void spawn(struct spawner *s, struct program *program, pid_t *pids, uint32_t slot)
{
	struct report r = {.what = REPORT_BORN, .slot = slot};
	pid_t self = getpid();
	pid_t pid = fork();

	if (pid == 0)
		be_worker(s, slot, program, self);
	pids[slot] = pid > 0 ? pid : 0;
	r.pid = pid;
	if (pid < 0) {
		r.what = REPORT_DIED;
		r.pid = errno;
		r.status = -1;
	}
	report(s, &r);
}

static void reap(struct spawner *s, pid_t *pids)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < s->n; i++) {
			if (pids[i] == pid) {
				struct report r = {REPORT_DIED, (uint32_t)i, pid, status, ""};

				pids[i] = 0;
				report(s, &r);
			}
		}
	}
}

static _Noreturn void end(const struct spawner *s, const pid_t *pids)
{
	for (int i = 0; i < s->n; i++)
		if (pids[i])
			kill(pids[i], SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	_exit(0);
}

static void obey(struct spawner *s, struct program *program, pid_t *pids)
{
	struct command c;
	ssize_t n = recv(s->control, &c, sizeof c, 0);

	if (n == 0)
		end(s, pids);
	if (n != sizeof c)
		return;
	if (c.what == COMMAND_SPAWN)
		spawn(s, program, pids, c.slot);
	else if (pids[c.slot])
		kill(pids[c.slot], SIGKILL);
}

/* A text of the program cannot look like this: its line ends are escapes. */
#define HAS_CALL(shown, name) (strstr(shown, " CALL_BUILTIN " name "\n") != NULL)

/* The names that libjq gives its own functions: `input` is _input until 1.6. */
static void ask(const struct program *program, struct report *r, struct buf *why)
{
	struct buf form = BUF_INIT;
	const char *shown;

	program_show(program, &form);
	shown = buf_cstr(&form);
	r->status = HAS_CALL(shown, "_input") || HAS_CALL(shown, "input");
	if (HAS_CALL(shown, "input_filename") || HAS_CALL(shown, "input_line_number")) {
		r->what = REPORT_FAILED;
		buf_add_str(
			why, "a module calls input_filename or input_line_number, which only the program itself can");
	}
	buf_release(&form);
}

static struct program *compile(struct spawner *s)
{
	struct buf why = BUF_INIT;
	struct program *program = program_open(s->opts, &why);
	struct report r = {.what = program ? REPORT_READY : REPORT_FAILED};

	if (program && s->is_asked)
		ask(program, &r, &why);
	snprintf(r.text, sizeof r.text, "%s", buf_cstr(&why));
	report(s, &r);
	if (!program)
		_exit(0);
	return program;
}

void spawner_run(struct spawner *s)
{
	pid_t *pids = mem_alloc((size_t)s->n, sizeof *pids);
	int *kept = mem_alloc((size_t)s->n + 1, sizeof *kept);
	struct program *program;
	struct pollfd p[2];
	sigset_t children;

	kept[0] = s->control;
	memcpy(kept + 1, s->doors, (size_t)s->n * sizeof *kept);
	spawner_leave(s->parent, kept, s->n + 1, s->opts->env);
	program = compile(s);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	p[0] = (struct pollfd){s->control, POLLIN, 0};
	p[1] = (struct pollfd){signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0};
	for (;;) {
		struct signalfd_siginfo info;

		if (poll(p, 2, -1) < 0)
			continue;
		while (read(p[1].fd, &info, sizeof info) > 0)
			;
		reap(s, pids);
		if (p[0].revents)
			obey(s, program, pids);
	}
}
