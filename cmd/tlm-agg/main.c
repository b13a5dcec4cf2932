/* tlm-agg: windows and groups over event time. options.h is the command line, agg.h the stage. */
#include <stdio.h>
#include <string.h>

#include "agg.h"
#include "options.h"
#include "places.h"
#include "source/source.h"
#include "tool/tool.h"

/* One place, or files named by the time. */
static bool open_sink(struct tool *t, struct agg_frame *frame, struct err *err)
{
	if (!rotate_is_pattern(t->common.output)) {
		frame->sink = t->common.is_dry_run ? NULL : tool_sink(t, err);
		return err->code == ERR_NONE;
	}
	frame->rotate = rotate_open(t->common.output, err);
	frame->sink = frame->rotate ? rotate_sink(frame->rotate) : NULL;
	return frame->rotate;
}

static int run(struct tool *t, const struct agg_options *o, struct err *err)
{
	struct agg_frame frame = {.tool = options_spec.tool,
		.max_depth = (int)t->common.max_depth,
		.is_dry_run = t->common.is_dry_run,
		.ledger = &t->ledger,
		.reject = t->reject};
	struct source *source = NULL;
	struct agg *agg = NULL;
	struct buf text = BUF_INIT;
	const char *const *names;
	size_t n_names;
	uint64_t read_bytes, total_bytes = 0;
	int status;

	if (!t->n_operands)
		return err_set(
			err, ERR_USAGE, "no aggregates: say what to compute, as in tlm-agg 'count, mean(value)'");
	if (tool_source_names(t, 1, &names, &n_names, err))
		return -1;
	if (kafka_has_group(&t->common.kafka, names, n_names))
		return err_set(err, ERR_USAGE,
			"-G: windows of a group are not in this version; without -G all partitions are read");
	if (o->is_merging && t->common.max_line_bytes == BATCH_LINE_DEFAULT_BYTES)
		t->common.max_line_bytes = BATCH_LINE_MAX_BYTES; /* the states of a row may be many */
	source = tool_source(t, 1, err);
	if (!source || places_check(t, o, err))
		goto out;
	frame.n_inputs = source->ops->inputs(source);
	if (source->ops->progress)
		source->ops->progress(source, &read_bytes, &total_bytes);
	frame.is_live = !total_bytes;
	if (!open_sink(t, &frame, err))
		goto out;
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
	struct agg_options o = {.window = "all",
		.delay_us = -1,
		.max_ahead_us = -1,
		.exact_max = AGG_EXACT_DEFAULT,
		.jobs = 1,
		.format = -1,
		.on_full = -1};
	struct err err = ERR_INIT;
	struct tool t;
	int status;

	tool_start(&t, &options_spec, &o, argc, argv);
	o.output = t.common.output;
	run(&t, &o, &err);
	status = tool_finish(&t, &err);
	opt_list_release(&o.groups);
	return status;
}
