#include "opt/suggest.h"

#include <string.h>

#include "opt/walk.h"

enum { WORD_MAX_BYTES = 40 };

const char *opt_hint_for(const struct opt_spec *spec, const char *word)
{
	for (const struct opt_hint *h = spec->hints; h && h->word; h++)
		if (strcmp(h->word, word) == 0)
			return h->text;
	return NULL;
}

bool opt_is_name(const struct opt_spec *spec, const char *name)
{
	struct opt_walk w;
	const struct opt *o;

	opt_walk_init(&w, spec);
	while ((o = opt_walk_next(&w)))
		if (o->kind != OPT_HEADING && w.has_name && strcmp(o->name, name) == 0)
			return true;
	return false;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Damerau and Levenshtein: letters added, lost, changed, or two neighbours swapped, each counts one. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	size_t rows[3][WORD_MAX_BYTES + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	if (n > WORD_MAX_BYTES || m > WORD_MAX_BYTES)
		return WORD_MAX_BYTES;
	for (size_t j = 0; j <= m; j++)
		last[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[m];
}

const char *opt_nearest(const struct opt_spec *spec, const char *word)
{
	size_t best = strlen(word) < 6 ? 2 : 3; /* --xy: one change, longer words: two */
	const char *name = NULL;
	struct opt_walk w;
	const struct opt *o;

	if (strncmp(word, "--", 2) != 0)
		return NULL;
	opt_walk_init(&w, spec);
	while ((o = opt_walk_next(&w))) {
		size_t d;

		if (o->kind == OPT_HEADING || !w.has_name || o->is_hidden)
			continue;
		d = distance(word + 2, o->name);
		if (d < best && d < strlen(o->name)) {
			best = d;
			name = o->name;
		}
	}
	return name;
}
