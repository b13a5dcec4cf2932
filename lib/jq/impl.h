/*
 * impl: what the parts of the jq module share: nodes, values, arenas. Not for others: they include "jq/jq.h".
 */
#ifndef TLM_JQ_IMPL_H
#define TLM_JQ_IMPL_H

#include <setjmp.h>

#include "jq/jq.h"

/* ---- arena: memory that is freed all at once ---- */

struct chunk;

struct arena {
	struct chunk *chunks; /* newest first */
	char *p, *end;
	uint64_t used_bytes, limit_bytes; /* limit 0: none */
	jmp_buf *on_limit;                /* where to go when the limit is reached */
};

void *arena_alloc(struct arena *a, size_t bytes); /* 16-byte aligned, not zeroed */
void *arena_more(struct arena *a, void *old, size_t old_bytes, size_t bytes);
void arena_reset(struct arena *a); /* keeps up to JQ_KEPT_BYTES_DEFAULT */
void arena_release(struct arena *a);

/* ---- values ---- */

enum form { FORM_TEXT, FORM_BUILT };

struct array;
struct object;

struct value {
	union {
		const char *p; /* FORM_TEXT: JSON text of len bytes; a built string: its bytes */
		double number;
		struct array *array;
		struct object *object;
	};
	uint32_t len;
	uint8_t type; /* enum json_type; JSON_ABSENT: nothing */
	uint8_t form;
	uint8_t is_escaped; /* a text string that holds a backslash */
};

struct array {
	struct value *items;
	uint32_t n, cap;
	uint32_t owner; /* the update that may change it in place; 0: nobody */
};

struct entry {
	struct slice key;  /* unescaped */
	struct slice text; /* with its quotes as the record has it, or {NULL, 0} */
	struct value value;
};

struct object {
	struct entry *entries; /* in order of first insertion */
	uint32_t n, cap;
	uint32_t owner;
	uint32_t *index; /* open addressing, entry + 1; NULL while small */
	uint32_t index_size;
};

/* ---- nodes ---- */

enum kind {
	N_IDENTITY,
	N_CONST,
	N_SLOT,   /* a path of the record; a: the same as N_INDEX nodes */
	N_INDEX,  /* a[b] */
	N_SLICE,  /* a[b:c], b or c may be NULL */
	N_EACH,   /* a[] */
	N_PIPE,   /* a | b */
	N_COMMA,  /* a, b */
	N_NEGATE, /* -a */
	N_ARITH,  /* a op b */
	N_CMP,    /* a op b */
	N_AND,
	N_OR,
	N_ALT, /* a // b */
	N_IF,  /* if a then b else c end */
	N_TRY, /* try a catch b; b NULL: nothing */
	N_ARRAY,
	N_OBJECT,
	N_VAR,     /* of `as`: at r->vars[slot] */
	N_AS,      /* a as $slot | b */
	N_REDUCE,  /* reduce a as $slot (b; c) */
	N_FOREACH, /* foreach a as $slot (b; c; args[0]) */
	N_LABEL,   /* label $slot | a */
	N_BREAK,   /* break $slot */
	N_RANGE,   /* range(a; b) or, with the step c, range(a; b; c) */
	N_PATH,    /* path(a) */
	N_PARAM,   /* parameter `slot` of a function, until the function is called */
	N_CALL,    /* a name and arguments, not yet resolved */
	N_FUNC,    /* a builtin over its arguments */
	N_SELECT,  /* select(a) */
	N_MAP,     /* map(a) */
	N_EMPTY,
	N_NOT,
	N_DEL,        /* del(a) */
	N_TEST,       /* test(pattern) */
	N_TO_STRING,  /* in interpolated strings: a | tostring */
	N_ASSIGN,     /* a = b */
	N_MODIFY,     /* a |= b */
	N_UPDATE,     /* a op= b */
	N_ALT_UPDATE, /* a //= b */
	N_FOREIGN     /* only libjq knows it */
};

enum op { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE };

struct match;    /* a regular expression, see match.c */
struct function; /* see define.c */

#define run jq_run /* the short name inside the module */
struct node;

/* args holds one value for each argument. Returns 0, or -1 with r->error. */
typedef int builtin_fn(struct run *r, struct value in, const struct value *args, struct value *out);

struct builtin {
	const char *name;
	uint8_t n_args;
	builtin_fn *fn;
};

struct pair {
	struct node *key, *value;
};

struct node {
	uint8_t kind;
	uint8_t op;
	bool is_optional; /* a `?` that stands at N_INDEX, N_SLICE, N_EACH: no error of this step */
	bool is_single;   /* always one value or an error: eval_one() may run it */
	bool is_internal; /* a call that programs cannot make */
	bool is_kept;     /* an assignment to the state of a `reduce`, which nobody else sees: it changes it in place */
	bool is_apart;    /* of such a one: what is on the right holds no part of the state */
	uint32_t at;      /* byte of the program */
	struct node *a, *b, *c;
	uint32_t n; /* arguments or pairs */
	uint32_t slot;
	struct node **args;
	struct pair *pairs;
	struct slice name;
	const struct builtin *builtin;
	const struct function *function; /* N_PARAM: whose parameter */
	const struct match *match;       /* N_TEST */
	struct value value;
};

/* ---- simple programs: tests and templates over spans, without the evaluator ---- */

enum test_kind {
	TEST_TRUTH,
	TEST_NUMBER,
	TEST_STRING,
	TEST_LITERAL,
	TEST_VALUE,
	/* of others, which are asked in turn: */
	TEST_AND,
	TEST_OR,
	TEST_NOT,
	TEST_END /* the answer is literal: JSON_TRUE or JSON_FALSE */
};

struct test {
	uint8_t kind; /* enum test_kind */
	uint8_t op;
	uint8_t literal; /* TEST_LITERAL: JSON_NULL, JSON_FALSE, JSON_TRUE */
	bool is_deep;    /* the path has several steps: an absent value may be an error */
	uint32_t slot;
	double number;
	struct slice string;
	struct test *a, *b;          /* TEST_AND, TEST_OR, TEST_NOT */
	const struct test *yes, *no; /* what is asked then */
	const struct node *value;    /* TEST_VALUE: of this, single */
};

/* One piece of a template: literal text, then the value of a slot (slot >= 0), or of a node. */
struct piece {
	struct slice text;
	int slot;
	bool is_deep;
	const struct node *value; /* NULL, or single */
};

/* The record with one member changed: an assignment to .name. */
struct splice {
	const struct node *assignment; /* NULL: none */
	uint32_t slot;
};

struct jq_program {
	struct slice text;
	struct arena arena;
	struct node *root;
	char *foreign;          /* owned, why not native */
	const char *input_call; /* see jq_input_call() */
	const char *place_call; /* see jq_place_call() */
	bool reads_environment;
	bool is_unread; /* see jq_is_unread() */
	size_t body_at;
	struct err doubt; /* see jq_doubt() */
	size_t doubt_at;
	bool is_native_only; /* calls tlm:: functions */
	struct json_paths *paths;
	struct buf explain_paths;
	uint32_t n_vars;
	enum jq_dialect dialect;
	struct function *functions; /* newest first */
	struct match *matches;      /* newest first */
	const struct test *test;    /* the program is select(test), perhaps with a template behind: what is asked first;
				     * NULL: neither */
	struct piece *pieces;       /* template of the one output; NULL: the record */
	uint32_t n_pieces;
	struct splice splice; /* instead of pieces */
	bool has_values;      /* the test, the pieces or the splice have nodes to evaluate */
};

/* ---- parts ---- */

/* parse.c: the tree of a program; sets program->foreign. NULL with err and *at. */
struct node *jq_read_program(
	struct jq_program *program, const struct jq_var *vars, size_t n_vars, size_t *at, struct err *err);
void mark_foreign(struct jq_program *program, const char *what, size_t at);
int parse_error(struct slice text, size_t at, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* define.c: the body of a function of the program, to be checked though nobody calls it, or NULL; then the next. */
struct node *function_check(const struct function *f, const struct function **next);

/* lex.c */
enum token {
	T_END,
	T_BAD, /* a byte that starts no token */
	T_IDENT,
	T_FIELD, /* .name */
	T_NUMBER,
	T_FORMAT, /* @name */
	T_QUOTE,  /* the start of a string */
	T_OP,     /* one of the signs below, in text */
	T_KEYWORD
};

struct lexer {
	struct slice text;
	size_t pos; /* behind the current token */
	enum token kind;
	size_t at;         /* of the current token */
	struct slice word; /* its text */
};

void lex_next(struct lexer *lx);
bool lex_is(const struct lexer *lx, const char *word); /* an operator or keyword */

/* resolve.c: names, constants, slots; decides what is native. -1 with err and *at. */
int jq_resolve(struct jq_program *program, size_t *at, struct err *err);

/* slots.c: paths of the record, outermost first, become slots of the scanner; the program is resolved and native. */
void slots_assign(struct jq_program *program);

/* simple.c: fills program->test and pieces. */
void jq_simplify(struct jq_program *program);

/* builtin*.c: a table each, looked up in turn. */
enum { BUILTIN_ARGS_MAX = 4 };

struct builtins {
	const struct builtin *rows;
	size_t n;
};
extern const struct builtins builtins_plain, builtins_number, builtins_order, builtins_path, builtins_tlm;

const struct builtin *builtin_find(struct slice name, uint32_t n_args); /* NULL: there is none */

/* match.c: a call of `test` becomes N_TEST, or false: it is not native. */
bool match_resolve(struct jq_program *program, struct node *n);
void match_close_all(struct match *newest);

/* ---- a run ---- */

struct run {
	struct arena arena;
	const struct jq_program *program;
	struct jq_format format;
	struct jq_limits limits;
	uint64_t steps;
	uint32_t owner;      /* last number given to an update */
	uint32_t kept_owner; /* that of the state of the innermost `reduce`, see is_kept */
	bool has_error;
	struct value error;
	const void *stop_at; /* who asked to stop, when an emit returned STOP; the label of a break */
	struct value *vars;
	struct value root;
	const struct json_record *record; /* NULL for -R */
	const char *input_name;           /* see jq_run_place() */
	uint64_t first_line;
	bool is_simple; /* jq_judge() may decide */
	struct buf *out;
	size_t out_start;
	struct jq_result *result;
	jmp_buf on_limit;
	const char *limit_message; /* NULL: this record is for libjq */
	struct regex_room *room;   /* NULL until it is needed */
	uint64_t search_ns;
	uint32_t searches;
	char *last_string, *last_string_end, *last_string_room; /* the sum of strings made last, see arith.c */
	struct value *last_items_end, *last_items_room;         /* the same for arrays */
	struct buf message, scratch;
};

enum { STOP = 1 };

void run_begin(struct run *r, struct buf *out); /* of a record; on_limit is to be set behind it */
_Noreturn void run_limit(struct run *r, const char *what);
_Noreturn void run_elsewhere(struct run *r); /* only libjq can run this record */

/* The answers shall be those of libjq 1.7 or later. */
static inline bool is_later(const struct run *r)
{
	return r->program->dialect != JQ_DIALECT_1_6;
}

static inline void run_step(struct run *r, uint64_t n)
{
	r->steps += n;
	if (__builtin_expect(r->steps > r->limits.steps, 0))
		run_limit(r, "the program took more than its steps for one record");
}

/* Sets the error of the record: always -1. */
int raise_value(struct run *r, struct value message);
int raise_text(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* value.c */
static inline struct value value_literal(uint8_t type)
{
	return (struct value){.p = NULL, .type = type, .form = FORM_BUILT};
}
static inline struct value value_bool(bool b)
{
	return value_literal(b ? JSON_TRUE : JSON_FALSE);
}
static inline struct value value_number(double d)
{
	return (struct value){.number = d, .type = JSON_NUMBER, .form = FORM_BUILT};
}
static inline bool value_is_true(struct value v)
{
	return v.type != JSON_NULL && v.type != JSON_FALSE;
}
static inline struct value value_span(struct json_span s)
{
	return (struct value){.p = s.p, .len = s.len, .type = s.type, .form = FORM_TEXT, .is_escaped = s.is_escaped};
}
static inline struct json_span value_as_span(struct value v)
{
	return (struct json_span){.p = v.p, .len = v.len, .type = v.type, .is_escaped = v.is_escaped};
}
const char *value_kind(struct value v);                              /* "boolean", "number" ... */
struct value value_string(struct run *r, const char *p, size_t len); /* copies */
struct value value_borrow(const char *p, size_t len);                /* a built string over bytes that stay */
double value_double(struct value v);                                 /* of a number */
struct slice value_text(struct run *r, struct value v);              /* unescaped bytes of a string */
struct array *value_array(struct run *r, struct value v);            /* of an array; read only */
struct object *value_object(struct run *r, struct value v);          /* of an object; read only */
struct value value_from_array(struct array *a);
struct value value_from_object(struct object *o);
struct array *array_new(struct run *r, size_t cap);
void array_add(struct run *r, struct array *a, struct value v);
struct array *array_own(struct run *r, struct value v, uint32_t owner); /* may be changed by that owner */
struct object *object_new(struct run *r, size_t cap);
struct entry *object_find(struct run *r, struct object *o, struct slice key);
void object_set(struct run *r, struct object *o, struct slice key, struct slice text, struct value v);
struct object *object_own(struct run *r, struct value v, uint32_t owner);
uint32_t *object_order(struct run *r, const struct object *o); /* entries sorted by key */
int value_cmp(struct run *r, struct value a, struct value b);
bool value_eq(struct run *r, struct value a, struct value b);

/* path.c: jv_get and jv_set of the language, and what is built on them. */
int value_get(struct run *r, struct value t, struct value key, struct value *out);
int value_slice(struct run *r, struct value t, struct value from, struct value to, struct value *out);
int value_has(struct run *r, struct value t, struct value key, bool *has);

struct path {
	struct value *keys;
	uint32_t n;
};
int value_get_path(struct run *r, struct value t, const struct path *path, struct value *out);
int value_set_path(
	struct run *r, struct value t, const struct path *path, struct value v, uint32_t owner, struct value *out);
int value_delete_paths(struct run *r, struct value t, struct path *paths, uint32_t n, struct value *out);

/* print.c */
void value_dump(struct run *r, struct buf *out, struct value v);  /* as jq -c prints it: numbers and strings anew */
void value_print(struct run *r, struct buf *out, struct value v); /* in r->format, texts kept, with its line end */
void value_print_inner(struct run *r, struct buf *out, struct value v); /* compact, texts kept, no line end */
void dump_number(struct buf *out, double d);
void dump_as_read(struct run *r, struct buf *out, struct value v); /* a number */
void leave_other_forms(struct run *r, struct value v); /* to libjq: a number whose text it keeps when it computes */

/* eval.c */
struct emit {
	int (*fn)(struct emit *k, struct run *r, struct value v);
};
int eval(struct run *r, const struct node *n, struct value in, struct emit *k);
int eval_each(struct run *r, struct value v, bool is_optional, struct emit *k); /* .[] */

/* loop.c: foreach, label, break, range */
int eval_foreach(struct run *r, const struct node *n, struct value in, struct emit *k);
int eval_label(struct run *r, const struct node *n, struct value in, struct emit *k);
int eval_break(struct run *r, const struct node *n);
int eval_range(struct run *r, const struct node *n, struct value in, struct emit *k);
static inline bool is_break(const struct run *r)
{
	return r->error.type == JSON_ABSENT; /* an error for the label at r->stop_at */
}

/* eval_one.c */
int eval_one(struct run *r, const struct node *n, struct value in, struct value *out);
int eval_negate(struct run *r, struct value v, struct value *out);
int eval_binary(struct run *r, const struct node *n, struct value a, struct value b, struct value *out);
int eval_check_key(struct run *r, struct value key); /* of an object: a string, or -1 */
int eval_reduce_from(struct run *r, const struct node *n, struct value in, struct value start, struct value *out);

/* update.c: paths and assignments. */
bool is_path(const struct node *n); /* whether the paths of a node can be followed natively */
int eval_assign(struct run *r, const struct node *n, struct value in, struct emit *k);
int eval_paths(struct run *r, const struct node *n, struct value in, struct emit *k); /* path(a) */
int eval_update_one(struct run *r, const struct node *n, struct value in, struct value *out);
int eval_new_value(struct run *r, const struct node *n, struct value in, struct value old, struct value *out);

/* match.c */
int match_test(struct run *r, const struct match *m, struct value in, struct value *out);

/* arith.c */
int arith(struct run *r, enum op op, struct value a, struct value b, struct value *out);
bool compare(struct run *r, enum op op, struct value a, struct value b);
void show_value(struct run *r, struct value v, char *out, size_t size); /* cut to size - 1 bytes */
int raise_type(struct run *r, struct value v, const char *what);        /* "number (1) has no keys": -1 */
int raise_types(struct run *r, struct value a, struct value b, const char *what);
struct value split_string(struct run *r, struct slice s, struct slice sep);

#endif
