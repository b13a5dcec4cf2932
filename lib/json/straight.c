/* straight: the way of a shape without an index, made of a record that it was learned from. */
#include "json/straight.h"

#include <string.h>

#include "json/lesson.h"

/* Whether the value is part of a text. */
static bool is_in_text(const struct json_value *known)
{
	return known->kind == JSON_KIND_FIXED ||
	       (known->kind == JSON_KIND_STRING && known->text_bytes != JSON_TEXT_VARIES);
}

/* The one range that the byte of the string has been in, or NULL. */
static const struct json_text_range *range_of(const struct json_value *known, size_t byte)
{
	const struct json_text_range *range = NULL;

	for (size_t i = 0; i < JSON_TEXT_RANGES && byte < 64; i++) {
		if (!(known->seen[i] >> byte & 1))
			continue;
		if (range)
			return NULL;
		range = &json_text_ranges[i];
	}
	return range;
}

/* The inside of a string, as far as it is in the len bytes at p. Whether any of it has no range. */
static bool add_inside(struct straight_piece *piece, const char *p, size_t len, const struct lesson_value *v,
	const struct json_value *known)
{
	bool has_inside = false;

	for (const char *c = v->start + 1; c < v->end - 1; c++) {
		const struct json_text_range *range = range_of(known, (size_t)(c - v->start - 1));

		if (c < p || c >= p + len)
			continue;
		piece->low[c - p] = range ? range->low : ' ';
		piece->span[c - p] = (uint8_t)(range ? range->high - range->low : 0x7f - ' ');
		piece->inside[c - p] = range ? 0 : 0xff;
		has_inside |= !range;
	}
	return has_inside;
}

static bool fill_piece(
	struct straight_piece *piece, const char *p, size_t len, const struct lesson *l, const struct json_shape *shape)
{
	bool has_inside = false;

	memset(piece->low, 0, sizeof piece->low);
	memset(piece->span, 0xff, sizeof piece->span);
	memset(piece->inside, 0, sizeof piece->inside);
	memcpy(piece->low, p, len);
	memset(piece->span, 0, len);
	for (uint32_t i = 0; i < l->n_values; i++) {
		const struct json_value *known = &shape->values[i];

		if (known->kind == JSON_KIND_FIXED)
			lesson_add_ranges(piece->low, piece->span, p, len, &l->values[i], known);
		else if (is_in_text(known))
			has_inside |= add_inside(piece, p, len, &l->values[i], known);
	}
	return has_inside;
}

/* The texts of a record while they are made. */
struct making {
	const struct lesson *l;
	struct json_shape *shape;
	const char *starts[STRAIGHT_VALUES + 1]; /* of the texts */
	const char *bases[STRAIGHT_VALUES + 1];  /* the record, and the ends of the values that end them */
	uint32_t n;                              /* of them */
	uint32_t n_pieces;
};

/* The next text, and the kind of the value behind it. False: there is no room. */
static bool add_text(struct making *m, const char *end, uint8_t kind)
{
	struct json_straight *way = &m->shape->straight;
	const char *start = m->starts[m->n];
	size_t bytes = (size_t)(end - start);
	bool has_inside = false;

	if (m->n_pieces + bytes / 32 + 1 > STRAIGHT_PIECES)
		return false;
	for (; start < end; start += 32) {
		size_t len = (size_t)(end - start);

		has_inside |= fill_piece(&way->pieces[m->n_pieces++], start, len < 32 ? len : 32, m->l, m->shape);
	}
	way->steps[m->n] = (struct straight_step){
		(uint16_t)((bytes + 31) / 32 * sizeof *way->pieces), (uint16_t)bytes, kind, has_inside};
	way->reach += (uint32_t)bytes;
	return true;
}

/* False: too many values vary. */
static bool add_texts(struct making *m)
{
	const struct lesson *l = m->l;

	m->starts[0] = m->bases[0] = l->start;
	for (uint32_t i = 0; i < l->n_values; i++) {
		const struct lesson_value *v = &l->values[i];
		bool is_string = v->kind == JSON_KIND_STRING;

		if (is_in_text(&m->shape->values[i]))
			continue;
		if (m->n == STRAIGHT_VALUES || !add_text(m, v->start + is_string, v->kind))
			return false;
		m->n++;
		m->starts[m->n] = m->bases[m->n] = v->end - is_string;
		m->shape->straight.reach += STRAIGHT_VALUE_MAX;
	}
	return add_text(m, l->newline + 1, STRAIGHT_END);
}

/* A place in a text, as seen from the base before it. */
static struct json_spot spot_of(const struct making *m, const char *p)
{
	uint32_t i = m->n;

	while (i && m->bases[i] > p)
		i--;
	return (struct json_spot){(uint16_t)i, (int16_t)(p - m->bases[i])};
}

static void add_span(const struct making *m, struct json_span from, struct json_shape_span *to)
{
	*to = (struct json_shape_span){.type = from.type};
	if (from.type == JSON_ABSENT)
		return;
	to->is_any = lesson_is_any(m->l, from);
	to->start = spot_of(m, from.p);
	to->end = spot_of(m, from.p + from.len);
}

void straight_build(const struct json_scan *scan, const struct json_record *record, const struct lesson *l,
	struct json_shape *shape)
{
	struct json_straight *way = &shape->straight;
	struct making m = {.l = l, .shape = shape};

	/* in a special window the insides of the record's strings, and its keys, are yet to be looked at */
	way->n_values = UINT32_MAX;
	way->reach = 0;
	if (scan->special || shape->n_marks == UINT32_MAX || !add_texts(&m))
		return;
	for (size_t i = 0; i < scan->n_spans; i++)
		add_span(&m, scan->plain.spans[i], &way->spans[i]);
	add_span(&m, record->value, way->value);
	way->n_values = m.n;
}
