#include "timefield/timefield.h"

#include <stdlib.h>

#include "mem/mem.h"

int timefield_parse(struct timefield *field, const char *text, struct err *err)
{
	size_t used;

	*field = (struct timefield){FIELDPATH_INIT, {ETIME_AUTO, NULL}, NULL};
	if (fieldpath_parse(&field->path, slice_str(text), &used, err))
		return -1;
	if (text[used] && text[used] != ':') {
		err_set(err, ERR_USAGE, "time field '%.60s': expected ':' and a format, or the end, at byte %zu", text,
			used + 1);
		goto fail;
	}
	field->text = mem_dup(text, strlen(text));
	if (text[used] == ':' && etime_format_parse(field->text + used + 1, &field->format, err))
		goto fail;
	return 0;

fail:
	timefield_release(field);
	return -1;
}

void timefield_release(struct timefield *field)
{
	fieldpath_release(&field->path);
	free(field->text);
	*field = (struct timefield){FIELDPATH_INIT, {ETIME_AUTO, NULL}, NULL};
}

static int refuse(const char **why, const char *what)
{
	*why = what;
	return -1;
}

int timefield_get(const struct timefield *field, struct json_span span, struct buf *tmp, int64_t *us, const char **why)
{
	struct slice text = {span.p, span.len};

	switch (span.type) {
	case JSON_ABSENT:
		return refuse(why, "is absent");
	case JSON_NULL:
		return refuse(why, "is null");
	case JSON_NUMBER:
		if (field->format.kind == ETIME_AUTO)
			return refuse(why, "is a number without a unit: say --time FIELD:s|ms|us|ns");
		break;
	case JSON_STRING:
		text = span.is_escaped ? json_text(span, tmp) : json_inside(span);
		break;
	default:
		return refuse(why, "is not a time of the format");
	}
	if (!etime_parse(&field->format, text.p, text.len, span.type == JSON_NUMBER, us))
		return refuse(why, "is not a time of the format");
	return 0;
}
