#include "tool/impl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch/batch.h"
#include "json/json.h"
#include "mem/mem.h"
#include "place/place.h"
#include "sink/sink.h"
#include "source/source.h"
#include "stop/stop.h"

/* ---- start ---- */

/*
 * A descriptor that is closed at the start would be given to the next file that is opened. It is filled with /dev/null,
 * opened the wrong way round: reading stdin or writing stdout then fails with EBADF, as it should.
 */
static void fill_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int flags = fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY;

		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", flags) < 0)
			_exit(STATUS_LOCAL);
	}
}

static void print_error(struct tool *t, const struct err *err)
{
	char text[512];

	err_format(err, text, sizeof text);
	tool_warn(t, "%s", text);
}

/* The end before the work: help, version and completions must arrive as any output must. */
static _Noreturn void print_and_exit(struct tool *t, struct buf *text)
{
	const char *p = text->p;
	size_t left = text->len;

	while (left) {
		ssize_t n = write(STDOUT_FILENO, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE)
			stop_raise(SIGPIPE);
		if (n < 0) {
			tool_warn(t, "stdout: %s", strerror(errno));
			exit(STATUS_LOCAL);
		}
		p += n;
		left -= (size_t)n;
	}
	exit(STATUS_OK);
}

static _Noreturn void fail_start(struct tool *t, const struct err *err)
{
	print_error(t, err);
	exit(err_status(err->code));
}

static void answer_and_exit(struct tool *t)
{
	const struct tool_common *c = &t->common;
	struct err err = ERR_INIT;
	struct buf text = BUF_INIT;

	if (c->help) {
		opt_help(t->spec, c->help == 1, &text);
	} else if (c->is_version) {
		buf_addf(&text, "%s %s\n", t->spec->tool, TLM_VERSION);
	} else if (c->completion) {
		if (opt_completion(t->spec, c->completion, &text, &err))
			fail_start(t, &err);
	} else {
		return;
	}
	print_and_exit(t, &text);
}

static bool is_stdout(const char *place)
{
	return !place || strcmp(place, "-") == 0;
}

int tool_check_file(const char *option, const char *name, struct err *err)
{
	struct place place;

	if (place_parse(&place, name, err))
		return -1;
	if (place_is_lake(&place) || place.kind == PLACE_KAFKA)
		return err_set(err, ERR_USAGE, "%s %.100s: write the path of a file", option, name);
	return 0;
}

int tool_check_place(const struct tool *t, const char *option, const char *name, struct err *err)
{
	if (!kafka_is_place(name))
		return tool_check_file(option, name, err);
	if (!t->spec->more)
		return err_set(err, ERR_USAGE, "%s %.100s: %s writes no topics there", option, name, t->spec->tool);
	return kafka_check(name, true, err);
}

/* Two places must not be one: each would write over the other. */
static int check_places(const struct tool *t, struct err *err)
{
	const struct tool_common *c = &t->common;

	if (!c->rejects)
		return 0;
	if (tool_check_place(t, "--rejects", c->rejects, err))
		return -1;
	if (is_stdout(c->rejects) && is_stdout(c->output))
		return err_set(err, ERR_USAGE, "--rejects -: the output goes to stdout already");
	if (c->output && place_is_same(c->rejects, c->output))
		return err_set(err, ERR_USAGE, "--rejects %.100s: the output goes there already", c->rejects);
	return 0;
}

static int open_books(struct tool *t, struct err *err)
{
	const struct tool_common *c = &t->common;
	struct reject_opts rejects = {
		.place = c->rejects,
		.is_set_later = c->rejects && kafka_is_place(c->rejects),
		.is_appended = t->is_endless,
		.is_dry_run = c->is_dry_run,
		.is_strict = c->is_strict,
		.max = (uint64_t)c->max_rejects,
		.is_quiet = c->is_quiet,
		.is_verbose = c->verbose > 0,
		.meter = &t->meter,
	};
	struct meter_opts meter = {
		.is_drawn = !c->is_quiet && !c->no_progress && !is_stdout(c->output) && isatty(STDERR_FILENO),
		.has_stats = c->has_stats,
		.stats_every_us = c->stats_every_us,
	};

	ledger_init(&t->ledger, t->spec->tool);
	meter_init(&t->meter, &meter);
	t->reject = reject_open(&rejects, &t->ledger, err);
	if (!t->reject)
		return -1;
	t->pump = (struct pump){
		.tool = t->spec->tool,
		.ledger = &t->ledger,
		.reject = t->reject,
		.meter = &t->meter,
	};
	return 0;
}

static void warn_of_kafka(void *ctx, const char *text)
{
	tool_warn(ctx, "%s", text);
}

/* What the options of topics need to know of the others, and whether there is an end. */
static void prepare_kafka(struct tool *t)
{
	struct kafka_opts *k = &t->common.kafka;
	const char **topics = mem_alloc((size_t)t->n_operands + 1, sizeof *topics);
	size_t n = 0;

	k->tool = t->spec->tool;
	k->stop_timeout_us = t->common.stop_timeout_us;
	k->verbose = t->common.verbose;
	k->line_max_bytes = t->common.max_line_bytes;
	k->warn = warn_of_kafka;
	k->warn_ctx = t;
	for (int i = 0; i < t->n_operands; i++)
		if (kafka_is_place(t->operands[i]))
			topics[n++] = t->operands[i];
	t->is_endless = n && kafka_is_endless(k, topics, n);
	free(topics);
}

void tool_start(struct tool *t, const struct opt_spec *spec, void *opts, int argc, char **argv)
{
	struct err err = ERR_INIT;
	int first = argc;

	fill_descriptors();
	stop_install();
	*t = (struct tool){.spec = spec};
	t->common = (struct tool_common){
		.max_line_bytes = BATCH_LINE_DEFAULT_BYTES,
		.max_depth = JSON_DEPTH_DEFAULT,
		.stop_timeout_us = 5000000,
		.kafka.commit_us = 1000000,
		.delivery = TOOL_DELIVERY_AUTO,
	};
	/* --help in front of a mistake is still a call for help. */
	if (opt_parse(spec, opts, &t->common, argc, argv, &first, &err) && !t->common.help)
		fail_start(t, &err);
	answer_and_exit(t);
	stop_set_grace((long)(t->common.stop_timeout_us / 1000));
	t->operands = argv + first;
	t->n_operands = argc - first;
	prepare_kafka(t);
	if (check_places(t, &err) || open_books(t, &err))
		fail_start(t, &err);
}

/* ---- messages ---- */

void tool_warn(struct tool *t, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	meter_say(&t->meter, t->spec->tool, text);
}

bool tool_color(const struct tool *t, int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (t->common.color != TOOL_COLOR_AUTO)
		return t->common.color == TOOL_COLOR_ALWAYS;
	return !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0 && isatty(fd);
}

/* ---- places ---- */

/* The file behind a source, which may be on stdin. */
static bool find_file(const char *source, struct stat *file)
{
	return (strcmp(source, "-") == 0 ? fstat(STDIN_FILENO, file) : stat(source, file)) == 0 &&
	       S_ISREG(file->st_mode);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What is read must not be lost, nor grow by what is made of it. An empty one is what a shell made of `<f >f`. */
static int check_overwrite(const struct tool *t, const char *name, struct err *err)
{
	const char *rejects = t->common.rejects;
	struct stat source, written;

	if (!find_file(name, &source))
		return 0;
	if (rejects && stat(rejects, &written) == 0 && is_same_file(&source, &written))
		return err_set(err, ERR_USAGE, "--rejects %.100s: is a source, its records would be lost", rejects);
	if (is_stdout(t->common.output) && source.st_size && fstat(STDOUT_FILENO, &written) == 0 &&
		is_same_file(&source, &written))
		return err_set(
			err, ERR_USAGE, "%.100s: the output goes there: it would read what it has written", name);
	return 0;
}

static int check_source(const struct tool *t, const char *name, struct err *err)
{
	struct place place;

	if (place_parse(&place, name, err))
		return -1;
	if (place.kind == PLACE_KAFKA && !t->spec->more)
		return err_set(err, ERR_USAGE, "%.120s: %s reads no topics (tlm-filter -J . %.60s -o FILE keeps one)",
			name, t->spec->tool, name);
	if (place.kind == PLACE_KAFKA)
		return kafka_check(name, false, err);
	if (place_is_lake(&place))
		return err_set(err, ERR_USAGE, "%.120s: a lake cannot be read", name);
	return check_overwrite(t, name, err);
}

/* Options of topics where there are none, and what a user of kcat types. */
static int check_kafka_use(const struct tool *t, const char *name, struct err *err)
{
	static const char *const offsets[] = {"beginning", "end", "stored", NULL};
	const struct kafka_opts *k = &t->common.kafka;
	const char *output = t->common.output;

	if (!kafka_is_place(name))
		return k->group || k->is_until_end || k->instance
			       ? err_set(err, ERR_USAGE, "%s: there is no topic to read (kafka:TOPIC)",
					 k->group          ? "-G"
					 : k->is_until_end ? "--until-end"
							   : "--instance")
			       : 0;
	for (size_t i = 0; output && offsets[i]; i++)
		if (strcmp(output, offsets[i]) == 0)
			return err_set(err, ERR_USAGE, "-o %s: -o is the sink; write %.80s?offset=%s (a file: -o ./%s)",
				output, name, output, output);
	return 0;
}

/* The operands from one on, else stdin. */
static size_t find_names(const struct tool *t, int first_operand, const char *const **names)
{
	static const char *const standard[] = {"-"};

	*names = standard;
	if (first_operand >= t->n_operands)
		return 1;
	*names = (const char *const *)t->operands + first_operand;
	return (size_t)(t->n_operands - first_operand);
}

int tool_source_names(
	const struct tool *t, int first_operand, const char *const **names, size_t *n_names, struct err *err)
{
	*n_names = find_names(t, first_operand, names);
	for (size_t i = 0; i < *n_names; i++) {
		if (check_source(t, (*names)[i], err))
			return -1;
		if (kafka_is_place((*names)[i]) != kafka_is_place((*names)[0]))
			return err_set(err, ERR_USAGE, "%.100s: topics and files are not read in one run", (*names)[i]);
	}
	return check_kafka_use(t, (*names)[0], err);
}

bool tool_reads(const struct tool *t, int first_operand, const char *name)
{
	const char *const *names;
	size_t n_names = find_names(t, first_operand, &names);
	struct stat source, written;

	if (stat(name, &written))
		return false;
	for (size_t i = 0; i < n_names; i++) {
		if (find_file(names[i], &source) && is_same_file(&source, &written))
			return true;
	}
	return false;
}

struct source *tool_source(struct tool *t, int first_operand, struct err *err)
{
	const char *const *names;
	size_t n_names;

	if (tool_source_names(t, first_operand, &names, &n_names, err))
		return NULL;
	if (!kafka_is_place(names[0]))
		return source_files(names, n_names, t->common.max_line_bytes);
	t->has_group = kafka_has_group(&t->common.kafka, names, n_names);
	if (t->has_group)
		reject_stop_at_first(t->reject);
	t->source = kafka_source(&t->common.kafka, names, n_names, err);
	return t->source;
}

struct sink *tool_row_sink(struct tool *t, const struct kafka_row *row, struct err *err)
{
	const char *name = t->common.output ? t->common.output : "-";
	struct place place;

	if (place_parse(&place, name, err))
		return NULL;
	if (place_is_lake(&place)) {
		err_set(err, ERR_USAGE, "%.120s: only tlm-s3put writes a lake", name);
		return NULL;
	}
	if (place.kind == PLACE_KAFKA)
		return tool_topic_sink(t, name, row, err);
	if (tool_other_sink(t, err))
		return NULL;
	return t->is_endless ? sink_file_append(name, err) : sink_file(name, err);
}

struct sink *tool_sink(struct tool *t, struct err *err)
{
	return tool_row_sink(t, NULL, err);
}

/* ---- finish ---- */

/*
 * The one place where stdout is flushed, checked and closed. EBADF at close is what a descriptor says that a tool has
 * closed for itself.
 */
static void close_stdout(struct err *err)
{
	errno = 0;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (errno == EPIPE)
			err_set(err, ERR_PIPE, "the reader of stdout went away");
		else if (errno)
			err_sys(err, "stdout");
		else
			err_set(err, ERR_IO, "stdout: a write failed");
	}
	if (close(STDOUT_FILENO) < 0 && errno != EBADF && errno != EINTR)
		err_sys(err, "stdout");
}

/* The first error stays the one that is told; a data error gives way to a failed output. */
static void merge(struct err *err, const struct err *next)
{
	if (next->code != ERR_NONE && (err->code == ERR_NONE || err->code == ERR_DATA))
		*err = *next;
}

static void finish_rejects(struct tool *t, bool has_failed, struct err *err)
{
	struct err sub = ERR_INIT;
	int status = reject_finish(t->reject, has_failed, &sub);

	if (status > 0)
		t->status = err_worse(t->status, status);
	merge(err, &sub);
	reject_close(t->reject);
	t->reject = NULL;
	opt_list_release(&t->common.kafka.properties);
}

int tool_finish(struct tool *t, struct err *err)
{
	struct err sub = ERR_INIT;
	int signo = stop_signal();

	meter_erase(&t->meter);
	if (err->code != ERR_NONE && err->code != ERR_PIPE)
		print_error(t, err);
	finish_rejects(t, err->code != ERR_NONE || !t->pump.has_run, &sub);
	close_stdout(&sub);
	if (sub.code != ERR_NONE && sub.code != ERR_PIPE && sub.code != err->code)
		print_error(t, &sub);
	meter_finish(&t->meter, &t->ledger);
	if (signo)
		stop_raise(signo);
	if (err->code == ERR_PIPE || sub.code == ERR_PIPE)
		stop_raise(SIGPIPE);
	t->status = err_worse(t->status, t->pump.status);
	t->status = err_worse(t->status, err_status(err->code));
	return err_worse(t->status, err_status(sub.code));
}
