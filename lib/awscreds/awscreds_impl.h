/* awscreds_impl: what the files of this module share. Private. */
#ifndef TLM_AWSCREDS_IMPL_H
#define TLM_AWSCREDS_IMPL_H

#include <pthread.h>

#include "awscreds/awscreds.h"
#include "http/http.h"

struct awscreds {
	const struct awsconf *conf;
	const char *user_agent;
	pthread_mutex_t lock;
	struct awscreds_key key; /* method NULL: none yet */
	bool is_expired;         /* the server said so */
};

/* A request to a service that gives keys, and how patient it is. */
struct awscreds_question {
	struct http_request request;
	const char *what; /* for messages: "STS" */
	int tries;
	int64_t timeout_us;
	bool is_direct; /* no proxy */
};

/* Asks, and again after an answer of 5xx or none, with a short wait between. 0 with an answer of status 200, or -1. */
int awscreds_ask(const struct awscreds *c, const struct awscreds_question *q, struct http_answer *a, struct err *err);

/* Fills the key from the JSON of a process, a container or the metadata service; token: "Token" or "SessionToken". */
int awscreds_take_json(
	struct awscreds_key *key, struct slice json, const char *token, const char *what, struct err *err);

/* "2019-05-29T00:21:43Z" */
int awscreds_take_expiry(struct awscreds_key *key, struct slice text, const char *what, struct err *err);

/* ---- each gives a key: 0, or -1 ---- */

int awscreds_run_process(const char *command, struct awscreds_key *key, struct err *err);
int awscreds_ask_container(const struct awscreds *c, struct awscreds_key *key, struct err *err);
int awscreds_ask_imds(const struct awscreds *c, struct awscreds_key *key, struct err *err);

/* A role with the key of its source, by the settings of a profile. */
int awscreds_assume_role(const struct awscreds *c, const char *profile, const struct awscreds_key *source,
	struct awscreds_key *key, struct err *err);
int awscreds_take_web_identity(const struct awscreds *c, const char *role, const char *token_file, const char *session,
	struct awscreds_key *key, struct err *err);

/* The whole of a small file. 0, or -1. */
int awscreds_read_file(const char *path, struct buf *out, struct err *err);

#endif
