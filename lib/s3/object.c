/* Looking at objects, and removing one. */
#include <assert.h>
#include <stdlib.h>

#include "s3/s3_impl.h"
#include "xml/xml.h"

static int not_there(const struct s3_session *s, struct slice key, struct err *err)
{
	return s3_fail(
		s, key, ERR_REFUSED, err, "%d %.*s", s->answer.status, (int)s->code.len, s->code.len ? s->code.p : "");
}

/* ---- one object ---- */

int s3_head_patiently(
	struct s3_session *s, struct slice key, struct s3_patience *patience, struct s3_info *info, struct err *err)
{
	struct s3_call call = {.method = "HEAD", .key = key, .is_repeatable = true};
	int got = s3_ask(s, &call, patience, err);
	struct slice len;

	if (got < 0)
		return -1;
	if (got != S3_OK)
		return 0;
	buf_reset(&info->answer.headers);
	buf_add_slice(&info->answer.headers, buf_slice(&s->answer.headers));
	info->answer.status = s->answer.status;
	len = http_header(&info->answer, "content-length");
	info->len = len.len ? strtoull(len.p, NULL, 10) : 0;
	return 1;
}

int s3_head(struct s3_session *s, struct slice key, struct s3_info *info, struct err *err)
{
	struct s3_patience patience = {0};

	return s3_head_patiently(s, key, &patience, info, err);
}

/* What was taken cannot be given back: once there was some, a failure is final. */
struct taking {
	int (*take)(void *ctx, const void *p, size_t len, struct err *err);
	void *ctx;
	bool has_begun;
};

static int take(void *ctx, const void *p, size_t len, struct err *err)
{
	struct taking *t = ctx;

	t->has_begun = true;
	return t->take(t->ctx, p, len, err);
}

int s3_get(struct s3_session *s, struct slice key,
	int (*take_bytes)(void *ctx, const void *p, size_t len, struct err *err), void *ctx, struct err *err)
{
	struct taking t = {take_bytes, ctx, false};
	struct s3_call call = {.method = "GET", .key = key, .take = take, .ctx = &t};
	struct s3_patience patience = {0};
	int got;

	do
		got = s3_ask(s, &call, &patience, err);
	while (got == S3_UNSURE && !t.has_begun);
	if (got == S3_UNSURE)
		return s3_fail(s, key, ERR_UNREACHABLE, err, "GET: it broke off");
	return got < 0 ? -1 : got == S3_OK;
}

int s3_delete(struct s3_session *s, struct slice key, struct err *err)
{
	struct s3_call call = {.method = "DELETE", .key = key, .is_repeatable = true};
	struct s3_patience patience = {0};

	return s3_ask(s, &call, &patience, err) < 0 ? -1 : 0;
}

/* ---- many ---- */

struct listing {
	struct s3_session *s;
	s3_found_fn *found;
	void *ctx;
	struct err *err;
	struct buf key, decoded, token;
	uint64_t len;
	bool is_encoded, is_truncated, has_failed;
};

/* "a%20b" and "a+b" of encoding-type=url */
static struct slice decode(struct buf *out, struct slice text)
{
	buf_reset(out);
	for (size_t i = 0; i < text.len; i++) {
		char hex[3] = {0}, *end;
		long value;

		if (text.p[i] == '%' && i + 2 < text.len) {
			memcpy(hex, text.p + i + 1, 2);
			value = strtol(hex, &end, 16);
			if (end == hex + 2) {
				buf_add_char(out, (char)value);
				i += 2;
				continue;
			}
		}
		buf_add_char(out, text.p[i] == '+' ? ' ' : text.p[i]);
	}
	return buf_slice(out);
}

static bool see(void *ctx, const char *path, struct slice text)
{
	struct listing *l = ctx;

	if (strcmp(path, "ListBucketResult/Contents/Key") == 0) {
		buf_reset(&l->key);
		buf_add_slice(&l->key, text);
	} else if (strcmp(path, "ListBucketResult/Contents/Size") == 0) {
		char number[24] = {0};

		memcpy(number, text.p, text.len < sizeof number ? text.len : 0);
		l->len = strtoull(number, NULL, 10);
	} else if (strcmp(path, "ListBucketResult/Contents") == 0) {
		struct slice key = l->is_encoded ? decode(&l->decoded, buf_slice(&l->key)) : buf_slice(&l->key);

		l->has_failed = l->found(l->ctx, key, l->len, l->err) < 0;
	} else if (strcmp(path, "ListBucketResult/IsTruncated") == 0) {
		l->is_truncated = slice_eq(text, SLICE_LIT("true"));
	} else if (strcmp(path, "ListBucketResult/NextContinuationToken") == 0) {
		buf_reset(&l->token);
		buf_add_slice(&l->token, text);
	}
	return !l->has_failed;
}

/* Where the encoding is told it stands behind the keys in some servers. */
static bool is_url_encoded(struct slice body)
{
	struct buf kind = BUF_INIT;
	bool is =
		xml_find(body, "ListBucketResult/EncodingType", &kind) && slice_eq(buf_slice(&kind), SLICE_LIT("url"));

	buf_release(&kind);
	return is;
}

/* One page. The answer is copied: found() may use the session. */
static int list_page(struct listing *l, struct slice prefix, bool is_first, struct err *err)
{
	struct sigv4_pair query[] = {{SLICE_LIT("list-type"), SLICE_LIT("2")}, {SLICE_LIT("prefix"), prefix},
		{SLICE_LIT("encoding-type"), SLICE_LIT("url")},
		{SLICE_LIT("continuation-token"), buf_slice(&l->token)}};
	struct s3_call call = {.method = "GET", .query = query, .n_query = is_first ? 3 : 4, .is_repeatable = true};
	struct s3_patience patience = {0};
	struct buf body;
	bool is_whole;
	int got = s3_ask(l->s, &call, &patience, err);

	if (got < 0)
		return -1;
	if (got != S3_OK)
		return not_there(l->s, prefix, err);
	body = l->s->answer.body;
	buf_init(&l->s->answer.body);
	l->is_truncated = false;
	l->is_encoded = is_url_encoded(buf_slice(&body));
	is_whole = xml_walk(buf_slice(&body), see, l);
	buf_release(&body);
	if (l->has_failed)
		return -1;
	return is_whole ? 0 : s3_fail(l->s, prefix, ERR_REFUSED, err, "GET: the list is not XML");
}

int s3_list(struct s3_session *s, struct slice prefix, s3_found_fn *found, void *ctx, struct err *err)
{
	struct listing l = {.s = s, .found = found, .ctx = ctx, .err = err};
	int got;

	for (bool is_first = true;; is_first = false) {
		got = list_page(&l, prefix, is_first, err);
		if (got < 0 || !l.is_truncated)
			break;
		if (l.token.len == 0) {
			got = s3_fail(s, prefix, ERR_REFUSED, err, "GET: the list breaks off");
			break;
		}
	}
	buf_release(&l.key);
	buf_release(&l.decoded);
	buf_release(&l.token);
	return got;
}
