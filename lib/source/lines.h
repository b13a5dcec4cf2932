/* Newlines in memory; private to lib/source. */
#ifndef TLM_SOURCE_LINES_H
#define TLM_SOURCE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many newlines p[len] holds. */
uint64_t lines_count(const char *p, size_t len);

/* The same, without SIMD of the machine: the twin that a test compares it with. */
uint64_t lines_count_portable(const char *p, size_t len);

/*
 * Length of the whole lines at the start of p[len] that have at most max_bytes each (the '\n' not counted). *is_long:
 * what follows is a line above that, whole or not.
 */
size_t lines_fit(const char *p, size_t len, size_t max_bytes, bool *is_long);

#endif
