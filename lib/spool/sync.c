/*
 * Open segments are brought onto disk without leaving the spool. The caller flushes them; the waits for the disk, which
 * are nearly all of it, are those of a thread while the caller goes on. One such sync is on its way at a time, and
 * nothing is published before it has come to its end: an error of a file is told to one sync of it only, so an object
 * must not get its name before that one was heard.
 */
#include <stdlib.h>

#include "mem/mem.h"
#include "spool/spool_impl.h"

enum { MANY_DIRS = 4096 }; /* are synced before more are gathered */

/* Bytes, then names. */
static void do_sync(void *context, unsigned worker)
{
	struct spool_syncing *y = context;

	(void)worker;
	durable_sync_all(y->jobs, y->n);
	for (size_t i = 0; i < y->n && y->got == 0; i++) {
		y->got = y->jobs[i].got;
		if (y->got < 0)
			y->err = y->jobs[i].err;
	}
	if (y->got == 0)
		y->got = durable_dirs_sync(&y->dirs, &y->err);
}

/* Paths are copied: a segment may be ended, and used for another object, before its sync is. The names of many share
 * folders, each of which is synced once. */
static int gather(struct spool *spool, struct spool_syncing *y, struct segment **list, size_t n, struct err *err)
{
	y->jobs = mem_alloc(n, sizeof *y->jobs);
	y->paths = mem_alloc(n, sizeof *y->paths);
	for (size_t i = 0; i < n; i++) {
		struct segment *s = list[i];

		if (s->is_unsynced) {
			y->paths[y->n] = mem_dup(s->path.p, s->path.len);
			y->jobs[y->n] = (struct durable_job){.fd = s->fd, .path = y->paths[y->n]};
			y->n++;
		}
		if (!s->is_name_synced)
			spool_add_chain(spool, &y->dirs, s->path.p, s->path.len);
		if (y->dirs.n >= MANY_DIRS && durable_dirs_sync(&y->dirs, err) < 0)
			return -1;
		s->is_unsynced = false;
		s->is_name_synced = true;
	}
	return 0;
}

static int prepare(struct spool *spool, struct spool_syncing *y, struct segment **list, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (segment_flush(list[i], err) < 0)
			return -1;
	}
	return gather(spool, y, list, n, err);
}

static int end(struct spool_syncing *y, int got, struct err *err)
{
	if (got == 0 && y->got < 0) {
		*err = y->err;
		got = -1;
	}
	for (size_t i = 0; i < y->n; i++)
		free(y->paths[i]);
	free(y->paths);
	free(y->jobs);
	durable_dirs_release(&y->dirs);
	*y = (struct spool_syncing)SPOOL_SYNCING_INIT;
	return got;
}

int spool_sync(struct spool *spool, struct segment **list, size_t n, struct err *err)
{
	struct spool_syncing y = SPOOL_SYNCING_INIT;
	int got = prepare(spool, &y, list, n, err);

	if (got == 0)
		do_sync(&y, 0);
	return end(&y, got, err);
}

int spool_sync_begin(struct spool *spool, struct segment **list, size_t n, struct err *err)
{
	struct spool_syncing *y = &spool->syncing;

	if (spool_sync_wait(spool, err) < 0)
		return -1;
	if (prepare(spool, y, list, n, err) < 0)
		return end(y, -1, err);
	if (!spool->syncer)
		spool->syncer = jobs_open(2);
	jobs_add(spool->syncer, do_sync, y);
	return 0;
}

int spool_sync_wait(struct spool *spool, struct err *err)
{
	if (!spool->syncing.jobs)
		return 0;
	jobs_wait(spool->syncer);
	return end(&spool->syncing, 0, err);
}
