/*
 * parse: what the files of the parser share. Only they include it.
 */
#ifndef TLM_JQ_PARSE_H
#define TLM_JQ_PARSE_H

#include "jq/impl.h"

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
	const struct function *function; /* or the function whose parameter it is; NULL for variables */
	bool is_function, is_param, is_label;
};

struct parser {
	struct lexer lx;
	struct jq_program *program;
	struct name names[SCOPE_MAX];
	uint32_t n_names;
	int nesting;
	uint32_t n_nodes;
	bool is_abandoned; /* too large to judge: libjq takes it as it is */
	bool is_refused;   /* whatever libjq would say */
	bool is_operand;   /* what comes next stands behind an operator that binds closer than ',' */
	bool is_prelude;   /* the text is one of ours, see define.c */
	size_t *at;
	struct err *err;
};

/* parse_tree.c: errors (NULL, always), nodes, tokens, names */
struct node *parser_fail(struct parser *p, size_t at, const char *message);
struct node *parser_unexpected(struct parser *p, const char *expected); /* the token at hand; expected may be NULL */
struct node *parser_node(struct parser *p, enum kind kind, size_t at, struct node *a, struct node *b);
struct node *parser_foreign(struct parser *p, const char *what, size_t at);
struct node *parser_constant(struct parser *p, size_t at, struct value v);
struct value parser_keep(struct parser *p, struct slice s); /* a copy that lives as long as the program */
bool parser_accept(struct parser *p, const char *word);     /* takes an operator or keyword if it is at hand */
bool parser_expect(struct parser *p, const char *word);     /* takes it, or fails */
struct name *parser_add_name(struct parser *p, struct slice name, bool is_function);
const struct name *parser_find_variable(const struct parser *p, struct slice name);
const struct name *parser_find_label(const struct parser *p, struct slice name);
const struct name *parser_find_function(const struct parser *p, struct slice name, uint32_t n_args);

/* parse_term.c: what binds closest, with its postfixes */
struct node *parse_term(struct parser *p);

/* parse_string.c: lx is at the opening quote, behind its @format; at a string or a format */
struct node *parse_string(struct parser *p, struct slice format);
struct node *parse_text(struct parser *p);

/* define.c: `def` is taken: one function, which stays in scope */
bool parse_def(struct parser *p, size_t at);
/* What a call of a function in scope becomes; what one of a builtin that is written in jq becomes, NULL when it is none
 * of those. */
struct node *parser_call(struct parser *p, const struct name *name, struct node *call);
struct node *parser_call_prelude(struct parser *p, struct node *call);

/* parse.c: operators of this level and above */
struct node *parse_exp(struct parser *p, int level);

#endif
