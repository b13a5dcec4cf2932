/*
 * template: the directory of a record in a lake: `/srv/lake/dt=%Y-%m-%d/device={deviceId}`.
 *
 * `%Y` and the other conversions of etime_strftime() give the event time, `{path}` a field of the record; `%%`, `{{`
 * and `}}` are the characters themselves. What a code or a field gives is percent-encoded to [A-Za-z0-9._-], as Hive
 * and its readers do, so that it is always a part of one directory name and can be decoded; a whole value of `.` or
 * `..`, and a '.' or '_' that would begin a name, are encoded too: readers pass over such names, and the lake keeps its
 * own in them. Empty, null or absent is __HIVE_DEFAULT_PARTITION__ (a value equal to it has its first character
 * encoded). So no record can choose a path outside the root, or one of the names that are the lake's.
 *
 * The root is the longest leading part of directories without a code or a field.
 *
 * Memory: template_close() frees. Rendering allocates nothing per record. One thread per object.
 */
#ifndef TLM_TEMPLATE_H
#define TLM_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"
#include "etime/etime.h"
#include "json/json.h"

#define TEMPLATE_NULL "__HIVE_DEFAULT_PARTITION__"

/* Names in the root that are the lake's own. */
#define TEMPLATE_MANIFESTS "_manifests"
#define TEMPLATE_COMPLETE "_complete"

enum {
	TEMPLATE_VALUE_MAX_BYTES = 128, /* of a value after encoding */
	TEMPLATE_NAME_MAX_BYTES = 255,  /* of a directory's name: more is refused by file systems */
	TEMPLATE_PATH_MAX_BYTES = 2048  /* of all directories below the root */
};

struct template;

/*
 * text is the path behind file://, absolute. Fields are added to paths (before its scanner is opened). zone is
 * borrowed; NULL is UTC. Returns NULL with ERR_PROGRAM: "/a/{", "/a/{b", "/a/}", "/a/%Q", "/a/%", "/a/{}", "/a/{.}",
 * "/a/{b}/../c", "/a/{b}/.c", "/a/_{b}".
 */
struct template *template_open(
	const char *text, const struct etime_zone *zone, struct json_paths *paths, struct err *err);
void template_close(struct template *t); /* does nothing for NULL */

/* The root: absolute, without a '/' at its end (so the root directory itself is ""). */
const char *template_root(const struct template *t);

/* Whether it holds a code of the event time. */
bool template_has_time(const struct template *t);

/* Whether a record of that time has the directory of the record that was rendered last: there are no fields, and no
 * code shows another text. */
bool template_is_same(const struct template *t, int64_t us);

/* Names of its partition columns: the n-th NAME of a directory `NAME=...` (NULL behind the last). A column that is just
 * the field of the same name is left out: nothing is hidden by it. */
const char *template_column(const struct template *t, size_t n);

/* Why a record has no directory. */
struct template_fault {
	const char *field; /* its path as written; NULL: the name as a whole */
	const char *why; /* a literal: "is an object", "is an array", "gives more than 128 bytes in a directory name" */
};

/*
 * Appends the directory below the root, without '/' at either end ("" for a template without codes and fields).
 * us is read only if template_has_time(); spans are those of the scanner's record. Returns 0, or -1 with *fault.
 */
int template_render(
	struct template *t, int64_t us, const struct json_span *spans, struct buf *out, struct template_fault *fault);

#endif
