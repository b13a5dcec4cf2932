#include "spool/spool_impl.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable/durable.h"
#include "mem/mem.h"

/* One salvage, and the leftover it is at. */
struct salvage {
	struct spool *spool;
	spool_lines_fn *lines;
	spool_told_fn *told;
	void *ctx;
	struct spool_salvage *result;
	struct segment_sum times; /* of the leftover, filled by lines() */
	struct segment segment;   /* its new form */
};

static int see_lines(void *ctx, const char *p, size_t len, struct err *err)
{
	struct salvage *v = ctx;

	return v->lines(v->ctx, p, len, &v->times, err);
}

static int copy_lines(void *ctx, const char *p, size_t len, struct err *err)
{
	struct salvage *v = ctx;

	return segment_add(&v->segment, p, len, 0, err);
}

static int place(struct salvage *v, const char *from, const char *to, enum codec_kind kind, struct segment_sum *sum,
	struct err *err)
{
	if (spool_place(v->spool, from, to, kind, sum, v->told, v->ctx, err) < 0)
		return -1;
	v->result->objects++;
	v->result->records += sum->records;
	return 0;
}

/*
 * A leftover is always written anew, whole as it may be: a failed fsync of the run that died may have left pages that
 * look clean and are not on disk.
 */
static int rebuild(struct salvage *v, const char *part, const char *to, enum codec_kind kind,
	const struct segment_sum *sum, struct err *err)
{
	struct codec_set set;
	struct segment_sum again;
	struct buf path = BUF_INIT;
	bool is_whole;
	int got;

	buf_add(&path, part, strlen(part) - strlen(PART_SUFFIX));
	buf_add_str(&path, SALVAGE_SUFFIX);
	if (durable_unlink(buf_cstr(&path), err) < 0 || codec_set_init(&set, kind, 0, err) < 0) {
		buf_release(&path);
		return -1;
	}
	segment_init(&v->segment, &set);
	got = segment_begin(&v->segment, path.p, err);
	if (got == 0)
		got = segment_read(kind, part, &again, &is_whole, copy_lines, v, err);
	if (got == 0)
		got = segment_finish(&v->segment, err);
	if (got == 0) {
		v->segment.sum.records = sum->records;
		v->segment.sum.has_time = sum->has_time;
		v->segment.sum.min_us = sum->min_us;
		v->segment.sum.max_us = sum->max_us;
		got = place(v, path.p, to, kind, &v->segment.sum, err);
	}
	if (got == 0)
		got = durable_unlink(part, err);
	if (got == 0)
		got = durable_unlink(path.p, err);
	segment_release(&v->segment);
	codec_set_release(&set);
	buf_release(&path);
	return got;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/*
 * Without one whole line there is nothing to save. Where the object has its name already, spool_place() finds that it
 * is the same file or has the same lines, and it is told (again) before the leftover goes.
 */
static int salvage_part(struct salvage *v, const char *part, const char *to, struct err *err)
{
	struct segment_sum sum;
	enum codec_kind kind;
	bool is_whole;

	if (!codec_kind_of(to, &kind))
		return err_set(err, ERR_REFUSED, "%.120s: not a segment that this version knows", part);
	v->times = (struct segment_sum){0};
	if (segment_read(kind, part, &sum, &is_whole, see_lines, v, err) < 0)
		return -1;
	sum.has_time = v->times.has_time;
	sum.min_us = v->times.min_us;
	sum.max_us = v->times.max_us;
	if (sum.records && !exists(to))
		return rebuild(v, part, to, kind, &sum, err);
	if (sum.records && place(v, part, to, kind, &sum, err) < 0)
		return -1;
	return durable_unlink(part, err);
}

static bool ends_with(const char *p, const char *suffix)
{
	size_t len = strlen(p), n = strlen(suffix);

	return len > n && memcmp(p + len - n, suffix, n) == 0;
}

/* One name inside the tree: a folder, a part, or what an interrupted salvage left. tree_len: of the tree's own path. */
static int salvage_tree(struct salvage *v, const char *path, size_t tree_len, struct err *err);

static int salvage_name(struct salvage *v, const char *path, size_t tree_len, struct err *err)
{
	struct stat st;
	int got = 0;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%.120s: cannot read", path);
	if (S_ISDIR(st.st_mode))
		return salvage_tree(v, path, tree_len, err);
	if (ends_with(path, SALVAGE_SUFFIX))
		return durable_unlink(path, err);
	if (ends_with(path, PART_SUFFIX)) {
		struct buf to = BUF_INIT;

		buf_add_str(&to, v->spool->root);
		buf_add(&to, path + tree_len, strlen(path) - tree_len - strlen(PART_SUFFIX));
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
	if (got == 0 && rmdir(path) < 0 && errno != ENOENT)
		got = err_sys(err, "%.120s: cannot remove", path);
	return got;
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
	got = salvage_tree(v, buf_cstr(&path), path.len, err);
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

int spool_salvage(struct spool *spool, spool_lines_fn *lines, spool_told_fn *told, void *ctx,
	struct spool_salvage *result, struct err *err)
{
	struct salvage v = {.spool = spool, .lines = lines, .told = told, .ctx = ctx, .result = result};
	struct dirent **names;
	struct buf run = BUF_INIT;
	int n = scandir(spool->base.p, &names, is_name, alphasort), got = 0;

	*result = (struct spool_salvage){0};
	if (n < 0)
		return err_sys(err, "%.120s: cannot read the directory", spool->base.p);
	for (int i = 0; i < n; i++) {
		const char *id = names[i]->d_name;

		buf_reset(&run);
		buf_addf(&run, "%s/%s", spool->base.p, id);
		if (got == 0 && strcmp(id, spool->run_id) != 0) {
			if (spool_is_random_id(id))
				got = salvage_run(&v, buf_cstr(&run), err);
			else
				note_unfinished(spool, buf_cstr(&run), id, result);
		}
		free(names[i]);
	}
	free(names);
	buf_release(&run);
	return got;
}
