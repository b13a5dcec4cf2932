#include "manifest.h"

#include <stdlib.h>

#include "json/json.h"
#include "mem/mem.h"
#include "num/num.h"

enum {
	KEY,
	RECORDS,
	BYTES,
	RAW_BYTES,
	SHA256,
	RAW_SHA256,
	RUN,
	SEQ,
	END,
	OBJECTS,
	TOPIC,
	PARTITION,
	FIRST,
	LAST,
	FIELDS
};

struct manifest {
	struct json_paths *paths;
	struct json_scan *scan;
	size_t slots[FIELDS];
	struct buf lines, tmp, key, run, topic;
};

struct manifest *manifest_open(void)
{
	static const char *const names[FIELDS] = {"key", "records", "bytes", "raw_bytes", "sha256", "raw_sha256", "run",
		"seq", "end", "objects", "topic", "partition", "first", "last"};
	struct manifest *m = mem_alloc(1, sizeof *m);

	m->paths = json_paths_open();
	for (size_t i = 0; i < FIELDS; i++)
		m->slots[i] = json_paths_add_key(m->paths, names[i]);
	m->scan = json_scan_open(m->paths, JSON_DEPTH_DEFAULT);
	return m;
}

void manifest_close(struct manifest *m)
{
	if (!m)
		return;
	json_scan_close(m->scan);
	json_paths_close(m->paths);
	buf_release(&m->lines);
	buf_release(&m->tmp);
	buf_release(&m->key);
	buf_release(&m->run);
	buf_release(&m->topic);
	free(m);
}

static uint64_t number(const struct manifest *m, const struct json_span *spans, size_t field)
{
	struct json_span span = spans[m->slots[field]];
	int64_t value = 0;

	if (span.type == JSON_NUMBER)
		num_to_i64(span.p, span.len, &value);
	return value > 0 ? (uint64_t)value : 0;
}

static const char *text(struct manifest *m, const struct json_span *spans, size_t field, struct buf *out)
{
	struct json_span span = spans[m->slots[field]];

	buf_reset(out);
	if (span.type == JSON_STRING)
		buf_add_slice(out, json_text(span, &m->tmp));
	return buf_cstr(out);
}

static void copy_hash(struct manifest *m, const struct json_span *spans, size_t field, char out[DIGEST_HEX_BYTES + 1])
{
	struct json_span span = spans[m->slots[field]];
	struct slice s = span.type == JSON_STRING ? json_text(span, &m->tmp) : SLICE_LIT("");

	if (s.len == DIGEST_HEX_BYTES)
		memcpy(out, s.p, s.len);
}

static void read_row(struct manifest *m, const struct json_span *spans, struct manifest_row *row)
{
	row->key = text(m, spans, KEY, &m->key);
	row->run = text(m, spans, RUN, &m->run);
	row->topic = text(m, spans, TOPIC, &m->topic);
	row->told.records = number(m, spans, RECORDS);
	row->told.bytes = number(m, spans, BYTES);
	row->told.raw_bytes = number(m, spans, RAW_BYTES);
	copy_hash(m, spans, SHA256, row->told.sha256);
	copy_hash(m, spans, RAW_SHA256, row->told.raw_sha256);
	row->seq = number(m, spans, SEQ);
	row->objects = number(m, spans, OBJECTS);
	row->partition = (int64_t)number(m, spans, PARTITION);
	row->first = (int64_t)number(m, spans, FIRST);
	row->last = (int64_t)number(m, spans, LAST);
}

uint64_t manifest_read(struct manifest *m, struct slice lines, manifest_row_fn *take, void *ctx)
{
	struct json_record record;
	uint64_t bad_line = 0;

	buf_reset(&m->lines);
	buf_add_slice(&m->lines, lines);
	buf_reserve(&m->lines, JSON_PAD_BYTES);
	json_scan_batch(m->scan, m->lines.p, lines.len);
	while (json_scan_next(m->scan, &record)) {
		bool is_object = record.status == JSON_OK && record.type == JSON_OBJECT;
		struct manifest_row row = {.is_end = is_object && record.spans[m->slots[END]].type == JSON_TRUE};

		if (record.status == JSON_BLANK)
			continue;
		if (row.is_end || (is_object && record.spans[m->slots[KEY]].type == JSON_STRING)) {
			read_row(m, record.spans, &row);
			take(ctx, &row);
		} else if (!bad_line) {
			bad_line = record.line + 1;
		}
	}
	return bad_line;
}
