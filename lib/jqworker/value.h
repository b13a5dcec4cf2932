/*
 * value: JSON text to libjq's values and back, faster than the library's parser and printer, which remain the plain way
 * (and the one that the test compares with). Private to lib/jqworker.
 */
#ifndef TLM_JQWORKER_VALUE_H
#define TLM_JQWORKER_VALUE_H

#include <stdbool.h>

#include <jv.h>

#include "buf/buf.h"

/* One valid JSON value, a newline behind it. False where the library shall read it: deeper than a fixed limit. */
bool value_read(const char *p, size_t len, jv *value);

/* Appends the compact text of a value (borrowed), byte for byte as jv_dump_string(value, 0). */
void value_add(struct buf *out, jv value);

#endif
