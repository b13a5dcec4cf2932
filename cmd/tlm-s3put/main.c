/* tlm-s3put: each record into exactly one object of a lake. Options and wiring; lib/lake is the sink. */
#include "audit.h"
#include "options.h"
#include "s3put.h"
#include "source/source.h"

static struct source *open_source(struct tool *t, struct err *err)
{
	const char *const *names;
	size_t n_names;

	if (tool_source_names(t, 0, &names, &n_names, err))
		return NULL;
	if (kafka_has_group(&t->common.kafka, names, n_names)) {
		err_set(err, ERR_USAGE, "-G: a group is not in this version; without -G all partitions are read");
		return NULL;
	}
	return tool_source(t, 0, err);
}

static void store(struct tool *t, const struct s3put_options *o, struct err *err)
{
	struct source *source = open_source(t, err);
	struct s3put s = {0};

	if (source && tool_other_sink(t, err) == 0 && s3put_open(&s, t, o, err) == 0)
		pump_run(&t->pump, source, NULL, s.lake, err);
	s3put_close(&s);
	source_close(source);
}

int main(int argc, char **argv)
{
	struct s3put_options o = S3PUT_OPTIONS_DEFAULT;
	struct err err = ERR_INIT;
	struct tool t;

	tool_start(&t, &options_spec, &o, argc, argv);
	if (o.audit)
		audit_run(&t, &o, &err);
	else
		store(&t, &o, &err);
	opt_list_release(&o.metadata);
	return tool_finish(&t, &err);
}
