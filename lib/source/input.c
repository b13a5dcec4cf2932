#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/mem.h"
#include "source/files.h"
#include "stop/stop.h"

enum { PIPE_BYTES = 1 << 20, STORED_BYTES = 256 << 10 };

void input_init(struct input *in)
{
	*in = (struct input){.fd = -1};
}

/* Not blocking: a fifo that nobody writes to yet is waited for like a pipe that has nothing. */
int input_open(struct input *in, const char *name, struct err *err)
{
	uint64_t read_bytes = in->read_bytes;
	struct stat st;

	input_init(in);
	in->read_bytes = read_bytes;
	in->named = compress_by_suffix(name);
	in->fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (in->fd < 0)
		return err_sys(err, "cannot open");
	if (fstat(in->fd, &st) != 0) {
		err_sys(err, "cannot open");
		input_close(in);
		return -1;
	}
	if (S_ISDIR(st.st_mode)) {
		input_close(in);
		return err_set(err, ERR_IO, "is a directory");
	}
	in->is_regular = S_ISREG(st.st_mode);
	if (in->is_regular)
		posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	else if (S_ISFIFO(st.st_mode))
		fcntl(in->fd, F_SETPIPE_SZ, PIPE_BYTES);
	return 0;
}

/* Whether a read would not block. */
static bool is_ready(const struct input *in)
{
	struct pollfd p = {in->fd, POLLIN, 0};

	return in->is_regular || poll(&p, 1, 0) > 0;
}

void input_wait(const struct input *in, int timeout_ms)
{
	struct pollfd p[2] = {{in->fd, POLLIN, 0}, {stop_fd(), POLLIN, 0}};

	poll(p, 2, timeout_ms);
}

/* Stored bytes of the file. */
static ssize_t read_stored(struct input *in, char *p, size_t size_bytes, struct err *err)
{
	ssize_t n;

	if (!is_ready(in))
		return INPUT_WAIT;
	do
		n = read(in->fd, p, size_bytes);
	while (n < 0 && errno == EINTR && !stop_signal());
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return INPUT_WAIT;
	if (n < 0)
		return err_sys(err, "cannot read");
	in->read_bytes += (uint64_t)n;
	return n;
}

/* The decoder's stored bytes. */
static ssize_t feed(void *ctx, const char **p, struct err *err)
{
	struct input *in = ctx;

	if (in->head_used < in->head_len) {
		*p = in->head;
		in->head_used = in->head_len;
		return (ssize_t)in->head_len;
	}
	*p = in->stored;
	return read_stored(in, in->stored, STORED_BYTES, err);
}

/* Decides by the first bytes what the input is: 1, or 0 while more of them are needed. */
static int look(struct input *in)
{
	enum compress_kind kind;

	if (!compress_detect(in->head, in->head_len, &kind) && !in->is_end)
		return 0;
	in->is_started = true;
	if (kind == COMPRESS_NONE) {
		/* reads that begin at a page are faster */
		if (in->is_regular && lseek(in->fd, -(off_t)in->head_len, SEEK_CUR) >= 0) {
			in->read_bytes -= in->head_len;
			in->head_len = 0;
			in->is_end = false;
		}
		return 1;
	}
	in->decoder = decoder_open(kind, feed, in);
	in->stored = mem_resize(NULL, STORED_BYTES, 1);
	return 1;
}

/* Reads no more than is needed to know the kind. */
static int start(struct input *in, struct err *err)
{
	int rc;

	while ((rc = look(in)) == 0) {
		ssize_t n = read_stored(in, in->head + in->head_len, sizeof in->head - in->head_len, err);

		if (n < 0)
			return (int)n;
		in->head_len += (size_t)n;
		in->is_end = n == 0;
		/* no stream is empty: such a file is what a full disk or a failed copy left */
		if (in->is_end && in->head_len == 0 && in->named != COMPRESS_NONE)
			return err_set(err, ERR_IO, "broken %s data: the file is empty", compress_name(in->named));
	}
	return rc;
}

static ssize_t read_plain(struct input *in, char *p, size_t size_bytes, struct err *err)
{
	size_t n = in->head_len - in->head_used;

	if (n > size_bytes)
		n = size_bytes;
	if (n) {
		memcpy(p, in->head + in->head_used, n);
		in->head_used += n;
		return (ssize_t)n;
	}
	return in->is_end ? 0 : read_stored(in, p, size_bytes, err);
}

ssize_t input_read(struct input *in, char *p, size_t size_bytes, struct err *err)
{
	int rc = in->is_started ? 1 : start(in, err);

	if (rc != 1)
		return rc;
	if (in->decoder)
		return decoder_read(in->decoder, p, size_bytes, err);
	return read_plain(in, p, size_bytes, err);
}

void input_close(struct input *in)
{
	decoder_close(in->decoder);
	free(in->stored);
	if (in->fd > STDIN_FILENO)
		close(in->fd);
	in->decoder = NULL;
	in->stored = NULL;
	in->fd = -1;
}
