#include <fcntl.h>
#include <unistd.h>

#include "segment/segment.h"

/* Raw bytes come in any pieces; lines leave whole. `rest` is the line that has not ended yet. */
struct reading {
	struct segment_sum *sum;
	struct digest *stored, *raw;
	segment_lines_fn *lines;
	void *ctx;
	struct buf rest;
};

static int take_lines(struct reading *r, const char *p, size_t len, struct err *err)
{
	const char *end = p + len;

	digest_add(r->raw, p, len);
	r->sum->raw_bytes += len;
	for (const char *at = p; (at = memchr(at, '\n', (size_t)(end - at))); at++)
		r->sum->records++;
	return r->lines ? r->lines(r->ctx, p, len, err) : 0;
}

static int take_raw(void *ctx, const void *p, size_t len, struct err *err)
{
	struct reading *r = ctx;
	const char *from = p, *last = memrchr(p, '\n', len);
	size_t whole = last ? (size_t)(last + 1 - from) : 0;

	if (whole && r->rest.len) {
		size_t head = (size_t)((const char *)memchr(from, '\n', len) + 1 - from);

		buf_add(&r->rest, from, head);
		if (take_lines(r, r->rest.p, r->rest.len, err) < 0)
			return -1;
		buf_reset(&r->rest);
		from += head;
		whole -= head;
		len -= head;
	}
	if (whole && take_lines(r, from, whole, err) < 0)
		return -1;
	buf_add(&r->rest, from + whole, len - whole);
	return 0;
}

static int take_stored(void *ctx, const void *p, size_t len, struct err *err)
{
	struct reading *r = ctx;

	(void)err;
	digest_add(r->stored, p, len);
	r->sum->bytes += len;
	return 0;
}

int segment_read(enum codec_kind kind, const char *path, struct segment_sum *sum, bool *is_whole,
	segment_lines_fn *lines, void *ctx, struct err *err)
{
	struct reading r = {.sum = sum, .lines = lines, .ctx = ctx};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int got;

	*sum = (struct segment_sum){0};
	if (fd < 0)
		return err_sys(err, "%.120s: cannot open", path);
	r.stored = digest_open();
	r.raw = digest_open();
	got = codec_read_back(kind, fd, path, take_raw, take_stored, &r, is_whole, err);
	*is_whole = *is_whole && r.rest.len == 0;
	digest_take_hex(r.stored, sum->sha256);
	digest_take_hex(r.raw, sum->raw_sha256);
	digest_close(r.stored);
	digest_close(r.raw);
	buf_release(&r.rest);
	close(fd);
	return got;
}
