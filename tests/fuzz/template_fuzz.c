/*
 * Any template text (before the first newline of the input), any record (behind it): a template is refused or renders;
 * what it renders has only good names, whole, below the root.
 */
#include <stdlib.h>
#include <string.h>

#include "template/template.h"

static void must(int is_true)
{
	if (!is_true)
		abort();
}

/* No name is empty, begins with a dot or is too long. */
static void check_names(const char *p, size_t len)
{
	size_t start = 0;

	must(len <= TEMPLATE_PATH_MAX_BYTES);
	for (size_t i = 0; len && i <= len; i++) {
		if (i < len && p[i] != '/') {
			must(p[i] != '\0');
			continue;
		}
		must(i > start && i - start <= TEMPLATE_NAME_MAX_BYTES && p[start] != '.');
		start = i + 1;
	}
}

static void render(struct template *t, struct json_paths *paths, const uint8_t *data, size_t size)
{
	struct buf line = BUF_INIT, out = BUF_INIT, again = BUF_INIT;
	struct json_scan *scan = json_scan_open(paths, 16);
	struct json_record r;
	struct template_fault fault;
	int64_t us;

	buf_add(&line, data, size);
	buf_add_char(&line, '\n');
	buf_reserve(&line, JSON_PAD_BYTES);
	json_scan_batch(scan, line.p, line.len);
	while (json_scan_next(scan, &r)) {
		us = (int64_t)r.line * 12345678901;
		buf_reset(&out);
		buf_reset(&again);
		if (r.status != JSON_OK || template_render(t, us, r.spans, &out, &fault) < 0)
			continue;
		check_names(out.p, out.len);
		must(template_render(t, us, r.spans, &again, &fault) == 0);
		must(slice_eq(buf_slice(&out), buf_slice(&again)));
	}
	json_scan_close(scan);
	buf_release(&line);
	buf_release(&out);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	struct json_paths *paths;
	struct template *t;
	struct err err = ERR_INIT;
	char *text;
	size_t len;

	if (!end || end - data > 1000)
		return 0;
	len = (size_t)(end - data);
	text = calloc(1, len + 2);
	text[0] = '/';
	memcpy(text + 1, data, len);
	paths = json_paths_open();
	t = template_open(text, NULL, paths, &err);
	must(!!t == (err.code == ERR_NONE));
	if (t)
		render(t, paths, end + 1, size - len - 1);
	template_close(t);
	json_paths_close(paths);
	free(text);
	return 0;
}
