/*
 * awsconf: what the aws command would be told by its options, the environment and the files ~/.aws/config and
 * ~/.aws/credentials: profiles, region, endpoints, addressing style, CA bundle. Names, forms and order are its own
 * (botocore's configloader, configprovider).
 *
 * A file is a list of sections of `key = value` lines; `#` and `;` begin a comment at the start of a line; a key
 * without a value has indented `key = value` lines of its own, which are read as "key.inner". The config file calls
 * its sections [default], [profile NAME] and [services NAME], the credentials file [NAME].
 *
 * Memory: everything returned is borrowed until awsconf_close(), which wipes it. Thread safe once opened.
 */
#ifndef TLM_AWSCONF_H
#define TLM_AWSCONF_H

#include <stdbool.h>

#include "buf/buf.h"
#include "err/err.h"

struct awsconf;

enum awsconf_from { AWSCONF_ANY, AWSCONF_CREDENTIALS, AWSCONF_CONFIG }; /* any: the credentials file first */

/* Options of the command line; NULL where one is not given. */
struct awsconf_opts {
	const char *profile, *region, *endpoint_url, *ca_bundle;
};

/*
 * Reads both files; one that is not there is empty. NULL with ERR_PROGRAM: a line that is none ("~/.aws/config:3:
 * expected 'key = value' or '[section]'"), or a profile that was asked for by name and is not there; ERR_IO.
 */
struct awsconf *awsconf_open(const struct awsconf_opts *opts, struct err *err);
void awsconf_close(struct awsconf *c); /* does nothing for NULL */

/* The profile in use, "default" if none was chosen; and whether the option chose it. */
const char *awsconf_profile(const struct awsconf *c);
bool awsconf_is_profile_option(const struct awsconf *c);

bool awsconf_has_profile(const struct awsconf *c, const char *profile);

/* A value of a profile ("region", "s3.addressing_style"), or NULL. */
const char *awsconf_get(const struct awsconf *c, enum awsconf_from from, const char *profile, const char *key);

/* A variable of the environment that is set and not empty, else NULL. */
const char *awsconf_env(const char *name);

/* --region, AWS_REGION, AWS_DEFAULT_REGION, the profile's; NULL: none. */
const char *awsconf_region(const struct awsconf *c);

/*
 * --endpoint-url (s3 only), AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's services section, its endpoint_url;
 * NULL: none, the service's own. service is "s3" or "sts".
 */
const char *awsconf_endpoint(const struct awsconf *c, const char *service);

/* --ca-bundle, AWS_CA_BUNDLE, the profile's ca_bundle; NULL: the system's. */
const char *awsconf_ca_bundle(const struct awsconf *c);

/* Appends "https://SERVICE.REGION.amazonaws.com", with the domain of the region's part of the world. */
void awsconf_add_endpoint(struct buf *out, const char *service, const char *region);

#endif
