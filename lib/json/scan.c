#include "json/json_impl.h"

#include <assert.h>
#include <stdlib.h>

#include "mem/mem.h"

struct json_scan *json_scan_open(const struct json_paths *paths, int depth_max)
{
	struct json_scan *scan = mem_alloc(1, sizeof *scan);

	assert(depth_max >= 1 && depth_max <= JSON_DEPTH_MAX);
	scan->kernel = json_kernel();
	scan->n_spans = paths ? json_paths_count(paths) : 0;
	scan->plain.paths = scan->n_spans ? paths : NULL;
	scan->spans = mem_alloc(scan->n_spans + 1, sizeof *scan->spans);
	scan->plain.spans = scan->spans + 1;
	scan->plain.depth_max = depth_max;
	scan->is_whole_wanted = scan->n_spans && (paths->nodes[0].slot >= 0 || paths->nodes[0].tail >= 0);
	scan->walk_depth = depth_max < JSON_WALK_DEPTH ? depth_max : JSON_WALK_DEPTH;
	return scan;
}

void json_scan_close(struct json_scan *scan)
{
	if (!scan)
		return;
	free(scan->spans);
	free(scan);
}

void json_scan_batch(struct json_scan *scan, const char *p, size_t len)
{
	assert(len == 0 || p[len - 1] == '\n');
	scan->at = p;
	scan->end = p + len;
	scan->mark = scan->marks_end = scan->window.marks;
	scan->line = 0;
}

/* Indexes what follows, up to the last whole line of the window. A line longer than a window leaves no marks. */
static void index_window(struct json_scan *scan)
{
	const struct json_kernel *kernel = scan->kernel;
	struct json_window *w = &scan->window;
	size_t n = 0, len = (size_t)(scan->end - scan->at);
	bool is_special = scan->was_special;

	if (len > JSON_WINDOW_BYTES)
		len = JSON_WINDOW_BYTES;
	scan->base = scan->at;
	scan->special = NULL;
	scan->is_suspect = false;
	if (!is_special)
		n = kernel->index(scan->at, len, w, &is_special);
	if (is_special) {
		n = kernel->index_special(scan->at, len, w, &scan->is_suspect);
		scan->special = w->specials;
	}
	scan->was_special = is_special;
	while (n && scan->at[w->marks[n - 1]] != '\n')
		n--;
	scan->mark = w->marks;
	scan->marks_end = w->marks + n;
}

static bool is_hex4(const char *p)
{
	for (int i = 0; i < 4; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f')))
			return false;
	return true;
}

/* Whether the insides of the strings of a walked record are good: its escapes, controls and UTF-8. What is not
 * certain is not good. *has_escapes: it holds a backslash. */
static bool check_special(struct json_scan *scan, const struct json_record *record, bool *has_escapes)
{
	size_t start = (size_t)(record->p - scan->base), end = start + record->len;
	const uint16_t *s = scan->special;
	bool is_good = true;

	*has_escapes = false;
	while (*s < start)
		s++;
	for (; *s < end; s++) {
		const char *p = scan->base + *s;

		if (*p == '\\' && (p[1] != 'u' ? p[1] != 0 && strchr("\"\\/bfnrt", p[1]) : is_hex4(p + 2)))
			*has_escapes = true;
		else
			is_good = false;
	}
	scan->special = s;
	return is_good && (!scan->is_suspect || scan->kernel->is_utf8(record->p, record->len));
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

/* The plain scanner decides about the record at p, and the scan goes on behind it. */
static void judge(struct json_scan *scan, const char *p, const uint16_t *mark, struct json_record *record)
{
	const char *end;
	size_t len;

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

int json_scan_next(struct json_scan *scan, struct json_record *record)
{
	const char *p = scan->at;
	const uint16_t *mark;
	bool has_escapes = false;

	if (scan->mark == scan->marks_end) {
		if (p == scan->end)
			return 0;
		index_window(scan);
	}
	mark = scan->mark;
	forget_spans(scan);
	if (mark == scan->marks_end || !scan->kernel->walk(scan, record))
		judge(scan, p, mark, record);
	else if (scan->special && !check_special(scan, record, &has_escapes))
		judge(scan, p, mark, record);
	else if (has_escapes)
		mark_escaped(scan, record);
	record->line = scan->line++;
	return 1;
}
