#include "moved.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

static int by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

void moved_init(struct moved *m, const char **there, size_t n_there)
{
	*m = (struct moved){.there = there, .n_there = n_there};
	qsort(there, n_there, sizeof *there, by_text);
}

void moved_release(struct moved *m)
{
	for (size_t i = 0; i < m->n_roots; i++)
		free(m->roots[i]);
	free(m->roots);
	free(m->there);
}

const char *moved_below(const struct moved *m, const char *key)
{
	for (size_t i = 0; i < m->n_roots; i++) {
		size_t len = strlen(m->roots[i]);

		if (strncmp(key, m->roots[i], len) == 0 && key[len] == '/')
			return key + len;
	}
	return NULL;
}

/* The longest name that is there is the likeliest. */
void moved_learn(struct moved *m, const char *key)
{
	const char *below = strstr(key, "://");

	if (!below || moved_below(m, key))
		return;
	for (below = strchr(below + 3, '/'); below; below = strchr(below + 1, '/')) {
		if (!bsearch(&below, m->there, m->n_there, sizeof *m->there, by_text))
			continue;
		m->roots = mem_resize(m->roots, m->n_roots + 1, sizeof *m->roots);
		m->roots[m->n_roots++] = mem_dup(key, (size_t)(below - key));
		return;
	}
}
