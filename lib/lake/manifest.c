/*
 * The rows of a run as objects of the lake. They wait in the spool as records do: a row is on disk there before its
 * object leaves the spool, so a killed run's rows are stored by the next start; one may be told twice, none is lost.
 * Those of a batch of a group become one object, when all others of the batch are stored.
 */
#include "lake/lake_impl.h"

#include <stdio.h>

#include "json/json.h"

enum { MANIFEST_RECORDS = 10000, MANIFEST_AGE_US = 600000000 };

void lake_open_manifest(struct lake *l)
{
	struct err ignored = ERR_INIT;

	if (!l->opts.manifests && !l->opts.group)
		return;
	codec_set_init(&l->manifest_codecs, CODEC_NONE, 0, &ignored);
	segment_init(&l->manifest, &l->manifest_codecs, NULL);
}

void lake_close_manifest(struct lake *l)
{
	if (!l->manifest_codecs.out)
		return;
	segment_release(&l->manifest);
	codec_set_release(&l->manifest_codecs);
}

static int begin(struct lake *l, struct err *err)
{
	struct buf name = BUF_INIT;
	int got;

	buf_addf(&name, "%s-%06llu.ndjson", spool_run_id(l->spool), (unsigned long long)++l->manifest_seq);
	got = spool_begin(l->spool, &l->manifest, SLICE_LIT(LAKE_MANIFESTS), buf_cstr(&name), err);
	buf_release(&name);
	l->manifest_us = l->now_us;
	return got;
}

int lake_add_object(struct lake *l, struct spool_pack *pack, struct slice dir, const char *name, struct slice lines,
	uint64_t n_lines, struct err *err)
{
	char part[32];

	snprintf(part, sizeof part, "%llu", (unsigned long long)l->next_seq++);
	if (spool_begin(l->spool, &l->manifest, dir, part, err) < 0)
		return -1;
	if (segment_add(&l->manifest, lines.p, lines.len, n_lines, err) < 0)
		return -1;
	return spool_pack_add(pack, &l->manifest, name, err);
}

/* Ended after so many rows, whatever is published with them: a run that is repeated cuts its manifests there again. */
int lake_add_manifest(struct lake *l, struct slice row, struct err *err)
{
	if (!l->opts.manifests)
		return 0;
	if (!l->manifest.is_open && begin(l, err) < 0)
		return -1;
	if (segment_add(&l->manifest, row.p, row.len, 1, err) < 0)
		return -1;
	if (l->manifest.sum.records < MANIFEST_RECORDS)
		return 0;
	return lake_keep_manifest(l, err) < 0 ? -1 : spool_add_later(l->spool, &l->manifest, err);
}

int lake_keep_manifest(struct lake *l, struct err *err)
{
	struct segment *one = &l->manifest;

	if (!l->opts.manifests || !one->is_open || spool_is_named(l->spool))
		return 0;
	return spool_sync(l->spool, &one, 1, err);
}

/* A run that is repeated must cut its manifests by the rows alone. */
bool lake_is_manifest_old(const struct lake *l)
{
	return l->manifest.is_open && !spool_is_named(l->spool) && l->now_us - l->manifest_us >= MANIFEST_AGE_US;
}

static int add_end(struct lake *l, struct err *err)
{
	struct buf row = BUF_INIT;
	int got;

	buf_add_char(&row, '{');
	json_add_key(&row, "run");
	json_add_string(&row, slice_str(spool_run_id(l->spool)));
	buf_addf(&row, ",\"end\":true,\"objects\":%llu,\"records\":%llu}\n", (unsigned long long)l->n_told,
		(unsigned long long)l->records_told);
	got = lake_add_manifest(l, buf_slice(&row), err);
	buf_release(&row);
	return got;
}

int lake_seal_manifest(struct lake *l, bool is_end, struct err *err)
{
	if (!l->opts.manifests)
		return 0;
	if (is_end && l->n_told && add_end(l, err) < 0)
		return -1;
	return l->manifest.is_open ? spool_add(l->spool, &l->manifest, err) : 0;
}
