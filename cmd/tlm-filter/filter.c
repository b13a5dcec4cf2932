/* The stage: opening and closing, and who takes a batch. */
#include "filter_impl.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

/* Batches in the ring: so many for each job, and as many more. Of threads few, so that they stay in the cache; workers
 * of libjq are slow enough to wait for. */
enum { PARTS_A_THREAD = 2, PARTS_A_WORKER = 4 };

static int take_batch(struct stage *g, struct batch *in, struct buf *out, struct err *err)
{
	struct filter *f = (struct filter *)g;

	if (f->ring)
		return filter_hold(f, in, err);
	if (!f->reading)
		return filter_take_here(f, in, out, err);
	f->part.in = *in;
	f->part.out = out;
	filter_part_begin(&f->part, f, (struct slice){in->p, in->len}, 0);
	return reading_batch(f, err);
}

/* ---- open and close ---- */

static void close_stage(struct stage *g)
{
	filter_close((struct filter *)g);
}

static int end(struct stage *g, bool is_stopped, struct buf *out, struct err *err)
{
	struct filter *f = (struct filter *)g;

	if (!f->reading)
		return filter_take_held(f, err);
	f->part.out = out;
	return reading_end(f, is_stopped, err);
}

static int settle(struct stage *g, struct buf *out, struct err *err)
{
	(void)out;
	return filter_take_held((struct filter *)g, err);
}

static uint64_t rest(const struct stage *g)
{
	return ((const struct filter *)g)->rest;
}

static const struct stage_ops ops = {
	.batch = take_batch, .settle = settle, .rest = rest, .end = end, .close = close_stage};

struct stage *filter_stage(struct filter *f, struct sink *sink)
{
	f->sink = sink;
	return &f->stage;
}

/* What the options ask of the evaluator and the program does not have. */
static int check_evaluator(const struct filter *f, bool is_native, struct err *err)
{
	if (f->opts.evaluator == FILTER_NATIVE && !is_native)
		return err_set(err, ERR_PROGRAM, "--evaluator=native: only libjq runs %s",
			f->opts.is_reading ? "programs that read by themselves" : jq_foreign(f->program));
	if (!is_native && jq_is_native_only(f->program))
		return err_set(err, ERR_PROGRAM, "%s: tlm:: functions are native only",
			f->opts.is_reading ? "a program that reads by itself" : "--evaluator=libjq");
	return 0;
}

static void open_lane(struct filter *f, struct lane *lane, bool is_native, const struct jq_limits *limits)
{
	struct slice text;
	size_t slot;

	lane->scan = json_scan_open(is_native ? jq_paths(f->program) : NULL, f->opts.max_depth);
	if (!is_native)
		return;
	lane->run = jq_run_open(f->program, &f->opts.format, limits);
	/* a mark that the program would drop is none of its records */
	lane->has_sieve = !f->opts.has_marks && jq_sieve(lane->run, &slot, &text);
	if (lane->has_sieve)
		json_scan_sieve(lane->scan, slot, text);
}

/* Of a native program each thread has its own scanner and run; threads come last, behind every fork. */
static void open_lanes(struct filter *f, bool is_native)
{
	/* -n is one run that its user waits for, not one of many records */
	const struct jq_limits unlimited = {UINT64_MAX, UINT64_MAX};

	f->n_lanes = is_native && !f->opts.is_null_input ? (unsigned)f->opts.jobs : 1;
	f->lanes = mem_alloc_apart(f->n_lanes, sizeof *f->lanes);
	for (unsigned i = 0; i < f->n_lanes; i++)
		open_lane(f, &f->lanes[i], is_native, f->opts.is_null_input ? &unlimited : NULL);
	if (f->opts.is_reading || (is_native && f->n_lanes == 1))
		return;
	f->cap_ring = ((size_t)f->opts.jobs + 1) * (is_native ? PARTS_A_THREAD : PARTS_A_WORKER);
	f->ring = mem_alloc_apart(f->cap_ring, sizeof *f->ring);
	if (is_native)
		f->jobs = jobs_open(f->n_lanes);
}

static void close_lanes(struct filter *f)
{
	jobs_close(f->jobs);
	for (size_t i = 0; i < f->cap_ring; i++) {
		batch_release(&f->ring[i].in);
		filter_part_release(&f->ring[i]);
	}
	for (unsigned i = 0; i < f->n_lanes; i++) {
		jq_run_close(f->lanes[i].run);
		json_scan_close(f->lanes[i].scan);
	}
	free(f->ring);
	free(f->lanes);
}

/* Native answers are like those of the library that is installed. */
static enum jq_dialect dialect(void)
{
	switch (jqworker_minor_version()) {
	case 6:
		return JQ_DIALECT_1_6;
	case 7:
		return JQ_DIALECT_1_7;
	default:
		return JQ_DIALECT_1_8;
	}
}

/* Sets the colours. The native evaluator has those of libjq 1.6: whether others are asked for, which libjq has to
 * print. */
static bool take_other_colors(const struct filter *f)
{
	const char *colors = getenv("JQ_COLORS");
	bool has_own;

	if (!f->opts.format.is_colored)
		return false;
	has_own = colors && jqworker_set_colors(colors);
	return (has_own || dialect() != JQ_DIALECT_1_6) && f->opts.evaluator != FILTER_NATIVE &&
	       !jq_is_native_only(f->program);
}

struct filter *filter_open(const struct filter_opts *opts, size_t *at, struct err *err)
{
	struct filter *f = mem_alloc_apart(1, sizeof *f);
	const struct jq_setup setup = {opts->vars, opts->n_vars, dialect()};
	bool is_native;

	f->stage.ops = &ops;
	f->opts = *opts;
	f->program = jq_program_open(opts->program, &setup, at, err);
	if (!f->program)
		goto fail;
	*at = SIZE_MAX;
	if (filter_find_calls(f, at, err))
		goto fail;
	is_native =
		!take_other_colors(f) && opts->evaluator != FILTER_LIBJQ && !jq_foreign(f->program) && !f->calls_input;
	f->opts.is_reading = f->calls_input || (opts->is_null_input && !is_native);
	/* the one input is null, not a line of text */
	if (opts->is_null_input && !f->calls_input)
		f->opts.is_raw_input = false;
	if (f->opts.is_reading && opts->has_marks) {
		err_set(err, ERR_USAGE, "--marks: a program that reads by itself has no place for them");
		goto fail;
	}
	if (check_evaluator(f, is_native, err))
		goto fail;
	open_lanes(f, is_native);
	if (!is_native && filter_open_worker(f, err))
		goto fail;
	return f;
fail:
	filter_close(f);
	return NULL;
}

const char *filter_lines(const struct filter *f)
{
	if (!f->opts.is_null_input || f->calls_input)
		return NULL;
	return f->reading ? "" : "null\n";
}

void filter_close(struct filter *f)
{
	if (!f)
		return;
	close_lanes(f);
	jqworker_close(f->worker);
	reading_close(f->reading);
	filter_part_release(&f->part);
	jq_program_close(f->program);
	buf_release(&f->halt_message);
	free(f);
}

void filter_explain(const struct filter *f, struct buf *out)
{
	if (f->reading)
		buf_addf(out, "evaluator: libjq, in one process, because of %s\n",
			f->opts.is_slurp            ? "--slurp"
			: f->opts.is_stream         ? "--stream"
			: jq_input_call(f->program) ? jq_input_call(f->program)
			: f->calls_input            ? "a call of input"
			: jq_foreign(f->program)    ? jq_foreign(f->program)
						    : "--evaluator=libjq");
	else if (f->lanes[0].run || jq_foreign(f->program))
		jq_explain(f->program, out);
	else
		buf_addf(out, "evaluator: libjq, in a worker process, because of %s\n",
			f->opts.evaluator == FILTER_LIBJQ ? "--evaluator=libjq" : "the colours of -C");
}

int filter_verdict(const struct filter *f)
{
	if (!f->outputs)
		return STATUS_NO_OUTPUT;
	return f->is_last_true ? STATUS_OK : STATUS_NO;
}

bool filter_halted(const struct filter *f, int *status, struct buf *message)
{
	if (!f->is_halted)
		return false;
	*status = f->halt_status;
	buf_add_slice(message, buf_slice(&f->halt_message));
	return true;
}
