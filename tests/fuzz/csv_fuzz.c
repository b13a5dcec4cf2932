/*
 * csv: the same input in pieces through the fast reader and at once through the plain one: lines, rejects and empty
 * lines must be equal. The first bytes choose the options and where the input is cut.
 */
#include <stdlib.h>
#include <string.h>

#include "csv/csv_internal.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answer {
	struct buf out, rejects;
	uint64_t n_empty;
	int result;
};

static int note_reject(void *context, const struct csv_bad *bad, struct err *err)
{
	struct answer *answer = context;

	(void)err;
	buf_addf(&answer->rejects, "%llu:%llu %s: ", (unsigned long long)bad->line, (unsigned long long)bad->byte,
		bad->message);
	buf_add_slice(&answer->rejects, bad->raw);
	buf_add_char(&answer->rejects, '\n');
	return 0;
}

/* A copy on the heap with nothing behind the readable bytes, so that a read too far is seen. */
static char *copy_padded(const char *p, size_t len)
{
	char *copy = calloc(1, len + JSON_PAD_BYTES);

	if (!copy)
		abort();
	memcpy(copy, p, len);
	return copy;
}

static void read_pieces(struct answer *answer, const struct csv_opts *opts, struct slice text, unsigned piece_bytes)
{
	struct err err = ERR_INIT;
	struct csv *csv = csv_open(opts, note_reject, answer, &err);
	uint64_t line = 1;

	for (size_t at = 0; at < text.len && answer->result == 0;) {
		size_t len = piece_bytes < text.len - at ? piece_bytes : text.len - at;
		char *piece;

		while (text.p[at + len - 1] != '\n')
			len++;
		piece = copy_padded(text.p + at, len);
		answer->result = csv_feed(csv, piece, len, line, &answer->out, &err);
		free(piece);
		for (size_t end = at + len; at < end; at++)
			line += text.p[at] == '\n';
	}
	if (answer->result == 0)
		answer->result = csv_end(csv, &answer->out, &err);
	answer->n_empty = csv_take_empty(csv);
	csv_close(csv);
}

static void read_plain(struct answer *answer, const struct csv_opts *opts, struct slice text)
{
	struct err err = ERR_INIT;
	struct csv *csv = csv_open(opts, note_reject, answer, &err);
	char *copy = copy_padded(text.p, text.len);

	answer->result = csv_plain(csv, copy, text.len, &answer->out, &err);
	answer->n_empty = csv_take_empty(csv);
	free(copy);
	csv_close(csv);
}

static void compare(const struct answer *a, const struct answer *b)
{
	if (a->result != b->result)
		abort();
	if (a->result)
		return;
	if (!slice_eq(buf_slice(&a->out), buf_slice(&b->out)) ||
		!slice_eq(buf_slice(&a->rejects), buf_slice(&b->rejects)) || a->n_empty != b->n_empty)
		abort();
}

/* Every line is one JSON object. */
static void check_lines(const struct answer *answer)
{
	const char *p = answer->out.p, *end = p ? p + answer->out.len : NULL;
	struct json_record record;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		json_check(p, (size_t)(newline - p), JSON_DEPTH_DEFAULT, &record);
		if (record.status != JSON_OK || record.type != JSON_OBJECT)
			abort();
		p = newline + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char delimiters[] = ",;\t|";
	struct csv_opts opts = {.row_max_bytes = 1 << 20};
	struct answer fast = {0}, plain = {0};
	struct buf text = BUF_INIT;

	if (size < 4)
		return 0;
	opts.delimiter = delimiters[data[0] & 3];
	opts.empty = (enum csv_empty)(data[0] >> 2 & 3) % 3;
	opts.is_latin1 = data[0] & 16;
	opts.no_infer = data[0] & 32;
	opts.header = data[0] & 64 ? "a,b" : NULL;
	opts.types = data[0] & 64 && data[0] & 128 ? "b:num,a:str" : NULL;
	opts.skip_lines = data[1] & 1;
	csv_force_portable(data[1] & 2);
	if (data[1] & 4)
		opts.row_max_bytes = 1 + data[3];
	buf_add(&text, data + 4, size - 4);
	buf_add_char(&text, '\n');
	read_pieces(&fast, &opts, buf_slice(&text), 1 + data[2]);
	read_plain(&plain, &opts, buf_slice(&text));
	compare(&fast, &plain);
	check_lines(&fast);
	buf_release(&fast.out);
	buf_release(&fast.rejects);
	buf_release(&plain.out);
	buf_release(&plain.rejects);
	buf_release(&text);
	return 0;
}
