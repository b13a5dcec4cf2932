/*
 * s3: the objects of one bucket in S3 or anything that speaks it. Each request is signed (sigv4), its payload's hash
 * always; what is sent over libcurl (http) is what was signed.
 *
 * How answers are judged. No connection, 408, 429, 5xx, SlowDown and the like are tried again, after a wait chosen at
 * random up to a limit that doubles (full jitter; Brooker, "Exponential Backoff And Jitter", 2015), not shorter than
 * Retry-After, until give_up_us have passed since the first failure: ERR_UNREACHABLE. Where nobody knows whether the
 * server did what was asked (it broke off, 500) it is looked up before it is asked again. Once in a request each:
 * expired credentials are fetched anew, the clock is corrected by the server's, a bucket in another region is asked for
 * there (within the endpoint that was configured; a Location is never followed). An error inside a 200 is an error. All
 * else is final: ERR_REFUSED.
 *
 * Threads: `struct s3` is shared; each thread has its own session, which keeps its connection.
 */
#ifndef TLM_S3_H
#define TLM_S3_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "awsconf/awsconf.h"
#include "awscreds/awscreds.h"
#include "buf/buf.h"
#include "err/err.h"
#include "http/http.h"
#include "sigv4/sigv4.h"

enum s3_checksum { S3_SHA256, S3_CRC32C };
enum s3_style { S3_STYLE_AUTO, S3_STYLE_PATH, S3_STYLE_VIRTUAL };

enum { S3_GIVE_UP_DEFAULT_US = 600000000, S3_KEY_MAX_BYTES = 1024, S3_PARTS_MAX = 10000 };
#define S3_THRESHOLD_DEFAULT_BYTES (UINT64_C(64) << 20)
#define S3_CHUNK_DEFAULT_BYTES (UINT64_C(16) << 20)
#define S3_CHUNK_MIN_BYTES (UINT64_C(5) << 20)

struct s3_opts {
	const char *bucket;
	const struct awsconf *conf; /* region, endpoint, CA bundle */
	struct awscreds *creds;
	const char *user_agent;
	enum s3_style style; /* auto: s3.addressing_style of the profile; else path style at a configured endpoint or
				for a bucket that is no name of a host, virtual-host style elsewhere */
	int64_t connect_timeout_us, read_timeout_us; /* 0: the defaults of http.h */
	int64_t give_up_us;
	enum s3_checksum checksum;      /* which x-amz-checksum- is sent with an object */
	uint64_t threshold_bytes;       /* a longer object is stored in parts */
	uint64_t chunk_bytes;           /* of a part; more where there would be more than S3_PARTS_MAX */
	const struct sigv4_pair *extra; /* headers of each new object: x-amz-storage-class, x-amz-meta-... */
	size_t n_extra;
};

struct s3;
struct s3_session;

/* All borrowed. NULL with ERR_USAGE: an endpoint or bucket that is none. Nothing is asked yet. */
struct s3 *s3_open(const struct s3_opts *opts, struct err *err);
void s3_close(struct s3 *s3); /* does nothing for NULL; after its sessions */

/* What runs ends soon with ERR_UNREACHABLE, as does what begins later. From any thread. */
void s3_cancel(struct s3 *s3);

/* Appends what is worth telling, a line each, and forgets it ("the clock of this machine is 20 minutes ahead ..."). */
bool s3_take_notes(struct s3 *s3, struct buf *out);

/* NULL with ERR_IO: no libcurl. The first session must be open before other threads open theirs. */
struct s3_session *s3_session_open(struct s3 *s3, struct err *err);
void s3_session_close(struct s3_session *s); /* does nothing for NULL */

/* ---- storing ---- */

struct s3_put {
	struct slice key;
	int fd; /* the bytes are those of this file from its start */
	uint64_t len;
	const char *sha256; /* of them, in hexadecimal */
	const char *content_type;
	const struct sigv4_pair *meta; /* "x-amz-meta-...": value */
	size_t n_meta;
	size_t proof; /* which of them is equal just if the object is */
};

/* What the server says of an object; s3_info_release() frees. */
struct s3_info {
	uint64_t len;
	struct http_answer answer; /* its headers */
};

#define S3_INFO_INIT                                                                                                   \
	{                                                                                                              \
		0, HTTP_ANSWER_INIT                                                                                    \
	}

void s3_info_release(struct s3_info *info);

/*
 * Stores an object unless there is one of that key. 0: stored; 1: it was there already with the same proof, *info tells
 * of it; -1: ERR_REFUSED (one with another proof is there, among others), ERR_UNREACHABLE, ERR_IO, ERR_PROGRAM (no
 * credentials).
 */
int s3_put(struct s3_session *s, const struct s3_put *put, struct s3_info *info, struct err *err);

/* ---- looking ---- */

/* 1 and *info, 0 when there is no such object, -1. */
int s3_head(struct s3_session *s, struct slice key, struct s3_info *info, struct err *err);

/* Gives its bytes to take(). 1, 0 when there is no such object, -1. Not tried again once bytes have come. */
int s3_get(struct s3_session *s, struct slice key, int (*take)(void *ctx, const void *p, size_t len, struct err *err),
	void *ctx, struct err *err);

/* Each object whose key begins with prefix, in the order of keys as bytes. 0, or -1 (also what found() said). */
typedef int s3_found_fn(void *ctx, struct slice key, uint64_t len, struct err *err);
int s3_list(struct s3_session *s, struct slice prefix, s3_found_fn *found, void *ctx, struct err *err);

/* 0 also when there is no such object. */
int s3_delete(struct s3_session *s, struct slice key, struct err *err);

/* Aborts what uploads in parts for just this key were begun and not ended; 0, or -1. */
int s3_abort_stale(struct s3_session *s, struct slice key, struct err *err);

#endif
