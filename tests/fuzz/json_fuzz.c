/*
 * json_fuzz: the scanner against the recursive parser, every kernel. For libFuzzer (clang -fsanitize=fuzzer).
 * The input is one batch; a last line without an end gets one.
 */
#include <stdio.h>

#include "../kit/json_oracle.h"

enum { FUZZ_DEPTH = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fieldpath_step a[] = {{.key = {"a", 1}}, {.key = {"b", 1}}}, index_1[] = {{.is_index = true, .index = 1}},
			     last[] = {{.key = {"a", 1}}, {.is_index = true, .index = -1}};
static const struct fieldpath paths[] = {
	{NULL, 0, NULL}, {a, 1, NULL}, {a, 2, NULL}, {index_1, 1, NULL}, {last, 2, NULL}};

enum { FUZZ_PATHS = sizeof paths / sizeof *paths };

static void compare(const char *p, size_t len, bool is_portable)
{
	struct json_paths *set = json_paths_open();
	struct json_scan *scan;
	const char *wrong;

	for (size_t i = 0; i < FUZZ_PATHS; i++)
		json_paths_add(set, &paths[i]);
	json_force_portable(is_portable);
	scan = json_scan_open(set, FUZZ_DEPTH);
	wrong = oracle_compare(scan, paths, FUZZ_PATHS, FUZZ_DEPTH, p, len);
	if (wrong) {
		fprintf(stderr, "json_fuzz: %s: %s\n", json_simd_name(), wrong);
		abort();
	}
	json_scan_close(scan);
	json_paths_close(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size + 1 + JSON_PAD_BYTES);

	if (!p)
		return 0;
	if (size)
		memcpy(p, data, size);
	if (size && p[size - 1] != '\n')
		p[size++] = '\n';
	memset(p + size, '"', JSON_PAD_BYTES);
	compare(p, size, false);
	compare(p, size, true);
	free(p);
	return 0;
}
