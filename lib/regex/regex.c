#include "regex/regex.h"

#include <oniguruma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

struct regex {
	regex_t *compiled;
};

struct regex_room {
	OnigMatchParam *param;
};

/* ---- patterns that are bounded ---- */

/* Behind "(?": a group with or without flags, or a name. Look-around and all that is rare is refused. */
static bool is_plain_group(struct slice s, size_t at)
{
	if (at + 1 < s.len && s.p[at] == '<')
		return s.p[at + 1] != '=' && s.p[at + 1] != '!';
	while (at < s.len && s.p[at] && strchr("imsx-", s.p[at]))
		at++;
	return at < s.len && (s.p[at] == ':' || s.p[at] == ')');
}

/* Multiplies *repeats with the larger number of the interval at a '{'; anything else there changes nothing. */
static void count_repeats(struct slice s, size_t at, uint64_t *repeats)
{
	uint64_t n = 0, most = 1;

	for (at++; at < s.len && ((s.p[at] >= '0' && s.p[at] <= '9') || s.p[at] == ','); at++) {
		n = s.p[at] == ',' ? 0 : n * 10 + (uint64_t)(s.p[at] - '0');
		if (n > REGEX_REPEATS)
			n = REGEX_REPEATS + 1;
		most = n > most ? n : most;
	}
	*repeats *= most;
	if (*repeats > REGEX_REPEATS)
		*repeats = REGEX_REPEATS + 1;
}

/* Strict: what stands inside a class is read as if it stood outside. */
static bool is_bounded(struct slice s)
{
	uint64_t repeats = 1;

	if (s.len > REGEX_PATTERN_BYTES)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char next = i + 1 < s.len ? s.p[i + 1] : 0;

		if (s.p[i] == '\\') {
			if (next && strchr("123456789kgKGRXyYNO", next))
				return false;
			i++;
		} else if (s.p[i] == '(' && (next == '*' || (next == '?' && !is_plain_group(s, i + 2)))) {
			return false;
		} else if (s.p[i] == '{') {
			count_repeats(s, i, &repeats);
		}
	}
	return repeats <= REGEX_REPEATS;
}

/* ---- open and close ---- */

static bool read_flags(struct slice flags, OnigOptionType *options)
{
	for (size_t i = 0; i < flags.len; i++) {
		switch (flags.p[i]) {
		case 'g': /* all matches: the first decides */
			break;
		case 'i':
			*options |= ONIG_OPTION_IGNORECASE;
			break;
		case 'x':
			*options |= ONIG_OPTION_EXTEND;
			break;
		case 's':
			*options |= ONIG_OPTION_SINGLELINE;
			break;
		case 'p':
			*options |= ONIG_OPTION_MULTILINE | ONIG_OPTION_SINGLELINE;
			break;
		case 'l':
			*options |= ONIG_OPTION_FIND_LONGEST;
			break;
		case 'n':
			*options |= ONIG_OPTION_FIND_NOT_EMPTY;
			break;
		default:
			return false;
		}
	}
	return true;
}

struct regex *regex_open(struct slice pattern, struct slice flags)
{
	OnigOptionType options = ONIG_OPTION_CAPTURE_GROUP;
	const OnigUChar *p = (const OnigUChar *)pattern.p;
	OnigEncoding encoding = ONIG_ENCODING_UTF8;
	OnigErrorInfo info;
	struct regex *re;
	regex_t *compiled;

	if (!is_bounded(pattern) || !read_flags(flags, &options) || onig_initialize(&encoding, 1) != ONIG_NORMAL)
		return NULL;
	if (onig_new(&compiled, p, p + pattern.len, options, encoding, ONIG_SYNTAX_PERL_NG, &info) != ONIG_NORMAL)
		return NULL;
	re = mem_alloc(1, sizeof *re);
	re->compiled = compiled;
	return re;
}

void regex_close(struct regex *re)
{
	if (!re)
		return;
	onig_free(re->compiled);
	free(re);
}

struct regex_room *regex_room_open(void)
{
	struct regex_room *room = mem_alloc(1, sizeof *room);

	room->param = onig_new_match_param();
	if (!room->param)
		mem_fail();
	onig_set_match_stack_limit_size_of_match_param(room->param, REGEX_STACK);
	return room;
}

void regex_room_close(struct regex_room *room)
{
	if (!room)
		return;
	onig_free_match_param(room->param);
	free(room);
}

/* ---- search ---- */

enum regex_answer regex_test(const struct regex *re, struct regex_room *room, struct slice text)
{
	const OnigUChar *p = (const OnigUChar *)(text.p ? text.p : ""), *end = p + text.len;
	unsigned long retries = REGEX_WORK / (text.len + 1);
	int at;

	if (retries > REGEX_RETRIES_MAX)
		retries = REGEX_RETRIES_MAX;
	onig_set_retry_limit_in_match_of_match_param(room->param, retries + 1);
	onig_set_retry_limit_in_search_of_match_param(room->param, retries + 1);
	at = onig_search_with_param(re->compiled, p, end, p, end, NULL, ONIG_OPTION_NONE, room->param);
	if (at >= 0)
		return REGEX_YES;
	return at == ONIG_MISMATCH ? REGEX_NO : REGEX_OVER;
}
