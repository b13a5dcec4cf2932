/*
 * Objects that go to a store. Each is made durable under the name that says so, handed over, and forgotten when its
 * outcome was taken: outcomes come in the order of handing over, so rows come in the order of sealing.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mem/mem.h"
#include "spool/spool_impl.h"

enum { WAIT_US = 100000 };

/* ---- handing over ---- */

/* A rename, so that a start after a loss of power sees the segment as sealed or as it was. */
static int make_ready(struct spool *spool, struct spool_item *item, struct err *err)
{
	struct buf to = BUF_INIT;
	int got = 0;

	if (item->is_ready)
		return 0;
	buf_add(&to, item->from, (size_t)(strrchr(item->from, '.') - item->from));
	buf_add_str(&to, READY_SUFFIX);
	if (rename(item->from, buf_cstr(&to)) < 0)
		got = err_sys(err, "%.120s: cannot rename", item->from);
	if (got == 0) {
		free(item->from);
		item->from = mem_dup(to.p, to.len);
		item->is_ready = true;
		spool_add_chain(spool, &spool->dirs, item->from, to.len);
	}
	buf_release(&to);
	return got;
}

void spool_begin_job(struct spool *spool, struct spool_item *item)
{
	struct spool_job *job = mem_alloc(1, sizeof *job);

	if (item->fd >= 0)
		close(item->fd);
	item->fd = -1;
	job->item = *item;
	job->object =
		(struct store_object){.path = item->from, .name = item->to + 1, .kind = item->kind, .sum = item->sum};
	*item = (struct spool_item){.fd = -1};
	spool->waiting_bytes += job->object.sum.bytes;
	if (spool->last)
		spool->last->next = job;
	else
		spool->first = job;
	spool->last = job;
	spool->store->ops->begin(spool->store, &job->object);
}

/* ---- taking ---- */

struct outcome {
	struct spool_job **stored;
	size_t n, size;
	struct err err; /* the first */
};

/* One that was not stored stays in the spool, unless it can be had again. */
static void drop(struct spool_job *job, const struct err *err, const struct spool_hooks *hooks, struct outcome *o)
{
	void *tag = job->item.tag;
	bool is_forgiven = tag && hooks->forgive && hooks->forgive(hooks->ctx, tag);

	if (!is_forgiven && o->err.code == ERR_NONE)
		o->err = *err;
	if (tag)
		unlink(job->item.from);
	spool_release_item(&job->item);
	free(job);
}

/* Those that are there, the first within wait_us. */
static void take(struct spool *spool, int64_t wait_us, const struct spool_hooks *hooks, struct outcome *o)
{
	struct store_object *object;
	int got;

	while (spool->first) {
		struct err err = ERR_INIT;
		struct spool_job *job;

		got = spool->store->ops->take(spool->store, wait_us, &object, &err);
		if (got == 0)
			return;
		job = (struct spool_job *)object;
		assert(job == spool->first);
		spool->first = job->next;
		if (!spool->first)
			spool->last = NULL;
		spool->waiting_bytes -= job->item.sum.bytes;
		wait_us = 0;
		if (got < 0) {
			drop(job, &err, hooks, o);
			continue;
		}
		if (o->n == o->size) {
			o->size = o->size ? 2 * o->size : 16;
			o->stored = mem_resize(o->stored, o->size, sizeof *o->stored);
		}
		o->stored[o->n++] = job;
	}
}

/* Told, kept, and out of the spool; up to the first that fails. */
static int tell(struct spool *spool, const struct outcome *o, const struct spool_hooks *hooks, struct err *err)
{
	size_t n = 0;
	int got = 0;

	for (; got == 0 && n < o->n; n++) {
		const struct spool_job *job = o->stored[n];
		struct spool_object object = {job->item.to, &job->object.sum, job->object.is_old, job->item.tag};

		got = hooks->tell(hooks->ctx, &object, err) < 0 ? -1 : 0;
	}
	n -= got < 0;
	if (n && hooks->keep) {
		struct err late = ERR_INIT;

		if (hooks->keep(hooks->ctx, &late) < 0) {
			if (got == 0)
				*err = late;
			return -1;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (spool_leave(spool, &o->stored[i]->item, err) < 0)
			return -1;
	}
	return got;
}

int spool_take(struct spool *spool, int64_t wait_us, const struct spool_hooks *hooks, struct err *err)
{
	struct outcome o = {.err = ERR_INIT};
	int got;

	take(spool, wait_us, hooks, &o);
	got = tell(spool, &o, hooks, err);
	for (size_t i = 0; i < o.n; i++) {
		spool_release_item(&o.stored[i]->item);
		free(o.stored[i]);
	}
	free(o.stored);
	if (got == 0 && o.err.code != ERR_NONE) {
		*err = o.err;
		got = -1;
	}
	return got;
}

/* Until there is room for so many bytes, or nothing is waited for any more. */
static int make_room(struct spool *spool, uint64_t bytes, const struct spool_hooks *hooks, struct err *err)
{
	while (spool->first && spool->waiting_bytes + bytes > spool->max_waiting_bytes) {
		if (hooks->idle && hooks->idle(hooks->ctx))
			break;
		if (spool_take(spool, WAIT_US, hooks, err) < 0)
			return -1;
	}
	return 0;
}

int spool_hand_over(struct spool *spool, const struct spool_hooks *hooks, struct err *err)
{
	size_t n_all = spool->n_group, n = spool_sync_bytes(spool, n_all, err), n_ready = 0;
	struct err late = ERR_INIT;
	int got = n == n_all ? 0 : -1;

	while (n_ready < n && make_ready(spool, &spool->group[n_ready], got < 0 ? &late : err) == 0)
		n_ready++;
	if (n_ready < n)
		got = -1;
	if (n_ready && spool_sync_names(spool, n_ready, got < 0 ? &late : err) < n_ready) {
		n_ready = 0;
		got = -1;
	}
	for (size_t i = 0; i < n_ready; i++) {
		err_reset(&late);
		if (make_room(spool, spool->group[i].sum.bytes, hooks, got < 0 ? &late : err) < 0)
			got = -1;
		spool_begin_job(spool, &spool->group[i]);
	}
	spool_drop_group(spool);
	err_reset(&late);
	return spool_take(spool, 0, hooks, got < 0 ? &late : err) < 0 ? -1 : got;
}

int spool_settle(struct spool *spool, const struct spool_hooks *hooks, struct err *err)
{
	while (spool->first) {
		if (spool_take(spool, WAIT_US, hooks, err) < 0)
			return -1;
		if (hooks->idle)
			hooks->idle(hooks->ctx);
	}
	return 0;
}

bool spool_is_waiting(const struct spool *spool)
{
	return spool->first != NULL;
}

void spool_drop_jobs(struct spool *spool)
{
	while (spool->first) {
		struct spool_job *job = spool->first;

		spool->first = job->next;
		spool_release_item(&job->item);
		free(job);
	}
}
