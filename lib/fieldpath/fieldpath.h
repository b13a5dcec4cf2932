/*
 * fieldpath: the path of a field in a record: `.a.b`, `a.b`, `.a["b c"]`, `.a[0]`, `.["x:y"]`.
 *
 * The syntax of jq's paths; the leading dot may be left out. A key without quotes is made of letters, digits, '_', '$',
 * '@', '-' and bytes from 0x80 on (so `été` and `1a` need none); any other is written `["..."]` or `."..."` with the
 * escapes of JSON: .["Vehicle speed"]. Memory: fieldpath_release() frees.
 */
#ifndef TLM_FIELDPATH_H
#define TLM_FIELDPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"

enum { FIELDPATH_STEPS_MAX = 64 };

struct fieldpath_step {
	bool is_index;    /* [n], else a key */
	int64_t index;    /* may be negative: from the end */
	struct slice key; /* unescaped bytes, owned by the path */
};

struct fieldpath {
	struct fieldpath_step *steps; /* n_steps; none: the record itself (".") */
	size_t n_steps;
	char *text; /* as written, NUL-terminated, for messages */
};

#define FIELDPATH_INIT                                                                                                 \
	{                                                                                                              \
		NULL, 0, NULL                                                                                          \
	}

/*
 * Parses one path at the front of text; *used says how many bytes it took (it ends at the first byte that
 * cannot go on: ':' ',' ')' blank ...). used NULL: the whole text must be one path.
 * Returns 0, or -1 with ERR_USAGE and the byte: "", "a..b", "a[x]", `a["b`, "Vehicle speed".
 */
int fieldpath_parse(struct fieldpath *path, struct slice text, size_t *used, struct err *err);
void fieldpath_release(struct fieldpath *path);
void fieldpath_copy(struct fieldpath *to, const struct fieldpath *from);
bool fieldpath_eq(const struct fieldpath *a, const struct fieldpath *b);

/* The path as a flat name for columns: "driver.id" (steps joined with '.', indices as numbers). */
void fieldpath_column(struct buf *out, const struct fieldpath *path);

/* The path in one form, however it was written: ["driver"]["id"][0]. */
void fieldpath_canonical(struct buf *out, const struct fieldpath *path);

/* The path as part of an output name: every character other than [A-Za-z0-9_] becomes '_': "driver_id". */
void fieldpath_name(struct buf *out, const struct fieldpath *path);

#endif
