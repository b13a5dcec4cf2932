#include "ranges.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

enum { OFFSET_DIGITS_MIN = 12 };

static void add(struct ranges *r, struct slice topic, const struct range *range)
{
	if (r->n == r->size) {
		r->size = r->size ? 2 * r->size : 256;
		r->list = mem_resize(r->list, r->size, sizeof *r->list);
	}
	r->list[r->n] = *range;
	r->list[r->n++].topic = mem_dup(topic.p, topic.len);
}

/* The number behind the last '-' of the name, which is cut off there; at least so many digits. */
static bool cut_number(struct slice *name, size_t n_digits_min, int64_t *value)
{
	size_t at = name->len;

	while (at && isdigit((unsigned char)name->p[at - 1]))
		at--;
	if (at < 2 || name->p[at - 1] != '-' || name->len - at < n_digits_min || name->len - at > 18)
		return false;
	*value = strtoll(name->p + at, NULL, 10);
	name->len = at - 1;
	return true;
}

void ranges_add_object(struct ranges *r, const char *path, uint64_t records)
{
	const char *p = strrchr(path, '/') + 1, *dot = strstr(p, ".ndjson"), *next;
	struct range range = {.objects = 1, .records = records};
	struct slice name;

	while (dot && (next = strstr(dot + 1, ".ndjson")))
		dot = next;
	name = (struct slice){p, dot ? (size_t)(dot - p) : 0};
	if (cut_number(&name, OFFSET_DIGITS_MIN, &range.last) && cut_number(&name, OFFSET_DIGITS_MIN, &range.first) &&
		cut_number(&name, 1, &range.partition))
		add(r, name, &range);
}

void ranges_add_end(struct ranges *r, struct slice topic, const struct range *end)
{
	struct range range = *end;

	range.is_ended = true;
	add(r, topic, &range);
}

static int by_offset(const void *x, const void *y)
{
	const struct range *a = x, *b = y;
	int order = strcmp(a->topic, b->topic);

	if (order)
		return order;
	if (a->partition != b->partition)
		return a->partition < b->partition ? -1 : 1;
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return a->last < b->last ? -1 : a->last > b->last;
}

/* What is said of one batch becomes one. */
static void merge(struct ranges *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->list, r->n, sizeof *r->list, by_offset);
	for (size_t i = 0; i < r->n; i++) {
		struct range *e = &r->list[i], *last = n ? &r->list[n - 1] : NULL;

		if (!last || by_offset(last, e) != 0) {
			r->list[n++] = *e;
			continue;
		}
		last->objects += e->objects;
		last->records += e->records;
		if (e->is_ended) {
			last->is_ended = true;
			last->end_objects = e->end_objects;
			last->end_records = e->end_records;
		}
		free(e->topic);
	}
	r->n = n;
}

static bool is_same_partition(const struct range *a, const struct range *b)
{
	return a->partition == b->partition && strcmp(a->topic, b->topic) == 0;
}

/* Batches of a partition follow one another without a gap: whatever is between was passed over by one of them. */
int ranges_check(struct ranges *r, size_t *n_partitions, ranges_fault_fn *found, void *ctx, struct err *err)
{
	int64_t last = 0;

	*n_partitions = 0;
	merge(r);
	for (size_t i = 0; i < r->n; i++) {
		const struct range *e = &r->list[i];
		struct range where = *e;
		bool is_first = i == 0 || !is_same_partition(e, &r->list[i - 1]);
		const char *what = NULL;

		*n_partitions += is_first;
		if (!is_first && e->first <= last) {
			what = "offsets are stored twice";
			where.last = e->last < last ? e->last : last;
		} else if (!is_first && e->first > last + 1) {
			what = "offsets are missing";
			where.first = last + 1;
			where.last = e->first - 1;
		}
		last = is_first || e->last > last ? e->last : last;
		if (what && found(ctx, what, &where, err) < 0)
			return -1;
		if (e->is_ended && (e->objects != e->end_objects || e->records != e->end_records) &&
			found(ctx, "the objects of these offsets are not as many as their manifest tells", e, err) < 0)
			return -1;
	}
	return 0;
}

void ranges_release(struct ranges *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->list[i].topic);
	free(r->list);
}
