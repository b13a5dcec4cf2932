/*
 * shape_body: compares the next record with a shape. Included by each kernel file behind walk_body.h, which defines
 * before it:
 *	struct unlike, add_unlike(unlike, p, piece), is_unlike(unlike)    gathers in what the bytes at p differ
 */

TARGET static inline ALWAYS const char *spot(const char *base, const uint16_t *mark, struct json_spot at)
{
	return base + mark[at.mark] + at.offset;
}

TARGET static inline ALWAYS struct json_span span_at(
	const char *base, const uint16_t *mark, const struct json_shape_span *from)
{
	const char *start = spot(base, mark, from->start);

	return (struct json_span){start, (uint32_t)(spot(base, mark, from->end) - start), from->type, 0};
}

/* A number that is read at once; or whatever a bare value may be. */
TARGET static inline ALWAYS bool is_good_bare(const char *base, const uint16_t *mark, const struct json_bare *bare)
{
	const char *start = spot(base, mark, bare->start), *end = spot(base, mark, bare->end);
	uint32_t wrong = 0;

	if (!bare->is_any && skip_digits(start, &wrong) == end && !wrong)
		return true;
	return json_bare_type(start, end) >= (bare->is_any ? JSON_NULL : JSON_NUMBER);
}

/* The record ends at `end` and has the shape; where its spans stand is known. */
TARGET static inline ALWAYS void finish_record(
	struct json_scan *scan, const struct json_shape *shape, const char *end, struct json_record *record)
{
	record->p = scan->at;
	record->len = (size_t)(end - record->p) - 1 - shape->has_return;
	record->status = JSON_OK;
	record->type = shape->value.type;
	record->is_tight = shape->is_tight;
	record->byte = 0;
	record->message = NULL;
	record->spans = scan->plain.spans;
	scan->at = end;
}

/* Pieces first: where they fit, the values between them are texts of some length within the record. */
TARGET static bool match(struct json_scan *scan, const struct json_shape *shape, struct json_record *record)
{
	const char *base = scan->base;
	const uint16_t *mark = scan->mark;
	struct unlike unlike = {0};

	if (scan->marks_end - mark < shape->n_marks || base + mark[0] != scan->at + shape->first_at)
		return false;
	for (size_t i = 0; i < shape->n_pieces; i++)
		add_unlike(&unlike, spot(base, mark, shape->pieces[i].at), &shape->pieces[i]);
	if (is_unlike(&unlike))
		return false;
	for (size_t i = 0; i < shape->n_bares; i++) {
		if (__builtin_expect(!is_good_bare(base, mark, &shape->bares[i]), 0))
			return false;
	}
	for (size_t i = 0; i < scan->n_spans; i++)
		scan->plain.spans[i] = span_at(base, mark, &shape->spans[i]);
	if (shape->has_any)
		json_shape_types(shape, scan->plain.spans, scan->n_spans);
	record->value = span_at(base, mark, &shape->value);
	finish_record(scan, shape, base + mark[shape->n_marks - 1] + 1, record);
	scan->mark = mark + shape->n_marks;
	return true;
}
