/*
 * shape_fuzz: streams of records that look alike, the scanner against the recursive parser. The first line of the input
 * is the record; each three bytes behind it a copy with one byte changed (or, from 0x80 on in the first, unchanged), so
 * that shapes are learned, hit, missed and left. The scanner keeps its shapes over several batches.
 */
#include <stdio.h>

#include "../kit/json_oracle.h"

enum { FUZZ_DEPTH = 8, FORM_BYTES_MAX = 400, COPIES_MAX = 200, BATCHES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fieldpath_step a[] = {{.key = {"a", 1}}}, b[] = {{.key = {"b", 1}}, {.key = {"c", 1}}},
			     second[] = {{.key = {"a", 1}}, {.is_index = true, .index = 1}};
static const struct fieldpath paths[] = {{a, 1, NULL}, {b, 2, NULL}, {second, 2, NULL}};

enum { FUZZ_PATHS = sizeof paths / sizeof *paths };

static void compare(const struct buf *lines, bool is_portable)
{
	struct json_paths *set = json_paths_open();
	struct json_scan *scan;
	const char *wrong = NULL;

	for (size_t i = 0; i < FUZZ_PATHS; i++)
		json_paths_add(set, &paths[i]);
	json_force_portable(is_portable);
	scan = json_scan_open(set, FUZZ_DEPTH);
	for (int i = 0; i < BATCHES && !wrong; i++)
		wrong = oracle_compare(scan, paths, FUZZ_PATHS, FUZZ_DEPTH, lines->p, lines->len);
	if (wrong) {
		fprintf(stderr, "shape_fuzz: %s: %s\n", json_simd_name(), wrong);
		abort();
	}
	json_scan_close(scan);
	json_paths_close(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	size_t len = end ? (size_t)(end - data) : size, at = len + 1;
	struct buf lines = BUF_INIT;

	if (len == 0 || len > FORM_BYTES_MAX)
		return 0;
	for (int i = 0; i < 4; i++) {
		buf_add(&lines, data, len);
		buf_add_char(&lines, '\n');
	}
	for (int i = 0; i < COPIES_MAX && at + 3 <= size; i++, at += 3) {
		size_t start = lines.len;

		buf_add(&lines, data, len);
		buf_add_char(&lines, '\n');
		/* of a long record the second byte names a place only together with the first */
		if (data[at] < 0x80)
			lines.p[start + ((size_t)data[at] * 256 + data[at + 1]) % len] = (char)data[at + 2];
	}
	memset(buf_reserve(&lines, JSON_PAD_BYTES), '"', JSON_PAD_BYTES);
	compare(&lines, false);
	compare(&lines, true);
	buf_release(&lines);
	return 0;
}
