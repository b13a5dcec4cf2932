/*
 * place: parses a place string and opens nothing: "-", PATH, "file:///DIR",
 * "s3://BUCKET/PREFIX". tlm(7) is its page.
 * A string with a scheme we do not know is refused by name; "./kafka:x" is a file.
 */
#ifndef TLM_PLACE_H
#define TLM_PLACE_H

#include <stdbool.h>

#include "err/err.h"

enum place_kind {
	PLACE_STD,      /* "-" */
	PLACE_PATH,     /* a file */
	PLACE_LAKE_DIR, /* file:///DIR: a lake in a directory */
	PLACE_LAKE_S3,  /* s3://BUCKET/PREFIX: a lake in a bucket */
	PLACE_KAFKA     /* kafka:TOPIC, kafka://HOST:PORT/TOPIC: text is what kafka.h takes */
};

struct place {
	enum place_kind kind;
	const char *text; /* as given, borrowed */
	const char *path; /* the file, or the absolute directory and template behind file://, or
			     "BUCKET/PREFIX"; borrowed from text */
};

/*
 * Returns 0, or -1 with ERR_USAGE: "" ; "http://x" ("cannot read or write http://"), "file://host/x" ("write
 * file:///DIR with three slashes"), "s3:x" and "s3:///x" ("write s3://BUCKET/PREFIX").
 */
int place_parse(struct place *place, const char *text, struct err *err);

/* Whether it is a lake, which only tlm-s3put writes. */
static inline bool place_is_lake(const struct place *place)
{
	return place->kind == PLACE_LAKE_DIR || place->kind == PLACE_LAKE_S3;
}

/* Whether both are one file, which two writers would spoil: x, ./x, a link to x. What lies in /dev is none. */
bool place_is_same(const char *a, const char *b);

#endif
