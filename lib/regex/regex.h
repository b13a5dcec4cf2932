/*
 * regex: whether a regular expression is found in a text, as libjq's `test` finds it: oniguruma, Perl's named-group
 * syntax. The one module that includes oniguruma.h.
 *
 * A search has a bound, for backtracking may take for ever: the retries of oniguruma times the length of the text, and
 * the size of its stack. Between two retries a search only goes forward, but for look-around: patterns with that, and
 * others whose cost is not bounded so, are refused by regex_open().
 *
 * Memory: open/close. A regex is read-only and may be shared; a room belongs to one thread and is used again.
 */
#ifndef TLM_REGEX_H
#define TLM_REGEX_H

#include "buf/buf.h"

struct regex;
struct regex_room;

enum {
	REGEX_PATTERN_BYTES = 1000,
	REGEX_REPEATS = 10000, /* the product of all {n} */
	REGEX_WORK = 1 << 26,  /* bytes of text looked at in one search: about 0.1 s */
	REGEX_STACK = 100000,  /* entries: about 5 MB */
	REGEX_RETRIES_MAX = 1000000
};

/*
 * flags are jq's letters g i x s n p l, or empty; p and flags are borrowed for the call. NULL when this module does not
 * take the pattern: it does not compile ("(a"), an unknown flag, look-around ("(?=a)"), longer than
 * REGEX_PATTERN_BYTES.
 */
struct regex *regex_open(struct slice pattern, struct slice flags);
void regex_close(struct regex *re); /* does nothing for NULL */

struct regex_room *regex_room_open(void);
void regex_room_close(struct regex_room *room); /* does nothing for NULL */

enum regex_answer { REGEX_NO, REGEX_YES, REGEX_OVER /* the search went over its bound, or failed */ };

/* text is valid UTF-8. */
enum regex_answer regex_test(const struct regex *re, struct regex_room *room, struct slice text);

#endif
