#include "bucket.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem/mem.h"

#define USER_AGENT "tlm/" TLM_VERSION

enum { EXTRA_MAX = 24 };

struct bucket {
	char *name;
	struct buf url, identity;
	const char *path;
	struct awsconf *conf;
	struct awscreds *creds;
	struct sigv4_pair extra[EXTRA_MAX];
	struct buf names[EXTRA_MAX]; /* those that are made here */
	size_t n_extra;
	struct s3 *s3;
};

/* ---- headers of each object ---- */

/* What would end the header, or does not come through unharmed, is refused. */
static int check_value(const char *option, struct slice value, struct err *err)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.p[i] < ' ' || value.p[i] > '~')
			return err_set(err, ERR_USAGE, "%s: only printable ASCII", option);
	}
	return 0;
}

static int add_header(struct bucket *b, const char *option, struct slice name, struct slice value, struct err *err)
{
	if (check_value(option, value, err) < 0)
		return -1;
	if (b->n_extra == EXTRA_MAX)
		return err_set(err, ERR_USAGE, "%s: too many", option);
	b->extra[b->n_extra++] = (struct sigv4_pair){name, value};
	return 0;
}

static int add_option(struct bucket *b, const char *option, const char *name, const char *value, struct err *err)
{
	if (value && !*value)
		return err_set(err, ERR_USAGE, "%s: the value is empty", option);
	return value ? add_header(b, option, slice_str(name), slice_str(value), err) : 0;
}

static int add_metadata(struct bucket *b, struct slice pair, struct err *err)
{
	const char *equals = pair.len ? memchr(pair.p, '=', pair.len) : NULL;
	size_t len = equals ? (size_t)(equals - pair.p) : 0;
	struct buf *name = &b->names[b->n_extra];

	if (b->n_extra == EXTRA_MAX)
		return err_set(err, ERR_USAGE, "--metadata: too many");
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)pair.p[i]) && !strchr("-_.", pair.p[i]))
			len = 0;
	}
	if (len == 0 || (len >= 4 && strncasecmp(pair.p, "tlm-", 4) == 0))
		return err_set(err, ERR_USAGE,
			"--metadata %.*s: write NAME=VALUE, NAME of letters, digits, '-', '_' and '.', "
			"not beginning with tlm-",
			(int)pair.len, pair.p);
	buf_add_str(name, "x-amz-meta-");
	for (size_t i = 0; i < len; i++)
		buf_add_char(name, (char)tolower((unsigned char)pair.p[i]));
	return add_header(b, "--metadata", buf_slice(name), (struct slice){equals + 1, pair.len - len - 1}, err);
}

static int add_metadata_list(struct bucket *b, const char *list, struct err *err)
{
	for (const char *p = list;; p++) {
		size_t len = strcspn(p, ",");

		if (add_metadata(b, (struct slice){p, len}, err) < 0)
			return -1;
		p += len;
		if (!*p)
			return 0;
	}
}

static int add_headers(struct bucket *b, const struct s3put_options *o, struct err *err)
{
	static const char *const sses[] = {"AES256", "aws:kms", "aws:kms:dsse"};

	if (o->sse_kms_key_id && o->sse < 1)
		return err_set(err, ERR_USAGE, "--sse-kms-key-id: goes with --sse aws:kms");
	if (add_option(b, "--sse", "x-amz-server-side-encryption", o->sse < 0 ? NULL : sses[o->sse], err) < 0 ||
		add_option(b, "--sse-kms-key-id", "x-amz-server-side-encryption-aws-kms-key-id", o->sse_kms_key_id,
			err) < 0 ||
		add_option(b, "--storage-class", "x-amz-storage-class", o->storage_class, err) < 0 ||
		add_option(b, "--tagging", "x-amz-tagging", o->tagging, err) < 0)
		return -1;
	for (size_t i = 0; i < o->metadata.n; i++) {
		if (add_metadata_list(b, o->metadata.items[i], err) < 0)
			return -1;
	}
	return 0;
}

/* ---- opening ---- */

/* The server and the bucket; a slash at the end of an endpoint says nothing. */
static void add_identity(struct bucket *b)
{
	const char *endpoint = awsconf_endpoint(b->conf, "s3");

	buf_add_str(&b->identity, endpoint ? endpoint : "aws");
	while (b->identity.p[b->identity.len - 1] == '/')
		b->identity.len--;
	buf_addf(&b->identity, " %s", b->url.p);
	buf_cstr(&b->identity);
}

static int open_s3(struct bucket *b, const struct s3put_options *o, struct err *err)
{
	struct awsconf_opts conf = {o->profile, o->region, o->endpoint_url, o->ca_bundle};
	struct s3_opts opts = {.bucket = b->name,
		.user_agent = USER_AGENT,
		.style = (enum s3_style)o->addressing_style,
		.connect_timeout_us = o->connect_s * 1000000,
		.read_timeout_us = o->read_s * 1000000,
		.give_up_us = o->give_up_us,
		.checksum = (enum s3_checksum)o->checksum,
		.threshold_bytes = o->threshold_bytes,
		.chunk_bytes = o->chunk_bytes,
		.extra = b->extra,
		.n_extra = b->n_extra};

	b->conf = awsconf_open(&conf, err);
	if (!b->conf)
		return -1;
	b->creds = awscreds_open(b->conf, USER_AGENT);
	opts.conf = b->conf;
	opts.creds = b->creds;
	b->s3 = s3_open(&opts, err);
	if (!b->s3)
		return -1;
	add_identity(b);
	return 0;
}

struct bucket *bucket_open(const struct place *place, const struct s3put_options *o, struct err *err)
{
	struct bucket *b = mem_alloc(1, sizeof *b);
	size_t len = strcspn(place->path, "/");

	b->name = mem_dup(place->path, len);
	b->path = place->path[len] ? place->path + len : "/";
	buf_addf(&b->url, "s3://%s", b->name);
	buf_cstr(&b->url);
	if (add_headers(b, o, err) == 0 && open_s3(b, o, err) == 0)
		return b;
	bucket_close(b);
	return NULL;
}

void bucket_close(struct bucket *b)
{
	if (!b)
		return;
	s3_close(b->s3);
	awscreds_close(b->creds);
	awsconf_close(b->conf);
	for (size_t i = 0; i < EXTRA_MAX; i++)
		buf_release(&b->names[i]);
	buf_release(&b->url);
	buf_release(&b->identity);
	free(b->name);
	free(b);
}

/* ---- asking ---- */

const char *bucket_url(const struct bucket *b)
{
	return b->url.p;
}

const char *bucket_path(const struct bucket *b)
{
	return b->path;
}

/* The same bucket of another server is another destination. */
const char *bucket_identity(const struct bucket *b)
{
	return b->identity.p;
}

struct s3 *bucket_s3(const struct bucket *b)
{
	return b->s3;
}

int bucket_add_spool(struct buf *out, struct err *err)
{
	const char *state = awsconf_env("XDG_STATE_HOME"), *home = awsconf_env("HOME");

	if (!home && !(state && *state == '/'))
		return err_set(
			err, ERR_USAGE, "no HOME and no XDG_STATE_HOME: say where objects wait with --spool DIR");
	if (state && *state == '/')
		buf_addf(out, "%s/tlm/spool", state);
	else
		buf_addf(out, "%s/.local/state/tlm/spool", home);
	buf_cstr(out);
	return 0;
}
