/*
 * timefield: the option `--time FIELD[:FORMAT]`: which field of a record is its event time.
 *
 * FORMAT is everything behind the first ':' outside quotes and brackets (see etime_format_parse()).
 * Memory: timefield_release() frees. Thread safe for reading.
 */
#ifndef TLM_TIMEFIELD_H
#define TLM_TIMEFIELD_H

#include "buf/buf.h"
#include "err/err.h"
#include "etime/etime.h"
#include "fieldpath/fieldpath.h"
#include "json/json.h"

struct timefield {
	struct fieldpath path;
	struct etime_format format;
	char *text; /* owned; format.pattern points into it */
};

/* Returns 0, or -1 with ERR_USAGE: "ts:parsec", ":ms". */
int timefield_parse(struct timefield *field, const char *text, struct err *err);
void timefield_release(struct timefield *field);

/*
 * The event time in a span: 0, or -1 with *why (a literal for the reject's message: "timeMili is null" is built
 * by the caller from path.text and it): "is absent", "is null", "is not a time of the format", "is a number without
 * a unit: say --time FIELD:s|ms|us|ns". tmp is scratch for escaped strings.
 */
int timefield_get(const struct timefield *field, struct json_span span, struct buf *tmp, int64_t *us, const char **why);

#endif
