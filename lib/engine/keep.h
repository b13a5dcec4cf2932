/*
 * keep: which pieces of what is open have changed since they were saved, and which have gone: engine_save(). Not for
 * other modules.
 *
 * Entries of tables carry two bits in their spare word. A piece that goes before it was ever saved leaves no trace.
 * Memory: release.
 */
#ifndef TLM_KEEP_H
#define TLM_KEEP_H

#include "engine/engine.h"
#include "group/group.h"

/* In group_entry.spare. */
enum { KEEP_CHANGED = 2, KEEP_THERE = 4 };

struct keep {
	bool is_on;
	struct buf gone; /* names of pieces */
};

static inline void keep_touch(const struct keep *k, struct group_entry *e)
{
	if (k->is_on)
		e->spare |= KEEP_CHANGED;
}

/* A piece that was saved goes; and those of a whole table that were. */
void keep_drop(struct keep *k, char kind, int64_t id, struct slice key);
void keep_drop_table(struct keep *k, char kind, int64_t id, struct group_table *t);
void keep_release(struct keep *k);

/* What has gone since the last call; before what has changed. */
void keep_save_gone(struct keep *k, engine_piece_fn *save, void *context);

/* Appends the members of the value of an entry behind a '{'. */
typedef void keep_write_fn(void *writer, const struct group_entry *e, struct buf *out);

/* The entries of a table that have changed, or are new. */
void keep_save_table(char kind, int64_t id, struct group_table *t, keep_write_fn *write, void *writer,
	engine_piece_fn *save, void *context);

/* The entry of a piece that is loaded: it is there, and has not changed. */
struct group_entry *keep_load_entry(struct group_table *t, const struct engine_piece *piece);

/* Members of a value: JSON_ABSENT, or false, where they are not there. */
struct json_span keep_member(struct json_span object, const char *name);
bool keep_int(struct json_span object, const char *name, int64_t *value);
bool keep_has(struct json_span object, const char *name); /* it is true */

void keep_add_int(struct buf *out, const char *name, int64_t value);
void keep_add_bool(struct buf *out, const char *name, bool is_so); /* left out where it is not */
void keep_add_states(struct buf *out, const struct agg_list *list, const void *states);
int keep_read_states(struct json_span object, struct agg_list *list, void *states, struct err *err);

/* A value that engine_save() does not write: -1 with ERR_DATA. */
int keep_misfit(const struct engine_piece *piece, struct err *err);

#endif
