/* Services beside the machine that give keys as JSON: of a container, and of an EC2 instance. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "awscreds/awscreds_impl.h"
#include "etime/etime.h"
#include "json/json.h"

enum { CONTAINER_TRIES = 3, CONTAINER_TIMEOUT_US = 2000000, WAIT_MS = 200 };

/* ---- asking ---- */

/* The code of an error as STS writes it; what other services write is not shown, it could be anything. */
static int refuse(const struct awscreds_question *q, const struct http_answer *a, struct err *err)
{
	const char *p = a->body.len ? memmem(a->body.p, a->body.len, "<Code>", 6) : NULL;
	size_t len = 0;

	if (p) {
		p += 6;
		while (p + len < a->body.p + a->body.len && p[len] != '<' && len < 60)
			len++;
	}
	return err_set(err, a->status >= 500 ? ERR_UNREACHABLE : ERR_REFUSED, "%s answered %d %.*s", q->what, a->status,
		(int)len, p ? p : "");
}

int awscreds_ask(const struct awscreds *c, const struct awscreds_question *q, struct http_answer *a, struct err *err)
{
	struct http_opts opts = {.user_agent = c->user_agent,
		.ca_bundle = awsconf_ca_bundle(c->conf),
		.connect_timeout_us = q->timeout_us,
		.read_timeout_us = q->timeout_us,
		.is_direct = q->is_direct};
	struct http *h = http_open(&opts, err);
	struct err last = ERR_INIT;
	int got = -1;

	if (!h)
		return -1;
	for (int i = 0; got < 0 && i < q->tries; i++) {
		if (i)
			nanosleep(&(struct timespec){.tv_nsec = WAIT_MS * 1000000L}, NULL);
		err_reset(&last);
		got = http_do(h, &q->request, a, &last);
		if (got < 0 && last.code != ERR_UNREACHABLE)
			break;
		if (got == 0 && a->status != 200)
			got = refuse(q, a, &last);
		if (last.code == ERR_REFUSED)
			break;
	}
	http_close(h);
	if (got < 0)
		err_set(err, last.code, "%s%s%.150s", a->status ? "" : q->what, a->status ? "" : ": ", last.msg);
	return got;
}

/* ---- JSON ---- */

int awscreds_take_expiry(struct awscreds_key *key, struct slice text, const char *what, struct err *err)
{
	struct etime_format format;

	if (etime_format_parse("iso", &format, err) < 0)
		return -1;
	if (!etime_parse(&format, text.p, text.len, false, &key->expires_us))
		return err_set(err, ERR_REFUSED, "%s: its Expiration is no time", what);
	key->has_expiry = true;
	return 0;
}

static bool take_member(struct json_span object, const char *name, struct buf *out)
{
	struct json_iter it;
	struct json_span key, value;

	json_iter_init(&it, object);
	while (json_iter_next(&it, &key, &value)) {
		if (!json_string_eq(key, slice_str(name)) || value.type != JSON_STRING)
			continue;
		buf_reset(out);
		json_unescape(out, value);
		return true;
	}
	return false;
}

static int take_object(
	struct awscreds_key *key, struct json_span object, const char *token, const char *what, struct err *err)
{
	struct buf expiry = BUF_INIT;
	int got = 0;

	if (!take_member(object, "AccessKeyId", &key->id) || !take_member(object, "SecretAccessKey", &key->secret))
		return err_set(err, ERR_REFUSED, "%s: there is no AccessKeyId or SecretAccessKey in its answer", what);
	take_member(object, token, &key->token);
	if (take_member(object, "Expiration", &expiry) && expiry.len)
		got = awscreds_take_expiry(key, buf_slice(&expiry), what, err);
	buf_release(&expiry);
	return got;
}

/* Records are lines; here the lines of one value become one, which is the same value. */
int awscreds_take_json(
	struct awscreds_key *key, struct slice json, const char *token, const char *what, struct err *err)
{
	struct buf line = BUF_INIT;
	struct json_record r;
	int got;

	buf_add_slice(&line, json);
	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] == '\n' || line.p[i] == '\r')
			line.p[i] = ' ';
	}
	json_check(buf_cstr(&line), line.len, JSON_DEPTH_DEFAULT, &r);
	if (r.status == JSON_OK && r.type == JSON_OBJECT)
		got = take_object(key, r.value, token, what, err);
	else
		got = err_set(err, ERR_REFUSED, "%s: its answer is not a JSON object", what);
	explicit_bzero(line.p, line.cap);
	buf_release(&line);
	return got;
}

/* ---- a container ---- */

/* Over http only to this machine and to the addresses that containers have for it. */
static bool is_allowed(const char *url)
{
	static const char *const hosts[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost", "[::1]"};
	struct in_addr ip;
	const char *host;
	char name[64];
	size_t len;

	if (strncmp(url, "https://", 8) == 0)
		return true;
	if (strncmp(url, "http://", 7) != 0)
		return false;
	host = url + 7;
	len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?");
	/* NAME@ before the host would be no part of it */
	if (len >= sizeof name || memchr(host, '@', strcspn(host, "/?")))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		if (strcmp(name, hosts[i]) == 0)
			return true;
	}
	return inet_pton(AF_INET, name, &ip) == 1 && ntohl(ip.s_addr) >> 24 == 127;
}

static int add_token(struct buf *header, struct err *err)
{
	const char *file = awsconf_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = awsconf_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");

	if (!file && !token)
		return 0;
	buf_add_str(header, "Authorization: ");
	if (file && awscreds_read_file(file, header, err) < 0)
		return -1;
	if (!file)
		buf_add_str(header, token);
	if (memchr(header->p, '\n', header->len) || memchr(header->p, '\r', header->len))
		return err_set(err, ERR_PROGRAM, "the container's authorization token has more than one line");
	buf_cstr(header);
	return 0;
}

int awscreds_ask_container(const struct awscreds *c, struct awscreds_key *key, struct err *err)
{
	const char *relative = awsconf_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), *headers[2];
	struct buf url = BUF_INIT, header = BUF_INIT;
	struct http_answer a = HTTP_ANSWER_INIT;
	struct awscreds_question q = {.what = "the container's credentials",
		.tries = CONTAINER_TRIES,
		.timeout_us = CONTAINER_TIMEOUT_US,
		.is_direct = true};
	int got;

	buf_add_str(&url, relative ? "http://169.254.170.2" : "");
	buf_add_str(&url, relative ? relative : awsconf_env("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
	q.request = (struct http_request){.method = "GET", .url = buf_cstr(&url), .headers = headers, .n_headers = 1};
	headers[0] = "Accept: application/json";
	got = add_token(&header, err);
	if (got == 0 && !is_allowed(url.p))
		got = err_set(
			err, ERR_PROGRAM, "AWS_CONTAINER_CREDENTIALS_FULL_URI: only https, or http to this machine");
	if (got == 0 && header.len)
		headers[q.request.n_headers++] = header.p;
	if (got == 0)
		got = awscreds_ask(c, &q, &a, err);
	if (got == 0)
		got = awscreds_take_json(key, buf_slice(&a.body), "Token", q.what, err);
	if (a.body.p)
		explicit_bzero(a.body.p, a.body.cap);
	if (header.p)
		explicit_bzero(header.p, header.cap);
	http_answer_release(&a);
	buf_release(&url);
	buf_release(&header);
	return got;
}

/* ---- an instance ---- */

static int64_t env_number(const struct awscreds *c, const char *variable, const char *setting, int64_t otherwise)
{
	const char *text = awsconf_env(variable);
	long long n;

	if (!text)
		text = awsconf_get(c->conf, AWSCONF_ANY, awsconf_profile(c->conf), setting);
	n = text ? strtoll(text, NULL, 10) : otherwise;
	return n > 0 && n < 1000 ? n : otherwise;
}

struct imds {
	const struct awscreds *c;
	struct awscreds_question q;
	struct buf base, url, token;
	struct http_answer a;
};

/* One step: a path below the service, with the token once there is one. */
static int step(
	struct imds *s, const char *method, const char *path, struct slice more, const char *header, struct err *err)
{
	buf_reset(&s->url);
	buf_addf(&s->url, "%s%s%.*s", buf_cstr(&s->base), path, (int)more.len, more.len ? more.p : "");
	s->q.request =
		(struct http_request){.method = method, .url = buf_cstr(&s->url), .headers = &header, .n_headers = 1};
	return awscreds_ask(s->c, &s->q, &s->a, err);
}

static int walk(struct imds *s, struct awscreds_key *key, struct err *err)
{
	static const char path[] = "/latest/meta-data/iam/security-credentials/";
	struct buf role = BUF_INIT;
	int got =
		step(s, "PUT", "/latest/api/token", SLICE_LIT(""), "x-aws-ec2-metadata-token-ttl-seconds: 21600", err);

	if (got < 0)
		return -1;
	buf_addf(&s->token, "x-aws-ec2-metadata-token: %.*s", (int)s->a.body.len, s->a.body.len ? s->a.body.p : "");
	got = step(s, "GET", path, SLICE_LIT(""), buf_cstr(&s->token), err);
	if (got == 0) {
		size_t len = s->a.body.len ? strcspn(buf_cstr(&s->a.body), "\r\n") : 0;

		buf_add(&role, s->a.body.p, len);
		got = len ? step(s, "GET", path, buf_slice(&role), s->token.p, err)
			  : err_set(err, ERR_REFUSED, "the instance has no role");
	}
	if (got == 0)
		got = awscreds_take_json(key, buf_slice(&s->a.body), "Token", s->q.what, err);
	buf_release(&role);
	return got;
}

int awscreds_ask_imds(const struct awscreds *c, struct awscreds_key *key, struct err *err)
{
	const char *base = awsconf_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	struct imds s = {.c = c, .a = HTTP_ANSWER_INIT};
	int got;

	s.q = (struct awscreds_question){.what = "the instance's metadata service",
		.tries = (int)env_number(c, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "metadata_service_num_attempts", 1),
		.timeout_us = 1000000 * env_number(c, "AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout", 1),
		.is_direct = true};
	if (!base)
		base = awsconf_get(c->conf, AWSCONF_ANY, awsconf_profile(c->conf), "ec2_metadata_service_endpoint");
	buf_add_str(&s.base, base ? base : "http://169.254.169.254");
	while (s.base.len && s.base.p[s.base.len - 1] == '/')
		s.base.len--;
	got = walk(&s, key, err);
	if (s.a.body.p)
		explicit_bzero(s.a.body.p, s.a.body.cap);
	http_answer_release(&s.a);
	buf_release(&s.base);
	buf_release(&s.url);
	buf_release(&s.token);
	return got;
}
