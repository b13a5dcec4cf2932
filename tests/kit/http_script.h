/*
 * http_script: a server on 127.0.0.1 inside a test, whose answers a function gives: it gets the whole request and
 * returns the bytes of the answer, without its Content-Length, or NULL to break off. Connections stay open; each has a
 * thread, so an answer may wait for another. Close the clients before script_stop(). Memory: script_stop() frees.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf/buf.h"

enum { SCRIPT_CONNECTIONS_MAX = 32 };

typedef const char *script_fn(void *ctx, const char *request);

struct script {
	char url[40];
	script_fn *answer;
	void *ctx;
	pthread_mutex_t lock;
	struct buf requests; /* all, one behind the other, NUL-terminated */
	int n_requests;
	/* private */
	int fd;
	pthread_t thread, threads[SCRIPT_CONNECTIONS_MAX];
	int fds[SCRIPT_CONNECTIONS_MAX], n_connections;
};

static bool script_read(int fd, struct buf *request)
{
	const char *end = NULL, *len;

	buf_reset(request);
	for (;;) {
		ssize_t n;

		if (request->len)
			end = strstr(buf_cstr(request), "\r\n\r\n");
		len = end ? strcasestr(request->p, "content-length:") : NULL;
		if (end && request->len >= (size_t)(end + 4 - request->p) + (len ? strtoull(len + 15, NULL, 10) : 0))
			return true;
		n = read(fd, buf_reserve(request, 65536), 65535);
		if (n <= 0)
			return false;
		request->len += (size_t)n;
	}
}

/*
 * The answer to a HEAD has the length of a body that is not there. One whose head does not end breaks off there. False:
 * the connection ends.
 */
static bool script_write(int fd, const char *answer, const char *request)
{
	const char *body = strstr(answer, "\r\n\r\n");
	struct buf out = BUF_INIT;
	bool is_good;

	if (!body) {
		assert_int_equal(write(fd, answer, strlen(answer)), strlen(answer));
		return false;
	}
	body += 2;
	buf_add(&out, answer, (size_t)(body - answer));
	buf_addf(&out, "Content-Length: %zu\r\n%s", strlen(body + 2), memcmp(request, "HEAD", 4) == 0 ? "\r\n" : body);
	is_good = write(fd, out.p, out.len) == (ssize_t)out.len;
	buf_release(&out);
	return is_good;
}

struct script_connection {
	struct script *script;
	int fd;
};

static void *script_serve(void *ctx)
{
	struct script_connection c = *(struct script_connection *)ctx;
	struct buf request = BUF_INIT;
	const char *answer = "";

	free(ctx);
	while (answer && script_read(c.fd, &request)) {
		pthread_mutex_lock(&c.script->lock);
		buf_add(&c.script->requests, request.p, request.len);
		buf_cstr(&c.script->requests);
		c.script->n_requests++;
		pthread_mutex_unlock(&c.script->lock);
		answer = c.script->answer(c.script->ctx, request.p);
		if (answer && !script_write(c.fd, answer, request.p))
			answer = NULL;
	}
	shutdown(c.fd, SHUT_RDWR);
	buf_release(&request);
	return NULL;
}

static void *script_accept(void *ctx)
{
	struct script *s = ctx;
	int fd;

	while (s->n_connections < SCRIPT_CONNECTIONS_MAX && (fd = accept(s->fd, NULL, NULL)) >= 0) {
		struct script_connection *c = malloc(sizeof *c);

		*c = (struct script_connection){s, fd};
		s->fds[s->n_connections] = fd;
		pthread_create(&s->threads[s->n_connections++], NULL, script_serve, c);
	}
	return NULL;
}

static void script_start(struct script *s, script_fn *answer, void *ctx)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;

	*s = (struct script){.answer = answer, .ctx = ctx, .fd = socket(AF_INET, SOCK_STREAM, 0)};
	pthread_mutex_init(&s->lock, NULL);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", ntohs(a.sin_port));
	assert_int_equal(pthread_create(&s->thread, NULL, script_accept, s), 0);
}

static void script_stop(struct script *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (int i = 0; i < s->n_connections; i++) {
		shutdown(s->fds[i], SHUT_RDWR);
		pthread_join(s->threads[i], NULL);
		close(s->fds[i]);
	}
	pthread_mutex_destroy(&s->lock);
	buf_release(&s->requests);
}

/* For the tests of a group: credentials, and nothing of the machine's own. */
static int script_environment(void **state)
{
	(void)state;
	setenv("AWS_ACCESS_KEY_ID", "test", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
	unsetenv("http_proxy");
	unsetenv("AWS_SESSION_TOKEN");
	unsetenv("AWS_PROFILE");
	return 0;
}
