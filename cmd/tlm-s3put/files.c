#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bucket.h"
#include "durable/durable.h"
#include "mem/mem.h"
#include "template/template.h"

struct files {
	struct json_paths *paths;
	struct template *template;
	struct bucket *bucket; /* NULL: a directory */
	struct s3_session *session;
};

struct files *files_open(const char *text, const struct s3put_options *o, struct err *err)
{
	struct files *f = mem_alloc(1, sizeof *f);
	struct place place;

	f->paths = json_paths_open();
	if (place_parse(&place, text, err) < 0)
		goto fail;
	if (!place_is_lake(&place)) {
		err_set(err, ERR_USAGE, "--audit %.100s: not a lake, write s3://BUCKET/PREFIX or file:///DIR", text);
		goto fail;
	}
	if (place.kind == PLACE_LAKE_S3 && !(f->bucket = bucket_open(&place, o, err)))
		goto fail;
	if (f->bucket && !(f->session = s3_session_open(bucket_s3(f->bucket), err)))
		goto fail;
	f->template = template_open(f->bucket ? bucket_path(f->bucket) : place.path, NULL, f->paths, err);
	if (f->template)
		return f;
fail:
	files_close(f);
	return NULL;
}

void files_close(struct files *f)
{
	if (!f)
		return;
	template_close(f->template);
	json_paths_close(f->paths);
	s3_session_close(f->session);
	bucket_close(f->bucket);
	free(f);
}

const char *files_url(const struct files *f)
{
	return f->bucket ? bucket_url(f->bucket) : "file://";
}

const char *files_root(const struct files *f)
{
	return template_root(f->template);
}

/* ---- listing ---- */

struct listing {
	struct files *f;
	files_found_fn *found;
	void *ctx;
	struct buf path;
};

/* What stands below the root. */
static bool is_object(const char *below)
{
	static const char manifests[] = "/" LAKE_MANIFESTS "/";
	enum codec_kind kind;

	if (strncmp(below, manifests, sizeof manifests - 1) == 0)
		below += sizeof manifests - 2;
	for (const char *p = below; (p = strchr(p, '/')); p++) {
		if (p[1] == '.')
			return false;
	}
	return codec_kind_of(below, &kind);
}

static int see_key(void *ctx, struct slice key, uint64_t len, struct err *err)
{
	struct listing *l = ctx;

	(void)len;
	buf_reset(&l->path);
	buf_addf(&l->path, "/%.*s", (int)key.len, key.p);
	if (!is_object(buf_cstr(&l->path) + strlen(files_root(l->f))))
		return 0;
	return l->found(l->ctx, l->path.p, err);
}

static int walk(struct listing *l, struct err *err);

static int see_name(struct listing *l, struct err *err)
{
	struct stat st;

	if (lstat(buf_cstr(&l->path), &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%.120s: cannot read", l->path.p);
	if (S_ISDIR(st.st_mode))
		return walk(l, err);
	if (!S_ISREG(st.st_mode) || !is_object(l->path.p + strlen(files_root(l->f))))
		return 0;
	return l->found(l->ctx, l->path.p, err);
}

static int walk(struct listing *l, struct err *err)
{
	DIR *dir = opendir(l->path.len ? buf_cstr(&l->path) : "/");
	size_t len = l->path.len;
	struct dirent *d;
	int got = 0;

	if (!dir)
		return err_sys(err, "%.120s: cannot read the directory", buf_cstr(&l->path));
	while (got == 0 && (d = readdir(dir))) {
		if (*d->d_name == '.')
			continue;
		buf_addf(&l->path, "/%s", d->d_name);
		got = see_name(l, err);
		l->path.len = len;
	}
	closedir(dir);
	return got;
}

int files_list(struct files *f, files_found_fn *found, void *ctx, struct err *err)
{
	struct listing l = {.f = f, .found = found, .ctx = ctx};
	struct buf prefix = BUF_INIT;
	int got;

	if (f->bucket) {
		if (*files_root(f))
			buf_addf(&prefix, "%s/", files_root(f) + 1);
		got = s3_list(f->session, buf_slice(&prefix), see_key, &l, err);
	} else {
		buf_add_str(&l.path, files_root(f));
		got = walk(&l, err);
	}
	buf_release(&prefix);
	buf_release(&l.path);
	return got;
}

/* ---- reading ---- */

static int keep(void *ctx, const void *p, size_t len, struct err *err)
{
	return durable_write(*(const int *)ctx, p, len, "a temporary file", err);
}

/* A file without a name holds the object while it is read. */
static int read_from_bucket(struct files *f, const char *path, enum codec_kind kind, struct segment_sum *sum,
	bool *is_whole, segment_lines_fn *lines, void *ctx, struct err *err)
{
	FILE *file = tmpfile();
	int fd = file ? fileno(file) : -1;
	char name[40];
	int got;

	if (!file)
		return err_sys(err, "cannot make a temporary file");
	got = s3_get(f->session, slice_str(path + 1), keep, &fd, err);
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	if (got == 1 && segment_read(kind, name, sum, is_whole, lines, ctx, err) < 0)
		got = -1;
	fclose(file);
	return got;
}

int files_read(struct files *f, const char *path, struct segment_sum *sum, bool *is_whole, segment_lines_fn *lines,
	void *ctx, struct err *err)
{
	enum codec_kind kind = CODEC_NONE;
	struct err first = ERR_INIT;
	struct stat st;

	codec_kind_of(path, &kind);
	if (f->bucket)
		return read_from_bucket(f, path, kind, sum, is_whole, lines, ctx, err);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return 0;
	if (segment_read(kind, path, sum, is_whole, lines, ctx, &first) == 0)
		return 1;
	if (first.sys == ENOENT)
		return 0;
	*err = first;
	return -1;
}

bool files_raw_sha256(struct files *f, const char *path, char hex[DIGEST_HEX_BYTES + 1], struct err *err)
{
	struct s3_info info = S3_INFO_INIT;
	struct slice value = {NULL, 0};

	if (f->bucket && s3_head(f->session, slice_str(path + 1), &info, err) == 1)
		value = http_header(&info.answer, "x-amz-meta-tlm-raw-sha256");
	if (value.len == DIGEST_HEX_BYTES) {
		memcpy(hex, value.p, DIGEST_HEX_BYTES);
		hex[DIGEST_HEX_BYTES] = '\0';
	}
	s3_info_release(&info);
	return value.len == DIGEST_HEX_BYTES;
}
