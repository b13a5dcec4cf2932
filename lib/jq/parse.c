/*
 * The parser: recursive descent with operator precedence. It knows all of jq 1.6's grammar; what the evaluator does not
 * run becomes N_FOREIGN, and the tree then only proves that the text is a program.
 */
#include "jq/parse.h"

#include <assert.h>
#include <stdlib.h>

#include "mem/mem.h"

/* ---- patterns, control ---- */

static bool parse_pattern(struct parser *p, uint32_t *slot, bool is_first);

static bool parse_object_pattern(struct parser *p)
{
	uint32_t slot;

	do {
		if (parser_accept(p, "$")) {
			struct slice name = p->lx.word;

			if (p->lx.kind != T_IDENT)
				return parser_unexpected(p, "the name of a variable");
			lex_next(&p->lx);
			parser_add_name(p, name, false)->slot = p->program->n_vars++;
			if (!lex_is(&p->lx, ":"))
				continue;
		} else if (parser_accept(p, "(")) {
			if (!parse_exp(p, LEVEL_PIPE) || !parser_expect(p, ")"))
				return false;
		} else if (p->lx.kind == T_IDENT || p->lx.kind == T_KEYWORD) {
			lex_next(&p->lx);
		} else if (p->lx.kind == T_QUOTE || p->lx.kind == T_FORMAT) {
			if (!parse_text(p))
				return false;
		} else {
			return parser_unexpected(p, "a key of a pattern");
		}
		if (!parser_expect(p, ":") || !parse_pattern(p, &slot, false))
			return false;
	} while (parser_accept(p, ","));
	return parser_expect(p, "}");
}

static bool parse_pattern(struct parser *p, uint32_t *slot, bool is_first)
{
	size_t at = p->lx.at;

	if (parser_accept(p, "$")) {
		struct slice name = p->lx.word;

		if (p->lx.kind != T_IDENT)
			return parser_unexpected(p, "the name of a variable");
		lex_next(&p->lx);
		*slot = p->program->n_vars++;
		parser_add_name(p, name, false)->slot = *slot;
		return true;
	}
	if (is_first || !p->program->foreign)
		mark_foreign(p->program, "a pattern of several variables", at);
	if (parser_accept(p, "[")) {
		do {
			if (!parse_pattern(p, slot, false))
				return false;
		} while (parser_accept(p, ","));
		return parser_expect(p, "]");
	}
	if (parser_accept(p, "{"))
		return parse_object_pattern(p);
	return parser_unexpected(p, "a variable or a pattern");
}

/* Behind `as`: one pattern, or several with ?// between them. */
static bool parse_patterns(struct parser *p, uint32_t *slot)
{
	size_t at = p->lx.at;

	if (!parse_pattern(p, slot, true))
		return false;
	while (parser_accept(p, "?//")) {
		mark_foreign(p->program, "'?//'", at);
		if (!parse_pattern(p, slot, false))
			return false;
	}
	return true;
}

static struct node *parse_as(struct parser *p, struct node *source, size_t at)
{
	uint32_t n_names = p->n_names;
	struct node *n = parser_node(p, N_AS, at, source, NULL);

	if (!parse_patterns(p, &n->slot) || !parser_expect(p, "|"))
		return NULL;
	n->b = parse_exp(p, LEVEL_PIPE);
	p->n_names = n_names;
	return n->b ? n : NULL;
}

/* reduce and foreach; the keyword is taken. */
static struct node *parse_fold(struct parser *p, size_t at, bool is_reduce)
{
	uint32_t n_names = p->n_names;
	struct node *n = parser_node(p, is_reduce ? N_REDUCE : N_FOREACH, at, NULL, NULL);

	n->a = parse_term(p);
	if (!n->a || !parser_expect(p, "as") || !parse_patterns(p, &n->slot) || !parser_expect(p, "("))
		return NULL;
	n->b = parse_exp(p, LEVEL_PIPE);
	if (!n->b || !parser_expect(p, ";"))
		return NULL;
	n->c = parse_exp(p, LEVEL_PIPE);
	if (!n->c)
		return NULL;
	if (!is_reduce && parser_accept(p, ";")) {
		n->args = arena_alloc(&p->program->arena, sizeof *n->args);
		n->args[0] = parse_exp(p, LEVEL_PIPE);
		if (!n->args[0])
			return NULL;
		n->n = 1;
	}
	p->n_names = n_names;
	return parser_expect(p, ")") ? n : NULL;
}

/* `if` or `elif` is taken. */
static struct node *parse_if(struct parser *p, size_t at)
{
	struct node *n = parser_node(p, N_IF, at, NULL, NULL);
	size_t else_at;

	n->a = parse_exp(p, LEVEL_PIPE);
	if (!n->a || !parser_expect(p, "then"))
		return NULL;
	n->b = parse_exp(p, LEVEL_PIPE);
	if (!n->b)
		return NULL;
	else_at = p->lx.at;
	if (parser_accept(p, "elif")) {
		if (++p->nesting > NESTING_MAX) {
			p->is_abandoned = true;
			mark_foreign(p->program, "a program nested so deep", else_at);
			return NULL;
		}
		n->c = parse_if(p, else_at);
		p->nesting--;
		return n->c ? n : NULL;
	}
	if (!parser_accept(p, "else"))
		return parser_unexpected(p, "'else' or 'elif'");
	n->c = parse_exp(p, LEVEL_PIPE);
	return n->c && parser_expect(p, "end") ? n : NULL;
}

/* `label` is taken. */
static struct node *parse_label(struct parser *p, size_t at)
{
	uint32_t n_names = p->n_names;
	struct node *n = parser_node(p, N_LABEL, at, NULL, NULL);
	struct name *name;

	if (!parser_expect(p, "$"))
		return NULL;
	if (p->lx.kind != T_IDENT)
		return parser_unexpected(p, "the name of a label");
	name = parser_add_name(p, p->lx.word, false);
	name->is_label = true;
	n->slot = name->slot = p->program->n_vars++;
	lex_next(&p->lx);
	n->a = parser_expect(p, "|") ? parse_exp(p, LEVEL_PIPE) : NULL;
	p->n_names = n_names;
	return n->a ? n : NULL;
}

static struct node *parse_try_part(struct parser *p);

/* What stands between operators, without a `?` behind it. */
static struct node *parse_prefix(struct parser *p)
{
	bool is_operand = p->is_operand;
	size_t at = p->lx.at;
	struct node *n;

	p->is_operand = false;
	if (parser_accept(p, "-")) {
		p->is_operand = true;
		n = parse_exp(p, LEVEL_MUL);
		return n ? parser_node(p, N_NEGATE, at, n, NULL) : NULL;
	}
	if (parser_accept(p, "if"))
		return parse_if(p, at);
	if (parser_accept(p, "try")) {
		n = parser_node(p, N_TRY, at, parse_try_part(p), NULL);
		if (!n->a)
			return NULL;
		if (parser_accept(p, "catch")) {
			n->b = parse_try_part(p);
			if (!n->b)
				return NULL;
		}
		return n;
	}
	if (parser_accept(p, "reduce"))
		return parse_fold(p, at, true);
	if (parser_accept(p, "foreach"))
		return parse_fold(p, at, false);
	if (parser_accept(p, "label"))
		return parse_label(p, at);
	if (parser_accept(p, "def")) {
		uint32_t n_names = p->n_names;

		n = parse_def(p, at) ? parse_exp(p, LEVEL_PIPE) : NULL;
		p->n_names = n_names;
		return n;
	}
	n = parse_term(p);
	if (!n || !parser_accept(p, "as"))
		return n;
	/* in libjq 1.8 it takes all that stands before it since a ',' or '|' */
	if (is_operand && p->program->dialect != JQ_DIALECT_1_6)
		mark_foreign(p->program, "'as' behind an operator", at);
	return parse_as(p, n, at);
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
		n = parser_node(p, N_TRY, p->lx.at, n, NULL);
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
struct node *parse_exp(struct parser *p, int level)
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
		p->is_operand = op->level > LEVEL_COMMA;
		right = parse_exp(p, op->side == RIGHT ? op->level : op->level + 1);
		if (!right) {
			left = NULL;
			break;
		}
		left = parser_node(p, op->kind, at, left, right);
		left->op = op->op;
		next = find_binary(&p->lx);
		if (op->side == NEITHER && next && next->level == op->level)
			left = parser_unexpected(p, NULL);
	}
	p->nesting--;
	return left;
}

static void skip_text(struct lexer *lx)
{
	while (lx->pos < lx->text.len && lx->text.p[lx->pos] != '"')
		lx->pos += lx->text.p[lx->pos] == '\\' ? 2 : 1;
	lx->pos++;
}

static bool is_directive(const struct lexer *lx)
{
	return lex_is(lx, "module") || lex_is(lx, "import") || lex_is(lx, "include");
}

/* module METADATA; import PATH as NAME [METADATA]; include PATH [METADATA]; */
static void skip_directives(struct parser *p)
{
	struct lexer *lx = &p->lx;

	while (is_directive(lx)) {
		while (lx->kind != T_END && !lex_is(lx, ";")) {
			if (lx->kind == T_QUOTE)
				skip_text(lx);
			lex_next(lx);
		}
		lex_next(lx);
	}
}

static struct node *parse_program(struct parser *p)
{
	struct node *n;

	lex_next(&p->lx);
	if (is_directive(&p->lx)) {
		p->is_abandoned = true;
		mark_foreign(p->program, "a module", p->lx.at);
		skip_directives(p);
		p->program->body_at = p->lx.at;
		return NULL;
	}
	while (lex_is(&p->lx, "def")) {
		size_t at = p->lx.at;

		lex_next(&p->lx);
		if (!parse_def(p, at))
			return NULL;
	}
	if (p->lx.kind == T_END)
		return parser_node(p, N_IDENTITY, 0, NULL, NULL);
	n = parse_exp(p, LEVEL_PIPE);
	if (n && p->lx.kind != T_END)
		return parser_unexpected(p, NULL);
	return n;
}

static void add_globals(struct parser *p, const struct jq_var *vars, size_t n_vars)
{
	for (size_t i = 0; i < n_vars; i++) {
		struct json_record record;
		struct slice copy = {parser_keep(p, vars[i].json).p, vars[i].json.len};
		struct value *v = arena_alloc(&p->program->arena, sizeof *v);

		json_check(copy.p, copy.len, JSON_DEPTH_MAX, &record);
		assert(record.status == JSON_OK);
		*v = value_span(record.value);
		parser_add_name(p, slice_str(vars[i].name), false)->constant = v;
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
	if (!root && p->program->dialect != JQ_DIALECT_1_6 && !p->is_refused && !p->is_abandoned) {
		/* each libjq reads more than the one before */
		p->program->doubt = *err;
		p->program->doubt_at = *at;
		err_reset(err);
		p->is_abandoned = true;
		mark_foreign(p->program, "what only a later parser reads", *at);
	}
	if (!root && p->is_abandoned && err->code == ERR_NONE) {
		p->program->is_unread = true;
		root = parser_node(p, N_FOREIGN, 0, NULL, NULL);
	}
	free(p);
	return root;
}
