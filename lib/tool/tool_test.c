/* A whole tool, cat(1) on the frame, run in a child with descriptors as each case wants them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sink/sink.h"
#include "source/source.h"
#include "stop/stop.h"
#include "tool/tool.h"

/* ---- the tool ---- */

struct copy_stage {
	struct stage base;
	struct tool *tool;
};

/* Lines that begin with '!' are rejected, "kill" sends SIGTERM to the tool itself. */
static int copy_batch(struct stage *g, struct batch *in, struct buf *out, struct err *err)
{
	struct tool *t = ((struct copy_stage *)g)->tool;
	const char *p = in->p, *end = in->p + in->len;

	for (uint64_t line = in->first_line; p < end; line++) {
		size_t len = (size_t)((const char *)memchr(p, '\n', (size_t)(end - p)) - p);

		t->ledger.read++;
		if (*p == '!') {
			if (reject_add(t->reject, REJECT_JSON, in, line, 1, (struct slice){p, len}, len, err, "bad"))
				return -1;
		} else {
			t->ledger.kept++;
			buf_add(out, p, len + 1);
		}
		if (len == 4 && memcmp(p, "kill", 4) == 0)
			raise(SIGTERM);
		p += len + 1;
	}
	return 0;
}

static const struct opt no_options[] = {{.kind = OPT_END}};

static const struct opt_spec spec = {
	.tool = "tlm-copy",
	.summary = "Copies lines.",
	.usage = "[options] [SOURCE...] [-o SINK]",
	.examples = "tlm-copy day.ndjson",
	.options = no_options,
	.common = tool_common_options,
};

static int copy_main(int argc, char **argv)
{
	static const struct stage_ops ops = {.batch = copy_batch};
	struct err err = ERR_INIT;
	struct tool t;
	struct copy_stage stage = {{&ops}, &t};
	struct source *source = NULL;
	struct sink *sink = NULL;
	int status;

	tool_start(&t, &spec, NULL, argc, argv);
	if ((source = tool_source(&t, 0, &err)) && (sink = tool_sink(&t, &err)))
		pump_run(&t.pump, source, &stage.base, sink, &err);
	status = tool_finish(&t, &err);
	sink_close(sink);
	source_close(source);
	return status;
}

/* ---- runs ---- */

enum { CLOSED = -2, WORDS_MAX = 8 };

struct fixture {
	char dir[32];
	int in, out; /* descriptors for the child; -1: /dev/null and a file; CLOSED */
	int status;  /* exit status, or 128 and the signal */
	char out_text[8192], err_text[4096];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/tmp/tlm-tool-test-XXXXXX");
	f->in = f->out = -1;
	*state = f;
	return mkdtemp(f->dir) && chdir(f->dir) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	snprintf(command, sizeof command, "rm -rf %s", f->dir);
	free(f);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *read_file(const char *name, char *text, size_t size)
{
	FILE *file = fopen(name, "r");
	size_t n = 0;

	if (file) {
		n = fread(text, 1, size - 1, file);
		fclose(file);
	}
	text[n] = '\0';
	return text;
}

static void place_descriptor(int fd, int want, const char *path)
{
	if (want < 0)
		want = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(want, fd);
}

static void child(struct fixture *f, const char *line)
{
	char copy[256], *at = copy, *argv[WORDS_MAX + 2] = {copy}, *word;
	int argc = 0, status;

	snprintf(copy, sizeof copy, "tlm-copy %s", line);
	while ((word = strsep(&at, " ")) && argc < WORDS_MAX)
		if (*word)
			argv[argc++] = word;
	argv[argc] = NULL;
	place_descriptor(STDIN_FILENO, f->in, "/dev/null");
	place_descriptor(STDERR_FILENO, -1, "err");
	place_descriptor(STDOUT_FILENO, f->out, "out");
	if (f->in == CLOSED)
		close(STDIN_FILENO);
	if (f->out == CLOSED)
		close(STDOUT_FILENO);
	status = copy_main(argc, argv);
	exit(status);
}

static void run(struct fixture *f, const char *line)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		child(f, line);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	f->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	read_file("out", f->out_text, sizeof f->out_text);
	read_file("err", f->err_text, sizeof f->err_text);
}

static void assert_run(struct fixture *f, const char *line, int status, const char *out, const char *err)
{
	run(f, line);
	assert_string_equal(f->err_text, err);
	assert_string_equal(f->out_text, out);
	assert_int_equal(f->status, status);
}

/* ---- before the work ---- */

static void answers_and_ends(void **state)
{
	struct fixture *f = *state;

	assert_run(f, "--version", 0, "tlm-copy 0.1.0\n", "");
	assert_run(f, "-V /nonexistent", 0, "tlm-copy 0.1.0\n", "");
	run(f, "--help");
	assert_int_equal(f->status, 0);
	assert_non_null(strstr(f->out_text, "\n      --stop-timeout DURATION\n"));
	assert_non_null(strstr(f->out_text, "\nAlso known: --dryrun, --unbuffered, --line-buffered\n"));
	run(f, "-h");
	assert_int_equal(f->status, 0);
	assert_null(strstr(f->out_text, "--stop-timeout"));
	run(f, "--help --nonsense");
	assert_int_equal(f->status, 0);
	run(f, "--completion bash");
	assert_non_null(strstr(f->out_text, "complete -o default -F _tlm_copy tlm-copy\n"));
}

static void usage_errors_are_one_line(void **state)
{
	struct fixture *f = *state;

	assert_run(f, "--nonsense", 2, "", "tlm-copy: unknown option --nonsense\n");
	assert_run(f, "--stasts", 2, "", "tlm-copy: unknown option --stasts; did you mean --stats\n");
	assert_run(f, "--stop-timeout 5", 2, "",
		"tlm-copy: --stop-timeout: duration '5' has no unit (us, ms, s, m, h, d)\n");
	assert_run(f, "--stats=0s", 2, "", "tlm-copy: --stats 0s: must be at least 1ms\n");
	assert_run(f, "--completion csh", 2, "", "tlm-copy: --completion csh: must be bash, zsh or fish\n");
	assert_run(f, "--rejects -", 2, "", "tlm-copy: --rejects -: the output goes to stdout already\n");
	assert_run(f, "--rejects x -o x", 2, "", "tlm-copy: --rejects x: the output goes there already\n");
	assert_run(f, "--rejects x -o ./x", 2, "", "tlm-copy: --rejects x: the output goes there already\n");
	run(f, "--rejects /nonexistent/x");
	assert_int_equal(f->status, 2);
	run(f, "http://host/x");
	assert_int_equal(f->status, 2);
	run(f, "-o s3://bucket/x");
	assert_int_equal(f->status, 2);
	run(f, "-o file:///tmp/lake");
	assert_int_equal(f->status, 2);
	assert_string_equal(f->err_text, "tlm-copy: file:///tmp/lake: only tlm-s3put writes a lake\n");
}

static void help_must_arrive(void **state)
{
	struct fixture *f = *state;

	f->out = open("/dev/full", O_WRONLY);
	assert_run(f, "--help", 2, "", "tlm-copy: stdout: No space left on device\n");
	f->out = CLOSED;
	assert_run(f, "--version", 2, "", "tlm-copy: stdout: Bad file descriptor\n");
}

/* ---- the work ---- */

static void copies(void **state)
{
	struct fixture *f = *state;

	write_file("a", "1\n2\n");
	write_file("b", "3");
	assert_run(f, "a b", 0, "1\n2\n3\n", "");
	f->in = open("a", O_RDONLY);
	assert_run(f, "", 0, "1\n2\n", "");
	f->in = open("a", O_RDONLY);
	assert_run(f, "b --unbuffered -", 0, "3\n1\n2\n", "");
	assert_run(f, "b -o c", 0, "", "");
	assert_string_equal(read_file("c", f->out_text, sizeof f->out_text), "3\n");
}

static void missing_file_is_survived(void **state)
{
	struct fixture *f = *state;

	write_file("a", "1\n");
	assert_run(f, "a x\x1b a", 2, "1\n1\n", "tlm-copy: x\\x1b: cannot open: No such file or directory\n");
	run(f, "a x -o c");
	assert_int_equal(f->status, 2);
	assert_int_equal(access("c", F_OK), -1);
}

static void rejects_are_told_or_kept(void **state)
{
	struct fixture *f = *state;

	write_file("a", "1\n!\n2\n");
	assert_run(f, "a", 5, "1\n2\n",
		"tlm-copy: a:2 (byte 1): bad\ntlm-copy: 1 of 3 records rejected: 1 json (--rejects FILE keeps them)\n");
	assert_run(f, "-q a", 5, "1\n2\n", "");
	assert_run(f, "a --rejects r", 0, "1\n2\n", "");
	read_file("r", f->out_text, sizeof f->out_text);
	assert_non_null(strstr(f->out_text, "\"raw\":\"!\",\"tool\":\"tlm-copy\"}\n"));
	assert_run(f, "a --strict", 5, "1\n", "tlm-copy: a:2 (byte 1): bad\n");
	run(f, "a --strict -o c");
	assert_int_equal(f->status, 5);
	assert_string_equal(read_file("c", f->out_text, sizeof f->out_text), "1\n");
	assert_run(f, "a --max-rejects 1", 5, "1\n",
		"tlm-copy: a:2 (byte 1): bad\ntlm-copy: 1 record rejected, the limit of --max-rejects\n"
		"tlm-copy: 1 of 2 records rejected: 1 json (--rejects FILE keeps them)\n");
}

static void stats_come_last(void **state)
{
	struct fixture *f = *state;

	write_file("a", "1\n!\n");
	run(f, "a --stats");
	assert_non_null(strstr(f->err_text, "keeps them)\n{\"tool\":\"tlm-copy\",\"end\":true,\"elapsed_ms\":"));
	assert_non_null(strstr(f->err_text, "\"read\":2,\"kept\":1,"));
	assert_non_null(strstr(f->err_text, "\"bytes_in\":4,\"bytes_out\":2,\"empty\":0,\"late_partial\":0,"
					    "\"rejects\":{\"json\":1}}\n"));
}

static void too_long_lines_obey_the_limit(void **state)
{
	struct fixture *f = *state;
	char text[128];

	memset(text, 'x', sizeof text - 1);
	text[100] = '\n';
	text[101] = '\0';
	write_file("a", text);
	assert_run(f, "a --max-line 64", 5, "",
		"tlm-copy: a:1: the line has 100 bytes, more than --max-line\n"
		"tlm-copy: 1 of 1 records rejected: 1 too_long (--rejects FILE keeps them)\n");
	assert_run(f, "a --max-line 100", 0, text, "");
}

/* ---- bad ends ---- */

static void full_disk_is_told(void **state)
{
	struct fixture *f = *state;

	write_file("a", "1\n");
	f->out = open("/dev/full", O_WRONLY);
	assert_run(f, "a", 2, "", "tlm-copy: stdout: cannot write: No space left on device\n");
}

static void closed_descriptors_are_told(void **state)
{
	struct fixture *f = *state;

	write_file("a", "1\n");
	f->out = CLOSED;
	assert_run(f, "a", 2, "", "tlm-copy: stdout: cannot write: Bad file descriptor\n");
	assert_run(f, "a -o c", 0, "", "");
	f->out = -1;
	f->in = CLOSED;
	run(f, "");
	assert_int_equal(f->status, 2);
	assert_non_null(strstr(f->err_text, "Bad file descriptor\n"));
	assert_run(f, "a", 0, "1\n", "");
}

static void gone_reader_is_quiet(void **state)
{
	struct fixture *f = *state;
	int fds[2];

	write_file("a", "1\n");
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	f->out = fds[1];
	assert_run(f, "a", 128 + SIGPIPE, "", "");
	close(fds[1]);
}

static void signal_ends_by_itself(void **state)
{
	struct fixture *f = *state;

	write_file("a", "1\nkill\n2\n");
	assert_run(f, "a a", 128 + SIGTERM, "1\nkill\n2\n", "");
	run(f, "a a -o c --stats");
	assert_int_equal(f->status, 128 + SIGTERM);
	assert_int_equal(access("c", F_OK), -1);
	assert_non_null(strstr(f->err_text, "\"read\":3,\"kept\":3,"));
}

/* ---- colour ---- */

static bool has_color(int color, const char *no_color, const char *term, int fd)
{
	struct tool t = {.spec = &spec, .common = {.color = color}};

	unsetenv("NO_COLOR");
	unsetenv("TERM");
	if (no_color)
		setenv("NO_COLOR", no_color, 1);
	if (term)
		setenv("TERM", term, 1);
	return tool_color(&t, fd);
}

static void color_only_on_a_terminal(void **state)
{
	int tty = posix_openpt(O_RDWR | O_NOCTTY), file = open("/dev/null", O_WRONLY);

	(void)state;
	assert_true(tty >= 0 && isatty(tty));
	assert_true(has_color(TOOL_COLOR_AUTO, NULL, "xterm", tty));
	assert_true(has_color(TOOL_COLOR_AUTO, "", "xterm", tty));
	assert_false(has_color(TOOL_COLOR_AUTO, "1", "xterm", tty));
	assert_false(has_color(TOOL_COLOR_AUTO, NULL, "dumb", tty));
	assert_false(has_color(TOOL_COLOR_AUTO, NULL, NULL, tty));
	assert_false(has_color(TOOL_COLOR_AUTO, NULL, "xterm", file));
	assert_true(has_color(TOOL_COLOR_ALWAYS, "1", "dumb", file));
	assert_false(has_color(TOOL_COLOR_NEVER, NULL, "xterm", tty));
	close(tty);
	close(file);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_and_ends),
		TEST(usage_errors_are_one_line),
		TEST(help_must_arrive),
		TEST(copies),
		TEST(missing_file_is_survived),
		TEST(rejects_are_told_or_kept),
		TEST(stats_come_last),
		TEST(too_long_lines_obey_the_limit),
		TEST(full_disk_is_told),
		TEST(closed_descriptors_are_told),
		TEST(gone_reader_is_quiet),
		TEST(signal_ends_by_itself),
		TEST(color_only_on_a_terminal),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("tool", tests, NULL, NULL);
}
