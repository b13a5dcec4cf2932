/*
 * Programs and runs: the ends of the module.
 */
#include "jq/impl.h"

#include <assert.h>
#include <stdlib.h>

#include "mem/mem.h"
#include "regex/regex.h"

struct jq_program *jq_program_open(struct slice text, const struct jq_setup *setup, size_t *at, struct err *err)
{
	static const struct jq_setup plain;
	struct jq_program *program = mem_alloc(1, sizeof *program);

	if (!setup)
		setup = &plain;
	*at = 0;
	program->dialect = setup->dialect;
	program->text.p = mem_dup(text.p, text.len);
	program->text.len = text.len;
	program->paths = json_paths_open();
	if (!json_is_utf8(text.p, text.len)) {
		parse_error(text, 0, err, "the program is not UTF-8");
		goto fail;
	}
	program->root = jq_read_program(program, setup->vars, setup->n_vars, at, err);
	if (!program->root)
		goto fail;
	if (program->root->kind == N_FOREIGN)
		return program;
	if (jq_resolve(program, at, err))
		goto fail;
	if (!program->foreign)
		jq_simplify(program);
	return program;
fail:
	jq_program_close(program);
	return NULL;
}

void jq_program_close(struct jq_program *program)
{
	union {
		const char *in;
		char *out;
	} text;

	if (!program)
		return;
	text.in = program->text.p;
	free(text.out);
	free(program->foreign);
	json_paths_close(program->paths);
	match_close_all(program->matches);
	buf_release(&program->explain_paths);
	arena_release(&program->arena);
	free(program);
}

const char *jq_foreign(const struct jq_program *program)
{
	return program->foreign;
}

bool jq_is_native_only(const struct jq_program *program)
{
	return program->is_native_only;
}

const char *jq_input_call(const struct jq_program *program)
{
	return program->input_call;
}

bool jq_is_unread(const struct jq_program *program)
{
	return program->is_unread;
}

size_t jq_body_at(const struct jq_program *program)
{
	return program->body_at;
}

bool jq_doubt(const struct jq_program *program, size_t *at, struct err *err)
{
	if (program->doubt.code == ERR_NONE)
		return false;
	*err = program->doubt;
	*at = program->doubt_at;
	return true;
}

const char *jq_place_call(const struct jq_program *program)
{
	return program->place_call;
}

bool jq_reads_environment(const struct jq_program *program)
{
	return program->reads_environment;
}

const struct json_paths *jq_paths(const struct jq_program *program)
{
	return program->paths;
}

struct json_paths *jq_own_paths(struct jq_program *program)
{
	return program->paths;
}

void jq_explain(const struct jq_program *program, struct buf *out)
{
	if (program->foreign) {
		buf_addf(out, "evaluator: libjq, in a worker process, because of %s\n", program->foreign);
		return;
	}
	buf_add_str(out, "evaluator: native\n");
	buf_addf(out, "way: %s\n",
		!program->test               ? "evaluated for each record"
		: program->splice.assignment ? "one member changed in the bytes of the record"
		: program->pieces            ? "tests and a template, on the bytes of the record"
					     : "tests, on the bytes of the record");
	buf_add_str(out, "paths: ");
	if (program->explain_paths.len)
		buf_add_slice(out, buf_slice(&program->explain_paths));
	else
		buf_add_str(out, program->test ? "none" : "the whole record");
	buf_add_char(out, '\n');
}

/* ---- runs ---- */

struct jq_run *jq_run_open(
	const struct jq_program *program, const struct jq_format *format, const struct jq_limits *limits)
{
	struct run *r = mem_alloc_apart(1, sizeof *r);

	assert(!program->foreign);
	r->program = program;
	r->format = *format;
	if (limits)
		r->limits = *limits;
	if (!r->limits.steps)
		r->limits.steps = JQ_STEPS_DEFAULT;
	if (!r->limits.bytes)
		r->limits.bytes = JQ_BYTES_DEFAULT;
	r->arena.limit_bytes = r->limits.bytes;
	r->arena.on_limit = &r->on_limit;
	r->vars = mem_alloc_apart(program->n_vars + 1, sizeof *r->vars);
	r->is_simple = program->test && !format->indent && !format->is_ascii && !format->is_sorted &&
		       !format->is_colored && !format->is_raw && !format->is_joined && !format->is_nul &&
		       !format->is_seq;
	return r;
}

void jq_run_close(struct jq_run *r)
{
	if (!r)
		return;
	arena_release(&r->arena);
	buf_release(&r->message);
	buf_release(&r->scratch);
	regex_room_close(r->room);
	free(r->vars);
	free(r);
}

void run_limit(struct run *r, const char *what)
{
	r->limit_message = what;
	longjmp(r->on_limit, 1);
}

void run_elsewhere(struct run *r)
{
	r->limit_message = r->program->is_native_only
				   ? "only libjq could go on here, and it lacks a function of the program"
				   : NULL;
	longjmp(r->on_limit, 1);
}

struct output {
	struct emit emit;
};

static int write_output(struct emit *k, struct run *r, struct value v)
{
	(void)k;
	value_print(r, r->out, v);
	r->result->outputs++;
	r->result->is_last_true = value_is_true(v);
	return 0;
}

/* What jq would print behind "jq: error": text as it is, anything else as JSON. */
static void tell_error(struct run *r)
{
	struct slice text;

	if (r->error.type == JSON_STRING) {
		text = value_text(r, r->error);
		buf_reset(&r->message);
		buf_add_slice(&r->message, text);
	} else {
		buf_reset(&r->message);
		buf_add_str(&r->message, "(not a string): ");
		value_dump(r, &r->message, r->error);
	}
	r->result->status = JQ_ERROR;
	r->result->message = buf_slice(&r->message);
}

void run_begin(struct run *r, struct buf *out)
{
	arena_reset(&r->arena);
	r->steps = r->search_ns = r->searches = 0;
	r->has_error = false;
	r->last_string_end = r->last_string_room = NULL;
	r->last_items_end = r->last_items_room = NULL;
	r->out = out;
	r->out_start = out->len;
	r->limit_message = "the program took more than its bytes for one record";
}

static void run_root(struct run *r, struct buf *out, struct jq_result *result)
{
	struct emit output = {write_output};

	run_begin(r, out);
	r->result = result;
	*result = (struct jq_result){.status = JQ_OK};
	if (setjmp(r->on_limit)) {
		out->len = r->out_start;
		result->outputs = 0;
		result->status = r->limit_message ? JQ_LIMIT : JQ_ELSEWHERE;
		result->message = slice_str(r->limit_message ? r->limit_message : "");
		return;
	}
	if (eval(r, r->program->root, r->root, &output) != -1)
		return;
	/* a later library has messages of its own */
	if (r->program->dialect != JQ_DIALECT_1_6 && !r->program->is_native_only) {
		out->len = r->out_start;
		*result = (struct jq_result){.status = JQ_ELSEWHERE};
	} else if (r->error.type != JSON_NULL) {
		tell_error(r);
	}
}

void jq_run_place(struct jq_run *r, const char *input, uint64_t first_line)
{
	r->input_name = input;
	r->first_line = first_line;
}

void jq_run_record(struct jq_run *r, const struct json_record *record, struct buf *out, struct jq_result *result)
{
	r->record = record;
	r->root = value_span(record->value);
	run_root(r, out, result);
}

void jq_run_text(struct jq_run *r, struct slice text, struct buf *out, struct jq_result *result)
{
	r->record = NULL;
	r->root = value_borrow(text.p, text.len);
	run_root(r, out, result);
}
