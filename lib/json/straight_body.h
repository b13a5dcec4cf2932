/*
 * straight_body: the next record without an index. Included by a kernel file behind shape_body.h, which defines before
 * it:
 *	struct unlike, add_straight(unlike, p, piece), is_unlike(unlike)    gathers in what the bytes at p differ
 *	skip_text(p)    bytes of the string at p up to its quote, or to what is no plain text; a few more than
 *			STRAIGHT_VALUE_MAX at most
 */

/* Behind the number, or whatever a bare value may be. NULL: it is none, or too long. */
TARGET static inline ALWAYS const char *skip_bare(const char *p, uint8_t kind)
{
	uint32_t wrong = 0;
	const char *end = p;

	if (kind == JSON_KIND_NUMBER) {
		end = skip_digits(p, &wrong);
		if (__builtin_expect(!wrong && (*end | 0x20) != 'e', 1))
			return end;
	}
	end = kind == JSON_KIND_NUMBER ? json_walk_number(p) : json_bare_end(p);
	return end && end - p < STRAIGHT_VALUE_MAX ? end : NULL;
}

/* Texts and values in turn, as if all fitted; nothing is read behind `reach`, so the batch has to go on so far. */
TARGET static bool straight(struct json_scan *scan, const struct json_shape *shape, struct json_record *record)
{
	const struct json_straight *way = &shape->straight;
	const struct straight_piece *piece = way->pieces;
	const struct straight_step *step = way->steps;
	const char *start = scan->at, *p = start;
	uint16_t bases[STRAIGHT_VALUES + 1];
	struct unlike unlike = {0};

	if (way->n_values == UINT32_MAX || scan->end - start < way->reach)
		return false;
	bases[0] = 0;
	for (uint32_t i = 0;; i++, step++) {
		for (uint32_t k = 0; k < step->n_pieces; k++)
			add_straight(&unlike, p + k * 32, piece++);
		p += step->bytes;
		if (i == way->n_values)
			break;
		if (step->kind == JSON_KIND_STRING)
			p += skip_text(p);
		else if (!(p = skip_bare(p, step->kind)))
			return false;
		bases[i + 1] = (uint16_t)(p - start);
	}
	if (is_unlike(&unlike))
		return false;
	take(scan, shape, start, bases, way->spans, way->value, p, record);
	return true;
}
