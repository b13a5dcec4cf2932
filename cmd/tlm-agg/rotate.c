#include "rotate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "compress/compress.h"
#include "group/group.h"
#include "mem/mem.h"
#include "place/place.h"

struct file {
	char *name;     /* by the pattern */
	char *path;     /* that, or with a number behind it */
	int64_t max_us; /* the latest start in it */
	struct sink *sink;
};

struct rotate {
	struct sink base;
	const char *pattern;
	const struct etime_zone *zone;
	bool has_header;
	struct file files[ROTATE_FILES];
	size_t n_files;
	struct group_table names; /* of the run: how often each was used */
	uint64_t bytes_out;
	struct buf header, text, name;
};

bool rotate_is_pattern(const char *place)
{
	struct place p;
	struct err err = ERR_INIT;

	return place && strchr(place, '%') && place_parse(&p, place, &err) == 0 && p.kind == PLACE_PATH;
}

/* A window of 100,000 days may begin so long before the first time of all. */
#define BEYOND_US (INT64_C(100001) * 86400 * 1000000)

/* The name of a start: in r->name until the next call. */
static const char *name_of(struct rotate *r, int64_t us)
{
	struct err err = ERR_INIT;

	if (us < ETIME_MIN_US - BEYOND_US)
		us = ETIME_MIN_US - BEYOND_US;
	if (us > ETIME_MAX_US + BEYOND_US)
		us = ETIME_MAX_US + BEYOND_US;
	buf_reset(&r->name);
	etime_strftime(&r->name, slice_str(r->pattern), r->zone, us, &err);
	return buf_cstr(&r->name);
}

/* ---- files ---- */

/* An error names its place by a text that lives on; these names do not. */
static int fail(const struct file *f, const struct err *inner, struct err *err)
{
	return err_set(err, inner->code, "%.200s: %s", f->path, inner->msg);
}

static int write_file(struct file *f, struct slice text, struct err *err)
{
	struct err inner = ERR_INIT;

	return sink_write_bytes(f->sink, text, &inner) ? fail(f, &inner, err) : 0;
}

static int finish_file(struct rotate *r, struct file *f, bool is_good, struct err *err)
{
	struct err inner = ERR_INIT;
	int result = 0;

	if (f->sink->ops->finish(f->sink, is_good, &inner))
		result = fail(f, &inner, err);

	r->bytes_out += f->sink->ops->bytes_out(f->sink);
	sink_close(f->sink);
	free(f->name);
	free(f->path);
	memmove(f, f + 1, (size_t)(r->files + r->n_files - f - 1) * sizeof *f);
	r->n_files--;
	return result;
}

static struct file *find_oldest(struct rotate *r)
{
	struct file *oldest = r->files;

	for (size_t i = 1; i < r->n_files; i++) {
		if (r->files[i].max_us < oldest->max_us)
			oldest = &r->files[i];
	}
	return oldest;
}

/* How often the name was used before in this run. */
static uint64_t count_name(struct rotate *r, const char *name)
{
	struct slice key = slice_str(name);
	bool is_new;

	return group_table_get(&r->names, key, group_hash(key), &is_new)->state[0]++;
}

static struct file *open_file(struct rotate *r, const char *name, int64_t us, struct err *err)
{
	struct err inner = ERR_INIT;
	struct buf path = BUF_INIT;
	struct file *f;
	uint64_t n;

	if (r->n_files == ROTATE_FILES && finish_file(r, find_oldest(r), true, err))
		return NULL;
	f = &r->files[r->n_files];
	n = count_name(r, name);
	buf_add_str(&path, name);
	if (n)
		buf_addf(&path, ".%llu", (unsigned long long)n);
	*f = (struct file){.name = mem_dup(name, strlen(name)), .path = mem_dup(path.p, path.len), .max_us = us};
	buf_release(&path);
	f->sink = sink_file_as(f->path, compress_by_suffix(name), &inner);
	if (!f->sink) {
		fail(f, &inner, err);
		free(f->name);
		free(f->path);
		return NULL;
	}
	r->n_files++;
	return write_file(f, buf_slice(&r->header), err) ? NULL : f;
}

static struct file *get_file(struct rotate *r, int64_t us, struct err *err)
{
	const char *name = name_of(r, us);

	for (size_t i = 0; i < r->n_files; i++) {
		if (strcmp(r->files[i].name, name) == 0)
			return &r->files[i];
	}
	return open_file(r, name, us, err);
}

int rotate_add(struct rotate *r, struct rows *rows, const struct engine_row *row, uint64_t *n_bytes, struct err *err)
{
	struct file *f;

	if (r->has_header && !r->header.len)
		rows_add_header(rows, &r->header);
	buf_reset(&r->text);
	rows_add(rows, row, &r->text);
	if (!r->text.len)
		return 0;
	f = get_file(r, row->start_us, err);
	if (!f)
		return -1;
	if (row->start_us > f->max_us)
		f->max_us = row->start_us;
	*n_bytes += r->text.len;
	return write_file(f, buf_slice(&r->text), err);
}

static bool is_behind(const struct file *f, int64_t from_us, const char *name)
{
	return from_us > f->max_us && strcmp(f->name, name) != 0;
}

bool rotate_can_pass(struct rotate *r, int64_t from_us)
{
	const char *name = r->n_files ? name_of(r, from_us) : NULL;

	if (!r->n_files)
		return true;
	for (size_t i = 0; i < r->n_files; i++) {
		if (is_behind(&r->files[i], from_us, name))
			return true;
	}
	return false;
}

int rotate_pass(struct rotate *r, int64_t from_us, struct err *err)
{
	const char *name = r->n_files ? name_of(r, from_us) : NULL;

	for (size_t i = 0; i < r->n_files;) {
		if (!is_behind(&r->files[i], from_us, name))
			i++;
		else if (finish_file(r, &r->files[i], true, err))
			return -1;
	}
	return 0;
}

/* ---- the sink ---- */

static int write_batch(struct sink *k, const struct batch *b, struct err *err)
{
	(void)k;
	(void)err;
	assert(b->len == 0); /* rows come by rotate_add() */
	(void)b;
	return 0;
}

/* A reader sees whole files only: nothing has to leave before. */
static int flush(struct sink *k, struct err *err)
{
	(void)k;
	(void)err;
	return 0;
}

static int finish(struct sink *k, bool is_good, struct err *err)
{
	struct rotate *r = (struct rotate *)k;
	int result = 0;

	while (r->n_files) {
		if (finish_file(r, r->files, is_good && result == 0, err))
			result = -1;
	}
	return result;
}

static void close_sink(struct sink *k)
{
	struct rotate *r = (struct rotate *)k;
	struct err err = ERR_INIT;

	finish(k, false, &err);
	group_table_release(&r->names);
	buf_release(&r->header);
	buf_release(&r->text);
	buf_release(&r->name);
	free(r);
}

static uint64_t bytes_out(const struct sink *k)
{
	const struct rotate *r = (const struct rotate *)k;
	uint64_t sum = r->bytes_out;

	for (size_t i = 0; i < r->n_files; i++)
		sum += r->files[i].sink->ops->bytes_out(r->files[i].sink);
	return sum;
}

struct rotate *rotate_open(const char *pattern, struct err *err)
{
	static const struct sink_ops ops = {
		.write = write_batch, .flush = flush, .finish = finish, .close = close_sink, .bytes_out = bytes_out};
	struct rotate *r = mem_alloc(1, sizeof *r);
	struct err inner = ERR_INIT;

	r->base.ops = &ops;
	r->pattern = pattern;
	group_table_init(&r->names, sizeof(uint64_t));
	if (etime_strftime(&r->name, slice_str(pattern), NULL, 0, &inner)) {
		err_set(err, inner.code, "-o %.100s: %.120s; %%%% is a percent sign", pattern, inner.msg);
		close_sink(&r->base);
		return NULL;
	}
	return r;
}

struct sink *rotate_sink(struct rotate *r)
{
	return &r->base;
}

void rotate_start(struct rotate *r, const struct etime_zone *zone, bool has_header)
{
	r->has_header = has_header;
	r->zone = zone;
}
