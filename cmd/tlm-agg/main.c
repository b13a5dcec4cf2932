/* tlm-agg: windows and groups over event time. options.h is the command line, agg.h the stage. */
#include <stdio.h>
#include <string.h>

#include "agg.h"
#include "options.h"
#include "source/source.h"
#include "tool/tool.h"

static int check_late(const struct tool *t, const struct agg_options *o, struct err *err)
{
	const char *output = t->common.output ? t->common.output : "-";

	if (!o->late || strncmp(o->late, "/dev/", 5) == 0)
		return 0;
	if (tool_check_file("--late", o->late, err))
		return -1;
	if (strcmp(o->late, output) == 0)
		return err_set(err, ERR_USAGE, "--late %.100s: the output goes there already", o->late);
	if (t->common.rejects && strcmp(o->late, t->common.rejects) == 0)
		return err_set(err, ERR_USAGE, "--late %.100s: the rejects go there already", o->late);
	return 0;
}

static int run(struct tool *t, const struct agg_options *o, struct err *err)
{
	struct agg_frame frame = {.tool = options_spec.tool,
		.max_depth = (int)t->common.max_depth,
		.ledger = &t->ledger,
		.reject = t->reject};
	struct source *source = NULL;
	struct agg *agg = NULL;
	struct buf text = BUF_INIT;
	uint64_t read_bytes, total_bytes;
	int status;

	if (!t->n_operands)
		return err_set(
			err, ERR_USAGE, "no aggregates: say what to compute, as in tlm-agg 'count, mean(value)'");
	source = tool_source(t, 1, err);
	if (!source || check_late(t, o, err))
		goto out;
	frame.n_inputs = source->ops->inputs(source);
	source->ops->progress(source, &read_bytes, &total_bytes);
	frame.is_live = !total_bytes;
	if (!t->common.is_dry_run)
		frame.sink = tool_sink(t, err);
	if (err->code == ERR_NONE)
		agg = agg_open(o, t->operands[0], &frame, err);
	if (!agg)
		goto out;
	if (t->common.is_dry_run) {
		agg_explain(agg, &text);
		fwrite(text.p, 1, text.len, stdout);
		goto out;
	}
	pump_run(&t->pump, source, agg_stage(agg), frame.sink, err);
	status = agg_finish(agg, &text, err);
	if (status > 0)
		t->status = err_worse(t->status, status);
	if (text.len && !t->common.is_quiet)
		tool_warn(t, "%s", buf_cstr(&text));
out:
	agg_close(agg);
	sink_close(frame.sink);
	source_close(source);
	buf_release(&text);
	return err->code == ERR_NONE ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct agg_options o = {.window = "all", .max_ahead_us = -1, .exact_max = AGG_EXACT_DEFAULT};
	struct err err = ERR_INIT;
	struct tool t;
	int status;

	tool_start(&t, &options_spec, &o, argc, argv);
	run(&t, &o, &err);
	status = tool_finish(&t, &err);
	opt_list_release(&o.groups);
	return status;
}
