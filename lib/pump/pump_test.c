/* The pump with a source, a stage and a sink that do what a script says, and write down every call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pump/pump.h"
#include "stop/stop.h"

enum { LOG_BYTES = 4096 };

/*
 * Script of the source, one letter per call of next(): 'b' a batch of two lines, 'l' a line that is too long, 'e' an
 * input's end, 'x' an input's error, 'w' wait, 's' SIGTERM comes and then as 'w', 'S' SIGTERM comes and then as 'b',
 * 'u' SIGUSR1 and then as 'w'; the end of the script is the end.
 */
struct rig {
	struct source source;
	struct stage stage;
	struct sink sink;
	const char *script;
	unsigned n_held; /* batches that the source lets go after a signal */
	char log[LOG_BYTES];
	const char *fail_at;     /* the call that fails: "write", "flush", ... */
	enum err_code fail_code; /* as what */
	bool is_stage_done;      /* batch() wants no more */
	int64_t deadline_us;     /* of the sink; 0: none */
	int64_t waited_until_us; /* what wait() was given last */
	uint64_t lines;
	struct ledger ledger;
	struct meter meter;
	struct reject *reject;
	struct pump pump;
	struct err err;
	int ret;
};

static struct rig *rig_of_source(const struct source *s)
{
	return (struct rig *)(uintptr_t)((const char *)s - offsetof(struct rig, source));
}

static struct rig *rig_of_stage(const struct stage *g)
{
	return (struct rig *)(uintptr_t)((const char *)g - offsetof(struct rig, stage));
}

static struct rig *rig_of_sink(const struct sink *k)
{
	return (struct rig *)(uintptr_t)((const char *)k - offsetof(struct rig, sink));
}

__attribute__((format(printf, 2, 3))) static void note(struct rig *r, const char *fmt, ...)
{
	size_t len = strlen(r->log);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->log + len, sizeof r->log - len, fmt, ap);
	va_end(ap);
}

/* Notes the call; -1 with err if the script says that it fails. */
static int call(struct rig *r, const char *name, struct err *err)
{
	note(r, "%s ", name);
	if (!r->fail_at || strcmp(r->fail_at, name) != 0)
		return 0;
	return err_set(err, r->fail_code, "%s failed", name);
}

/* ---- the source ---- */

static enum source_result source_give(struct rig *r, struct batch *b, enum batch_kind kind)
{
	static const char lines[] = "{\"a\":1}\n{\"a\":2}\n";

	buf_reset(&b->own);
	buf_add_str(&b->own, kind == BATCH_LINES ? lines : kind == BATCH_TOO_LONG ? "{\"a\"" : "");
	buf_reserve(&b->own, 64);
	*b = (struct batch){.p = b->own.p, .len = b->own.len, .own = b->own, .kind = kind, .name = "in"};
	b->first_line = r->lines + 1;
	b->long_bytes = kind == BATCH_TOO_LONG ? 5000 : 0;
	r->lines += kind == BATCH_LINES ? 2 : 1;
	return SOURCE_BATCH;
}

static enum source_result source_call_next(struct source *s, struct batch *b, struct err *err)
{
	struct rig *r = rig_of_source(s);
	char c = *r->script;

	if (!c)
		return SOURCE_END;
	r->script++;
	note(r, "%c:", c);
	switch (c) {
	case 'b':
		return source_give(r, b, BATCH_LINES);
	case 'l':
		return source_give(r, b, BATCH_TOO_LONG);
	case 'e':
		return source_give(r, b, BATCH_INPUT_END);
	case 'x':
		err_set(err, ERR_IO, "broken");
		err_at(err, "in", 0, 0);
		return SOURCE_ERROR;
	case 'S':
		raise(SIGTERM);
		return source_give(r, b, BATCH_LINES);
	case 's':
		raise(SIGTERM);
		return SOURCE_WAIT;
	case 'u':
		raise(SIGUSR1);
		return SOURCE_WAIT;
	default:
		return SOURCE_WAIT;
	}
}

static void source_call_wait(struct source *s, int64_t until_us)
{
	struct rig *r = rig_of_source(s);

	note(r, "wait ");
	r->waited_until_us = until_us;
}

static enum source_result source_call_drain(struct source *s, struct batch *b, struct err *err)
{
	struct rig *r = rig_of_source(s);

	(void)err;
	if (r->n_held == 0)
		return SOURCE_END;
	r->n_held--;
	note(r, "held:");
	return source_give(r, b, BATCH_LINES);
}

/* ---- the stage: keeps every record, lets "end" go at the end ---- */

static int stage_call_batch(struct stage *g, struct batch *in, struct buf *out, struct err *err)
{
	struct rig *r = rig_of_stage(g);

	r->ledger.read += 2;
	r->ledger.kept += 2;
	buf_add(out, in->p, in->len);
	if (call(r, "batch", err))
		return -1;
	return r->is_stage_done;
}

static int stage_call_input_end(struct stage *g, uint32_t input, struct buf *out, struct err *err)
{
	(void)input;
	buf_add_str(out, "input\n");
	return call(rig_of_stage(g), "input_end", err);
}

static int stage_call_end(struct stage *g, bool is_stopped, struct buf *out, struct err *err)
{
	buf_add_str(out, is_stopped ? "partial\n" : "end\n");
	return call(rig_of_stage(g), "end", err);
}

static int stage_call_settle(struct stage *g, struct buf *out, struct err *err)
{
	buf_add_str(out, "held\n");
	return call(rig_of_stage(g), "settle", err);
}

/* ---- the sink ---- */

static int sink_call_write(struct sink *k, const struct batch *b, struct err *err)
{
	struct rig *r = rig_of_sink(k);

	note(r, "[%.*s]", (int)b->len - 1, b->p);
	return call(r, "write", err);
}

static int sink_call_flush(struct sink *k, struct err *err)
{
	return call(rig_of_sink(k), "flush", err);
}

static int64_t sink_call_deadline(const struct sink *k)
{
	struct rig *r = rig_of_sink(k);

	return r->deadline_us ? r->deadline_us : -1;
}

static int sink_call_tick(struct sink *k, int64_t now_us, struct err *err)
{
	struct rig *r = rig_of_sink(k);

	assert_true(now_us >= r->deadline_us);
	r->deadline_us = 0;
	return call(r, "tick", err);
}

static int sink_call_finish(struct sink *k, bool is_good, struct err *err)
{
	struct rig *r = rig_of_sink(k);

	note(r, is_good ? "good:" : "bad:");
	return call(r, "finish", err);
}

static const struct source_ops source_calls = {
	.next = source_call_next,
	.wait = source_call_wait,
	.drain = source_call_drain,
};
static const struct stage_ops stage_calls = {
	.batch = stage_call_batch,
	.input_end = stage_call_input_end,
	.end = stage_call_end,
};
static const struct stage_ops settling_stage_calls = {.batch = stage_call_batch, .settle = stage_call_settle};
static const struct sink_ops sink_calls = {
	.write = sink_call_write,
	.flush = sink_call_flush,
	.deadline = sink_call_deadline,
	.tick = sink_call_tick,
	.finish = sink_call_finish,
};

/* ---- a run ---- */

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof *r);
	struct reject_opts opts = {.is_quiet = true};
	struct meter_opts meter = {0};

	r->source.ops = &source_calls;
	r->stage.ops = &stage_calls;
	r->sink.ops = &sink_calls;
	r->fail_code = ERR_IO;
	ledger_init(&r->ledger, "test");
	meter_init(&r->meter, &meter);
	r->reject = reject_open(&opts, &r->ledger, &r->err);
	r->pump = (struct pump){.tool = "test", .ledger = &r->ledger, .reject = r->reject, .meter = &r->meter};
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	reject_close(r->reject);
	free(r);
	return 0;
}

static void run(struct rig *r, const char *script, bool has_stage)
{
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

	r->script = script;
	dup2(null, STDERR_FILENO);
	close(null);
	r->ret = pump_run(&r->pump, &r->source, has_stage ? &r->stage : NULL, &r->sink, &r->err);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

/* Failure of one call: what is called, and with which error it ends. */
static void assert_failure(struct rig *r, const char *script, const char *fail_at, enum err_code code, const char *log)
{
	r->fail_at = fail_at;
	r->fail_code = code;
	run(r, script, true);
	assert_string_equal(r->log, log);
	assert_int_equal(r->ret, -1);
	assert_int_equal(r->err.code, code);
}

#define LINES "[{\"a\":1}\n{\"a\":2}]write "

static void records_pass(void **state)
{
	struct rig *r = *state;

	run(r, "bbe", true);
	assert_string_equal(r->log, "b:batch " LINES "b:batch " LINES "e:input_end [input]write end [end]write flush "
				    "good:finish ");
	assert_int_equal(r->ret, 0);
	assert_int_equal(r->pump.status, STATUS_OK);
	assert_int_equal(r->ledger.read, 4);
	assert_int_equal(r->ledger.bytes_in, 32);
	assert_int_equal(r->ledger.bytes_out, 42);
}

static void no_stage_no_change(void **state)
{
	struct rig *r = *state;

	r->pump.is_counted = true;
	run(r, "be", false);
	assert_string_equal(r->log, "b:" LINES "e:flush good:finish ");
	assert_int_equal(r->ret, 0);
	assert_int_equal(r->ledger.bytes_in, 0);
	assert_int_equal(r->ledger.bytes_out, 16);
}

static void flushed_before_every_wait(void **state)
{
	struct rig *r = *state;

	run(r, "wbww", true);
	assert_string_equal(r->log, "w:flush wait b:batch " LINES "w:flush wait w:flush wait end [end]write flush "
				    "good:finish ");
	assert_int_equal(r->waited_until_us, -1);
}

static void what_a_stage_holds_back_goes_before_a_wait_and_a_line_it_does_not_see(void **state)
{
	struct rig *r = *state;

	r->stage.ops = &settling_stage_calls;
	run(r, "bwle", true);
	assert_string_equal(r->log, "b:batch " LINES "w:settle [held]write flush wait l:settle [held]write e:flush "
				    "good:finish ");
	assert_int_equal(r->ret, 0);
}

static void a_stage_that_cannot_settle_ends_the_run(void **state)
{
	struct rig *r = *state;

	r->stage.ops = &settling_stage_calls;
	assert_failure(r, "wb", "settle", ERR_IO, "w:settle flush bad:finish ");
}

static void too_long_line_is_rejected(void **state)
{
	struct rig *r = *state;

	run(r, "bl", true);
	assert_string_equal(r->log, "b:batch " LINES "l:end [end]write flush good:finish ");
	assert_int_equal(r->ret, 0);
	assert_int_equal(r->ledger.read, 3);
	assert_int_equal(r->ledger.rejects[REJECT_TOO_LONG], 1);
	assert_int_equal(r->ledger.bytes_in, 5016);
}

static void failed_input_is_survived(void **state)
{
	struct rig *r = *state;

	run(r, "bxeb", true);
	assert_string_equal(r->log,
		"b:batch " LINES "x:e:input_end [input]write b:batch " LINES "end [end]write flush bad:finish ");
	assert_int_equal(r->ret, 0);
	assert_int_equal(r->pump.status, STATUS_LOCAL);
}

static void stage_may_want_no_more(void **state)
{
	struct rig *r = *state;

	r->is_stage_done = true;
	run(r, "bbb", true);
	assert_string_equal(r->log, "b:batch " LINES "end [end]write flush good:finish ");
	assert_int_equal(r->ret, 0);
}

static void failed_output_ends_the_run(void **state)
{
	struct rig *r = *state;

	assert_failure(r, "bb", "write", ERR_IO, "b:batch " LINES "flush bad:finish ");
}

static void failed_flush_ends_the_run(void **state)
{
	assert_failure(*state, "bwb", "flush", ERR_IO, "b:batch " LINES "w:flush flush bad:finish ");
}

static void failed_flush_at_the_end(void **state)
{
	assert_failure(*state, "b", "flush", ERR_IO, "b:batch " LINES "end [end]write flush bad:finish ");
}

static void failed_finish_is_told(void **state)
{
	assert_failure(*state, "b", "finish", ERR_IO, "b:batch " LINES "end [end]write flush good:finish ");
}

static void broken_pipe_is_quiet(void **state)
{
	assert_failure(*state, "bb", "write", ERR_PIPE, "b:batch " LINES "bad:finish ");
}

static void failed_stage_ends_the_run(void **state)
{
	assert_failure(*state, "bb", "batch", ERR_PROGRAM, "b:batch flush bad:finish ");
}

static void data_error_keeps_what_was_written(void **state)
{
	assert_failure(*state, "bb", "batch", ERR_DATA, "b:batch " LINES "end [partial]write flush good:finish ");
}

static void failed_input_end_ends_the_run(void **state)
{
	assert_failure(*state, "eb", "input_end", ERR_IO, "e:input_end flush bad:finish ");
}

static void failed_end_is_told(void **state)
{
	assert_failure(*state, "b", "end", ERR_IO, "b:batch " LINES "end bad:finish ");
}

static void failed_tick_ends_the_run(void **state)
{
	struct rig *r = *state;

	r->deadline_us = 1;
	assert_failure(r, "bb", "tick", ERR_IO, "b:batch " LINES "tick flush bad:finish ");
}

static void tick_comes_when_due(void **state)
{
	struct rig *r = *state;

	r->deadline_us = 1;
	run(r, "bb", true);
	assert_string_equal(r->log, "b:batch " LINES "tick b:batch " LINES "end [end]write flush good:finish ");
}

static void wait_ends_at_the_nearest_deadline(void **state)
{
	struct rig *r = *state;
	int64_t now_us = ledger_now_us();

	r->deadline_us = now_us + 3600 * INT64_C(1000000);
	run(r, "w", true);
	assert_int_equal(r->waited_until_us, r->deadline_us);
	r->meter.opts = (struct meter_opts){.has_stats = true, .stats_every_us = 60 * INT64_C(1000000)};
	run(r, "w", true);
	assert_int_equal(r->waited_until_us, r->meter.stats_us + 60 * INT64_C(1000000));
}

static void books_are_asked(void **state)
{
	struct rig *r = *state;

	r->ledger.read = 1;
	run(r, "b", true);
	assert_string_equal(r->log, "b:batch " LINES "end [end]write flush bad:finish ");
	assert_int_equal(r->ret, -1);
	assert_int_equal(r->err.code, ERR_INTERNAL);
}

static void books_of_a_sink_are_asked_at_the_end(void **state)
{
	struct rig *r = *state;

	r->ledger.read = 1;
	run(r, "b", false);
	assert_string_equal(r->log, "b:" LINES "flush good:finish ");
	assert_int_equal(r->err.code, ERR_INTERNAL);
}

static void strict_rejects_stop_it(void **state)
{
	struct rig *r = *state;
	struct reject_opts opts = {.is_strict = true};

	reject_close(r->reject);
	r->reject = r->pump.reject = reject_open(&opts, &r->ledger, &r->err);
	run(r, "blb", true);
	assert_string_equal(r->log, "b:batch " LINES "l:end [partial]write flush good:finish ");
	assert_int_equal(r->err.code, ERR_DATA);
	assert_int_equal(r->err.line, 3);
}

/* ---- signals: in a child each, they are remembered for ever ---- */

static void assert_stopped(struct rig *r, const char *script, const char *log)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct pollfd in = {.events = POLLIN};

		stop_install();
		in.fd = stop_fd();
		run(r, script, true);
		/* a signal that a wait saw wakes no other one */
		if (!strchr(script, 'S') && poll(&in, 1, 0) != 0)
			_exit(2);
		if (strcmp(r->log, log) != 0)
			fprintf(stderr, "# got:  %s\n# want: %s\n", r->log, log);
		_exit(strcmp(r->log, log) == 0 && r->ret == 0 ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void signal_ends_the_reading(void **state)
{
	assert_stopped(*state, "bSb", "b:batch " LINES "S:batch " LINES "end [partial]write flush bad:finish ");
}

static void signal_ends_a_wait(void **state)
{
	assert_stopped(*state, "bsb", "b:batch " LINES "s:flush wait end [partial]write flush bad:finish ");
}

static void what_the_source_holds_leaves_after_a_signal(void **state)
{
	struct rig *r = *state;

	r->n_held = 2;
	assert_stopped(
		r, "sb", "s:flush wait held:batch " LINES "held:batch " LINES "end [partial]write flush bad:finish ");
}

static void status_does_not_end_it(void **state)
{
	assert_stopped(*state, "ub", "u:flush wait b:batch " LINES "end [end]write flush good:finish ");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_pass),
		TEST(no_stage_no_change),
		TEST(flushed_before_every_wait),
		TEST(what_a_stage_holds_back_goes_before_a_wait_and_a_line_it_does_not_see),
		TEST(a_stage_that_cannot_settle_ends_the_run),
		TEST(too_long_line_is_rejected),
		TEST(failed_input_is_survived),
		TEST(stage_may_want_no_more),
		TEST(failed_output_ends_the_run),
		TEST(failed_flush_ends_the_run),
		TEST(failed_flush_at_the_end),
		TEST(failed_finish_is_told),
		TEST(broken_pipe_is_quiet),
		TEST(failed_stage_ends_the_run),
		TEST(data_error_keeps_what_was_written),
		TEST(failed_input_end_ends_the_run),
		TEST(failed_end_is_told),
		TEST(failed_tick_ends_the_run),
		TEST(tick_comes_when_due),
		TEST(wait_ends_at_the_nearest_deadline),
		TEST(books_are_asked),
		TEST(books_of_a_sink_are_asked_at_the_end),
		TEST(strict_rejects_stop_it),
		TEST(signal_ends_the_reading),
		TEST(signal_ends_a_wait),
		TEST(what_the_source_holds_leaves_after_a_signal),
		TEST(status_does_not_end_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("pump", tests, NULL, NULL);
}
