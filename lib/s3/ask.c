/* One request: built, signed, sent, judged, and asked again where that may help. */
#include <stdlib.h>
#include <time.h>

#include "digest/digest.h"
#include "s3/s3_impl.h"
#include "xml/xml.h"

enum {
	WAIT_FIRST_US = 100000,
	WAIT_MAX_US = 20000000,
	RETRY_AFTER_MAX_S = 300,
	SKEW_MIN_US = 60000000,
	CORRUPTIONS_MAX = 3,
	TOLD_AFTER = 4, /* failures */
	REGION_MAX_BYTES = 40
};

static int64_t clock_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- building ---- */

static void copy_region(struct s3_session *s)
{
	pthread_mutex_lock(&s->s3->lock);
	buf_reset(&s->region);
	buf_add_str(&s->region, s->s3->region);
	pthread_mutex_unlock(&s->s3->lock);
	buf_cstr(&s->region);
}

/* The host, with the bucket before it or in the path. */
static void name_host(struct s3_session *s, struct slice key)
{
	const struct s3 *s3 = s->s3;
	struct buf own = BUF_INIT;

	copy_region(s);
	buf_reset(&s->host);
	if (!s3->is_path_style)
		buf_addf(&s->host, "%s.", s3->opts.bucket);
	if (s3->host)
		buf_add_str(&s->host, s3->host);
	else
		awsconf_add_endpoint(&own, "s3", s->region.p);
	if (own.len)
		buf_add_str(&s->host, strstr(buf_cstr(&own), "://") + 3);
	buf_release(&own);
	buf_reset(&s->path);
	if (s3->is_path_style)
		buf_addf(&s->path, "/%s", s3->opts.bucket);
	if (!s3->is_path_style || key.len)
		buf_add_char(&s->path, '/');
	buf_add_slice(&s->path, key);
}

static void name_url(struct s3_session *s, const struct s3_call *call)
{
	buf_reset(&s->url);
	buf_addf(&s->url, "%s://", s->s3->scheme ? s->s3->scheme : "https");
	buf_add_slice(&s->url, buf_slice(&s->host));
	sigv4_add_path(&s->url, buf_slice(&s->path));
	if (call->n_query)
		buf_add_char(&s->url, '?');
	sigv4_add_query(&s->url, call->query, call->n_query);
	buf_cstr(&s->url);
}

static void print_date(struct s3_session *s, char date[SIGV4_DATE_BYTES + 1])
{
	struct tm tm;
	time_t now;

	pthread_mutex_lock(&s->s3->lock);
	s->skew_us = s->s3->skew_us;
	pthread_mutex_unlock(&s->s3->lock);
	now = (time_t)((clock_us(CLOCK_REALTIME) + s->skew_us) / 1000000);
	gmtime_r(&now, &tm);
	strftime(date, SIGV4_DATE_BYTES + 1, "%Y%m%dT%H%M%SZ", &tm);
}

struct built {
	struct sigv4_pair pairs[S3_HEADERS_MAX + 4];
	size_t n;
	char date[SIGV4_DATE_BYTES + 1], payload[DIGEST_HEX_BYTES + 1];
	const char *lines[S3_HEADERS_MAX + 5];
};

static void sign(struct s3_session *s, const struct s3_call *call, struct built *b)
{
	struct sigv4_request r = {.method = slice_str(call->method),
		.path = buf_slice(&s->path),
		.query = call->query,
		.n_query = call->n_query,
		.headers = b->pairs,
		.n_headers = b->n,
		.payload = slice_str(b->payload),
		.date = slice_str(b->date),
		.region = buf_slice(&s->region),
		.service = SLICE_LIT("s3")};

	buf_reset(&s->authorization);
	sigv4_sign(&r, &(struct sigv4_key){buf_slice(&s->key.id), buf_slice(&s->key.secret)}, &s->authorization, NULL);
}

/* One text of lines with a NUL behind each, found again once it has stopped growing. */
static void write_lines(struct s3_session *s, struct built *b)
{
	size_t at = 0;

	buf_reset(&s->lines);
	for (size_t i = 0; i < b->n; i++) {
		buf_add_slice(&s->lines, b->pairs[i].name);
		buf_add_str(&s->lines, ": ");
		buf_add_slice(&s->lines, b->pairs[i].value);
		buf_add_char(&s->lines, '\0');
	}
	buf_add_str(&s->lines, "Authorization: ");
	buf_add_slice(&s->lines, buf_slice(&s->authorization));
	buf_add_char(&s->lines, '\0');
	for (size_t i = 0; i <= b->n; i++) {
		b->lines[i] = s->lines.p + at;
		at += strlen(s->lines.p + at) + 1;
	}
}

static void build(struct s3_session *s, const struct s3_call *call, struct built *b)
{
	uint8_t sum[DIGEST_BYTES];

	name_host(s, call->key);
	name_url(s, call);
	print_date(s, b->date);
	if (call->payload) {
		memcpy(b->payload, call->payload, DIGEST_HEX_BYTES + 1);
	} else {
		digest_sum(call->body.p ? call->body.p : "", call->body.len, sum);
		digest_hex(sum, sizeof sum, b->payload);
	}
	b->n = 0;
	b->pairs[b->n++] = (struct sigv4_pair){SLICE_LIT("host"), buf_slice(&s->host)};
	b->pairs[b->n++] = (struct sigv4_pair){SLICE_LIT("x-amz-date"), slice_str(b->date)};
	b->pairs[b->n++] = (struct sigv4_pair){SLICE_LIT("x-amz-content-sha256"), slice_str(b->payload)};
	if (s->key.token.len)
		b->pairs[b->n++] = (struct sigv4_pair){SLICE_LIT("x-amz-security-token"), buf_slice(&s->key.token)};
	for (size_t i = 0; i < call->n_headers; i++)
		b->pairs[b->n++] = call->headers[i];
	sign(s, call, b);
	write_lines(s, b);
}

static int send(struct s3_session *s, const struct s3_call *call, struct err *err)
{
	struct built b;
	struct http_request r = {.method = call->method,
		.body = call->body,
		.fd = call->fd,
		.fd_offset = call->fd_offset,
		.fd_len = call->fd_len,
		.is_fresh = call->is_fresh,
		.take = call->take,
		.ctx = call->ctx};

	s->answer.status = 0;
	s->answer.is_sent = false;
	if (awscreds_get(s->s3->opts.creds, &s->key, err) < 0)
		return -1;
	build(s, call, &b);
	r.url = s->url.p;
	r.headers = b.lines;
	r.n_headers = b.n + 1;
	return http_do(s->http, &r, &s->answer, err);
}

/* ---- judging ---- */

enum verdict {
	DONE,
	NOT_FOUND,
	EXISTS,
	AGAIN,   /* nothing was done: after a wait */
	UNSURE,  /* something may have been done: after a wait */
	AT_ONCE, /* what was wrong was put right */
	REFUSED
};

static bool is_code(const struct s3_session *s, const char *code)
{
	return slice_eq(buf_slice(&s->code), slice_str(code));
}

static bool is_one_of(const struct s3_session *s, const char *const *codes)
{
	while (*codes && !is_code(s, *codes))
		codes++;
	return *codes != NULL;
}

/* The server's clock, if it tells it and is far from the one that was signed with; another upload may have set it by
 * now. */
static bool set_clock(struct s3_session *s, struct s3_patience *p)
{
	struct slice date = http_header(&s->answer, "date");
	struct s3 *s3 = s->s3;
	char text[40];
	struct tm tm = {0};
	int64_t skew_us;
	bool is_new;

	if (p->has_set_clock || date.len == 0 || date.len >= sizeof text)
		return false;
	memcpy(text, date.p, date.len);
	text[date.len] = '\0';
	if (!strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		return false;
	skew_us = (int64_t)timegm(&tm) * 1000000 - clock_us(CLOCK_REALTIME);
	if (llabs(skew_us - s->skew_us) < SKEW_MIN_US)
		return false;
	p->has_set_clock = true;
	pthread_mutex_lock(&s3->lock);
	is_new = llabs(skew_us - s3->skew_us) >= SKEW_MIN_US;
	if (is_new)
		s3->skew_us = skew_us;
	pthread_mutex_unlock(&s3->lock);
	if (!is_new)
		return true;
	s3_note(s3, "the clock of this machine is %lld s %s that of the server: requests are signed with the server's",
		llabs(skew_us) / 1000000, skew_us < 0 ? "ahead of" : "behind");
	return true;
}

static bool is_region(struct slice r)
{
	if (r.len == 0 || r.len > REGION_MAX_BYTES)
		return false;
	for (size_t i = 0; i < r.len; i++) {
		if (!(r.p[i] >= 'a' && r.p[i] <= 'z') && !(r.p[i] >= '0' && r.p[i] <= '9') && r.p[i] != '-')
			return false;
	}
	return true;
}

/* Another thread may have moved already; then this one only asks again. */
static bool move_region(struct s3_session *s, struct s3_patience *p)
{
	struct buf body = BUF_INIT;
	struct slice to = http_header(&s->answer, "x-amz-bucket-region");
	struct s3 *s3 = s->s3;
	bool is_new = false;

	if (!to.len && xml_find(buf_slice(&s->answer.body), "Error/Region", &body))
		to = buf_slice(&body);
	if (!p->has_moved && is_region(to) && !slice_eq(to, buf_slice(&s->region))) {
		pthread_mutex_lock(&s3->lock);
		is_new = !slice_eq(slice_str(s3->region), to);
		free(s3->region);
		s3->region = strndup(to.p, to.len);
		pthread_mutex_unlock(&s3->lock);
		p->has_moved = true;
		if (is_new)
			s3_note(s3, "the bucket %.60s is in the region %.*s", s3->opts.bucket, (int)to.len, to.p);
		buf_release(&body);
		return true;
	}
	buf_release(&body);
	return false;
}

static bool refresh(struct s3_session *s, struct s3_patience *p)
{
	if (p->has_refreshed || !awscreds_expire(s->s3->opts.creds, buf_slice(&s->key.id)))
		return false;
	p->has_refreshed = true;
	return true;
}

/* A HEAD has no body to tell more: what could be the reason is tried. */
static enum verdict judge_4xx(struct s3_session *s, const struct s3_call *call, struct s3_patience *p)
{
	static const char *const expired[] = {
		"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", NULL};
	static const char *const broken[] = {
		"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody", NULL};
	static const char *const busy[] = {"RequestTimeout", "RequestTimeoutException", "SlowDown", "Throttling",
		"ThrottlingException", "TooManyRequestsException", "ConditionalRequestConflict", "OperationAborted",
		"PriorRequestNotComplete", "BandwidthLimitExceeded", "RequestLimitExceeded", NULL};
	bool is_mute = strcmp(call->method, "HEAD") == 0;
	int status = s->answer.status;

	if (is_one_of(s, busy) || status == 408 || status == 429)
		return AGAIN;
	if (is_one_of(s, broken))
		return p->corruptions++ < CORRUPTIONS_MAX ? AGAIN : REFUSED;
	if ((is_one_of(s, expired) || (is_mute && status == 400)) && refresh(s, p))
		return AT_ONCE;
	if ((is_code(s, "RequestTimeTooSkewed") || (is_mute && status == 403)) && set_clock(s, p))
		return AT_ONCE;
	if ((status == 400 || status == 403) && move_region(s, p))
		return AT_ONCE;
	if (status == 404 && !is_code(s, "NoSuchBucket"))
		return NOT_FOUND;
	return status == 412 ? EXISTS : REFUSED;
}

static enum verdict judge(struct s3_session *s, const struct s3_call *call, struct s3_patience *p)
{
	int status = s->answer.status;
	struct buf root = BUF_INIT;
	bool is_error;

	buf_reset(&s->code);
	if (status >= 200 && status < 300) {
		if (call->take || s->answer.body.len == 0)
			return DONE;
		is_error =
			xml_root(buf_slice(&s->answer.body), &root) && slice_eq(buf_slice(&root), SLICE_LIT("Error"));
		buf_release(&root);
		if (!is_error)
			return DONE;
	}
	xml_find(buf_slice(&s->answer.body), "Error/Code", &s->code);
	if (status >= 300 && status < 400)
		return move_region(s, p) ? AT_ONCE : REFUSED;
	if (status >= 400 && status < 500)
		return judge_4xx(s, call, p);
	if (status == 501)
		return REFUSED;
	return status == 503 || is_code(s, "SlowDown") ? AGAIN : UNSURE;
}

static void describe(struct s3_session *s, const struct s3_call *call, enum verdict v, struct err *err)
{
	struct buf message = BUF_INIT;

	xml_find(buf_slice(&s->answer.body), "Error/Message", &message);
	s3_fail(s, call->key, v == REFUSED || v == NOT_FOUND || v == EXISTS ? ERR_REFUSED : ERR_UNREACHABLE, err,
		"%s: %d%s%.*s%s%.*s", call->method, s->answer.status, s->code.len ? " " : "", (int)s->code.len,
		s->code.len ? s->code.p : "", message.len ? ": " : "", (int)(message.len < 70 ? message.len : 70),
		message.len ? message.p : "");
	buf_release(&message);
}

/* ---- waiting ---- */

/* xorshift64* (Vigna, 2016) */
static uint64_t next_random(struct s3_session *s)
{
	uint64_t x = s->random | 1;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	s->random = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

static int64_t retry_after_us(const struct s3_session *s)
{
	struct slice value = http_header(&s->answer, "retry-after");
	long n = s->answer.status && value.len && value.len < 6 ? strtol(value.p, NULL, 10) : 0;

	if (n < 0)
		n = 0;
	return (int64_t)(n < RETRY_AFTER_MAX_S ? n : RETRY_AFTER_MAX_S) * 1000000;
}

static void tell_outage(struct s3 *s3, const struct err *last, int64_t left_us)
{
	bool is_new;

	pthread_mutex_lock(&s3->lock);
	is_new = !s3->is_outage_told;
	s3->is_outage_told = true;
	pthread_mutex_unlock(&s3->lock);
	if (is_new)
		s3_note(s3, "%s; trying on for %lld s", last->msg, (long long)(left_us / 1000000));
}

/* Until then, or until the work is cancelled. */
static bool sleep_until(struct s3 *s3, int64_t at_us)
{
	struct timespec at = {.tv_sec = (time_t)(at_us / 1000000), .tv_nsec = (long)(at_us % 1000000) * 1000};
	bool is_cancelled;

	pthread_mutex_lock(&s3->lock);
	while (!s3->is_cancelled && pthread_cond_timedwait(&s3->wake, &s3->lock, &at) == 0)
		;
	is_cancelled = s3->is_cancelled;
	pthread_mutex_unlock(&s3->lock);
	return is_cancelled;
}

int s3_wait(struct s3_session *s, struct s3_patience *p, int64_t least_us, const struct err *last, struct err *err)
{
	int64_t now_us = clock_us(CLOCK_MONOTONIC), limit_us = WAIT_FIRST_US, wait_us, left_us;

	if (!p->first_us)
		p->first_us = now_us;
	for (unsigned i = 0; i < p->failures && limit_us < WAIT_MAX_US; i++)
		limit_us *= 2;
	p->failures++;
	wait_us = (int64_t)(next_random(s) % (uint64_t)(limit_us < WAIT_MAX_US ? limit_us : WAIT_MAX_US));
	if (wait_us < least_us)
		wait_us = least_us;
	left_us = p->first_us + s->s3->opts.give_up_us - now_us;
	if (wait_us > left_us || sleep_until(s->s3, now_us + wait_us)) {
		*err = *last;
		err->code = ERR_UNREACHABLE;
		return -1;
	}
	if (p->failures == TOLD_AFTER)
		tell_outage(s->s3, last, left_us);
	return 0;
}

static void end_outage(struct s3 *s3)
{
	pthread_mutex_lock(&s3->lock);
	s3->is_outage_told = false;
	pthread_mutex_unlock(&s3->lock);
}

int s3_ask(struct s3_session *s, const struct s3_call *call, struct s3_patience *p, struct err *err)
{
	for (;;) {
		struct err last = ERR_INIT, why = ERR_INIT;
		enum verdict v;

		if (send(s, call, &why) == 0) {
			v = judge(s, call, p);
			if (v >= AGAIN)
				describe(s, call, v, &last);
		} else if (why.code == ERR_UNREACHABLE) {
			v = s->answer.is_sent ? UNSURE : AGAIN;
			s3_fail(s, call->key, ERR_UNREACHABLE, &last, "%s: %s", call->method, why.msg);
		} else {
			return why.code == ERR_IO || why.code == ERR_PROGRAM
				       ? (*err = why, -1)
				       : s3_fail(s, call->key, why.code, err, "%s: %s", call->method, why.msg);
		}
		if (v <= EXISTS) {
			end_outage(s->s3);
			return v == DONE ? S3_OK : v == EXISTS ? S3_EXISTS : S3_NOT_FOUND;
		}
		if (v == REFUSED) {
			*err = last;
			return -1;
		}
		if (v == AT_ONCE)
			continue;
		if (s3_wait(s, p, retry_after_us(s), &last, err) < 0)
			return -1;
		if (v == UNSURE && !call->is_repeatable)
			return S3_UNSURE;
	}
}
