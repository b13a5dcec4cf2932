/* s3_impl: what the files of this module share. Private. */
#ifndef TLM_S3_IMPL_H
#define TLM_S3_IMPL_H

#include <pthread.h>

#include "s3/s3.h"

struct s3 {
	struct s3_opts opts;
	char *scheme, *host; /* of the configured endpoint; host NULL: the region's own */
	bool is_path_style;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	char *region;
	int64_t skew_us; /* the server's clock less ours */
	struct buf notes;
	bool is_outage_told;
	bool is_cancelled;
};

struct s3_session {
	struct s3 *s3;
	struct http *http;
	struct http_answer answer; /* of the last request */
	uint64_t random;           /* state of the generator for waits */
	/* of the request that is built */
	struct awscreds_key key;
	struct buf host, path, url, lines, authorization, region, code;
	int64_t skew_us; /* of the clock it was signed with */
};

/* What becomes of a request. */
enum {
	S3_OK = 0,
	S3_NOT_FOUND = 1, /* 404, but not of the bucket */
	S3_EXISTS = 2,    /* 412 */
	S3_UNSURE = 3     /* it may have been done or not; waited for already */
};

struct s3_call {
	const char *method;
	struct slice key; /* empty: the bucket */
	const struct sigv4_pair *query, *headers;
	size_t n_query, n_headers;
	struct slice body;
	int fd; /* see http.h */
	off_t fd_offset;
	uint64_t fd_len;
	const char *payload; /* SHA-256 of the body in hexadecimal; NULL: of body, which is then hashed */
	int (*take)(void *ctx, const void *p, size_t len, struct err *err);
	void *ctx;
	bool is_repeatable; /* may be asked again when nobody knows whether it was done */
	bool is_fresh;
};

/* How often and how long a thing was tried; one for all requests that it takes. */
struct s3_patience {
	int64_t first_us; /* of the first failure, monotonic; 0: none yet */
	unsigned failures, corruptions;
	bool has_refreshed, has_moved, has_set_clock;
};

/* Asks until there is an answer that is final. One of the above, or -1. */
int s3_ask(struct s3_session *s, const struct s3_call *call, struct s3_patience *patience, struct err *err);

/* Waits before the next try; -1 with ERR_UNREACHABLE and what `last` says when it was long enough. */
int s3_wait(
	struct s3_session *s, struct s3_patience *patience, int64_t least_us, const struct err *last, struct err *err);

void s3_note(struct s3 *s3, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "s3://BUCKET/KEY: WHAT", the key cut if it is long. Returns -1. */
int s3_fail(const struct s3_session *s, struct slice key, enum err_code code, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* The end of s3_put(): something is there. 0: not any more; 1 with *info: the same; -1: other. */
int s3_compare(struct s3_session *s, const struct s3_put *put, struct s3_patience *patience, struct s3_info *info,
	struct err *err);

int s3_head_patiently(
	struct s3_session *s, struct slice key, struct s3_patience *patience, struct s3_info *info, struct err *err);

int s3_put_parts(struct s3_session *s, const struct s3_put *put, struct s3_info *info, struct err *err);

enum { S3_HEADERS_MAX = 48 };

/* The headers of a new object, without its length and checksum. The number of them. */
size_t s3_object_headers(
	const struct s3_session *s, const struct s3_put *put, struct sigv4_pair headers[S3_HEADERS_MAX]);

#endif
