#include "durable/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int durable_write(int fd, const void *p, size_t len, const char *path, struct err *err)
{
	const char *from = p;

	while (len) {
		ssize_t n = write(fd, from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "%.120s: cannot write", path);
		from += n;
		len -= (size_t)n;
	}
	return 0;
}

int durable_sync(int fd, const char *path, struct err *err)
{
	if (fsync(fd) < 0)
		return err_sys(err, "%.120s: cannot sync", path);
	return 0;
}

/* A file system that cannot sync a directory says EINVAL: there the name is as safe as it can be. */
int durable_sync_dir(const char *path, struct err *err)
{
	int fd = open(*path ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int got = 0;

	if (fd < 0)
		return err_sys(err, "%.120s: cannot open the directory", path);
	if (fsync(fd) < 0 && errno != EINVAL)
		got = err_sys(err, "%.120s: cannot sync the directory", path);
	close(fd);
	return got;
}

/* From the deepest directory upwards until one exists, then down again: one call where all are there. */
int durable_make_dirs(const char *path, struct err *err)
{
	char copy[PATH_MAX];
	size_t len = strlen(path), at = len;

	if (len >= sizeof copy)
		return err_set(err, ERR_IO, "%.120s: the name is too long", path);
	memcpy(copy, path, len + 1);
	while (mkdir(copy, 0777) < 0) {
		if (errno == EEXIST)
			break;
		if (errno != ENOENT)
			return err_sys(err, "%.120s: cannot make the directory", copy);
		do {
			if (at == 0)
				return err_sys(err, "%.120s: cannot make the directory", path);
			at--;
		} while (copy[at] != '/');
		copy[at] = '\0';
	}
	for (; at < len; at += strlen(copy + at)) {
		copy[at] = '/';
		if (mkdir(copy, 0777) < 0 && errno != EEXIST)
			return err_sys(err, "%.120s: cannot make the directory", copy);
	}
	return 0;
}

int durable_sync_chain(const char *path, size_t base_len, struct err *err)
{
	char copy[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof copy)
		return err_set(err, ERR_IO, "%.120s: the name is too long", path);
	memcpy(copy, path, len + 1);
	while (len >= base_len) {
		if (durable_sync_dir(copy, err) < 0)
			return -1;
		while (len > 0 && copy[len - 1] != '/')
			len--;
		if (len == 0)
			break;
		copy[--len] = '\0';
	}
	return 0;
}

int durable_publish(const char *from, const char *to, struct err *err)
{
	if (link(from, to) == 0)
		return 0;
	if (errno == EEXIST)
		return 1;
	if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK) {
		if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno == EEXIST)
			return 1;
	}
	return err_sys(err, "%.120s: cannot give the object its name", to);
}

int durable_unlink(const char *path, struct err *err)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, "%.120s: cannot remove", path);
	return 0;
}

void durable_remove_empty(const char *path, size_t base_len)
{
	char copy[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof copy)
		return;
	memcpy(copy, path, len + 1);
	while (len > base_len && rmdir(copy) == 0) {
		while (len > 0 && copy[len - 1] != '/')
			len--;
		if (len == 0)
			break;
		copy[--len] = '\0';
	}
}
