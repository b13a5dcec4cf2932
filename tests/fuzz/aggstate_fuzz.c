/* Written states: the first line is a list of aggregates, the rest rows of states: each is read or refused, what was
 * read can be merged, written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate/aggregate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct agg_list list;
	void *sum;
	struct buf out;
};

static int read_states(struct fuzz *f, const char *p, size_t len, void *states)
{
	struct err err = ERR_INIT;
	struct json_record r;
	struct agg_head head;

	json_check(p, len, 64, &r);
	if (r.status != JSON_OK || r.type != JSON_OBJECT)
		return -1;
	agg_head_read(r.value, &head, &err);
	err_reset(&err);
	if (agg_states_read(&f->list, r.value, 1, states, &err) == 0)
		return 0;
	if (err.code != ERR_DATA)
		abort();
	return -1;
}

static void write_states(struct fuzz *f, const void *states)
{
	static const uint32_t first_inputs[] = {0, 0};

	buf_reset(&f->out);
	buf_add_char(&f->out, '{');
	agg_states_write(&f->list, states, first_inputs, &f->out);
	buf_add_char(&f->out, '}');
	memset(buf_reserve(&f->out, JSON_PAD_BYTES), 0, JSON_PAD_BYTES);
}

/* What was read is written, and what was written is read and written alike. */
static void use(struct fuzz *f, const void *states)
{
	void *again = calloc(1, f->list.state_bytes);
	struct buf first = BUF_INIT;
	struct agg_result result;

	write_states(f, states);
	if (read_states(f, f->out.p, f->out.len, again))
		abort();
	buf_add_slice(&first, buf_slice(&f->out));
	write_states(f, again);
	if (!slice_eq(buf_slice(&first), buf_slice(&f->out)))
		abort();
	agg_states_merge(&f->list, f->sum, again);
	for (size_t i = 0; i < f->list.n_calls; i++) {
		agg_result(&f->list, i, f->sum, &result);
		buf_reset(&f->out);
		agg_result_print(&f->out, &result);
	}
	agg_states_release(&f->list, again);
	buf_release(&first);
	free(again);
}

static void take_row(struct fuzz *f, const char *p, size_t len)
{
	char *copy = calloc(1, len + JSON_PAD_BYTES);
	void *states = calloc(1, f->list.state_bytes);

	memcpy(copy, p, len);
	if (read_states(f, copy, len, states) == 0) {
		use(f, states);
		agg_states_release(&f->list, states);
	}
	free(states);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1), *end, *p;
	struct err err = ERR_INIT;
	struct fuzz f = {.out = BUF_INIT};

	memcpy(text, data, size);
	end = strchrnul(text, '\n');
	p = *end ? end + 1 : end;
	*end = '\0';
	if (agg_list_parse(&f.list, text, &err) == 0) {
		f.list.exact_max = 4;
		f.sum = calloc(1, f.list.state_bytes);
		for (; p < text + size; p = end + 1) {
			end = strchrnul(p, '\n');
			take_row(&f, p, (size_t)(end - p));
		}
		agg_states_release(&f.list, f.sum);
		free(f.sum);
		agg_list_release(&f.list);
	}
	buf_release(&f.out);
	free(text);
	return 0;
}
