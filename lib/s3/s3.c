#include "s3/s3_impl.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "mem/mem.h"

/* ---- endpoint and bucket ---- */

static bool is_port(const char *p, const char *end)
{
	char *rest;
	long port = isdigit((unsigned char)*p) ? strtol(p, &rest, 10) : 0;

	return port > 0 && port < 65536 && rest == end;
}

/* HOST or [ADDRESS], each with :PORT or without. */
static bool is_host(const char *p, const char *end)
{
	bool is_address = *p == '[';
	const char *q = p + is_address;

	while (q < end && (isalnum((unsigned char)*q) || strchr(is_address ? ".:" : ".-_", *q)))
		q++;
	if (q == p + is_address || (is_address && (q == end || *q++ != ']')))
		return false;
	return q == end || (*q == ':' && is_port(q + 1, end));
}

/* "https://HOST[:PORT][/]" */
static int take_endpoint(struct s3 *s3, const char *url, struct err *err)
{
	const char *host = strstr(url, "://"), *end;
	size_t scheme_len = host ? (size_t)(host - url) : 0;

	if (!host || !(slice_eq((struct slice){url, scheme_len}, SLICE_LIT("http")) ||
			     slice_eq((struct slice){url, scheme_len}, SLICE_LIT("https"))))
		return err_set(err, ERR_USAGE, "endpoint %.100s: must begin with http:// or https://", url);
	host += 3;
	end = host + strcspn(host, "/?#");
	if (!is_host(host, end) || strspn(end, "/") != strlen(end))
		return err_set(err, ERR_USAGE, "endpoint %.100s: must be a scheme, a host, and a port or none", url);
	s3->scheme = mem_dup(url, scheme_len);
	s3->host = mem_dup(host, (size_t)(end - host));
	return 0;
}

static int check_region(const char *region, struct err *err)
{
	for (const char *p = region; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-_", *p))
			return err_set(err, ERR_USAGE, "'%.60s': not the name of a region", region);
	}
	return *region ? 0 : err_set(err, ERR_USAGE, "the name of the region is empty");
}

static int check_bucket(const char *bucket, struct err *err)
{
	size_t len = strlen(bucket);

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)bucket[i]) && !strchr(".-_", bucket[i]))
			return err_set(err, ERR_USAGE, "s3://%.80s: not the name of a bucket", bucket);
	}
	if (len < 3 || len > 255 || bucket[0] == '.' || bucket[0] == '-')
		return err_set(err, ERR_USAGE, "s3://%.80s: not the name of a bucket", bucket);
	return 0;
}

/* A dot would part the name of the host in a way that no certificate covers. */
static bool is_host_part(const char *bucket)
{
	for (const char *p = bucket; *p; p++) {
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
			return false;
	}
	return strlen(bucket) <= 63;
}

static bool choose_style(const struct s3 *s3)
{
	const struct awsconf *conf = s3->opts.conf;
	const char *set = awsconf_get(conf, AWSCONF_ANY, awsconf_profile(conf), "s3.addressing_style");
	enum s3_style style = s3->opts.style;

	if (style == S3_STYLE_AUTO && set)
		style = strcmp(set, "path") == 0      ? S3_STYLE_PATH
			: strcmp(set, "virtual") == 0 ? S3_STYLE_VIRTUAL
						      : S3_STYLE_AUTO;
	if (style != S3_STYLE_AUTO)
		return style == S3_STYLE_PATH;
	return s3->host || !is_host_part(s3->opts.bucket);
}

/* ---- opening ---- */

struct s3 *s3_open(const struct s3_opts *opts, struct err *err)
{
	const char *endpoint = awsconf_endpoint(opts->conf, "s3"), *region = awsconf_region(opts->conf);
	struct s3 *s3 = mem_alloc(1, sizeof *s3);
	pthread_condattr_t clock;

	s3->opts = *opts;
	pthread_mutex_init(&s3->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&s3->wake, &clock);
	pthread_condattr_destroy(&clock);
	region = region ? region : "us-east-1";
	s3->region = mem_dup(region, strlen(region));
	if (check_bucket(opts->bucket, err) < 0 || check_region(region, err) < 0 ||
		(endpoint && take_endpoint(s3, endpoint, err) < 0)) {
		s3_close(s3);
		return NULL;
	}
	s3->is_path_style = choose_style(s3);
	return s3;
}

void s3_close(struct s3 *s3)
{
	if (!s3)
		return;
	pthread_mutex_destroy(&s3->lock);
	pthread_cond_destroy(&s3->wake);
	buf_release(&s3->notes);
	free(s3->region);
	free(s3->scheme);
	free(s3->host);
	free(s3);
}

void s3_cancel(struct s3 *s3)
{
	pthread_mutex_lock(&s3->lock);
	s3->is_cancelled = true;
	pthread_cond_broadcast(&s3->wake);
	pthread_mutex_unlock(&s3->lock);
}

static bool is_cancelled(void *ctx)
{
	struct s3 *s3 = ctx;
	bool is;

	pthread_mutex_lock(&s3->lock);
	is = s3->is_cancelled;
	pthread_mutex_unlock(&s3->lock);
	return is;
}

struct s3_session *s3_session_open(struct s3 *s3, struct err *err)
{
	struct http_opts opts = {.user_agent = s3->opts.user_agent,
		.ca_bundle = awsconf_ca_bundle(s3->opts.conf),
		.connect_timeout_us = s3->opts.connect_timeout_us,
		.read_timeout_us = s3->opts.read_timeout_us,
		.is_cancelled = is_cancelled,
		.ctx = s3};
	struct http *http = http_open(&opts, err);
	struct s3_session *s;

	if (!http)
		return NULL;
	s = mem_alloc(1, sizeof *s);
	s->s3 = s3;
	s->http = http;
	if (getrandom(&s->random, sizeof s->random, 0) != (ssize_t)sizeof s->random)
		s->random = (uint64_t)getpid();
	return s;
}

void s3_session_close(struct s3_session *s)
{
	struct buf *all[7];

	if (!s)
		return;
	all[0] = &s->host;
	all[1] = &s->path;
	all[2] = &s->url;
	all[3] = &s->lines;
	all[4] = &s->authorization;
	all[5] = &s->region;
	all[6] = &s->code;
	if (s->lines.p)
		explicit_bzero(s->lines.p, s->lines.cap);
	for (size_t i = 0; i < 7; i++)
		buf_release(all[i]);
	awscreds_key_release(&s->key);
	http_answer_release(&s->answer);
	http_close(s->http);
	free(s);
}

/* ---- messages ---- */

void s3_note(struct s3 *s3, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&s3->lock);
	buf_addf(&s3->notes, "%s\n", text);
	pthread_mutex_unlock(&s3->lock);
}

bool s3_take_notes(struct s3 *s3, struct buf *out)
{
	bool has_any;

	pthread_mutex_lock(&s3->lock);
	has_any = s3->notes.len > 0;
	buf_add_slice(out, buf_slice(&s3->notes));
	buf_reset(&s3->notes);
	pthread_mutex_unlock(&s3->lock);
	return has_any;
}

int s3_fail(const struct s3_session *s, struct slice key, enum err_code code, struct err *err, const char *fmt, ...)
{
	char text[ERR_MSG_BYTES];
	bool is_long = key.len > 70;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (is_long)
		key = (struct slice){key.p + key.len - 67, 67};
	return err_set(err, code, "s3://%.40s/%s%.*s: %s", s->s3->opts.bucket, is_long ? "..." : "", (int)key.len,
		key.len ? key.p : "", text);
}

void s3_info_release(struct s3_info *info)
{
	http_answer_release(&info->answer);
}
