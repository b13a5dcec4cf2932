/*
 * http: one request and its answer over libcurl, which is loaded by the first http_open(): linking it would cost every
 * start 9 ms. Only this module includes curl.h.
 *
 * What is sent is what the caller gives: the URL as it stands, the headers given, and of its own User-Agent and
 * Content-Length; no Expect, no Accept. Redirects are not followed, nothing is repeated, cookies and .netrc are not
 * read; the proxies of the environment (https_proxy, no_proxy) are used unless told not to.
 *
 * Memory: a handle keeps its connections open for the next request. One thread per handle; http_open() of the first
 * handle must have returned before other threads open theirs.
 */
#ifndef TLM_HTTP_H
#define TLM_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf/buf.h"
#include "err/err.h"

enum {
	HTTP_BODY_MAX_BYTES = 4 << 20, /* of an answer that is kept whole */
	HTTP_CONNECT_DEFAULT_US = 60000000,
	HTTP_READ_DEFAULT_US = 60000000
};

struct http;

struct http_opts {
	const char *user_agent;
	const char *ca_bundle;      /* certificates of authorities (PEM); NULL: the system's */
	int64_t connect_timeout_us; /* 0: the default, as for the next */
	int64_t read_timeout_us;    /* nothing moves for so long */
	bool is_direct;             /* no proxy */
	/* NULL, or asked now and then while a request runs: true ends it. From the handle's thread. */
	bool (*is_cancelled)(void *ctx);
	void *ctx;
};

/* NULL with ERR_IO: libcurl is not there. opts is copied, what it points to is borrowed. */
struct http *http_open(const struct http_opts *opts, struct err *err);
void http_close(struct http *h); /* does nothing for NULL */

struct http_request {
	const char *method;
	const char *url;
	const char *const *headers; /* "Name: value", n_headers */
	size_t n_headers;
	/* The body: body.len bytes, or those of a file. */
	struct slice body;
	int fd; /* read with pread(2) if body.p is NULL and fd_len is not 0 */
	off_t fd_offset;
	uint64_t fd_len;
	bool is_fresh; /* on a connection of its own: libcurl repeats what dies on one that was idle */
	/* NULL: the answer's body is kept in answer->body. Else it gets the body of a 2xx answer, piece by piece. */
	int (*take)(void *ctx, const void *p, size_t len, struct err *err);
	void *ctx;
};

/* Used for one request after the other; http_answer_release() frees. */
struct http_answer {
	int status; /* 0: there was none */
	struct buf body, headers;
	bool is_sent; /* the request, or a part of it, may have reached the server */
};

#define HTTP_ANSWER_INIT                                                                                               \
	{                                                                                                              \
		0, BUF_INIT, BUF_INIT, false                                                                           \
	}

/*
 * 0 when there is an answer, whatever its status. -1: ERR_UNREACHABLE (no connection, it broke off, it took too long,
 * it was cancelled), ERR_REFUSED (the certificate is not good, or no CA bundle can be read; a URL or answer that is
 * none), ERR_IO (the file of the body cannot be read), or what take() said.
 */
int http_do(struct http *h, const struct http_request *r, struct http_answer *a, struct err *err);

/* The value of a header of the answer, of any case; {NULL, 0} if there is none. */
struct slice http_header(const struct http_answer *a, const char *name);

void http_answer_release(struct http_answer *a);

#endif
