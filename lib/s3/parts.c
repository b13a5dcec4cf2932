/*
 * Storing a long object in parts: begun, its parts sent one after the other, ended under the condition that there is no
 * such object yet. A part may be sent again at any time. Uploads that were begun and not ended would be paid for:
 * a failure aborts its own, and what a killed run left for this key is aborted before a new one begins.
 */
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "digest/digest.h"
#include "mem/mem.h"
#include "s3/s3_impl.h"
#include "xml/xml.h"

enum { PIECE_BYTES = 256 << 10 };

struct part {
	struct buf etag, checksum;
	char sha256[DIGEST_HEX_BYTES + 1];
};

struct upload {
	struct s3_session *s;
	const struct s3_put *put;
	struct s3_patience patience;
	struct buf id;
	uint64_t chunk_bytes;
	struct part *parts;
	size_t n_parts;
	char *piece; /* PIECE_BYTES */
};

static const char *checksum_name(const struct upload *u)
{
	return u->s->s3->opts.checksum == S3_CRC32C ? "CRC32C" : "SHA256";
}

/* ---- uploads that were left ---- */

struct stale {
	struct slice key;
	struct buf at, ids; /* ids: with a NUL behind each */
	struct buf id;
};

static bool see_upload(void *ctx, const char *path, struct slice text)
{
	struct stale *t = ctx;

	if (strcmp(path, "ListMultipartUploadsResult/Upload/Key") == 0) {
		buf_reset(&t->at);
		buf_add_slice(&t->at, text);
	} else if (strcmp(path, "ListMultipartUploadsResult/Upload/UploadId") == 0) {
		buf_reset(&t->id);
		buf_add_slice(&t->id, text);
	} else if (strcmp(path, "ListMultipartUploadsResult/Upload") == 0 && slice_eq(buf_slice(&t->at), t->key)) {
		buf_add_slice(&t->ids, buf_slice(&t->id));
		buf_add_char(&t->ids, '\0');
	}
	return true;
}

static int abort_upload(struct s3_session *s, struct slice key, struct slice id, struct s3_patience *p, struct err *err)
{
	struct sigv4_pair query = {SLICE_LIT("uploadId"), id};
	struct s3_call call = {.method = "DELETE", .key = key, .query = &query, .n_query = 1, .is_repeatable = true};

	return s3_ask(s, &call, p, err) < 0 ? -1 : 0;
}

static int abort_stale(struct s3_session *s, struct slice key, struct s3_patience *patience, struct err *err)
{
	struct sigv4_pair query[] = {{SLICE_LIT("uploads"), SLICE_LIT("")}, {SLICE_LIT("prefix"), key}};
	struct s3_call call = {.method = "GET", .query = query, .n_query = 2, .is_repeatable = true};
	struct stale t = {.key = key};
	int got = s3_ask(s, &call, patience, err);

	if (got == S3_OK)
		xml_walk(buf_slice(&s->answer.body), see_upload, &t);
	for (size_t at = 0; got == S3_OK && at < t.ids.len; at += strlen(t.ids.p + at) + 1)
		got = abort_upload(s, key, slice_str(t.ids.p + at), patience, err);
	buf_release(&t.at);
	buf_release(&t.id);
	buf_release(&t.ids);
	return got < 0 ? -1 : 0;
}

int s3_abort_stale(struct s3_session *s, struct slice key, struct err *err)
{
	struct s3_patience patience = {0};

	return abort_stale(s, key, &patience, err);
}

/* ---- the steps ---- */

/* When it broke off, an upload may have begun of which we do not know the id. */
static int begin(struct upload *u, struct err *err)
{
	struct sigv4_pair headers[S3_HEADERS_MAX], query = {SLICE_LIT("uploads"), SLICE_LIT("")};
	struct s3_call call = {.method = "POST",
		.key = u->put->key,
		.query = &query,
		.n_query = 1,
		.headers = headers,
		.is_fresh = true};
	struct err ignored = ERR_INIT;
	int got;

	call.n_headers = s3_object_headers(u->s, u->put, headers);
	headers[call.n_headers++] =
		(struct sigv4_pair){SLICE_LIT("x-amz-checksum-algorithm"), slice_str(checksum_name(u))};
	do {
		err_reset(&ignored);
		abort_stale(u->s, u->put->key, &u->patience, &ignored);
		got = s3_ask(u->s, &call, &u->patience, err);
	} while (got == S3_UNSURE);
	if (got < 0)
		return -1;
	buf_reset(&u->id);
	if (got != S3_OK || !xml_find(buf_slice(&u->s->answer.body), "InitiateMultipartUploadResult/UploadId", &u->id))
		return s3_fail(u->s, u->put->key, ERR_REFUSED, err, "POST: no upload id in the answer");
	return 0;
}

static uint64_t part_len(const struct upload *u, size_t i)
{
	uint64_t at = i * u->chunk_bytes, left = u->put->len - at;

	return left < u->chunk_bytes ? left : u->chunk_bytes;
}

static int sum_part(struct upload *u, size_t i, struct err *err)
{
	struct part *part = &u->parts[i];
	uint64_t at = i * u->chunk_bytes, end = at + part_len(u, i);
	struct digest *d = digest_open();
	uint8_t sum[DIGEST_BYTES];
	uint32_t crc = 0;

	while (at < end) {
		size_t want = end - at < PIECE_BYTES ? (size_t)(end - at) : PIECE_BYTES;
		ssize_t n = pread(u->put->fd, u->piece, want, (off_t)at);

		if (n <= 0) {
			digest_close(d);
			return err_sys(err, "cannot read the spool");
		}
		digest_add(d, u->piece, (size_t)n);
		if (u->s->s3->opts.checksum == S3_CRC32C)
			crc = digest_crc32c(crc, u->piece, (size_t)n);
		at += (uint64_t)n;
	}
	digest_take_hex(d, part->sha256);
	digest_close(d);
	digest_unhex(part->sha256, sum, sizeof sum);
	crc = __builtin_bswap32(crc);
	buf_reset(&part->checksum);
	if (u->s->s3->opts.checksum == S3_CRC32C)
		buf_add_base64(&part->checksum, &crc, sizeof crc);
	else
		buf_add_base64(&part->checksum, sum, sizeof sum);
	return 0;
}

/* One of s3_ask()'s; the upload may be gone (S3_NOT_FOUND). */
static int send_part(struct upload *u, size_t i, struct err *err)
{
	struct part *part = &u->parts[i];
	struct buf number = BUF_INIT, name = BUF_INIT;
	struct sigv4_pair query[2], header;
	struct s3_call call = {.method = "PUT",
		.key = u->put->key,
		.query = query,
		.n_query = 2,
		.headers = &header,
		.n_headers = 1,
		.fd = u->put->fd,
		.fd_offset = (off_t)(i * u->chunk_bytes),
		.fd_len = part_len(u, i),
		.payload = part->sha256,
		.is_repeatable = true};
	struct s3_patience patience = {0};
	int got;

	if (sum_part(u, i, err) < 0)
		return -1;
	buf_addf(&number, "%zu", i + 1);
	buf_addf(&name, "x-amz-checksum-%s", u->s->s3->opts.checksum == S3_CRC32C ? "crc32c" : "sha256");
	query[0] = (struct sigv4_pair){SLICE_LIT("partNumber"), buf_slice(&number)};
	query[1] = (struct sigv4_pair){SLICE_LIT("uploadId"), buf_slice(&u->id)};
	header = (struct sigv4_pair){buf_slice(&name), buf_slice(&part->checksum)};
	got = s3_ask(u->s, &call, &patience, err);
	buf_reset(&part->etag);
	buf_add_slice(&part->etag, http_header(&u->s->answer, "etag"));
	buf_release(&number);
	buf_release(&name);
	return got;
}

static void list_parts(const struct upload *u, struct buf *out)
{
	buf_add_str(out, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (size_t i = 0; i < u->n_parts; i++) {
		const struct part *part = &u->parts[i];

		buf_addf(out, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
		xml_add_text(out, buf_slice(&part->etag));
		buf_addf(out, "</ETag><Checksum%s>", checksum_name(u));
		buf_add_slice(out, buf_slice(&part->checksum));
		buf_addf(out, "</Checksum%s></Part>", checksum_name(u));
	}
	buf_add_str(out, "</CompleteMultipartUpload>");
}

/* One of s3_ask()'s. */
static int end(struct upload *u, struct err *err)
{
	struct sigv4_pair query = {SLICE_LIT("uploadId"), buf_slice(&u->id)};
	struct sigv4_pair headers[] = {{SLICE_LIT("content-type"), SLICE_LIT("application/xml")},
		{SLICE_LIT("if-none-match"), SLICE_LIT("*")}};
	struct s3_call call = {.method = "POST",
		.key = u->put->key,
		.query = &query,
		.n_query = 1,
		.headers = headers,
		.n_headers = 2};
	struct buf body = BUF_INIT;
	int got;

	list_parts(u, &body);
	call.body = buf_slice(&body);
	got = s3_ask(u->s, &call, &u->patience, err);
	buf_release(&body);
	return got;
}

/*
 * 0 stored, 1 it was there, -1; 2: the upload is gone and nothing is there. An end of which nobody knows is looked up,
 * and asked for again if there is nothing.
 */
static int end_surely(struct upload *u, struct s3_info *info, struct err *err)
{
	bool is_ours = false;

	u->patience = (struct s3_patience){0};
	for (;;) {
		int got = end(u, err), there;

		if (got == S3_OK || got < 0)
			return got;
		is_ours = is_ours || got == S3_UNSURE;
		there = s3_compare(u->s, u->put, &u->patience, info, err);
		if (there < 0)
			return -1;
		if (there == 1)
			return is_ours ? 0 : 1;
		if (got == S3_NOT_FOUND)
			return 2;
	}
}

static int send_all(struct upload *u, struct s3_info *info, struct err *err)
{
	int got = begin(u, err);

	for (size_t i = 0; got == 0 && i < u->n_parts; i++) {
		got = send_part(u, i, err);
		if (got == S3_NOT_FOUND)
			return 2;
		if (got > 0)
			return s3_fail(u->s, u->put->key, ERR_REFUSED, err, "PUT of a part: %d", u->s->answer.status);
	}
	return got < 0 ? -1 : end_surely(u, info, err);
}

static void prepare(struct upload *u)
{
	uint64_t least = (u->put->len + S3_PARTS_MAX - 1) / S3_PARTS_MAX;

	u->chunk_bytes = u->s->s3->opts.chunk_bytes > least ? u->s->s3->opts.chunk_bytes : least;
	u->n_parts = (size_t)((u->put->len + u->chunk_bytes - 1) / u->chunk_bytes);
	u->parts = mem_alloc(u->n_parts, sizeof *u->parts);
	u->piece = mem_alloc(1, PIECE_BYTES);
}

int s3_put_parts(struct s3_session *s, const struct s3_put *put, struct s3_info *info, struct err *err)
{
	struct upload u = {.s = s, .put = put};
	struct s3_patience outer = {0}, once = {.first_us = INT64_MIN / 2};
	struct err ignored = ERR_INIT, gone = ERR_INIT;
	int got;

	prepare(&u);
	s3_fail(s, put->key, ERR_UNREACHABLE, &gone, "the upload in parts was ended by somebody else");
	/* Somebody else may have aborted it (a rule of the bucket): it begins anew. */
	while ((got = send_all(&u, info, err)) == 2) {
		if (s3_wait(s, &outer, 0, &gone, err) < 0) {
			got = -1;
			break;
		}
		u.patience = (struct s3_patience){0};
	}
	if (got != 0 && u.id.len)
		abort_upload(s, put->key, buf_slice(&u.id), &once, &ignored);
	for (size_t i = 0; i < u.n_parts; i++) {
		buf_release(&u.parts[i].etag);
		buf_release(&u.parts[i].checksum);
	}
	free(u.parts);
	free(u.piece);
	buf_release(&u.id);
	return got;
}
