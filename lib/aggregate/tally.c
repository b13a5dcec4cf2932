/* tally: how often each value came: mode, topk, set. */
#include "aggregate/kinds.h"

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

const struct agg_kind agg_kind_tally = {
	.bytes = sizeof(struct tally_state),
	.need = AGG_SCALAR,
	.add = add_tally,
	.merge = merge_tally,
	.release = release_tally,
};

/* The tally, unless there is nothing to say of it. */
static struct tally *tally_to_finish(const void *state, struct agg_result *r)
{
	struct tally *t = ((const struct tally_state *)state)->tally;

	r->is_approximate = t && t->has_overflown;
	return r->is_approximate ? NULL : t;
}

static const struct tally_entry *entry_of(const struct group_entry *e)
{
	return (const struct tally_entry *)(const void *)e->state;
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
