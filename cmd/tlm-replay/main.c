/*
 * tlm-replay: recorded telemetry as NDJSON, as fast as it can or at its own pace.
 *
 *     files, CSV made into JSON -> merged by time -> due by the clock | -> stdout or a file
 */
#include "options.h"
#include "place/place.h"
#include "replay.h"
#include "survey.h"
#include "tool/tool.h"

/* The names of the inputs: the operands, or stdin. */
struct inputs {
	const char *const *names;
	size_t n;
};

static int find_inputs(const struct tool *t, struct inputs *inputs, struct err *err)
{
	static const char *const standard[] = {"-"};
	struct place place;

	*inputs = (struct inputs){standard, 1};
	if (t->n_operands == 0)
		return 0;
	for (int i = 0; i < t->n_operands; i++) {
		if (place_parse(&place, t->operands[i], err))
			return -1;
		if (place.kind == PLACE_LAKE_DIR)
			return err_set(err, ERR_USAGE, "%.120s: a lake cannot be read", t->operands[i]);
	}
	*inputs = (struct inputs){(const char *const *)t->operands, (size_t)t->n_operands};
	return 0;
}

static int run(struct tool *t, const struct replay_opts *o, const struct inputs *inputs, struct err *err)
{
	struct source *source = replay_open(o, t, inputs->names, inputs->n, err);
	struct sink *sink = source ? tool_sink(t, err) : NULL;
	int r = -1;

	if (sink) {
		t->pump.is_counted = true;
		r = pump_run(&t->pump, source, NULL, sink, err);
		replay_report(source);
	}
	sink_close(sink);
	source_close(source);
	return r;
}

int main(int argc, char **argv)
{
	struct replay_opts o = REPLAY_OPTS_DEFAULT;
	struct err err = ERR_INIT;
	struct inputs inputs;
	struct tool t;

	tool_start(&t, &replay_spec, &o, argc, argv);
	if (find_inputs(&t, &inputs, &err) == 0 && replay_opts_check(&o, inputs.names, inputs.n, &err) == 0) {
		if (t.common.is_dry_run) {
			o.needs_time = o.has_time;
			survey_run(&o, &t, inputs.names, inputs.n, &err);
		} else {
			run(&t, &o, &inputs, &err);
		}
	}
	replay_opts_release(&o);
	return tool_finish(&t, &err);
}
