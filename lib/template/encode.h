/* encode: bytes as parts of a directory name, [A-Za-z0-9._-] as they are and every other as %XX. Private. */
#ifndef TLM_TEMPLATE_ENCODE_H
#define TLM_TEMPLATE_ENCODE_H

#include <stdbool.h>

#include "buf/buf.h"

/* Any bytes. is_at_start: they begin a name, where a '.' is encoded. */
void encode_bytes(struct buf *out, struct slice text, bool is_at_start);

/* The value of a field: the same, with the rules for "", ".", ".." and the name of the null partition. */
void encode_value(struct buf *out, struct slice value, bool is_at_start);

#endif
