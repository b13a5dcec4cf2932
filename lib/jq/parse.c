/*
 * The parser: recursive descent with operator precedence. It knows all of jq 1.6's grammar; what the evaluator does not
 * run becomes N_FOREIGN, and the tree then only proves that the text is a program.
 */
#include "jq/impl.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem/mem.h"
#include "num/num.h"

enum { NESTING_MAX = 200, NODES_MAX = 4000, SCOPE_MAX = 250 };

enum level { LEVEL_PIPE, LEVEL_COMMA, LEVEL_ALT, LEVEL_ASSIGN, LEVEL_OR, LEVEL_AND, LEVEL_CMP, LEVEL_ADD, LEVEL_MUL };
enum side { LEFT, RIGHT, NEITHER };

static const struct binary {
	const char *sign;
	uint8_t level, side, kind, op;
} binaries[] = {
	{"|", LEVEL_PIPE, RIGHT, N_PIPE, 0},
	{",", LEVEL_COMMA, LEFT, N_COMMA, 0},
	{"//", LEVEL_ALT, RIGHT, N_ALT, 0},
	{"=", LEVEL_ASSIGN, NEITHER, N_ASSIGN, 0},
	{"|=", LEVEL_ASSIGN, NEITHER, N_MODIFY, 0},
	{"+=", LEVEL_ASSIGN, NEITHER, N_UPDATE, OP_ADD},
	{"-=", LEVEL_ASSIGN, NEITHER, N_UPDATE, OP_SUB},
	{"*=", LEVEL_ASSIGN, NEITHER, N_UPDATE, OP_MUL},
	{"/=", LEVEL_ASSIGN, NEITHER, N_UPDATE, OP_DIV},
	{"%=", LEVEL_ASSIGN, NEITHER, N_UPDATE, OP_MOD},
	{"//=", LEVEL_ASSIGN, NEITHER, N_ALT_UPDATE, 0},
	{"or", LEVEL_OR, LEFT, N_OR, 0},
	{"and", LEVEL_AND, LEFT, N_AND, 0},
	{"==", LEVEL_CMP, NEITHER, N_CMP, OP_EQ},
	{"!=", LEVEL_CMP, NEITHER, N_CMP, OP_NE},
	{"<", LEVEL_CMP, NEITHER, N_CMP, OP_LT},
	{"<=", LEVEL_CMP, NEITHER, N_CMP, OP_LE},
	{">", LEVEL_CMP, NEITHER, N_CMP, OP_GT},
	{">=", LEVEL_CMP, NEITHER, N_CMP, OP_GE},
	{"+", LEVEL_ADD, LEFT, N_ARITH, OP_ADD},
	{"-", LEVEL_ADD, LEFT, N_ARITH, OP_SUB},
	{"*", LEVEL_MUL, LEFT, N_ARITH, OP_MUL},
	{"/", LEVEL_MUL, LEFT, N_ARITH, OP_DIV},
	{"%", LEVEL_MUL, LEFT, N_ARITH, OP_MOD},
};

struct name {
	struct slice name;
	uint32_t n_args; /* functions */
	uint32_t slot;   /* variables */
	const struct value *constant;
	bool is_function;
};

struct parser {
	struct lexer lx;
	struct jq_program *program;
	struct name names[SCOPE_MAX];
	uint32_t n_names;
	int nesting;
	uint32_t n_nodes;
	bool is_abandoned; /* too large to judge: libjq takes it as it is */
	size_t *at;
	struct err *err;
};

int parse_error(struct slice text, size_t at, struct err *err, const char *fmt, ...)
{
	char message[128];
	size_t line, column;
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof message, fmt, args);
	va_end(args);
	jq_place(text, at, &line, &column);
	return err_set(err, ERR_PROGRAM, "line %zu, column %zu: %s", line, column, message);
}

void jq_place(struct slice text, size_t at, size_t *line, size_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < at && i < text.len; i++) {
		if (text.p[i] == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)text.p[i] & 0xc0) != 0x80) {
			++*column;
		}
	}
}

void mark_foreign(struct jq_program *program, const char *what, size_t at)
{
	size_t line, column;

	if (program->foreign)
		return;
	jq_place(program->text, at, &line, &column);
	if (asprintf(&program->foreign, "%s at line %zu, column %zu", what, line, column) < 0)
		mem_fail();
}

static struct node *fail_at(struct parser *p, size_t at, const char *message)
{
	if (p->err->code == ERR_NONE)
		*p->at = at;
	parse_error(p->lx.text, at, p->err, "%s", message);
	return NULL;
}

static struct node *fail_unexpected(struct parser *p, const char *expected)
{
	char message[120];
	struct slice word = p->lx.word;

	if (p->lx.kind == T_END)
		snprintf(message, sizeof message, "unexpected end of the program%s%s", expected ? ", expected " : "",
			expected ? expected : "");
	else
		snprintf(message, sizeof message, "unexpected '%.*s'%s%s", (int)(word.len > 30 ? 30 : word.len), word.p,
			expected ? ", expected " : "", expected ? expected : "");
	return fail_at(p, p->lx.at, message);
}

static struct node *new_node(struct parser *p, enum kind kind, size_t at, struct node *a, struct node *b)
{
	struct node *n = arena_alloc(&p->program->arena, sizeof *n);

	memset(n, 0, sizeof *n);
	n->kind = (uint8_t)kind;
	n->at = (uint32_t)at;
	n->a = a;
	n->b = b;
	if (++p->n_nodes > NODES_MAX)
		mark_foreign(p->program, "a program of this size", at);
	return n;
}

static struct node *foreign(struct parser *p, const char *what, size_t at)
{
	mark_foreign(p->program, what, at);
	return new_node(p, N_FOREIGN, at, NULL, NULL);
}

static struct node *constant(struct parser *p, size_t at, struct value v)
{
	struct node *n = new_node(p, N_CONST, at, NULL, NULL);

	n->value = v;
	return n;
}

static struct value keep_string(struct parser *p, struct slice s)
{
	char *copy = arena_alloc(&p->program->arena, s.len + 1);

	if (s.len)
		memcpy(copy, s.p, s.len);
	return value_borrow(copy, s.len);
}

static bool accept(struct parser *p, const char *word)
{
	if (!lex_is(&p->lx, word))
		return false;
	lex_next(&p->lx);
	return true;
}

static bool expect(struct parser *p, const char *word)
{
	char quoted[16];

	if (accept(p, word))
		return true;
	snprintf(quoted, sizeof quoted, "'%s'", word);
	fail_unexpected(p, quoted);
	return false;
}

static struct node *parse_exp(struct parser *p, int level);
static struct node *parse_term(struct parser *p);

/* ---- names ---- */

static struct name *add_name(struct parser *p, struct slice name, bool is_function)
{
	static struct name spill;
	struct name *n = &spill;

	if (p->n_names == SCOPE_MAX)
		mark_foreign(p->program, "a program with so many names", p->lx.at);
	else
		n = &p->names[p->n_names++];
	memset(n, 0, sizeof *n);
	n->name = name;
	n->is_function = is_function;
	return n;
}

static const struct name *find_variable(const struct parser *p, struct slice name)
{
	for (uint32_t i = p->n_names; i-- > 0;)
		if (!p->names[i].is_function && slice_eq(p->names[i].name, name))
			return &p->names[i];
	return NULL;
}

static const struct name *find_function(const struct parser *p, struct slice name, uint32_t n_args)
{
	for (uint32_t i = p->n_names; i-- > 0;)
		if (p->names[i].is_function && p->names[i].n_args == n_args && slice_eq(p->names[i].name, name))
			return &p->names[i];
	return NULL;
}

/* The '$' is taken; the word behind it is the name. */
static struct node *parse_variable(struct parser *p, size_t at)
{
	struct slice name = p->lx.word;
	const struct name *found;
	struct node *n;
	char message[64];

	if (lex_is(&p->lx, "__loc__")) {
		lex_next(&p->lx);
		return foreign(p, "'$__loc__'", at);
	}
	if (p->lx.kind != T_IDENT)
		return fail_unexpected(p, "the name of a variable");
	lex_next(&p->lx);
	found = find_variable(p, name);
	if (found && found->constant)
		return constant(p, at, *found->constant);
	if (found) {
		n = new_node(p, N_VAR, at, NULL, NULL);
		n->slot = found->slot;
		return n;
	}
	if (slice_eq(name, SLICE_LIT("ENV")))
		return foreign(p, "'$ENV'", at);
	if (memchr(name.p, ':', name.len))
		return foreign(p, "a variable of a module", at);
	snprintf(message, sizeof message, "$%.*s is not defined", (int)(name.len > 40 ? 40 : name.len), name.p);
	return p->is_abandoned ? NULL : fail_at(p, at, message);
}

/* ---- strings ---- */

/* The text of a string up to a quote or an interpolation, unescaped. */
static bool parse_string_part(struct parser *p, struct value *part)
{
	struct lexer *lx = &p->lx;
	size_t start = lx->pos, i = start;
	struct buf json = BUF_INIT, plain = BUF_INIT;
	struct json_record record;
	bool is_good = true;

	while (i < lx->text.len && lx->text.p[i] != '"') {
		if (lx->text.p[i] == '\\') {
			if (i + 1 >= lx->text.len || lx->text.p[i + 1] == '(')
				break;
			i++;
		}
		i++;
	}
	if (i > lx->text.len)
		i = lx->text.len;
	/* A program may hold raw line ends in a string: JSON may not. */
	buf_add_char(&json, '"');
	for (size_t k = start; k < i; k++) {
		unsigned char c = (unsigned char)lx->text.p[k];

		if (c < 0x20)
			buf_addf(&json, "\\u%04x", c);
		else
			buf_add_char(&json, (char)c);
	}
	buf_add_char(&json, '"');
	json_check(json.p, json.len, 1, &record);
	if (record.status == JSON_OK && record.type == JSON_STRING && record.value.len == json.len) {
		json_unescape(&plain, record.value);
		*part = keep_string(p, buf_slice(&plain));
	} else {
		fail_at(p, start, "invalid escape in a string");
		is_good = false;
	}
	buf_release(&plain);
	buf_release(&json);
	lx->pos = i;
	return is_good;
}

static struct node *add_part(struct parser *p, struct node *sum, struct node *part)
{
	struct node *n;

	if (!sum)
		return part;
	n = new_node(p, N_ARITH, part->at, sum, part);
	n->op = OP_ADD;
	return n;
}

/* One \( exp ) as a string; lx stands behind the "\(". */
static struct node *parse_interpolation(struct parser *p, struct slice format, size_t at)
{
	struct node *exp, *n;

	lex_next(&p->lx);
	exp = parse_exp(p, LEVEL_PIPE);
	if (!exp)
		return NULL;
	if (!lex_is(&p->lx, ")"))
		return fail_unexpected(p, "')'");
	if (slice_eq(format, SLICE_LIT("text"))) {
		n = new_node(p, N_TO_STRING, at, exp, NULL);
	} else {
		n = new_node(p, N_CALL, at, NULL, NULL);
		n->name = format;
		if (slice_eq(format, SLICE_LIT("json")))
			n->name = SLICE_LIT("tojson");
		else
			mark_foreign(p->program, "a format", at);
		n = new_node(p, N_PIPE, at, exp, n);
	}
	return n;
}

/* lx is at the opening quote. */
static struct node *parse_string(struct parser *p, struct slice format)
{
	struct lexer *lx = &p->lx;
	size_t at = lx->at;
	struct node *sum = NULL, *part;
	struct value text;

	for (;;) {
		if (!parse_string_part(p, &text))
			return NULL;
		if (text.len || !sum)
			sum = add_part(p, sum, constant(p, at, text));
		if (lx->pos >= lx->text.len)
			return fail_at(p, at, "a string without its closing quote");
		if (lx->text.p[lx->pos] == '"')
			break;
		if (lx->pos + 1 >= lx->text.len)
			return fail_at(p, at, "a string without its closing quote");
		lx->pos += 2;
		part = parse_interpolation(p, format, lx->pos - 2);
		if (!part)
			return NULL;
		sum = add_part(p, sum, part);
	}
	lx->pos++;
	lex_next(lx);
	return sum;
}

/* ---- terms ---- */

static struct node *parse_number(struct parser *p)
{
	struct lexer *lx = &p->lx;
	char *end, *text = arena_alloc(&p->program->arena, lx->word.len + 1);
	size_t at = lx->at;
	double d;

	memcpy(text, lx->word.p, lx->word.len);
	text[lx->word.len] = '\0';
	if (num_is_json(text, lx->word.len)) {
		d = num_to_double(text, lx->word.len);
	} else {
		d = strtod(text, &end);
		if (*end || end == text)
			return fail_at(p, at, "invalid number");
	}
	lex_next(lx);
	return constant(p, at, value_number(d));
}

/* Arguments of a call: lx is behind the '('. */
static bool parse_args(struct parser *p, struct node *call)
{
	struct node *args[8];
	uint32_t n = 0;

	do {
		if (n == sizeof args / sizeof *args) {
			mark_foreign(p->program, "a call with so many arguments", p->lx.at);
			n--;
		}
		args[n] = parse_exp(p, LEVEL_PIPE);
		if (!args[n++])
			return false;
	} while (accept(p, ";"));
	call->args = arena_alloc(&p->program->arena, n * sizeof *args);
	memcpy(call->args, args, n * sizeof *args);
	call->n = n;
	return expect(p, ")");
}

static void note_input_call(struct parser *p, struct slice name, uint32_t n_args)
{
	static const char *const calls[] = {"input", "inputs", "input_line_number", "input_filename"};

	for (size_t i = 0; n_args == 0 && i < sizeof calls / sizeof *calls; i++)
		if (slice_eq(name, slice_str(calls[i])))
			p->program->input_call = calls[i];
}

static struct node *parse_call(struct parser *p)
{
	struct slice name = p->lx.word;
	size_t at = p->lx.at;
	struct node *n;

	lex_next(&p->lx);
	if (slice_eq(name, SLICE_LIT("null")) && !lex_is(&p->lx, "("))
		return constant(p, at, value_literal(JSON_NULL));
	if (slice_eq(name, SLICE_LIT("true")) && !lex_is(&p->lx, "("))
		return constant(p, at, value_bool(true));
	if (slice_eq(name, SLICE_LIT("false")) && !lex_is(&p->lx, "("))
		return constant(p, at, value_bool(false));
	n = new_node(p, N_CALL, at, NULL, NULL);
	n->name = name;
	if (accept(p, "(") && !parse_args(p, n))
		return NULL;
	if (find_function(p, name, n->n))
		return foreign(p, "a function of the program", at);
	note_input_call(p, name, n->n);
	return n;
}

static struct node *parse_key(struct parser *p, struct node **key)
{
	struct slice name = p->lx.word;

	*key = constant(p, p->lx.at, keep_string(p, name));
	lex_next(&p->lx);
	return *key;
}

/* Values of an object are terms with pipes and a minus only: {a: 1 + 2} is an error in jq. */
static struct node *parse_object_value(struct parser *p)
{
	size_t at = p->lx.at;
	struct node *a, *b;

	if (accept(p, "-")) {
		a = parse_object_value(p);
		return a ? new_node(p, N_NEGATE, at, a, NULL) : NULL;
	}
	a = parse_term(p);
	if (!a || !accept(p, "|"))
		return a;
	b = parse_object_value(p);
	return b ? new_node(p, N_PIPE, at, a, b) : NULL;
}

/* One pair; every form of key that jq takes. */
static bool parse_pair(struct parser *p, struct pair *pair)
{
	size_t at = p->lx.at;
	bool is_name = p->lx.kind == T_IDENT, is_keyword = p->lx.kind == T_KEYWORD;
	struct slice format = SLICE_LIT("text");

	if (accept(p, "$")) {
		struct slice name = p->lx.word;

		pair->key = constant(p, at, keep_string(p, name));
		pair->value = parse_variable(p, at);
		return pair->value;
	}
	if (accept(p, "(")) {
		pair->key = parse_exp(p, LEVEL_PIPE);
		return pair->key && expect(p, ")") && expect(p, ":") && (pair->value = parse_object_value(p));
	}
	if (p->lx.kind == T_FORMAT) {
		format = (struct slice){p->lx.word.p + 1, p->lx.word.len - 1};
		lex_next(&p->lx);
	}
	if (is_name || is_keyword)
		parse_key(p, &pair->key);
	else if (p->lx.kind == T_QUOTE)
		pair->key = parse_string(p, format);
	else
		fail_unexpected(p, "a key or '}'");
	if (!pair->key)
		return false;
	if (accept(p, ":"))
		return (pair->value = parse_object_value(p));
	if (is_keyword)
		return fail_unexpected(p, "':'");
	/* {a} and {"a b"}: the value is .[key], the key is evaluated once: a constant, or libjq does it. */
	if (pair->key->kind != N_CONST)
		mark_foreign(p->program, "a computed key without a value", at);
	pair->value = new_node(p, N_INDEX, at, new_node(p, N_IDENTITY, at, NULL, NULL), pair->key);
	return true;
}

static struct node *parse_object(struct parser *p, size_t at)
{
	struct node *n = new_node(p, N_OBJECT, at, NULL, NULL);
	uint32_t cap = 0;

	while (!lex_is(&p->lx, "}")) {
		if (n->n == cap) {
			n->pairs = arena_more(&p->program->arena, n->pairs, cap * sizeof *n->pairs,
				(cap ? cap * 2 : 8) * sizeof *n->pairs);
			cap = cap ? cap * 2 : 8;
		}
		n->pairs[n->n] = (struct pair){NULL, NULL};
		if (!parse_pair(p, &n->pairs[n->n]))
			return NULL;
		n->n++;
		if (!accept(p, ","))
			break;
	}
	return expect(p, "}") ? n : NULL;
}

/* Behind `term[`: an index, a slice, or all. */
static struct node *parse_bracket(struct parser *p, struct node *term, size_t at)
{
	struct node *n;

	if (accept(p, "]"))
		return new_node(p, N_EACH, at, term, NULL);
	n = new_node(p, N_INDEX, at, term, NULL);
	if (!lex_is(&p->lx, ":")) {
		n->b = parse_exp(p, LEVEL_PIPE);
		if (!n->b)
			return NULL;
	}
	if (accept(p, ":")) {
		n->kind = N_SLICE;
		if (!n->b || !lex_is(&p->lx, "]")) {
			n->c = parse_exp(p, LEVEL_PIPE);
			if (!n->c)
				return NULL;
		}
	}
	return expect(p, "]") ? n : NULL;
}

static struct node *parse_field(struct parser *p, struct node *term)
{
	struct slice name = {p->lx.word.p + 1, p->lx.word.len - 1};
	size_t at = p->lx.at;

	lex_next(&p->lx);
	return new_node(p, N_INDEX, at, term, constant(p, at, keep_string(p, name)));
}

/* A string, or @format and a string, as a key or a term. lx is at one of them. */
static struct node *parse_text(struct parser *p)
{
	struct slice format = SLICE_LIT("text");
	size_t at = p->lx.at;
	struct node *n;

	if (p->lx.kind == T_FORMAT) {
		format = (struct slice){p->lx.word.p + 1, p->lx.word.len - 1};
		lex_next(&p->lx);
	}
	if (p->lx.kind == T_QUOTE)
		return parse_string(p, format);
	if (slice_eq(format, SLICE_LIT("text")) || slice_eq(format, SLICE_LIT("json"))) {
		n = new_node(p, N_CALL, at, NULL, NULL);
		n->name = format.p[0] == 't' ? SLICE_LIT("tostring") : SLICE_LIT("tojson");
		return n;
	}
	return foreign(p, "a format", at);
}

/* A `?` right behind a step is part of the step, not a `try` around it. */
static struct node *mark_optional(struct parser *p, struct node *step)
{
	if (step && accept(p, "?"))
		step->is_optional = true;
	return step;
}

static struct node *parse_primary(struct parser *p)
{
	struct lexer *lx = &p->lx;
	size_t at = lx->at;
	struct node *n;

	if (lx->kind == T_FIELD)
		return mark_optional(p, parse_field(p, new_node(p, N_IDENTITY, at, NULL, NULL)));
	if (lx->kind == T_NUMBER)
		return parse_number(p);
	if (lx->kind == T_QUOTE || lx->kind == T_FORMAT)
		return parse_text(p);
	if (lx->kind == T_IDENT)
		return parse_call(p);
	if (accept(p, "$"))
		return parse_variable(p, at);
	if (accept(p, "..")) {
		return foreign(p, "'..'", at);
	}
	if (accept(p, ".")) {
		n = new_node(p, N_IDENTITY, at, NULL, NULL);
		if (lx->kind == T_QUOTE ||
			(lx->kind == T_FORMAT && lx->text.len > lx->pos && lx->text.p[lx->pos] == '"')) {
			struct node *key = parse_text(p);

			return key ? mark_optional(p, new_node(p, N_INDEX, at, n, key)) : NULL;
		}
		return n;
	}
	if (accept(p, "(")) {
		n = parse_exp(p, LEVEL_PIPE);
		return n && expect(p, ")") ? n : NULL;
	}
	if (accept(p, "[")) {
		if (accept(p, "]"))
			return new_node(p, N_ARRAY, at, NULL, NULL);
		n = parse_exp(p, LEVEL_PIPE);
		return n && expect(p, "]") ? new_node(p, N_ARRAY, at, n, NULL) : NULL;
	}
	if (accept(p, "{"))
		return parse_object(p, at);
	if (accept(p, "break")) {
		if (!accept(p, "$") || lx->kind != T_IDENT)
			return fail_unexpected(p, "'$' and the name of a label");
		lex_next(lx);
		return foreign(p, "'break'", at);
	}
	return fail_unexpected(p, NULL);
}

/* A primary and its postfixes. */
static struct node *parse_term(struct parser *p)
{
	struct node *n;

	if (++p->nesting > NESTING_MAX) {
		p->is_abandoned = true;
		mark_foreign(p->program, "a program nested so deep", p->lx.at);
		return NULL;
	}
	n = parse_primary(p);
	while (n) {
		size_t at = p->lx.at;

		if (p->lx.kind == T_FIELD) {
			n = parse_field(p, n);
		} else if (accept(p, "[")) {
			n = parse_bracket(p, n, at);
		} else if (lex_is(&p->lx, ".") && at + 1 < p->lx.text.len) {
			struct node *key;

			lex_next(&p->lx);
			if (p->lx.kind != T_QUOTE && p->lx.kind != T_FORMAT) {
				n = fail_unexpected(p, "a name or a string");
				break;
			}
			key = parse_text(p);
			n = key ? new_node(p, N_INDEX, at, n, key) : NULL;
		} else {
			break;
		}
		n = mark_optional(p, n);
	}
	p->nesting--;
	return n;
}

/* ---- patterns, control ---- */

static bool parse_pattern(struct parser *p, uint32_t *slot, bool is_first);

static bool parse_object_pattern(struct parser *p)
{
	uint32_t slot;

	do {
		if (accept(p, "$")) {
			struct slice name = p->lx.word;

			if (p->lx.kind != T_IDENT)
				return fail_unexpected(p, "the name of a variable");
			lex_next(&p->lx);
			add_name(p, name, false)->slot = p->program->n_vars++;
			if (!lex_is(&p->lx, ":"))
				continue;
		} else if (accept(p, "(")) {
			if (!parse_exp(p, LEVEL_PIPE) || !expect(p, ")"))
				return false;
		} else if (p->lx.kind == T_IDENT || p->lx.kind == T_KEYWORD) {
			lex_next(&p->lx);
		} else if (p->lx.kind == T_QUOTE || p->lx.kind == T_FORMAT) {
			if (!parse_text(p))
				return false;
		} else {
			return fail_unexpected(p, "a key of a pattern");
		}
		if (!expect(p, ":") || !parse_pattern(p, &slot, false))
			return false;
	} while (accept(p, ","));
	return expect(p, "}");
}

static bool parse_pattern(struct parser *p, uint32_t *slot, bool is_first)
{
	size_t at = p->lx.at;

	if (accept(p, "$")) {
		struct slice name = p->lx.word;

		if (p->lx.kind != T_IDENT)
			return fail_unexpected(p, "the name of a variable");
		lex_next(&p->lx);
		*slot = p->program->n_vars++;
		add_name(p, name, false)->slot = *slot;
		return true;
	}
	if (is_first || !p->program->foreign)
		mark_foreign(p->program, "a pattern of several variables", at);
	if (accept(p, "[")) {
		do {
			if (!parse_pattern(p, slot, false))
				return false;
		} while (accept(p, ","));
		return expect(p, "]");
	}
	if (accept(p, "{"))
		return parse_object_pattern(p);
	return fail_unexpected(p, "a variable or a pattern");
}

/* Behind `as`: one pattern, or several with ?// between them. */
static bool parse_patterns(struct parser *p, uint32_t *slot)
{
	size_t at = p->lx.at;

	if (!parse_pattern(p, slot, true))
		return false;
	while (accept(p, "?//")) {
		mark_foreign(p->program, "'?//'", at);
		if (!parse_pattern(p, slot, false))
			return false;
	}
	return true;
}

static struct node *parse_as(struct parser *p, struct node *source, size_t at)
{
	uint32_t n_names = p->n_names;
	struct node *n = new_node(p, N_AS, at, source, NULL);

	if (!parse_patterns(p, &n->slot) || !expect(p, "|"))
		return NULL;
	n->b = parse_exp(p, LEVEL_PIPE);
	p->n_names = n_names;
	return n->b ? n : NULL;
}

/* reduce and foreach; the keyword is taken. */
static struct node *parse_fold(struct parser *p, size_t at, bool is_reduce)
{
	uint32_t n_names = p->n_names;
	struct node *n = new_node(p, N_REDUCE, at, NULL, NULL);

	if (!is_reduce)
		mark_foreign(p->program, "'foreach'", at);
	n->a = parse_term(p);
	if (!n->a || !expect(p, "as") || !parse_patterns(p, &n->slot) || !expect(p, "("))
		return NULL;
	n->b = parse_exp(p, LEVEL_PIPE);
	if (!n->b || !expect(p, ";"))
		return NULL;
	n->c = parse_exp(p, LEVEL_PIPE);
	if (!n->c)
		return NULL;
	if (!is_reduce && accept(p, ";") && !parse_exp(p, LEVEL_PIPE))
		return NULL;
	p->n_names = n_names;
	return expect(p, ")") ? n : NULL;
}

/* `if` or `elif` is taken. */
static struct node *parse_if(struct parser *p, size_t at)
{
	struct node *n = new_node(p, N_IF, at, NULL, NULL);
	size_t else_at;

	n->a = parse_exp(p, LEVEL_PIPE);
	if (!n->a || !expect(p, "then"))
		return NULL;
	n->b = parse_exp(p, LEVEL_PIPE);
	if (!n->b)
		return NULL;
	else_at = p->lx.at;
	if (accept(p, "elif")) {
		if (++p->nesting > NESTING_MAX) {
			p->is_abandoned = true;
			mark_foreign(p->program, "a program nested so deep", else_at);
			return NULL;
		}
		n->c = parse_if(p, else_at);
		p->nesting--;
		return n->c ? n : NULL;
	}
	if (!accept(p, "else"))
		return fail_unexpected(p, "'else' or 'elif'");
	n->c = parse_exp(p, LEVEL_PIPE);
	return n->c && expect(p, "end") ? n : NULL;
}

/* `def` is taken: one function, which stays in scope. */
static bool parse_def(struct parser *p, size_t at)
{
	struct slice name = p->lx.word;
	uint32_t n_args = 0, own;

	mark_foreign(p->program, "'def'", at);
	if (p->lx.kind != T_IDENT)
		return fail_unexpected(p, "the name of a function");
	lex_next(&p->lx);
	own = p->n_names;
	add_name(p, name, true);
	if (accept(p, "(")) {
		do {
			bool is_value = accept(p, "$");

			if (p->lx.kind != T_IDENT)
				return fail_unexpected(p, "the name of a parameter");
			add_name(p, p->lx.word, true);
			if (is_value)
				add_name(p, p->lx.word, false)->slot = p->program->n_vars++;
			lex_next(&p->lx);
			n_args++;
		} while (accept(p, ";"));
		if (!expect(p, ")"))
			return false;
	}
	if (own < p->n_names)
		p->names[own].n_args = n_args;
	if (!expect(p, ":") || !parse_exp(p, LEVEL_PIPE) || !expect(p, ";"))
		return false;
	if (own < p->n_names)
		p->n_names = own + 1;
	return true;
}

static struct node *parse_try_part(struct parser *p);

/* What stands between operators, without a `?` behind it. */
static struct node *parse_prefix(struct parser *p)
{
	size_t at = p->lx.at;
	struct node *n;

	if (accept(p, "-")) {
		n = parse_exp(p, LEVEL_MUL);
		return n ? new_node(p, N_NEGATE, at, n, NULL) : NULL;
	}
	if (accept(p, "if"))
		return parse_if(p, at);
	if (accept(p, "try")) {
		n = new_node(p, N_TRY, at, parse_try_part(p), NULL);
		if (!n->a)
			return NULL;
		if (accept(p, "catch")) {
			n->b = parse_try_part(p);
			if (!n->b)
				return NULL;
		}
		return n;
	}
	if (accept(p, "reduce"))
		return parse_fold(p, at, true);
	if (accept(p, "foreach"))
		return parse_fold(p, at, false);
	if (accept(p, "label")) {
		mark_foreign(p->program, "'label'", at);
		if (!expect(p, "$"))
			return NULL;
		if (p->lx.kind != T_IDENT)
			return fail_unexpected(p, "the name of a label");
		lex_next(&p->lx);
		return expect(p, "|") ? parse_exp(p, LEVEL_PIPE) : NULL;
	}
	if (accept(p, "def")) {
		uint32_t n_names = p->n_names;

		n = parse_def(p, at) ? parse_exp(p, LEVEL_PIPE) : NULL;
		p->n_names = n_names;
		return n;
	}
	n = parse_term(p);
	if (n && accept(p, "as"))
		return parse_as(p, n, at);
	return n;
}

/* What `try` and `catch` take: no operator and no `?` behind it. */
static struct node *parse_try_part(struct parser *p)
{
	struct node *n;

	if (++p->nesting > NESTING_MAX) {
		p->is_abandoned = true;
		mark_foreign(p->program, "a program nested so deep", p->lx.at);
		return NULL;
	}
	n = parse_prefix(p);
	p->nesting--;
	return n;
}

static struct node *parse_operand(struct parser *p)
{
	struct node *n = parse_try_part(p);

	while (n && lex_is(&p->lx, "?")) {
		n = new_node(p, N_TRY, p->lx.at, n, NULL);
		lex_next(&p->lx);
	}
	return n;
}

static const struct binary *find_binary(const struct lexer *lx)
{
	for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
		if (lex_is(lx, binaries[i].sign))
			return &binaries[i];
	return NULL;
}

/* Precedence climbing: an operand, then operators of this level and above. */
static struct node *parse_exp(struct parser *p, int level)
{
	struct node *left, *right;

	if (++p->nesting > NESTING_MAX) {
		p->is_abandoned = true;
		mark_foreign(p->program, "a program nested so deep", p->lx.at);
		return NULL;
	}
	left = parse_operand(p);
	while (left) {
		const struct binary *op = find_binary(&p->lx), *next;
		size_t at = p->lx.at;

		if (!op || op->level < level)
			break;
		lex_next(&p->lx);
		right = parse_exp(p, op->side == RIGHT ? op->level : op->level + 1);
		if (!right) {
			left = NULL;
			break;
		}
		left = new_node(p, op->kind, at, left, right);
		left->op = op->op;
		next = find_binary(&p->lx);
		if (op->side == NEITHER && next && next->level == op->level)
			left = fail_unexpected(p, NULL);
	}
	p->nesting--;
	return left;
}

static struct node *parse_program(struct parser *p)
{
	struct node *n;

	lex_next(&p->lx);
	if (lex_is(&p->lx, "module") || lex_is(&p->lx, "import") || lex_is(&p->lx, "include")) {
		p->is_abandoned = true;
		mark_foreign(p->program, "a module", p->lx.at);
		return NULL;
	}
	while (lex_is(&p->lx, "def")) {
		size_t at = p->lx.at;

		lex_next(&p->lx);
		if (!parse_def(p, at))
			return NULL;
	}
	if (p->lx.kind == T_END)
		return new_node(p, N_IDENTITY, 0, NULL, NULL);
	n = parse_exp(p, LEVEL_PIPE);
	if (n && p->lx.kind != T_END)
		return fail_unexpected(p, NULL);
	return n;
}

static void add_globals(struct parser *p, const struct jq_var *vars, size_t n_vars)
{
	for (size_t i = 0; i < n_vars; i++) {
		struct json_record record;
		struct slice copy = {keep_string(p, vars[i].json).p, vars[i].json.len};
		struct value *v = arena_alloc(&p->program->arena, sizeof *v);

		json_check(copy.p, copy.len, JSON_DEPTH_MAX, &record);
		assert(record.status == JSON_OK);
		*v = value_span(record.value);
		add_name(p, slice_str(vars[i].name), false)->constant = v;
	}
}

struct node *jq_read_program(
	struct jq_program *program, const struct jq_var *vars, size_t n_vars, size_t *at, struct err *err)
{
	struct parser *p = mem_alloc(1, sizeof *p);
	struct node *root;

	p->lx.text = program->text;
	p->program = program;
	p->at = at;
	p->err = err;
	add_globals(p, vars, n_vars);
	root = parse_program(p);
	if (!root && p->is_abandoned && err->code == ERR_NONE)
		root = new_node(p, N_FOREIGN, 0, NULL, NULL);
	free(p);
	return root;
}
