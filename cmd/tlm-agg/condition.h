/*
 * condition: a jq program that says yes or no: --where over a record, --having over a row.
 *
 * The answer is yes if and only if `select(PROGRAM)` gives the input: some value of the program is neither false nor
 * null. Only what the native evaluator of lib/jq runs is taken. Memory: open/close. One thread.
 */
#ifndef TLM_AGG_CONDITION_H
#define TLM_AGG_CONDITION_H

#include <stdbool.h>

#include "buf/buf.h"
#include "err/err.h"
#include "json/json.h"

struct condition;

/* option is for messages: "--where". NULL with ERR_PROGRAM: the program does not compile, or is not native. */
struct condition *condition_open(const char *option, const char *program, struct err *err);
void condition_close(struct condition *c); /* does nothing for NULL */

/* The paths that the scanner of the records must have; the caller may add more, before it opens a scanner over them. */
struct json_paths *condition_paths(struct condition *c);

enum condition_answer {
	CONDITION_NO,
	CONDITION_YES,
	CONDITION_ERROR, /* the program raised an error: *message tells */
	CONDITION_LIMIT  /* it went over its steps or bytes: the same */
};

/* Asks about a JSON_OK record; *message lives until the next question. */
enum condition_answer condition_ask(struct condition *c, const struct json_record *record, struct slice *message);

/* The same about a record that another scanner read, in its batch: its line end is readable. The caller has opened no
 * scanner over condition_paths(). */
enum condition_answer condition_scan(struct condition *c, const struct json_record *record, struct slice *message);

#endif
