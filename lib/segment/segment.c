#include "segment/segment_impl.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "durable/durable.h"
#include "mem/mem.h"

void segment_init(struct segment *s, struct codec_set *set, struct segment_lanes *lanes)
{
	*s = (struct segment){.fd = -1};
	s->codec = codec_open(set);
	s->stored_digest = digest_open();
	s->raw_digest = digest_open();
	s->lanes = lanes;
	buf_reserve(&s->raw, SEGMENT_BUFFER_BYTES);
}

void segment_release(struct segment *s)
{
	segment_abandon(s);
	codec_close(s->codec);
	digest_close(s->stored_digest);
	digest_close(s->raw_digest);
	buf_release(&s->raw);
	buf_release(&s->path);
	*s = (struct segment){.fd = -1};
}

int segment_begin(struct segment *s, const char *path, struct err *err)
{
	assert(!s->is_open);
	s->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (s->fd < 0)
		return err_sys(err, "%.120s: cannot create", path);
	buf_reset(&s->path);
	buf_add_str(&s->path, path);
	buf_cstr(&s->path);
	buf_reset(&s->raw);
	digest_reset(s->stored_digest);
	digest_reset(s->raw_digest);
	codec_reset(s->codec);
	s->sum = (struct segment_sum){0};
	s->lane = s->lanes ? segment_lanes_next(s->lanes) : NULL;
	s->lane_end = 0;
	err_reset(&s->late);
	s->is_open = true;
	s->is_dirty = s->is_unsynced = s->is_name_synced = false;
	return 0;
}

static int store(void *ctx, const void *p, size_t len, struct err *err)
{
	struct segment *s = ctx;

	digest_add(s->stored_digest, p, len);
	s->sum.bytes += len;
	return durable_write(s->fd, p, len, s->path.p, err);
}

int segment_encode(struct segment *s, char *out, const char *p, size_t len, enum codec_op op, struct err *err)
{
	s->codec->out = out ? out : s->codec->set->out;
	return s->codec->ops->put(s->codec, p, len, op, store, s, err);
}

/* A lane takes pieces that are added; what must be done now is done here once it has done them. */
static int drain(struct segment *s, enum codec_op op, struct err *err)
{
	int got = 0;

	digest_add(s->raw_digest, s->raw.p, s->raw.len);
	if (s->lane && op == CODEC_ADD && segment_lane_give(s->lane, s, &got, err))
		return got;
	if (s->lane)
		got = segment_lane_settle(s->lane, s, err);
	if (got == 0)
		got = segment_encode(s, NULL, s->raw.p, s->raw.len, op, err);
	buf_reset(&s->raw);
	return got;
}

/* A lane reads while the caller's bytes may be gone. */
static int add_pieces(struct segment *s, const char *p, size_t len, struct err *err)
{
	while (len) {
		size_t n = len < SEGMENT_BUFFER_BYTES ? len : SEGMENT_BUFFER_BYTES;

		buf_add(&s->raw, p, n);
		if (drain(s, CODEC_ADD, err) < 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

/* What stays in the buffer is the same with and without a lane: what comes with the end may change bytes of zstd. */
int segment_add_slow(struct segment *s, const char *p, size_t len, struct err *err)
{
	if (s->raw.len && drain(s, CODEC_ADD, err) < 0)
		return -1;
	if (len > SEGMENT_BUFFER_BYTES && s->lane)
		return add_pieces(s, p, len, err);
	if (len > SEGMENT_BUFFER_BYTES) {
		digest_add(s->raw_digest, p, len);
		return segment_encode(s, NULL, p, len, CODEC_ADD, err);
	}
	memcpy(s->raw.p, p, len);
	s->raw.len = len;
	return 0;
}

/* Many segments are written back side by side; the sync waits and finds errors. Where it cannot begin early, it does
 * not. */
static void begin_write_back(struct segment *s)
{
	sync_file_range(s->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

int segment_flush(struct segment *s, struct err *err)
{
	if (!s->is_dirty)
		return 0;
	if (drain(s, CODEC_FLUSH, err) < 0)
		return -1;
	begin_write_back(s);
	s->is_dirty = false;
	s->is_unsynced = true;
	return 0;
}

int segment_sync(struct segment *s, struct err *err)
{
	if (segment_flush(s, err) < 0)
		return -1;
	if (s->is_unsynced && durable_sync(s->fd, s->path.p, err) < 0)
		return -1;
	s->is_unsynced = false;
	return 0;
}

int segment_end(struct segment *s, int *fd, struct err *err)
{
	if (drain(s, CODEC_FINISH, err) < 0) {
		segment_abandon(s);
		return -1;
	}
	begin_write_back(s);
	*fd = s->fd;
	s->fd = -1;
	s->is_open = s->is_dirty = s->is_unsynced = false;
	digest_take_hex(s->stored_digest, s->sum.sha256);
	digest_take_hex(s->raw_digest, s->sum.raw_sha256);
	return 0;
}

void segment_abandon(struct segment *s)
{
	struct err ignored = ERR_INIT;

	if (s->lane)
		segment_lane_settle(s->lane, s, &ignored);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->is_open = s->is_dirty = s->is_unsynced = false;
}
