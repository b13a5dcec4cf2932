/*
 * A binary heap of the inputs by the time of their next record. The input whose record was handed out stays on top
 * until the next call, which reads its next record and lets it sink: one pass down the heap per record.
 */
#include "merge.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "mem/mem.h"
#include "sorter.h"

enum { OWN_FILES = 32 };

struct head {
	struct reader *in;
	struct sorter *sorter;
	struct record record;
	uint32_t ordinal;
};

struct merge {
	const struct replay_opts *opts;
	struct tool *tool;
	const char *const *names;
	size_t n_names;
	struct head *heads; /* by ordinal */
	struct head **heap; /* n of them hold a record */
	size_t n;
	size_t n_started; /* heads that were asked for their first record (in order: that ended) */
	bool is_taken;    /* the record on top was handed out */
	bool has_given;   /* a record, in this loop */
	bool has_stop;    /* rejects said stop: told when what is held has gone out */
	struct err stop_err;
	struct reader *last;
};

/* A merge has all inputs open at once: as many as this process may have. */
static void raise_file_limit(size_t n)
{
	struct rlimit limit;
	rlim_t want = (rlim_t)n + OWN_FILES;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= want)
		return;
	limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_heads(struct merge *m, bool is_repeat, struct err *err)
{
	for (size_t i = 0; i < m->n_names; i++) {
		struct head *h = &m->heads[i];

		h->ordinal = (uint32_t)i;
		h->in = reader_open(m->opts, m->tool, m->names[i], h->ordinal, is_repeat, err);
		if (!h->in)
			return -1;
		h->sorter = sorter_open(h->in, m->opts->sort_window_us);
	}
	return 0;
}

static void close_head(struct head *h)
{
	sorter_close(h->sorter);
	reader_close(h->in);
	h->sorter = NULL;
	h->in = NULL;
}

struct merge *merge_open(
	const struct replay_opts *o, struct tool *t, const char *const *names, size_t n_names, struct err *err)
{
	struct merge *m = mem_alloc(1, sizeof *m);

	*m = (struct merge){.opts = o, .tool = t, .names = names, .n_names = n_names};
	if (o->needs_time)
		raise_file_limit(n_names);
	m->heads = mem_alloc(n_names, sizeof *m->heads);
	m->heap = mem_alloc(n_names, sizeof *m->heap);
	if (open_heads(m, false, err)) {
		merge_close(m);
		return NULL;
	}
	m->last = m->heads[0].in;
	return m;
}

void merge_close(struct merge *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_names; i++)
		close_head(&m->heads[i]);
	free(m->heads);
	free(m->heap);
	free(m);
}

int merge_rewind(struct merge *m, struct err *err)
{
	for (size_t i = 0; i < m->n_names; i++)
		close_head(&m->heads[i]);
	m->n = m->n_started = 0;
	m->is_taken = m->has_given = false;
	if (open_heads(m, true, err))
		return -1;
	m->last = m->heads[0].in;
	return 0;
}

bool merge_is_empty(const struct merge *m)
{
	return !m->has_given;
}

void merge_end(struct merge *m)
{
	for (size_t i = 0; i < m->n_names; i++)
		reader_end(m->heads[i].in);
}

static bool is_before(const struct head *a, const struct head *b)
{
	if (a->record.time_us != b->record.time_us)
		return a->record.time_us < b->record.time_us;
	return a->ordinal < b->ordinal;
}

static void sink_down(struct merge *m, size_t i)
{
	for (size_t child; (child = 2 * i + 1) < m->n; i = child) {
		struct head *h = m->heap[i];

		child += child + 1 < m->n && is_before(m->heap[child + 1], m->heap[child]);
		if (!is_before(m->heap[child], h))
			break;
		m->heap[i] = m->heap[child];
		m->heap[child] = h;
	}
}

static void add_head(struct merge *m, struct head *h)
{
	size_t i = m->n++;

	for (; i > 0 && is_before(h, m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		m->heap[i] = m->heap[(i - 1) / 2];
	m->heap[i] = h;
}

/* Nothing more is read: what is held goes out, then the stop is told. */
static void put_off_stop(struct merge *m, struct err *err)
{
	m->has_stop = true;
	m->stop_err = *err;
	err_reset(err);
	for (size_t i = 0; i < m->n_names; i++)
		sorter_end(m->heads[i].sorter);
}

/* The next record of an input: READ_RECORD, READ_END, or what the caller must hear first. */
static enum reader_result read_head(struct merge *m, struct head *h, struct err *err)
{
	enum reader_result got = sorter_next(h->sorter, &h->record, err);

	m->last = h->in;
	if (got != READ_STOP)
		return got;
	put_off_stop(m, err);
	return sorter_next(h->sorter, &h->record, err);
}

/* The heap after the first record of every input is known and the one on top is not taken. */
static enum reader_result settle(struct merge *m, struct err *err)
{
	enum reader_result got;

	if (m->is_taken) {
		got = read_head(m, m->heap[0], err);
		if (got != READ_RECORD && got != READ_END)
			return got;
		if (got == READ_END)
			m->heap[0] = m->heap[--m->n];
		sink_down(m, 0);
		m->is_taken = false;
	}
	while (m->n_started < m->n_names) {
		struct head *h = &m->heads[m->n_started];

		got = read_head(m, h, err);
		if (got != READ_RECORD && got != READ_END)
			return got;
		if (got == READ_RECORD)
			add_head(m, h);
		m->n_started++;
	}
	return READ_RECORD;
}

static enum reader_result next_by_time(struct merge *m, struct record *r, struct err *err)
{
	enum reader_result got = settle(m, err);

	if (got != READ_RECORD)
		return got;
	if (m->n == 0 && m->has_stop) {
		*err = m->stop_err;
		return READ_STOP;
	}
	if (m->n == 0)
		return READ_END;
	*r = m->heap[0]->record;
	m->last = m->heap[0]->in;
	m->is_taken = m->has_given = true;
	return READ_RECORD;
}

enum reader_result merge_next(struct merge *m, struct record *r, struct err *err)
{
	if (m->opts->needs_time)
		return next_by_time(m, r, err);
	for (; m->n_started < m->n_names; m->n_started++) {
		struct head *h = &m->heads[m->n_started];
		enum reader_result got = reader_next(h->in, r, err);

		m->last = h->in;
		m->has_given |= got == READ_RECORD;
		if (got != READ_END)
			return got;
	}
	return READ_END;
}

enum reader_result merge_text(struct merge *m, struct slice *text, uint64_t *n, uint64_t max, struct err *err)
{
	for (; m->n_started < m->n_names; m->n_started++) {
		struct head *h = &m->heads[m->n_started];
		enum reader_result got = reader_text(h->in, text, n, max, err);

		m->last = h->in;
		m->has_given |= got == READ_RECORD && *n;
		if (got != READ_END)
			return got;
	}
	return READ_END;
}

struct reader *merge_reader(const struct merge *m)
{
	return m->last;
}

void merge_progress(const struct merge *m, uint64_t *read_bytes, uint64_t *total_bytes)
{
	bool is_known = true;

	*read_bytes = *total_bytes = 0;
	for (size_t i = 0; i < m->n_names; i++) {
		uint64_t read, total;

		reader_progress(m->heads[i].in, &read, &total);
		*read_bytes += read;
		*total_bytes += total;
		is_known &= total > 0;
	}
	if (!is_known)
		*total_bytes = 0;
}
