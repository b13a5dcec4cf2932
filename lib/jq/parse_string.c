/*
 * Strings with interpolation, and formats.
 */
#include "jq/parse.h"

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
		*part = parser_keep(p, buf_slice(&plain));
	} else {
		parser_fail(p, start, "invalid escape in a string");
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
	n = parser_node(p, N_ARITH, part->at, sum, part);
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
		return parser_unexpected(p, "')'");
	if (slice_eq(format, SLICE_LIT("text"))) {
		n = parser_node(p, N_TO_STRING, at, exp, NULL);
	} else {
		n = parser_node(p, N_CALL, at, NULL, NULL);
		n->name = format;
		if (slice_eq(format, SLICE_LIT("json")))
			n->name = SLICE_LIT("tojson");
		else
			mark_foreign(p->program, "a format", at);
		n = parser_node(p, N_PIPE, at, exp, n);
	}
	return n;
}

/* lx is at the opening quote. */
struct node *parse_string(struct parser *p, struct slice format)
{
	struct lexer *lx = &p->lx;
	size_t at = lx->at;
	struct node *sum = NULL, *part;
	struct value text;

	for (;;) {
		if (!parse_string_part(p, &text))
			return NULL;
		if (text.len || !sum)
			sum = add_part(p, sum, parser_constant(p, at, text));
		if (lx->pos >= lx->text.len)
			return parser_fail(p, at, "a string without its closing quote");
		if (lx->text.p[lx->pos] == '"')
			break;
		if (lx->pos + 1 >= lx->text.len)
			return parser_fail(p, at, "a string without its closing quote");
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

/* A string, or @format and a string, as a key or a term. lx is at one of them. */
struct node *parse_text(struct parser *p)
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
		n = parser_node(p, N_CALL, at, NULL, NULL);
		n->name = format.p[0] == 't' ? SLICE_LIT("tostring") : SLICE_LIT("tojson");
		return n;
	}
	return parser_foreign(p, "a format", at);
}
