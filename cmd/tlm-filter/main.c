/* tlm-filter: a jq program over a stream of records. options.h is the command line, filter.h the stage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"
#include "mem/mem.h"
#include "options.h"
#include "sink/sink.h"
#include "source/source.h"
#include "tool/tool.h"

static struct filter *open_filter(struct tool *t, const struct options *o, struct slice program, struct err *err)
{
	bool is_colored = o->is_color || (!o->is_mono && !t->common.output && tool_color(t, STDOUT_FILENO));
	const char **dirs = options_dirs(o);
	char *program_dir = options_program_dir(o);
	struct filter_opts opts = {.program = program,
		.evaluator = o->evaluator,
		.format = options_format(o, is_colored),
		.is_raw_input = o->is_raw_input,
		.is_null_input = o->is_null_input,
		.is_slurp = o->is_slurp,
		.is_stream = o->is_stream,
		.has_marks = o->has_marks,
		.vars = o->vars,
		.n_vars = o->n_vars,
		.named_json = o->named.p,
		.positional_json = o->positional.p,
		.lib_dirs = o->lib_dirs.n ? dirs : NULL,
		.program_dir = program_dir,
		.max_depth = (int)t->common.max_depth,
		.jobs = (int)o->jobs,
		.ledger = &t->ledger,
		.reject = t->reject};
	size_t at = SIZE_MAX;
	struct filter *f = filter_open(&opts, &at, err);

	if (!f && err->code == ERR_PROGRAM) {
		err->input = "program";
		if (at != SIZE_MAX)
			options_show_place(t, program, at);
	}
	free(dirs);
	free(program_dir);
	return f;
}

/* Status of -e, and what halt and halt_error ask for. */
static void take_verdict(struct tool *t, const struct options *o, const struct filter *f, struct err *err)
{
	struct buf message = BUF_INIT;
	int status;

	if (filter_halted(f, &status, &message)) {
		fwrite(message.p ? message.p : "", 1, message.len, stderr);
		t->status = status;
	} else if (o->is_status && err->code == ERR_NONE) {
		t->status = err_worse(t->status, filter_verdict(f));
	}
	buf_release(&message);
}

static int run(struct tool *t, struct options *o, struct buf *program, struct err *err)
{
	struct source *source = NULL;
	struct sink *sink = NULL;
	struct filter *f = NULL;
	struct buf text = BUF_INIT;
	const char *const *names;
	size_t n_names;
	int n_used;

	options_finish(o);
	if (options_check_marks(o, err) || options_check_topic(o, t, err) || options_check_where(o, t, err) ||
		options_program(o, t->operands, t->n_operands, program, &n_used, err) ||
		tool_source_names(t, n_used, &names, &n_names, err) ||
		!(f = open_filter(t, o, buf_slice(program), err)))
		goto out;
	if (o->is_explain || t->common.is_dry_run) {
		filter_explain(f, &text);
		fwrite(text.p, 1, text.len, stdout);
		goto out;
	}
	source = filter_lines(f) ? source_text("-n", filter_lines(f)) : tool_source(t, n_used, err);
	if (!source || !(sink = tool_sink(t, err)))
		goto out;
	pump_run(&t->pump, source, filter_stage(f, sink), sink, err);
	take_verdict(t, o, f, err);
out:
	sink_close(sink);
	filter_close(f);
	source_close(source);
	buf_release(&text);
	return err->code == ERR_NONE ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options o = {.evaluator = FILTER_AUTO, .jobs = 1};
	struct buf program = BUF_INIT;
	struct err err = ERR_INIT;
	struct tool t;
	int status;

	tool_start(&t, &options_spec, &o, argc, argv);
	run(&t, &o, &program, &err);
	status = tool_finish(&t, &err);
	options_release(&o);
	buf_release(&program);
	return status;
}
