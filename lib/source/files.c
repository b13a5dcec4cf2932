/*
 * Bytes are read straight into the caller's batch and cut at the last newline; the partial line behind it moves once,
 * to the front of the next batch (a long one by swapping buffers). Where a line above the limit is met, the rest of the
 * buffer is given out from a copy, piece by piece, until it is used up: the slow way, taken only then.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "json/json.h"
#include "mem/mem.h"
#include "source/files.h"
#include "source/lines.h"
#include "source/source.h"
#include "stop/stop.h"

enum { HEAD_BYTES = 256, SMALL_BYTES = 64 << 10, READ_MIN_BYTES = 32 << 10 };

struct files {
	struct source base;
	const char *const *names;
	size_t n_names, at; /* at: the input that is open, or the next one */
	size_t line_max_bytes;
	uint64_t total_bytes;
	struct input in;
	bool is_open;
	bool has_ended;  /* its BATCH_INPUT_END is due */
	bool is_first;   /* nothing of this input was given yet */
	bool is_last;    /* its end was read: what is held is all */
	uint64_t line;   /* number of the first line that is held */
	struct buf held; /* bytes behind the last batch, from held_at */
	size_t held_at;
	bool has_held_lines; /* there may be whole lines among them */
	bool is_skipping;    /* inside a line above the limit */
	uint64_t long_bytes; /* of it so far */
	char head[HEAD_BYTES];
	size_t head_len;
};

/* Inside this file: nothing to give yet, go round again. */
#define GO_ON SOURCE_END

static size_t held_len(const struct files *f)
{
	return f->held.len - f->held_at;
}

static void reset_held(struct files *f)
{
	buf_reset(&f->held);
	f->held_at = 0;
	f->has_held_lines = false;
}

static void give(struct files *f, struct batch *b, enum batch_kind kind, const char *p, size_t len)
{
	b->kind = kind;
	b->p = p;
	b->len = len;
	b->name = f->names[f->at];
	b->input = (uint32_t)f->at;
	b->first_line = f->line;
	b->long_bytes = 0;
	b->is_unended = false;
}

static enum source_result give_lines(struct files *f, struct batch *b)
{
	give(f, b, BATCH_LINES, b->own.p, b->own.len);
	f->line += lines_count(b->p, b->len);
	return SOURCE_BATCH;
}

static enum source_result give_long_line(struct files *f, struct batch *b)
{
	buf_reset(&b->own);
	buf_add(&b->own, f->head, f->head_len);
	buf_reserve(&b->own, JSON_PAD_BYTES);
	give(f, b, BATCH_TOO_LONG, b->own.p, b->own.len);
	b->long_bytes = f->long_bytes;
	f->line++;
	f->is_skipping = false;
	return SOURCE_BATCH;
}

static enum source_result fail(struct files *f, struct err *err)
{
	f->has_ended = true;
	f->is_open = false;
	input_close(&f->in);
	reset_held(f);
	f->is_skipping = false;
	err_at(err, f->names[f->at], 0, 0);
	return SOURCE_ERROR;
}

static int open_next(struct files *f, struct err *err)
{
	if (input_open(&f->in, f->names[f->at], err) != 0)
		return -1;
	f->is_open = true;
	f->is_first = true;
	f->is_last = false;
	f->line = 1;
	reset_held(f);
	return 0;
}

/* Looks at the first bytes of an input: a BOM is cut from p[*len]. */
static int cut_bom(struct files *f, char *p, size_t *len, struct err *err)
{
	f->is_first = false;
	if (*len >= 2 && (memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0))
		return err_set(err, ERR_IO, "is UTF-16, convert it first");
	if (*len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
		*len -= 3;
		memmove(p, p + 3, *len);
	}
	return 0;
}

/* What was read into the batch is held, as it is. */
static void swap_held(struct files *f, struct batch *b)
{
	struct buf other = f->held;

	f->held = b->own;
	f->held_at = 0;
	f->has_held_lines = false;
	b->own = other;
}

/* The held bytes become the start of the batch. */
static void take_held(struct files *f, struct batch *b)
{
	if (f->held_at == 0 && f->held.len > SMALL_BYTES) {
		swap_held(f, b);
	} else {
		buf_reset(&b->own);
		buf_add(&b->own, f->held.p + f->held_at, held_len(f));
	}
	reset_held(f);
}

static void hold(struct files *f, const char *p, size_t len)
{
	reset_held(f);
	buf_add(&f->held, p, len);
}

/* Room for one read behind the bytes; the buffer never grows beyond a line of the limit and one read. */
static size_t make_room(struct files *f, struct buf *own)
{
	size_t most = f->line_max_bytes + BATCH_BYTES + JSON_PAD_BYTES;
	size_t want = own->len + READ_MIN_BYTES + JSON_PAD_BYTES;
	size_t cap = own->cap < BATCH_BYTES + JSON_PAD_BYTES ? BATCH_BYTES + JSON_PAD_BYTES : own->cap;

	while (cap < want)
		cap *= 2;
	if (cap > most && most >= want)
		cap = most;
	if (cap > own->cap) {
		own->p = mem_resize(own->p, cap, 1);
		own->cap = cap;
	}
	cap = own->cap - own->len - JSON_PAD_BYTES;
	return cap < BATCH_BYTES ? cap : BATCH_BYTES;
}

/* Skips in the held bytes up to the end of the long line, keeping its head; true when the end was found. */
static bool skip_held(struct files *f)
{
	const char *p = f->held.p + f->held_at;
	const char *end = memchr(p, '\n', held_len(f));
	size_t n = end ? (size_t)(end - p) : held_len(f);
	size_t more = HEAD_BYTES - f->head_len < n ? HEAD_BYTES - f->head_len : n;

	memcpy(f->head + f->head_len, p, more);
	f->head_len += more;
	f->long_bytes += n;
	f->held_at += end ? n + 1 : n;
	return end != NULL;
}

/* The slow way: the next piece of the held bytes; GO_ON when there is no whole line among them. */
static enum source_result cut_held(struct files *f, struct batch *b)
{
	const char *p = f->held.p + f->held_at;
	bool is_long;
	size_t n = lines_fit(p, held_len(f), f->line_max_bytes, &is_long);

	if (n) {
		buf_reset(&b->own);
		buf_add(&b->own, p, n);
		buf_reserve(&b->own, JSON_PAD_BYTES);
		f->held_at += n;
		return give_lines(f, b);
	}
	f->has_held_lines = false;
	if (!is_long)
		return GO_ON;
	f->is_skipping = true;
	f->head_len = 0;
	f->long_bytes = 0;
	f->has_held_lines = skip_held(f);
	return f->has_held_lines ? give_long_line(f, b) : GO_ON;
}

/* Cuts what was read into b->own; GO_ON when it holds no whole line yet. known_bytes of it hold no newline. */
static enum source_result cut(struct files *f, struct batch *b, size_t known_bytes, struct err *err)
{
	struct buf *own = &b->own;
	const char *end = memrchr(own->p + known_bytes, '\n', own->len - known_bytes);
	bool is_long;
	size_t n;

	if (!end && own->len <= f->line_max_bytes)
		return GO_ON;
	if (f->is_first && cut_bom(f, own->p, &own->len, err) != 0)
		return fail(f, err);
	n = lines_fit(own->p, own->len, f->line_max_bytes, &is_long);
	if (is_long) {
		swap_held(f, b);
		f->has_held_lines = true;
		return cut_held(f, b);
	}
	if (n == 0)
		return GO_ON;
	hold(f, own->p + n, own->len - n);
	own->len = n;
	return give_lines(f, b);
}

/* The end of the input was read: a last line without '\n' gets one. */
static enum source_result end_lines(struct files *f, struct batch *b, struct err *err)
{
	enum source_result result;

	f->is_last = true;
	if (f->is_first && cut_bom(f, b->own.p, &b->own.len, err) != 0)
		return fail(f, err);
	if (b->own.len == 0)
		return GO_ON;
	buf_add_char(&b->own, '\n');
	buf_reserve(&b->own, JSON_PAD_BYTES);
	result = give_lines(f, b);
	b->is_unended = true;
	return result;
}

/* Reads until there is a whole line, or nothing more for now, or the end. */
static enum source_result read_lines(struct files *f, struct batch *b, struct err *err)
{
	enum source_result result;

	take_held(f, b);
	do {
		size_t known_bytes = b->own.len;
		size_t room = make_room(f, &b->own);
		ssize_t n = input_read(&f->in, b->own.p + known_bytes, room, err);

		if (n < 0 && n != INPUT_WAIT)
			return fail(f, err);
		if (n == INPUT_WAIT) {
			swap_held(f, b);
			return SOURCE_WAIT;
		}
		if (n == 0)
			return end_lines(f, b, err);
		b->own.len += (size_t)n;
		result = cut(f, b, known_bytes, err);
	} while (result == GO_ON && !f->is_skipping);
	return result;
}

/* One read inside a line above the limit, of which nothing is kept. */
static enum source_result skip_line(struct files *f, struct batch *b, struct err *err)
{
	ssize_t n;

	reset_held(f);
	n = input_read(&f->in, buf_reserve(&f->held, BATCH_BYTES), BATCH_BYTES, err);
	if (n == INPUT_WAIT)
		return SOURCE_WAIT;
	if (n < 0)
		return fail(f, err);
	if (n == 0) {
		f->is_last = true;
		return give_long_line(f, b);
	}
	f->held.len = (size_t)n;
	f->has_held_lines = skip_held(f);
	return f->has_held_lines ? give_long_line(f, b) : GO_ON;
}

static enum source_result end_input(struct files *f, struct batch *b)
{
	give(f, b, BATCH_INPUT_END, b->own.p, 0);
	b->first_line = f->line;
	f->at++;
	f->has_ended = false;
	return SOURCE_BATCH;
}

static enum source_result step(struct files *f, struct batch *b, struct err *err)
{
	enum source_result result;

	if (!f->is_open && open_next(f, err) != 0)
		return fail(f, err);
	if (f->has_held_lines && (result = cut_held(f, b)) != GO_ON)
		return result;
	if (f->is_last) {
		f->is_open = false;
		f->has_ended = true;
		input_close(&f->in);
		return GO_ON;
	}
	return f->is_skipping ? skip_line(f, b, err) : read_lines(f, b, err);
}

static enum source_result next(struct source *s, struct batch *b, struct err *err)
{
	struct files *f = (struct files *)s;
	enum source_result result = GO_ON;

	while (result == GO_ON && !f->has_ended) {
		if (f->at == f->n_names)
			return SOURCE_END;
		/* a line above the limit may have no end */
		if (f->is_skipping && stop_signal())
			return SOURCE_WAIT;
		result = step(f, b, err);
	}
	return result == GO_ON ? end_input(f, b) : result;
}

static void wait_for_more(struct source *s, int64_t until_us)
{
	struct files *f = (struct files *)s;
	int timeout_ms = -1;

	if (until_us >= 0) {
		struct timespec now;
		int64_t left_us;

		clock_gettime(CLOCK_MONOTONIC, &now);
		left_us = until_us - (int64_t)now.tv_sec * 1000000 - now.tv_nsec / 1000;
		timeout_ms = left_us <= 0                         ? 0
			     : left_us >= INT64_C(1000) * INT_MAX ? INT_MAX
								  : (int)((left_us + 999) / 1000);
	}
	input_wait(&f->in, timeout_ms);
}

static uint32_t inputs(const struct source *s)
{
	return (uint32_t)((const struct files *)s)->n_names;
}

static void progress(const struct source *s, uint64_t *read_bytes, uint64_t *total_bytes)
{
	const struct files *f = (const struct files *)s;

	*read_bytes = f->in.read_bytes;
	*total_bytes = f->total_bytes;
}

static void close_files(struct source *s)
{
	struct files *f = (struct files *)s;

	input_close(&f->in);
	buf_release(&f->held);
	free(f);
}

/* Bytes of all inputs, 0 when one of them is not a file (or is not there). */
static uint64_t total_size(const char *const *names, size_t n_names)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n_names; i++) {
		struct stat st;
		bool is_stdin = strcmp(names[i], "-") == 0;

		if ((is_stdin ? fstat(0, &st) : stat(names[i], &st)) != 0 || !S_ISREG(st.st_mode))
			return 0;
		total += (uint64_t)st.st_size;
	}
	return total;
}

struct source *source_files(const char *const *names, size_t n_names, size_t line_max_bytes)
{
	static const struct source_ops ops = {
		.next = next,
		.wait = wait_for_more,
		.inputs = inputs,
		.progress = progress,
		.close = close_files,
	};
	struct files *f = mem_alloc(1, sizeof *f);

	f->base.ops = &ops;
	f->names = names;
	f->n_names = n_names;
	f->line_max_bytes = line_max_bytes;
	f->total_bytes = total_size(names, n_names);
	input_init(&f->in);
	return &f->base;
}
