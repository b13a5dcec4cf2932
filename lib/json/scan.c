#include "json/json_impl.h"

#include <assert.h>
#include <stdlib.h>

#include "mem/mem.h"

struct json_scan *json_scan_open(const struct json_paths *paths, int depth_max)
{
	struct json_scan *scan = mem_alloc_apart(1, sizeof *scan);

	assert(depth_max >= 1 && depth_max <= JSON_DEPTH_MAX);
	scan->kernel = json_kernel();
	scan->window_bytes = JSON_WINDOW_BYTES;
	scan->n_spans = paths ? json_paths_count(paths) : 0;
	scan->plain.paths = scan->n_spans ? paths : NULL;
	scan->spans = mem_alloc_apart(scan->n_spans + 1, sizeof *scan->spans);
	scan->plain.spans = scan->spans + 1;
	scan->plain.depth_max = depth_max;
	json_shapes_init(&scan->shapes, scan->n_spans);
	scan->is_whole_wanted = scan->n_spans && (paths->nodes[0].slot >= 0 || paths->nodes[0].tail >= 0);
	scan->walk_depth = depth_max < JSON_WALK_DEPTH ? depth_max : JSON_WALK_DEPTH;
	return scan;
}

void json_scan_close(struct json_scan *scan)
{
	if (!scan)
		return;
	json_shapes_release(&scan->shapes);
	free(scan->spans);
	free(scan);
}

void json_scan_sieve(struct json_scan *scan, size_t slot, struct slice text)
{
	struct json_hint *sieve = &scan->sieve;

	assert(slot < scan->n_spans);
	if (text.len >= JSON_HINT_BYTES)
		return;
	memcpy(sieve->key, text.p, text.len);
	sieve->key[text.len] = '"';
	sieve->len = (uint32_t)text.len + 1;
	sieve->other = json_hint_other(sieve->len);
	scan->sieve_slot = slot;
	scan->has_sieve = true;
}

uint64_t json_scan_passed(struct json_scan *scan)
{
	uint64_t passed = scan->passed;

	scan->passed = 0;
	return passed;
}

void json_scan_batch(struct json_scan *scan, const char *p, size_t len)
{
	assert(len == 0 || p[len - 1] == '\n');
	scan->at = p;
	scan->end = p + len;
	scan->mark = scan->marks_end = scan->window.marks;
	scan->line = 0;
}

/* Behind the marks of a window without a newline stand positions of some other byte, so that a walk finds no quote
 * there; a walk goes at most two marks too far for each hint. False: the window is nothing but quotes. */
static bool add_stops(struct json_window *w, size_t n, const char *p, size_t len)
{
	size_t at = 0;

	while (at < len && p[at] == '"')
		at++;
	for (size_t i = 0; i < JSON_STOPS; i++)
		w->marks[n + i] = (uint16_t)at;
	return at < len;
}

/* Indexes what follows, up to the last whole line of the window, or the whole window when a line is longer. */
static bool index_window(struct json_scan *scan, const char *p)
{
	const struct json_kernel *kernel = scan->kernel;
	struct json_window *w = &scan->window;
	size_t n = 0, whole, len = (size_t)(scan->end - p);
	bool is_special = scan->was_special, is_good = true;

	if (len > scan->window_bytes)
		len = scan->window_bytes;
	scan->base = p;
	scan->special = NULL;
	scan->is_suspect = false;
	if (!is_special)
		n = kernel->index(p, len, w, &is_special);
	if (is_special) {
		n = kernel->index_special(p, len, w, &scan->is_suspect);
		scan->special = w->specials;
	}
	scan->was_special = is_special;
	for (whole = n; whole && p[w->marks[whole - 1]] != '\n';)
		whole--;
	if (!whole)
		is_good = add_stops(w, n, p, len);
	scan->mark = w->marks;
	scan->marks_end = w->marks + (whole ? whole : n);
	return is_good;
}

/* What is known of the insides of strings from p to end, as far as this window goes: escapes, controls, UTF-8. An
 * escape beside them in a block counts, too. */
static void check_inside(struct json_scan *scan, const char *p, const char *end)
{
	size_t start = (size_t)(p - scan->base), stop = (size_t)(end - scan->base);
	const uint16_t *s = scan->special;

	if (stop > scan->window_bytes)
		stop = scan->window_bytes; /* behind it there are no strings */
	while (*s < start)
		s++;
	scan->special = s;
	if (*s < stop)
		scan->inside.is_doubtful = true;
	for (size_t block = start / JSON_BLOCK_BYTES; block * JSON_BLOCK_BYTES < stop; block++)
		scan->inside.has_escapes |= scan->window.has_escape[block];
	if (scan->is_suspect && !scan->kernel->is_utf8(p, stop - start))
		scan->inside.is_doubtful = true;
}

bool json_walk_refill(struct json_scan *scan, const char *token, const uint16_t *mark)
{
	/* A mark of the window says where the string ends; or keys behind the window were taken for those of the hints.
	 */
	if (mark + 1 < scan->marks_end || mark > scan->marks_end || token == scan->base)
		return false;
	if (scan->special)
		check_inside(scan, scan->base, token);
	return index_window(scan, token);
}

static void mark_escaped(struct json_scan *scan, struct json_record *record)
{
	for (size_t i = 0; i < scan->n_spans; i++) {
		struct json_span *span = &scan->plain.spans[i];

		if (span->type == JSON_STRING)
			span->is_escaped = memchr(span->p, '\\', span->len) != NULL;
	}
	if (record->type == JSON_STRING)
		record->value.is_escaped = memchr(record->value.p, '\\', record->value.len) != NULL;
}

static void forget_spans(struct json_scan *scan)
{
	for (size_t i = 0; i < scan->n_spans; i++)
		scan->plain.spans[i] = (struct json_span){NULL, 0, JSON_ABSENT, 0};
}

/* The plain scanner decides about the record at p, and the scan goes on behind it. mark: its first one, or NULL. */
static void judge(struct json_scan *scan, const char *p, const uint16_t *mark, struct json_record *record)
{
	const char *end;
	size_t len;

	if (!mark)
		mark = scan->marks_end;
	while (mark < scan->marks_end && scan->base[*mark] != '\n')
		mark++;
	end = mark < scan->marks_end ? scan->base + *mark++ : memchr(p, '\n', (size_t)(scan->end - p));
	len = (size_t)(end - p);
	if (len && end[-1] == '\r')
		len--;
	forget_spans(scan);
	json_plain_scan(&scan->plain, p, len, record);
	if (record->status != JSON_OK)
		forget_spans(scan);
	scan->at = end + 1;
	scan->mark = mark;
}

/* The next record by the general way; one that is all in the window becomes a shape. */
static bool walk(struct json_scan *scan, struct json_record *record)
{
	const char *base = scan->base;
	const uint16_t *mark = scan->mark;

	forget_spans(scan);
	if (!scan->kernel->walk(scan, record))
		return false;
	if (record->type == JSON_OBJECT && scan->base == base && scan->base + scan->mark[-1] + 1 == scan->at)
		json_shapes_learn(scan, record, mark);
	return true;
}

/* The next record by its shape and the index: mostly the one that followed the last time. */
static inline bool compare(struct json_scan *scan, struct json_record *record, const uint16_t *mark)
{
	struct json_shapes *s = &scan->shapes;
	struct json_shape *expected = s->last->next;

	if (s->rest) {
		s->rest--;
		return false;
	}
	if (scan->kernel->match(scan, expected, record)) {
		s->last = expected;
		s->hits++;
	} else if (!json_shapes_other(scan, expected, record)) {
		return false;
	}
	if (__builtin_expect(s->is_lesson, 0))
		json_shapes_relearn(scan, record, mark);
	return true;
}

/* Whether the next record may go without an index. */
static inline bool is_straight(const struct json_scan *scan)
{
	return scan->mark == scan->marks_end && !(scan->shapes.rest | scan->shapes.straight_rest) &&
	       scan->kernel->straight;
}

/* The next record where the shape that followed the last time does not fit it as it stands. */
static __attribute__((noinline)) int next_otherwise(struct json_scan *scan, struct json_record *record)
{
	struct json_shapes *s = &scan->shapes;
	const char *p = scan->at, *base;
	const uint16_t *mark;
	bool is_good = true;

	if (scan->mark == scan->marks_end) {
		if (p == scan->end)
			return 0;
		if (!is_straight(scan)) {
			s->straight_rest -= s->straight_rest > 0;
		} else if (json_shapes_straight(scan, s->last->next, record)) {
			record->line = scan->line++;
			return 1;
		}
		is_good = index_window(scan, p);
	}
	base = scan->base;
	mark = scan->mark;
	scan->inside = (struct json_inside_state){false, false};
	is_good = is_good && (compare(scan, record, mark) || walk(scan, record));
	if (is_good && scan->special)
		check_inside(scan, p > scan->base ? p : scan->base, p + record->len);
	if (!is_good || scan->inside.is_doubtful)
		judge(scan, p, base == scan->base ? mark : NULL, record);
	else if (scan->inside.has_escapes)
		mark_escaped(scan, record);
	record->line = scan->line++;
	return 1;
}

/* As json_scan_next(), where a sieve holds records back. */
static __attribute__((noinline)) int next_sifted(struct json_scan *scan, struct json_record *record)
{
	struct json_shapes *s = &scan->shapes;
	bool is_found = false;
	uint64_t line;

	do {
		struct json_shape *expected = s->last->next;

		if (!is_straight(scan))
			break;
		line = scan->line;
		is_found = scan->kernel->sift(scan, expected, record);
		if (is_found || scan->line > line)
			s->last = expected;
	} while (!is_found && scan->line > line);
	if (!is_found)
		return next_otherwise(scan, record);
	s->hits++;
	s->straight_hits++;
	record->line = scan->line++;
	return 1;
}

/* Mostly the record goes without an index, by the shape that followed the last time: this and nothing else is done
 * here. At the end of the batch no shape fits. */
int json_scan_next(struct json_scan *scan, struct json_record *record)
{
	struct json_shapes *s = &scan->shapes;
	struct json_shape *expected = s->last->next;

	if (scan->has_sieve)
		return next_sifted(scan, record);
	if (!is_straight(scan) || !scan->kernel->straight(scan, expected, record))
		return next_otherwise(scan, record);
	s->last = expected;
	s->hits++;
	s->straight_hits++;
	record->line = scan->line++;
	return 1;
}
