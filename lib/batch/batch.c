#include "batch/batch.h"

#include <stdio.h>

void batch_init(struct batch *b)
{
	*b = (struct batch){0};
}

void batch_release(struct batch *b)
{
	buf_release(&b->own);
	batch_init(b);
}

const char *batch_place(const struct batch *b, uint64_t line, char place[BATCH_PLACE_BYTES], uint64_t *shown)
{
	*shown = line;
	if (!b->records)
		return b->name;
	*shown = 0;
	snprintf(place, BATCH_PLACE_BYTES, "%s@%lld", b->name, (long long)b->records[line - b->first_line].offset);
	return place;
}

void batch_take(struct batch *b, struct batch *to)
{
	struct buf spare = to->own;

	*to = *b;
	b->own = spare;
	b->p = NULL;
	b->len = 0;
}
