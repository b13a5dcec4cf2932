/*
 * json_bench FILE [KEY...]: how fast lib/json goes over lines that are in memory, in batches of 256 KiB.
 *
 * Prints the best round of two seconds for validation alone and, with keys, with these members projected. A key may be
 * given as a.b; the paths of a bench need no more syntax. TLM_SIMD=portable measures the portable kernel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "batch/batch.h"
#include "json/json.h"

enum { ROUNDS_MIN = 3, SECONDS = 2 };

struct tally {
	size_t records, bad, found;
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char *read_file(const char *name, size_t *len)
{
	FILE *f = fopen(name, "rb");
	char *p;

	if (!f || fseek(f, 0, SEEK_END) != 0)
		return NULL;
	*len = (size_t)ftell(f);
	rewind(f);
	p = malloc(*len + JSON_PAD_BYTES);
	if (p && fread(p, 1, *len, f) != *len) {
		free(p);
		p = NULL;
	}
	fclose(f);
	return p;
}

static struct tally scan_all(struct json_scan *scan, const char *p, size_t len, size_t n_slots)
{
	struct tally t = {0, 0, 0};
	const char *end = p + len;

	while (p < end) {
		size_t n = (size_t)(end - p) < BATCH_BYTES ? (size_t)(end - p) : BATCH_BYTES;
		const char *last = memrchr(p, '\n', n);
		struct json_record r;

		if (!last && !(last = memchr(p, '\n', (size_t)(end - p))))
			break;
		json_scan_batch(scan, p, (size_t)(last + 1 - p));
		while (json_scan_next(scan, &r)) {
			t.records++;
			t.bad += r.status != JSON_OK;
			for (size_t i = 0; i < n_slots; i++)
				t.found += r.spans[i].type != JSON_ABSENT;
		}
		p = last + 1;
	}
	return t;
}

static void measure(const char *what, struct json_paths *paths, const char *p, size_t len)
{
	struct json_scan *scan = json_scan_open(paths, JSON_DEPTH_DEFAULT);
	size_t n_slots = paths ? json_paths_count(paths) : 0;
	struct tally t = {0, 0, 0};
	double best = 1e9, begin = now_s();

	for (int i = 0; i < ROUNDS_MIN || now_s() - begin < SECONDS; i++) {
		double start = now_s(), used;

		t = scan_all(scan, p, len, n_slots);
		used = now_s() - start;
		best = used < best ? used : best;
	}
	printf("%-8s %-9s %6.2f GB/s  %5.1f ns/record  %zu records, %zu not good, %zu values\n", json_simd_name(), what,
		(double)len / best / 1e9, best * 1e9 / (double)t.records, t.records, t.bad, t.found);
	json_scan_close(scan);
}

static void add_key(struct json_paths *paths, char *text)
{
	struct fieldpath_step steps[FIELDPATH_STEPS_MAX] = {0};
	struct fieldpath path = {steps, 0, text};

	for (char *key = strtok(text, "."); key && path.n_steps < FIELDPATH_STEPS_MAX; key = strtok(NULL, "."))
		steps[path.n_steps++].key = slice_str(key);
	json_paths_add(paths, &path);
}

int main(int argc, char **argv)
{
	struct json_paths *paths = json_paths_open();
	size_t len = 0;
	char *p = argc > 1 ? read_file(argv[1], &len) : NULL;

	if (!p) {
		fprintf(stderr, "json_bench: cannot read the file; usage: json_bench FILE [KEY...]\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		add_key(paths, argv[i]);
	measure("validate", NULL, p, len);
	if (argc > 2)
		measure("project", paths, p, len);
	json_paths_close(paths);
	free(p);
	return 0;
}
