/* tally: how often each value came: mode, topk, set. */
#include "aggregate/form.h"

#include <stdlib.h>

#include "group/group.h"
#include "mem/mem.h"

/* How often each value came, and how its earliest record wrote it. */
struct tally {
	bool has_overflown; /* more than AGG_TALLY_MAX values: table is empty */
	struct group_table table;
	struct buf text; /* of the result */
};

struct tally_entry {
	uint64_t n;
	struct agg_text_state text;
};

struct tally_state {
	struct tally *tally; /* NULL: empty */
};

static struct tally *tally_of(struct tally_state *s)
{
	if (!s->tally) {
		s->tally = mem_alloc(1, sizeof *s->tally);
		group_table_init(&s->tally->table, sizeof(struct tally_entry));
	}
	return s->tally;
}

static void clear_tally(struct tally *t)
{
	struct group_entry *e;

	for (size_t at = 0; (e = group_table_next(&t->table, &at));)
		free(((struct tally_entry *)(void *)e->state)->text.text);
	group_table_release(&t->table);
}

static void put_tally(struct tally *t, struct slice key, uint64_t n, const struct agg_place *place, struct slice text)
{
	struct tally_entry *entry;
	bool is_new;

	if (t->has_overflown)
		return;
	entry = (struct tally_entry *)(void *)group_table_get(&t->table, key, group_hash(key), &is_new)->state;
	entry->n += n;
	if (is_new || agg_place_cmp(place, &entry->text.place) < 0)
		agg_text_set(&entry->text, place, text.p, text.len);
	if (t->table.n > AGG_TALLY_MAX) {
		clear_tally(t);
		t->has_overflown = true;
	}
}

static void add_tally(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	buf_reset(&list->scratch);
	group_key_add(&list->scratch, v->span, &list->scratch_text);
	put_tally(tally_of(state), buf_slice(&list->scratch), 1, place, (struct slice){v->span.p, v->span.len});
}

static void merge_tally(void *into, const void *from, struct agg_list *list)
{
	struct tally *f = ((const struct tally_state *)from)->tally, *t;
	struct group_entry *e;

	(void)list;
	if (!f)
		return;
	t = tally_of(into);
	if (f->has_overflown && !t->has_overflown) {
		clear_tally(t);
		t->has_overflown = true;
	}
	for (size_t at = 0; !f->has_overflown && (e = group_table_next(&f->table, &at));) {
		const struct tally_entry *entry = (const struct tally_entry *)(const void *)e->state;

		put_tally(t, group_entry_key(&f->table, e), entry->n, &entry->text.place,
			(struct slice){entry->text.text, entry->text.len});
	}
}

static size_t owned_tally(const void *state)
{
	const struct tally *t = ((const struct tally_state *)state)->tally;

	return t ? sizeof *t + group_table_bytes(&t->table) + t->table.n * AGG_TEXT_BYTES : 0;
}

static void release_tally(void *state)
{
	struct tally *t = ((struct tally_state *)state)->tally;

	if (!t)
		return;
	if (!t->has_overflown)
		clear_tally(t);
	buf_release(&t->text);
	free(t);
}

static const struct tally_entry *entry_of(const struct group_entry *e)
{
	return (const struct tally_entry *)(const void *)e->state;
}

static void write_tally(const void *state, const struct form_writer *w)
{
	struct tally *t = ((const struct tally_state *)state)->tally;
	struct group_entry **order;

	if (t->has_overflown) {
		json_add_key(w->out, "over");
		buf_add_str(w->out, "true");
		return;
	}
	order = mem_alloc(t->table.n, sizeof(struct group_entry *));
	group_table_sort(&t->table, order);
	json_add_key(w->out, "x");
	for (uint32_t i = 0; i < t->table.n; i++) {
		buf_add_str(w->out, i ? ",[" : "[[");
		form_add_u64(w->out, entry_of(order[i])->n);
		buf_add_char(w->out, ',');
		form_add_text(w, &entry_of(order[i])->text);
		buf_add_char(w->out, ']');
	}
	buf_add_char(w->out, ']');
	free(order);
}

static bool read_entry(struct tally *t, struct json_span span, const struct form_reader *r)
{
	struct buf *key = &r->list->scratch;
	struct json_span v[2], value;
	struct agg_place place;
	uint64_t n;

	if (!form_elements(span, 2, v) || !form_count(v[0], &n) || !form_placed(r, v[1], &place, &value) ||
		value.type == JSON_NULL)
		return false;
	buf_reset(key);
	if (!group_key_add(key, value, &r->list->scratch_text))
		return false;
	put_tally(t, buf_slice(key), n, &place, (struct slice){value.p, value.len});
	return true;
}

static bool read_tally(void *state, struct json_span object, const struct form_reader *r)
{
	struct tally *t = tally_of(state);
	struct json_span x, entry;
	struct json_iter it;
	size_t n = 0;

	if (form_members(object, "over", &x)) {
		t->has_overflown = true;
		return x.type == JSON_TRUE;
	}
	if (!form_members(object, "x", &x) || !form_array(x, &it))
		return false;
	for (; form_next(&it, &entry); n++) {
		if (!read_entry(t, entry, r))
			return false;
	}
	/* each value once, and not too many */
	return n && n == t->table.n;
}

const struct agg_kind agg_kind_tally = {
	.name = "mode, topk and set",
	.bytes = sizeof(struct tally_state),
	.need = AGG_SCALAR,
	.add = add_tally,
	.merge = merge_tally,
	.release = release_tally,
	.owned = owned_tally,
	.write = write_tally,
	.read = read_tally,
};

/* The tally, unless there is nothing to say of it. */
static struct tally *tally_to_finish(const void *state, struct agg_result *r)
{
	struct tally *t = ((const struct tally_state *)state)->tally;

	r->is_approximate = t && t->has_overflown;
	return r->is_approximate ? NULL : t;
}

static int compare_by_count(const void *a, const void *b)
{
	const struct group_entry *const *x = a, *const *y = b;
	const struct tally_entry *p = entry_of(*x), *q = entry_of(*y);
	struct slice k, l;

	if (p->n != q->n)
		return p->n > q->n ? -1 : 1;
	k = (struct slice){(const char *)(p + 1), (*x)->key_bytes};
	l = (struct slice){(const char *)(q + 1), (*y)->key_bytes};
	return slice_cmp(k, l);
}

void agg_finish_mode(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct tally *t = tally_to_finish(state, r);
	const struct group_entry *e, *best = NULL;

	(void)call;
	for (size_t at = 0; t && (e = group_table_next(&t->table, &at));) {
		if (!best || compare_by_count(&e, &best) < 0)
			best = e;
	}
	if (best)
		agg_set_text(r, (struct slice){entry_of(best)->text.text, entry_of(best)->text.len});
}

void agg_finish_topk(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct tally *t = tally_to_finish(state, r);
	struct group_entry **order;

	if (!t)
		return;
	order = mem_alloc(t->table.n, sizeof(struct group_entry *));
	group_table_sort(&t->table, order);
	qsort(order, t->table.n, sizeof(struct group_entry *), compare_by_count);
	buf_reset(&t->text);
	for (uint32_t i = 0; i < t->table.n && i < call->n; i++) {
		const struct tally_entry *e = entry_of(order[i]);

		buf_add_str(&t->text, i ? ",{\"value\":" : "[{\"value\":");
		buf_add(&t->text, e->text.text, e->text.len);
		buf_addf(&t->text, ",\"count\":%llu}", (unsigned long long)e->n);
	}
	buf_add_char(&t->text, ']');
	agg_set_text(r, buf_slice(&t->text));
	free(order);
}

void agg_finish_set(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct tally *t = tally_to_finish(state, r);
	struct group_entry **order;

	(void)call;
	if (!t)
		return;
	order = mem_alloc(t->table.n, sizeof(struct group_entry *));
	group_table_sort(&t->table, order);
	buf_reset(&t->text);
	for (uint32_t i = 0; i < t->table.n; i++) {
		const struct tally_entry *e = entry_of(order[i]);

		buf_add_char(&t->text, i ? ',' : '[');
		buf_add(&t->text, e->text.text, e->text.len);
	}
	buf_add_char(&t->text, ']');
	agg_set_text(r, buf_slice(&t->text));
	free(order);
}
