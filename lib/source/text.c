/* A source of lines that are there already. */
#include "source/source.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

enum { PAD_BYTES = 64 };

struct text_source {
	struct source source;
	const char *name, *text;
	int step; /* the lines, the end of the input, the end */
};

static enum source_result next(struct source *source, struct batch *b, struct err *err)
{
	struct text_source *s = (struct text_source *)source;

	(void)err;
	if (s->step == 2)
		return SOURCE_END;
	buf_reset(&b->own);
	if (s->step == 0)
		buf_add_str(&b->own, s->text);
	buf_reserve(&b->own, PAD_BYTES);
	b->p = b->own.p;
	b->len = b->own.len;
	b->kind = s->step++ == 0 ? BATCH_LINES : BATCH_INPUT_END;
	b->name = s->name;
	b->input = 0;
	b->first_line = 1;
	return SOURCE_BATCH;
}

static uint32_t inputs(const struct source *s)
{
	(void)s;
	return 1;
}

static void progress(const struct source *source, uint64_t *read_bytes, uint64_t *total_bytes)
{
	*read_bytes = *total_bytes = strlen(((const struct text_source *)source)->text);
}

static void close_text(struct source *s)
{
	free(s);
}

static const struct source_ops ops = {.next = next, .inputs = inputs, .progress = progress, .close = close_text};

struct source *source_text(const char *name, const char *text)
{
	struct text_source *s = mem_alloc(1, sizeof *s);

	*s = (struct text_source){.source.ops = &ops, .name = name, .text = text};
	return &s->source;
}
