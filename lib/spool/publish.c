#include "spool/spool_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable/durable.h"
#include "mem/mem.h"

int spool_begin(struct spool *spool, struct segment *s, struct slice dir, const char *name, struct err *err)
{
	struct buf path = BUF_INIT;
	struct err first = ERR_INIT;
	int got;

	buf_add_slice(&path, buf_slice(&spool->tree));
	if (dir.len)
		buf_addf(&path, "/%.*s", (int)dir.len, dir.p);
	buf_addf(&path, "/%s" PART_SUFFIX, name);
	got = segment_begin(s, buf_cstr(&path), &first);
	if (got < 0 && first.sys == ENOENT) {
		char *folder = mem_dup(path.p, spool_dir_len(path.p, path.len));

		got = durable_make_dirs(folder, err);
		free(folder);
		if (got == 0)
			got = segment_begin(s, path.p, err);
	} else if (got < 0) {
		*err = first;
	}
	buf_release(&path);
	return got;
}

void spool_add_chain(const struct spool *spool, struct durable_dirs *dirs, const char *path, size_t len)
{
	do {
		len = spool_dir_len(path, len);
		durable_dirs_add(dirs, path, len);
	} while (len > spool->keep_len);
}

/* ---- the name in the lake ---- */

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The object of that name is ours if its raw lines are; then the row tells of what is stored. */
static int compare_old(const char *to, enum codec_kind kind, struct segment_sum *sum, struct err *err)
{
	struct segment_sum old;
	bool is_whole;

	if (segment_read(kind, to, &old, &is_whole, NULL, NULL, err) < 0)
		return -1;
	if (!is_whole || strcmp(old.raw_sha256, sum->raw_sha256) != 0)
		return err_set(err, ERR_REFUSED, "%.120s: exists with other records", to);
	old.has_time = sum->has_time;
	old.min_us = sum->min_us;
	old.max_us = sum->max_us;
	*sum = old;
	return 0;
}

static int link_object(const char *from, const char *to, struct err *err)
{
	struct err first = ERR_INIT;
	int got = durable_publish(from, to, &first);

	if (got < 0 && first.sys == ENOENT) {
		char *dir = mem_dup(to, spool_dir_len(to, strlen(to)));

		got = durable_make_dirs(dir, err);
		free(dir);
		return got < 0 ? -1 : durable_publish(from, to, err);
	}
	if (got < 0)
		*err = first;
	return got;
}

/*
 * A directory is synced with all above it once in a process, after that it alone: the way up ends at one that is known.
 */
static void add_dirs(struct spool *spool, const char *to)
{
	size_t root_len = strlen(spool->root), len = spool_dir_len(to, strlen(to));

	durable_dirs_add(&spool->dirs, to, len);
	while (len > root_len) {
		uint64_t hash = slice_hash((struct slice){to, len}) | 1; /* 0: an empty place */
		uint64_t *known = &spool->known[hash / 2 % KNOWN_DIRS];

		if (*known == hash)
			break;
		*known = hash;
		len = spool_dir_len(to, len);
		durable_dirs_add(&spool->dirs, to, len);
	}
}

/* ---- the group ---- */

void spool_add_item(struct spool *spool, const struct spool_item *item)
{
	assert(spool->n_group < SPOOL_GROUP_MAX);
	spool->group[spool->n_group++] = *item;
	spool->group_bytes += item->sum.bytes;
}

bool spool_is_full(const struct spool *spool)
{
	if (spool->store && spool->n_group && spool->waiting_bytes + spool->group_bytes >= spool->max_waiting_bytes)
		return true;
	return spool->n_group == spool->group_max;
}

int spool_end_item(struct spool *spool, struct segment *s, const char *name, struct spool_item *item, struct err *err)
{
	const char *below = s->path.p + spool->tree.len;
	struct buf to = BUF_INIT;

	*item = (struct spool_item){.keep_len = spool->run.len, .kind = CODEC_NONE, .fd = -1};
	if (segment_end(s, &item->fd, err) < 0)
		return -1;
	buf_add_str(&to, spool->root);
	if (name)
		buf_addf(&to, "%.*s/%s", (int)spool_dir_len(below, strlen(below)), below, name);
	else
		buf_add(&to, below, strlen(below) - strlen(PART_SUFFIX));
	codec_kind_of(buf_cstr(&to), &item->kind);
	item->from = mem_dup(s->path.p, s->path.len);
	item->to = to.p;
	item->sum = s->sum;
	item->is_name_new = !s->is_name_synced;
	return 0;
}

int spool_add(struct spool *spool, struct segment *s, struct err *err)
{
	struct spool_item item;

	if (spool_end_item(spool, s, NULL, &item, err) < 0)
		return -1;
	spool_add_item(spool, &item);
	return 0;
}

int spool_add_later(struct spool *spool, struct segment *s, struct err *err)
{
	struct spool_item item;

	if (spool_end_item(spool, s, NULL, &item, err) < 0)
		return -1;
	spool->later = mem_resize(spool->later, spool->n_later + 1, sizeof *spool->later);
	spool->later[spool->n_later++] = item;
	return 0;
}

/* As many as there is room for. */
static void join_later(struct spool *spool)
{
	size_t n = 0;

	if (!spool->n_later)
		return;
	while (n < spool->n_later && spool->n_group < spool->group_max)
		spool_add_item(spool, &spool->later[n++]);
	spool->n_later -= n;
	memmove(spool->later, spool->later + n, spool->n_later * sizeof *spool->later);
}

void spool_release_item(struct spool_item *item)
{
	if (item->fd >= 0)
		close(item->fd);
	free(item->from);
	free(item->to);
	free(item->leftover);
	*item = (struct spool_item){.fd = -1};
}

void spool_drop_group(struct spool *spool)
{
	for (size_t i = 0; i < spool->n_group; i++)
		spool_release_item(&spool->group[i]);
	spool->n_group = 0;
	spool->group_bytes = 0;
}

/* ---- the steps, each for one object ---- */

static int give_name(struct spool *spool, struct spool_item *item, struct err *err)
{
	int got = link_object(item->from, item->to, err);

	item->is_old = got == 1 && !is_same_file(item->from, item->to);
	if (item->is_old)
		got = compare_old(item->to, item->kind, &item->sum, err);
	if (got < 0)
		return -1;
	add_dirs(spool, item->to);
	return 0;
}

int spool_leave(struct spool *spool, struct spool_item *item, struct err *err)
{
	char *folder;

	(void)spool;
	if (item->leftover && durable_unlink(item->leftover, err) < 0)
		return -1;
	if (durable_unlink(item->from, err) < 0)
		return -1;
	folder = mem_dup(item->from, spool_dir_len(item->from, strlen(item->from)));
	durable_remove_empty(folder, item->keep_len);
	free(folder);
	return 0;
}

/* How many of the first n have their bytes on disk, up to the first that has not. */
size_t spool_sync_bytes(struct spool *spool, size_t n, struct err *err)
{
	struct durable_job *jobs = mem_alloc(n, sizeof *jobs);
	size_t n_jobs = 0, n_good = 0;

	for (size_t i = 0; i < n; i++) {
		if (spool->group[i].fd >= 0)
			jobs[n_jobs++] = (struct durable_job){.fd = spool->group[i].fd, .path = spool->group[i].from};
	}
	durable_sync_all(jobs, n_jobs);
	for (size_t job = 0; n_good < n; n_good++) {
		if (spool->group[n_good].fd < 0)
			continue;
		if (jobs[job].got < 0) {
			*err = jobs[job].err;
			break;
		}
		job++;
	}
	free(jobs);
	return n_good;
}

/* What leads to an object in the spool must be on disk before its name in the lake may be: else a loss of power could
 * leave an object that no start tells of. */
static size_t sync_spool_names(struct spool *spool, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct spool_item *item = &spool->group[i];

		if (item->is_name_new)
			spool_add_chain(spool, &spool->dirs, item->from, strlen(item->from));
	}
	return durable_dirs_sync(&spool->dirs, err) == 0 ? n : 0;
}

/* One step for the first n; how many came through, with the error of the one that did not. */
static size_t each(
	struct spool *spool, size_t n, int (*step)(struct spool *, struct spool_item *, struct err *), struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (step(spool, &spool->group[i], err) < 0)
			return i;
	}
	return n;
}

static size_t tell_each(struct spool *spool, size_t n, const struct spool_hooks *hooks, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct spool_item *item = &spool->group[i];

		if (hooks->tell(
			    hooks->ctx, &(struct spool_object){item->to, &item->sum, item->is_old, item->tag}, err) < 0)
			return i;
	}
	return n;
}

static size_t keep_told(size_t n, const struct spool_hooks *hooks, struct err *err)
{
	return n && hooks->keep && hooks->keep(hooks->ctx, err) < 0 ? 0 : n;
}

/* Names that were not synced are not known. */
size_t spool_sync_names(struct spool *spool, size_t n, struct err *err)
{
	if (durable_dirs_sync(&spool->dirs, err) == 0)
		return n;
	memset(spool->known, 0, sizeof spool->known);
	return 0;
}

/*
 * A step that fails for one object cuts the group there: those before it go on, and the first error is the one that is
 * told. The bytes are on their way since segment_end(), and one commit of the file system carries the names of all, so
 * the first sync of a step waits and the others find little left to do. Each has its own sync nevertheless: it tells
 * the errors of its own file, and does not wait for files of others as syncfs(2) would.
 */
static int publish_group(struct spool *spool, const struct spool_hooks *hooks, struct err *err)
{
	enum { STEPS = 7 };
	size_t n_all = spool->n_group, n[STEPS];
	struct err errs[STEPS] = {ERR_INIT, ERR_INIT, ERR_INIT, ERR_INIT, ERR_INIT, ERR_INIT, ERR_INIT};
	int got = 0;

	if (n_all && spool_sync_wait(spool, err) < 0) {
		spool_drop_group(spool);
		return -1;
	}
	if (spool->store)
		return spool_hand_over(spool, hooks, err);
	n[0] = spool_sync_bytes(spool, n_all, &errs[0]);
	n[1] = sync_spool_names(spool, n[0], &errs[1]);
	n[2] = each(spool, n[1], give_name, &errs[2]);
	n[3] = spool_sync_names(spool, n[2], &errs[3]);
	n[4] = tell_each(spool, n[3], hooks, &errs[4]);
	n[5] = keep_told(n[4], hooks, &errs[5]);
	n[6] = each(spool, n[5], spool_leave, &errs[6]);
	for (size_t i = 0; i < STEPS && got == 0; i++) {
		if (n[i] == (i ? n[i - 1] : n_all))
			continue;
		*err = errs[i];
		got = -1;
	}
	spool_drop_group(spool);
	return got;
}

int spool_publish(struct spool *spool, const struct spool_hooks *hooks, struct err *err)
{
	int got;

	do {
		join_later(spool);
		got = publish_group(spool, hooks, err);
	} while (got == 0 && spool->n_later);
	return got;
}
