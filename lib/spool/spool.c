#include "spool/spool_impl.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "durable/durable.h"
#include "mem/mem.h"

enum { LOCK_TRIES = 20, LOCK_WAIT_US = 10000, TREE_FDS = 16, RANDOM_ID_BYTES = 25 };

size_t spool_dir_len(const char *path, size_t len)
{
	const char *slash = memrchr(path, '/', len);

	return slash ? (size_t)(slash - path) : 0;
}

/* ---- run ids ---- */

static void make_run_id(char *out, size_t size_bytes)
{
	time_t now = time(NULL);
	uint32_t chance = 0;
	struct tm tm;
	size_t len;

	if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
		chance = (uint32_t)getpid();
	gmtime_r(&now, &tm);
	len = strftime(out, size_bytes, "%Y%m%dT%H%M%SZ", &tm);
	snprintf(out + len, size_bytes - len, "-%08x", chance);
}

bool spool_is_random_id(const char *run_id)
{
	static const char form[] = "00000000T000000Z-xxxxxxxx";

	if (strlen(run_id) != RANDOM_ID_BYTES)
		return false;
	for (size_t i = 0; form[i]; i++) {
		unsigned char c = (unsigned char)run_id[i];
		bool fits = form[i] == '0' ? isdigit(c) : form[i] == 'x' ? isxdigit(c) : c == (unsigned char)form[i];

		if (!fits)
			return false;
	}
	return true;
}

int spool_check_run_id(const char *id, struct err *err)
{
	size_t len = strlen(id);

	if (len == 0 || len > SPOOL_RUN_ID_MAX_BYTES)
		return err_set(err, ERR_USAGE, "--run-id: must have 1 to %d characters", SPOOL_RUN_ID_MAX_BYTES);
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)id[i]) && !strchr("._-", id[i]))
			return err_set(err, ERR_USAGE, "--run-id: only letters, digits, '.', '_' and '-'");
	}
	if (strchr("._-", id[0]))
		return err_set(err, ERR_USAGE, "--run-id: cannot begin with '%c'", id[0]);
	if (spool_is_random_id(id))
		return err_set(err, ERR_USAGE, "--run-id: this form is kept for runs without a name");
	return 0;
}

/* ---- lock ---- */

/* A lock counts only if its file still has its name: a salvager may have removed it meanwhile. */
static bool has_name(int fd, const char *path)
{
	struct stat by_fd, by_path;

	return fstat(fd, &by_fd) == 0 && stat(path, &by_path) == 0 && by_fd.st_dev == by_path.st_dev &&
	       by_fd.st_ino == by_path.st_ino;
}

static int try_lock(const char *run, const char *path, bool is_new, struct err *err)
{
	int fd;

	if (is_new && durable_make_dirs(run, err) < 0)
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC | (is_new ? O_CREAT : 0), 0666);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return -3;
	if (fd < 0)
		return err_sys(err, "%.120s: cannot open", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		if (has_name(fd, path))
			return fd;
		close(fd);
		return -3;
	}
	if (errno == EWOULDBLOCK) {
		close(fd);
		return -2;
	}
	err_sys(err, "%.120s: cannot lock", path);
	close(fd);
	return -1;
}

/* A new run may meet a salvager that looks at its folder while it is still empty: it tries again. */
int spool_lock(const char *run, bool is_new, struct err *err)
{
	struct buf path = BUF_INIT;
	int got = -1;

	buf_addf(&path, "%s/lock", run);
	for (int i = 0; i < (is_new ? LOCK_TRIES : 1); i++) {
		if (i)
			usleep(LOCK_WAIT_US);
		got = try_lock(run, buf_cstr(&path), is_new, err);
		if (got >= -1)
			break;
	}
	buf_release(&path);
	return got;
}

/* ---- the folder ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int spool_remove_tree(const char *tree, struct err *err)
{
	if (nftw(tree, remove_one, TREE_FDS, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
		return err_sys(err, "%.120s: cannot remove", tree);
	return 0;
}

/* The length of the longest part of the path that is a directory already. */
static size_t existing_len(const char *path)
{
	char *copy = mem_dup(path, strlen(path));
	size_t len = strlen(path);
	struct stat st;

	while (len && stat(copy, &st) < 0) {
		len = spool_dir_len(copy, len);
		copy[len] = '\0';
	}
	free(copy);
	return len;
}

/*
 * The own name of a directory must last as well. If it is there, an earlier run that died may have made it just now:
 * its parent is synced where that may be done; if it is not, all that get a new name are. Those above may be closed to
 * us.
 */
static int make_lasting(const char *root, struct err *err)
{
	struct stat st;
	bool is_there = stat(*root ? root : "/", &st) == 0;
	size_t old_len = existing_len(root);
	struct buf parent = BUF_INIT;
	struct err ignored = ERR_INIT;
	int got = 0;

	if (is_there && !S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, "%.120s: is not a directory", root);
	if (!is_there && durable_make_dirs(root, err) < 0)
		return -1;
	buf_add(&parent, root, spool_dir_len(root, strlen(root)));
	buf_cstr(&parent);
	if (is_there)
		durable_sync_dir(parent.p, &ignored);
	else
		got = durable_sync_chain(parent.p, old_len, err);
	buf_release(&parent);
	return got;
}

static int make_given(const char *given, struct err *err)
{
	char *here = given[0] == '/' ? NULL : getcwd(NULL, 0);
	struct buf path = BUF_INIT;
	int got;

	if (given[0] != '/' && !here)
		return err_sys(err, "cannot tell the working directory");
	buf_addf(&path, "%s%s%s", here ? here : "", here ? "/" : "", given);
	got = make_lasting(buf_cstr(&path), err);
	buf_release(&path);
	free(here);
	return got;
}

/* A spool of its own place stays when the run ends; the one inside the root goes. */
static int make_dir(struct spool *spool, const char *given, struct err *err)
{
	struct buf dir = BUF_INIT;
	struct stat a, b;

	spool->keep_len = strlen(spool->root);
	if (!given) {
		buf_addf(&dir, "%s/" SPOOL_DIR, spool->root);
		spool->dir = mem_dup(dir.p, dir.len);
		buf_release(&dir);
		return 0;
	}
	if (make_given(given, err) < 0)
		return -1;
	spool->dir = realpath(given, NULL);
	if (!spool->dir || stat(spool->dir, &a) < 0 ||
		(!spool->store && stat(*spool->root ? spool->root : "/", &b) < 0))
		return err_sys(err, "%.120s: cannot use the directory", given);
	spool->keep_len = strlen(spool->dir);
	if (!spool->store && a.st_dev != b.st_dev)
		return err_set(err, ERR_USAGE, "--spool %.100s: must be on the file system of the lake", given);
	return 0;
}

void spool_add_base(struct buf *out, const char *dir, const char *identity)
{
	struct digest *d = digest_open();
	char hex[DIGEST_HEX_BYTES + 1];

	digest_add(d, identity, strlen(identity));
	digest_take_hex(d, hex);
	digest_close(d);
	buf_addf(out, "%s/%.*s", dir, RUN_HASH_BYTES, hex);
}

static void name_folders(struct spool *spool, const char *identity)
{
	spool_add_base(&spool->base, spool->dir, identity);
	buf_addf(&spool->run, "%s/%s", buf_cstr(&spool->base), spool->run_id);
	buf_addf(&spool->tree, "%s/tree", buf_cstr(&spool->run));
	buf_cstr(&spool->tree);
}

static int take_run(struct spool *spool, struct err *err)
{
	int got = spool_lock(spool->run.p, true, err);

	if (got == -2)
		return err_set(err, ERR_IO, "the run %s is in use by another process", spool->run_id);
	if (got == -3)
		return err_set(err, ERR_IO, "%.120s: cannot make the run's folder", spool->run.p);
	spool->lock_fd = got;
	return got < 0 ? -1 : 0;
}

struct spool *spool_open(const struct spool_opts *opts, struct err *err)
{
	struct spool *spool;
	char id[RANDOM_ID_BYTES + 1];

	if (opts->run_id && spool_check_run_id(opts->run_id, err) < 0) {
		store_close(opts->store);
		return NULL;
	}
	if (!opts->run_id)
		make_run_id(id, sizeof id);
	spool = mem_alloc(1, sizeof *spool);
	spool->lock_fd = -1;
	spool->group_max = opts->group_max ? opts->group_max : SPOOL_GROUP_MAX;
	assert(spool->group_max <= SPOOL_GROUP_MAX);
	spool->root = mem_dup(opts->root, strlen(opts->root));
	spool->is_named = opts->run_id != NULL;
	spool->run_id = opts->run_id ? mem_dup(opts->run_id, strlen(opts->run_id)) : mem_dup(id, strlen(id));
	spool->store = opts->store;
	spool->max_waiting_bytes = opts->max_waiting_bytes;
	if ((!opts->store && make_lasting(spool->root, err) < 0) || make_dir(spool, opts->dir, err) < 0)
		goto fail;
	name_folders(spool, opts->identity);
	if (take_run(spool, err) < 0 || spool_remove_tree(spool->tree.p, err) < 0)
		goto fail;
	if (opts->is_remade && spool_remove_dead(spool, err) < 0)
		goto fail;
	return spool;
fail:
	spool_close(spool);
	return NULL;
}

/* The lock's file goes before the lock is let go: who opened it meanwhile finds that it has no name. */
void spool_close(struct spool *spool)
{
	struct err ignored = ERR_INIT;

	if (!spool)
		return;
	spool_sync_wait(spool, &ignored);
	jobs_close(spool->syncer);
	store_close(spool->store);
	spool_drop_jobs(spool);
	if (spool->lock_fd >= 0) {
		struct stat st;

		if (stat(spool->tree.p, &st) < 0 && errno == ENOENT) {
			struct buf path = BUF_INIT;

			buf_addf(&path, "%s/lock", spool->run.p);
			unlink(buf_cstr(&path));
			buf_release(&path);
			durable_remove_empty(spool->run.p, spool->keep_len);
		}
		close(spool->lock_fd);
	}
	spool_drop_group(spool);
	for (size_t i = 0; i < spool->n_later; i++)
		spool_release_item(&spool->later[i]);
	free(spool->later);
	durable_dirs_release(&spool->dirs);
	buf_release(&spool->base);
	buf_release(&spool->run);
	buf_release(&spool->tree);
	free(spool->unfinished);
	free(spool->run_id);
	free(spool->root);
	free(spool->dir);
	free(spool);
}

const char *spool_run_id(const struct spool *spool)
{
	return spool->run_id;
}

bool spool_is_named(const struct spool *spool)
{
	return spool->is_named;
}

void spool_leave_store(struct spool *spool)
{
	assert(!spool->first);
	spool->store = NULL;
}

int spool_discard(struct spool *spool, struct err *err)
{
	return spool_remove_tree(spool->tree.p, err);
}
