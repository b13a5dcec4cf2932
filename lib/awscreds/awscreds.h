/*
 * awscreds: the key that requests are signed with, found where and in the order in which the aws command finds it:
 *
 *     1. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN); not if --profile was given
 *     2. the profile's role_arn with source_profile or credential_source: one call of STS
 *     3. a web identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or the profile's
 *     4. the profile in the credentials file; its credential_process; the profile in the config file
 *     5. a container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI
 *     6. the metadata service of an EC2 instance, version 2 (IMDSv2)
 *
 * A key that expires is fetched anew five minutes before; if that fails it is used until it has expired. No secret is
 * in a message, on a command line or in the environment of a child that did not have it; memory is wiped.
 *
 * Thread safe: threads that ask while one fetches wait for it.
 */
#ifndef TLM_AWSCREDS_H
#define TLM_AWSCREDS_H

#include <stdbool.h>
#include <stdint.h>

#include "awsconf/awsconf.h"
#include "buf/buf.h"
#include "err/err.h"

enum { AWSCREDS_AHEAD_US = 300000000 };

struct awscreds;

/* A copy of a key; awscreds_key_release() wipes it. */
struct awscreds_key {
	struct buf id, secret, token; /* token: empty for none */
	const char *method; /* "env", "assume-role", "web-identity", "credentials-file", "process", "config-file",
			       "container", "imds"; a literal */
	bool has_expiry;
	int64_t expires_us; /* Unix time */
};

#define AWSCREDS_KEY_INIT                                                                                              \
	{                                                                                                              \
		BUF_INIT, BUF_INIT, BUF_INIT, NULL, false, 0                                                           \
	}

/* conf is borrowed, as is the name that requests go by. Nothing is fetched yet. */
struct awscreds *awscreds_open(const struct awsconf *conf, const char *user_agent);
void awscreds_close(struct awscreds *c); /* does nothing for NULL */

/*
 * Fills key with what is valid now. 0, or -1: ERR_PROGRAM (no credentials anywhere; a profile that is half there, asks
 * for a MFA code or for SSO), ERR_REFUSED (STS or a service said no), ERR_UNREACHABLE, ERR_IO (a token file, a
 * process).
 */
int awscreds_get(struct awscreds *c, struct awscreds_key *key, struct err *err);

/* The server says that the key of this id has expired: the next awscreds_get() fetches anew. false: it cannot be. */
bool awscreds_expire(struct awscreds *c, struct slice id);

void awscreds_key_release(struct awscreds_key *key);

#endif
