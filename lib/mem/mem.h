/*
 * mem: memory that is there or ends the process.
 *
 * Out of memory is handled in one place: a message on stderr and exit status 2.
 * State on disk is safe at any moment by the order of work, so nothing is lost by it.
 * Sizes are in bytes. Every pointer is freed with free(3). Thread safe.
 */
#ifndef TLM_MEM_H
#define TLM_MEM_H

#include <stddef.h>

/* A zeroed block of count * size bytes; never NULL (one byte at least). */
void *mem_alloc(size_t count, size_t size);

/*
 * The same for what one of several threads writes again and again: it shares no cache line with anything else, nor with
 * the line beside it, which processors fetch along. An array of such has elements that begin at MEM_APART_BYTES:
 * _Alignas(MEM_APART_BYTES) at their first member.
 */
enum { MEM_APART_BYTES = 128 };
void *mem_alloc_apart(size_t count, size_t size);

/* old (or NULL) grown or shrunk to count * size bytes, contents kept, the new part undefined. */
void *mem_resize(void *old, size_t count, size_t size);

/* A copy of len bytes with a NUL behind it. */
char *mem_dup(const void *p, size_t len);

/* What mem_fail() calls before the process ends (it must not allocate); NULL for nothing. Set once, at the start. */
void mem_on_fail(void (*clean_up)(void));

/* Prints "out of memory" and ends the process with status 2. */
_Noreturn void mem_fail(void);

#endif
