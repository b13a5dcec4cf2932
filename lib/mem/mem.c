#include "mem/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_NO_MEMORY = 2 };

static void (*on_fail)(void);

void mem_on_fail(void (*clean_up)(void))
{
	on_fail = clean_up;
}

void mem_fail(void)
{
	static const char msg[] = "tlm: out of memory\n";

	if (on_fail)
		on_fail();
	if (write(STDERR_FILENO, msg, sizeof msg - 1) < 0)
		_exit(EXIT_NO_MEMORY);
	_exit(EXIT_NO_MEMORY);
}

void *mem_alloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	if (!p)
		mem_fail();
	return p;
}

void *mem_alloc_apart(size_t count, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(count ? count : 1, size ? size : 1, &bytes) ||
		__builtin_add_overflow(bytes, MEM_APART_BYTES - 1, &bytes))
		mem_fail();
	bytes -= bytes % MEM_APART_BYTES;
	p = aligned_alloc(MEM_APART_BYTES, bytes);
	if (p)
		return memset(p, 0, bytes);
	mem_fail();
}

void *mem_resize(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count ? count : 1, size ? size : 1);

	if (!p)
		mem_fail();
	return p;
}

char *mem_dup(const void *p, size_t len)
{
	char *copy = mem_resize(NULL, len + 1, 1);

	if (len)
		memcpy(copy, p, len);
	copy[len] = '\0';
	return copy;
}
