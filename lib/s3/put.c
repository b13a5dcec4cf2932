/* Storing an object that must not be there yet. */
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "digest/digest.h"
#include "s3/s3_impl.h"

enum { PIECE_BYTES = 256 << 10 };

size_t s3_object_headers(
	const struct s3_session *s, const struct s3_put *put, struct sigv4_pair headers[S3_HEADERS_MAX])
{
	const struct s3_opts *o = &s->s3->opts;
	size_t n = 0;

	assert(o->n_extra + put->n_meta + 6 <= S3_HEADERS_MAX);
	headers[n++] = (struct sigv4_pair){SLICE_LIT("content-type"), slice_str(put->content_type)};
	for (size_t i = 0; i < o->n_extra; i++)
		headers[n++] = o->extra[i];
	for (size_t i = 0; i < put->n_meta; i++)
		headers[n++] = put->meta[i];
	return n;
}

/* ---- what is there already ---- */

int s3_compare(struct s3_session *s, const struct s3_put *put, struct s3_patience *patience, struct s3_info *info,
	struct err *err)
{
	const struct sigv4_pair *proof = &put->meta[put->proof];
	struct buf name = BUF_INIT;
	struct slice there;
	int got = s3_head_patiently(s, put->key, patience, info, err);

	if (got <= 0)
		return got;
	buf_add_slice(&name, proof->name);
	there = http_header(&info->answer, buf_cstr(&name));
	buf_release(&name);
	if (there.len == 0)
		return s3_fail(s, put->key, ERR_REFUSED, err, "exists, and was not stored by this program");
	if (!slice_eq(there, proof->value))
		return s3_fail(s, put->key, ERR_REFUSED, err, "exists with other records");
	return 1;
}

/* ---- one request ---- */

static int add_crc(const struct s3_put *put, struct buf *out, struct err *err)
{
	char *piece = malloc(PIECE_BYTES);
	uint32_t crc = 0;
	uint64_t at = 0;
	ssize_t n = 1;

	while (piece && at < put->len && (n = pread(put->fd, piece, PIECE_BYTES, (off_t)at)) > 0) {
		crc = digest_crc32c(crc, piece, (size_t)n);
		at += (uint64_t)n;
	}
	free(piece);
	if (at < put->len)
		return err_sys(err, "cannot read the spool");
	crc = __builtin_bswap32(crc);
	buf_add_base64(out, &crc, sizeof crc);
	return 0;
}

static int add_checksum(const struct s3_session *s, const struct s3_put *put, struct buf *out, struct err *err)
{
	uint8_t sum[DIGEST_BYTES];

	if (s->s3->opts.checksum == S3_CRC32C)
		return add_crc(put, out, err);
	if (!digest_unhex(put->sha256, sum, sizeof sum))
		assert(false && "a hash has 64 digits");
	buf_add_base64(out, sum, sizeof sum);
	return 0;
}

/* When nobody knows whether it was stored, it is looked up; what is there with the same proof is what we sent. */
static int put_whole(struct s3_session *s, const struct s3_put *put, struct s3_info *info, struct err *err)
{
	struct sigv4_pair headers[S3_HEADERS_MAX];
	struct s3_call call = {.method = "PUT",
		.key = put->key,
		.headers = headers,
		.fd = put->fd,
		.fd_len = put->len,
		.payload = put->sha256};
	struct s3_patience patience = {0};
	struct buf checksum = BUF_INIT;
	bool is_ours = false;
	int got, there = 0;

	if (add_checksum(s, put, &checksum, err) < 0)
		return -1;
	call.n_headers = s3_object_headers(s, put, headers);
	headers[call.n_headers++] =
		(struct sigv4_pair){s->s3->opts.checksum == S3_CRC32C ? SLICE_LIT("x-amz-checksum-crc32c")
								      : SLICE_LIT("x-amz-checksum-sha256"),
			buf_slice(&checksum)};
	headers[call.n_headers++] = (struct sigv4_pair){SLICE_LIT("if-none-match"), SLICE_LIT("*")};
	do {
		got = s3_ask(s, &call, &patience, err);
		if (got == S3_NOT_FOUND)
			got = s3_fail(s, put->key, ERR_REFUSED, err, "PUT: 404");
		if (got == S3_EXISTS || got == S3_UNSURE)
			there = s3_compare(s, put, &patience, info, err);
		is_ours = is_ours || got == S3_UNSURE;
	} while ((got == S3_EXISTS || got == S3_UNSURE) && there == 0);
	buf_release(&checksum);
	if (got < 0 || there < 0)
		return -1;
	return there == 1 && !is_ours;
}

int s3_put(struct s3_session *s, const struct s3_put *put, struct s3_info *info, struct err *err)
{
	if (put->len > s->s3->opts.threshold_bytes)
		return s3_put_parts(s, put, info, err);
	return put_whole(s, put, info, err);
}
