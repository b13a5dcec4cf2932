#include "fieldpath/fieldpath.h"

#include <stdlib.h>

#include "mem/mem.h"
#include "num/num.h"

/* A parse under way; end may be far behind the path. */
struct reading {
	const char *start, *p, *end;
	struct fieldpath *path;
	struct err *err;
};

static int fail(struct reading *r, const char *what)
{
	int shown = r->end - r->start > 60 ? 60 : (int)(r->end - r->start);

	return err_set(
		r->err, ERR_USAGE, "path '%.*s': %s at byte %zu", shown, r->start, what, (size_t)(r->p - r->start) + 1);
}

/* What a key may hold without quotes; a blank, an operator or a bracket asks for ["..."]. */
static bool is_bare(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
	       c == '@' || c == '-' || (unsigned char)c >= 0x80;
}

static bool take(struct reading *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static struct fieldpath_step *add_step(struct reading *r)
{
	struct fieldpath *path = r->path;

	if (path->n_steps == FIELDPATH_STEPS_MAX) {
		fail(r, "too many steps");
		return NULL;
	}
	path->steps = mem_resize(path->steps, path->n_steps + 1, sizeof *path->steps);
	path->steps[path->n_steps] = (struct fieldpath_step){false, 0, {NULL, 0}};
	return &path->steps[path->n_steps++];
}

static void set_key(struct fieldpath_step *step, const char *p, size_t len)
{
	step->key = (struct slice){mem_dup(p, len), len};
}

static int take_bare(struct reading *r)
{
	const char *from = r->p;
	struct fieldpath_step *step;

	while (r->p < r->end && is_bare(*r->p))
		r->p++;
	if (r->p == from)
		return fail(r, "expected a key");
	step = add_step(r);
	if (!step)
		return -1;
	set_key(step, from, (size_t)(r->p - from));
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at r->p, or -1. */
static int take_hex4(struct reading *r)
{
	int value = 0;

	if (r->end - r->p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(r->p[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	r->p += 4;
	return value;
}

static void add_utf8(struct buf *key, uint32_t c)
{
	if (c < 0x80) {
		buf_add_char(key, (char)c);
	} else if (c < 0x800) {
		buf_add_char(key, (char)(0xC0 | c >> 6));
		buf_add_char(key, (char)(0x80 | (c & 0x3F)));
	} else if (c < 0x10000) {
		buf_add_char(key, (char)(0xE0 | c >> 12));
		buf_add_char(key, (char)(0x80 | (c >> 6 & 0x3F)));
		buf_add_char(key, (char)(0x80 | (c & 0x3F)));
	} else {
		buf_add_char(key, (char)(0xF0 | c >> 18));
		buf_add_char(key, (char)(0x80 | (c >> 12 & 0x3F)));
		buf_add_char(key, (char)(0x80 | (c >> 6 & 0x3F)));
		buf_add_char(key, (char)(0x80 | (c & 0x3F)));
	}
}

/* Behind "\u": one code unit, or two that make a pair; a lone half becomes U+FFFD. */
static int take_unicode(struct reading *r, struct buf *key)
{
	int high = take_hex4(r), low;
	const char *behind = r->p;

	if (high < 0)
		return fail(r, "expected four hex digits");
	if (high < 0xD800 || high > 0xDFFF) {
		add_utf8(key, (uint32_t)high);
		return 0;
	}
	if (high < 0xDC00 && take(r, '\\') && take(r, 'u')) {
		low = take_hex4(r);
		if (low >= 0xDC00 && low <= 0xDFFF) {
			add_utf8(key, 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00));
			return 0;
		}
	}
	r->p = behind;
	add_utf8(key, 0xFFFD);
	return 0;
}

static int take_escape(struct reading *r, struct buf *key)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	const char *found = r->p < r->end && *r->p ? strchr(names, *r->p) : NULL;

	if (found) {
		r->p++;
		buf_add_char(key, bytes[found - names]);
		return 0;
	}
	return take(r, 'u') ? take_unicode(r, key) : fail(r, "unknown escape");
}

/* Behind the opening quote, up to and with the closing one. */
static int take_quoted(struct reading *r)
{
	struct buf key = BUF_INIT;
	struct fieldpath_step *step;
	int status = 0;

	while (status == 0 && r->p < r->end && *r->p != '"') {
		if (*r->p == '\0')
			status = fail(r, "a NUL byte");
		else if (take(r, '\\'))
			status = take_escape(r, &key);
		else
			buf_add_char(&key, *r->p++);
	}
	if (status == 0 && !take(r, '"'))
		status = fail(r, "expected a closing quote");
	if (status == 0) {
		step = add_step(r);
		status = step ? 0 : -1;
		if (step)
			set_key(step, key.p, key.len);
	}
	buf_release(&key);
	return status;
}

/* Behind '[': a quoted key or an index, and ']'. */
static int take_bracket(struct reading *r)
{
	const char *from = r->p;
	struct fieldpath_step *step;
	struct err ignored = ERR_INIT;

	if (take(r, '"')) {
		if (take_quoted(r))
			return -1;
	} else {
		take(r, '-');
		while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
			r->p++;
		step = add_step(r);
		if (!step)
			return -1;
		step->is_index = true;
		if (num_parse_int(
			    (struct slice){from, (size_t)(r->p - from)}, INT32_MIN, INT32_MAX, &step->index, &ignored))
			return fail(r, "expected an index or a quoted key");
	}
	return take(r, ']') ? 0 : fail(r, "expected ']'");
}

static int take_key(struct reading *r)
{
	return take(r, '"') ? take_quoted(r) : take_bare(r);
}

/* Behind a dot, or at the start: a bracket or a key. */
static int take_step(struct reading *r)
{
	return take(r, '[') ? take_bracket(r) : take_key(r);
}

/* The dot in front may be left out; alone it is the record itself. */
static int take_steps(struct reading *r)
{
	bool has_dot = take(r, '.');
	bool has_step = r->p < r->end && (*r->p == '[' || *r->p == '"' || is_bare(*r->p));

	if (has_dot && !has_step)
		return r->p < r->end && *r->p == '.' ? fail(r, "expected a key") : 0;
	if (take_step(r))
		return -1;
	while (r->p < r->end && (*r->p == '.' || *r->p == '[')) {
		take(r, '.');
		if (take_step(r))
			return -1;
	}
	return 0;
}

int fieldpath_parse(struct fieldpath *path, struct slice text, size_t *used, struct err *err)
{
	struct reading r = {text.p, text.p, text.p + text.len, path, err};

	*path = (struct fieldpath)FIELDPATH_INIT;
	if (take_steps(&r))
		goto fail_steps;
	if (!used && r.p < r.end) {
		fail(&r, "unexpected character (other keys are written [\"...\"])");
		goto fail_steps;
	}
	path->text = mem_dup(text.p, (size_t)(r.p - r.start));
	if (used)
		*used = (size_t)(r.p - r.start);
	return 0;

fail_steps:
	fieldpath_release(path);
	return -1;
}

void fieldpath_release(struct fieldpath *path)
{
	for (size_t i = 0; i < path->n_steps; i++)
		free((void *)(uintptr_t)path->steps[i].key.p);
	free(path->steps);
	free(path->text);
	*path = (struct fieldpath)FIELDPATH_INIT;
}

void fieldpath_copy(struct fieldpath *to, const struct fieldpath *from)
{
	*to = (struct fieldpath)FIELDPATH_INIT;
	to->n_steps = from->n_steps;
	if (from->n_steps)
		to->steps = mem_alloc(from->n_steps, sizeof *to->steps);
	for (size_t i = 0; i < from->n_steps; i++) {
		to->steps[i] = from->steps[i];
		if (!from->steps[i].is_index)
			set_key(&to->steps[i], from->steps[i].key.p, from->steps[i].key.len);
	}
	if (from->text)
		to->text = mem_dup(from->text, strlen(from->text));
}

bool fieldpath_eq(const struct fieldpath *a, const struct fieldpath *b)
{
	if (a->n_steps != b->n_steps)
		return false;
	for (size_t i = 0; i < a->n_steps; i++) {
		const struct fieldpath_step *x = &a->steps[i], *y = &b->steps[i];

		if (x->is_index != y->is_index || (x->is_index ? x->index != y->index : !slice_eq(x->key, y->key)))
			return false;
	}
	return true;
}

void fieldpath_column(struct buf *out, const struct fieldpath *path)
{
	char index[NUM_DOUBLE_BYTES];

	if (path->n_steps == 0)
		buf_add_char(out, '.');
	for (size_t i = 0; i < path->n_steps; i++) {
		if (i)
			buf_add_char(out, '.');
		if (path->steps[i].is_index)
			buf_add(out, index, num_print_i64(index, path->steps[i].index));
		else
			buf_add_slice(out, path->steps[i].key);
	}
}

/* A key is quoted as it stands, with a backslash before a quote or a backslash. */
void fieldpath_canonical(struct buf *out, const struct fieldpath *path)
{
	char index[NUM_DOUBLE_BYTES];

	for (size_t i = 0; i < path->n_steps; i++) {
		struct slice key = path->steps[i].key;

		buf_add_char(out, '[');
		if (path->steps[i].is_index) {
			buf_add(out, index, num_print_i64(index, path->steps[i].index));
			key.len = 0;
		} else {
			buf_add_char(out, '"');
		}
		for (size_t k = 0; k < key.len; k++) {
			if (key.p[k] == '"' || key.p[k] == '\\')
				buf_add_char(out, '\\');
			buf_add_char(out, key.p[k]);
		}
		buf_add_str(out, path->steps[i].is_index ? "]" : "\"]");
	}
}

void fieldpath_name(struct buf *out, const struct fieldpath *path)
{
	size_t to = out->len, from = to;

	fieldpath_column(out, path);
	for (; from < out->len; from++) {
		char c = out->p[from];

		/* bytes behind the first of a character are none of their own */
		if (((unsigned char)c & 0xC0) != 0x80)
			out->p[to++] =
				!is_bare(c) || c == '$' || c == '@' || c == '-' || (unsigned char)c >= 0x80 ? '_' : c;
	}
	out->len = to;
}
