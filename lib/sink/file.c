/*
 * Plain batches go out by write(2) as they are; small ones are collected up to one buffer, until flush(). A file is
 * written beside its name, synced and renamed, so the name never shows half of a run.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compress/compress.h"
#include "mem/mem.h"
#include "sink/sink.h"
#include "stop/stop.h"

enum { OUT_BYTES = 64 << 10, PIPE_BYTES = 1 << 20, MODE_NEW = 0666, BLOCKED_MS = 1000 };

struct file_sink {
	struct sink base;
	const char *name; /* for messages; "stdout" */
	char *path;       /* where the file shall be, NULL when written in place */
	char *beside;     /* its temporary name until then */
	int fd;           /* -1 when closed */
	bool is_stdout;   /* under that name or another */
	bool is_appended; /* a regular file under its own name */
	bool has_failed;
	bool is_widened; /* where it is a pipe */
	struct buf out;  /* collected bytes */
	struct encoder *encoder;
	uint64_t bytes_out;
};

static int fail(struct file_sink *f, struct err *err)
{
	f->has_failed = true;
	if (f->is_stdout && errno == EPIPE)
		err_set(err, ERR_PIPE, "the reader of stdout went away");
	else
		err_sys(err, "cannot write");
	return err_at(err, f->name, 0, 0);
}

/*
 * How much can be written now without a wait: where somebody wants to know of waits, the descriptor is waited for here.
 * A pipe that polls writable takes PIPE_BUF bytes at once, and may block on one more.
 */
static size_t await_room(struct file_sink *f, size_t len)
{
	struct pollfd out = {f->fd, POLLOUT, 0};

	if (!f->base.on_blocked || f->is_appended)
		return len;
	while (poll(&out, 1, BLOCKED_MS) == 0)
		f->base.on_blocked(f->base.blocked_ctx);
	return len < PIPE_BUF ? len : PIPE_BUF;
}

/* Writes all of it; a non-blocking descriptor is waited for. */
static int write_all(struct file_sink *f, const char *p, size_t len, struct err *err)
{
	while (len) {
		ssize_t n = write(f->fd, p, await_room(f, len));

		if (n < 0 && errno == EAGAIN) {
			struct pollfd out = {f->fd, POLLOUT, 0};

			poll(&out, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(f, err);
		p += n;
		len -= (size_t)n;
		f->bytes_out += (uint64_t)n;
	}
	return 0;
}

static int write_out(struct file_sink *f, struct err *err)
{
	int rc = write_all(f, f->out.p, f->out.len, err);

	buf_reset(&f->out);
	return rc;
}

/* A pipe of the usual size holds a quarter of a batch: with more room, writer and reader wait for each other less. What
 * is no pipe stays as it is. */
static void widen(struct file_sink *f)
{
	if (!f->is_widened && !f->base.on_blocked)
		fcntl(f->fd, F_SETPIPE_SZ, PIPE_BYTES);
	f->is_widened = true;
}

/* Stored bytes: large ones leave at once, small ones are collected. */
static int put(void *ctx, const char *p, size_t len, struct err *err)
{
	struct file_sink *f = ctx;

	if (f->out.len + len <= OUT_BYTES) {
		buf_add(&f->out, p, len);
		return 0;
	}
	if (write_out(f, err) != 0)
		return -1;
	if (len >= OUT_BYTES) {
		widen(f);
		return write_all(f, p, len, err);
	}
	buf_add(&f->out, p, len);
	return 0;
}

static int write_batch(struct sink *k, const struct batch *b, struct err *err)
{
	struct file_sink *f = (struct file_sink *)k;

	if (!f->encoder)
		return put(f, b->p, b->len, err);
	if (encoder_write(f->encoder, b->p, b->len, err) == 0)
		return 0;
	return err_at(err, f->name, 0, 0);
}

static int flush(struct sink *k, struct err *err)
{
	struct file_sink *f = (struct file_sink *)k;

	if (f->encoder && encoder_flush(f->encoder, err) != 0)
		return err_at(err, f->name, 0, 0);
	return write_out(f, err);
}

/* What was written to a file that is appended to comes onto the disk. */
static int sync_appended(struct sink *k, struct err *err)
{
	struct file_sink *f = (struct file_sink *)k;

	if (f->has_failed)
		return -1;
	if (flush(k, err) != 0)
		return -1;
	if (f->is_appended && fdatasync(f->fd) != 0 && errno != EINVAL)
		return fail(f, err);
	return 0;
}

static void unlink_beside(struct file_sink *f)
{
	if (!f->beside)
		return;
	unlink(f->beside);
	stop_cleanup_remove(f->beside);
	free(f->beside);
	f->beside = NULL;
}

static int sync_folder(const char *path)
{
	char *folder = mem_dup(path, strlen(path));
	char *slash = strrchr(folder, '/');
	int fd, rc;

	if (slash)
		slash[slash == folder] = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	/* a file system without it says EINVAL */
	rc = rc != 0 && errno == EINVAL ? 0 : rc;
	close(fd);
	return rc;
}

static int rename_beside(struct file_sink *f, struct err *err)
{
	if (fsync(f->fd) != 0 || close(f->fd) != 0) {
		f->fd = -1;
		return fail(f, err);
	}
	f->fd = -1;
	if (rename(f->beside, f->path) != 0)
		return fail(f, err);
	stop_cleanup_remove(f->beside);
	free(f->beside);
	f->beside = NULL;
	return sync_folder(f->path) == 0 ? 0 : fail(f, err);
}

static int finish(struct sink *k, bool is_good, struct err *err)
{
	struct file_sink *f = (struct file_sink *)k;
	int rc = 0;

	if (f->beside && !is_good) {
		unlink_beside(f);
		return 0;
	}
	if (f->has_failed)
		return -1;
	if (f->encoder && encoder_finish(f->encoder, err) != 0)
		rc = err_at(err, f->name, 0, 0);
	if (rc == 0)
		rc = write_out(f, err);
	if (rc == 0 && f->beside)
		rc = rename_beside(f, err);
	if (rc == 0 && f->is_appended)
		rc = sync_appended(k, err);
	return rc;
}

static void close_sink(struct sink *k)
{
	struct file_sink *f = (struct file_sink *)k;

	unlink_beside(f);
	if (f->fd > STDERR_FILENO)
		close(f->fd);
	encoder_close(f->encoder);
	buf_release(&f->out);
	free(f->path);
	free(f);
}

static uint64_t bytes_out(const struct sink *k)
{
	return ((const struct file_sink *)k)->bytes_out;
}

/* The descriptor that a name such as /dev/stdout or /dev/fd/3 stands for, or -1. */
static int named_fd(const char *name)
{
	static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};

	if (strcmp(name, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(name, "/dev/stderr") == 0)
		return STDERR_FILENO;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		size_t len = strlen(folders[i]), n_digits;

		if (strncmp(name, folders[i], len) != 0)
			continue;
		n_digits = strspn(name + len, "0123456789");
		if (n_digits >= 1 && n_digits <= 6 && name[len + n_digits] == '\0')
			return atoi(name + len);
	}
	return -1;
}

/* Not opened anew: what others wrote to the file behind it stays, and its offset is shared. */
static int open_named_fd(struct file_sink *f, int fd, struct err *err)
{
	f->is_stdout = fd == STDOUT_FILENO;
	f->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return f->fd < 0 ? err_sys(err, "cannot open") : 0;
}

/* A fifo, a device: written as it is. */
static int open_in_place(struct file_sink *f, struct err *err)
{
	do
		f->fd = open(f->name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	while (f->fd < 0 && errno == EINTR && !stop_signal());
	return f->fd < 0 ? err_sys(err, "cannot open") : 0;
}

static mode_t new_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return MODE_NEW & ~mask;
}

static int open_beside(struct file_sink *f, mode_t mode, struct err *err)
{
	struct buf name = BUF_INIT;

	buf_addf(&name, "%s.tlm-XXXXXX", f->path);
	f->beside = mem_dup(buf_cstr(&name), name.len);
	buf_release(&name);
	f->fd = mkostemp(f->beside, O_CLOEXEC);
	if (f->fd < 0) {
		free(f->beside);
		f->beside = NULL;
		return err_sys(err, "cannot create");
	}
	stop_cleanup_add(f->beside);
	if (fchmod(f->fd, mode) != 0)
		return err_sys(err, "cannot set the mode");
	return 0;
}

/* Cuts what stands behind the last line end: half a line of a run that was killed. */
static int cut_last_line(struct file_sink *f, struct err *err)
{
	char piece[4096];
	off_t end = lseek(f->fd, 0, SEEK_END), at = end;

	while (at > 0) {
		size_t want = at < (off_t)sizeof piece ? (size_t)at : sizeof piece;
		ssize_t n = pread(f->fd, piece, want, at - (off_t)want);
		const char *lf;

		if (n != (ssize_t)want)
			return n < 0 ? err_sys(err, "cannot read")
				     : err_set(err, ERR_IO, "is changed by somebody else");
		at -= (off_t)want;
		lf = memrchr(piece, '\n', want);
		if (lf) {
			at += lf + 1 - piece;
			break;
		}
	}
	if (end < 0 || (at != end && ftruncate(f->fd, at) != 0) || lseek(f->fd, 0, SEEK_END) < 0)
		return err_sys(err, "cannot cut the last line");
	return 0;
}

static int open_appended(struct file_sink *f, struct err *err)
{
	f->fd = open(f->name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, MODE_NEW);
	if (f->fd < 0)
		return err_sys(err, "cannot open");
	f->is_appended = true;
	return cut_last_line(f, err) != 0 || (sync_folder(f->name) != 0 && err_sys(err, "cannot sync its folder")) ? -1
														   : 0;
}

/* A link is followed, so that it stays a link to the new file. */
static int open_file(struct file_sink *f, bool is_appended, struct err *err)
{
	int fd = named_fd(f->name);
	struct stat st;

	if (fd >= 0)
		return open_named_fd(f, fd, err);
	if (stat(f->name, &st) != 0) {
		if (errno != ENOENT || lstat(f->name, &st) == 0)
			return err_sys(err, "cannot open");
		if (is_appended)
			return open_appended(f, err);
		f->path = mem_dup(f->name, strlen(f->name));
		return open_beside(f, new_mode(), err);
	}
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, "is a directory");
	if (!S_ISREG(st.st_mode))
		return open_in_place(f, err);
	if (is_appended)
		return open_appended(f, err);
	f->path = realpath(f->name, NULL);
	if (!f->path || access(f->path, W_OK) != 0)
		return err_sys(err, "cannot open");
	return open_beside(f, st.st_mode & 07777, err);
}

static struct sink *open_sink(const char *name, enum compress_kind kind, bool is_appended, struct err *err)
{
	static const struct sink_ops ops = {
		write_batch, flush, NULL, NULL, finish, close_sink, bytes_out, sync_appended};
	struct file_sink *f = mem_alloc(1, sizeof *f);

	f->base.ops = &ops;
	f->is_stdout = strcmp(name, "-") == 0;
	f->name = f->is_stdout ? "stdout" : name;
	f->fd = f->is_stdout ? STDOUT_FILENO : -1;
	if (!f->is_stdout && open_file(f, is_appended, err) != 0)
		goto fail;
	if (f->is_appended && kind != COMPRESS_NONE) {
		err_set(err, ERR_USAGE, "a run without an end appends to its file, which cannot be compressed then");
		goto fail;
	}
	if (kind != COMPRESS_NONE)
		f->encoder = encoder_open(kind, 0, put, f);
	return &f->base;
fail:
	err_at(err, name, 0, 0);
	close_sink(&f->base);
	return NULL;
}

struct sink *sink_file(const char *name, struct err *err)
{
	return open_sink(name, compress_by_suffix(name), false, err);
}

struct sink *sink_file_append(const char *name, struct err *err)
{
	return open_sink(name, compress_by_suffix(name), true, err);
}

struct sink *sink_file_as(const char *name, enum compress_kind kind, struct err *err)
{
	return open_sink(name, kind, false, err);
}
