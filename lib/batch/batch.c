#include "batch/batch.h"

void batch_init(struct batch *b)
{
	*b = (struct batch){0};
}

void batch_release(struct batch *b)
{
	buf_release(&b->own);
	batch_init(b);
}
