/*
 * sigv4: AWS Signature Version 4 as one function of a request, a key and a time, and the percent-encoding that it
 * shares with the URL that is sent.
 *
 * What is signed is what is sent: the caller gives path and query as plain bytes, and sends just what sigv4_add_path()
 * and sigv4_add_query() make of them; and it sends no header that it gave here in another form. A path is not
 * normalised ("a//b", "a/../b" are keys of objects), as S3 wants it.
 *
 * Memory: nothing is kept; results are appended to the caller's bufs. Thread safe.
 */
#ifndef TLM_SIGV4_H
#define TLM_SIGV4_H

#include <stddef.h>

#include "buf/buf.h"

enum { SIGV4_DATE_BYTES = 16 }; /* "20150830T123600Z" */

struct sigv4_key {
	struct slice id, secret;
};

/* A header, or a parameter of the query. */
struct sigv4_pair {
	struct slice name, value;
};

struct sigv4_request {
	struct slice method;              /* "PUT" */
	struct slice path;                /* plain bytes, begins with '/' */
	const struct sigv4_pair *query;   /* plain bytes, in any order */
	const struct sigv4_pair *headers; /* all that are to be signed, host and x-amz-date among them, in any order;
					     one whose name is there before is joined to it */
	size_t n_query, n_headers;
	struct slice payload; /* what x-amz-content-sha256 says */
	struct slice date;    /* what x-amz-date says, SIGV4_DATE_BYTES */
	struct slice region, service;
};

/* Appends the value of the header Authorization. canonical, if not NULL, gets the canonical request. */
void sigv4_sign(
	const struct sigv4_request *r, const struct sigv4_key *key, struct buf *authorization, struct buf *canonical);

/* Appends the bytes, each but A-Z a-z 0-9 - . _ ~ as %XX. */
void sigv4_encode(struct buf *out, struct slice bytes);

/* The same, with '/' left as it is. */
void sigv4_add_path(struct buf *out, struct slice path);

/* "a=1&b=" in the order that is signed. */
void sigv4_add_query(struct buf *out, const struct sigv4_pair *query, size_t n_query);

#endif
