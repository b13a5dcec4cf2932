/*
 * mark: a line that carries the time of a stream through a plain pipe: {"_tlm":{"time_us":N,"source":"day.csv"}}.
 *
 * Records that a filter drops would have told the tools behind it how far time has come; a mark tells it in their
 * place. Tools take such lines for marks with --marks only, and they are in no ledger. Thread safe.
 */
#ifndef TLM_MARK_H
#define TLM_MARK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "buf/buf.h"
#include "json/json.h"

#define MARK_START "{\"_tlm\":"

/* Whether a line is one: it begins with these bytes, exactly. */
static inline bool mark_is(const char *p, size_t len)
{
	return len >= sizeof MARK_START - 1 && memcmp(p, MARK_START, sizeof MARK_START - 1) == 0;
}

/*
 * The time of a mark, from the JSON value of its line: 0, or -1 with *why, a literal for the reject's message: a field
 * beside "_tlm" (no record may pass for a mark), "time_us" that is absent, no integer or outside the years 1 to 9999, a
 * "source" that is no text. Other members of "_tlm" are left alone.
 */
int mark_read(struct json_span value, int64_t *time_us, const char **why);

/* Appends a mark as a line. source is a text of the system, as a file's name. */
void mark_add(struct buf *out, int64_t time_us, const char *source);

#endif
