/* Roles, by the form-encoded POST interface of STS. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "awscreds/awscreds_impl.h"
#include "digest/digest.h"
#include "sigv4/sigv4.h"
#include "xml/xml.h"

enum { STS_TRIES = 3, STS_TIMEOUT_US = 10000000, FIELDS_MAX = 8 };

struct form {
	struct sigv4_pair fields[FIELDS_MAX];
	size_t n;
};

static void add(struct form *f, const char *name, const char *value)
{
	if (value)
		f->fields[f->n++] = (struct sigv4_pair){slice_str(name), slice_str(value)};
}

static void add_common(struct form *f, const char *action, const char *role, const char *session, struct buf *tmp)
{
	struct timespec now;

	add(f, "Action", action);
	add(f, "Version", "2011-06-15");
	add(f, "RoleArn", role);
	clock_gettime(CLOCK_REALTIME, &now);
	buf_addf(tmp, "tlm-%lld", (long long)now.tv_sec);
	add(f, "RoleSessionName", session ? session : buf_cstr(tmp));
}

/* ---- the answer ---- */

static int take_part(struct slice body, const char *action, const char *name, struct buf *out, struct err *err)
{
	struct buf path = BUF_INIT;
	bool is_there;

	buf_addf(&path, "%sResponse/%sResult/Credentials/%s", action, action, name);
	is_there = xml_find(body, buf_cstr(&path), out);
	buf_release(&path);
	return is_there ? 0 : err_set(err, ERR_REFUSED, "STS: there is no %s in its answer", name);
}

static int take_answer(struct awscreds_key *key, struct slice body, const char *action, struct err *err)
{
	struct buf expiry = BUF_INIT;
	int got = -1;

	if (take_part(body, action, "AccessKeyId", &key->id, err) == 0 &&
		take_part(body, action, "SecretAccessKey", &key->secret, err) == 0 &&
		take_part(body, action, "SessionToken", &key->token, err) == 0 &&
		take_part(body, action, "Expiration", &expiry, err) == 0)
		got = awscreds_take_expiry(key, buf_slice(&expiry), "STS", err);
	buf_release(&expiry);
	return got;
}

/* ---- the request ---- */

/* The parts of an endpoint: what Host says, and the path of it without a '/' at its end. */
static struct slice host_of(const char *url)
{
	const char *p = strstr(url, "://");

	p = p ? p + 3 : url;
	return (struct slice){p, strcspn(p, "/")};
}

struct call {
	struct buf url, body, date, host, hash, token, authorization;
	const char *headers[8];
	size_t n_headers;
};

static void release(struct call *s)
{
	struct buf *all[] = {&s->url, &s->body, &s->date, &s->host, &s->hash, &s->token, &s->authorization};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (all[i]->p)
			explicit_bzero(all[i]->p, all[i]->cap);
		buf_release(all[i]);
	}
}

static void sign(struct call *s, const struct awscreds_key *with, const char *region)
{
	struct timespec now;
	struct tm tm;
	char date[SIGV4_DATE_BYTES + 1], hex[DIGEST_HEX_BYTES + 1];
	uint8_t sum[DIGEST_BYTES];
	struct sigv4_pair headers[5];
	struct sigv4_request r = {.method = SLICE_LIT("POST"), .path = SLICE_LIT("/"), .headers = headers};

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &tm);
	digest_sum(s->body.p, s->body.len, sum);
	digest_hex(sum, sizeof sum, hex);
	headers[r.n_headers++] = (struct sigv4_pair){SLICE_LIT("host"), host_of(s->url.p)};
	headers[r.n_headers++] = (struct sigv4_pair){SLICE_LIT("x-amz-date"), slice_str(date)};
	headers[r.n_headers++] = (struct sigv4_pair){
		SLICE_LIT("content-type"), SLICE_LIT("application/x-www-form-urlencoded; charset=utf-8")};
	if (with->token.len)
		headers[r.n_headers++] =
			(struct sigv4_pair){SLICE_LIT("x-amz-security-token"), buf_slice(&with->token)};
	r.payload = slice_str(hex);
	r.date = slice_str(date);
	r.region = slice_str(region);
	r.service = SLICE_LIT("sts");
	buf_add_str(&s->authorization, "Authorization: ");
	sigv4_sign(&r, &(struct sigv4_key){buf_slice(&with->id), buf_slice(&with->secret)}, &s->authorization, NULL);
	buf_addf(&s->date, "X-Amz-Date: %s", date);
	s->headers[s->n_headers++] = buf_cstr(&s->date);
	s->headers[s->n_headers++] = buf_cstr(&s->authorization);
	if (with->token.len) {
		buf_addf(&s->token, "X-Amz-Security-Token: %.*s", (int)with->token.len, with->token.p);
		s->headers[s->n_headers++] = buf_cstr(&s->token);
	}
}

/* with NULL: the request is not signed. */
static int call_sts(const struct awscreds *c, const struct form *f, const struct awscreds_key *with,
	struct awscreds_key *key, struct err *err)
{
	const char *endpoint = awsconf_endpoint(c->conf, "sts"), *region = awsconf_region(c->conf);
	struct call s = {.n_headers = 0};
	struct http_answer a = HTTP_ANSWER_INIT;
	struct awscreds_question q = {.what = "STS", .tries = STS_TRIES, .timeout_us = STS_TIMEOUT_US};
	int got;

	region = region ? region : "us-east-1";
	if (endpoint)
		buf_add(&s.url, endpoint, (size_t)(host_of(endpoint).p + host_of(endpoint).len - endpoint));
	else
		awsconf_add_endpoint(&s.url, "sts", region);
	buf_add_char(&s.url, '/');
	buf_cstr(&s.url);
	sigv4_add_query(&s.body, f->fields, f->n);
	s.headers[s.n_headers++] = "Content-Type: application/x-www-form-urlencoded; charset=utf-8";
	buf_addf(&s.host, "Host: %.*s", (int)host_of(s.url.p).len, host_of(s.url.p).p);
	s.headers[s.n_headers++] = buf_cstr(&s.host);
	if (with)
		sign(&s, with, region);
	q.request = (struct http_request){.method = "POST",
		.url = s.url.p,
		.headers = s.headers,
		.n_headers = s.n_headers,
		.body = buf_slice(&s.body)};
	got = awscreds_ask(c, &q, &a, err);
	if (got == 0)
		got = take_answer(key, buf_slice(&a.body), f->fields[0].value.p, err);
	if (a.body.p)
		explicit_bzero(a.body.p, a.body.cap);
	http_answer_release(&a);
	release(&s);
	return got;
}

int awscreds_assume_role(const struct awscreds *c, const char *profile, const struct awscreds_key *source,
	struct awscreds_key *key, struct err *err)
{
	struct form f = {.n = 0};
	struct buf session = BUF_INIT;
	int got;

	if (awsconf_get(c->conf, AWSCONF_ANY, profile, "mfa_serial"))
		return err_set(err, ERR_PROGRAM,
			"the profile '%.100s' asks for a code (mfa_serial), nobody is there to type it", profile);
	add_common(&f, "AssumeRole", awsconf_get(c->conf, AWSCONF_ANY, profile, "role_arn"),
		awsconf_get(c->conf, AWSCONF_ANY, profile, "role_session_name"), &session);
	add(&f, "ExternalId", awsconf_get(c->conf, AWSCONF_ANY, profile, "external_id"));
	add(&f, "DurationSeconds", awsconf_get(c->conf, AWSCONF_ANY, profile, "duration_seconds"));
	got = call_sts(c, &f, source, key, err);
	buf_release(&session);
	return got;
}

int awscreds_read_file(const char *path, struct buf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return err_sys(err, "%.120s: cannot open", path);
	while ((n = read(fd, buf_reserve(out, 4096), 4096)) > 0)
		out->len += (size_t)n;
	if (n < 0)
		err_sys(err, "%.120s: cannot read", path);
	close(fd);
	return n < 0 ? -1 : 0;
}

int awscreds_take_web_identity(const struct awscreds *c, const char *role, const char *token_file, const char *session,
	struct awscreds_key *key, struct err *err)
{
	struct form f = {.n = 0};
	struct buf token = BUF_INIT, name = BUF_INIT;
	int got = awscreds_read_file(token_file, &token, err);

	if (got == 0) {
		add_common(&f, "AssumeRoleWithWebIdentity", role, session, &name);
		while (token.len && strchr(" \t\r\n", token.p[token.len - 1]))
			token.len--;
		add(&f, "WebIdentityToken", buf_cstr(&token));
		got = call_sts(c, &f, NULL, key, err);
	}
	if (token.p)
		explicit_bzero(token.p, token.cap);
	buf_release(&token);
	buf_release(&name);
	return got;
}
