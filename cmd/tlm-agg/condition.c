#include "condition.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "jq/jq.h"
#include "mem/mem.h"

/*
 * The program runs as select(PROGRAM): comparisons of fields with constants are then decided on the spans of the
 * record, without the evaluator. It is compiled alone first, so that errors name places of what the user wrote, and so
 * that no bracket in it can end the select.
 */
struct condition {
	struct jq_program *program;
	struct jq_run *run;
	struct json_scan *scan; /* of condition_scan() */
	struct buf out;         /* what a select gives is the record: it is thrown away */
};

static struct jq_program *compile(const char *option, struct slice text, struct err *err)
{
	struct err inner = ERR_INIT;
	size_t at;
	struct jq_program *program = jq_program_open(text, NULL, &at, &inner);

	if (!program)
		err_set(err, inner.code, "%s: %s", option, inner.msg);
	else if (jq_input_call(program))
		err_set(err, ERR_PROGRAM, "%s: the program calls %s, but it sees one record at a time", option,
			jq_input_call(program));
	else if (jq_place_call(program))
		err_set(err, ERR_PROGRAM, "%s: the program calls %s, which only tlm-filter knows", option,
			jq_place_call(program));
	else if (jq_foreign(program))
		err_set(err, ERR_PROGRAM, "%s: only libjq runs %s: put tlm-filter 'select(...)' in front", option,
			jq_foreign(program));
	else
		return program;
	jq_program_close(program);
	return NULL;
}

struct condition *condition_open(const char *option, const char *program, struct err *err)
{
	struct jq_program *alone = compile(option, slice_str(program), err);
	struct jq_format format = {0};
	struct buf text = BUF_INIT;
	struct err inner = ERR_INIT;
	struct condition *c;

	if (!alone)
		return NULL;
	jq_program_close(alone);
	c = mem_alloc(1, sizeof *c);
	buf_addf(&text, "select(%s\n)", program); /* the line end closes a comment */
	c->program = compile(option, buf_slice(&text), &inner);
	buf_release(&text);
	if (!c->program) {
		err_set(err, ERR_PROGRAM, "%s: expected a condition, such as .value > 80, not '%.80s'", option,
			program); /* nothing, a comment or definitions: alone they are programs */
		condition_close(c);
		return NULL;
	}
	c->run = jq_run_open(c->program, &format, NULL);
	return c;
}

void condition_close(struct condition *c)
{
	if (!c)
		return;
	json_scan_close(c->scan);
	jq_run_close(c->run);
	jq_program_close(c->program);
	buf_release(&c->out);
	free(c);
}

struct json_paths *condition_paths(struct condition *c)
{
	return jq_own_paths(c->program);
}

enum condition_answer condition_ask(struct condition *c, const struct json_record *record, struct slice *message)
{
	struct jq_result result;
	int takes = jq_takes(c->run, record, &c->out, &result);

	if (takes >= 0)
		return takes ? CONDITION_YES : CONDITION_NO;
	*message = result.message;
	return result.status == JQ_ERROR ? CONDITION_ERROR : CONDITION_LIMIT;
}

enum condition_answer condition_scan(struct condition *c, const struct json_record *record, struct slice *message)
{
	struct json_record own;
	bool has_cr = record->p[record->len] == '\r';

	assert(record->p[record->len + has_cr] == '\n');
	if (!c->scan)
		c->scan = json_scan_open(jq_paths(c->program), JSON_DEPTH_MAX);
	json_scan_batch(c->scan, record->p, record->len + has_cr + 1);
	json_scan_next(c->scan, &own);
	assert(own.status == JSON_OK);
	return condition_ask(c, &own, message);
}
