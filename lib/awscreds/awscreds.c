#include "awscreds/awscreds_impl.h"

#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "mem/mem.h"

enum { ROLES_MAX = 8 }; /* of a chain of source profiles */

/* ---- keys ---- */

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_release(b);
}

void awscreds_key_release(struct awscreds_key *key)
{
	wipe(&key->id);
	wipe(&key->secret);
	wipe(&key->token);
	*key = (struct awscreds_key){.method = NULL};
}

static void copy(struct buf *to, const struct buf *from)
{
	buf_reset(to);
	buf_add_slice(to, buf_slice(from));
}

static void copy_key(struct awscreds_key *to, const struct awscreds_key *from)
{
	copy(&to->id, &from->id);
	copy(&to->secret, &from->secret);
	copy(&to->token, &from->token);
	to->method = from->method;
	to->has_expiry = from->has_expiry;
	to->expires_us = from->expires_us;
}

static void take_static(
	struct awscreds_key *key, const char *id, const char *secret, const char *token, const char *method)
{
	buf_add_str(&key->id, id);
	buf_add_str(&key->secret, secret);
	if (token)
		buf_add_str(&key->token, token);
	key->method = method;
}

/* ---- where a key may come from: each 1 when it gave one, 0 when it does not apply, -1 ---- */

static int from_env(struct awscreds_key *key, struct err *err)
{
	const char *id = awsconf_env("AWS_ACCESS_KEY_ID"), *secret = awsconf_env("AWS_SECRET_ACCESS_KEY");

	if (!id)
		return 0;
	if (!secret)
		return err_set(err, ERR_PROGRAM, "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not");
	take_static(key, id, secret, awsconf_env("AWS_SESSION_TOKEN"), "env");
	return 1;
}

static int from_file(const struct awscreds *c, enum awsconf_from from, const char *profile, struct awscreds_key *key,
	struct err *err)
{
	const char *id = awsconf_get(c->conf, from, profile, "aws_access_key_id");
	const char *secret = awsconf_get(c->conf, from, profile, "aws_secret_access_key");

	if (!id)
		return 0;
	if (!secret)
		return err_set(err, ERR_PROGRAM,
			"the profile '%.80s' has aws_access_key_id, but no aws_secret_access_key", profile);
	take_static(key, id, secret, awsconf_get(c->conf, from, profile, "aws_session_token"),
		from == AWSCONF_CREDENTIALS ? "credentials-file" : "config-file");
	return 1;
}

static int from_process(const struct awscreds *c, const char *profile, struct awscreds_key *key, struct err *err)
{
	const char *command = awsconf_get(c->conf, AWSCONF_ANY, profile, "credential_process");

	if (!command)
		return 0;
	key->method = "process";
	return awscreds_run_process(command, key, err) < 0 ? -1 : 1;
}

/* Variables count only where a profile was not given by option, and never for a source profile. */
static int from_web_identity(
	const struct awscreds *c, const char *profile, bool has_env, struct awscreds_key *key, struct err *err)
{
	const char *file = has_env ? awsconf_env("AWS_WEB_IDENTITY_TOKEN_FILE") : NULL;
	const char *role = has_env ? awsconf_env("AWS_ROLE_ARN") : NULL;
	const char *session = has_env ? awsconf_env("AWS_ROLE_SESSION_NAME") : NULL;

	if (!file)
		file = awsconf_get(c->conf, AWSCONF_ANY, profile, "web_identity_token_file");
	if (!file)
		return 0;
	if (!role)
		role = awsconf_get(c->conf, AWSCONF_ANY, profile, "role_arn");
	if (!session)
		session = awsconf_get(c->conf, AWSCONF_ANY, profile, "role_session_name");
	if (!role)
		return err_set(err, ERR_PROGRAM, "there is a web identity token file, but no role_arn or AWS_ROLE_ARN");
	key->method = "web-identity";
	return awscreds_take_web_identity(c, role, file, session, key, err) < 0 ? -1 : 1;
}

static int refuse_sso(const struct awscreds *c, const char *profile, struct err *err)
{
	if (!awsconf_get(c->conf, AWSCONF_ANY, profile, "sso_session") &&
		!awsconf_get(c->conf, AWSCONF_ANY, profile, "sso_start_url") &&
		!awsconf_get(c->conf, AWSCONF_ANY, profile, "login_session"))
		return 0;
	return err_set(err, ERR_PROGRAM,
		"the profile '%.60s' signs in by a browser; use credential_process = aws configure export-credentials "
		"--profile ...",
		profile);
}

/* What a profile says without a role. */
static int from_profile(
	const struct awscreds *c, const char *profile, bool has_env, struct awscreds_key *key, struct err *err)
{
	int got = from_web_identity(c, profile, has_env, key, err);

	if (got == 0)
		got = from_file(c, AWSCONF_CREDENTIALS, profile, key, err);
	if (got == 0)
		got = from_process(c, profile, key, err);
	if (got == 0)
		got = from_file(c, AWSCONF_CONFIG, profile, key, err);
	return got ? got : refuse_sso(c, profile, err);
}

static int from_container(const struct awscreds *c, struct awscreds_key *key, struct err *err)
{
	if (!awsconf_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") &&
		!awsconf_env("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
		return 0;
	key->method = "container";
	return awscreds_ask_container(c, key, err) < 0 ? -1 : 1;
}

static int from_imds(const struct awscreds *c, struct awscreds_key *key, struct err *err)
{
	const char *off = awsconf_env("AWS_EC2_METADATA_DISABLED");

	if (off && strcasecmp(off, "true") == 0)
		return 0;
	key->method = "imds";
	return awscreds_ask_imds(c, key, err) < 0 ? -1 : 1;
}

static int from_source(
	const struct awscreds *c, const char *profile, const char *source, struct awscreds_key *key, struct err *err)
{
	int got = 0;

	if (strcmp(source, "Environment") == 0)
		got = from_env(key, err);
	else if (strcmp(source, "EcsContainer") == 0)
		got = from_container(c, key, err);
	else if (strcmp(source, "Ec2InstanceMetadata") == 0)
		got = from_imds(c, key, err);
	if (got == 0)
		return err_set(err, ERR_PROGRAM, "the profile '%.60s': credential_source = %.40s gives no credentials",
			profile, source);
	return got;
}

static bool has_role(const struct awscreds *c, const char *profile)
{
	return awsconf_get(c->conf, AWSCONF_ANY, profile, "role_arn") &&
	       !awsconf_get(c->conf, AWSCONF_ANY, profile, "web_identity_token_file");
}

/* The key that a role is taken with: its source may be a role in its turn, or the profile itself with a key. */
static int from_role(
	const struct awscreds *c, const char *profile, int depth, struct awscreds_key *key, struct err *err)
{
	const char *source = awsconf_get(c->conf, AWSCONF_ANY, profile, "source_profile");
	const char *service = awsconf_get(c->conf, AWSCONF_ANY, profile, "credential_source");
	struct awscreds_key with = AWSCREDS_KEY_INIT;
	int got;

	if (!has_role(c, profile))
		return 0;
	if (!source == !service)
		return err_set(err, ERR_PROGRAM,
			"the profile '%.80s' has role_arn: it needs one of source_profile and "
			"credential_source",
			profile);
	if (source && !awsconf_has_profile(c->conf, source))
		return err_set(err, ERR_PROGRAM, "the profile '%.60s' names source_profile %.60s, which is not there",
			profile, source);
	if (depth == ROLES_MAX)
		return err_set(err, ERR_PROGRAM, "the source_profile of '%.80s' leads in a circle", profile);
	if (service)
		got = from_source(c, profile, service, &with, err);
	else if (has_role(c, source) && !awsconf_get(c->conf, AWSCONF_ANY, source, "aws_access_key_id"))
		got = from_role(c, source, depth + 1, &with, err);
	else
		got = from_profile(c, source, false, &with, err);
	if (got == 0)
		got = err_set(err, ERR_PROGRAM, "the source profile '%.80s' has no credentials", source);
	if (got > 0)
		got = awscreds_assume_role(c, profile, &with, key, err) < 0 ? -1 : 1;
	awscreds_key_release(&with);
	key->method = "assume-role";
	return got;
}

static int fetch(const struct awscreds *c, struct awscreds_key *key, struct err *err)
{
	const char *profile = awsconf_profile(c->conf);
	bool has_env = !awsconf_is_profile_option(c->conf);
	struct err imds = ERR_INIT;
	int got = has_env ? from_env(key, err) : 0;

	if (got == 0)
		got = from_role(c, profile, 0, key, err);
	if (got == 0)
		got = from_profile(c, profile, has_env, key, err);
	if (got == 0)
		got = from_container(c, key, err);
	if (got)
		return got < 0 ? -1 : 0;
	got = from_imds(c, key, &imds);
	if (got > 0)
		return 0;
	return err_set(err, ERR_PROGRAM,
		"no credentials: AWS_ACCESS_KEY_ID is not set, the profile '%.40s' has none%s%.60s", profile,
		got < 0 ? "; " : "", got < 0 ? imds.msg : "");
}

/* ---- the key in use ---- */

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool is_good(const struct awscreds *c, int64_t ahead_us)
{
	return c->key.method && !c->is_expired && (!c->key.has_expiry || now_us() < c->key.expires_us - ahead_us);
}

/* Ahead of its end a key that cannot be replaced just now goes on being used. */
static int renew(struct awscreds *c, struct err *err)
{
	struct awscreds_key key = AWSCREDS_KEY_INIT;
	struct err first = ERR_INIT;

	if (fetch(c, &key, &first) == 0) {
		awscreds_key_release(&c->key);
		c->key = key;
		c->is_expired = false;
		return 0;
	}
	awscreds_key_release(&key);
	if (is_good(c, 0))
		return 0;
	*err = first;
	return -1;
}

int awscreds_get(struct awscreds *c, struct awscreds_key *key, struct err *err)
{
	int got = 0;

	pthread_mutex_lock(&c->lock);
	if (!is_good(c, AWSCREDS_AHEAD_US))
		got = renew(c, err);
	if (got == 0)
		copy_key(key, &c->key);
	pthread_mutex_unlock(&c->lock);
	return got;
}

bool awscreds_expire(struct awscreds *c, struct slice id)
{
	bool can_change;

	pthread_mutex_lock(&c->lock);
	can_change = c->key.method && strcmp(c->key.method, "env") != 0;
	if (can_change && slice_eq(buf_slice(&c->key.id), id))
		c->is_expired = true;
	pthread_mutex_unlock(&c->lock);
	return can_change;
}

struct awscreds *awscreds_open(const struct awsconf *conf, const char *user_agent)
{
	struct awscreds *c = mem_alloc(1, sizeof *c);

	c->conf = conf;
	c->user_agent = user_agent;
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void awscreds_close(struct awscreds *c)
{
	if (!c)
		return;
	awscreds_key_release(&c->key);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
