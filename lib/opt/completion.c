/* Completion scripts, each one generated from the table: no file of its own can go stale. */
#include <string.h>

#include "opt/opt.h"
#include "opt/walk.h"

/* ---- pieces ---- */

/* The first sentence of the help, without the stop. */
static struct slice summary_of(const struct opt *o)
{
	const char *end = strstr(o->help, ". ");
	size_t len = end ? (size_t)(end - o->help) : strlen(o->help);

	if (len && o->help[len - 1] == '.')
		len--;
	return (struct slice){o->help, len};
}

/* Text inside single quotes: quotes as the shell wants them, `special` characters behind a backslash. */
static void add_quoted(struct buf *out, struct slice text, const char *quote, const char *special)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (c == '\'') {
			buf_add_str(out, quote);
			continue;
		}
		if (strchr(special, c))
			buf_add_char(out, '\\');
		buf_add_char(out, c == '\n' ? ' ' : c);
	}
}

static void add_values(struct buf *out, const struct opt *o)
{
	for (int i = 0; o->values[i]; i++)
		buf_addf(out, "%s%s", i ? " " : "", o->values[i]);
}

/* "tlm-filter" as the name of a shell function: "_tlm_filter". */
static void add_function(struct buf *out, const char *tool)
{
	buf_add_char(out, '_');
	for (; *tool; tool++)
		buf_add_char(out, *tool == '-' ? '_' : *tool);
}

/* "-o|--output" or, with another join, "-o --output". */
static void add_spellings(struct buf *out, const struct opt_walk *w, const struct opt *o, const char *join)
{
	if (w->has_letter)
		buf_addf(out, "-%c", o->letter);
	if (w->has_letter && w->has_name)
		buf_add_str(out, join);
	if (w->has_name)
		buf_addf(out, "--%s", o->name);
}

/* ---- bash ---- */

static void add_bash_case(struct buf *out, const struct opt_walk *w, const struct opt *o)
{
	buf_add_char(out, '\t');
	add_spellings(out, w, o, "|");
	buf_add_str(out, ")\n");
	if (o->kind == OPT_ENUM) {
		buf_add_str(out, "\t\tmapfile -t COMPREPLY < <(compgen -W '");
		add_values(out, o);
		buf_add_str(out, "' -- \"$cur\")\n");
	} else if (!o->is_file) {
		buf_add_str(out, "\t\tcompopt +o default 2>/dev/null\n");
	}
	buf_add_str(out, "\t\treturn\n\t\t;;\n");
}

static void add_bash(struct buf *out, const struct opt_spec *spec)
{
	struct opt_walk w;
	const struct opt *o;

	buf_addf(out, "# bash completion for %s; load it with: eval \"$(%s --completion bash)\"\n", spec->tool,
		spec->tool);
	add_function(out, spec->tool);
	buf_add_str(out, "()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n\n"
			 "\tCOMPREPLY=()\n"
			 "\t# --name=value comes as three words\n"
			 "\tif [[ $cur == = ]]; then\n\t\tcur=\n"
			 "\telif [[ $prev == = ]] && ((COMP_CWORD > 1)); then\n"
			 "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n\tfi\n"
			 "\tcase $prev in\n");
	opt_walk_init(&w, spec);
	while ((o = opt_walk_next(&w)))
		if (o->kind != OPT_HEADING && opt_args(o) > 0 && !o->is_optional)
			add_bash_case(out, &w, o);
	buf_add_str(out, "\tesac\n\tif [[ $cur == -* ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W '");
	opt_walk_init(&w, spec);
	for (bool is_first = true; (o = opt_walk_next(&w));) {
		if (o->kind == OPT_HEADING)
			continue;
		buf_add_str(out, is_first ? "" : " ");
		add_spellings(out, &w, o, " ");
		is_first = false;
	}
	buf_add_str(out, "' -- \"$cur\")\n\tfi\n}\ncomplete -o default -F ");
	add_function(out, spec->tool);
	buf_addf(out, " %s\n", spec->tool);
}

/* ---- zsh ---- */

static void add_zsh_argument(struct buf *out, const struct opt *o)
{
	struct slice arg = slice_str(o->arg);
	size_t first = strcspn(o->arg, " ");

	buf_add_str(out, o->is_optional ? "::" : ":");
	add_quoted(out, (struct slice){arg.p, opt_args(o) == 2 ? first : arg.len}, "'\\''", ":[]\\");
	if (o->kind == OPT_ENUM) {
		buf_add_str(out, ":(");
		add_values(out, o);
		buf_add_char(out, ')');
	} else {
		buf_add_str(out, o->is_file && opt_args(o) == 1 ? ":_files" : ": ");
	}
	if (opt_args(o) < 2)
		return;
	buf_add_char(out, ':');
	add_quoted(out, slice_str(o->arg[first] ? o->arg + first + 1 : ""), "'\\''", ":[]\\");
	buf_add_str(out, o->is_file ? ":_files" : ": ");
}

/* One spec of _arguments for one spelling: '*--output=[help]:SINK:_files'. */
static void add_zsh_spec(struct buf *out, const struct opt *o, bool is_long)
{
	bool is_repeatable = o->kind == OPT_LIST || o->kind == OPT_COUNT || o->kind == OPT_CALL;

	buf_addf(out, "\t'%s", is_repeatable ? "*" : "");
	if (is_long)
		buf_addf(out, "--%s%s", o->name, o->is_optional ? "=-" : opt_args(o) == 1 ? "=" : "");
	else
		buf_addf(out, "-%c%s", o->letter, o->is_optional ? "-" : opt_args(o) == 1 ? "+" : "");
	buf_add_char(out, '[');
	add_quoted(out, summary_of(o), "'\\''", ":[]\\");
	buf_add_char(out, ']');
	if (opt_args(o) > 0)
		add_zsh_argument(out, o);
	buf_add_str(out, "' \\\n");
}

static void add_zsh(struct buf *out, const struct opt_spec *spec)
{
	struct opt_walk w;
	const struct opt *o;

	buf_addf(out,
		"#compdef %s\n# zsh completion for %s; put it into a directory of $fpath as _%s\n_arguments -s -S \\\n",
		spec->tool, spec->tool, spec->tool);
	opt_walk_init(&w, spec);
	while ((o = opt_walk_next(&w))) {
		if (o->kind == OPT_HEADING)
			continue;
		if (w.has_letter)
			add_zsh_spec(out, o, false);
		if (w.has_name)
			add_zsh_spec(out, o, true);
	}
	buf_add_str(out, "\t'*:source:_files'\n");
}

/* ---- fish ---- */

static void add_fish(struct buf *out, const struct opt_spec *spec)
{
	struct opt_walk w;
	const struct opt *o;

	buf_addf(
		out, "# fish completion for %s; load it with: %s --completion fish | source\n", spec->tool, spec->tool);
	opt_walk_init(&w, spec);
	while ((o = opt_walk_next(&w))) {
		if (o->kind == OPT_HEADING)
			continue;
		buf_addf(out, "complete -c %s", spec->tool);
		if (w.has_letter)
			buf_addf(out, " -s %c", o->letter);
		if (w.has_name)
			buf_addf(out, " -l %s", o->name);
		if (opt_args(o) > 0 && !o->is_optional)
			buf_add_str(out, o->is_file ? " -r -F" : " -x");
		if (o->kind == OPT_ENUM) {
			buf_add_str(out, " -a '");
			add_values(out, o);
			buf_add_char(out, '\'');
		}
		buf_add_str(out, " -d '");
		add_quoted(out, summary_of(o), "\\'", "\\");
		buf_add_str(out, "'\n");
	}
}

int opt_completion(const struct opt_spec *spec, const char *shell, struct buf *out, struct err *err)
{
	static const struct {
		const char *name;
		void (*add)(struct buf *out, const struct opt_spec *spec);
	} shells[] = {{"bash", add_bash}, {"zsh", add_zsh}, {"fish", add_fish}};

	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].add(out, spec);
			return 0;
		}
	return err_set(err, ERR_USAGE, "--completion %.40s: must be bash, zsh or fish", shell);
}
