#include "options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobs/jobs.h"
#include "json/json.h"
#include "mem/mem.h"
#include "tool/tool.h"

#define AT(member) offsetof(struct options, member)

static const char *const evaluators[] = {"auto", "native", "libjq", NULL};

/* ---- variables ---- */

static void add_var(struct options *o, const char *name, struct slice json)
{
	o->vars = mem_resize(o->vars, o->n_vars + 1, sizeof *o->vars);
	o->vars[o->n_vars++] = (struct jq_var){name, {mem_dup(json.p, json.len), json.len}};
}

static bool has_var(const struct options *o, const char *name)
{
	for (size_t i = 0; i < o->n_vars; i++)
		if (strcmp(o->vars[i].name, name) == 0)
			return true;
	return false;
}

/* A name given twice keeps its first value, as in jq. */
static void name_value(struct options *o, const char *name, struct slice json)
{
	if (has_var(o, name))
		return;
	add_var(o, name, json);
	if (o->named.len)
		buf_add_char(&o->named, ',');
	json_add_string(&o->named, slice_str(name));
	buf_add_char(&o->named, ':');
	buf_add_slice(&o->named, json);
}

static int check_name(const char *option, const char *name, struct err *err)
{
	if (!json_is_utf8(name, strlen(name)))
		return err_set(err, ERR_USAGE, "--%s: the name is not UTF-8", option);
	return 0;
}

static int call_arg(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct buf json = BUF_INIT;
	int result = check_name(name, args[0], err);

	if (!result && !json_try_string(&json, slice_str(args[1])))
		result = err_set(err, ERR_USAGE, "--%s %.60s: the value is not UTF-8", name, args[0]);
	if (!result)
		name_value(opts, args[0], buf_slice(&json));
	buf_release(&json);
	return result;
}

/* Appends the JSON without the blanks between its tokens. */
static void add_compact(struct buf *out, const char *p, size_t len)
{
	bool is_string = false;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '"')
			is_string = !is_string;
		else if (is_string && p[i] == '\\')
			buf_add_char(out, p[i++]);
		else if (!is_string && strchr(" \t\r\n", p[i]))
			continue;
		buf_add_char(out, p[i]);
	}
}

/* One JSON value, over any number of lines, compact. */
static int add_json(struct buf *out, struct slice text, struct err *err)
{
	struct buf line = BUF_INIT;
	struct json_record record;
	int result = 0;

	buf_add_slice(&line, text);
	for (size_t i = 0; i < line.len; i++)
		if (line.p[i] == '\n' || line.p[i] == '\r')
			line.p[i] = ' ';
	json_check(line.p, line.len, JSON_DEPTH_MAX, &record);
	if (record.status == JSON_OK)
		add_compact(out, record.value.p, record.value.len);
	else if (record.status == JSON_BLANK)
		result = err_set(err, ERR_USAGE, "no JSON value");
	else
		result = err_set(err, ERR_USAGE, "not JSON: byte %zu: %s", record.byte, record.message);
	buf_release(&line);
	return result;
}

static int call_argjson(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct buf json = BUF_INIT;
	struct err sub = ERR_INIT;
	int result = check_name(name, args[0], err);

	if (!result && add_json(&json, slice_str(args[1]), &sub))
		result = err_set(err, ERR_USAGE, "--%s %.60s: %s", name, args[0], sub.msg);
	if (!result)
		name_value(opts, args[0], buf_slice(&json));
	buf_release(&json);
	return result;
}

static int read_file(const char *path, struct buf *out, struct err *err)
{
	FILE *file = fopen(path, "re");
	size_t n;

	if (!file)
		return err_sys(err, "%.120s", path);
	do {
		n = fread(buf_reserve(out, 65536), 1, 65536, file);
		out->len += n;
	} while (n);
	if (ferror(file)) {
		fclose(file);
		return err_sys(err, "%.120s", path);
	}
	fclose(file);
	return 0;
}

static int call_rawfile(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct buf text = BUF_INIT, json = BUF_INIT;
	int result = check_name(name, args[0], err) || read_file(args[1], &text, err) ? -1 : 0;

	if (!result && !json_try_string(&json, buf_slice(&text)))
		result = err_set(err, ERR_USAGE, "--%s %.60s: %.60s is not UTF-8", name, args[0], args[1]);
	if (!result)
		name_value(opts, args[0], buf_slice(&json));
	buf_release(&text);
	buf_release(&json);
	return result;
}

/* Where the value that begins at p ends: brackets and strings are matched, the scanner judges the rest. */
static const char *value_end(const char *p, const char *end)
{
	size_t depth = 0;
	bool is_string = false;

	for (; p < end; p++) {
		if (is_string) {
			if (*p == '\\')
				p++;
			else if (*p == '"')
				is_string = false;
		} else if (*p == '"') {
			is_string = true;
		} else if (*p == '{' || *p == '[') {
			depth++;
		} else if (*p == '}' || *p == ']') {
			depth -= depth > 0;
		} else if (strchr(" \t\r\n", *p) == NULL) {
			continue;
		} else if (depth == 0) {
			return p;
		}
		if (depth == 0 && !is_string && strchr("\"}]", *p))
			return p + 1;
	}
	return end;
}

static int call_slurpfile(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct buf text = BUF_INIT, json = BUF_INIT;
	struct err sub = ERR_INIT;
	int result = check_name(name, args[0], err) || read_file(args[1], &text, err) ? -1 : 0;
	const char *p = text.p, *end = text.p + text.len, *next;

	buf_add_char(&json, '[');
	while (!result) {
		while (p < end && strchr(" \t\r\n", *p))
			p++;
		if (p >= end)
			break;
		next = value_end(p, end);
		if (json.len > 1)
			buf_add_char(&json, ',');
		if (add_json(&json, (struct slice){p, (size_t)(next - p)}, &sub))
			result = err_set(err, ERR_USAGE, "--%s %.40s: %.60s: %s", name, args[0], args[1], sub.msg);
		p = next;
	}
	buf_add_char(&json, ']');
	if (!result)
		name_value(opts, args[0], buf_slice(&json));
	buf_release(&text);
	buf_release(&json);
	return result;
}

/* ---- operands ---- */

static int call_args(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct options *o = opts;

	(void)args;
	(void)err;
	o->operands = strcmp(name, "args") == 0 ? OPERANDS_ARE_TEXT : OPERANDS_ARE_JSON;
	return 0;
}

/* -c, --tab and --indent: the last one wins, as in jq. */
static int call_layout(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct options *o = opts;

	(void)args;
	(void)err;
	o->indent = strcmp(name, "tab") == 0 ? -1 : 0;
	return 0;
}

/* The first operand is the program wherever it stands; behind --args and --jsonargs the others are values. */
static int take_operand(void *opts, const char *word, struct err *err)
{
	struct options *o = opts;
	struct err sub = ERR_INIT;

	if (!o->has_program && !o->where && !o->from_file) {
		o->has_program = true;
		return 0;
	}
	if (o->operands == OPERANDS_ARE_FILES)
		return 0;
	if (o->positional.len)
		buf_add_char(&o->positional, ',');
	if (o->operands == OPERANDS_ARE_TEXT)
		return json_try_string(&o->positional, slice_str(word))
			       ? 1
			       : err_set(err, ERR_USAGE, "--args: an argument is not UTF-8");
	if (add_json(&o->positional, slice_str(word), &sub))
		return err_set(err, ERR_USAGE, "--jsonargs %.60s: %s", word, sub.msg);
	return 1;
}

/* clang-format off */
static const struct opt table[] = {
	{.kind = OPT_HEADING, .help = "Program"},
	{.name = "where", .kind = OPT_STRING, .offset = AT(where), .arg = "PROGRAM", .is_short = true,
	 .help = "keep the records for which PROGRAM is true: short for select(PROGRAM). All operands are then sources."},
	{.name = "from-file", .letter = 'f', .kind = OPT_STRING, .offset = AT(from_file), .arg = "FILE", .is_file = true, .is_short = true,
	 .help = "read the program from FILE. All operands are then sources."},
	{.name = "arg", .kind = OPT_CALL, .n_args = 2, .call = call_arg, .arg = "NAME VALUE", .is_short = true,
	 .help = "the text VALUE as $NAME."},
	{.name = "argjson", .kind = OPT_CALL, .n_args = 2, .call = call_argjson, .arg = "NAME JSON", .is_short = true,
	 .help = "the JSON value as $NAME."},
	{.name = "slurpfile", .kind = OPT_CALL, .n_args = 2, .call = call_slurpfile, .arg = "NAME FILE", .is_file = true,
	 .help = "the JSON values in FILE, as an array, as $NAME."},
	{.name = "rawfile", .kind = OPT_CALL, .n_args = 2, .call = call_rawfile, .arg = "NAME FILE", .is_file = true,
	 .help = "the text of FILE as $NAME."},
	{.name = "args", .kind = OPT_CALL, .call = call_args,
	 .help = "operands from here on are texts in $ARGS.positional, not sources."},
	{.name = "jsonargs", .kind = OPT_CALL, .call = call_args,
	 .help = "operands from here on are JSON values in $ARGS.positional."},
	{.letter = 'L', .name = "library-path", .kind = OPT_LIST, .offset = AT(lib_dirs), .arg = "DIR", .is_file = true,
	 .help = "look for modules in DIR; may be given more than once."},
	{.name = "evaluator", .kind = OPT_ENUM, .offset = AT(evaluator), .arg = "WHICH", .values = evaluators,
	 .help = "auto (default): native where it can, else libjq. native: refuse what only libjq runs. libjq: always libjq."},
	{.name = "jobs", .kind = OPT_INT, .offset = AT(jobs), .arg = "N", .min = 1, .max = JOBS_MAX, .is_short = true,
	 .help = "work with N threads, or N processes of libjq; what comes out is the same. Default 1."},
	{.name = "explain", .kind = OPT_FLAG, .offset = AT(is_explain), .is_short = true,
	 .help = "say which evaluator runs the program, why, and which paths it reads; read no record."},
	{.name = "marks", .kind = OPT_FLAG, .offset = AT(has_marks),
	 .help = "lines that begin with {\"_tlm\": are marks of tlm-replay --marks: they pass on as they are, in their place."},
	{.kind = OPT_HEADING, .help = "Input and output, in jq's letters"},
	{.name = "raw-output", .letter = 'r', .kind = OPT_FLAG, .offset = AT(is_raw_output), .is_short = true,
	 .help = "write strings without quotes and escapes."},
	{.name = "join-output", .letter = 'j', .kind = OPT_FLAG, .offset = AT(is_joined),
	 .help = "like -r, without a line end behind each output."},
	{.name = "raw-output0", .kind = OPT_FLAG, .offset = AT(is_raw_nul),
	 .help = "like -r, with a NUL behind each output instead of a line end."},
	{.name = "raw-input", .letter = 'R', .kind = OPT_FLAG, .offset = AT(is_raw_input), .is_short = true,
	 .help = "each line is a string, not JSON."},
	{.name = "null-input", .letter = 'n', .kind = OPT_FLAG, .offset = AT(is_null_input), .is_short = true,
	 .help = "run the program once, on null; input and inputs take the records."},
	{.name = "slurp", .letter = 's', .kind = OPT_FLAG, .offset = AT(is_slurp),
	 .help = "run the program once, on the array of all records (with -R: on the whole text); all of it is held in memory."},
	{.name = "stream", .kind = OPT_FLAG, .offset = AT(is_stream),
	 .help = "each record as events [PATH, LEAF] and [PATH], one by one."},
	{.name = "seq", .kind = OPT_FLAG, .offset = AT(is_seq),
	 .help = "RFC 7464: the separator 0x1e before each record, in the input (where it is there) and in the output."},
	{.name = "exit-status", .letter = 'e', .kind = OPT_FLAG, .offset = AT(is_status), .is_short = true,
	 .help = "status 1 if the last output was false or null, 4 if there was none."},
	{.name = "compact-output", .letter = 'c', .kind = OPT_CALL, .call = call_layout,
	 .help = "one line for each output: the default."},
	{.name = "tab", .kind = OPT_CALL, .call = call_layout, .help = "indent with tabs."},
	{.name = "indent", .kind = OPT_INT, .offset = AT(indent), .arg = "N", .min = 0, .max = 7,
	 .help = "indent by N blanks."},
	{.name = "sort-keys", .letter = 'S', .kind = OPT_FLAG, .offset = AT(is_sorted),
	 .help = "write the keys of each object sorted."},
	{.name = "ascii-output", .letter = 'a', .kind = OPT_FLAG, .offset = AT(is_ascii),
	 .help = "write characters beyond ASCII as escapes."},
	{.name = "color-output", .letter = 'C', .kind = OPT_FLAG, .offset = AT(is_color), .help = "colour, wherever the output goes."},
	{.name = "monochrome-output", .letter = 'M', .kind = OPT_FLAG, .offset = AT(is_mono), .help = "no colour."},
	{.kind = OPT_END},
};

static const struct opt_hint hints[] = {
	{"--argfile", "--slurpfile NAME FILE reads a file"},
	{"--compact", "outputs are compact by default; -c says so"},
	{"--stream-errors", "a line that is no JSON is a reject, with --stream too"},
	{"--binary", "output is never changed on its way; -b names brokers here"},
	{"--build-configuration", "jq tells how its library was built"},
	{"--debug-dump-disasm", "--explain says how a program is run"},
	{"--debug-trace", "--explain says how a program is run"},
	TOOL_TOPIC_HINTS,
	{NULL, NULL},
};

const struct opt_spec options_spec = {
	.tool = "tlm-filter",
	.summary = "selects and transforms records with a jq program",
	.usage = "[options] [PROGRAM] [SOURCE...] [-o SINK]",
	.details = "PROGRAM is jq's language. What telemetry programs are made of runs natively, near the speed of the pipe; the rest "
		   "runs in libjq, in a worker process with limits. A record that a program only selects leaves as its own bytes.",
	.examples = "tlm-filter 'select(.variable == \"SPEED\" and .value > 80)' trips.ndjson\n"
		    "tlm-filter --where '.value > 80' day.ndjson.zst -o fast.ndjson.zst\n"
		    "tlm-filter '{deviceId, value: (.value * 3.6)}' trips.ndjson\n",
	.options = table,
	.more = tool_source_options,
	.common = tool_common_options,
	.hints = hints,
	.has_program = true,
	.operand = take_operand,
};
/* clang-format on */

/* ---- what follows from them ---- */

int options_program(const struct options *o, char *const *operands, int n_operands, struct buf *program, int *n_used,
	struct err *err)
{
	*n_used = 0;
	if (o->where && o->from_file)
		return err_set(err, ERR_USAGE, "--where and -f: one program only");
	if (o->from_file)
		return read_file(o->from_file, program, err);
	if (o->where) {
		/* the line end keeps a comment at the end of the program from eating the bracket */
		buf_addf(program, "select(%s\n)", o->where);
		return 0;
	}
	/* at the end of a pipe jq takes what comes as it is */
	if (!n_operands && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))) {
		buf_add_char(program, '.');
		return 0;
	}
	if (!n_operands)
		return err_set(err, ERR_USAGE, "no program: say what to do, as in tlm-filter 'select(.value > 80)'");
	buf_add_str(program, operands[0]);
	*n_used = 1;
	return 0;
}

void options_finish(struct options *o)
{
	struct buf named = BUF_INIT, args = BUF_INIT;

	buf_addf(&named, "{%.*s}", (int)o->named.len, o->named.p ? o->named.p : "");
	buf_addf(&args, "{\"positional\":[%.*s],\"named\":%.*s}", (int)o->positional.len,
		o->positional.p ? o->positional.p : "", (int)named.len, named.p);
	if (!has_var(o, "ARGS"))
		add_var(o, "ARGS", buf_slice(&args));
	buf_reset(&o->named);
	buf_add_slice(&o->named, buf_slice(&named));
	buf_reset(&named);
	buf_addf(&named, "[%.*s]", (int)o->positional.len, o->positional.p ? o->positional.p : "");
	buf_reset(&o->positional);
	buf_add_slice(&o->positional, buf_slice(&named));
	buf_cstr(&o->named);
	buf_cstr(&o->positional);
	buf_release(&named);
	buf_release(&args);
}

void options_release(struct options *o)
{
	union {
		const char *in;
		char *out;
	} text;

	for (size_t i = 0; i < o->n_vars; i++) {
		text.in = o->vars[i].json.p;
		free(text.out);
	}
	free(o->vars);
	opt_list_release(&o->lib_dirs);
	buf_release(&o->named);
	buf_release(&o->positional);
}

struct jq_format options_format(const struct options *o, bool is_colored)
{
	return (struct jq_format){.indent = (int)o->indent,
		.is_raw = o->is_raw_output,
		.is_joined = o->is_joined,
		.is_nul = o->is_raw_nul,
		.is_seq = o->is_seq,
		.is_ascii = o->is_ascii,
		.is_sorted = o->is_sorted,
		.is_colored = is_colored};
}

const char **options_dirs(const struct options *o)
{
	const char **dirs = mem_alloc(o->lib_dirs.n + 1, sizeof *dirs);

	if (o->lib_dirs.n)
		memcpy(dirs, o->lib_dirs.items, o->lib_dirs.n * sizeof *dirs);
	return dirs;
}

char *options_program_dir(const struct options *o)
{
	const char *path = o->from_file, *slash = path ? strrchr(path, '/') : NULL;

	return slash ? mem_dup(path, slash == path ? 1 : (size_t)(slash - path)) : NULL;
}

void options_show_place(struct tool *t, struct slice program, size_t at)
{
	size_t start = at, end = at, line, column;

	while (start > 0 && program.p[start - 1] != '\n')
		start--;
	while (end < program.len && program.p[end] != '\n')
		end++;
	if (end - start > 200 || !json_is_utf8(program.p, program.len))
		return;
	jq_place((struct slice){program.p + start, end - start}, at - start, &line, &column);
	tool_warn(t, "  %.*s", (int)(end - start), program.p + start);
	tool_warn(t, "  %*s", (int)column, "^");
}

int options_check_marks(const struct options *o, struct err *err)
{
	const char *other = o->is_joined       ? "-j"
			    : o->is_raw_nul    ? "--raw-output0"
			    : o->is_seq        ? "--seq"
			    : o->is_raw_output ? "-r"
			    : o->is_raw_input  ? "-R"
			    : o->is_color      ? "-C"
			    : o->indent        ? "--indent and --tab"
					       : NULL;

	if (o->has_marks && other)
		return err_set(err, ERR_USAGE,
			"--marks: with %s lines are not records, a mark cannot stand between them", other);
	return 0;
}

/* `.a) | (.b` would be a program inside select(), and is none. */
int options_check_where(const struct options *o, struct tool *t, struct err *err)
{
	struct jq_program *program;
	size_t at;

	if (!o->where)
		return 0;
	program =
		jq_program_open(slice_str(o->where), &(struct jq_setup){o->vars, o->n_vars, JQ_DIALECT_1_6}, &at, err);
	if (!program) {
		err->input = "program";
		options_show_place(t, slice_str(o->where), at);
	}
	jq_program_close(program);
	return program ? 0 : -1;
}

/* A message is one value in one line. */
int options_check_topic(const struct options *o, const struct tool *t, struct err *err)
{
	struct jq_format format = options_format(o, o->is_color);

	if (!t->common.output || !kafka_is_place(t->common.output))
		return 0;
	if (format.indent || format.is_joined || format.is_colored)
		return err_set(err, ERR_USAGE,
			"--indent, --tab, -j and -C print what is no message: a topic takes one value a line");
	return 0;
}
