#include "ends.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

static struct end *find(const struct ends *e, const char *run)
{
	for (size_t i = 0; i < e->n; i++) {
		if (strcmp(e->list[i].run, run) == 0)
			return &e->list[i];
	}
	return NULL;
}

void ends_add(struct ends *e, struct slice run, uint64_t objects, uint64_t records)
{
	char *name = mem_dup(run.p, run.len);
	struct end *end = find(e, name);

	if (!end) {
		e->list = mem_resize(e->list, e->n + 1, sizeof *e->list);
		end = &e->list[e->n++];
		*end = (struct end){.run = name};
	} else {
		free(name);
	}
	end->objects = objects;
	end->records = records;
}

void ends_count_row(struct ends *e, const char *run, uint64_t records)
{
	struct end *end = find(e, run);

	if (!end)
		return;
	end->objects_told++;
	end->records_told += records;
}

int ends_check(const struct ends *e, bool has_all, ends_fault_fn *found, void *ctx, struct err *err)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct end *end = &e->list[i];

		if (!end->objects_told && !has_all)
			continue;
		if (end->objects == end->objects_told && end->records == end->records_told)
			continue;
		if (found(ctx, "the rows of this run are not as many as it told at its end", end->run, err) < 0)
			return -1;
	}
	return 0;
}

void ends_release(struct ends *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->list[i].run);
	free(e->list);
}
