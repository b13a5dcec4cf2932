#include "jq/impl.h"

#include <stdlib.h>

#include "mem/mem.h"

/*
 * Chunks that double in size: a small record never leaves the first, a large one pays for few calls. The bytes of a
 * chunk follow its head.
 */
struct chunk {
	struct chunk *older;
	size_t bytes;
};

enum { CHUNK_FIRST_BYTES = 64 << 10, CHUNK_MOST_BYTES = 16 << 20, ALIGN = 16 };

_Static_assert(sizeof(struct chunk) % ALIGN == 0, "what follows the head is aligned");

static void use_chunk(struct arena *a, struct chunk *c)
{
	a->p = (char *)(c + 1);
	a->end = a->p + c->bytes;
}

static void add_chunk(struct arena *a, size_t need)
{
	size_t bytes = a->chunks ? a->chunks->bytes * 2 : CHUNK_FIRST_BYTES;
	struct chunk *c;

	if (bytes > CHUNK_MOST_BYTES)
		bytes = CHUNK_MOST_BYTES;
	if (bytes < need)
		bytes = need;
	c = mem_resize(NULL, 1, sizeof *c + bytes);
	c->older = a->chunks;
	c->bytes = bytes;
	a->chunks = c;
	use_chunk(a, c);
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	char *p;

	bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	a->used_bytes += bytes;
	if (a->limit_bytes && a->used_bytes > a->limit_bytes)
		longjmp(*a->on_limit, 1);
	if ((size_t)(a->end - a->p) < bytes)
		add_chunk(a, bytes);
	p = a->p;
	a->p += bytes;
	return p;
}

/* The newest block grows where it stands: appending to a string or an array is then cheap. */
void *arena_more(struct arena *a, void *old, size_t old_bytes, size_t bytes)
{
	size_t old_size = (old_bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	void *p;

	if (old && (char *)old + old_size == a->p && (size_t)(a->end - (char *)old) >= bytes + ALIGN) {
		a->p = old;
		a->used_bytes -= old_size;
		return arena_alloc(a, bytes);
	}
	p = arena_alloc(a, bytes);
	if (old_bytes)
		memcpy(p, old, old_bytes);
	return p;
}

/* Frees all but the oldest chunk; what a usual record needs is then there for the next. */
void arena_reset(struct arena *a)
{
	a->used_bytes = 0;
	if (!a->chunks)
		return;
	while (a->chunks->older) {
		struct chunk *older = a->chunks->older;

		free(a->chunks);
		a->chunks = older;
	}
	if (a->chunks->bytes > JQ_KEPT_BYTES_DEFAULT) {
		free(a->chunks);
		a->chunks = NULL;
		a->p = a->end = NULL;
		return;
	}
	use_chunk(a, a->chunks);
}

void arena_release(struct arena *a)
{
	while (a->chunks) {
		struct chunk *older = a->chunks->older;

		free(a->chunks);
		a->chunks = older;
	}
	a->p = a->end = NULL;
}
