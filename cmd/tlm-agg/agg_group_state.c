/*
 * The state topic: what is open of each partition, piece by piece (engine_save()), in a compacted topic that is written
 * in the transaction of the offsets.
 *
 * The key of a message is ["GROUP","TOPIC[PARTITION]",KIND,ID,VALUE...], with the values of the group ([] for one that
 * is absent); its value is that of the piece. Behind the pieces of a commit comes the head,
 * ["GROUP","TOPIC[PARTITION]"], with the metadata of the commit. So whoever has the partition next reads up to the head
 * of the metadata that are committed, and what came last under each key is what was open there.
 */
#include "agg_group_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

#define WHAT_TO_DO "begin without open windows (--accept-new-config) or take another group"

/* ---- names ---- */

/* "kafka:trips[3]" without what all places begin with. */
static void name_part(const struct agg_group *g, struct part *p)
{
	const char *place = strchr(p->name, ':');

	buf_reset(&p->names);
	buf_add_char(&p->names, '[');
	json_add_string(&p->names, slice_str(kafka_table_group(g->table)));
	buf_add_char(&p->names, ',');
	json_add_string(&p->names, slice_str(place ? place + 1 : p->name));
}

static void add_value(struct buf *out, const struct group_value *value)
{
	switch (value->type) {
	case JSON_ABSENT:
		buf_add_str(out, "[]");
		break;
	case JSON_STRING:
		json_add_string(out, value->bytes);
		break;
	case JSON_NUMBER:
		buf_add_slice(out, value->bytes);
		break;
	default:
		buf_add_str(out, value->type == JSON_TRUE ? "true" : value->type == JSON_FALSE ? "false" : "null");
	}
}

static void name_piece(const struct part *p, const struct engine_piece *piece, struct buf *out)
{
	struct slice key = piece->key;
	struct buf tmp = BUF_INIT;
	struct group_value value;

	buf_add_slice(out, buf_slice(&p->names));
	buf_addf(out, ",\"%c\",%lld", piece->kind, (long long)piece->id);
	while (key.len) {
		group_key_next(&key, &value, &tmp);
		buf_add_char(out, ',');
		add_value(out, &value);
	}
	buf_add_char(out, ']');
	buf_release(&tmp);
}

/* The name without its first two elements, back into the piece; key holds its values. */
static bool read_name(struct slice name, struct engine_piece *piece, struct buf *key)
{
	struct json_record record;
	struct json_span none, item;
	struct buf tmp = BUF_INIT;
	struct json_iter it;
	bool is_good;
	int i;

	json_check(name.p, name.len, 2, &record);
	if (record.status != JSON_OK || record.type != JSON_ARRAY)
		return false;
	json_iter_init(&it, record.value);
	for (i = 0, is_good = true; is_good && json_iter_next(&it, &none, &item); i++) {
		if (i == 2) {
			is_good = item.type == JSON_STRING && item.len == 3;
			piece->kind = item.p[1];
		} else if (i == 3) {
			is_good = item.type == JSON_NUMBER && num_to_i64(item.p, item.len, &piece->id);
		} else if (i > 3) {
			item.type = item.type == JSON_ARRAY ? JSON_ABSENT : item.type;
			is_good = group_key_add(key, item, &tmp);
		}
	}
	buf_release(&tmp);
	piece->key = buf_slice(key);
	return is_good && i >= 4;
}

/* ---- save ---- */

struct writer {
	struct agg_group *g;
	struct part *p;
	struct buf name;
};

static void put_piece(void *writer, const struct engine_piece *piece)
{
	struct writer *w = writer;

	buf_reset(&w->name);
	name_piece(w->p, piece, &w->name);
	kafka_table_put(w->g->table, w->p->rebuild.state, buf_slice(&w->name), piece->value);
}

/* Where the times of records come from may have been seen in the first one: nobody sees that again. */
static const char *time_field(const struct agg *agg)
{
	if (agg->time_from == TIME_WINDOW)
		return "window_end";
	return agg->time_from == TIME_FIELD && !agg->opts.time ? "session_end" : "time";
}

static void put_head(struct writer *w, const struct buf *metadata)
{
	struct buf value = BUF_INIT;

	buf_reset(&w->name);
	buf_add_slice(&w->name, buf_slice(&w->p->names));
	buf_add_char(&w->name, ']');
	buf_add_str(&value, "{\"commit\":");
	json_add_string(&value, buf_slice(metadata));
	if (w->p->agg->has_begun) {
		json_add_key(&value, "time");
		json_add_string(&value, slice_str(time_field(w->p->agg)));
	}
	buf_add_char(&value, '}');
	kafka_table_put(w->g->table, w->p->rebuild.state, buf_slice(&w->name), buf_slice(&value));
	buf_release(&value);
}

void agg_group_save(struct agg_group *g, struct part *p, const struct buf *metadata)
{
	struct writer w = {g, p, BUF_INIT};

	if (p->agg->has_begun)
		engine_save(p->agg->workers[0].engine, put_piece, &w);
	put_head(&w, metadata);
	buf_reset(&p->head);
	buf_add_slice(&p->head, buf_slice(metadata));
	buf_release(&w.name);
}

/* ---- restore ---- */

/* The last value under each name: state[0] is the memory, or 0 for a name that has gone; state[1] its length. */
struct found {
	struct group_table values;
	struct slice names, awaited; /* awaited: the metadata of the head */
	struct buf head;             /* its value, once it was seen */
	bool is_whole;
};

/* Whether this is the head that was committed. */
static bool is_awaited(struct found *f, struct slice value)
{
	struct json_record record;
	struct fieldpath commit = FIELDPATH_INIT;
	struct err err = ERR_INIT;
	struct json_span text;

	json_check(value.p, value.len, 4, &record);
	fieldpath_parse(&commit, SLICE_LIT("commit"), NULL, &err);
	text = record.status == JSON_OK ? json_get(record.value, &commit) : (struct json_span){0};
	f->is_whole = text.type == JSON_STRING && json_string_eq(text, f->awaited);
	fieldpath_release(&commit);
	return f->is_whole;
}

static char *padded(struct slice bytes)
{
	char *p = mem_alloc(1, bytes.len + JSON_PAD_BYTES);

	memcpy(p, bytes.p, bytes.len);
	return p;
}

static bool take_message(void *ctx, struct slice key, struct slice value)
{
	struct found *f = ctx;
	struct group_entry *e;
	size_t n = f->names.len;
	bool is_new;

	if (key.len <= n || memcmp(key.p, f->names.p, n) != 0 || (key.p[n] != ',' && key.p[n] != ']'))
		return false;
	if (key.p[n] == ']' && value.p) {
		buf_reset(&f->head);
		buf_add_slice(&f->head, value);
		return f->awaited.len && is_awaited(f, value);
	}
	e = group_table_get(&f->values, key, group_hash(key), &is_new);
	free((void *)(uintptr_t)e->state[0]);
	e->state[0] = value.p ? (uint64_t)(uintptr_t)padded(value) : 0;
	e->state[1] = value.len;
	return false;
}

/* The first record told where times come from: one like it tells it again. */
static int begin(struct agg *agg, const struct found *f, struct err *err)
{
	struct json_record record;
	struct buf text = BUF_INIT;
	struct fieldpath time = FIELDPATH_INIT;
	struct json_span field;
	int result;

	json_check(f->head.p, f->head.len, 4, &record);
	fieldpath_parse(&time, SLICE_LIT("time"), NULL, err);
	field = json_get(record.value, &time);
	fieldpath_release(&time);
	if (field.type != JSON_STRING)
		return 0; /* nothing was open */
	if (agg->opts.is_merging) {
		agg->time_from = TIME_WINDOW;
		return agg_start_engine(agg, err);
	}
	buf_addf(&text, "{%.*s:0}", (int)field.len, field.p);
	json_check(text.p, text.len, 2, &record);
	result = agg_plan_first_record(agg, record.value, err) || agg_start_engine(agg, err) ? -1 : 0;
	buf_release(&text);
	return result;
}

static int load(struct agg *agg, struct found *f, struct err *err)
{
	struct buf key = BUF_INIT;
	struct group_entry *e;
	int result = begin(agg, f, err);

	for (size_t offset = 0; result == 0 && (e = group_table_next(&f->values, &offset));) {
		struct engine_piece piece = {0};
		struct json_record record = {.status = JSON_BAD};

		if (!e->state[0])
			continue;
		buf_reset(&key);
		json_check((const char *)(uintptr_t)e->state[0], e->state[1], JSON_DEPTH_MAX, &record);
		if (!agg->has_begun || record.status != JSON_OK ||
			!read_name(group_entry_key(&f->values, e), &piece, &key))
			result = err_set(err, ERR_DATA, "a message is not as it was written");
		else
			result = engine_load(agg->workers[0].engine, &piece, record.value, err);
	}
	if (result == 0 && agg->has_begun)
		engine_loaded(agg->workers[0].engine, agg->clock.watermark_us);
	buf_release(&key);
	return result;
}

/* What nobody needs: windows that were given up, or of a group of that name that is gone. */
static void clear(struct agg_group *g, struct part *p, struct found *f)
{
	struct group_entry *e;

	for (size_t offset = 0; (e = group_table_next(&f->values, &offset));) {
		if (e->state[0])
			kafka_table_put(g->table, p->rebuild.state, group_entry_key(&f->values, e), (struct slice){0});
	}
}

static void release(struct found *f)
{
	struct group_entry *e;

	for (size_t offset = 0; (e = group_table_next(&f->values, &offset));)
		free((void *)(uintptr_t)e->state[0]);
	group_table_release(&f->values);
	buf_release(&f->head);
}

/* The metadata tell of a state that cannot be had: 0 where that is accepted, and nothing is open. */
static int give_up(const struct agg_group *g, struct part *p, struct err *err, const char *why)
{
	char inner[ERR_MSG_BYTES];

	p->rebuild.is_unchecked = true;
	snprintf(inner, sizeof inner, "%s", why);
	err_reset(err);
	if (g->opts->is_accepting)
		return 0;
	return err_set(err, ERR_REFUSED, "%.110s: " WHAT_TO_DO, inner);
}

/* Half of it is there: begins anew, at the same time. */
static int begin_anew(struct agg_group *g, struct part *p, int32_t partition, struct err *err)
{
	struct agg *old = p->agg;
	int64_t us = old->clock.inputs[0].stream_us;

	p->agg = agg_group_begin(g, p->name, partition, err);
	agg_close(old);
	if (!p->agg)
		return -1;
	if (us != WINDOW_NEVER)
		window_clock_raise(&p->agg->clock, 0, us);
	agg_group_go_silent(g, p->agg);
	return 0;
}

int agg_group_restore(struct agg_group *g, struct part *p, int32_t partition, struct slice metadata, struct err *err)
{
	struct found f = {.head = BUF_INIT};
	bool has_state = p->rebuild.state >= 0, is_read;
	int result;

	if (!g->table) {
		p->rebuild.state = -1;
		return give_up(g, p, err, "the open windows are in a state topic, and there is no --state-topic");
	}
	name_part(g, p);
	is_read = has_state && !p->rebuild.is_unchecked;
	if (!has_state)
		p->rebuild.state = partition % kafka_table_partitions(g->table);
	f.names = buf_slice(&p->names);
	f.awaited = is_read ? metadata : (struct slice){0};
	group_table_init(&f.values, 2 * sizeof(uint64_t));
	result = kafka_table_read(g->table, p->rebuild.state, is_read, take_message, &f, err) < 0 ? -1 : 0;
	if (result == 0 && is_read && !f.is_whole)
		result = give_up(g, p, err, "the state topic does not hold what was open");
	if (result == 0 && is_read && f.is_whole && load(p->agg, &f, err))
		result = give_up(g, p, err, err->msg) || begin_anew(g, p, partition, err) ? -1 : 0;
	if (result == 0 && is_read && f.is_whole && !p->rebuild.is_unchecked)
		buf_add_slice(&p->head, metadata);
	else if (result == 0)
		clear(g, p, &f);
	release(&f);
	return result;
}
