#include "engine/keep.h"

#include <string.h>

/* The head of a name in keep.gone; the key stands behind it. */
struct name {
	int64_t id;
	uint32_t key_bytes;
	char kind;
};

void keep_drop(struct keep *k, char kind, int64_t id, struct slice key)
{
	struct name name = {.id = id, .key_bytes = (uint32_t)key.len, .kind = kind};

	buf_add(&k->gone, (const char *)&name, sizeof name);
	buf_add_slice(&k->gone, key);
}

void keep_drop_table(struct keep *k, char kind, int64_t id, struct group_table *t)
{
	struct group_entry *e;

	for (size_t offset = 0; k->is_on && (e = group_table_next(t, &offset));) {
		if (e->spare & KEEP_THERE)
			keep_drop(k, kind, id, group_entry_key(t, e));
	}
}

void keep_release(struct keep *k)
{
	buf_release(&k->gone);
}

void keep_save_gone(struct keep *k, engine_piece_fn *save, void *context)
{
	for (size_t at = 0; at < k->gone.len;) {
		struct name name;

		memcpy(&name, k->gone.p + at, sizeof name);
		at += sizeof name;
		save(context, &(struct engine_piece){
				      .kind = name.kind, .id = name.id, .key = {k->gone.p + at, name.key_bytes}});
		at += name.key_bytes;
	}
	buf_reset(&k->gone);
}

void keep_save_table(char kind, int64_t id, struct group_table *t, keep_write_fn *write, void *writer,
	engine_piece_fn *save, void *context)
{
	struct buf value = BUF_INIT;
	struct group_entry *e;

	for (size_t offset = 0; (e = group_table_next(t, &offset));) {
		if ((e->spare & KEEP_THERE) && !(e->spare & KEEP_CHANGED))
			continue;
		buf_reset(&value);
		buf_add_char(&value, '{');
		write(writer, e, &value);
		buf_add_char(&value, '}');
		save(context, &(struct engine_piece){kind, id, group_entry_key(t, e), buf_slice(&value)});
		e->spare = (e->spare & ~(uint32_t)KEEP_CHANGED) | KEEP_THERE;
	}
	buf_release(&value);
}

struct group_entry *keep_load_entry(struct group_table *t, const struct engine_piece *piece)
{
	bool is_new;
	struct group_entry *e = group_table_get(t, piece->key, group_hash(piece->key), &is_new);

	e->spare |= KEEP_THERE;
	return e;
}

/* ---- values ---- */

struct json_span keep_member(struct json_span object, const char *name)
{
	struct json_span key, value;
	struct json_iter it;

	if (object.type != JSON_OBJECT)
		return (struct json_span){0};
	json_iter_init(&it, object);
	while (json_iter_next(&it, &key, &value)) {
		if (json_string_eq(key, slice_str(name)))
			return value;
	}
	return (struct json_span){0};
}

bool keep_int(struct json_span object, const char *name, int64_t *value)
{
	struct json_span span = keep_member(object, name);

	return span.type == JSON_NUMBER && num_to_i64(span.p, span.len, value);
}

bool keep_has(struct json_span object, const char *name)
{
	return keep_member(object, name).type == JSON_TRUE;
}

void keep_add_int(struct buf *out, const char *name, int64_t value)
{
	json_add_key(out, name);
	out->len += num_print_i64(buf_reserve(out, NUM_DOUBLE_BYTES), value);
}

void keep_add_bool(struct buf *out, const char *name, bool is_so)
{
	if (!is_so)
		return;
	json_add_key(out, name);
	buf_add_str(out, "true");
}

void keep_add_states(struct buf *out, const struct agg_list *list, const void *states)
{
	json_add_key(out, "state");
	buf_add_char(out, '{');
	agg_states_write(list, states, NULL, out);
	buf_add_char(out, '}');
}

int keep_read_states(struct json_span object, struct agg_list *list, void *states, struct err *err)
{
	struct json_span state = keep_member(object, "state");

	if (state.type != JSON_OBJECT)
		return err_set(err, ERR_DATA, "there is no state in it");
	return agg_states_read(list, state, 0, states, err);
}

int keep_misfit(const struct engine_piece *piece, struct err *err)
{
	return err_set(err, ERR_DATA, "a piece of the kind %c is not as it was written", piece->kind);
}
