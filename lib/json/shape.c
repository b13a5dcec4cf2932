#include "json/shape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "json/json_impl.h"
#include "json/lesson.h"
#include "mem/mem.h"

enum {
	MISSES = 64,           /* records that no shape fitted, until it is asked whether shapes are of use */
	HITS_MIN = 4 * MISSES, /* so many fitted meanwhile, or they are not */
	PAUSE_MIN = 256,
	PAUSE_MAX = 1 << 16,
	STRAIGHT_HITS_MIN = 64, /* records that went without an index until one did not, or it is of no use */
	STRAIGHT_PAUSE_MAX = 64
};

void json_shapes_init(struct json_shapes *s, size_t n_spans)
{
	*s = (struct json_shapes){.n_spans = n_spans, .pause = PAUSE_MIN, .straight_pause = 1};
	s->shapes = aligned_alloc(JSON_PIECE_BYTES, JSON_SHAPES * sizeof *s->shapes);
	if (!s->shapes)
		mem_fail();
	s->spans = mem_alloc_apart(JSON_SHAPES * (2 * n_spans + 1), sizeof *s->spans);
	for (size_t i = 0; i < JSON_SHAPES; i++) {
		struct json_shape *shape = &s->shapes[i];

		shape->n_marks = shape->straight.n_values = UINT32_MAX;
		shape->straight.reach = 0;
		shape->spans = s->spans + i * (2 * n_spans + 1);
		shape->straight.spans = shape->spans + n_spans;
		shape->straight.value = shape->straight.spans + n_spans;
		shape->next = s->shapes;
	}
	s->last = s->shapes;
}

void json_shapes_release(struct json_shapes *s)
{
	free(s->shapes);
	free(s->spans);
}

const char *json_bare_end(const char *p)
{
	switch (*p) {
	case 'n':
		return memcmp(p, "null", 4) == 0 ? p + 4 : NULL;
	case 't':
		return memcmp(p, "true", 4) == 0 ? p + 4 : NULL;
	case 'f':
		return memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
	default:
		return json_walk_number(p);
	}
}

uint8_t json_bare_type(const char *p, const char *end)
{
	if (json_bare_end(p) != end)
		return JSON_ABSENT;
	return *p == 'n' ? JSON_NULL : *p == 't' ? JSON_TRUE : *p == 'f' ? JSON_FALSE : JSON_NUMBER;
}

/* ---- which shape ---- */

bool json_shapes_other(struct json_scan *scan, const struct json_shape *expected, struct json_record *record)
{
	struct json_shapes *s = &scan->shapes;

	for (size_t i = 0; i < s->n; i++) {
		struct json_shape *other = &s->shapes[i];

		if (other != expected && scan->kernel->match(scan, other, record)) {
			s->last = s->last->next = other;
			s->hits++;
			return true;
		}
	}
	return false;
}

void json_shape_types(const struct json_shape *shape, struct json_span *spans, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (shape->spans[i].is_any)
			spans[i].type = json_bare_type(spans[i].p, spans[i].p + spans[i].len);
	}
}

/* ---- learning: the values of a record ---- */

enum { STRING_SIGN = 1, BARE_SIGN = 2 }; /* bytes of a skeleton that stand for values: no JSON has them */

static bool add_to_skeleton(struct lesson *l, const char *p, size_t len, char sign)
{
	if (len + 1 > JSON_SHAPE_BYTES - l->skeleton_bytes)
		return false;
	memcpy(l->skeleton + l->skeleton_bytes, p, len);
	l->skeleton[l->skeleton_bytes + len] = sign;
	l->skeleton_bytes += (uint32_t)len + 1;
	return true;
}

static uint8_t kind_of(const char *p, const char *end)
{
	if (*p == '"')
		return JSON_KIND_STRING;
	if (*p > '9')
		return JSON_KIND_ANY;
	return end - p <= JSON_PATTERN_BYTES ? JSON_KIND_FIXED : JSON_KIND_NUMBER;
}

static bool is_key(const char *close)
{
	return close[1 + strspn(close + 1, " \t\r")] == ':';
}

/* Finds the values of the valid record. False: there are too many, or too much between them. */
static bool find_values(struct lesson *l)
{
	/* cppcheck-suppress ctuuninitvar ; the caller sets what is read here */
	const char *p = l->start, *last = p;

	while (p < l->newline) {
		const char *end = p + 1;
		uint32_t mark = l->n_marks;

		if (*p == '"') {
			end = l->base + l->marks[mark + 1] + 1;
			l->n_marks += 2;
			if (is_key(end - 1)) {
				p = end;
				continue;
			}
		} else if (strchr(" \t\r:,{}[]", *p)) {
			p++;
			continue;
		} else {
			end = p + strcspn(p, " \t\r\n,}]");
		}
		if (l->n_values == JSON_SHAPE_VALUES ||
			!add_to_skeleton(l, last, (size_t)(p - last), *p == '"' ? STRING_SIGN : BARE_SIGN))
			return false;
		l->values[l->n_values++] = (struct lesson_value){p, end, mark, kind_of(p, end)};
		p = last = end;
	}
	l->n_marks++;
	return add_to_skeleton(l, last, (size_t)(p - last), 0);
}

static void write_pattern(const char *p, const char *end, struct json_value *v)
{
	size_t minus = *p == '-';

	v->len = (uint8_t)(end - p);
	for (size_t i = 0; i < v->len; i++)
		v->pattern[i] = p[i] >= '0' && p[i] <= '9' ? '0' : p[i];
	/* the first of several digits is no zero */
	if (p + minus + 1 < end && p[minus + 1] >= '0' && p[minus + 1] <= '9')
		v->pattern[minus] = '1';
}

const struct json_text_range json_text_ranges[JSON_TEXT_RANGES] = {{' ', '!'}, {'#', '['}, {']', 0x7f}};

static void write_ranges(const char *p, const char *end, struct json_value *v)
{
	v->text_bytes = (uint16_t)(end - p);
	for (size_t i = 0; ++p < end - 1 && i < 64; i++)
		v->seen[(uint8_t)*p > '"' ? 1 + ((uint8_t)*p > '\\') : 0] |= UINT64_C(1) << i;
}

static bool is_same_pattern(const struct json_value *a, const struct json_value *b)
{
	return a->kind == b->kind && a->len == b->len && memcmp(a->pattern, b->pattern, sizeof a->pattern) == 0;
}

/* What the shape knows of its values, with those of one more record. Whether it knew a text otherwise. */
static bool widen(struct json_shape *shape, struct lesson *l, bool is_new)
{
	bool has_changed = false;

	shape->n_values = l->n_values;
	for (uint32_t i = 0; i < l->n_values; i++) {
		struct json_value seen = {.kind = l->values[i].kind}, *known = &shape->values[i];

		if (seen.kind == JSON_KIND_FIXED)
			write_pattern(l->values[i].start, l->values[i].end, &seen);
		else if (seen.kind == JSON_KIND_STRING)
			write_ranges(l->values[i].start, l->values[i].end, &seen);
		if (is_new)
			*known = seen;
		else if (seen.kind == JSON_KIND_STRING && known->text_bytes != seen.text_bytes)
			known->text_bytes = JSON_TEXT_VARIES;
		else if (known->kind == JSON_KIND_FIXED && !is_same_pattern(known, &seen))
			known->kind = JSON_KIND_NUMBER;
		if (known->kind < seen.kind)
			known->kind = seen.kind;
		for (size_t k = 0; k < JSON_TEXT_RANGES; k++) {
			has_changed |= (seen.seen[k] & ~known->seen[k]) != 0;
			known->seen[k] |= seen.seen[k];
		}
		l->values[i].kind = known->kind;
	}
	return has_changed;
}

/* ---- learning: the places of a shape ---- */

/* The texts between the values. False: one is without a mark, two values that vary with no string between them. */
static bool find_runs(struct lesson *l)
{
	struct lesson_run *run = l->runs;

	*run = (struct lesson_run){.start = l->start};
	for (uint32_t i = 0; i < l->n_values; i++) {
		const struct lesson_value *v = &l->values[i];
		bool is_string = v->kind == JSON_KIND_STRING;

		if (v->kind == JSON_KIND_FIXED)
			continue;
		run->end = v->start + is_string;
		run->n = v->mark + is_string - run->first;
		if (!run->n)
			return false;
		run[1] = (struct lesson_run){.start = v->end - is_string, .first = v->mark + is_string};
		run++;
	}
	run->end = l->newline + 1;
	run->n = l->n_marks - run->first;
	l->n_runs = (uint32_t)(run - l->runs) + 1;
	return true;
}

/* A place of a run as seen from its last mark that is not behind the place, or from its first. False: it is too far
 * away, or might lie before the first mark of another record (its n-th is at least n bytes behind it). */
static bool set_spot(const struct lesson *l, const struct lesson_run *run, const char *p, struct json_spot *at)
{
	uint32_t mark = run->first;
	ptrdiff_t offset;

	while (mark + 1 < run->first + run->n && l->base + l->marks[mark + 1] <= p)
		mark++;
	offset = p - (l->base + l->marks[mark]);
	*at = (struct json_spot){(uint16_t)mark, (int16_t)offset};
	return offset <= JSON_SPOT_MAX && (-offset <= (ptrdiff_t)mark || p == l->start);
}

/* The run that the place is in, or at one of its ends. */
static bool find_spot(const struct lesson *l, const char *p, struct json_spot *at)
{
	for (uint32_t i = 0; i < l->n_runs; i++) {
		if (p >= l->runs[i].start && p <= l->runs[i].end)
			return set_spot(l, &l->runs[i], p, at);
	}
	return false;
}

void lesson_add_ranges(uint8_t *low, uint8_t *span, const char *p, size_t len, const struct lesson_value *v,
	const struct json_value *known)
{
	for (size_t i = 0; i < known->len; i++) {
		ptrdiff_t at = v->start + i - p;

		if (at < 0 || at >= (ptrdiff_t)len || (known->pattern[i] != '0' && known->pattern[i] != '1'))
			continue;
		low[at] = (uint8_t)known->pattern[i];
		span[at] = (uint8_t)('9' - known->pattern[i]);
	}
}

static bool add_pieces(const struct lesson *l, const struct lesson_run *run, struct json_shape *shape)
{
	for (const char *p = run->start; p < run->end; p += JSON_PIECE_BYTES) {
		size_t len = (size_t)(run->end - p);
		struct json_piece *piece = &shape->pieces[shape->n_pieces];

		if (shape->n_pieces == JSON_SHAPE_PIECES || !set_spot(l, run, p, &piece->at))
			return false;
		len = len < JSON_PIECE_BYTES ? len : JSON_PIECE_BYTES;
		memset(piece->low, 0, sizeof piece->low);
		memset(piece->span, 0xff, sizeof piece->span);
		memcpy(piece->low, p, len);
		memset(piece->span, 0, len);
		for (uint32_t i = 0; i < l->n_values; i++) {
			if (l->values[i].kind == JSON_KIND_FIXED)
				lesson_add_ranges(piece->low, piece->span, p, len, &l->values[i], &shape->values[i]);
		}
		shape->n_pieces++;
	}
	return true;
}

static bool add_bare(const struct lesson *l, const struct lesson_value *v, struct json_shape *shape)
{
	struct json_bare *bare = &shape->bares[shape->n_bares++];

	bare->is_any = v->kind == JSON_KIND_ANY;
	return find_spot(l, v->start, &bare->start) && find_spot(l, v->end, &bare->end);
}

bool lesson_is_any(const struct lesson *l, struct json_span span)
{
	for (uint32_t i = 0; i < l->n_values; i++) {
		if (l->values[i].start == span.p && l->values[i].kind == JSON_KIND_ANY)
			return true;
	}
	return false;
}

static bool add_span(
	const struct lesson *l, struct json_span from, struct json_shape *shape, struct json_shape_span *to)
{
	*to = (struct json_shape_span){.type = from.type};
	if (from.type == JSON_ABSENT)
		return true;
	to->is_any = lesson_is_any(l, from);
	shape->has_any |= to->is_any;
	return find_spot(l, from.p, &to->start) && find_spot(l, from.p + from.len, &to->end);
}

enum { TIGHT_KEYS = 32 }; /* each is compared with each */

/* Of an object. Keys and what stands around them are part of the shape. */
static bool is_tight(struct json_span object)
{
	struct json_span keys[TIGHT_KEYS], key, value;
	const char *p = object.p + 1;
	struct json_iter it;
	size_t n = 0;

	for (json_iter_init(&it, object); json_iter_next(&it, &key, &value); p = value.p + value.len) {
		if (n == TIGHT_KEYS || key.is_escaped || key.p != p + (n > 0) || value.p != key.p + key.len + 1)
			return false;
		for (size_t i = 0; i < n; i++)
			if (keys[i].len == key.len && memcmp(keys[i].p, key.p, key.len) == 0)
				return false;
		keys[n++] = key;
	}
	return p + 1 == object.p + object.len;
}

/* Builds the shape for records like this one, with the kinds of values that are known. */
static bool build(
	const struct json_scan *scan, const struct json_record *record, struct lesson *l, struct json_shape *shape)
{
	bool is_good = find_runs(l);

	shape->n_pieces = shape->n_bares = 0;
	shape->has_any = false;
	shape->is_tight = is_tight(record->value);
	shape->first_at = (int32_t)(l->base + l->marks[0] - l->start);
	shape->has_return = record->len != (size_t)(l->newline - l->start);
	for (uint32_t i = 0; is_good && i < l->n_runs; i++)
		is_good = add_pieces(l, &l->runs[i], shape);
	for (uint32_t i = 0; is_good && i < l->n_values; i++) {
		if (l->values[i].kind >= JSON_KIND_NUMBER)
			is_good = add_bare(l, &l->values[i], shape);
	}
	for (size_t i = 0; is_good && i < scan->n_spans; i++)
		is_good = add_span(l, scan->plain.spans[i], shape, &shape->spans[i]);
	return is_good && add_span(l, record->value, shape, &shape->value);
}

/* The shape with this skeleton, or room for a new one: the oldest goes. */
static struct json_shape *find_shape(struct json_shapes *s, const struct lesson *l, bool *is_new)
{
	struct json_shape *shape;

	*is_new = false;
	for (size_t i = 0; i < s->n; i++) {
		shape = &s->shapes[i];
		if (shape->skeleton_bytes == l->skeleton_bytes &&
			memcmp(shape->skeleton, l->skeleton, l->skeleton_bytes) == 0)
			return shape;
	}
	*is_new = true;
	if (s->n < JSON_SHAPES)
		return &s->shapes[s->n++];
	shape = &s->shapes[s->oldest];
	s->oldest = (s->oldest + 1) % JSON_SHAPES;
	return shape;
}

/* Whether shapes paid for themselves; if not, a pause, twice as long as the last one. */
static bool is_worth_it(struct json_shapes *s)
{
	if (++s->misses < MISSES)
		return true;
	if (s->hits < HITS_MIN) {
		s->rest = s->pause;
		s->pause = s->pause < PAUSE_MAX ? 2 * s->pause : PAUSE_MAX;
	} else {
		s->pause = PAUSE_MIN;
	}
	s->hits = s->misses = 0;
	return s->rest == 0;
}

/* A shape of the record, or what it adds to the one that is known. Whether some text of it is known otherwise now. */
static bool teach(struct json_scan *scan, const struct json_record *record, const uint16_t *mark)
{
	struct json_shapes *s = &scan->shapes;
	struct lesson l;
	struct json_shape *shape;
	bool is_new, has_changed;

	l.base = scan->base;
	l.marks = mark;
	l.start = record->p;
	l.newline = scan->at - 1;
	l.n_marks = l.n_values = l.skeleton_bytes = 0;
	/* the arrays of it are filled there: clearing them first would cost each record that is learned */
	if (!find_values(&l))
		return false;
	shape = find_shape(s, &l, &is_new);
	memcpy(shape->skeleton, l.skeleton, l.skeleton_bytes);
	shape->skeleton_bytes = l.skeleton_bytes;
	has_changed = widen(shape, &l, is_new);
	shape->n_marks = build(scan, record, &l, shape) ? l.n_marks : UINT32_MAX;
	straight_build(scan, record, &l, shape);
	if (is_new)
		shape->next = shape;
	s->last = s->last->next = shape;
	return has_changed;
}

void json_shapes_learn(struct json_scan *scan, const struct json_record *record, const uint16_t *mark)
{
	if (!scan->shapes.rest && is_worth_it(&scan->shapes))
		teach(scan, record, mark);
}

/* ---- the way without an index ---- */

/* It ends where no shape fits, for the length of a window at least, twice as many each time while it is of no use. */
static void rest_straight(struct json_shapes *s)
{
	if (s->straight_hits >= STRAIGHT_HITS_MIN)
		s->straight_pause = 1;
	else
		s->straight_rest = s->straight_pause;
	if (s->straight_pause < STRAIGHT_PAUSE_MAX)
		s->straight_pause *= 2;
	s->straight_hits = 0;
	s->is_lesson = true;
}

void json_shapes_relearn(struct json_scan *scan, const struct json_record *record, const uint16_t *mark)
{
	struct json_shapes *s = &scan->shapes;
	const struct json_straight *way = &s->last->straight;
	uint32_t known = way->n_values;

	s->is_lesson = false;
	if (!teach(scan, record, mark) && s->last->straight.n_values == known)
		return;
	s->straight_rest = 0;
	s->straight_pause = 1;
}

bool json_shapes_straight(struct json_scan *scan, const struct json_shape *expected, struct json_record *record)
{
	struct json_shapes *s = &scan->shapes;

	for (size_t i = 0; i < s->n; i++) {
		struct json_shape *other = &s->shapes[i];

		if (other != expected && scan->kernel->straight(scan, other, record)) {
			s->last = s->last->next = other;
			s->hits++;
			s->straight_hits++;
			return true;
		}
	}
	/* the last records of a batch have no room for it */
	if (scan->end - scan->at >= expected->straight.reach)
		rest_straight(s);
	return false;
}
