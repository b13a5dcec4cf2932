/*
 * libjq's rules: every jv_ function consumes its arguments (but jv_copy() and the foreach macros) and gives a value
 * that is owned; a jq_state runs one input at a time, and jq_start() drops what is left of the one before.
 */
#include "jqworker/program.h"

#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jq.h>
#include <jv.h>

#include "jqworker/spawner.h"
#include "jqworker/value.h"
#include "mem/mem.h"

struct program {
	const struct jqworker_opts *opts;
	jq_state *jq;
	jv_parser *parser;
	int dump_flags;
	bool has_own_form; /* a record prints as it is */
	struct buf *notes; /* of the running record */
};

/* libjq 1.7 and later: what `stderr` prints is handed over; 1.6 writes to the stream. */
extern void jq_set_stderr_cb(jq_state *, jq_msg_cb, void *) __attribute__((weak));

/* libjq 1.8 and later, which has no function that tells its version */
extern jv jv_string_repeat(jv, int) __attribute__((weak));

int jqworker_minor_version(void)
{
	return !jq_set_stderr_cb ? 6 : !jv_string_repeat ? 7 : 8;
}

bool jqworker_set_colors(const char *colors)
{
	return jq_set_colors(colors) != 0;
}

/* ---- messages ---- */

static void add_jv(struct buf *out, jv value, int flags)
{
	jv text = jv_dump_string(value, flags);

	buf_add(out, jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));
	jv_free(text);
}

/* value is consumed */
static void add_compact(struct buf *out, jv value)
{
	value_add(out, value);
	jv_free(value);
}

/* A string as its bytes, anything else as JSON; value is consumed. */
static void add_text(struct buf *out, jv value)
{
	if (jv_get_kind(value) != JV_KIND_STRING) {
		add_jv(out, value, 0);
		return;
	}
	buf_add(out, jv_string_value(value), (size_t)jv_string_length_bytes(jv_copy(value)));
	jv_free(value);
}

static void note_debug(void *ctx, jv message)
{
	struct program *p = ctx;

	buf_add_str(p->notes, "debug: ");
	add_jv(p->notes, message, 0);
	buf_add_char(p->notes, '\n');
}

static void note_stderr(void *ctx, jv message)
{
	struct program *p = ctx;

	buf_add_str(p->notes, "stderr: ");
	add_text(p->notes, message);
	buf_add_char(p->notes, '\n');
}

static ssize_t write_stderr(void *ctx, const char *bytes, size_t len)
{
	struct program *p = ctx;

	if (p->notes)
		buf_add(p->notes, bytes, len);
	return (ssize_t)len;
}

/* The stream that libjq 1.6 writes to becomes notes too. */
static void catch_stderr(struct program *p)
{
	cookie_io_functions_t io = {.write = write_stderr};
	FILE *f = fopencookie(p, "w", io);

	if (f)
		stderr = f;
}

static void take_stderr(struct program *p)
{
	if (__fpending(stderr) == 0)
		return;
	buf_add_str(p->notes, "stderr: ");
	fflush(stderr);
	buf_add_char(p->notes, '\n');
}

/* ---- places ---- */

/*
 * libjq knows the places of what it reads itself. What we read has them in an attribute that programs can ask for while
 * they run: it is otherwise the folder of the jq command, where modules are looked for while they are compiled.
 */
static const char place_functions[] = "def input_filename: get_jq_origin[0]; def input_line_number: get_jq_origin[1]; ";

static void set_place(struct program *p, jv input, uint64_t line)
{
	jq_set_attr(p->jq, jv_string("JQ_ORIGIN"), JV_ARRAY(input, jv_number((double)line)));
}

void program_put_place(struct buf *out, const char *input, uint64_t line)
{
	buf_add(out, &line, sizeof line);
	buf_add_str(out, input && strcmp(input, "-") != 0 ? input : "");
	buf_add_char(out, '\0');
}

struct slice program_take_place(struct program *p, struct slice record)
{
	const char *input = record.p + sizeof(uint64_t);
	size_t bytes = sizeof(uint64_t) + strlen(input) + 1;
	uint64_t line;

	memcpy(&line, record.p, sizeof line);
	set_place(p, *input ? jv_string(input) : jv_null(), line);
	return (struct slice){record.p + bytes, record.len - bytes};
}

/* The functions of places come before the program's own, on its first line: messages tell lines. */
static void put_together(struct buf *text, const struct jqworker_opts *opts)
{
	buf_add(text, opts->program, opts->body_at);
	if (opts->has_place)
		buf_add_str(text, place_functions);
	buf_add_str(text, opts->program + opts->body_at);
}

/* ---- compiling ---- */

struct complaint {
	struct buf text; /* the first one */
};

static void keep_complaint(void *ctx, jv message)
{
	struct complaint *c = ctx;

	message = jq_format_error(message);
	if (c->text.len == 0)
		add_text(&c->text, message);
	else
		jv_free(message);
}

static const char *skip(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : text;
}

static void add_without(struct buf *out, const char *p, size_t len, const char *phrase)
{
	const char *at = memmem(p, len, phrase, strlen(phrase));
	size_t n = at ? (size_t)(at - p) : len;

	buf_add(out, p, n);
	if (at)
		buf_add(out, at + strlen(phrase), len - n - strlen(phrase));
}

/* "jq: error: WHAT at <top-level>, line 1:\n..." becomes "line 1: WHAT". */
static void tidy(struct buf *why, struct buf *text)
{
	const char *p = skip(skip(buf_cstr(text), "jq: "), "error: ");
	size_t len = strcspn(p, "\n");
	const char *at = memmem(p, len, " at <top-level>, ", 17);

	if (len && p[len - 1] == ':')
		len--;
	if (at) {
		buf_add(why, at + 17, (size_t)(p + len - at) - 17);
		buf_add_str(why, ": ");
		len = (size_t)(at - p);
	}
	add_without(why, p, len, " (Unix shell quoting issues?)");
}

static jv parse_or(const char *json, jv fallback)
{
	jv value = json ? jv_parse(json) : jv_copy(fallback);

	if (jv_is_valid(value)) {
		jv_free(fallback);
		return value;
	}
	jv_free(value);
	return fallback;
}

/* Named arguments are variables; all of them are in $__prog_args, and in $ARGS with the positional ones. */
static jv make_args(const struct jqworker_opts *opts)
{
	jv named = parse_or(opts->named_json, jv_object());
	jv positional = parse_or(opts->positional_json, jv_array());
	jv all = jv_object();

	all = jv_object_set(all, jv_string("positional"), positional);
	all = jv_object_set(all, jv_string("named"), jv_copy(named));
	return jv_object_set(named, jv_string("ARGS"), all);
}

/* A module is looked for in each folder; one that it imports itself too, where a relative name would begin beside it.
 */
static jv absolute(const char *dir)
{
	char *path = realpath(dir, NULL);
	jv text = jv_string(path ? path : dir);

	free(path);
	return text;
}

static void set_modules(jq_state *jq, const struct jqworker_opts *opts)
{
	jv dirs = jv_array();

	for (size_t i = 0; opts->lib_dirs && opts->lib_dirs[i]; i++)
		dirs = jv_array_append(dirs, absolute(opts->lib_dirs[i]));
	jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), dirs);
	jq_set_attr(jq, jv_string("PROGRAM_ORIGIN"), absolute(opts->program_dir ? opts->program_dir : "."));
}

static int make_dump_flags(const struct jqworker_opts *opts)
{
	/* from libjq 1.7 on an indent of 0 still breaks lines */
	int flags = opts->indent ? JV_PRINT_INDENT_FLAGS(opts->indent) : 0;

	if (opts->form & JQWORKER_ASCII)
		flags |= JV_PRINT_ASCII;
	if (opts->form & JQWORKER_SORTED)
		flags |= JV_PRINT_SORTED;
	if (opts->form & JQWORKER_COLOR)
		flags |= JV_PRINT_COLOR;
	return flags;
}

static void end_without_memory(void *ctx)
{
	(void)ctx;
	_exit(WORKER_NO_MEMORY);
}

struct program *program_open(const struct jqworker_opts *opts, struct buf *why)
{
	struct complaint complaint = {BUF_INIT};
	struct program *p = mem_alloc(1, sizeof *p);
	struct buf text = BUF_INIT;
	int is_good;

	put_together(&text, opts);
	p->opts = opts;
	p->dump_flags = make_dump_flags(opts);
	p->has_own_form = opts->indent == 0 && !(opts->form & (JQWORKER_ASCII | JQWORKER_SORTED | JQWORKER_COLOR));
	p->jq = jq_init();
	if (!p->jq)
		mem_fail();
	/* libjq 1.6 leaves it undefined, and sets it again at each jq_next() */
	jq_set_nomem_handler(p->jq, end_without_memory, NULL);
	catch_stderr(p);
	set_modules(p->jq, opts);
	jq_set_error_cb(p->jq, keep_complaint, &complaint);
	is_good = jq_compile_args(p->jq, buf_cstr(&text), make_args(opts));
	buf_release(&text);
	jq_set_error_cb(p->jq, NULL, NULL);
	if (!is_good) {
		tidy(why, &complaint.text);
		return NULL;
	}
	jq_set_debug_cb(p->jq, note_debug, p);
	if (jq_set_stderr_cb)
		jq_set_stderr_cb(p->jq, note_stderr, p);
	/* `input` finds nothing; libjq's own input_filename would be null */
	jq_set_input_cb(p->jq, jq_util_input_next_input_cb, jq_util_input_init(NULL, NULL));
	set_place(p, jv_null(), 0);
	p->parser = jv_parser_new(0);
	return p;
}

void program_show(const struct program *p, struct buf *out)
{
	enum { READ_BYTES = 16 << 10 };
	int fd = memfd_create("program", 0);
	ssize_t n;

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		mem_fail();
	jq_dump_disassembly(p->jq, 0);
	fflush(stdout);
	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, buf_reserve(out, READ_BYTES), READ_BYTES)) > 0)
		out->len += (size_t)n;
	close(fd);
}

/* ---- running ---- */

static bool is_raw(const struct program *p)
{
	return p->opts->form & (JQWORKER_RAW | JQWORKER_JOIN | JQWORKER_NUL);
}

/* The parser wants all of its bytes taken before it gets more: the newline behind the record ends a number. */
jv program_read(struct program *p, const char *record, size_t len)
{
	jv value, more;

	if (p->opts->is_raw_input)
		return jv_string_sized(record, (int)len);
	if (value_read(record, len, &value))
		return value;
	jv_parser_set_buf(p->parser, record, (int)len + 1, 1);
	value = jv_parser_next(p->parser);
	more = jv_is_valid(value) ? jv_parser_next(p->parser) : jv_copy(value);
	if (jv_is_valid(value) && !jv_is_valid(more) && !jv_invalid_has_msg(jv_copy(more))) {
		jv_free(more);
		return value;
	}
	jv_free(value);
	jv_parser_free(p->parser);
	p->parser = jv_parser_new(0);
	return more;
}

static void begin_output(const struct program *p, struct buf *out)
{
	if (p->opts->form & JQWORKER_SEQ)
		buf_add_char(out, '\x1e');
}

static void end_output(const struct program *p, struct buf *out)
{
	if (p->opts->form & JQWORKER_NUL)
		buf_add_char(out, '\0');
	else if (!(p->opts->form & JQWORKER_JOIN))
		buf_add_char(out, '\n');
}

static void add_own_bytes(const struct program *p, struct buf *out, const char *record, size_t len)
{
	begin_output(p, out);
	buf_add(out, record, len);
	end_output(p, out);
}

/* value is consumed */
static void add_output(const struct program *p, struct buf *out, jv value)
{
	begin_output(p, out);
	if (is_raw(p) && jv_get_kind(value) == JV_KIND_STRING && !(p->opts->form & JQWORKER_ASCII))
		add_text(out, value);
	else if (p->has_own_form)
		add_compact(out, value);
	else
		add_jv(out, value, p->dump_flags);
	end_output(p, out);
}

/* A text prints as itself when it is read and written raw; a JSON value when it is no string that loses its quotes. */
static bool prints_as_it_is(const struct program *p, jv input)
{
	bool is_string = jv_get_kind(input) == JV_KIND_STRING;

	return p->has_own_form && (p->opts->is_raw_input ? is_raw(p) : !(is_raw(p) && is_string));
}

static void say_error(struct result *r, jv invalid)
{
	jv message = jv_invalid_get_msg(invalid);
	bool is_string = jv_get_kind(message) == JV_KIND_STRING;

	r->fate = JQWORKER_ERROR;
	if (!is_string)
		buf_add_str(&r->message, "(not a string): ");
	add_text(&r->message, message);
}

/* As jq prints it: a string as it is, JSON with a newline, nothing for null. */
static void say_halt(struct program *p, struct result *r)
{
	jv status = jq_get_exit_code(p->jq);
	jv message = jq_get_error_message(p->jq);
	bool is_string;

	r->fate = JQWORKER_HALTED;
	r->status = !jv_is_valid(status) ? 0 : jv_get_kind(status) == JV_KIND_NUMBER ? (int)jv_number_value(status) : 5;
	jv_free(status);
	if (jv_get_kind(message) == JV_KIND_INVALID || jv_get_kind(message) == JV_KIND_NULL) {
		jv_free(message);
		return;
	}
	is_string = jv_get_kind(message) == JV_KIND_STRING;
	add_text(&r->message, message);
	if (!is_string)
		buf_add_char(&r->message, '\n');
}

static void reset(struct result *r)
{
	r->fate = JQWORKER_DONE;
	r->is_same = false;
	r->outputs = 0;
	r->last = JQWORKER_LAST_NONE;
	r->status = 0;
	buf_reset(&r->out);
	buf_reset(&r->message);
	buf_reset(&r->notes);
}

static void note_output(struct result *r, jv value)
{
	jv_kind kind = jv_get_kind(value);

	r->last = kind == JV_KIND_FALSE || kind == JV_KIND_NULL ? JQWORKER_LAST_FALSE : JQWORKER_LAST_TRUE;
	r->outputs++;
}

/*
 * All outputs of a record. The input is held besides, so that a program that changes it gets a copy and an identical
 * output is an unchanged one: it leaves as the record's own bytes, the first of them only once a second output comes.
 */
static jv collect(struct program *p, const char *record, size_t len, jv input, struct result *r)
{
	bool may_pass = prints_as_it_is(p, input);
	bool is_plain = !(p->opts->form & (JQWORKER_JOIN | JQWORKER_NUL | JQWORKER_SEQ));
	jv value;

	jq_start(p->jq, jv_copy(input), 0);
	while (jv_is_valid(value = jq_next(p->jq))) {
		bool is_own = may_pass && jv_identical(jv_copy(value), jv_copy(input));

		if (r->is_same)
			add_own_bytes(p, &r->out, record, len);
		r->is_same = is_own && is_plain && r->outputs == 0;
		note_output(r, value);
		if (is_own && !r->is_same)
			add_own_bytes(p, &r->out, record, len);
		if (is_own)
			jv_free(value);
		else
			add_output(p, &r->out, value);
		if (r->out.len > p->opts->output_bytes)
			break;
	}
	jv_free(input);
	return value;
}

static void say_too_much(const struct program *p, struct result *r)
{
	r->fate = JQWORKER_KILLED;
	r->is_same = false;
	r->outputs = 0;
	r->last = JQWORKER_LAST_NONE;
	buf_reset(&r->out);
	buf_add_str(&r->message, "the program put out more than ");
	size_add(&r->message, p->opts->output_bytes);
}

/* Why there is no further output; end is consumed. */
static void say_end(struct program *p, jv end, struct result *r)
{
	take_stderr(p);
	if (r->out.len > p->opts->output_bytes)
		say_too_much(p, r);
	else if (jq_halted(p->jq))
		say_halt(p, r);
	else if (jv_invalid_has_msg(jv_copy(end)))
		say_error(r, jv_copy(end));
	jv_free(end);
}

void program_run(struct program *p, const char *record, size_t len, struct result *r)
{
	struct slice own = {record, len};
	jv input, end;

	if (p->opts->has_place)
		own = program_take_place(p, own);
	input = program_read(p, own.p, own.len);
	reset(r);
	p->notes = &r->notes;
	if (!jv_is_valid(input)) {
		say_error(r, input);
		return;
	}
	end = collect(p, own.p, own.len, input, r);
	say_end(p, end, r);
}

void program_take_inputs(struct program *p, jq_input_cb give, void *ctx)
{
	jq_set_input_cb(p->jq, give, ctx);
}

void program_play(struct program *p, jv input, struct result *r, void (*add)(void *ctx, struct slice text), void *ctx)
{
	enum { PIECE_BYTES = 16 << 10 };
	jv value;

	reset(r);
	p->notes = &r->notes;
	if (!jv_is_valid(input)) {
		say_error(r, input);
		return;
	}
	jq_start(p->jq, input, 0);
	while (jv_is_valid(value = jq_next(p->jq))) {
		note_output(r, value);
		add_output(p, &r->out, value);
		if (r->out.len >= PIECE_BYTES) {
			add(ctx, buf_slice(&r->out));
			buf_reset(&r->out);
		}
	}
	if (r->out.len)
		add(ctx, buf_slice(&r->out));
	buf_reset(&r->out);
	say_end(p, value, r);
}
