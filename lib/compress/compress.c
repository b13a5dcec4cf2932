#include "compress/compress.h"

#include <string.h>

#include "compress/kinds.h"

struct magic {
	enum compress_kind kind;
	unsigned char bytes[COMPRESS_MAGIC_BYTES];
	size_t len;
	unsigned char mask; /* of the first byte */
};

/* A skippable frame (0x184D2A50 to 5F) may open a zst stream; a bz2 stream shows its first block's or its end's mark.
 */
static const struct magic magics[] = {
	{COMPRESS_GZ, {0x1f, 0x8b, 0x08}, 3, 0xff},
	{COMPRESS_ZST, {0x28, 0xb5, 0x2f, 0xfd}, 4, 0xff},
	{COMPRESS_ZST, {0x50, 0x2a, 0x4d, 0x18}, 4, 0xf0},
	{COMPRESS_XZ, {0xfd, '7', 'z', 'X', 'Z', 0}, 6, 0xff},
	{COMPRESS_LZ4, {0x04, 0x22, 0x4d, 0x18}, 4, 0xff},
	{COMPRESS_BZ2, {'B', 'Z', 'h', 0, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59}, 10, 0xff},
	{COMPRESS_BZ2, {'B', 'Z', 'h', 0, 0x17, 0x72, 0x45, 0x38, 0x50, 0x90}, 10, 0xff},
};

static const struct {
	const char *name, *suffix;
} kinds[] = {
	[COMPRESS_NONE] = {"plain", ""},
	[COMPRESS_GZ] = {"gzip", ".gz"},
	[COMPRESS_ZST] = {"zstd", ".zst"},
	[COMPRESS_XZ] = {"xz", ".xz"},
	[COMPRESS_LZ4] = {"lz4", ".lz4"},
	[COMPRESS_BZ2] = {"bzip2", ".bz2"},
};

/* How many of the first len bytes agree with the magic, all of them or fewer. */
static size_t agree(const struct magic *m, const unsigned char *p, size_t len)
{
	size_t i;

	for (i = 0; i < len && i < m->len; i++) {
		unsigned char mask = i ? 0xff : m->mask;
		bool is_level = m->kind == COMPRESS_BZ2 && i == 3;

		if (is_level ? p[i] < '1' || p[i] > '9' : (p[i] & mask) != m->bytes[i])
			break;
	}
	return i;
}

int compress_detect(const char *p, size_t len, enum compress_kind *kind)
{
	bool is_open = len == 0;

	*kind = COMPRESS_NONE;
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
		size_t n = agree(&magics[i], (const unsigned char *)p, len);

		if (n == magics[i].len) {
			*kind = magics[i].kind;
			return 1;
		}
		is_open = is_open || n == len;
	}
	return !is_open;
}

enum compress_kind compress_by_suffix(const char *name)
{
	size_t len = strlen(name);

	for (int kind = COMPRESS_GZ; kind <= COMPRESS_BZ2; kind++) {
		size_t n = strlen(kinds[kind].suffix);

		if (len > n && strcmp(name + len - n, kinds[kind].suffix) == 0)
			return (enum compress_kind)kind;
	}
	return COMPRESS_NONE;
}

const char *compress_name(enum compress_kind kind)
{
	return kinds[kind].name;
}

struct decoder *decoder_open(enum compress_kind kind, decoder_feed *feed, void *ctx)
{
	static struct decoder *(*const open[])(void) = {
		[COMPRESS_GZ] = gzip_decoder,
		[COMPRESS_ZST] = zstd_decoder,
		[COMPRESS_XZ] = xz_decoder,
		[COMPRESS_LZ4] = lz4_decoder,
		[COMPRESS_BZ2] = bzip2_decoder,
	};
	struct decoder *d = open[kind]();

	d->kind = kind;
	d->feed = feed;
	d->ctx = ctx;
	return d;
}

void decoder_close(struct decoder *d)
{
	if (d)
		d->ops->close(d);
}

/* Makes p, len non-empty: 1, or 0 at the end, -1, COMPRESS_WAIT. */
static int fill(struct decoder *d, struct err *err)
{
	ssize_t n;

	if (d->len)
		return 1;
	if (d->is_feed_end)
		return 0;
	n = d->feed(d->ctx, &d->p, err);
	d->is_feed_end = n == 0;
	if (n <= 0)
		return (int)n;
	d->len = (size_t)n;
	return 1;
}

static int fail(const struct decoder *d, const char *why, struct err *err)
{
	return err_set(err, ERR_IO, "broken %s data: %s", compress_name(d->kind), why);
}

/* Zeros behind a member pad the stream to a block. */
static void begin_member(struct decoder *d)
{
	while (d->has_member && d->len && *d->p == '\0') {
		d->p++;
		d->len--;
	}
	if (d->len == 0)
		return;
	d->ops->begin(d);
	d->is_inside = true;
	d->has_given = false;
}

static void step(struct decoder *d)
{
	size_t room = d->room;
	enum step result = d->ops->step(d);

	d->has_given = d->has_given || d->room < room;
	if (result == STEP_END) {
		d->is_inside = false;
		d->has_member = true;
	} else if (result == STEP_FAULT && d->has_member && !d->has_given) {
		d->fault = "there is something else behind the last member";
	}
}

ssize_t decoder_read(struct decoder *d, char *out, size_t size_bytes, struct err *err)
{
	d->out = out;
	d->room = size_bytes;
	while (d->room == size_bytes && !d->fault) {
		int more = d->has_output ? 1 : fill(d, err);

		d->has_output = false;
		if (more < 0)
			return more;
		if (more == 0)
			return d->is_inside ? fail(d, "it ends too soon", err) : 0;
		if (!d->is_inside)
			begin_member(d);
		if (d->is_inside)
			step(d);
	}
	d->has_output = d->room == 0;
	if (d->room == size_bytes)
		return fail(d, d->fault, err);
	return (ssize_t)(size_bytes - d->room);
}

struct encoder *encoder_open(enum compress_kind kind, int level, encoder_drain *drain, void *ctx)
{
	static struct encoder *(*const open[])(int) = {
		[COMPRESS_GZ] = gzip_encoder,
		[COMPRESS_ZST] = zstd_encoder,
		[COMPRESS_XZ] = xz_encoder,
		[COMPRESS_LZ4] = lz4_encoder,
		[COMPRESS_BZ2] = bzip2_encoder,
	};
	struct encoder *e = open[kind](level);

	e->drain = drain;
	e->ctx = ctx;
	return e;
}

static int act(struct encoder *e, enum action action, struct err *err)
{
	enum step result;

	do {
		e->made = 0;
		result = e->ops->step(e, action);
		if (result == STEP_FAULT)
			return err_set(err, ERR_IO, "cannot compress: %s", e->fault);
		if (e->made && e->drain(e->ctx, e->out, e->made, err) != 0)
			return -1;
	} while (result == STEP_ON);
	return 0;
}

int encoder_write(struct encoder *e, const char *p, size_t len, struct err *err)
{
	if (len == 0)
		return 0;
	e->is_dirty = true;
	e->p = p;
	e->len = len;
	return act(e, ACTION_ADD, err);
}

int encoder_flush(struct encoder *e, struct err *err)
{
	if (!e->is_dirty)
		return 0;
	e->is_dirty = false;
	return act(e, ACTION_FLUSH, err);
}

int encoder_finish(struct encoder *e, struct err *err)
{
	return act(e, ACTION_FINISH, err);
}

void encoder_close(struct encoder *e)
{
	if (e)
		e->ops->close(e);
}
