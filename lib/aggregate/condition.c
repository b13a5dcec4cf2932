/* condition: `AGGREGATE where PROGRAM as NAME`: which records an aggregate sees. */
#include "aggregate/kinds.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "jq/jq.h"
#include "mem/mem.h"

/*
 * The program is run as select(PROGRAM) over a scan of its own: most conditions compare paths with constants, which is
 * decided on the spans. A record that is selected once or more counts once.
 */
struct agg_condition {
	struct slice text; /* in the list's text while it is parsed, then owned */
	struct jq_program *program;
	struct jq_run *run;
	struct json_scan *scan;
	struct jq_result result;
};

/* ---- where a program ends in a list ---- */

static const char *skip_string(const char *p);

/* p: at a bracket; returns what is behind its partner, or the end. */
static const char *skip_group(const char *p)
{
	size_t depth = 0;

	while (*p) {
		if (*p == '"') {
			p = skip_string(p);
			continue;
		}
		depth += strchr("([{", *p) != NULL;
		if (strchr(")]}", *p) && --depth == 0)
			return p + 1;
		p++;
	}
	return p;
}

static const char *skip_string(const char *p)
{
	for (p++; *p && *p != '"';) {
		if (p[0] == '\\' && p[1] == '(')
			p = skip_group(p + 1);
		else
			p += p[0] == '\\' && p[1] ? 2 : 1;
	}
	return *p ? p + 1 : p;
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* "as NAME"; the `as` of the language has a variable or a pattern behind it */
static bool is_as(const char *start, const char *p)
{
	size_t blanks;

	if (strncmp(p, "as", 2) != 0 || (p > start && (is_name_byte(p[-1]) || p[-1] == '.' || p[-1] == '$')))
		return false;
	blanks = strspn(p + 2, " \t\r\n");
	return blanks && is_name_byte(p[2 + blanks]);
}

const char *agg_condition_end(const char *p)
{
	const char *start = p;

	while (*p && *p != ',' && *p != ')' && !is_as(start, p)) {
		if (*p == '"')
			p = skip_string(p);
		else if (*p == '(' || *p == '[' || *p == '{')
			p = skip_group(p);
		else
			p++;
	}
	return p;
}

/* ---- the conditions of a list ---- */

static int compile(struct agg_condition *c, struct slice text, size_t *at, struct err *err)
{
	struct buf whole = BUF_INIT;
	struct err inner = ERR_INIT;
	struct jq_program *alone = jq_program_open(text, NULL, at, err);
	const char *foreign;

	if (!alone)
		return -1;
	*at = 0;
	foreign = jq_place_call(alone) ? jq_place_call(alone) : jq_foreign(alone);
	if (foreign)
		err_set(err, ERR_PROGRAM, "%.80s cannot be part of a condition here: filter with tlm-filter before",
			foreign);
	jq_program_close(alone);
	if (foreign)
		return -1;
	buf_add_str(&whole, "select(");
	buf_add_slice(&whole, text);
	buf_add_str(&whole, "\n)"); /* behind a comment */
	c->program = jq_program_open(buf_slice(&whole), NULL, at, &inner);
	buf_release(&whole);
	if (!c->program) { /* a comment or definitions: alone they are programs */
		*at = 0;
		return err_set(err, ERR_PROGRAM, "expected a program behind 'where', such as .value > 80");
	}
	c->run = jq_run_open(c->program, &(struct jq_format){.indent = 0}, NULL);
	c->scan = json_scan_open(jq_paths(c->program), JSON_DEPTH_MAX);
	c->text = (struct slice){mem_dup(text.p, text.len), text.len};
	return 0;
}

int agg_condition_add(struct agg_list *list, struct slice text, int32_t *condition, size_t *at, struct err *err)
{
	struct agg_condition *c;
	size_t i = 0;

	while (i < list->n_conditions && !slice_eq(list->conditions[i].text, text))
		i++;
	*condition = (int32_t)i;
	if (i < list->n_conditions)
		return 0;
	list->conditions = mem_resize(list->conditions, ++list->n_conditions, sizeof *c);
	c = &list->conditions[i];
	*c = (struct agg_condition){.program = NULL};
	return compile(c, text, at, err);
}

void agg_conditions_release(struct agg_list *list)
{
	for (size_t i = 0; i < list->n_conditions; i++) {
		struct agg_condition *c = &list->conditions[i];

		json_scan_close(c->scan);
		jq_run_close(c->run);
		jq_program_close(c->program);
		free((char *)(uintptr_t)c->text.p);
	}
	free(list->conditions);
}

struct slice agg_condition_text(const struct agg_list *list, int32_t condition)
{
	return list->conditions[condition].text;
}

/* ---- records ---- */

/* 1 or 0; -1 with c->result when the program fails. */
static int judge(struct agg_condition *c, const struct json_record *record, struct buf *out)
{
	struct json_record own;
	bool has_cr = record->p[record->len] == '\r';

	assert(record->p[record->len + has_cr] == '\n');
	json_scan_batch(c->scan, record->p, record->len + has_cr + 1);
	if (!json_scan_next(c->scan, &own) || own.status != JSON_OK)
		return 0;
	return jq_takes(c->run, &own, out, &c->result);
}

int32_t agg_judge(struct agg_list *list, const struct json_record *record, struct agg_value *values,
	const struct jq_result **raised)
{
	for (size_t i = 0; i < list->n_conditions; i++) {
		int is_true = judge(&list->conditions[i], record, &list->scratch);

		if (is_true < 0) {
			*raised = &list->conditions[i].result;
			return (int32_t)i;
		}
		values[list->n_fields + i].is_present = is_true;
	}
	return -1;
}
