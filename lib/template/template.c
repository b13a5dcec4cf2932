#include "template/template.h"

#include <stdlib.h>

#include "mem/mem.h"
#include "template/encode.h"

#define SECOND_US INT64_C(1000000)
#define WHOLE_MINUTES_US INT64_C(94694400000000) /* 1973-01-01 */

enum part_kind { PART_TEXT, PART_TIME, PART_FIELD };

/* One piece of the text below the root. */
struct part {
	enum part_kind kind;
	bool is_at_start; /* begins a directory name */
	struct buf text;  /* PART_TEXT: the bytes; PART_TIME: the code, "%Y"; PART_FIELD: the path as written */
	size_t slot;      /* PART_FIELD */
	struct buf shown; /* PART_TIME: what it gave for the last time, encoded */
};

struct template
{
	struct buf root;
	struct part *parts;
	size_t n_parts;
	char **columns;
	size_t n_columns;
	const struct etime_zone *zone;
	bool has_time, has_field;
	int64_t grain_us;                 /* times within one grain show the same text */
	int64_t shown_us, shown_grain_us; /* the grain that is shown: its first instant and length, 0 for none */
	struct buf tmp;
};

/* ---- parsing ---- */

struct parser {
	struct template *t;
	struct json_paths *paths;
	const char *text, *at;
	struct err *err;
	struct part *name; /* collects one directory name */
	size_t n_name;
	bool is_below; /* a code or a field was seen: the root has ended */
};

static int fault_at(struct parser *p, const char *at, const char *what)
{
	return err_set(p->err, ERR_PROGRAM, "%s at byte %zu of '%.80s'", what, (size_t)(at - p->text) + 1, p->text);
}

static struct part *add_part(struct parser *p, enum part_kind kind)
{
	struct part *part;

	p->name = mem_resize(p->name, p->n_name + 1, sizeof *p->name);
	part = &p->name[p->n_name++];
	*part = (struct part){.kind = kind};
	return part;
}

static void add_char(struct parser *p, char c)
{
	struct part *last = p->n_name ? &p->name[p->n_name - 1] : NULL;

	if (!last || last->kind != PART_TEXT)
		last = add_part(p, PART_TEXT);
	buf_add_char(&last->text, c);
}

/* Codes that differ within one minute make the grain finer. */
static void refine(struct template *t, char code)
{
	if (code == 'f')
		t->grain_us = 1;
	else if (strchr("STscrX", code) && t->grain_us > SECOND_US)
		t->grain_us = SECOND_US;
}

static int parse_code(struct parser *p)
{
	struct template *t = p->t;
	struct part *part;

	if (p->at[1] == '%') {
		add_char(p, '%');
		p->at += 2;
		return 0;
	}
	if (p->at[1] == '\0')
		return fault_at(p, p->at, "a '%' without a letter (write %% for the character)");
	buf_reset(&t->tmp);
	if (etime_strftime(&t->tmp, (struct slice){p->at, 2}, t->zone, 0, p->err) < 0) {
		err_reset(p->err);
		return fault_at(p, p->at, "an unknown code of the time");
	}
	part = add_part(p, PART_TIME);
	buf_add(&part->text, p->at, 2);
	refine(t, p->at[1]);
	t->has_time = true;
	p->at += 2;
	return 0;
}

static int parse_field(struct parser *p)
{
	struct slice rest = slice_str(p->at + 1);
	struct fieldpath path = FIELDPATH_INIT;
	struct err err = ERR_INIT;
	struct part *part;
	size_t used;

	if (fieldpath_parse(&path, rest, &used, &err) < 0 || rest.p[used] != '}' || path.n_steps == 0) {
		fieldpath_release(&path);
		return fault_at(p, p->at, "expected {FIELD} (write {{ for the character)");
	}
	part = add_part(p, PART_FIELD);
	buf_add(&part->text, rest.p, used);
	buf_cstr(&part->text);
	part->slot = json_paths_add(p->paths, &path);
	p->t->has_field = true;
	fieldpath_release(&path);
	p->at += used + 2;
	return 0;
}

static int parse_name(struct parser *p)
{
	while (*p->at && *p->at != '/') {
		int got = 0;

		if (*p->at == '%') {
			got = parse_code(p);
		} else if (*p->at == '{' && p->at[1] != '{') {
			got = parse_field(p);
		} else if (*p->at == '}' && p->at[1] != '}') {
			return fault_at(p, p->at, "a '}' without its '{' (write }} for the character)");
		} else {
			char c = *p->at;

			p->at += c == '{' || c == '}' ? 2 : 1;
			add_char(p, c);
		}
		if (got < 0)
			return -1;
	}
	return 0;
}

/* NAME= at the front of a directory name, unless the rest is the field NAME alone. */
static void add_column(struct template *t, const struct part *name, size_t n_name)
{
	const struct part *first = &name[0];
	const char *eq = first->kind == PART_TEXT ? memchr(first->text.p, '=', first->text.len) : NULL;
	size_t len = eq ? (size_t)(eq - first->text.p) : 0;

	if (len == 0)
		return;
	if (n_name == 2 && name[1].kind == PART_FIELD && first->text.len == len + 1) {
		struct slice field = buf_slice(&name[1].text);

		if (field.len && field.p[0] == '.')
			field = (struct slice){field.p + 1, field.len - 1};
		if (slice_eq(field, (struct slice){first->text.p, len}))
			return;
	}
	t->columns = mem_resize(t->columns, t->n_columns + 1, sizeof *t->columns);
	t->columns[t->n_columns++] = mem_dup(first->text.p, len);
}

/* A name that a value would end, as _man{x}, could be one of the lake's own. */
static bool may_be_own(const struct part *name, size_t n_name)
{
	const struct buf *text = &name[0].text;

	if (n_name == 1 || name[0].kind != PART_TEXT || name[1].kind != PART_FIELD)
		return false;
	return strncmp(TEMPLATE_MANIFESTS, text->p, text->len) == 0 ||
	       strncmp(TEMPLATE_COMPLETE, text->p, text->len) == 0;
}

/* The name joins the root while nothing below it has come, else the parts. */
static int end_name(struct parser *p, const char *start)
{
	struct template *t = p->t;

	for (size_t i = 0; i < p->n_name; i++)
		p->is_below = p->is_below || p->name[i].kind != PART_TEXT;
	if (p->n_name == 0)
		return 0;
	if (!p->is_below) {
		buf_add_char(&t->root, '/');
		buf_add_slice(&t->root, buf_slice(&p->name[0].text));
		buf_release(&p->name[0].text);
		p->n_name = 0;
		return 0;
	}
	if (p->name[0].kind == PART_TEXT && p->name[0].text.p[0] == '.')
		return fault_at(p, start, "a directory name that begins with '.'");
	if (t->n_parts == 0 && may_be_own(p->name, p->n_name))
		return fault_at(p, start, "a directory name that could be one of the lake's own");
	add_column(t, p->name, p->n_name);
	p->name[0].is_at_start = true;
	if (t->n_parts && p->name[0].kind == PART_TEXT) {
		struct buf text = BUF_INIT;

		buf_add_char(&text, '/');
		buf_add_slice(&text, buf_slice(&p->name[0].text));
		buf_release(&p->name[0].text);
		p->name[0].text = text;
	} else if (t->n_parts) {
		t->parts = mem_resize(t->parts, t->n_parts + 1, sizeof *t->parts);
		t->parts[t->n_parts] = (struct part){.kind = PART_TEXT};
		buf_add_char(&t->parts[t->n_parts++].text, '/');
	}
	t->parts = mem_resize(t->parts, t->n_parts + p->n_name, sizeof *t->parts);
	memcpy(t->parts + t->n_parts, p->name, p->n_name * sizeof *p->name);
	t->n_parts += p->n_name;
	p->n_name = 0;
	return 0;
}

static void release_parts(struct part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_release(&parts[i].text);
		buf_release(&parts[i].shown);
	}
	free(parts);
}

struct template *template_open(
	const char *text, const struct etime_zone *zone, struct json_paths *paths, struct err *err)
{
	struct template *t = mem_alloc(1, sizeof *t);
	struct parser p = {.t = t, .paths = paths, .text = text, .at = text, .err = err};
	int got = 0;

	t->zone = zone;
	t->grain_us = 60 * SECOND_US;
	if (*text != '/')
		got = err_set(err, ERR_PROGRAM, "the directory must be absolute: '%.100s'", text);
	while (got == 0 && *p.at) {
		const char *start = ++p.at;

		got = parse_name(&p);
		if (got == 0)
			got = end_name(&p, start);
	}
	release_parts(p.name, p.n_name);
	buf_cstr(&t->root);
	if (got < 0) {
		template_close(t);
		return NULL;
	}
	return t;
}

void template_close(struct template *t)
{
	if (!t)
		return;
	release_parts(t->parts, t->n_parts);
	for (size_t i = 0; i < t->n_columns; i++)
		free(t->columns[i]);
	free(t->columns);
	buf_release(&t->root);
	buf_release(&t->tmp);
	free(t);
}

const char *template_root(const struct template *t)
{
	return t->root.p;
}

bool template_has_time(const struct template *t)
{
	return t->has_time;
}

const char *template_column(const struct template *t, size_t n)
{
	return n < t->n_columns ? t->columns[n] : NULL;
}

/* ---- rendering ---- */

/*
 * The codes are asked anew only when the time enters another minute (or second): since 1973 all zones are whole
 * minutes from UTC, so local minutes begin where those of UTC do.
 */
static void show_time(struct template *t, int64_t us)
{
	bool is_odd = us < WHOLE_MINUTES_US && t->grain_us > SECOND_US;
	int64_t grain_us = is_odd ? SECOND_US : t->grain_us;
	int64_t grain = us - (us % grain_us + grain_us) % grain_us;
	struct err err = ERR_INIT;

	if (t->shown_grain_us == grain_us && t->shown_us == grain)
		return;
	t->shown_grain_us = grain_us;
	t->shown_us = grain;
	for (size_t i = 0; i < t->n_parts; i++) {
		struct part *part = &t->parts[i];

		if (part->kind != PART_TIME)
			continue;
		buf_reset(&t->tmp);
		etime_strftime(&t->tmp, buf_slice(&part->text), t->zone, us, &err);
		buf_reset(&part->shown);
		encode_bytes(&part->shown, buf_slice(&t->tmp), part->is_at_start);
	}
}

bool template_is_same(const struct template *t, int64_t us)
{
	return !t->has_field && t->has_time && us >= t->shown_us && us - t->shown_us < t->shown_grain_us;
}

static int show_field(struct template *t, const struct part *part, struct json_span span, struct buf *out,
	struct template_fault *fault)
{
	size_t before = out->len;
	struct slice value = {span.p, span.len};

	fault->field = part->text.p;
	switch (span.type) {
	case JSON_OBJECT:
		fault->why = "is an object";
		return -1;
	case JSON_ARRAY:
		fault->why = "is an array";
		return -1;
	case JSON_ABSENT:
	case JSON_NULL:
		value.len = 0;
		break;
	case JSON_STRING:
		value = json_text(span, &t->tmp);
		break;
	default:
		break;
	}
	if (value.len <= TEMPLATE_VALUE_MAX_BYTES)
		encode_value(out, value, part->is_at_start);
	if (value.len > TEMPLATE_VALUE_MAX_BYTES || out->len - before > TEMPLATE_VALUE_MAX_BYTES) {
		fault->why = "gives more than 128 bytes in a directory name";
		return -1;
	}
	return 0;
}

static bool has_long_name(struct slice path)
{
	size_t name_bytes = 0;

	for (size_t i = 0; i < path.len; i++) {
		name_bytes = path.p[i] == '/' ? 0 : name_bytes + 1;
		if (name_bytes > TEMPLATE_NAME_MAX_BYTES)
			return true;
	}
	return path.len > TEMPLATE_PATH_MAX_BYTES;
}

int template_render(
	struct template *t, int64_t us, const struct json_span *spans, struct buf *out, struct template_fault *fault)
{
	size_t before = out->len;

	if (t->has_time)
		show_time(t, us);
	for (size_t i = 0; i < t->n_parts; i++) {
		const struct part *part = &t->parts[i];

		if (part->kind == PART_FIELD) {
			if (show_field(t, part, spans[part->slot], out, fault) < 0)
				return -1;
		} else {
			buf_add_slice(out, buf_slice(part->kind == PART_TIME ? &part->shown : &part->text));
		}
	}
	if (out->len - before > TEMPLATE_NAME_MAX_BYTES &&
		has_long_name((struct slice){out->p + before, out->len - before})) {
		fault->field = NULL;
		fault->why = "the name of the directory would be too long";
		return -1;
	}
	return 0;
}
