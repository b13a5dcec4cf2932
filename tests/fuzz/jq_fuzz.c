/* A program, a NUL or a line end, then lines of records: compiled and run under a small budget, both ways. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "jq/jq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_lines(const struct jq_program *program, const char *p, size_t len)
{
	static const struct jq_format formats[] = {
		{0}, {.indent = 2, .is_sorted = true, .is_ascii = true, .is_colored = true}};
	static const struct jq_limits limits = {.steps = 20000, .bytes = 1 << 20};
	struct json_scan *scan = json_scan_open(jq_paths(program), 50);
	struct buf in = BUF_INIT, out = BUF_INIT;
	struct json_record record;
	struct jq_result result;

	buf_add(&in, p, len);
	buf_add_char(&in, '\n');
	memset(buf_reserve(&in, JSON_PAD_BYTES), 0, JSON_PAD_BYTES);
	for (size_t i = 0; i < 2; i++) {
		struct jq_run *run = jq_run_open(program, &formats[i], &limits);

		json_scan_batch(scan, in.p, in.len);
		while (json_scan_next(scan, &record)) {
			if (record.status != JSON_OK)
				continue;
			jq_judge(run, &record, &out);
			jq_run_record(run, &record, &out, &result);
			buf_reset(&out);
		}
		jq_run_close(run);
	}
	buf_release(&in);
	buf_release(&out);
	json_scan_close(scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = memchr(text, '\n', size);
	struct err err = ERR_INIT;
	struct jq_program *program;
	size_t len = end ? (size_t)(end - text) : size, at;

	program = jq_program_open((struct slice){text, len}, NULL, &at, &err);
	if (program && !jq_foreign(program))
		run_lines(program, text + len + (end ? 1 : 0), size - len - (end ? 1 : 0));
	jq_program_close(program);
	return 0;
}
