/* hist: how many values fall into bins of one width. */
#include "aggregate/form.h"

#include <stdlib.h>

#include "group/group.h"
#include "mem/mem.h"

/*
 * Bin k holds k * width up to and without (k + 1) * width. Values and width are decimals, so they are compared as such,
 * not as doubles: 0.3 is in the bin of 0.3, not in that of 0.2, when the width is 0.1.
 */
enum { DECIMALS_BITS = 4, KEY_BYTES = 8 };

struct hist {
	uint64_t width;           /* see agg_width() */
	bool has_overflown;       /* too many bins, or a value beyond 64 bits: table is empty */
	struct group_table table; /* key: the bin, in an order of bytes; state: its count */
	struct buf text;          /* of the result */
};

struct hist_state {
	struct hist *hist; /* NULL: empty */
};

bool agg_width(struct slice text, uint64_t *width)
{
	uint64_t digits = 0, decimals = 0;
	bool is_fraction = false;

	if (!num_is_json(text.p, text.len))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '.') {
			is_fraction = true;
			continue;
		}
		if (text.p[i] < '0' || text.p[i] > '9' || digits > AGG_WIDTH_MAX / 10)
			return false;
		digits = digits * 10 + (uint64_t)(text.p[i] - '0');
		decimals += is_fraction;
	}
	*width = digits << DECIMALS_BITS | decimals;
	return digits && decimals < 1 << DECIMALS_BITS;
}

static struct hist *hist_of(struct hist_state *s, uint64_t width)
{
	if (!s->hist) {
		s->hist = mem_alloc(1, sizeof *s->hist);
		s->hist->width = width;
		group_table_init(&s->hist->table, sizeof(uint64_t));
	}
	return s->hist;
}

static void overflow(struct hist *h)
{
	group_table_release(&h->table);
	h->has_overflown = true;
}

static void put_bin(struct hist *h, struct slice key, uint64_t n)
{
	bool is_new;

	if (h->has_overflown)
		return;
	*group_table_get(&h->table, key, group_hash(key), &is_new)->state += n;
	if (h->table.n > AGG_TALLY_MAX)
		overflow(h);
}

/* The order of bytes is the order of bins. */
static void make_key(char key[KEY_BYTES], int64_t bin)
{
	uint64_t word = (uint64_t)bin ^ UINT64_C(1) << 63;

	for (int i = KEY_BYTES; i--; word >>= 8)
		key[i] = (char)(word & 0xff);
}

static int64_t read_key(struct slice key)
{
	uint64_t word = 0;

	for (size_t i = 0; i < KEY_BYTES; i++)
		word = word << 8 | (uint8_t)key.p[i];
	return (int64_t)(word ^ UINT64_C(1) << 63);
}

static int64_t divide_down(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void add_hist(void *state, const struct agg_input *in)
{
	struct hist *h = hist_of(state, in->parameter);
	struct slice text = {in->a->span.p, in->a->span.len};
	int decimals = (int)(h->width & ((1 << DECIMALS_BITS) - 1));
	char key[KEY_BYTES];
	int64_t digits;

	if (in->a->span.type == JSON_STRING)
		text = agg_trim(json_text(in->a->span, &in->list->scratch));
	if (!num_to_scaled(text.p, text.len, decimals, &digits)) {
		if (!h->has_overflown)
			overflow(h);
		return;
	}
	make_key(key, divide_down(digits, (int64_t)(h->width >> DECIMALS_BITS)));
	put_bin(h, (struct slice){key, KEY_BYTES}, 1);
}

static void merge_hist(void *into, const void *from, struct agg_list *list)
{
	struct hist *f = ((const struct hist_state *)from)->hist, *h;
	struct group_entry *e;

	(void)list;
	if (!f)
		return;
	h = hist_of(into, f->width);
	if (f->has_overflown && !h->has_overflown)
		overflow(h);
	for (size_t at = 0; !f->has_overflown && (e = group_table_next(&f->table, &at));)
		put_bin(h, group_entry_key(&f->table, e), e->state[0]);
}

static size_t owned_hist(const void *state)
{
	const struct hist *h = ((const struct hist_state *)state)->hist;

	return h ? sizeof *h + group_table_bytes(&h->table) : 0;
}

static void release_hist(void *state)
{
	struct hist *h = ((struct hist_state *)state)->hist;

	if (!h)
		return;
	group_table_release(&h->table);
	buf_release(&h->text);
	free(h);
}

static void write_hist(const void *state, const struct form_writer *w)
{
	struct hist *h = ((const struct hist_state *)state)->hist;
	struct group_entry **order;

	if (h->has_overflown) {
		json_add_key(w->out, "over");
		buf_add_str(w->out, "true");
		return;
	}
	order = mem_alloc(h->table.n, sizeof(struct group_entry *));
	group_table_sort(&h->table, order);
	json_add_key(w->out, "x");
	for (uint32_t i = 0; i < h->table.n; i++) {
		buf_add_str(w->out, i ? ",[" : "[[");
		form_add_i64(w->out, read_key(group_entry_key(&h->table, order[i])));
		buf_add_char(w->out, ',');
		form_add_u64(w->out, order[i]->state[0]);
		buf_add_char(w->out, ']');
	}
	buf_add_char(w->out, ']');
	free(order);
}

static bool read_bin(struct hist *h, struct json_span span)
{
	struct json_span v[2];
	char key[KEY_BYTES];
	uint64_t n;
	int64_t bin;

	if (!form_elements(span, 2, v) || !form_i64(v[0], &bin) || !form_count(v[1], &n))
		return false;
	make_key(key, bin);
	put_bin(h, (struct slice){key, KEY_BYTES}, n);
	return true;
}

static bool read_hist(void *state, struct json_span object, const struct form_reader *r)
{
	struct hist *h = hist_of(state, r->parameter);
	struct json_span x, bin;
	struct json_iter it;
	size_t n = 0;

	if (form_members(object, "over", &x)) {
		overflow(h);
		return x.type == JSON_TRUE;
	}
	if (!form_members(object, "x", &x) || !form_array(x, &it))
		return false;
	for (; form_next(&it, &bin); n++) {
		if (!read_bin(h, bin))
			return false;
	}
	/* each bin once, and not too many */
	return n && n == h->table.n;
}

const struct agg_kind agg_kind_hist = {
	.name = "hist",
	.bytes = sizeof(struct hist_state),
	.need = AGG_NUMBER,
	.has_parameter = true,
	.add_input = add_hist,
	.merge = merge_hist,
	.release = release_hist,
	.owned = owned_hist,
	.write = write_hist,
	.read = read_hist,
};

/* bin * width, exactly. */
static void print_border(struct buf *out, int64_t bin, uint64_t width)
{
	int decimals = (int)(width & ((1 << DECIMALS_BITS) - 1));
	num_i128 border = (num_i128)bin * (num_i128)(width >> DECIMALS_BITS), unit = 1;
	size_t start;

	for (int i = 0; i < decimals; i++)
		unit *= 10;
	if (border < 0) {
		buf_add_char(out, '-');
		border = -border;
	}
	out->len += num_print_i128(buf_reserve(out, NUM_I128_BYTES), border / unit);
	if (border % unit == 0)
		return;
	/* 1 in front keeps the zeros behind the point; it becomes the point */
	start = out->len;
	out->len += num_print_i128(buf_reserve(out, NUM_I128_BYTES), unit + border % unit);
	out->p[start] = '.';
	while (out->p[out->len - 1] == '0')
		out->len--;
}

void agg_finish_hist(const struct agg_call *call, const void *state, struct agg_result *r)
{
	struct hist *h = ((const struct hist_state *)state)->hist;
	struct group_entry **order;

	(void)call;
	r->is_approximate = h && h->has_overflown;
	if (!h || h->has_overflown)
		return;
	order = mem_alloc(h->table.n, sizeof(struct group_entry *));
	group_table_sort(&h->table, order);
	buf_reset(&h->text);
	for (uint32_t i = 0; i < h->table.n; i++) {
		buf_add_str(&h->text, i ? ",{\"from\":" : "[{\"from\":");
		print_border(&h->text, read_key(group_entry_key(&h->table, order[i])), h->width);
		buf_addf(&h->text, ",\"count\":%llu}", (unsigned long long)order[i]->state[0]);
	}
	buf_add_char(&h->text, ']');
	free(order);
	agg_set_text(r, buf_slice(&h->text));
}
