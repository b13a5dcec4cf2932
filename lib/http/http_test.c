#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http.h"

/* ---- a server of one answer: takes a request, keeps its bytes, says what it was told to, closes ---- */

struct server {
	int fd;
	uint16_t port;
	const char *answer;
	size_t read_max; /* answers after so many bytes of the request; 0: after all of it */
	struct buf request;
	pthread_t thread;
};

static bool has_all(const struct server *s)
{
	const char *p = s->request.p, *end = memmem(p, s->request.len, "\r\n\r\n", 4), *len;

	if (s->read_max)
		return s->request.len >= s->read_max;
	if (!end)
		return false;
	len = strcasestr(p, "content-length:");
	return s->request.len >= (size_t)(end + 4 - p) + (len ? strtoull(len + 15, NULL, 10) : 0);
}

static void *serve(void *ctx)
{
	struct server *s = ctx;
	int fd = accept(s->fd, NULL, NULL);

	while (!has_all(s)) {
		ssize_t n = read(fd, buf_reserve(&s->request, 65536), 65535);

		if (n <= 0)
			break;
		s->request.len += (size_t)n;
		buf_cstr(&s->request);
	}
	if (write(fd, s->answer, strlen(s->answer)) < 0)
		perror("write");
	shutdown(fd, SHUT_WR);
	while (read(fd, buf_reserve(&s->request, 65536), 65535) > 0)
		;
	close(fd);
	return NULL;
}

static void start(struct server *s, const char *answer)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;

	*s = (struct server){.answer = answer, .fd = socket(AF_INET, SOCK_STREAM, 0)};
	buf_reserve(&s->request, 1);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(s->fd, 4), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->fd);
	buf_release(&s->request);
}

/* ---- tests ---- */

static const struct http_opts direct = {.user_agent = "tlm-test", .is_direct = true, .read_timeout_us = 1000000};

static int ask(const struct server *s, const struct http_request *how, struct http_answer *a, struct err *err)
{
	struct http *h = http_open(&direct, err);
	struct http_request r = *how;
	char url[100];
	int got;

	assert_non_null(h);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/a/../b%%20=//c?x=%%2F&y=", s->port);
	r.url = url;
	got = http_do(h, &r, a, err);
	http_close(h);
	return got;
}

static void what_is_sent_is_what_was_given(void **state)
{
	static const char *const headers[] = {"Host: example.com", "x-amz-meta-a: b c"};
	struct http_request r = {.method = "PUT", .headers = headers, .n_headers = 2, .body = SLICE_LIT("hello")};
	struct http_answer a = HTTP_ANSWER_INIT;
	struct err err = ERR_INIT;
	struct server s;

	(void)state;
	start(&s, "HTTP/1.1 100 Continue\r\nX-No: 1\r\n\r\nHTTP/1.1 200 OK\r\nETag:  \"x\" \r\nContent-Length: "
		  "2\r\n\r\nok");
	assert_int_equal(ask(&s, &r, &a, &err), 0);
	assert_int_equal(a.status, 200);
	assert_string_equal(buf_cstr(&a.body), "ok");
	assert_true(slice_eq(http_header(&a, "etag"), SLICE_LIT("\"x\"")));
	assert_null(http_header(&a, "x-no").p);
	assert_string_equal(s.request.p, "PUT /a/../b%20=//c?x=%2F&y= HTTP/1.1\r\nHost: example.com\r\n"
					 "User-Agent: tlm-test\r\nx-amz-meta-a: b c\r\nContent-Length: 5\r\n\r\nhello");
	stop(&s);
	http_answer_release(&a);
}

static void a_file_is_a_body(void **state)
{
	FILE *f = tmpfile();
	struct http_request r = {.method = "POST", .fd = fileno(f), .fd_offset = 2, .fd_len = 3};
	struct http_answer a = HTTP_ANSWER_INIT;
	struct err err = ERR_INIT;
	struct server s;

	(void)state;
	fputs("0123456", f);
	fflush(f);
	start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(ask(&s, &r, &a, &err), 0);
	assert_non_null(strstr(s.request.p, "POST "));
	assert_non_null(strstr(s.request.p, "Content-Length: 3\r\n\r\n234"));
	assert_null(strstr(s.request.p, "Content-Type"));
	stop(&s);
	r.fd_len = 9;
	start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(ask(&s, &r, &a, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	stop(&s);
	http_answer_release(&a);
	fclose(f);
}

static void redirects_are_answers(void **state)
{
	struct http_request r = {.method = "GET"};
	struct http_answer a = HTTP_ANSWER_INIT;
	struct err err = ERR_INIT;
	struct server s;

	(void)state;
	start(&s, "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 1\r\n\r\nx");
	assert_int_equal(ask(&s, &r, &a, &err), 0);
	assert_int_equal(a.status, 307);
	assert_true(slice_eq(http_header(&a, "LOCATION"), SLICE_LIT("http://127.0.0.1:1/")));
	stop(&s);
	http_answer_release(&a);
}

static void what_breaks_off_is_unreachable(void **state)
{
	static const char *const answers[] = {"", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "HTTP/1.1 2"};
	struct http_request r = {.method = "PUT", .body = SLICE_LIT("hello")};
	struct http_answer a = HTTP_ANSWER_INIT;
	struct server s;

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct err err = ERR_INIT;

		start(&s, answers[i]);
		assert_int_equal(ask(&s, &r, &a, &err), -1);
		assert_int_equal(err.code, ERR_UNREACHABLE);
		assert_true(a.is_sent);
		assert_int_equal(a.status, 0);
		stop(&s);
	}
	http_answer_release(&a);
}

static void nobody_there_was_not_sent(void **state)
{
	struct http_request r = {.method = "GET"};
	struct http_answer a = HTTP_ANSWER_INIT;
	struct server s = {.port = 1};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ask(&s, &r, &a, &err), -1);
	assert_int_equal(err.code, ERR_UNREACHABLE);
	assert_false(a.is_sent);
	http_answer_release(&a);
}

/* A server may refuse before it has read all of a large body. */
static void an_early_answer_is_an_answer(void **state)
{
	size_t len = 64 << 20;
	char *big = calloc(1, len);
	struct http_request r = {.method = "PUT", .body = {big, len}};
	struct http_answer a = HTTP_ANSWER_INIT;
	struct err err = ERR_INIT;
	struct server s;

	(void)state;
	start(&s, "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
	s.read_max = 1000;
	assert_int_equal(ask(&s, &r, &a, &err), 0);
	assert_int_equal(a.status, 403);
	stop(&s);
	http_answer_release(&a);
	free(big);
}

static bool at_once(void *ctx)
{
	(void)ctx;
	return true;
}

static int refuse(void *ctx, const void *p, size_t len, struct err *err)
{
	(void)ctx;
	(void)p;
	(void)len;
	return err_set(err, ERR_IO, "enough");
}

static void the_caller_may_end_it(void **state)
{
	struct http_opts opts = direct;
	struct http_request r = {.method = "GET", .take = refuse};
	struct http_answer a = HTTP_ANSWER_INIT;
	struct err err = ERR_INIT;
	struct http *h;
	struct server s;

	(void)state;
	start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
	assert_int_equal(ask(&s, &r, &a, &err), -1);
	assert_string_equal(err.msg, "enough");
	stop(&s);
	opts.is_cancelled = at_once;
	h = http_open(&opts, &err);
	err_reset(&err);
	r.url = "http://127.0.0.1:1/";
	assert_int_equal(http_do(h, &r, &a, &err), -1);
	assert_int_equal(err.code, ERR_UNREACHABLE);
	http_close(h);
	http_answer_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_is_what_was_given),
		cmocka_unit_test(a_file_is_a_body),
		cmocka_unit_test(redirects_are_answers),
		cmocka_unit_test(what_breaks_off_is_unreachable),
		cmocka_unit_test(nobody_there_was_not_sent),
		cmocka_unit_test(an_early_answer_is_an_answer),
		cmocka_unit_test(the_caller_may_end_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
