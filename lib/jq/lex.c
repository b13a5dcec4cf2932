#include "jq/impl.h"

#include <string.h>

static const char *const keywords[] = {"as", "import", "include", "module", "def", "if", "then", "else", "elif", "and",
	"or", "end", "reduce", "foreach", "try", "catch", "label", "break", "__loc__"};

/* Longest first where one begins another. */
static const char *const signs[] = {"?//", "//=", "!=", "==", "//",
	"|=", "+=", "-=", "*=", "/=", "%=", "<=", ">=", "..", ".", "[", "]", "(", ")", "{", "}", "|", ",", "=", "<",
	">", "+", "-", "*", "/", "%", "?", ":", ";", "$"};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(char c)
{
	return is_name_start(c) || is_digit(c);
}

static char char_at(const struct lexer *lx, size_t pos)
{
	return pos < lx->text.len ? lx->text.p[pos] : '\0';
}

static size_t name_end(const struct lexer *lx, size_t pos)
{
	while (is_name(char_at(lx, pos)))
		pos++;
	return pos;
}

/* Blanks and comments. A carriage return is no blank in jq's grammar. */
static void skip_blanks(struct lexer *lx)
{
	for (;;) {
		char c = char_at(lx, lx->pos);

		if (lx->pos >= lx->text.len || !(c == ' ' || c == '\t' || c == '\n' || c == '#'))
			return;
		if (c != '#') {
			lx->pos++;
			continue;
		}
		while (lx->pos < lx->text.len && lx->text.p[lx->pos] != '\n' && lx->text.p[lx->pos] != '\r')
			lx->pos++;
	}
}

static void take(struct lexer *lx, enum token kind, size_t end)
{
	lx->kind = kind;
	lx->word = (struct slice){lx->text.p + lx->at, end - lx->at};
	lx->pos = end;
}

/* [0-9.]+ and an exponent, as jq's lexer takes it: "1.2.3" is one token, and a bad one. */
static size_t number_end(const struct lexer *lx, size_t pos)
{
	size_t exponent;

	while (is_digit(char_at(lx, pos)) || char_at(lx, pos) == '.')
		pos++;
	if (char_at(lx, pos) != 'e' && char_at(lx, pos) != 'E')
		return pos;
	exponent = pos + 1;
	if (char_at(lx, exponent) == '+' || char_at(lx, exponent) == '-')
		exponent++;
	if (!is_digit(char_at(lx, exponent)))
		return pos;
	while (is_digit(char_at(lx, exponent)))
		exponent++;
	return exponent;
}

static void take_name(struct lexer *lx)
{
	size_t end = name_end(lx, lx->at);
	bool has_module = false;

	while (char_at(lx, end) == ':' && char_at(lx, end + 1) == ':' && is_name_start(char_at(lx, end + 2))) {
		end = name_end(lx, end + 2);
		has_module = true;
	}
	take(lx, T_IDENT, end);
	for (size_t i = 0; !has_module && i < sizeof keywords / sizeof *keywords; i++)
		if (slice_eq(lx->word, slice_str(keywords[i])))
			lx->kind = T_KEYWORD;
}

static void take_sign(struct lexer *lx)
{
	size_t end;

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		size_t len = strlen(signs[i]);

		if (lx->text.len - lx->at >= len && memcmp(lx->text.p + lx->at, signs[i], len) == 0) {
			take(lx, T_OP, lx->at + len);
			return;
		}
	}
	end = lx->at + 1;
	while (((unsigned char)char_at(lx, end) & 0xc0) == 0x80)
		end++;
	take(lx, T_BAD, end);
}

void lex_next(struct lexer *lx)
{
	char c, next;

	skip_blanks(lx);
	lx->at = lx->pos;
	c = char_at(lx, lx->at);
	next = char_at(lx, lx->at + 1);
	if (lx->at >= lx->text.len)
		take(lx, T_END, lx->at);
	else if (is_name_start(c))
		take_name(lx);
	else if (is_digit(c) || (c == '.' && (is_digit(next) || (next == '.' && number_end(lx, lx->at) > lx->at + 2))))
		take(lx, T_NUMBER, number_end(lx, lx->at));
	else if (c == '.' && is_name_start(next))
		take(lx, T_FIELD, name_end(lx, lx->at + 1));
	else if (c == '@' && is_name(next))
		take(lx, T_FORMAT, name_end(lx, lx->at + 1));
	else if (c == '"')
		take(lx, T_QUOTE, lx->at + 1);
	else
		take_sign(lx);
}

bool lex_is(const struct lexer *lx, const char *word)
{
	return (lx->kind == T_OP || lx->kind == T_KEYWORD) && slice_eq(lx->word, slice_str(word));
}
