/* moved: the rows of a lake that was copied tell of the place where it was. Which part of their keys that was is found
 * by the objects that are there. */
#ifndef TLM_S3PUT_MOVED_H
#define TLM_S3PUT_MOVED_H

#include <stddef.h>

/* Names below the root with a '/' before them, sorted and borrowed; and the roots that rows told of. */
struct moved {
	const char **there;
	size_t n_there;
	char **roots;
	size_t n_roots;
};

/* Takes the list. */
void moved_init(struct moved *m, const char **there, size_t n_there);
void moved_release(struct moved *m);

/* Learns from the key of a row where the lake was, if its object is there. */
void moved_learn(struct moved *m, const char *key);

/* What stands in a key behind one of these roots, or NULL. */
const char *moved_below(const struct moved *m, const char *key);

#endif
