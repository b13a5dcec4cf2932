/*
 * Several batches at once: threads, or workers of libjq, work on them side by side. Whole batches are held in a ring,
 * of which the oldest is settled when the ring is full, or the input pauses. The records of a topic are known to their
 * source until it reads on: such a batch is cut into parts, one for each thread, that are settled in the same call.
 */
#include <assert.h>
#include <string.h>

#include "filter_impl.h"

static struct part *nth(struct filter *f, size_t i)
{
	return &f->ring[(f->first + i) % f->cap_ring];
}

/* The run has ended: what was begun behind that is no part of it. */
static void drop_ring(struct filter *f)
{
	if (f->jobs)
		jobs_wait(f->jobs);
	for (; f->n_ring; f->n_ring--, f->first++) {
		struct part *p = nth(f, 0);

		if (!p->in.records)
			f->opts.ledger->bytes_in -= p->in.len;
		filter_flush_copy(p);
		p->n_failures = 0;
		buf_reset(&p->texts);
		buf_reset(p->out);
		if (p->in.origins)
			buf_reset(p->in.origins);
	}
}

/* The records before the one that ends the run stand. */
static int take_oldest(struct filter *f, struct err *err)
{
	struct part *p = nth(f, 0);
	struct err saved;
	int result;

	if (f->jobs)
		jobs_wait_for(f->jobs, p->number);
	result = f->jobs ? filter_finish_native(f, p, err) : filter_take_answers(f, p, err);
	f->first++;
	f->n_ring--;
	if (result >= 0 || err->code == ERR_DATA) {
		saved = *err;
		if (filter_write(f, p, err))
			result = -1;
		else
			*err = saved;
	}
	if (result)
		drop_ring(f);
	return result;
}

int filter_take_held(struct filter *f, struct err *err)
{
	int result = 0;

	while (f->n_ring && result == 0)
		result = take_oldest(f, err);
	return result;
}

static void work(void *context, unsigned worker)
{
	struct part *p = context;

	filter_work(p, &p->filter->lanes[worker]);
}

static int begin(struct filter *f, struct part *p, struct slice lines, uint64_t line, struct err *err)
{
	p->out = &p->own_out;
	filter_part_begin(p, f, lines, line);
	f->n_ring++;
	if (!f->jobs)
		return filter_send(f, p, err);
	p->number = jobs_add(f->jobs, work, p);
	return 0;
}

/* No room for one more: of what waits for workers there may be so many bytes only. */
static bool is_too_much(struct filter *f, const struct batch *in)
{
	size_t bytes = in->len;

	if (f->n_ring == f->cap_ring)
		return true;
	if (f->jobs || !f->n_ring)
		return false;
	for (size_t i = 0; i < f->n_ring; i++)
		bytes += nth(f, i)->in.len;
	return bytes > JQWORKER_HELD_BYTES;
}

static int hold(struct filter *f, struct batch *in, struct err *err)
{
	struct part *p;
	int result = 0;

	while (!result && is_too_much(f, in))
		result = take_oldest(f, err);
	if (result) {
		/* counted by the pump, and not taken */
		f->opts.ledger->bytes_in -= in->len;
		return result;
	}
	p = nth(f, f->n_ring);
	batch_take(in, &p->in);
	return begin(f, p, (struct slice){p->in.p, p->in.len}, 0, err);
}

/* Cuts a batch into about as many parts as there are lanes. */
static int take_cut(struct filter *f, struct batch *in, struct err *err)
{
	size_t from = 0, to, size = in->len / f->n_lanes + 1;
	uint64_t line = 0;

	for (; from < in->len; from = to) {
		struct part *p = nth(f, f->n_ring);
		const char *lf;
		struct buf own = p->in.own;

		to = from + size < in->len ? from + size : in->len;
		lf = memchr(in->p + to - 1, '\n', in->len - to + 1);
		to = (size_t)(lf + 1 - in->p);
		p->in = *in;
		p->in.own = own;
		p->in.origins = in->origins ? &p->own_origins : NULL;
		if (begin(f, p, (struct slice){in->p + from, to - from}, line, err))
			return -1;
		for (const char *at = in->p + from;
			at < in->p + to && (at = memchr(at, '\n', (size_t)(in->p + to - at))); at++)
			line++;
	}
	return filter_take_held(f, err);
}

int filter_hold(struct filter *f, struct batch *in, struct err *err)
{
	int result;

	if (!in->records)
		return hold(f, in, err);
	result = filter_take_held(f, err);
	assert(result || f->cap_ring >= f->n_lanes);
	return result ? result : take_cut(f, in, err);
}
