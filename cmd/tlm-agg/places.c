#include "places.h"

#include <string.h>

/* A place for rows besides the output, which must not go where others go. */
static int check_place(const struct tool *t, const char *option, const char *place, struct err *err)
{
	const char *output = t->common.output ? t->common.output : "-";

	if (!place || strncmp(place, "/dev/", 5) == 0)
		return 0;
	if (tool_check_file(option, place, err))
		return -1;
	if (strcmp(place, output) == 0)
		return err_set(err, ERR_USAGE, "%s %.100s: the output goes there already", option, place);
	if (t->common.rejects && strcmp(place, t->common.rejects) == 0)
		return err_set(err, ERR_USAGE, "%s %.100s: the rejects go there already", option, place);
	if (tool_reads(t, 1, place))
		return err_set(err, ERR_USAGE, "%s %.100s: is read, and cannot be written too", option, place);
	return 0;
}

int places_check(const struct tool *t, const struct agg_options *o, struct err *err)
{
	if (check_place(t, "--late", o->late, err) || check_place(t, "--latest", o->latest, err))
		return -1;
	if (o->late && o->latest && strcmp(o->late, o->latest) == 0)
		return err_set(err, ERR_USAGE, "--latest %.100s: the late records go there already", o->latest);
	return 0;
}
