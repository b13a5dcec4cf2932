/*
 * place: parses a place string and opens nothing: "-", PATH, "file:///DIR". tlm(7) is its page.
 * A string with a scheme we do not know is refused by name; "./kafka:x" is a file.
 */
#ifndef TLM_PLACE_H
#define TLM_PLACE_H

#include "err/err.h"

enum place_kind {
	PLACE_STD,      /* "-" */
	PLACE_PATH,     /* a file */
	PLACE_LAKE_DIR, /* file:///DIR: a lake in a directory */
	PLACE_KAFKA     /* kafka:TOPIC, kafka://HOST:PORT/TOPIC: text is what kafka.h takes */
};

struct place {
	enum place_kind kind;
	const char *text; /* as given, borrowed */
	const char *path; /* the file, or the absolute directory and template behind file://; borrowed from text */
};

/*
 * Returns 0, or -1 with ERR_USAGE: "" ; "http://x" ("cannot read or write http://"), "s3://b/p" ("... is
 * not supported in this version"), "file://host/x" ("write file:///DIR with three slashes").
 */
int place_parse(struct place *place, const char *text, struct err *err);

#endif
