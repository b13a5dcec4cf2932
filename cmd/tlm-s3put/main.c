/* tlm-s3put: each record into exactly one object of a lake. Options and wiring; lib/lake is the sink. */
#include "audit.h"
#include "group.h"
#include "options.h"
#include "s3put.h"
#include "source/source.h"

/* From a group, what is read is stored exactly once by the group's own means. */
static void store(struct tool *t, struct s3put_options *o, struct err *err)
{
	struct source *source = tool_source(t, 0, err);
	struct s3put s = {0};
	struct group g = {0};

	if (!source || tool_lake_sink(t, err) < 0 || (t->has_group && group_open(&g, t, source, o, err) < 0))
		goto out;
	if (s3put_open(&s, t, o, t->has_group ? &g.lake_group : NULL, err) < 0)
		goto out;
	if (t->has_group)
		group_join(&g, s.lake);
	pump_run(&t->pump, source, NULL, s.lake, err);
out:
	source_close(source);
	s3put_close(&s);
	group_close(&g);
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
