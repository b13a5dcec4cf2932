#include "held.h"

#include <string.h>

struct held_row {
	struct csv_bad bad;
	size_t n_good, message_at;
};

void held_add(struct held *h, const struct csv_bad *bad, size_t n_good)
{
	struct held_row row = {*bad, n_good, h->messages.len};

	buf_add(&h->messages, bad->message, strlen(bad->message) + 1);
	buf_add(&h->rows, &row, sizeof row);
}

bool held_take(struct held *h, size_t n_good, struct csv_bad *bad)
{
	struct held_row row;

	if (h->at < h->rows.len) {
		memcpy(&row, h->rows.p + h->at, sizeof row);
		if (row.n_good > n_good)
			return false;
		h->at += sizeof row;
		*bad = row.bad;
		bad->message = h->messages.p + row.message_at;
		return true;
	}
	buf_reset(&h->rows);
	buf_reset(&h->messages);
	h->at = 0;
	return false;
}

void held_release(struct held *h)
{
	buf_release(&h->rows);
	buf_release(&h->messages);
	h->at = 0;
}
