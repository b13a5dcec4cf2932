#include "spool/spool_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

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
		char *folder = mem_dup(path.p, spool_dir_len(path.p));

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

int spool_sync(struct spool *spool, struct segment *s, struct err *err)
{
	char *folder;
	int got;

	if (segment_sync(s, err) < 0)
		return -1;
	if (s->is_name_synced)
		return 0;
	folder = mem_dup(s->path.p, spool_dir_len(s->path.p));
	got = durable_sync_chain(folder, spool->keep_len, err);
	free(folder);
	s->is_name_synced = got == 0;
	return got;
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

static int link_object(const char *from, const char *to, const char *dir, struct err *err)
{
	struct err first = ERR_INIT;
	int got = durable_publish(from, to, &first);

	if (got < 0 && first.sys == ENOENT) {
		if (durable_make_dirs(dir, err) < 0)
			return -1;
		return durable_publish(from, to, err);
	}
	if (got < 0)
		*err = first;
	return got;
}

static uint64_t hash_text(const char *p)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *p; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
	return h ? h : 1;
}

/* A directory is synced with all above it once in a process, after that it alone. */
static int sync_names(struct spool *spool, const char *dir, struct err *err)
{
	uint64_t hash = hash_text(dir);
	uint64_t *known = &spool->known[hash % KNOWN_DIRS];

	if (*known == hash)
		return durable_sync_dir(dir, err);
	if (durable_sync_chain(dir, strlen(spool->root), err) < 0)
		return -1;
	*known = hash;
	return 0;
}

int spool_place(struct spool *spool, const char *from, const char *to, enum codec_kind kind, struct segment_sum *sum,
	spool_told_fn *told, void *ctx, struct err *err)
{
	char *dir = mem_dup(to, spool_dir_len(to));
	int got = link_object(from, to, dir, err);
	bool is_old = got == 1 && !is_same_file(from, to);

	if (is_old)
		got = compare_old(to, kind, sum, err);
	if (got >= 0)
		got = sync_names(spool, dir, err);
	if (got >= 0)
		got = told(ctx, &(struct spool_object){to, sum, is_old}, err);
	free(dir);
	return got;
}

int spool_publish(struct spool *spool, struct segment *s, spool_told_fn *told, void *ctx, struct err *err)
{
	const char *below = s->path.p + spool->tree.len;
	struct buf to = BUF_INIT;
	enum codec_kind kind = CODEC_NONE;
	int got;

	buf_add_str(&to, spool->root);
	buf_add(&to, below, strlen(below) - strlen(PART_SUFFIX));
	codec_kind_of(buf_cstr(&to), &kind);
	got = spool_place(spool, s->path.p, to.p, kind, &s->sum, told, ctx, err);
	if (got == 0)
		got = durable_unlink(s->path.p, err);
	if (got == 0) {
		char *folder = mem_dup(s->path.p, spool_dir_len(s->path.p));

		durable_remove_empty(folder, spool->run.len);
		free(folder);
	}
	buf_release(&to);
	return got;
}
