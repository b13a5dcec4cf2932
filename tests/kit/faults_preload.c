/*
 * Fault injection: loaded with LD_PRELOAD, it lets the Nth call of one kind fail, once.
 *
 *     TLM_FAULT=write:3          the third write fails, with the usual errno of the kind
 *     TLM_FAULT=write:3:ENOSPC   with another one (EIO ENOSPC ENOMEM EACCES EMFILE EINTR)
 *     TLM_FAULT_MARK=FILE        created when a fault was given: without it the run had fewer calls than N
 *
 * Kinds: malloc (malloc calloc realloc reallocarray), read, write, open (files of their own, mkostemp too), close
 * (which closes, and then fails), fsync (fdatasync too), rename, mkdir. Short (kind "short"): the Nth write takes half.
 * A forked child goes on counting where its parent was.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { MALLOC, READ, WRITE, OPEN, CLOSE, FSYNC, RENAME, MKDIR, SHORT, KINDS };

static const struct {
	const char *name;
	int error;
} kinds[KINDS] = {
	[MALLOC] = {"malloc", ENOMEM},
	[READ] = {"read", EIO},
	[WRITE] = {"write", ENOSPC},
	[OPEN] = {"open", EACCES},
	[CLOSE] = {"close", EIO},
	[FSYNC] = {"fsync", EIO},
	[RENAME] = {"rename", EIO},
	[MKDIR] = {"mkdir", ENOSPC},
	[SHORT] = {"short", 0},
};

static enum kind wanted = KINDS; /* none */
static long nth;
static int error;
static const char *mark;
static atomic_long count;

static int errno_of(const char *name, int usual)
{
	static const struct {
		const char *name;
		int value;
	} names[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"ENOMEM", ENOMEM}, {"EACCES", EACCES}, {"EMFILE", EMFILE},
		{"EINTR", EINTR}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].value;
	return usual;
}

/* Before main: what the loader and libc allocate is not counted. */
__attribute__((constructor)) static void init(void)
{
	const char *text = getenv("TLM_FAULT"), *colon = text ? strchr(text, ':') : NULL, *second;

	if (!colon)
		return;
	mark = getenv("TLM_FAULT_MARK");
	nth = atol(colon + 1);
	second = strchr(colon + 1, ':');
	for (enum kind k = 0; k < KINDS; k++)
		if (strlen(kinds[k].name) == (size_t)(colon - text) &&
			strncmp(kinds[k].name, text, strlen(kinds[k].name)) == 0) {
			error = second ? errno_of(second + 1, kinds[k].error) : kinds[k].error;
			wanted = k;
		}
}

/* Whether this call is the one. */
static bool is_due(enum kind kind)
{
	long fd;

	if (kind != wanted || atomic_fetch_add(&count, 1) + 1 != nth)
		return false;
	if (mark) {
		fd = syscall(SYS_openat, AT_FDCWD, mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd >= 0)
			syscall(SYS_close, (int)fd);
	}
	errno = error;
	return true;
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* ---- memory: glibc's own names, so that dlsym() may allocate ---- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	return is_due(MALLOC) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return is_due(MALLOC) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return is_due(MALLOC) ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return is_due(MALLOC) ? NULL : __libc_realloc(old, bytes);
}

/* ---- reading and writing ---- */

ssize_t read(int fd, void *p, size_t n)
{
	return is_due(READ) ? -1 : syscall(SYS_read, fd, p, n);
}

/* What a fortified program calls. */
ssize_t __read_chk(int fd, void *p, size_t n, size_t room);
ssize_t __read_chk(int fd, void *p, size_t n, size_t room)
{
	if (n > room)
		abort();
	return read(fd, p, n);
}

ssize_t write(int fd, const void *p, size_t n)
{
	/* stderr is where the tool tells it: left alone. */
	if (fd != STDERR_FILENO && is_due(WRITE))
		return -1;
	if (fd != STDERR_FILENO && n > 1 && is_due(SHORT))
		n /= 2;
	return syscall(SYS_write, fd, p, n);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	if (fd != STDERR_FILENO && is_due(WRITE))
		return -1;
	return syscall(SYS_writev, fd, v, n);
}

int fsync(int fd)
{
	return is_due(FSYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return is_due(FSYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int close(int fd)
{
	bool due = fd != STDERR_FILENO && is_due(CLOSE);
	int ret = (int)syscall(SYS_close, fd);

	if (due)
		errno = error;
	return due ? -1 : ret;
}

/* ---- names ---- */

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	return is_due(OPEN) ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define TAKE_MODE(flags, mode)                                                                                         \
	do {                                                                                                           \
		va_list ap;                                                                                            \
		va_start(ap, flags);                                                                                   \
		mode = (flags) & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;                                       \
		va_end(ap);                                                                                            \
	} while (0)

int open(const char *path, int flags, ...)
{
	mode_t mode;

	TAKE_MODE(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	mode_t mode;

	TAKE_MODE(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode;

	TAKE_MODE(flags, mode);
	return open_at(dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode;

	TAKE_MODE(flags, mode);
	return open_at(dir, path, flags, mode);
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir, const char *path, int flags);
int __openat_2(int dir, const char *path, int flags)
{
	return open_at(dir, path, flags, 0);
}

int mkostemp(char *template, int flags)
{
	return is_due(OPEN) ? -1 : REAL(mkostemp)(template, flags);
}

int mkstemp(char *template)
{
	return is_due(OPEN) ? -1 : REAL(mkstemp)(template);
}

int rename(const char *from, const char *to)
{
	return is_due(RENAME) ? -1 : REAL(rename)(from, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return is_due(RENAME) ? -1 : REAL(renameat)(from_dir, from, to_dir, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return is_due(RENAME) ? -1 : REAL(renameat2)(from_dir, from, to_dir, to, flags);
}

int link(const char *from, const char *to)
{
	return is_due(RENAME) ? -1 : REAL(link)(from, to);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return is_due(RENAME) ? -1 : REAL(linkat)(from_dir, from, to_dir, to, flags);
}

int mkdir(const char *path, mode_t mode)
{
	return is_due(MKDIR) ? -1 : REAL(mkdir)(path, mode);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	return is_due(MKDIR) ? -1 : REAL(mkdirat)(dir, path, mode);
}
