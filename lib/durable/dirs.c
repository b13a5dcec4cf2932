#include <stdlib.h>
#include <string.h>

#include "durable/durable.h"
#include "mem/mem.h"

void durable_dirs_add(struct durable_dirs *dirs, const char *path, size_t len)
{
	if (dirs->n == dirs->size) {
		dirs->size = dirs->size ? 2 * dirs->size : 64;
		dirs->paths = mem_resize(dirs->paths, dirs->size, sizeof *dirs->paths);
	}
	dirs->paths[dirs->n++] = mem_dup(path, len);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so equal ones stand side by side. */
int durable_dirs_sync(struct durable_dirs *dirs, struct err *err)
{
	struct durable_job *jobs = mem_alloc(dirs->n, sizeof *jobs);
	size_t n = 0;
	int got = 0;

	if (dirs->n)
		qsort(dirs->paths, dirs->n, sizeof *dirs->paths, by_path);
	for (size_t i = 0; i < dirs->n; i++) {
		if (i == 0 || strcmp(dirs->paths[i - 1], dirs->paths[i]) != 0)
			jobs[n++] = (struct durable_job){.fd = -1, .path = dirs->paths[i]};
	}
	durable_sync_all(jobs, n);
	for (size_t i = 0; i < n && got == 0; i++) {
		got = jobs[i].got;
		if (got < 0)
			*err = jobs[i].err;
	}
	for (size_t i = 0; i < dirs->n; i++)
		free(dirs->paths[i]);
	dirs->n = 0;
	free(jobs);
	return got;
}

void durable_dirs_release(struct durable_dirs *dirs)
{
	for (size_t i = 0; i < dirs->n; i++)
		free(dirs->paths[i]);
	free(dirs->paths);
	*dirs = (struct durable_dirs)DURABLE_DIRS_INIT;
}
