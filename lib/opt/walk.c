#include "opt/walk.h"

#include <string.h>

static const struct opt none[] = {{.kind = OPT_END}};

void opt_walk_init(struct opt_walk *w, const struct opt_spec *spec)
{
	*w = (struct opt_walk){.spec = spec, .at = spec->options ? spec->options : none};
}

static bool own_has_name(const struct opt_spec *spec, const char *name)
{
	for (const struct opt *o = spec->options; o && o->kind != OPT_END; o++)
		if (o->kind != OPT_HEADING && o->name && strcmp(o->name, name) == 0)
			return true;
	return false;
}

static bool own_has_letter(const struct opt_spec *spec, char letter)
{
	for (const struct opt *o = spec->options; o && o->kind != OPT_END; o++)
		if (o->kind != OPT_HEADING && o->letter == letter)
			return true;
	return false;
}

const struct opt *opt_walk_next(struct opt_walk *w)
{
	const struct opt *o;

	for (;;) {
		if (w->at->kind == OPT_END) {
			if (w->is_last || !w->spec->common)
				return NULL;
			w->is_last = w->is_common || !w->spec->more;
			w->at = w->is_last ? w->spec->common : w->spec->more;
			w->is_common = true;
			continue;
		}
		o = w->at++;
		if (o->kind == OPT_HEADING)
			return o;
		w->has_name = o->name && !(w->is_common && own_has_name(w->spec, o->name));
		w->has_letter = o->letter && !(w->is_common && own_has_letter(w->spec, o->letter));
		/* An option whose long name the tool took for itself is replaced as a whole. */
		if (o->name ? w->has_name : w->has_letter)
			return o;
	}
}

int opt_args(const struct opt *o)
{
	switch (o->kind) {
	case OPT_FLAG:
	case OPT_COUNT:
	case OPT_HEADING:
		return 0;
	case OPT_CALL:
		return o->n_args;
	default:
		return 1;
	}
}
