/*
 * fieldpath: a path that is read, written out again with every key in ["..."], is the same path; and the part of the
 * text that a path took is itself that path.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "etime/etime.h"
#include "fieldpath/fieldpath.h"
#include "timefield/timefield.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_out(struct buf *out, const struct fieldpath *path)
{
	buf_add_char(out, '.');
	for (size_t i = 0; i < path->n_steps; i++) {
		const struct fieldpath_step *step = &path->steps[i];

		if (step->is_index) {
			buf_addf(out, "[%lld]", (long long)step->index);
			continue;
		}
		buf_add_str(out, "[\"");
		for (size_t k = 0; k < step->key.len; k++) {
			unsigned char c = (unsigned char)step->key.p[k];

			if (c < 0x20 || c == '"' || c == '\\')
				buf_addf(out, "\\u%04x", c);
			else
				buf_add_char(out, (char)c);
		}
		buf_add_str(out, "\"]");
	}
}

static void check_path(const struct fieldpath *path, size_t used)
{
	struct err err = ERR_INIT;
	struct fieldpath again, copy;
	struct buf out = BUF_INIT;

	assert(path->n_steps <= FIELDPATH_STEPS_MAX && strlen(path->text) == used);
	write_out(&out, path);
	assert(!fieldpath_parse(&again, buf_slice(&out), NULL, &err));
	assert(fieldpath_eq(path, &again));
	fieldpath_release(&again);
	assert(!fieldpath_parse(&again, slice_str(path->text), NULL, &err));
	assert(fieldpath_eq(path, &again));
	fieldpath_copy(&copy, &again);
	fieldpath_release(&again);
	assert(fieldpath_eq(path, &copy));
	buf_reset(&out);
	fieldpath_column(&out, &copy);
	fieldpath_name(&out, &copy);
	fieldpath_release(&copy);
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct fieldpath path;
	struct timefield field;
	char *text = malloc(size + 1);
	size_t used;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (!fieldpath_parse(&path, (struct slice){text, size}, &used, &err)) {
		assert(used <= size);
		check_path(&path, used);
		fieldpath_release(&path);
	} else {
		assert(err.code == ERR_USAGE && !path.steps && !path.text);
	}
	err_reset(&err);
	if (!timefield_parse(&field, text, &err))
		timefield_release(&field);
	free(text);
	return 0;
}
