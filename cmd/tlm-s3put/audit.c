#include "audit.h"

#include <stdlib.h>

#include "ends.h"
#include "files.h"
#include "json/json.h"
#include "manifest.h"
#include "mem/mem.h"
#include "moved.h"
#include "ranges.h"
#include "source/source.h"

/* What is known of one object. */
struct entry {
	char *path; /* is_elsewhere: the key of its row */
	bool is_told, is_contrary, is_elsewhere;
	struct segment_sum told; /* of its row */
	char *run;
	uint64_t seq;
};

struct audit {
	struct sink base;
	struct tool *tool;
	struct files *files;
	struct sink *out;
	struct manifest *manifest;
	struct entry *entries;
	size_t n_entries, size;
	struct ends ends;
	struct ranges ranges;
	struct buf row;
	bool is_own;                                                  /* rows are read that stand in the lake itself */
	uint64_t n_objects, n_records, n_rows, n_elsewhere, n_faults; /* n_elsewhere: rows of other places */
};

/* ---- faults ---- */

static int fault(struct audit *a, const char *what, const char *path, const char *run, uint64_t seq, struct err *err)
{
	struct buf key = BUF_INIT;

	buf_reset(&a->row);
	buf_add_char(&a->row, '{');
	json_add_key(&a->row, "fault");
	json_add_string(&a->row, slice_str(what));
	if (path) {
		buf_addf(&key, "%s%s", *path == '/' ? files_url(a->files) : "", path);
		json_add_key(&a->row, "key");
		if (!json_try_string(&a->row, buf_slice(&key)))
			buf_add_str(&a->row, "null");
	}
	if (run) {
		json_add_key(&a->row, "run");
		json_add_string(&a->row, slice_str(run));
	}
	if (seq)
		buf_addf(&a->row, ",\"seq\":%llu", (unsigned long long)seq);
	buf_add_str(&a->row, "}\n");
	buf_release(&key);
	a->n_faults++;
	return sink_write_bytes(a->out, buf_slice(&a->row), err);
}

/* ---- rows ---- */

static struct entry *add_entry(struct audit *a, const char *path)
{
	if (a->n_entries == a->size) {
		a->size = a->size ? 2 * a->size : 256;
		a->entries = mem_resize(a->entries, a->size, sizeof *a->entries);
	}
	a->entries[a->n_entries] = (struct entry){.path = mem_dup(path, strlen(path))};
	return &a->entries[a->n_entries++];
}

static void take_end(struct audit *a, const struct manifest_row *row)
{
	if (*row->topic)
		ranges_add_end(&a->ranges, slice_str(row->topic),
			&(struct range){.partition = row->partition,
				.first = row->first,
				.last = row->last,
				.end_objects = row->objects,
				.end_records = row->told.records});
	else if (*row->run)
		ends_add(&a->ends, slice_str(row->run), row->objects, row->told.records);
}

/* The path in a key of this place, or NULL. */
static const char *path_of(const struct audit *a, const char *key)
{
	size_t url_len = strlen(files_url(a->files)), root_len = strlen(files_root(a->files));
	const char *path = key + url_len;

	if (strncmp(key, files_url(a->files), url_len) != 0 || strncmp(path, files_root(a->files), root_len) != 0)
		return NULL;
	return path[root_len] == '/' ? path : NULL;
}

/* Rows of other places are passed over, but not those in the lake itself: it may have been copied. */
static void take_row(void *ctx, const struct manifest_row *row)
{
	struct audit *a = ctx;
	const char *path = row->is_end ? NULL : path_of(a, row->key);
	struct entry *e;

	if (row->is_end) {
		take_end(a, row);
		return;
	}
	if (!path && !a->is_own) {
		a->n_elsewhere++;
		return;
	}
	e = add_entry(a, path ? path : row->key);
	e->is_told = true;
	e->is_elsewhere = !path;
	e->told = row->told;
	e->run = *row->run ? mem_dup(row->run, strlen(row->run)) : NULL;
	e->seq = row->seq;
	a->n_rows++;
}

/* ---- objects ---- */

static bool is_manifest(const struct audit *a, const char *path)
{
	static const char name[] = "/" LAKE_MANIFESTS "/";

	return strncmp(path + strlen(files_root(a->files)), name, sizeof name - 1) == 0;
}

struct reading {
	struct audit *audit;
	bool is_damaged;
};

static int take_lines(void *ctx, const char *p, size_t len, struct err *err)
{
	struct reading *m = ctx;

	(void)err;
	if (manifest_read(m->audit->manifest, (struct slice){p, len}, take_row, m->audit))
		m->is_damaged = true;
	return 0;
}

/* What can be read of it counts. */
static int see_manifest(struct audit *a, const char *path, struct err *err)
{
	struct reading m = {.audit = a};
	struct segment_sum sum;
	bool is_whole = true;
	int got;

	a->is_own = true;
	got = files_read(a->files, path, &sum, &is_whole, take_lines, &m, err);
	a->is_own = false;
	if (got > 0 && (m.is_damaged || !is_whole || sum.records == 0))
		got = fault(a, "the manifest is damaged", path, NULL, 0, err);
	return got < 0 ? -1 : 0;
}

static int see_object(void *ctx, const char *path, struct err *err)
{
	struct audit *a = ctx;

	if (is_manifest(a, path))
		return see_manifest(a, path, err);
	add_entry(a, path);
	return 0;
}

static int by_path(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	return strcmp(a->path, b->path);
}

static void go_home(const struct audit *a, const struct moved *moved, struct entry *e)
{
	const char *below = moved_below(moved, e->path);
	struct buf path = BUF_INIT;

	if (!below)
		return;
	buf_addf(&path, "%s%s", files_root(a->files), below);
	free(e->path);
	e->path = mem_dup(path.p, path.len);
	e->is_elsewhere = false;
	buf_release(&path);
}

/* Rows that came with the lake from another place tell of the objects here. */
static void take_home(struct audit *a)
{
	size_t root_len = strlen(files_root(a->files)), n = 0;
	const char **there = mem_alloc(a->n_entries, sizeof *there);
	struct moved moved;

	for (size_t i = 0; i < a->n_entries; i++) {
		if (!a->entries[i].is_told)
			there[n++] = a->entries[i].path + root_len;
	}
	moved_init(&moved, there, n);
	for (size_t i = 0; i < a->n_entries; i++) {
		if (a->entries[i].is_elsewhere)
			moved_learn(&moved, a->entries[i].path);
	}
	for (size_t i = 0; i < a->n_entries; i++) {
		if (a->entries[i].is_elsewhere)
			go_home(a, &moved, &a->entries[i]);
	}
	moved_release(&moved);
}

static bool is_same_row(const struct entry *a, const struct entry *b)
{
	return strcmp(a->told.raw_sha256, b->told.raw_sha256) == 0 && strcmp(a->told.sha256, b->told.sha256) == 0 &&
	       a->told.records == b->told.records && a->told.bytes == b->told.bytes &&
	       a->told.raw_bytes == b->told.raw_bytes && a->seq == b->seq &&
	       strcmp(a->run ? a->run : "", b->run ? b->run : "") == 0;
}

/* What rows and the listing say of one object becomes one entry. A row may be told again; then it says the same. */
static void merge(struct audit *a)
{
	size_t n = 0;

	if (a->n_entries)
		qsort(a->entries, a->n_entries, sizeof *a->entries, by_path);
	for (size_t i = 0; i < a->n_entries; i++) {
		struct entry *e = &a->entries[i], *last = n ? &a->entries[n - 1] : NULL;

		if (!last || strcmp(last->path, e->path) != 0) {
			a->entries[n++] = *e;
			continue;
		}
		if (e->is_told && !last->is_told) {
			last->is_told = true;
			last->told = e->told;
			last->seq = e->seq;
			last->run = e->run;
			e->run = NULL;
		} else if (e->is_told && !is_same_row(last, e)) {
			last->is_contrary = true;
		}
		free(e->path);
		free(e->run);
	}
	a->n_entries = n;
}

static const char *compare(const struct entry *e, const struct segment_sum *sum, bool is_whole)
{
	if (!is_whole || sum->records == 0)
		return "the object is damaged";
	if (!e->is_told)
		return NULL;
	if (sum->records != e->told.records)
		return "the object has another number of records than its row tells";
	if (strcmp(sum->raw_sha256, e->told.raw_sha256) != 0 || sum->raw_bytes != e->told.raw_bytes)
		return "the object has other records than its row tells";
	if (sum->bytes != e->told.bytes || strcmp(sum->sha256, e->told.sha256) != 0)
		return "the object has the records that its row tells in other bytes";
	return NULL;
}

static int check_object(struct audit *a, struct entry *e, struct err *err)
{
	char raw_sha256[DIGEST_HEX_BYTES + 1];
	struct segment_sum sum;
	const char *what;
	bool is_whole = false;
	int got;

	if (e->is_contrary && fault(a, "two rows tell of this object differently", e->path, NULL, 0, err) < 0)
		return -1;
	got = e->is_elsewhere ? 0 : files_read(a->files, e->path, &sum, &is_whole, NULL, NULL, err);
	if (got <= 0)
		return got < 0 ? -1 : fault(a, "the object is missing", e->path, e->run, e->seq, err);
	a->n_objects++;
	a->n_records += sum.records;
	ranges_add_object(&a->ranges, e->path, sum.records);
	what = compare(e, &sum, is_whole);
	if (!what && !e->is_told && a->n_rows)
		what = "no row tells of this object";
	if (!what && !e->is_told && files_raw_sha256(a->files, e->path, raw_sha256, err) &&
		strcmp(raw_sha256, sum.raw_sha256) != 0)
		what = "the object has other records than its metadata tells";
	if (err->code != ERR_NONE)
		return -1;
	return what ? fault(a, what, e->path, e->run, e->seq, err) : 0;
}

/* ---- runs ---- */

static int by_run(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int order = strcmp(a->run ? a->run : "", b->run ? b->run : "");

	return order ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

static int fault_end(void *ctx, const char *what, const char *run, struct err *err)
{
	return fault(ctx, what, NULL, run, 0, err);
}

/* A number used twice is records stored twice; what a run counted at its end and its rows do not, is a gap. */
static int check_runs(struct audit *a, struct err *err)
{
	if (a->n_entries)
		qsort(a->entries, a->n_entries, sizeof *a->entries, by_run);
	for (size_t i = 0; i < a->n_entries; i++) {
		struct entry *e = &a->entries[i], *last = i ? &a->entries[i - 1] : NULL;

		if (e->run && last && last->run && by_run(last, e) == 0 &&
			fault(a, "two objects have one number of a run", e->path, e->run, e->seq, err) < 0)
			return -1;
		if (e->run)
			ends_count_row(&a->ends, e->run, e->told.records);
	}
	return ends_check(&a->ends, a->n_elsewhere == 0, fault_end, a, err);
}

/* ---- offsets ---- */

static int fault_range(void *ctx, const char *what, const struct range *where, struct err *err)
{
	struct audit *a = ctx;

	buf_reset(&a->row);
	buf_add_char(&a->row, '{');
	json_add_key(&a->row, "fault");
	json_add_string(&a->row, slice_str(what));
	json_add_key(&a->row, "topic");
	if (!json_try_string(&a->row, slice_str(where->topic)))
		buf_add_str(&a->row, "null");
	buf_addf(&a->row, ",\"partition\":%lld,\"first\":%lld,\"last\":%lld}\n", (long long)where->partition,
		(long long)where->first, (long long)where->last);
	a->n_faults++;
	return sink_write_bytes(a->out, buf_slice(&a->row), err);
}

/* ---- as a sink of rows ---- */

static void tell_result(struct audit *a, size_t n_partitions)
{
	struct buf of = BUF_INIT;

	if (n_partitions)
		buf_addf(&of, " of %zu partitions", n_partitions);
	tool_warn(a->tool, "%llu objects, %llu records%s, %llu rows: %llu faults%s", (unsigned long long)a->n_objects,
		(unsigned long long)a->n_records, buf_cstr(&of), (unsigned long long)a->n_rows,
		(unsigned long long)a->n_faults, a->n_rows ? "" : " (no row tells what should be there)");
	buf_release(&of);
}

static int check_all(struct audit *a, struct err *err)
{
	size_t n_partitions;

	if (files_list(a->files, see_object, a, err) < 0)
		return -1;
	take_home(a);
	merge(a);
	for (size_t i = 0; i < a->n_entries; i++) {
		if (check_object(a, &a->entries[i], err) < 0)
			return -1;
	}
	if (check_runs(a, err) < 0 || ranges_check(&a->ranges, &n_partitions, fault_range, a, err) < 0)
		return -1;
	if (a->out->ops->flush(a->out, err) < 0)
		return -1;
	if (a->n_faults)
		a->tool->status = STATUS_NO;
	if (!a->tool->common.is_quiet)
		tell_result(a, n_partitions);
	return 0;
}

static int write_rows(struct sink *k, const struct batch *b, struct err *err)
{
	struct audit *a = (struct audit *)k;
	uint64_t bad_line = manifest_read(a->manifest, (struct slice){b->p, b->len}, take_row, a);

	if (!bad_line)
		return 0;
	err_set(err, ERR_USAGE, "not a row of a manifest");
	return err_at(err, b->name, b->first_line + bad_line - 1, 0);
}

static int flush(struct sink *k, struct err *err)
{
	(void)k;
	(void)err;
	return 0;
}

static int finish(struct sink *k, bool is_good, struct err *err)
{
	return is_good ? check_all((struct audit *)k, err) : 0;
}

static void close_audit(struct sink *k)
{
	(void)k;
}

static uint64_t bytes_out(const struct sink *k)
{
	(void)k;
	return 0;
}

static void release(struct audit *a)
{
	for (size_t i = 0; i < a->n_entries; i++) {
		free(a->entries[i].path);
		free(a->entries[i].run);
	}
	ends_release(&a->ends);
	ranges_release(&a->ranges);
	free(a->entries);
	manifest_close(a->manifest);
	buf_release(&a->row);
	sink_close(a->out);
	files_close(a->files);
}

int audit_run(struct tool *t, const struct s3put_options *o, struct err *err)
{
	static const struct sink_ops ops = {
		.write = write_rows, .flush = flush, .finish = finish, .close = close_audit, .bytes_out = bytes_out};
	struct audit a = {.base.ops = &ops, .tool = t};
	struct source *source;
	int got = -1;

	if (t->common.output)
		return err_set(err, ERR_USAGE, "--audit: stores nothing, leave out -o");
	a.manifest = manifest_open();
	a.files = files_open(o->audit, o, err);
	a.out = a.files ? sink_file("-", err) : NULL;
	if (a.out && t->n_operands == 0) {
		got = check_all(&a, err);
	} else if (a.out && (source = tool_source(t, 0, err))) {
		got = pump_run(&t->pump, source, NULL, &a.base, err);
		source_close(source);
	}
	release(&a);
	return got;
}
