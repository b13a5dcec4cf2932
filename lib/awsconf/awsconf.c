#include "awsconf/awsconf.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "mem/mem.h"

struct entry {
	enum awsconf_from from;
	bool is_service; /* of [services NAME] */
	char *section, *key, *value;
};

struct awsconf {
	struct awsconf_opts opts;
	struct entry *entries;
	size_t n_entries;
	const char *profile;
};

/* ---- reading a file ---- */

struct reading {
	struct awsconf *c;
	enum awsconf_from from;
	const char *path;
	uint64_t line;
	char *section;   /* NULL: one that is not ours */
	bool is_service; /* it is [services NAME] */
	char *outer;     /* the key whose indented lines follow, or NULL */
};

static struct slice trim(const char *p, const char *end)
{
	while (p < end && strchr(" \t\r\n", *p) && *p)
		p++;
	while (end > p && strchr(" \t\r\n", end[-1]) && end[-1])
		end--;
	return (struct slice){p, (size_t)(end - p)};
}

static int complain(const struct reading *r, const char *what, struct err *err)
{
	err_set(err, ERR_PROGRAM, "%s", what);
	return err_at(err, r->path, r->line, 0);
}

static void add(struct reading *r, struct slice key, struct slice value)
{
	struct awsconf *c = r->c;
	struct buf name = BUF_INIT;
	struct entry *e;

	if (!r->section)
		return;
	if (r->outer)
		buf_addf(&name, "%s.", r->outer);
	buf_add_slice(&name, key);
	for (size_t i = 0; i < name.len; i++)
		name.p[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
	c->entries = mem_resize(c->entries, c->n_entries + 1, sizeof *c->entries);
	e = &c->entries[c->n_entries++];
	*e = (struct entry){r->from, r->is_service, mem_dup(r->section, strlen(r->section)), mem_dup(name.p, name.len),
		mem_dup(value.p, value.len)};
	buf_release(&name);
}

/* [default], [profile NAME], [services NAME]; in the credentials file [NAME]. NAME may stand in quotes. */
static int take_section(struct reading *r, struct slice line, struct err *err)
{
	const char *end = memchr(line.p, ']', line.len), *kind = NULL;
	struct slice name;

	if (!end)
		return complain(r, "expected ']'", err);
	name = trim(line.p + 1, end);
	r->is_service = false;
	if (r->from == AWSCONF_CONFIG) {
		if (name.len > 8 && strncmp(name.p, "profile", 7) == 0 && strchr(" \t", name.p[7]))
			kind = name.p + 8;
		else if (name.len > 9 && strncmp(name.p, "services", 8) == 0 && strchr(" \t", name.p[8]))
			kind = name.p + 9;
		r->is_service = kind && *name.p == 's';
	}
	if (kind)
		name = trim(kind, name.p + name.len);
	if (name.len > 1 && strchr("'\"", *name.p) && name.p[name.len - 1] == *name.p)
		name = (struct slice){name.p + 1, name.len - 2};
	free(r->section);
	free(r->outer);
	r->outer = NULL;
	r->section = NULL;
	if (r->from == AWSCONF_CREDENTIALS || kind || slice_eq(name, SLICE_LIT("default"))) {
		r->section = mem_dup(name.p, name.len);
		/* It is a section even if it is empty. */
		add(r, SLICE_LIT(""), SLICE_LIT(""));
	}
	return 0;
}

static int take_pair(struct reading *r, struct slice line, bool is_indented, struct err *err)
{
	const char *equals = memchr(line.p, '=', line.len), *colon = memchr(line.p, ':', line.len), *mark = equals;
	struct slice key, value;

	if (!is_indented && colon && (!mark || colon < mark))
		mark = colon;
	if (!mark)
		return complain(r, "expected 'key = value' or '[section]'", err);
	key = trim(line.p, mark);
	value = trim(mark + 1, line.p + line.len);
	if (is_indented) {
		add(r, key, value);
		return 0;
	}
	free(r->outer);
	r->outer = NULL;
	add(r, key, value);
	if (value.len == 0)
		r->outer = mem_dup(key.p, key.len);
	return 0;
}

static int take_line(struct reading *r, const char *p, size_t len, struct err *err)
{
	struct slice line = trim(p, p + len);
	bool is_indented = len && (*p == ' ' || *p == '\t');

	if (line.len == 0 || *line.p == '#' || *line.p == ';')
		return 0;
	if (*line.p == '[' && !is_indented)
		return take_section(r, line, err);
	if (is_indented && !r->outer)
		return 0;
	return take_pair(r, line, is_indented, err);
}

static int read_file(struct awsconf *c, enum awsconf_from from, const char *path, struct err *err)
{
	struct reading r = {.c = c, .from = from, .path = path};
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int got = 0;

	if (!f)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(err, "%.120s: cannot open", path);
	while (got == 0 && (len = getline(&line, &size, f)) >= 0) {
		r.line++;
		got = take_line(&r, line, (size_t)len, err);
	}
	if (got == 0 && ferror(f))
		got = err_sys(err, "%.120s: cannot read", path);
	fclose(f);
	if (line)
		explicit_bzero(line, size);
	free(line);
	free(r.section);
	free(r.outer);
	/* The name of the file goes with this function. */
	if (got < 0 && err->input == path) {
		char text[ERR_MSG_BYTES];

		err_format(err, text, sizeof text);
		err_reset(err);
		err_set(err, ERR_PROGRAM, "%s", text);
	}
	return got;
}

static void add_home(struct buf *out)
{
	const char *home = awsconf_env("HOME");
	const struct passwd *user = home ? NULL : getpwuid(getuid());

	buf_add_str(out, home ? home : user ? user->pw_dir : "/");
}

static int read_named(
	struct awsconf *c, enum awsconf_from from, const char *variable, const char *otherwise, struct err *err)
{
	const char *given = awsconf_env(variable);
	struct buf path = BUF_INIT;
	int got;

	if (!given || strncmp(given, "~/", 2) == 0)
		add_home(&path);
	buf_add_str(&path, !given ? otherwise : *given == '~' && path.len ? given + 1 : given);
	got = read_file(c, from, buf_cstr(&path), err);
	buf_release(&path);
	return got;
}

/* ---- asking ---- */

const char *awsconf_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static const struct entry *find(
	const struct awsconf *c, enum awsconf_from from, bool is_service, const char *section, const char *key)
{
	for (size_t i = c->n_entries; i-- > 0;) {
		const struct entry *e = &c->entries[i];

		if (e->from == from && e->is_service == is_service && strcmp(e->section, section) == 0 &&
			(!key || strcmp(e->key, key) == 0))
			return e;
	}
	return NULL;
}

const char *awsconf_get(const struct awsconf *c, enum awsconf_from from, const char *profile, const char *key)
{
	const struct entry *e = NULL;

	if (from != AWSCONF_CONFIG)
		e = find(c, AWSCONF_CREDENTIALS, false, profile, key);
	if (!e && from != AWSCONF_CREDENTIALS)
		e = find(c, AWSCONF_CONFIG, false, profile, key);
	return e && *e->value ? e->value : NULL;
}

bool awsconf_has_profile(const struct awsconf *c, const char *profile)
{
	return find(c, AWSCONF_CREDENTIALS, false, profile, NULL) || find(c, AWSCONF_CONFIG, false, profile, NULL);
}

const char *awsconf_profile(const struct awsconf *c)
{
	return c->profile;
}

bool awsconf_is_profile_option(const struct awsconf *c)
{
	return c->opts.profile != NULL;
}

const char *awsconf_region(const struct awsconf *c)
{
	const char *region = c->opts.region;

	if (!region)
		region = awsconf_env("AWS_REGION");
	if (!region)
		region = awsconf_env("AWS_DEFAULT_REGION");
	return region ? region : awsconf_get(c, AWSCONF_ANY, c->profile, "region");
}

static bool is_true(const char *text)
{
	return text && strcasecmp(text, "true") == 0;
}

const char *awsconf_endpoint(const struct awsconf *c, const char *service)
{
	const char *ignored = awsconf_env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), *url, *services;
	bool is_s3 = strcmp(service, "s3") == 0;
	const struct entry *e = NULL;

	if (is_s3 && c->opts.endpoint_url)
		return c->opts.endpoint_url;
	if (!ignored)
		ignored = awsconf_get(c, AWSCONF_ANY, c->profile, "ignore_configured_endpoint_urls");
	if (is_true(ignored))
		return NULL;
	url = awsconf_env(is_s3 ? "AWS_ENDPOINT_URL_S3" : "AWS_ENDPOINT_URL_STS");
	if (!url)
		url = awsconf_env("AWS_ENDPOINT_URL");
	if (url)
		return url;
	services = awsconf_get(c, AWSCONF_ANY, c->profile, "services");
	if (services)
		e = find(c, AWSCONF_CONFIG, true, services, is_s3 ? "s3.endpoint_url" : "sts.endpoint_url");
	return e ? e->value : awsconf_get(c, AWSCONF_ANY, c->profile, "endpoint_url");
}

const char *awsconf_ca_bundle(const struct awsconf *c)
{
	const char *path = c->opts.ca_bundle;

	if (!path)
		path = awsconf_env("AWS_CA_BUNDLE");
	return path ? path : awsconf_get(c, AWSCONF_ANY, c->profile, "ca_bundle");
}

void awsconf_add_endpoint(struct buf *out, const char *service, const char *region)
{
	static const struct {
		const char *begin, *domain;
	} parts[] = {
		{"cn-", "amazonaws.com.cn"},
		{"us-iso-", "c2s.ic.gov"},
		{"us-isob-", "sc2s.sgov.gov"},
		{"eusc-", "amazonaws.eu"},
		{"", "amazonaws.com"},
	};
	size_t i = 0;

	while (strncmp(region, parts[i].begin, strlen(parts[i].begin)) != 0)
		i++;
	buf_addf(out, "https://%s.%s.%s", service, region, parts[i].domain);
}

/* ---- opening ---- */

static int choose_profile(struct awsconf *c, struct err *err)
{
	const char *name = c->opts.profile;

	if (!name)
		name = awsconf_env("AWS_DEFAULT_PROFILE");
	if (!name)
		name = awsconf_env("AWS_PROFILE");
	c->profile = name ? name : "default";
	if (name && !awsconf_has_profile(c, name))
		return err_set(
			err, ERR_PROGRAM, "the profile '%.100s' is in none of the files of the aws command", name);
	return 0;
}

/* Without it objects would go to another server than the one that is meant. */
static int check_services(const struct awsconf *c, struct err *err)
{
	const char *name = awsconf_get(c, AWSCONF_ANY, c->profile, "services");

	if (!name || find(c, AWSCONF_CONFIG, true, name, NULL) || c->opts.endpoint_url ||
		awsconf_env("AWS_ENDPOINT_URL") || awsconf_env("AWS_ENDPOINT_URL_S3"))
		return 0;
	return err_set(
		err, ERR_PROGRAM, "the profile '%.60s' names [services %.60s], which is not there", c->profile, name);
}

struct awsconf *awsconf_open(const struct awsconf_opts *opts, struct err *err)
{
	struct awsconf *c = mem_alloc(1, sizeof *c);

	c->opts = *opts;
	if (read_named(c, AWSCONF_CONFIG, "AWS_CONFIG_FILE", "/.aws/config", err) == 0 &&
		read_named(c, AWSCONF_CREDENTIALS, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials", err) == 0 &&
		choose_profile(c, err) == 0 && check_services(c, err) == 0)
		return c;
	awsconf_close(c);
	return NULL;
}

void awsconf_close(struct awsconf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_entries; i++) {
		explicit_bzero(c->entries[i].value, strlen(c->entries[i].value));
		free(c->entries[i].section);
		free(c->entries[i].key);
		free(c->entries[i].value);
	}
	free(c->entries);
	free(c);
}
