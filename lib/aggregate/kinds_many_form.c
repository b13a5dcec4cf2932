/* kinds_many_form: the written forms of percentiles and distinct, exact and as sketches. */
#include "aggregate/form.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

/* ---- pNN, median: {"n","x":[[value,count],...]} or {"n","m","z","b","min","max"} ---- */

static void write_pair(struct buf *out, bool is_first, struct agg_num value, uint64_t n)
{
	buf_add_str(out, is_first ? "[" : ",[");
	form_add_num(out, value);
	buf_add_char(out, ',');
	form_add_u64(out, n);
	buf_add_char(out, ']');
}

static struct agg_num value_at(const struct agg_quantile *q, uint64_t i)
{
	return (struct agg_num){q->values[i], q->rests ? q->rests[i] : 0};
}

static void write_values(struct agg_quantile *q, struct buf *out)
{
	uint64_t run;

	agg_quantile_sort(q);
	json_add_key(out, "x");
	buf_add_char(out, '[');
	for (uint64_t i = 0; i < q->n; i += run) {
		for (run = 1; i + run < q->n && agg_num_cmp(value_at(q, i), value_at(q, i + run)) == 0; run++)
			;
		write_pair(out, i == 0, value_at(q, i), run);
	}
	buf_add_char(out, ']');
}

/* The buckets of one sign. */
static void write_buckets(const struct ddsketch *s, int sign, struct buf *out)
{
	struct ddsketch_bucket b;
	bool is_first = true;

	buf_add_char(out, '[');
	for (size_t at = 0; ddsketch_next(s, &at, &b);) {
		if (b.sign != sign)
			continue;
		write_pair(out, is_first, (struct agg_num){b.bucket, 0}, b.n);
		is_first = false;
	}
	buf_add_char(out, ']');
}

static void write_sketch(const struct ddsketch *s, struct buf *out)
{
	struct ddsketch_bucket b;
	double min, max;
	uint64_t n_zero = 0;

	for (size_t at = 0; ddsketch_next(s, &at, &b);)
		n_zero += b.sign ? 0 : b.n;
	json_add_key(out, "m");
	write_buckets(s, -1, out);
	json_add_key(out, "z");
	form_add_u64(out, n_zero);
	json_add_key(out, "b");
	write_buckets(s, 1, out);
	ddsketch_range(s, &min, &max);
	json_add_key(out, "min");
	form_add_double(out, min);
	json_add_key(out, "max");
	form_add_double(out, max);
}

void agg_quantile_write(const void *state, const struct form_writer *w)
{
	struct agg_quantile *q = ((const struct agg_quantile_state *)state)->q;

	json_add_key(w->out, "n");
	form_add_u64(w->out, q->n);
	if (q->sketch)
		write_sketch(q->sketch, w->out);
	else
		write_values(q, w->out);
}

static bool read_values(struct agg_quantile *q, struct json_span x, const struct form_reader *r)
{
	struct agg_num last = {0, 0}, value;
	struct json_span pair, v[2];
	struct json_iter it;
	uint64_t n;

	if (!form_array(x, &it))
		return false;
	while (form_next(&it, &pair)) {
		if (!form_elements(pair, 2, v) || !form_num(v[0], &value) || !form_count(v[1], &n) ||
			n > r->list->exact_max - q->n || (q->n && agg_num_cmp(last, value) >= 0))
			return false;
		while (n--)
			agg_quantile_push(q, value, r->list->exact_max);
		last = value;
	}
	return true;
}

static bool read_buckets(struct ddsketch *s, int sign, struct json_span array)
{
	struct json_span pair, v[2];
	struct json_iter it;
	int64_t bucket, last = INT64_MIN;

	if (!form_array(array, &it))
		return false;
	while (form_next(&it, &pair)) {
		struct ddsketch_bucket b = {.sign = sign};

		if (!form_elements(pair, 2, v) || !form_i64(v[0], &bucket) || !form_count(v[1], &b.n) || bucket <= last)
			return false;
		last = bucket;
		if (bucket != (int32_t)bucket)
			return false;
		b.bucket = (int32_t)bucket;
		if (!ddsketch_put(s, &b))
			return false;
	}
	return true;
}

static bool read_sketch(struct ddsketch *s, const struct json_span *v)
{
	double min, max;
	int64_t n_zero;

	if (!form_i64(v[1], &n_zero) || n_zero < 0 || n_zero > FORM_COUNT_MAX || !form_double(v[3], &min) ||
		!form_double(v[4], &max) || min > max)
		return false;
	if (n_zero && !ddsketch_put(s, &(struct ddsketch_bucket){.n = (uint64_t)n_zero}))
		return false;
	ddsketch_widen(s, min, max);
	return read_buckets(s, -1, v[0]) && read_buckets(s, 1, v[2]);
}

bool agg_quantile_read(void *state, struct json_span object, const struct form_reader *r)
{
	struct agg_quantile *q = agg_quantile_of(state);
	struct json_span v[6];
	uint64_t n;

	if (form_members(object, "n x", v))
		return form_count(v[0], &n) && read_values(q, v[1], r) && q->n == n;
	if (!form_members(object, "n m z b min max", v) || !form_count(v[0], &n) || n <= r->list->exact_max)
		return false;
	agg_quantile_sketch(q);
	q->n = n;
	return read_sketch(q->sketch, v + 1) && ddsketch_count(q->sketch) == n;
}

/* ---- distinct: {"h":hashes} or {"r":registers} ---- */

enum { HASH_DIGITS = 16 };

static const char register_digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

static int compare_hashes(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void write_hashes(const struct agg_distinct *d, struct buf *out)
{
	uint64_t *hashes = mem_alloc(d->n, sizeof *hashes);
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->cap; i++) {
		if (d->hashes[i])
			hashes[n++] = d->hashes[i];
	}
	qsort(hashes, n, sizeof *hashes, compare_hashes);
	for (uint32_t i = 0; i < n; i++)
		form_add_hash(out, hashes[i]);
	free(hashes);
}

void agg_distinct_write(const void *state, const struct form_writer *w)
{
	const struct agg_distinct *d = ((const struct agg_distinct_state *)state)->d;

	json_add_key(w->out, d->hll ? "r" : "h");
	buf_add_char(w->out, '"');
	for (int i = 0; d->hll && i < HLL_REGISTERS; i++)
		buf_add_char(w->out, register_digits[d->hll->registers[i]]);
	if (!d->hll)
		write_hashes(d, w->out);
	buf_add_char(w->out, '"');
}

static bool read_hashes(struct agg_distinct *d, struct slice text, uint32_t exact_max)
{
	uint64_t last = 0, hash;

	if (!text.len || text.len % HASH_DIGITS || text.len / HASH_DIGITS > exact_max)
		return false;
	for (size_t i = 0; i < text.len; i += HASH_DIGITS) {
		if (!form_hash((struct slice){text.p + i, HASH_DIGITS}, &hash) || hash <= last)
			return false;
		agg_distinct_push(d, hash, exact_max);
		last = hash;
	}
	return true;
}

static bool read_registers(struct hll *hll, struct slice text)
{
	if (text.len != HLL_REGISTERS)
		return false;
	for (int i = 0; i < HLL_REGISTERS; i++) {
		const char *at = memchr(register_digits, text.p[i], sizeof register_digits - 1);

		if (!at || at - register_digits > HLL_RANK_MAX)
			return false;
		hll->registers[i] = (uint8_t)(at - register_digits);
	}
	return true;
}

bool agg_distinct_read(void *state, struct json_span object, const struct form_reader *r)
{
	struct agg_distinct *d = agg_distinct_of(state);
	struct json_span text;

	if (form_members(object, "h", &text))
		return text.type == JSON_STRING && read_hashes(d, json_inside(text), r->list->exact_max);
	if (!form_members(object, "r", &text) || text.type != JSON_STRING)
		return false;
	agg_distinct_sketch(d);
	return read_registers(d->hll, json_inside(text));
}
