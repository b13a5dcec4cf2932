#include "jq/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem/mem.h"

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

struct node *parser_fail(struct parser *p, size_t at, const char *message)
{
	if (p->err->code == ERR_NONE)
		*p->at = at;
	parse_error(p->lx.text, at, p->err, "%s", message);
	return NULL;
}

struct node *parser_unexpected(struct parser *p, const char *expected)
{
	char message[120];
	struct slice word = p->lx.word;

	if (p->lx.kind == T_END)
		snprintf(message, sizeof message, "unexpected end of the program%s%s", expected ? ", expected " : "",
			expected ? expected : "");
	else
		snprintf(message, sizeof message, "unexpected '%.*s'%s%s", (int)(word.len > 30 ? 30 : word.len), word.p,
			expected ? ", expected " : "", expected ? expected : "");
	return parser_fail(p, p->lx.at, message);
}

struct node *parser_node(struct parser *p, enum kind kind, size_t at, struct node *a, struct node *b)
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

struct node *parser_foreign(struct parser *p, const char *what, size_t at)
{
	mark_foreign(p->program, what, at);
	return parser_node(p, N_FOREIGN, at, NULL, NULL);
}

struct node *parser_constant(struct parser *p, size_t at, struct value v)
{
	struct node *n = parser_node(p, N_CONST, at, NULL, NULL);

	n->value = v;
	return n;
}

struct value parser_keep(struct parser *p, struct slice s)
{
	char *copy = arena_alloc(&p->program->arena, s.len + 1);

	if (s.len)
		memcpy(copy, s.p, s.len);
	return value_borrow(copy, s.len);
}

bool parser_accept(struct parser *p, const char *word)
{
	if (!lex_is(&p->lx, word))
		return false;
	lex_next(&p->lx);
	return true;
}

bool parser_expect(struct parser *p, const char *word)
{
	char quoted[16];

	if (parser_accept(p, word))
		return true;
	snprintf(quoted, sizeof quoted, "'%s'", word);
	parser_unexpected(p, quoted);
	return false;
}

/* ---- names ---- */

struct name *parser_add_name(struct parser *p, struct slice name, bool is_function)
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

const struct name *parser_find_variable(const struct parser *p, struct slice name)
{
	for (uint32_t i = p->n_names; i-- > 0;)
		if (!p->names[i].is_function && !p->names[i].is_label && slice_eq(p->names[i].name, name))
			return &p->names[i];
	return NULL;
}

const struct name *parser_find_label(const struct parser *p, struct slice name)
{
	for (uint32_t i = p->n_names; i-- > 0;)
		if (p->names[i].is_label && slice_eq(p->names[i].name, name))
			return &p->names[i];
	return NULL;
}

const struct name *parser_find_function(const struct parser *p, struct slice name, uint32_t n_args)
{
	for (uint32_t i = p->n_names; i-- > 0;)
		if (p->names[i].is_function && p->names[i].n_args == n_args && slice_eq(p->names[i].name, name))
			return &p->names[i];
	return NULL;
}
