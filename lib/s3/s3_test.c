#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../tests/kit/http_script.h"
#include "digest/digest.h"
#include "s3/s3.h"

#define OK ANSWER("200 OK", "", "")
#define ANSWER(status, headers, body) "HTTP/1.1 " status "\r\n" headers "\r\n" body

/* ---- a client of a server that is told what to say ---- */

struct client {
	struct script server;
	struct awsconf *conf;
	struct awscreds *creds;
	struct s3 *s3;
	struct s3_session *session;
	struct s3_opts opts;
};

static void open_client(struct client *c, script_fn *answer, void *ctx)
{
	struct err err = ERR_INIT;
	struct awsconf_opts conf = {.endpoint_url = c->server.url};

	script_start(&c->server, answer, ctx);
	c->conf = awsconf_open(&conf, &err);
	assert_non_null(c->conf);
	c->creds = awscreds_open(c->conf, "tlm-test");
	c->opts.bucket = "lake";
	c->opts.conf = c->conf;
	c->opts.creds = c->creds;
	c->opts.user_agent = "tlm-test";
	if (!c->opts.give_up_us)
		c->opts.give_up_us = 20000000;
	if (!c->opts.threshold_bytes)
		c->opts.threshold_bytes = S3_THRESHOLD_DEFAULT_BYTES;
	c->opts.chunk_bytes = S3_CHUNK_MIN_BYTES;
	c->s3 = s3_open(&c->opts, &err);
	assert_non_null(c->s3);
	c->session = s3_session_open(c->s3, &err);
	assert_non_null(c->session);
}

static void close_client(struct client *c)
{
	s3_session_close(c->session);
	s3_close(c->s3);
	awscreds_close(c->creds);
	awsconf_close(c->conf);
	script_stop(&c->server);
}

/* Answers in turn; the last again and again. */
struct turns {
	const char *const *answers;
	int n;
};

static const char *in_turn(void *ctx, const char *request)
{
	struct turns *t = ctx;
	const char *answer = t->answers[t->n];

	(void)request;
	t->n += t->answers[t->n + 1] != NULL;
	return answer;
}

struct object {
	struct s3_put put;
	struct sigv4_pair meta[1];
	char sha256[DIGEST_HEX_BYTES + 1];
	FILE *file;
};

static void make_object(struct object *o, const char *bytes, size_t len)
{
	uint8_t sum[DIGEST_BYTES];

	o->file = tmpfile();
	assert_int_equal(fwrite(bytes, 1, len, o->file), len);
	assert_int_equal(fflush(o->file), 0);
	digest_sum(bytes, len, sum);
	digest_hex(sum, sizeof sum, o->sha256);
	o->meta[0] = (struct sigv4_pair){SLICE_LIT("x-amz-meta-proof"), SLICE_LIT("p1")};
	o->put = (struct s3_put){.key = SLICE_LIT("a b/d=1/x"),
		.fd = fileno(o->file),
		.len = len,
		.sha256 = o->sha256,
		.content_type = "application/zstd",
		.meta = o->meta,
		.n_meta = 1};
}

/* What putting "hello" comes to with these answers; the requests and notes are left in c. */
static int put_hello(struct client *c, const char *const *answers, struct err *err)
{
	struct turns turns = {answers, 0};
	struct s3_info info = S3_INFO_INIT;
	struct object o;
	int got;

	open_client(c, in_turn, &turns);
	make_object(&o, "hello", 5);
	got = s3_put(c->session, &o.put, &info, err);
	s3_info_release(&info);
	fclose(o.file);
	return got;
}

/* ---- tests ---- */

static void an_object_is_sent_once_signed_and_never_over_another(void **state)
{
	static const char *const answers[] = {OK, NULL};
	struct client c = {0};
	struct err err = ERR_INIT;
	const char *r;

	(void)state;
	assert_int_equal(put_hello(&c, answers, &err), 0);
	assert_int_equal(c.server.n_requests, 1);
	r = c.server.requests.p;
	assert_ptr_equal(strstr(r, "PUT /lake/a%20b/d%3D1/x HTTP/1.1\r\n"), r);
	assert_non_null(strstr(
		r, "x-amz-content-sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\r\n"));
	assert_non_null(strstr(r, "x-amz-checksum-sha256: LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=\r\n"));
	assert_non_null(strcasestr(r, "if-none-match: *\r\n"));
	assert_non_null(strcasestr(r, "content-type: application/zstd\r\n"));
	assert_non_null(strstr(r, "x-amz-meta-proof: p1\r\n"));
	assert_non_null(strcasestr(r, "authorization: AWS4-HMAC-SHA256 Credential=test/"));
	assert_string_equal(r + c.server.requests.len - 5, "hello");
	assert_null(strstr(r, "secret"));
	close_client(&c);
}

static void what_is_there_is_ours_by_its_proof_alone(void **state)
{
	static const char *const same[] = {
		ANSWER("412 No", "", ""), ANSWER("200 OK", "x-amz-meta-proof: p1\r\n", ""), NULL};
	static const char *const other[] = {
		ANSWER("412 No", "", ""), ANSWER("200 OK", "x-amz-meta-proof: p2\r\n", ""), NULL};
	static const char *const none[] = {ANSWER("412 No", "", ""), ANSWER("200 OK", "", ""), NULL};
	static const char *const gone[] = {ANSWER("412 No", "", ""), ANSWER("404 No", "", ""), OK, NULL};
	struct client c = {0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(put_hello(&c, same, &err), 1);
	close_client(&c);
	assert_int_equal(put_hello(&c, other, &err), -1);
	assert_int_equal(err.code, ERR_REFUSED);
	close_client(&c);
	err_reset(&err);
	assert_int_equal(put_hello(&c, none, &err), -1);
	assert_int_equal(err.code, ERR_REFUSED);
	close_client(&c);
	err_reset(&err);
	assert_int_equal(put_hello(&c, gone, &err), 0);
	assert_int_equal(c.server.n_requests, 3);
	close_client(&c);
}

static void busy_servers_are_asked_again_and_refusals_are_not(void **state)
{
	static const char *const busy[] = {ANSWER("503 Slow", "", "<Error><Code>SlowDown</Code></Error>"),
		ANSWER("429 Many", "", ""), ANSWER("400 Slow", "", "<Error><Code>RequestTimeout</Code></Error>"), OK,
		NULL};
	static const char *const denied[] = {
		ANSWER("403 No", "", "<Error><Code>AccessDenied</Code></Error>"), OK, NULL};
	static const char *const no_bucket[] = {
		ANSWER("404 No", "", "<Error><Code>NoSuchBucket</Code></Error>"), OK, NULL};
	struct client c = {0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(put_hello(&c, busy, &err), 0);
	assert_int_equal(c.server.n_requests, 4);
	close_client(&c);
	assert_int_equal(put_hello(&c, denied, &err), -1);
	assert_int_equal(c.server.n_requests, 1);
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.msg, "AccessDenied"));
	close_client(&c);
	err_reset(&err);
	assert_int_equal(put_hello(&c, no_bucket, &err), -1);
	assert_int_equal(c.server.n_requests, 1);
	close_client(&c);
}

/* After an answer that never came the object is looked for, and only sent again when it is not there. */
static void an_answer_that_is_lost_is_looked_up(void **state)
{
	static const char *const stored[] = {NULL, NULL}, *const head[] = {ANSWER("500 Oops", "", ""),
								  ANSWER("200 OK", "x-amz-meta-proof: p1\r\n", ""),
								  NULL};
	static const char *const lost[] = {ANSWER("500 Oops", "", ""), ANSWER("404 No", "", ""), OK, NULL};
	struct client c = {0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(put_hello(&c, head, &err), 0);
	assert_int_equal(c.server.n_requests, 2);
	close_client(&c);
	assert_int_equal(put_hello(&c, lost, &err), 0);
	assert_int_equal(c.server.n_requests, 3);
	close_client(&c);
	c.opts.give_up_us = 300000;
	assert_int_equal(put_hello(&c, stored, &err), -1);
	assert_int_equal(err.code, ERR_UNREACHABLE);
	close_client(&c);
}

/* ---- two uploads at once find that the clock is wrong ---- */

struct skew {
	pthread_mutex_t lock;
	pthread_cond_t both;
	int n;
};

static const char *skewed(void *ctx, const char *request)
{
	struct skew *s = ctx;

	if (strcasestr(request, "x-amz-date: 20130524T"))
		return OK;
	pthread_mutex_lock(&s->lock);
	s->n++;
	pthread_cond_broadcast(&s->both);
	while (s->n < 2)
		pthread_cond_wait(&s->both, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return ANSWER("403 No", "Date: Fri, 24 May 2013 00:00:00 GMT\r\n",
		"<Error><Code>RequestTimeTooSkewed</Code></Error>");
}

static void *put_other(void *ctx)
{
	struct client *c = ctx;
	struct s3_info info = S3_INFO_INIT;
	struct err err = ERR_INIT;
	struct s3_session *session = s3_session_open(c->s3, &err);
	struct object o;
	int got;

	make_object(&o, "world", 5);
	got = s3_put(session, &o.put, &info, &err);
	s3_info_release(&info);
	fclose(o.file);
	s3_session_close(session);
	return got == 0 ? ctx : NULL;
}

static void a_clock_that_is_wrong_is_set_once_for_all(void **state)
{
	struct skew skew = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
	struct client c = {0};
	struct buf notes = BUF_INIT;
	pthread_t other;
	void *good;

	(void)state;
	open_client(&c, skewed, &skew);
	assert_int_equal(pthread_create(&other, NULL, put_other, &c), 0);
	assert_non_null(put_other(&c));
	assert_int_equal(pthread_join(other, &good), 0);
	assert_non_null(good);
	assert_int_equal(c.server.n_requests, 4);
	assert_true(s3_take_notes(c.s3, &notes));
	assert_non_null(strstr(buf_cstr(&notes), "ahead of that of the server"));
	assert_ptr_equal(strchr(notes.p, '\n'), notes.p + notes.len - 1);
	assert_false(s3_take_notes(c.s3, &notes));
	buf_release(&notes);
	close_client(&c);
}

/* ---- lists, parts, bytes ---- */

static int collect(void *ctx, struct slice key, uint64_t len, struct err *err)
{
	(void)err;
	buf_addf(ctx, "%.*s %llu\n", (int)key.len, key.p, (unsigned long long)len);
	return 0;
}

static void a_list_is_read_page_by_page(void **state)
{
	static const char *const pages[] = {
		ANSWER("200 OK", "",
			"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</"
			"IsTruncated><Contents><Key>a%20b</Key>"
			"<Size>7</Size></Contents><NextContinuationToken>t&amp;1</NextContinuationToken></"
			"ListBucketResult>"),
		ANSWER("200 OK", "",
			"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a%20c&lt;</"
			"Key><Size>18446744073709551615"
			"</Size></Contents></ListBucketResult>"),
		NULL};
	struct turns turns = {pages, 0};
	struct client c = {0};
	struct buf got = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_client(&c, in_turn, &turns);
	assert_int_equal(s3_list(c.session, SLICE_LIT("a"), collect, &got, &err), 0);
	assert_string_equal(buf_cstr(&got), "a b 7\na%20c< 18446744073709551615\n");
	assert_int_equal(c.server.n_requests, 2);
	assert_non_null(strstr(
		c.server.requests.p, "GET /lake?continuation-token=t%261&encoding-type=url&list-type=2&prefix=a "));
	buf_release(&got);
	close_client(&c);
}

static const char *in_parts(void *ctx, const char *request)
{
	(void)ctx;
	if (strstr(request, "?uploads="))
		return request[0] == 'G' ? ANSWER("200 OK", "", "<ListMultipartUploadsResult/>")
					 : ANSWER("200 OK", "",
						   "<InitiateMultipartUploadResult><UploadId>u "
						   "1</UploadId></InitiateMultipartUploadResult>");
	if (request[0] == 'P' && request[1] == 'U')
		return strstr(request, "partNumber=1") ? ANSWER("200 OK", "ETag: \"one\"\r\n", "")
						       : ANSWER("200 OK", "ETag: \"two\"\r\n", "");
	return ANSWER("200 OK", "", "<CompleteMultipartUploadResult/>");
}

static void a_long_object_goes_in_parts(void **state)
{
	static char bytes[(5 << 20) + 9];
	struct client c = {.opts.threshold_bytes = 1};
	struct s3_info info = S3_INFO_INIT;
	struct err err = ERR_INIT;
	struct object o;

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	open_client(&c, in_parts, NULL);
	make_object(&o, bytes, sizeof bytes);
	assert_int_equal(s3_put(c.session, &o.put, &info, &err), 0);
	assert_non_null(strstr(c.server.requests.p, "PUT /lake/a%20b/d%3D1/x?partNumber=1&uploadId=u%201 "));
	assert_non_null(strstr(c.server.requests.p, "PUT /lake/a%20b/d%3D1/x?partNumber=2&uploadId=u%201 "));
	assert_non_null(strstr(c.server.requests.p, "<PartNumber>1</PartNumber>"));
	assert_non_null(strstr(c.server.requests.p, "two"));
	s3_info_release(&info);
	fclose(o.file);
	close_client(&c);
}

struct breaks {
	unsigned begins, parts, ends, looks;
};

#define BROKEN "HTTP/1.1 200 OK\r\n"

/* The first answer to each step breaks off behind its first line. */
static const char *breaking_off(void *ctx, const char *request)
{
	struct breaks *b = ctx;

	if (strncmp(request, "HEAD", 4) == 0) {
		return b->looks++ ? ANSWER("404 No", "", "") : BROKEN;
	}
	if (strncmp(request, "POST", 4) == 0 && (strstr(request, "?uploads=") ? b->begins++ : b->ends++) == 0)
		return BROKEN;
	if (strncmp(request, "PUT", 3) == 0 && b->parts++ == 0)
		return BROKEN;
	return in_parts(NULL, request);
}

static void an_answer_that_breaks_off_is_no_success(void **state)
{
	static char bytes[(5 << 20) + 9];
	struct client c = {.opts.threshold_bytes = 1};
	struct s3_info info = S3_INFO_INIT;
	struct err err = ERR_INIT;
	struct breaks breaks = {0};
	struct object o;

	(void)state;
	open_client(&c, breaking_off, &breaks);
	make_object(&o, bytes, sizeof bytes);
	assert_int_equal(s3_put(c.session, &o.put, &info, &err), 0);
	assert_int_equal(breaks.begins, 2);
	assert_int_equal(breaks.parts, 3);
	assert_int_equal(breaks.ends, 2);
	assert_int_equal(breaks.looks, 2);
	s3_info_release(&info);
	fclose(o.file);
	close_client(&c);
}

static int take(void *ctx, const void *p, size_t len, struct err *err)
{
	(void)err;
	buf_add(ctx, p, len);
	return 0;
}

static void bytes_are_got_or_there_are_none(void **state)
{
	static const char *const answers[] = {
		ANSWER("200 OK", "", "hello"), ANSWER("404 No", "", ""), ANSWER("204 Gone", "", ""), NULL};
	struct turns turns = {answers, 0};
	struct client c = {0};
	struct buf got = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	open_client(&c, in_turn, &turns);
	assert_int_equal(s3_get(c.session, SLICE_LIT("k"), take, &got, &err), 1);
	assert_string_equal(buf_cstr(&got), "hello");
	assert_int_equal(s3_get(c.session, SLICE_LIT("k"), take, &got, &err), 0);
	assert_int_equal(s3_delete(c.session, SLICE_LIT("k"), &err), 0);
	buf_release(&got);
	close_client(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_sent_once_signed_and_never_over_another),
		cmocka_unit_test(what_is_there_is_ours_by_its_proof_alone),
		cmocka_unit_test(busy_servers_are_asked_again_and_refusals_are_not),
		cmocka_unit_test(an_answer_that_is_lost_is_looked_up),
		cmocka_unit_test(a_clock_that_is_wrong_is_set_once_for_all),
		cmocka_unit_test(a_list_is_read_page_by_page),
		cmocka_unit_test(a_long_object_goes_in_parts),
		cmocka_unit_test(an_answer_that_breaks_off_is_no_success),
		cmocka_unit_test(bytes_are_got_or_there_are_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("s3", tests, script_environment, NULL);
}
