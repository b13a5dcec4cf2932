/*
 * straight_body: the next record without an index. Included by a kernel file behind shape_body.h, which defines before
 * it:
 *	struct unlike, is_unlike(unlike)         gathers in what the bytes at p differ
 *	add_straight(unlike, p, piece)           from a piece that has no inside
 *	add_inside(unlike, p, piece)             from any piece
 *	skip_text(p)    bytes of the string at p up to its quote, or to what is no plain text; a few more than
 *			STRAIGHT_VALUE_MAX at most
 */

/* Behind whatever a bare value may be. NULL: it is none, or too long. */
static __attribute__((noinline)) const char *skip_slowly(const char *p, uint8_t kind)
{
	const char *end = kind == JSON_KIND_NUMBER ? json_walk_number(p) : json_bare_end(p);

	return end && end - p < STRAIGHT_VALUE_MAX ? end : NULL;
}

/* A number that is read at once; NULL: not so. */
TARGET static inline ALWAYS const char *skip_plain(const char *p)
{
	uint32_t wrong = 0;
	const char *end = skip_digits(p, &wrong);

	return __builtin_expect(!wrong && (*end | 0x20) != 'e', 1) ? end : NULL;
}

TARGET static inline ALWAYS struct json_span span_of(const char *const *bases, const struct json_shape_span *from)
{
	const char *start = bases[from->start.mark] + from->start.offset;
	const char *end = bases[from->end.mark] + from->end.offset;

	return (struct json_span){start, (uint32_t)(end - start), from->type, 0};
}

/* The record ends at `end` and has the shape: where its spans stand. */
TARGET static inline ALWAYS void take_straight(
	struct json_scan *scan, const struct json_shape *shape, const char *end, struct json_record *record)
{
	const struct json_straight *way = &shape->straight;
	struct json_span *spans = scan->plain.spans;

	for (size_t i = 0; i < scan->n_spans; i++)
		spans[i] = span_of(scan->bases, &way->spans[i]);
	if (__builtin_expect(shape->has_any, 0))
		json_shape_types(shape, spans, scan->n_spans);
	record->value = span_of(scan->bases, way->value);
	finish_record(scan, shape, end, record);
}

/*
 * The end of the record at scan->at, or NULL: it has another shape. Texts and values in turn, as if all fitted; nothing
 * is read behind `reach`, so the batch has to go on so far. Bases are kept in the scan, and nothing is gathered across
 * a call: the way has no frame to build and to check.
 */
TARGET static inline ALWAYS const char *follow(struct json_scan *scan, const struct json_straight *way)
{
	const struct straight_piece *piece = way->pieces;
	const struct straight_step *step = way->steps;
	const char *p = scan->at, **base = scan->bases;
	struct unlike unlike = {0};

	if (way->n_values == UINT32_MAX || scan->end - p < way->reach)
		return NULL;
	for (*base = p;; step++) {
		const struct straight_piece *pieces_end = (const void *)((const char *)piece + step->pieces_bytes);
		const char *text = p, *end;

		if (step->has_inside) {
			for (; piece < pieces_end; text += 32)
				add_inside(&unlike, text, piece++);
		} else {
			for (; piece < pieces_end; text += 32)
				add_straight(&unlike, text, piece++);
		}
		p += step->bytes;
		if (step->kind == STRAIGHT_END)
			break;
		if (step->kind == JSON_KIND_STRING) {
			p += skip_text(p);
		} else if (step->kind == JSON_KIND_NUMBER && (end = skip_plain(p))) {
			p = end;
		} else {
			if (is_unlike(&unlike) || !(p = skip_slowly(p, step->kind)))
				return NULL;
			unlike = (struct unlike){0};
		}
		*++base = p;
	}
	return is_unlike(&unlike) ? NULL : p;
}

TARGET static bool straight(struct json_scan *scan, const struct json_shape *shape, struct json_record *record)
{
	const char *end = follow(scan, &shape->straight);

	if (!end)
		return false;
	take_straight(scan, shape, end, record);
	return true;
}

/* Of a record that the sieve holds back nothing is needed but its end. Strings here have no escapes, so that another
 * text is another string. */
TARGET static bool sift(struct json_scan *scan, const struct json_shape *shape, struct json_record *record)
{
	const struct json_shape_span *span = &shape->straight.spans[scan->sieve_slot];
	const char *end;
	uint64_t n = 0;

	if (span->type != JSON_STRING)
		return straight(scan, shape, record);
	while ((end = follow(scan, &shape->straight)) &&
		!is_same(&scan->sieve, scan->bases[span->start.mark] + span->start.offset + 1)) {
		scan->at = end;
		n++;
	}
	scan->passed += n;
	scan->line += n;
	scan->shapes.hits += n;
	scan->shapes.straight_hits += n;
	if (end)
		take_straight(scan, shape, end, record);
	return end != NULL;
}
