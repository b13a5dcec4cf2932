/* -h and --help: the same printer, with fewer options and only first sentences for -h. */
#include <string.h>

#include "opt/opt.h"
#include "opt/walk.h"

enum { WIDTH = 79, INDENT = 26 };

/* Fills lines up to WIDTH, each behind `indent` blanks; col is where the first one stands. '\n' begins a new line. */
static void wrap(struct buf *out, const char *text, size_t len, size_t indent, size_t col)
{
	size_t at = 0;
	bool is_first = true;

	while (at < len) {
		size_t n = strcspn(text + at, " \n");

		if (at + n > len)
			n = len - at;
		if (!is_first && col + 1 + n > WIDTH) {
			buf_addf(out, "\n%*s", (int)indent, "");
			col = indent;
		} else if (!is_first) {
			buf_add_char(out, ' ');
			col++;
		}
		buf_add(out, text + at, n);
		col += n;
		at += n;
		is_first = false;
		if (at < len && text[at] == '\n') {
			buf_addf(out, "\n%*s", (int)indent, "");
			col = indent;
			is_first = true;
		}
		at++;
	}
	buf_add_char(out, '\n');
}

/* Up to the first ". " or ".\n", without the stop. */
static size_t first_sentence(const char *help)
{
	const char *p = help;

	while ((p = strchr(p, '.'))) {
		if (p[1] == '\0' || p[1] == '\n' || (p[1] == ' ' && p[2] >= 'A' && p[2] <= 'Z'))
			return (size_t)(p - help);
		p++;
	}
	return strlen(help);
}

static void add_names(struct buf *out, const struct opt_walk *w, const struct opt *o)
{
	if (w->has_letter)
		buf_addf(out, "  -%c%s", o->letter, w->has_name ? ", " : "");
	else
		buf_add_str(out, "      ");
	if (w->has_name)
		buf_addf(out, "--%s", o->name);
	if (opt_args(o) == 0)
		return;
	if (o->is_optional)
		buf_addf(out, w->has_name ? "[=%s]" : "[%s]", o->arg);
	else
		buf_addf(out, " %s", o->arg);
}

static void add_option(struct buf *out, const struct opt_walk *w, const struct opt *o, bool is_short)
{
	size_t start = out->len, col;
	size_t len = is_short ? first_sentence(o->help) : strlen(o->help);

	add_names(out, w, o);
	col = out->len - start;
	if (col + 2 > INDENT) {
		buf_addf(out, "\n%*s", INDENT, "");
		col = INDENT;
	}
	buf_addf(out, "%*s", (int)(INDENT - col), "");
	wrap(out, o->help, len, INDENT, INDENT);
}

/* A heading is printed with the first option that follows it. */
static void add_options(struct buf *out, const struct opt_spec *spec, bool is_short)
{
	const char *heading = NULL;
	struct opt_walk w;
	const struct opt *o;

	opt_walk_init(&w, spec);
	while ((o = opt_walk_next(&w))) {
		if (o->kind == OPT_HEADING) {
			heading = o->help;
			continue;
		}
		if (o->is_hidden || (is_short && !o->is_short))
			continue;
		if (heading)
			buf_addf(out, "%s%s:\n", is_short ? "" : "\n", heading);
		heading = NULL;
		add_option(out, &w, o, is_short);
	}
}

static void add_hidden(struct buf *out, const struct opt_spec *spec)
{
	size_t indent = strlen("Also known: ");
	struct buf names = BUF_INIT;
	struct opt_walk w;
	const struct opt *o;

	opt_walk_init(&w, spec);
	while ((o = opt_walk_next(&w))) {
		if (o->kind == OPT_HEADING || !o->is_hidden)
			continue;
		buf_add_str(&names, names.len ? ", " : "");
		if (w.has_letter)
			buf_addf(&names, "-%c ", o->letter);
		buf_addf(&names, "--%s%s%s", o->name, opt_args(o) ? " " : "", opt_args(o) ? o->arg : "");
	}
	if (names.len) {
		buf_add_str(out, "\nAlso known: ");
		wrap(out, buf_cstr(&names), names.len, indent, indent);
	}
	buf_release(&names);
}

static void add_examples(struct buf *out, const char *examples)
{
	if (!examples)
		return;
	buf_add_str(out, "\nExamples:\n");
	while (*examples) {
		size_t n = strcspn(examples, "\n");

		buf_addf(out, "  %.*s\n", (int)n, examples);
		examples += n + (examples[n] == '\n');
	}
}

void opt_help(const struct opt_spec *spec, bool is_short, struct buf *out)
{
	buf_addf(out, "Usage: %s %s\n", spec->tool, spec->usage);
	wrap(out, spec->summary, strlen(spec->summary), 0, 0);
	if (is_short)
		buf_add_char(out, '\n');
	add_options(out, spec, is_short);
	if (!is_short && spec->details) {
		buf_add_char(out, '\n');
		wrap(out, spec->details, strlen(spec->details), 0, 0);
	}
	add_examples(out, spec->examples);
	if (is_short)
		buf_addf(out, "\nAll options: %s --help; the manual: man %s\n", spec->tool, spec->tool);
	else
		add_hidden(out, spec);
}
