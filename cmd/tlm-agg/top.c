#include "top.h"

#include <stdlib.h>
#include <string.h>

#include "json/json.h"
#include "mem/mem.h"
#include "num/num.h"

enum { TOP_MAX = 1000000 };

struct top_item {
	struct engine_row row;
	uint64_t number;  /* in the order of rows */
	struct buf value; /* as JSON text */
};

/* A heap with the row that leaves first at its root: as cheap as a comparison for each row that stays outside. */
struct top {
	const struct agg_list *list;
	size_t call, max;
	struct top_item *items;
	size_t n, n_made; /* items in use; items whose buffers exist */
	uint64_t next_number;
	struct buf value;
};

static int find_call(struct top *t, const char *text, const char *name, struct err *err)
{
	for (size_t i = 0; i < t->list->n_calls; i++) {
		t->call = i;
		if (strcmp(t->list->calls[i].name, name) == 0)
			return 0;
	}
	return err_set(err, ERR_PROGRAM, "--top %.100s: no aggregate is called %.60s", text, name);
}

struct top *top_open(const char *text, const struct agg_list *list, struct err *err)
{
	const char *colon = strchr(text, ':');
	struct top *t = mem_alloc(1, sizeof *t);
	int64_t max;

	t->list = list;
	if (!colon || num_parse_int((struct slice){text, (size_t)(colon - text)}, 1, TOP_MAX, &max, err)) {
		err_reset(err);
		err_set(err, ERR_USAGE, "--top %.100s: must be N:NAME, N from 1 to %d, NAME of an aggregate", text,
			(int)TOP_MAX);
		goto fail;
	}
	t->max = (size_t)max;
	if (find_call(t, text, colon + 1, err))
		goto fail;
	return t;
fail:
	top_close(t);
	return NULL;
}

void top_close(struct top *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_made; i++)
		buf_release(&t->items[i].value);
	buf_release(&t->value);
	free(t->items);
	free(t);
}

static struct json_span span_of(const struct buf *value)
{
	struct json_span s = {.p = value->p, .len = (uint32_t)value->len, .type = JSON_NUMBER};

	switch (*value->p) {
	case 'n':
		s.type = JSON_NULL;
		break;
	case 'f':
		s.type = JSON_FALSE;
		break;
	case 't':
		s.type = JSON_TRUE;
		break;
	case '"':
		s.type = JSON_STRING;
		s.is_escaped = memchr(value->p, '\\', value->len) != NULL;
		break;
	case '[':
		s.type = JSON_ARRAY;
		break;
	case '{':
		s.type = JSON_OBJECT;
		break;
	default:
		break;
	}
	return s;
}

/* Whether a leaves the heap before b. */
static bool is_worse(const struct top_item *a, const struct top_item *b)
{
	int order = json_cmp(span_of(&a->value), span_of(&b->value));

	return order ? order < 0 : a->number > b->number;
}

static void swap_items(struct top_item *a, struct top_item *b)
{
	struct top_item c = *a;

	*a = *b;
	*b = c;
}

static void sift_up(struct top *t, size_t i)
{
	for (; i && is_worse(&t->items[i], &t->items[(i - 1) / 2]); i = (i - 1) / 2)
		swap_items(&t->items[i], &t->items[(i - 1) / 2]);
}

static void sift_down(struct top *t)
{
	for (size_t i = 0, child; (child = 2 * i + 1) < t->n; i = child) {
		if (child + 1 < t->n && is_worse(&t->items[child + 1], &t->items[child]))
			child++;
		if (!is_worse(&t->items[child], &t->items[i]))
			break;
		swap_items(&t->items[i], &t->items[child]);
	}
}

static struct top_item *make_item(struct top *t)
{
	if (t->n == t->n_made) {
		t->n_made = t->n_made ? t->n_made * 2 : 16;
		t->items = mem_resize(t->items, t->n_made, sizeof *t->items);
		memset(t->items + t->n, 0, (t->n_made - t->n) * sizeof *t->items);
	}
	return &t->items[t->n++];
}

void top_add(struct top *t, const struct engine_row *row)
{
	struct top_item new = {.row = *row, .number = t->next_number++, .value = t->value};
	struct agg_result result;
	bool is_full = t->n == t->max;
	struct top_item *place;

	buf_reset(&new.value);
	agg_result(t->list, t->call, row->states, &result);
	agg_result_print(&new.value, &result);
	if (!is_full || is_worse(&t->items[0], &new)) {
		place = is_full ? &t->items[0] : make_item(t);
		swap_items(place, &new);
		if (is_full)
			sift_down(t);
		else
			sift_up(t, t->n - 1);
	}
	t->value = new.value; /* of the loser, for the next one */
}

static int by_number(const void *a, const void *b)
{
	const struct top_item *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

size_t top_end(struct top *t)
{
	if (t->n)
		qsort(t->items, t->n, sizeof *t->items, by_number);
	return t->n;
}

const struct engine_row *top_row(const struct top *t, size_t i)
{
	return &t->items[i].row;
}

void top_reset(struct top *t)
{
	t->n = 0;
}
