#include "aggregate/kinds.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "group/group.h"
#include "mem/mem.h"

/*
 * list   = item { ',' item }
 * item   = ( call | 'round' '(' call ',' digits ')' ) [ 'where' program ] [ 'as' name ]
 * call   = function [ '(' path { ',' ( path | number ) } ')' ]
 * A name of the output is letters, digits and '_'.
 */
struct parser {
	const char *text, *at;
	struct agg_list *list;
	struct err *err;
};

enum { WORD_BYTES = 32 };

static int fail_at(struct parser *p, const char *at, const char *what, struct slice word)
{
	return err_set(p->err, ERR_PROGRAM, "aggregate list, byte %zu: %s%s%.*s%s", (size_t)(at - p->text) + 1, what,
		word.len ? " '" : "", (int)(word.len < 64 ? word.len : 64), word.p ? word.p : "", word.len ? "'" : "");
}

static const struct slice no_word = {NULL, 0};

static void skip_blanks(struct parser *p)
{
	while (*p->at && strchr(" \t\r\n", *p->at))
		p->at++;
}

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct slice take_word(struct parser *p, bool with_point)
{
	struct slice word = {p->at, 0};

	while (is_word_byte(*p->at) || (with_point && *p->at == '.' && word.len))
		word.len = (size_t)(++p->at - word.p);
	return word;
}

static int fail_unknown(struct parser *p, struct slice word, bool has_field)
{
	struct agg_call ignored;
	const char *name = agg_function_meant(word);

	if (agg_function_find(word, !has_field, &ignored))
		return fail_at(p, word.p, has_field ? "takes no field:" : "needs a field, as in sum(value):", word);
	if (!name)
		return fail_at(p, word.p, "unknown function", word);
	return err_set(p->err, ERR_PROGRAM, "aggregate list, byte %zu: unknown function '%.*s': it is called %s here",
		(size_t)(word.p - p->text) + 1, (int)word.len, word.p, name);
}

/* ---- building ---- */

/* The field becomes one with an earlier one of its path and condition, if there is one. */
static int32_t share_field(struct agg_list *list, struct agg_field field)
{
	size_t i = 0;

	while (i < list->n_fields &&
		(list->fields[i].condition != field.condition || !fieldpath_eq(&list->fields[i].path, &field.path)))
		i++;
	if (i == list->n_fields)
		list->fields[list->n_fields++] = field;
	else
		fieldpath_release(&field.path);
	if (list->fields[i].need < field.need)
		list->fields[i].need = field.need;
	return (int32_t)i;
}

/* What a call reads, once its condition is known. n_before: the fields of the calls before it. */
static void share_fields(struct agg_list *list, struct agg_state *read, size_t n_before)
{
	list->n_fields = n_before;
	for (size_t k = 0; k < 2 && read->fields[k] >= 0; k++) {
		list->fields[read->fields[k]].condition = read->condition;
		read->fields[k] = share_field(list, list->fields[read->fields[k]]);
	}
}

/* The state that is as wanted but for its offset. */
static uint32_t state_of(struct agg_list *list, const struct agg_state *wanted)
{
	size_t i = 0;

	for (; i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];

		if (s->kind == wanted->kind && s->fields[0] == wanted->fields[0] && s->fields[1] == wanted->fields[1] &&
			s->parameter == wanted->parameter && s->condition == wanted->condition)
			return (uint32_t)i;
	}
	list->states = mem_resize(list->states, ++list->n_states, sizeof *list->states);
	list->states[i] = *wanted;
	list->states[i].offset = list->state_bytes;
	list->states[i].shortcut = agg_shortcut_of(wanted);
	list->state_bytes += wanted->kind->bytes;
	list->has_memory |= wanted->kind->release != NULL;
	list->has_samples |= wanted->kind->keeps_samples;
	list->merges_exactly &= wanted->kind->merges_exactly;
	agg_simple_find(list);
	return (uint32_t)i;
}

/* One '_' for any other character, however many bytes it has in UTF-8. */
static void add_word(struct buf *name, struct slice word)
{
	for (size_t i = 0; i < word.len; i++) {
		if (((unsigned char)word.p[i] & 0xC0) != 0x80)
			buf_add_char(name, is_word_byte(word.p[i]) ? word.p[i] : '_');
	}
}

/* ---- arguments ---- */

/* The field of a path, and its part of the default name. */
static int parse_path(struct parser *p, struct buf *name, enum agg_need need, int32_t *field)
{
	struct err inner = ERR_INIT;
	struct fieldpath path = FIELDPATH_INIT;
	size_t used = 0;

	if (fieldpath_parse(&path, slice_str(p->at), &used, &inner))
		return fail_at(p, p->at, inner.msg, no_word);
	p->at += used;
	fieldpath_name(name, &path);
	*field = (int32_t)p->list->n_fields++; /* until share_fields() */
	p->list->fields = mem_resize(p->list->fields, p->list->n_fields, sizeof *p->list->fields);
	p->list->fields[*field] = (struct agg_field){.path = path, .need = (uint8_t)need};
	return 0;
}

static int parse_integer(struct parser *p, int64_t min, int64_t max, int64_t *value, struct slice *word)
{
	struct err inner = ERR_INIT;

	*word = take_word(p, false);
	if (!word->len || num_parse_int(*word, min, max, value, &inner))
		return err_set(p->err, ERR_PROGRAM, "aggregate list, byte %zu: expected a number from %lld to %lld",
			(size_t)(word->p - p->text) + 1, (long long)min, (long long)max);
	return 0;
}

/* A share above 0 and up to 1. */
static int parse_share(struct parser *p, double *share, struct slice *word)
{
	*word = take_word(p, true);
	if (num_is_json(word->p, word->len)) {
		*share = num_to_double(word->p, word->len);
		if (*share > 0 && *share <= 1)
			return 0;
	}
	return fail_at(p, word->p, "expected a share above 0 and up to 1, such as 0.2", no_word);
}

/* A number or a word as JSON writes it, in quotes or up to a blank, a comma or a bracket. */
static struct slice take_constant(struct parser *p)
{
	struct slice word = {p->at, 0};

	if (*p->at == '"') {
		for (p->at++; *p->at && *p->at != '"'; p->at++)
			p->at += *p->at == '\\' && p->at[1];
		p->at += *p->at == '"';
	} else {
		while (*p->at && !strchr(" \t\r\n,()", *p->at))
			p->at++;
	}
	word.len = (size_t)(p->at - word.p);
	return word;
}

static int parse_limit(struct parser *p, double *limit, struct slice *word)
{
	*word = take_constant(p);
	if (!num_is_json(word->p, word->len))
		return fail_at(p, word->p, "expected a number, such as 80 or -0.5", no_word);
	*limit = num_to_double(word->p, word->len);
	return 0;
}

/* A value as transitions() tells values apart. */
static int parse_value(struct parser *p, uint64_t *hash, struct slice *word)
{
	struct buf *key = &p->list->scratch;
	struct json_record record;

	*word = take_constant(p);
	json_check(word->p, word->len, 1, &record);
	if (record.status != JSON_OK || record.type == JSON_NULL || record.type >= JSON_ARRAY)
		return fail_at(p, word->p, "expected a value, such as \"D\", 3 or true", no_word);
	buf_reset(key);
	group_key_add(key, record.value, &p->list->scratch_text);
	*hash = group_hash(buf_slice(key));
	if (record.type == JSON_STRING)
		*word = json_inside(record.value);
	return 0;
}

static int parse_number(struct parser *p, int64_t min, struct agg_call *call, struct slice *word)
{
	int64_t number;

	if (parse_integer(p, min, AGG_TALLY_MAX, &number, word))
		return -1;
	call->n = (uint32_t)number;
	return 0;
}

static int parse_width(struct parser *p, uint64_t *width, struct slice *word)
{
	*word = take_word(p, true);
	if (agg_width(*word, width))
		return 0;
	return fail_at(p, word->p, "expected a width, such as 10 or 0.5", no_word);
}

/* An argument that is no field, and its part of the default name. */
static int parse_constant(struct parser *p, char letter, struct agg_call *call, struct slice *word)
{
	switch (letter) {
	case 'w':
		return parse_width(p, &call->width, word);
	case 'x':
		return parse_share(p, &call->number, word);
	case 'l':
		return parse_limit(p, &call->number, word);
	case 'v':
		return parse_value(p, &call->constant, word);
	default:
		return parse_number(p, letter == 'm' ? 2 : 1, call, word);
	}
}

static int fail_arguments(struct parser *p, const char *arguments, size_t n)
{
	if (!arguments[n])
		return fail_at(p, p->at, n == 1 ? "expected ')' behind the field" : "expected ')' behind the arguments",
			no_word);
	if (arguments[n] == 'f')
		return fail_at(p, p->at, "expected ',' and a second field", no_word);
	return fail_at(
		p, p->at, arguments[n] == 'v' ? "expected ',' and a value" : "expected ',' and a number", no_word);
}

/* What stands between the brackets; p->at is behind the first of them. */
static int parse_arguments(struct parser *p, struct agg_call *call, struct buf *name, int32_t fields[2])
{
	const struct agg_kind *kind = call->function->kind;
	const char *arguments = call->function->arguments;
	size_t n = 0;

	for (;; n++, p->at++) {
		skip_blanks(p);
		buf_add_char(name, '_');
		if (arguments[n] == 'f') {
			if (parse_path(p, name, n ? kind->second_need : kind->need, &fields[n]))
				return -1;
		} else {
			struct slice word;

			if (parse_constant(p, arguments[n], call, &word))
				return -1;
			add_word(name, word);
		}
		skip_blanks(p);
		if (!arguments[n + 1] || *p->at != ',')
			break;
	}
	if (arguments[n + 1] || *p->at != ')')
		return fail_arguments(p, arguments, n + 1);
	p->at++;
	return 0;
}

static int parse_as(struct parser *p, struct agg_call *call)
{
	struct slice word;

	skip_blanks(p);
	if (strncmp(p->at, "as", 2) != 0 || is_word_byte(p->at[2]))
		return 0;
	p->at += 2;
	skip_blanks(p);
	word = take_word(p, false);
	if (!word.len)
		return fail_at(p, p->at, "expected a name of letters, digits and _ behind 'as'", no_word);
	free(call->name);
	call->name = mem_dup(word.p, word.len);
	return 0;
}

/* Blanks at the end are no part of it, so that equal programs are one condition. */
static int parse_where(struct parser *p, int32_t *condition)
{
	struct err inner = ERR_INIT;
	struct slice text;
	const char *start;
	size_t at = 0;

	skip_blanks(p);
	if (strncmp(p->at, "where", 5) != 0 || is_word_byte(p->at[5]))
		return 0;
	p->at += 5;
	skip_blanks(p);
	start = p->at;
	p->at = agg_condition_end(start);
	text = (struct slice){start, (size_t)(p->at - start)};
	while (text.len && strchr(" \t\r\n", text.p[text.len - 1]))
		text.len--;
	if (!text.len)
		return fail_at(p, start, "expected a program behind 'where', such as .value > 80", no_word);
	if (agg_condition_add(p->list, text, condition, &at, &inner))
		return fail_at(p, start + at, inner.msg, no_word);
	return 0;
}

static int check_name(struct parser *p, const char *at, const char *name)
{
	for (size_t i = 0; i + 1 < p->list->n_calls; i++) {
		if (strcmp(p->list->calls[i].name, name) == 0)
			return fail_at(p, at, "two columns have the name", slice_str(name));
	}
	return 0;
}

static struct agg_call *new_call(struct agg_list *list)
{
	list->calls = mem_resize(list->calls, ++list->n_calls, sizeof *list->calls);
	list->calls[list->n_calls - 1] = (struct agg_call){0};
	return &list->calls[list->n_calls - 1];
}

/* "p99.9" and .a.b: the name is "p99_9_a_b". */
static int parse_call(struct parser *p, struct agg_call *call, struct buf *name, int32_t fields[2])
{
	struct slice word;
	bool has_arguments;

	skip_blanks(p);
	word = take_word(p, true);
	if (!word.len)
		return fail_at(p, p->at,
			*p->at ? "expected a function, such as count or mean(value)" : "expected a function at the end",
			no_word);
	skip_blanks(p);
	has_arguments = *p->at == '(';
	if (has_arguments && slice_eq(word, SLICE_LIT("count")) && strncmp(p->at, "(*)", 3) == 0) {
		p->at += 3;
		has_arguments = false;
	}
	call->function = agg_function_find(word, has_arguments, call);
	if (!call->function)
		return fail_unknown(p, word, has_arguments);
	if (call->function->flags & AGG_PERCENTILE && call->percent > 100 * call->percent_scale)
		return fail_at(p, word.p, "a percentile is from p0 to p100, not", word);
	add_word(name, word);
	if (has_arguments) {
		p->at++;
		if (parse_arguments(p, call, name, fields))
			return -1;
	}
	if (!p->list->timed && call->function->flags & (AGG_TIMED | AGG_HELD))
		p->list->timed = call->function->name;
	p->list->has_sketch |= (call->function->flags & AGG_SKETCHED) != 0;
	return 0;
}

/* round(CALL, DIGITS); p->at is behind the word. */
static int parse_round(struct parser *p, struct agg_call *call, struct buf *name, int32_t fields[2])
{
	const char *start;
	struct slice word;
	int64_t digits;

	skip_blanks(p);
	if (*p->at != '(')
		return fail_at(p, p->at, "expected '(', as in round(mean(value), 2)", no_word);
	start = ++p->at;
	if (parse_call(p, call, name, fields))
		return -1;
	if (call->function->flags & AGG_COMPOUND)
		return fail_at(p, start, "no number to round:", slice_str(call->function->name));
	skip_blanks(p);
	if (*p->at != ',')
		return fail_at(p, p->at, "expected ',' and the number of digits, as in round(mean(value), 2)", no_word);
	p->at++;
	skip_blanks(p);
	if (parse_integer(p, 0, AGG_DIGITS_MAX, &digits, &word))
		return -1;
	call->is_rounded = true;
	call->digits = (int)digits;
	skip_blanks(p);
	if (*p->at != ')')
		return fail_at(p, p->at, "expected ')' behind the number of digits", no_word);
	p->at++;
	return 0;
}

/* The values of a state hold. */
static void carry_state(struct agg_list *list, struct agg_state *s)
{
	if (s->is_held)
		return;
	s->is_held = true;
	s->carried_offset = list->carried_bytes;
	list->carried_bytes += AGG_CARRIED_BYTES;
}

static int parse_item(struct parser *p)
{
	struct agg_call *call = new_call(p->list);
	struct buf name = BUF_INIT;
	struct agg_state read = {.fields = {-1, -1}, .condition = -1};
	const size_t n_fields = p->list->n_fields;
	const char *start;
	int result;

	skip_blanks(p);
	start = p->at;
	if (slice_eq(take_word(p, true), SLICE_LIT("round"))) {
		result = parse_round(p, call, &name, read.fields);
	} else {
		p->at = start;
		result = parse_call(p, call, &name, read.fields);
	}
	if (result) {
		buf_release(&name);
		return -1;
	}
	buf_cstr(&name);
	call->name = name.p;
	if (parse_where(p, &read.condition) || parse_as(p, call))
		return -1;
	if (read.condition >= 0 && call->name == name.p)
		return fail_at(p, p->at, "expected 'as NAME' behind a condition", no_word);
	share_fields(p->list, &read, n_fields);
	read.kind = call->function->kind;
	read.parameter = read.kind->has_parameter ? call->width ? call->width : call->n : 0;
	call->state = state_of(p->list, &read);
	call->hold_us = INT64_MAX;
	if (call->function->flags & AGG_HELD)
		carry_state(p->list, &p->list->states[call->state]);
	return check_name(p, start, call->name);
}

int agg_list_parse(struct agg_list *list, const char *text, struct err *err)
{
	struct parser p = {text, text, list, err};

	*list = (struct agg_list){.exact_max = AGG_EXACT_DEFAULT, .merges_exactly = true};
	for (;;) {
		if (parse_item(&p))
			break;
		skip_blanks(&p);
		if (!*p.at)
			return 0;
		if (*p.at != ',') {
			fail_at(&p, p.at, "expected ',' or 'as NAME' behind an aggregate", no_word);
			break;
		}
		p.at++;
	}
	agg_list_release(list);
	return -1;
}

void agg_list_release(struct agg_list *list)
{
	for (size_t i = 0; i < list->n_calls; i++)
		free(list->calls[i].name);
	for (size_t i = 0; i < list->n_fields; i++)
		fieldpath_release(&list->fields[i].path);
	agg_conditions_release(list);
	free(list->calls);
	free(list->states);
	free(list->fields);
	free(list->are_read);
	buf_release(&list->scratch);
	buf_release(&list->scratch_text);
	*list = (struct agg_list){0};
}

void agg_list_hold(struct agg_list *list, int64_t us)
{
	for (size_t i = 0; i < list->n_calls; i++)
		list->calls[i].hold_us = us;
}
