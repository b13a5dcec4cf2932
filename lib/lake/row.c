#include "lake/lake_impl.h"

#include <stdlib.h>

static void add_time(struct buf *out, const char *key, const struct segment_sum *sum, int64_t us)
{
	char text[ETIME_ISO_BYTES];

	json_add_key(out, key);
	if (!sum->has_time)
		buf_add_str(out, "null");
	else
		buf_addf(out, "\"%.*s\"", (int)etime_print_iso(text, us), text);
}

static void begin_row(struct buf *out, const char *url, const char *path)
{
	struct buf key = BUF_INIT;

	buf_reset(out);
	buf_add_char(out, '{');
	json_add_key(out, "key");
	buf_addf(&key, "%s%s", url, path);
	json_add_string(out, buf_slice(&key));
	buf_release(&key);
}

static int write_row(struct lake *l, struct err *err)
{
	if (sink_write_bytes(l->opts.manifest, buf_slice(&l->row), err) < 0)
		return -1;
	l->opts.ledger->out++;
	return l->opts.manifest->ops->flush(l->opts.manifest, err);
}

static int end_row(struct lake *l, struct slice run, uint64_t seq, struct err *err)
{
	json_add_key(&l->row, "run");
	json_add_string(&l->row, run);
	buf_addf(&l->row, ",\"seq\":%llu}\n", (unsigned long long)seq);
	if (write_row(l, err) < 0)
		return -1;
	return l->spool ? lake_add_manifest(l, buf_slice(&l->row), err) : 0;
}

void lake_add_range(struct buf *row, const struct lake_batch *b)
{
	json_add_key(row, "topic");
	json_add_string(row, slice_str(b->part->topic));
	buf_addf(row, ",\"partition\":%d,\"first\":%lld,\"last\":%lld", (int)b->part->partition,
		(long long)b->plan.from, (long long)b->plan.to - 1);
}

/* The object of a batch has its offsets instead of a run and a number. */
static int end_batch_row(struct lake *l, struct lake_batch *b, struct err *err)
{
	lake_add_range(&l->row, b);
	buf_add_str(&l->row, "}\n");
	if (l->opts.manifests)
		buf_add_slice(&b->rows, buf_slice(&l->row));
	return write_row(l, err);
}

static bool is_manifest(const struct lake *l, const char *path)
{
	const char *below = path + strlen(template_root(l->template));

	return strncmp(below, "/" LAKE_MANIFESTS "/", sizeof LAKE_MANIFESTS + 1) == 0;
}

/* Run and number stand in the name, so the object of a dead run is told as the run itself would have. */
int lake_tell(void *lake, const struct spool_object *object, struct err *err)
{
	struct lake *l = lake;
	const struct segment_sum *sum = object->sum;
	const char *name = strrchr(object->path, '/') + 1, *dash;
	enum codec_kind kind = CODEC_NONE;

	if (!object->tag && is_manifest(l, object->path))
		return 1;
	begin_row(&l->row, l->opts.url, object->path);
	buf_addf(&l->row, ",\"records\":%llu,\"bytes\":%llu,\"raw_bytes\":%llu", (unsigned long long)sum->records,
		(unsigned long long)sum->bytes, (unsigned long long)sum->raw_bytes);
	buf_addf(&l->row, ",\"sha256\":\"%s\",\"raw_sha256\":\"%s\"", sum->sha256, sum->raw_sha256);
	add_time(&l->row, "min_time", sum, sum->min_us);
	add_time(&l->row, "max_time", sum, sum->max_us);
	if (object->tag)
		return end_batch_row(l, object->tag, err);
	codec_kind_of(name, &kind);
	dash = name + strlen(name) - strlen(codec_suffix(kind));
	while (dash > name && *dash != '-')
		dash--;
	return end_row(l, (struct slice){name, (size_t)(dash - name)}, strtoull(dash + 1, NULL, 10), err);
}

int lake_tell_dry(struct lake *l, const struct lake_dir *d, const struct segment_sum *sum, struct err *err)
{
	struct buf path = BUF_INIT, name = BUF_INIT;

	lake_object_name(l, d->seq, &name);
	buf_addf(&path, "%s/%.*s%s%s", template_root(l->template), (int)d->name.len, d->name.len ? d->name.p : "",
		d->name.len ? "/" : "", buf_cstr(&name));
	begin_row(&l->row, l->opts.url, buf_cstr(&path));
	buf_addf(&l->row, ",\"records\":%llu,\"raw_bytes\":%llu", (unsigned long long)d->records,
		(unsigned long long)d->raw_bytes);
	add_time(&l->row, "min_time", sum, sum->min_us);
	add_time(&l->row, "max_time", sum, sum->max_us);
	buf_release(&path);
	buf_release(&name);
	return end_row(l, slice_str(l->opts.run_id ? l->opts.run_id : "RUN"), d->seq, err);
}

void lake_object_name(const struct lake *l, uint64_t seq, struct buf *out)
{
	const char *run = l->spool ? spool_run_id(l->spool) : l->opts.run_id ? l->opts.run_id : "RUN";

	buf_reset(out);
	buf_addf(out, "%s-%06llu%s", run, (unsigned long long)seq, codec_suffix(l->opts.codec));
}
