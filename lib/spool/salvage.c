#include "spool/spool_impl.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable/durable.h"
#include "mem/mem.h"

enum { TREE_FDS = 16 };

/* One salvage, and the leftover it is at. */
struct salvage {
	struct spool *spool;
	spool_lines_fn *lines;
	const struct spool_hooks *hooks; /* of the caller */
	struct spool_salvage *result;
	struct segment_sum times; /* of the leftover, filled by lines() */
	struct segment segment;   /* its new form */
	size_t run_len;           /* of the path of the run's folder */
};

static int see_lines(void *ctx, const char *p, size_t len, struct err *err)
{
	struct salvage *v = ctx;

	return v->lines(v->hooks->ctx, p, len, &v->times, err);
}

static int copy_lines(void *ctx, const char *p, size_t len, struct err *err)
{
	struct salvage *v = ctx;

	return segment_add(&v->segment, p, len, 0, err);
}

/* Tells the caller, and counts. */
static int tell(void *ctx, const struct spool_object *object, struct err *err)
{
	struct salvage *v = ctx;
	int got = v->hooks->tell(v->hooks->ctx, object, err);

	if (got == 0) {
		v->result->objects++;
		v->result->records += object->sum->records;
	}
	return got;
}

static int keep(void *ctx, struct err *err)
{
	const struct salvage *v = ctx;

	return v->hooks->keep ? v->hooks->keep(v->hooks->ctx, err) : 0;
}

static bool idle(void *ctx)
{
	const struct salvage *v = ctx;

	return v->hooks->idle && v->hooks->idle(v->hooks->ctx);
}

static int publish(struct salvage *v, struct err *err)
{
	return spool_publish(v->spool, &(struct spool_hooks){.tell = tell, .keep = keep, .idle = idle, .ctx = v}, err);
}

/* Nothing of a run may be on its way when its folder goes. */
static int settle(struct salvage *v, struct err *err)
{
	return spool_settle(v->spool, &(struct spool_hooks){.tell = tell, .keep = keep, .idle = idle, .ctx = v}, err);
}

static int add_item(struct salvage *v, const struct spool_item *item, struct err *err)
{
	spool_add_item(v->spool, item);
	return spool_is_full(v->spool) ? publish(v, err) : 0;
}

/* The lines of item->leftover into item->from, a segment of its own, whose file is still to be synced. */
static int encode_again(struct salvage *v, struct spool_item *item, struct err *err)
{
	struct codec_set set;
	struct segment_sum again;
	bool is_whole;
	int got;

	if (codec_set_init(&set, item->kind, 0, err) < 0)
		return -1;
	segment_init(&v->segment, &set, NULL);
	got = segment_begin(&v->segment, item->from, err);
	if (got == 0)
		got = segment_read(item->kind, item->leftover, &again, &is_whole, copy_lines, v, err);
	if (got == 0)
		got = segment_end(&v->segment, &item->fd, err);
	if (got == 0) {
		struct segment_sum *sum = &v->segment.sum;

		sum->records = item->sum.records;
		sum->has_time = item->sum.has_time;
		sum->min_us = item->sum.min_us;
		sum->max_us = item->sum.max_us;
		item->sum = *sum;
	}
	segment_release(&v->segment);
	codec_set_release(&set);
	return got;
}

/*
 * A leftover is always written anew, whole as it may be: a failed fsync of the run that died may have left pages that
 * look clean and are not on disk.
 */
static int rebuild(struct salvage *v, struct spool_item *item, struct err *err)
{
	struct buf path = BUF_INIT;

	item->leftover = item->from;
	buf_add(&path, item->from, strlen(item->from) - strlen(PART_SUFFIX));
	buf_add_str(&path, SALVAGE_SUFFIX);
	buf_cstr(&path);
	item->from = path.p;
	return encode_again(v, item, err);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/*
 * Without one whole line there is nothing to save. Where the object has its name already, spool_publish() finds that it
 * is the same file or has the same lines, and it is told (again) before the leftover goes.
 */
static int salvage_part(struct salvage *v, const char *part, const char *to, struct err *err)
{
	struct spool_item item = {.keep_len = v->run_len, .fd = -1};
	bool is_whole;

	if (!codec_kind_of(to, &item.kind))
		return err_set(err, ERR_REFUSED, "%.120s: not a segment that this version knows", part);
	v->times = (struct segment_sum){0};
	if (segment_read(item.kind, part, &item.sum, &is_whole, see_lines, v, err) < 0)
		return -1;
	if (item.sum.records == 0)
		return durable_unlink(part, err);
	item.sum.has_time = v->times.has_time;
	item.sum.min_us = v->times.min_us;
	item.sum.max_us = v->times.max_us;
	item.from = mem_dup(part, strlen(part));
	item.to = mem_dup(to, strlen(to));
	if ((!v->spool->store && exists(to)) || rebuild(v, &item, err) == 0)
		return add_item(v, &item, err);
	free(item.from);
	free(item.to);
	free(item.leftover);
	return -1;
}

/* Whole and durable as it is; read for what its row tells. */
static int salvage_ready(struct salvage *v, const char *path, const char *to, struct err *err)
{
	struct spool_item item = {.keep_len = v->run_len, .fd = -1, .is_ready = true};
	bool is_whole;

	if (!codec_kind_of(to, &item.kind))
		return err_set(err, ERR_REFUSED, "%.120s: not a segment that this version knows", path);
	v->times = (struct segment_sum){0};
	if (segment_read(item.kind, path, &item.sum, &is_whole, see_lines, v, err) < 0)
		return -1;
	if (!is_whole)
		return err_set(err, ERR_IO, "%.120s: is damaged", path);
	item.sum.has_time = v->times.has_time;
	item.sum.min_us = v->times.min_us;
	item.sum.max_us = v->times.max_us;
	item.from = mem_dup(path, strlen(path));
	item.to = mem_dup(to, strlen(to));
	return add_item(v, &item, err);
}

static bool ends_with(const char *p, const char *suffix)
{
	size_t len = strlen(p), n = strlen(suffix);

	return len > n && memcmp(p + len - n, suffix, n) == 0;
}

/* A salvage that was killed had made the durable form of this part, and not yet removed it. */
static bool has_ready(const char *part)
{
	struct buf path = BUF_INIT;
	bool has;

	buf_add(&path, part, strlen(part) - strlen(PART_SUFFIX));
	buf_add_str(&path, READY_SUFFIX);
	has = exists(buf_cstr(&path));
	buf_release(&path);
	return has;
}

/* One name inside the tree: a folder or a part. tree_len: of the tree's own path. */
static int salvage_tree(struct salvage *v, const char *path, size_t tree_len, struct err *err);

static int salvage_name(struct salvage *v, const char *path, size_t tree_len, struct err *err)
{
	struct stat st;
	int got = 0;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%.120s: cannot read", path);
	if (S_ISDIR(st.st_mode))
		return salvage_tree(v, path, tree_len, err);
	if (ends_with(path, PART_SUFFIX) || ends_with(path, READY_SUFFIX)) {
		struct buf to = BUF_INIT;

		buf_add_str(&to, v->spool->root);
		buf_add(&to, path + tree_len, (size_t)(strrchr(path, '.') - path) - tree_len);
		if (ends_with(path, READY_SUFFIX))
			got = salvage_ready(v, path, buf_cstr(&to), err);
		else if (has_ready(path))
			got = durable_unlink(path, err);
		else
			got = salvage_part(v, path, buf_cstr(&to), err);
		buf_release(&to);
	}
	return got;
}

static int is_name(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* In the order of names, so the rows come in the order of the segments of a directory. */
static int salvage_tree(struct salvage *v, const char *path, size_t tree_len, struct err *err)
{
	struct dirent **names;
	struct buf name = BUF_INIT;
	int n = scandir(path, &names, is_name, alphasort), got = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%.120s: cannot read the directory", path);
	for (int i = 0; i < n; i++) {
		buf_reset(&name);
		buf_addf(&name, "%s/%s", path, names[i]->d_name);
		if (got == 0)
			got = salvage_name(v, buf_cstr(&name), tree_len, err);
		free(names[i]);
	}
	free(names);
	buf_release(&name);
	return got;
}

/* What an interrupted salvage left. */
static int remove_salvage(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return type == FTW_F && ends_with(path, SALVAGE_SUFFIX) && unlink(path) < 0 && errno != ENOENT ? -1 : 0;
}

/* Folders whose parts have left; anything else that lies there is not ours to remove. */
static int remove_folder(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return type == FTW_DP && rmdir(path) < 0 && errno != ENOENT ? -1 : 0;
}

static int remove_each(
	const char *tree, int (*remove_one)(const char *, const struct stat *, int, struct FTW *), struct err *err)
{
	if (nftw(tree, remove_one, TREE_FDS, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
		return err_sys(err, "%.120s: cannot remove", tree);
	return 0;
}

/* An earlier salvage's files go before any new one gets such a name: the group is published later than it is made. */
static int salvage_parts(struct salvage *v, const char *tree, struct err *err)
{
	if (remove_each(tree, remove_salvage, err) < 0 || salvage_tree(v, tree, strlen(tree), err) < 0)
		return -1;
	if (publish(v, err) < 0 || settle(v, err) < 0)
		return -1;
	return remove_each(tree, remove_folder, err);
}

static int salvage_run(struct salvage *v, const char *run, struct err *err)
{
	uint64_t before = v->result->objects;
	int lock = spool_lock(run, false, err), got;
	struct buf path = BUF_INIT;

	if (lock == -3)
		rmdir(run);
	if (lock < 0)
		return lock == -1 ? -1 : 0;
	buf_addf(&path, "%s/tree", run);
	v->run_len = strlen(run);
	got = salvage_parts(v, buf_cstr(&path), err);
	if (got == 0) {
		buf_reset(&path);
		buf_addf(&path, "%s/lock", run);
		got = durable_unlink(buf_cstr(&path), err);
		rmdir(run);
	}
	v->result->runs += v->result->objects > before;
	buf_release(&path);
	close(lock);
	return got;
}

/* A repeatable run is finished by its own repetition, not here. */
static void note_unfinished(struct spool *spool, const char *run, const char *id, struct spool_salvage *result)
{
	struct err ignored = ERR_INIT;
	int lock = spool_lock(run, false, &ignored);

	if (lock < 0)
		return;
	close(lock);
	free(spool->unfinished);
	spool->unfinished = mem_dup(id, strlen(id));
	result->unfinished = spool->unfinished;
}

/* Each folder beside that of this run, by name, until one answers other than 0: that answer. */
static int each_run(const struct spool *spool,
	int (*visit)(void *ctx, const char *run, const char *id, struct err *err), void *ctx, struct err *err)
{
	struct dirent **names;
	struct buf run = BUF_INIT;
	int n = scandir(spool->base.p, &names, is_name, alphasort), got = 0;

	if (n < 0)
		return err_sys(err, "%.120s: cannot read the directory", spool->base.p);
	for (int i = 0; i < n; i++) {
		const char *id = names[i]->d_name;

		buf_reset(&run);
		buf_addf(&run, "%s/%s", spool->base.p, id);
		if (got == 0 && strcmp(id, spool->run_id) != 0)
			got = visit(ctx, buf_cstr(&run), id, err);
		free(names[i]);
	}
	free(names);
	buf_release(&run);
	return got;
}

static int salvage_or_note(void *ctx, const char *run, const char *id, struct err *err)
{
	struct salvage *v = ctx;

	if (spool_is_random_id(id))
		return salvage_run(v, run, err);
	note_unfinished(v->spool, run, id, v->result);
	return 0;
}

int spool_salvage(struct spool *spool, spool_lines_fn *lines, const struct spool_hooks *hooks,
	struct spool_salvage *result, struct err *err)
{
	struct salvage v = {.spool = spool, .lines = lines, .hooks = hooks, .result = result};

	*result = (struct spool_salvage){0};
	return each_run(spool, salvage_or_note, &v, err);
}

static int remove_run(void *ctx, const char *run, const char *id, struct err *err)
{
	struct buf path = BUF_INIT;
	int lock = spool_lock(run, false, err), got;

	(void)ctx;
	(void)id;
	if (lock == -3)
		rmdir(run);
	if (lock < 0)
		return lock == -1 ? -1 : 0;
	buf_addf(&path, "%s/tree", run);
	got = spool_remove_tree(buf_cstr(&path), err);
	buf_reset(&path);
	buf_addf(&path, "%s/lock", run);
	if (got == 0)
		got = durable_unlink(buf_cstr(&path), err);
	rmdir(run);
	buf_release(&path);
	close(lock);
	return got;
}

int spool_remove_dead(struct spool *spool, struct err *err)
{
	return each_run(spool, remove_run, NULL, err);
}

uint64_t spool_count_dead(const struct spool_opts *opts)
{
	struct dirent **names;
	struct buf dir = BUF_INIT, base = BUF_INIT;
	uint64_t count = 0;
	int n;

	if (opts->dir)
		buf_add_str(&dir, opts->dir);
	else
		buf_addf(&dir, "%s/" SPOOL_DIR, opts->root);
	spool_add_base(&base, buf_cstr(&dir), opts->identity);
	n = scandir(buf_cstr(&base), &names, is_name, alphasort);
	for (int i = 0; i < n; i++) {
		struct err ignored = ERR_INIT;
		size_t len = base.len;
		int lock = -1;

		buf_addf(&base, "/%s", names[i]->d_name);
		if (spool_is_random_id(names[i]->d_name))
			lock = spool_lock(buf_cstr(&base), false, &ignored);
		if (lock >= 0)
			close(lock);
		count += lock >= 0;
		base.len = len;
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	buf_release(&dir);
	buf_release(&base);
	return count;
}
