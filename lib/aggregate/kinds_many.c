/* kinds_many: the states that keep many values: exact while they are few, then sketches. */
#include "aggregate/form.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "group/group.h"
#include "mem/mem.h"

enum { FIRST_VALUES = 4, FIRST_HASHES = 8 };

/* ---- pNN, median ---- */

void agg_quantile_sketch(struct agg_quantile *q)
{
	q->sketch = ddsketch_open();
	for (uint64_t i = 0; i < q->n; i++)
		ddsketch_add(q->sketch, q->values[i]);
	free(q->values);
	free(q->rests);
	q->values = NULL;
	q->rests = NULL;
}

void agg_quantile_push(struct agg_quantile *q, struct agg_num num, uint32_t exact_max)
{
	if (!q->sketch && q->n >= exact_max)
		agg_quantile_sketch(q);
	if (q->sketch) {
		ddsketch_add(q->sketch, num.value);
		q->n++;
		return;
	}
	if (q->n == q->cap) {
		q->cap = q->cap ? q->cap * 2 : FIRST_VALUES;
		q->values = mem_resize(q->values, q->cap, sizeof *q->values);
		if (q->rests)
			q->rests = mem_resize(q->rests, q->cap, sizeof *q->rests);
	}
	if (num.rest && !q->rests) {
		q->rests = mem_resize(NULL, q->cap, sizeof *q->rests);
		memset(q->rests, 0, q->cap * sizeof *q->rests);
	}
	q->values[q->n] = num.value;
	if (q->rests)
		q->rests[q->n] = (int16_t)num.rest;
	q->n++;
	q->is_sorted = false;
}

struct agg_quantile *agg_quantile_of(struct agg_quantile_state *s)
{
	if (!s->q)
		s->q = mem_alloc(1, sizeof *s->q);
	return s->q;
}

static void add_quantile(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	(void)place;
	agg_quantile_push(agg_quantile_of(state), v->num, list->exact_max);
}

static void merge_quantile(void *into, const void *from, struct agg_list *list)
{
	const struct agg_quantile *f = ((const struct agg_quantile_state *)from)->q;
	struct agg_quantile *q;

	if (!f)
		return;
	q = agg_quantile_of(into);
	if (f->sketch) {
		if (!q->sketch)
			agg_quantile_sketch(q);
		ddsketch_merge(q->sketch, f->sketch);
		q->n = ddsketch_count(q->sketch);
		return;
	}
	for (uint64_t i = 0; i < f->n; i++)
		agg_quantile_push(q, (struct agg_num){f->values[i], f->rests ? f->rests[i] : 0}, list->exact_max);
}

static size_t owned_quantile(const void *state)
{
	const struct agg_quantile *q = ((const struct agg_quantile_state *)state)->q;

	if (!q)
		return 0;
	return sizeof *q + (q->sketch ? ddsketch_bytes(q->sketch)
				      : q->cap * (sizeof *q->values + (q->rests ? sizeof *q->rests : 0)));
}

static void release_quantile(void *state)
{
	struct agg_quantile *q = ((struct agg_quantile_state *)state)->q;

	if (!q)
		return;
	ddsketch_close(q->sketch);
	free(q->values);
	free(q->rests);
	free(q);
}

static int compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int compare_nums(const void *a, const void *b)
{
	const struct agg_num *x = a, *y = b;

	return agg_num_cmp(*x, *y);
}

/* Values up to *end and from *start on lie on either side of the pivot; those between are equal to it (Hoare, 1961). */
static void part(double *values, int64_t *start, int64_t *end, double pivot)
{
	int64_t i = *start, j = *end;

	while (i <= j) {
		while (values[i] < pivot)
			i++;
		while (values[j] > pivot)
			j--;
		if (i <= j) {
			double swap = values[i];

			values[i++] = values[j];
			values[j--] = swap;
		}
	}
	*start = i;
	*end = j;
}

/* Quickselect: a percentile needs the place of one value. Where pivots are bad again and again, sorting is bounded. */
double agg_quantile_select(struct agg_quantile *q, uint64_t rank)
{
	int64_t low = 0, high = (int64_t)q->n - 1, at = (int64_t)rank - 1;
	int tries = 2 * (64 - __builtin_clzll(q->n));

	assert(!q->rests);
	while (!q->is_sorted && low < high) {
		int64_t i = low, j = high;

		if (!tries--) {
			agg_quantile_sort(q);
			break;
		}
		part(q->values, &i, &j, q->values[low + (high - low) / 2]);
		if (at <= j)
			high = j;
		else if (at >= i)
			low = i;
		else
			break;
	}
	return q->values[at];
}

void agg_quantile_sort(struct agg_quantile *q)
{
	struct agg_num *pairs;

	if (q->is_sorted)
		return;
	q->is_sorted = true;
	if (!q->rests) {
		qsort(q->values, q->n, sizeof *q->values, compare_doubles);
		return;
	}
	pairs = mem_resize(NULL, q->n, sizeof *pairs);
	for (uint64_t i = 0; i < q->n; i++)
		pairs[i] = (struct agg_num){q->values[i], q->rests[i]};
	qsort(pairs, q->n, sizeof *pairs, compare_nums);
	for (uint64_t i = 0; i < q->n; i++) {
		q->values[i] = pairs[i].value;
		q->rests[i] = (int16_t)pairs[i].rest;
	}
	free(pairs);
}

const struct agg_kind agg_kind_quantile = {
	.name = "percentiles",
	.merges_exactly = true,
	.is_exact_first = true,
	.write = agg_quantile_write,
	.read = agg_quantile_read,
	.bytes = sizeof(struct agg_quantile_state),
	.need = AGG_NUMBER,
	.add = add_quantile,
	.merge = merge_quantile,
	.release = release_quantile,
	.owned = owned_quantile,
};

/* ---- distinct ---- */

/* Returns false when the hash is there already. There is always a free slot. */
static bool put_hash(uint64_t *hashes, uint32_t cap, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & (cap - 1);

	for (; hashes[at]; at = (at + 1) & (cap - 1)) {
		if (hashes[at] == hash)
			return false;
	}
	hashes[at] = hash;
	return true;
}

static void grow_hashes(struct agg_distinct *d)
{
	uint32_t cap = d->cap ? d->cap * 2 : FIRST_HASHES;
	uint64_t *hashes = mem_alloc(cap, sizeof *hashes);

	for (uint32_t i = 0; i < d->cap; i++) {
		if (d->hashes[i])
			put_hash(hashes, cap, d->hashes[i]);
	}
	free(d->hashes);
	d->hashes = hashes;
	d->cap = cap;
}

void agg_distinct_sketch(struct agg_distinct *d)
{
	d->hll = mem_alloc(1, sizeof *d->hll);
	for (uint32_t i = 0; i < d->cap; i++) {
		if (d->hashes[i])
			hll_add(d->hll, d->hashes[i]);
	}
	free(d->hashes);
	d->hashes = NULL;
	d->cap = 0;
}

void agg_distinct_push(struct agg_distinct *d, uint64_t hash, uint32_t exact_max)
{
	if (d->hll) {
		hll_add(d->hll, hash);
		return;
	}
	if (d->n >= d->cap / 4 * 3)
		grow_hashes(d);
	d->n += put_hash(d->hashes, d->cap, hash ? hash : 1);
	if (d->n > exact_max)
		agg_distinct_sketch(d);
}

struct agg_distinct *agg_distinct_of(struct agg_distinct_state *s)
{
	if (!s->d)
		s->d = mem_alloc(1, sizeof *s->d);
	return s->d;
}

/* Values are equal as group values are: 1 and 1.0, "a" and "\u0061". */
static void add_distinct(void *state, const struct agg_value *v, const struct agg_place *place, struct agg_list *list)
{
	(void)place;
	buf_reset(&list->scratch);
	group_key_add(&list->scratch, v->span, &list->scratch_text);
	agg_distinct_push(agg_distinct_of(state), group_hash(buf_slice(&list->scratch)), list->exact_max);
}

static void merge_distinct(void *into, const void *from, struct agg_list *list)
{
	const struct agg_distinct *f = ((const struct agg_distinct_state *)from)->d;
	struct agg_distinct *d;

	if (!f)
		return;
	d = agg_distinct_of(into);
	if (f->hll) {
		if (!d->hll)
			agg_distinct_sketch(d);
		hll_merge(d->hll, f->hll);
		return;
	}
	for (uint32_t i = 0; i < f->cap; i++) {
		if (f->hashes[i])
			agg_distinct_push(d, f->hashes[i], list->exact_max);
	}
}

static size_t owned_distinct(const void *state)
{
	const struct agg_distinct *d = ((const struct agg_distinct_state *)state)->d;

	return d ? sizeof *d + (d->hll ? sizeof *d->hll : d->cap * sizeof *d->hashes) : 0;
}

static void release_distinct(void *state)
{
	struct agg_distinct *d = ((struct agg_distinct_state *)state)->d;

	if (!d)
		return;
	free(d->hashes);
	free(d->hll);
	free(d);
}

uint64_t agg_distinct_count(const struct agg_distinct *d)
{
	if (!d)
		return 0;
	return d->hll ? hll_count(d->hll) : d->n;
}

const struct agg_kind agg_kind_distinct = {
	.name = "distinct",
	.merges_exactly = true,
	.is_exact_first = true,
	.write = agg_distinct_write,
	.read = agg_distinct_read,
	.bytes = sizeof(struct agg_distinct_state),
	.need = AGG_SCALAR,
	.add = add_distinct,
	.merge = merge_distinct,
	.release = release_distinct,
	.owned = owned_distinct,
};
