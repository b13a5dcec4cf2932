/*
 * xml: the elements of a small XML document (an answer of S3 or STS), by expat; only this module includes its header.
 * Thread safe.
 */
#ifndef TLM_XML_H
#define TLM_XML_H

#include <stdbool.h>

#include "buf/buf.h"

enum { XML_PATH_MAX_BYTES = 256 };

/*
 * Called at the end of each element with its path from the root ("ListBucketResult/Contents/Key") and the text that
 * stood in it, entities resolved, without that of elements inside; both borrowed. Returns false to end the walk.
 */
typedef bool xml_element_fn(void *ctx, const char *path, struct slice text);

/* false when the document is not well-formed as far as it was read, or nested too deep. */
bool xml_walk(struct slice document, xml_element_fn *element, void *ctx);

/* Appends the text of the first element of that path; false when there is none. */
bool xml_find(struct slice document, const char *path, struct buf *out);

/* Appends the name of the root element; false when there is none. */
bool xml_root(struct slice document, struct buf *out);

/* Appends text with & < > escaped. */
void xml_add_text(struct buf *out, struct slice text);

#endif
