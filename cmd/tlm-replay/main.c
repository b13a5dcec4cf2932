/*
 * tlm-replay: recorded telemetry as NDJSON, as fast as it can or at its own pace.
 *
 *     files, CSV made into JSON -> merged by time -> due by the clock | -> stdout or a file
 */
#include "options.h"
#include "replay.h"
#include "survey.h"
#include "tool/tool.h"

static int run(struct tool *t, const struct replay_opts *o, const char *const *names, size_t n_names, struct err *err)
{
	struct source *source = replay_open(o, t, names, n_names, err);
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
	const char *const *names;
	size_t n_names;
	struct tool t;

	tool_start(&t, &replay_spec, &o, argc, argv);
	if (tool_source_names(&t, 0, &names, &n_names, &err) == 0 &&
		replay_opts_check(&o, names, n_names, t.common.output, &err) == 0) {
		if (t.common.is_dry_run) {
			o.needs_time = o.has_time;
			survey_run(&o, &t, names, n_names, &err);
		} else {
			run(&t, &o, names, n_names, &err);
		}
	}
	replay_opts_release(&o);
	return tool_finish(&t, &err);
}
