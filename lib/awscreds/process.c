#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "awscreds/awscreds_impl.h"
#include "mem/mem.h"

extern char **environ;

enum { OUTPUT_MAX_BYTES = 1 << 20, WORDS_MAX = 256 };

/* Words as a shell sees them: blanks part them, quotes and backslashes do not; nothing else is special. */
static size_t split(const char *p, char **words)
{
	struct buf word = BUF_INIT;
	size_t n = 0;

	while (n < WORDS_MAX - 1) {
		char quote = '\0';

		p += strspn(p, " \t\n");
		if (!*p)
			break;
		for (buf_reset(&word); *p && (quote || !strchr(" \t\n", *p)); p++) {
			if (*p == quote)
				quote = '\0';
			else if (!quote && strchr("'\"", *p))
				quote = *p;
			else if (*p == '\\' && p[1] && (!quote || (quote == '"' && strchr("\"\\", p[1]))))
				buf_add_char(&word, *++p);
			else
				buf_add_char(&word, *p);
		}
		words[n++] = mem_dup(word.p, word.len);
	}
	words[n] = NULL;
	buf_release(&word);
	return n;
}

/* Signals that we ignore or catch are the child's as usual. */
static int spawn(char **words, int to, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t all;
	int got;

	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, to, STDOUT_FILENO);
	posix_spawnattr_init(&how);
	posix_spawnattr_setsigdefault(&how, &all);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF);
	got = posix_spawnp(pid, words[0], &files, &how, words, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&how);
	return got;
}

static int read_all(int fd, struct buf *out, struct err *err)
{
	ssize_t n;

	do {
		n = read(fd, buf_reserve(out, 4096), 4096);
		if (n > 0)
			out->len += (size_t)n;
	} while ((n > 0 && out->len < OUTPUT_MAX_BYTES) || (n < 0 && errno == EINTR));
	return n == 0 ? 0 : err_set(err, ERR_IO, "credential_process: its output cannot be read");
}

static int run(char **words, struct buf *out, struct err *err)
{
	int ends[2], got, status = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	got = spawn(words, ends[1], &pid);
	close(ends[1]);
	if (got) {
		close(ends[0]);
		errno = got;
		return err_sys(err, "credential_process: cannot run %.80s", words[0]);
	}
	got = read_all(ends[0], out, err);
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (got == 0 && status)
		got = err_set(err, ERR_IO, "credential_process: %.80s ended with status %d", words[0],
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return got;
}

int awscreds_run_process(const char *command, struct awscreds_key *key, struct err *err)
{
	char *words[WORDS_MAX];
	size_t n = split(command, words);
	struct buf out = BUF_INIT;
	int got;

	if (n == 0)
		return err_set(err, ERR_PROGRAM, "credential_process: there is no command");
	got = run(words, &out, err);
	if (got == 0)
		got = awscreds_take_json(key, buf_slice(&out), "SessionToken", "credential_process", err);
	for (size_t i = 0; i < n; i++)
		free(words[i]);
	if (out.p)
		explicit_bzero(out.p, out.cap);
	buf_release(&out);
	return got;
}
