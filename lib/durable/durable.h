/*
 * durable: the few steps that bring files safely onto a disk: write all, make directories, give a file its final name.
 *
 * The order is that of Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014: the bytes of a file are
 * synced before its name appears, and a name is there only when its directory was synced, as were the directories
 * above it. Every error is ERR_IO with the path and the text of errno. One thread, but for durable_sync_all().
 */
#ifndef TLM_DURABLE_H
#define TLM_DURABLE_H

#include <stddef.h>

#include "err/err.h"

/* Writes all bytes; short writes and interrupts are gone on with. path is for the message. 0 or -1. */
int durable_write(int fd, const void *p, size_t len, const char *path, struct err *err);

/* fsync of a file by its descriptor. path is for the message. 0 or -1. */
int durable_sync(int fd, const char *path, struct err *err);

/* fsync of a directory by its path. 0 or -1. */
int durable_sync_dir(const char *path, struct err *err);

/* Makes the directory and those above it that are missing (mode 0777 less umask). Nothing is synced. 0 or -1. */
int durable_make_dirs(const char *path, struct err *err);

/* Syncs the directory `path` and each one above it up to and including the first base_len bytes of it. 0 or -1. */
int durable_sync_chain(const char *path, size_t base_len, struct err *err);

/* A file or a directory that is to be synced, and what came of it. */
struct durable_job {
	int fd; /* of a file; -1: the directory `path` */
	const char *path;
	int got; /* 0, or -1 with err */
	struct err err;
};

/* Syncs all, many at one time: threads of its own that end before it does. */
void durable_sync_all(struct durable_job *jobs, size_t n);

/* Directories that are to be synced together, each once. */
struct durable_dirs {
	char **paths;
	size_t n, size;
};

#define DURABLE_DIRS_INIT                                                                                              \
	{                                                                                                              \
		NULL, 0, 0                                                                                             \
	}

/* Adds the first len bytes of the path; those that are there already cost nothing at the sync. */
void durable_dirs_add(struct durable_dirs *dirs, const char *path, size_t len);

/* Syncs each and forgets them all. 0, or -1 at the first that cannot be synced. */
int durable_dirs_sync(struct durable_dirs *dirs, struct err *err);
void durable_dirs_release(struct durable_dirs *dirs);

/*
 * Gives the file `from` the name `to` as well, never over an existing one: by link(), or, where the file system has no
 * links, by a rename that does not replace (then `from` is gone). 0; 1 when `to` exists; -1.
 */
int durable_publish(const char *from, const char *to, struct err *err);

/* Removes the file; that it is gone already is fine. 0 or -1. */
int durable_unlink(const char *path, struct err *err);

/* Removes the directory `path` and those above it while they are empty, down to but without its first base_len bytes.
 */
void durable_remove_empty(const char *path, size_t base_len);

#endif
