/*
 * Builtins over numbers, and tonumber.
 */
#include "jq/impl.h"

#include <math.h>
#include <stdlib.h>

#include "num/num.h"

/* ---- tonumber ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One word as libjq's parser takes it: a number in any form of strtod but hexadecimal. */
static const char *read_word(const char *p, size_t len, bool *is_number, double *d)
{
	static const struct {
		char first;
		const char *word;
	} literals[] = {{'t', "true"}, {'f', "false"}, {'n', "null"}};
	char word[400], *end;

	*is_number = true;
	for (size_t i = 0; i < 3; i++) {
		if (*p != literals[i].first)
			continue;
		if (len == 3 && memcmp(p, "nan", 3) == 0) {
			*d = (double)NAN;
			return NULL;
		}
		*is_number = false;
		return len == strlen(literals[i].word) && memcmp(p, literals[i].word, len) == 0 ? NULL
												: "Invalid literal";
	}
	if (num_is_json(p, len)) {
		*d = num_to_double(p, len);
		return NULL;
	}
	if (len >= sizeof word || memchr(p, 'x', len) || memchr(p, 'X', len) || memchr(p, '(', len))
		return "Invalid numeric literal";
	memcpy(word, p, len);
	word[len] = '\0';
	*d = strtod(word, &end);
	return *end || end == word ? "Invalid numeric literal" : NULL;
}

/* The signs that cannot stand where a value may begin or has ended. */
static bool read_sign(char c, const char **problem)
{
	*problem = c == ','   ? "Expected value before ','"
		   : c == ':' ? "Expected string key before ':'"
		   : c == ']' ? "Unmatched ']'"
		   : c == '}' ? "Unmatched '}'"
			      : NULL;
	return *problem;
}

/*
 * libjq parses the string as JSON text: blanks around are fine, a second value is not. Structures are left to the
 * scanner: valid ones are no numbers, broken ones get one message for all.
 */
static int parse_number(struct run *r, struct slice s, struct value in, struct value *out)
{
	size_t n = strnlen(s.p, s.len), column = 0, line = 1, start, words = 0, sign_at = 0;
	const char *problem = NULL;
	bool is_number = false, is_at_end = false;
	struct json_record record;
	double d = 0;

	for (size_t i = 0; i < n && !problem && words < 2;) {
		if (is_blank(s.p[i])) {
			column = s.p[i] == '\n' ? 0 : column + 1;
			line += s.p[i++] == '\n';
			continue;
		}
		for (start = i; i < n && !is_blank(s.p[i]) && !strchr("\"[]{},:", s.p[i]);)
			i++;
		column += i - start;
		sign_at = i;
		if (i == start)
			goto structure;
		problem = read_word(s.p + start, i - start, &is_number, &d);
		words++;
		is_at_end = i == n;
		if (problem && !is_at_end) {
			column = s.p[i] == '\n' ? 0 : column + 1;
			line += s.p[i] == '\n';
		} else if (!is_at_end && !is_blank(s.p[i])) {
			goto structure;
		}
	}
	if (problem)
		return raise_text(r, "%s%s at line %zu, column %zu (while parsing '%.*s')", problem,
			is_at_end ? " at EOF" : "", line, column, (int)n, s.p);
	if (words == 0)
		return raise_text(r, "Expected JSON value (while parsing '%.*s')", (int)n, s.p);
	if (words == 2)
		return raise_text(r, "Unexpected extra JSON values (while parsing '%.*s')", (int)n, s.p);
	if (!is_number)
		return raise_type(r, in, "cannot be parsed as a number");
	*out = value_number(d);
	return 0;
structure:
	/* column counts what was read; the sign is the next character */
	if (read_sign(s.p[sign_at], &problem))
		return raise_text(
			r, "%s at line %zu, column %zu (while parsing '%.*s')", problem, line, column + 1, (int)n, s.p);
	json_check(s.p, n, JSON_DEPTH_MAX, &record);
	if (record.status == JSON_OK)
		return raise_type(r, in, "cannot be parsed as a number");
	return raise_text(r, "Invalid JSON text (while parsing '%.*s')", (int)n, s.p);
}

/* Later ones keep the digits of the text. */
static bool is_printed_as(struct run *r, struct value number, struct slice text)
{
	buf_reset(&r->message);
	dump_number(&r->message, value_double(number));
	return slice_eq(buf_slice(&r->message), text);
}

static int b_tonumber(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct slice s;

	(void)args;
	*out = in;
	if (in.type == JSON_NUMBER)
		return 0;
	if (in.type != JSON_STRING)
		return raise_type(r, in, "cannot be parsed as a number");
	s = value_text(r, in);
	if (num_is_json(s.p, s.len)) {
		*out = value_number(num_to_double(s.p, s.len));
		if (is_later(r) && !is_printed_as(r, *out, s))
			run_elsewhere(r);
		return 0;
	}
	/* blanks, nan and the like: 1.8 takes less than 1.6 */
	if (is_later(r))
		run_elsewhere(r);
	return parse_number(r, s, in, out);
}

/* ---- mathematics ---- */

static int apply(struct run *r, struct value in, double (*fn)(double), struct value *out)
{
	if (in.type != JSON_NUMBER)
		return raise_type(r, in, "number required");
	*out = value_number(fn(value_double(in)));
	return 0;
}

#define MATH(name)                                                                                                     \
	static int b_##name(struct run *r, struct value in, const struct value *args, struct value *out)               \
	{                                                                                                              \
		(void)args;                                                                                            \
		return apply(r, in, name, out);                                                                        \
	}
/* clang-format off */
#define MATHS(X) \
	X(floor) X(ceil) X(round) X(trunc) X(rint) X(nearbyint) X(sqrt) X(cbrt) X(fabs) \
	X(exp) X(exp2) X(exp10) X(expm1) X(log) X(log2) X(log10) X(log1p) \
	X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh)
/* clang-format on */

MATHS(MATH)

static int b_pow(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)in;
	for (int i = 0; i < 2; i++)
		if (args[i].type != JSON_NUMBER)
			return raise_type(r, args[i], "number required");
	*out = value_number(pow(value_double(args[0]), value_double(args[1])));
	return 0;
}

static int b_atan2(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)in;
	for (int i = 0; i < 2; i++)
		if (args[i].type != JSON_NUMBER)
			return raise_type(r, args[i], "number required");
	*out = value_number(atan2(value_double(args[0]), value_double(args[1])));
	return 0;
}

static int b_nan(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)r;
	(void)in;
	(void)args;
	*out = value_number((double)NAN);
	return 0;
}

/* What is no number is false. */
#define ASK(name)                                                                                                      \
	static int b_##name(struct run *r, struct value in, const struct value *args, struct value *out)               \
	{                                                                                                              \
		(void)r;                                                                                               \
		(void)args;                                                                                            \
		*out = value_bool(in.type == JSON_NUMBER && name(value_double(in)));                                   \
		return 0;                                                                                              \
	}
#define isinfinite isinf

ASK(isnan)
ASK(isinfinite)
ASK(isnormal)

static int b_infinite(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)r;
	(void)in;
	(void)args;
	*out = value_number((double)INFINITY);
	return 0;
}

#define ROW(name) {#name, 0, b_##name},

static const struct builtin rows[] = {{"tonumber", 0, b_tonumber}, {"nan", 0, b_nan}, {"isnan", 0, b_isnan},
	{"isinfinite", 0, b_isinfinite}, {"isnormal", 0, b_isnormal}, {"infinite", 0, b_infinite}, {"pow", 2, b_pow},
	{"atan2", 2, b_atan2}, MATHS(ROW)};

const struct builtins builtins_number = {rows, sizeof rows / sizeof *rows};
