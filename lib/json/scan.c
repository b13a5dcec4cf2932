#include "json/json_impl.h"

#include <assert.h>
#include <stdlib.h>

#include "mem/mem.h"

struct json_scan {
	const char *p, *end; /* the rest of the batch */
	uint64_t line;       /* of the next record */
	size_t n_spans;
	struct json_plain plain;
};

struct json_scan *json_scan_open(const struct json_paths *paths, int depth_max)
{
	struct json_scan *scan = mem_alloc(1, sizeof *scan);

	assert(depth_max >= 1 && depth_max <= JSON_DEPTH_MAX);
	scan->n_spans = paths ? json_paths_count(paths) : 0;
	scan->plain.paths = scan->n_spans ? paths : NULL;
	scan->plain.spans = mem_alloc(scan->n_spans, sizeof *scan->plain.spans);
	scan->plain.depth_max = depth_max;
	return scan;
}

void json_scan_close(struct json_scan *scan)
{
	if (!scan)
		return;
	free(scan->plain.spans);
	free(scan);
}

void json_scan_batch(struct json_scan *scan, const char *p, size_t len)
{
	assert(len == 0 || p[len - 1] == '\n');
	scan->p = p;
	scan->end = p + len;
	scan->line = 0;
}

int json_scan_next(struct json_scan *scan, struct json_record *record)
{
	const char *end;
	size_t len;

	if (scan->p == scan->end)
		return 0;
	end = memchr(scan->p, '\n', (size_t)(scan->end - scan->p));
	len = (size_t)(end - scan->p);
	if (len && end[-1] == '\r')
		len--;
	memset(scan->plain.spans, 0, scan->n_spans * sizeof *scan->plain.spans);
	json_plain_scan(&scan->plain, scan->p, len, record);
	if (record->status != JSON_OK)
		memset(scan->plain.spans, 0, scan->n_spans * sizeof *scan->plain.spans);
	record->line = scan->line++;
	scan->p = end + 1;
	return 1;
}

const char *json_simd_name(void)
{
	return "portable";
}

void json_force_portable(bool is_portable)
{
	(void)is_portable;
}
