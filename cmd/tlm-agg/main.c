/* tlm-agg: windows and groups over event time. options.h is the command line, agg.h the stage. */
#include <stdio.h>
#include <string.h>

#include "agg.h"
#include "options.h"
#include "places.h"
#include "source/source.h"
#include "tool/tool.h"

static int run(struct tool *t, struct agg_options *o, struct err *err)
{
	struct agg_frame frame = {.tool = options_spec.tool,
		.max_depth = (int)t->common.max_depth,
		.is_dry_run = t->common.is_dry_run,
		.ledger = &t->ledger,
		.reject = t->reject};
	struct places places = {0};
	struct agg *agg = NULL;
	struct buf text = BUF_INIT;
	int status;

	if (!t->n_operands)
		return err_set(
			err, ERR_USAGE, "no aggregates: say what to compute, as in tlm-agg 'count, mean(value)'");
	if (places_open(&places, t, o, &frame, err))
		goto out;
	if (frame.has_group)
		agg_group_defaults(o);
	agg = agg_open(o, t->operands[0], &frame, err);
	if (!agg)
		goto out;
	if (t->common.is_dry_run) {
		agg_explain(agg, &text);
		fwrite(text.p, 1, text.len, stdout);
		goto out;
	}
	if (places_open_sinks(&places, t, o, agg, &frame, err))
		goto out;
	pump_run(&t->pump, places.source, places_stage(&places, agg), places.sink, err);
	status = places_finish(&places, agg, &text, err);
	if (status > 0)
		t->status = err_worse(t->status, status);
	if (text.len && !t->common.is_quiet)
		tool_warn(t, "%s", buf_cstr(&text));
out:
	places_close(&places);
	agg_close(agg);
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
		.max_replay = 1000000,
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
