/*
 * Writing values. value_dump() writes as jq -c does: numbers from their doubles, strings from their characters; it
 * feeds tostring, tojson and error messages. value_print() writes output: what no program changed keeps its text.
 */
#include "jq/impl.h"

#include <float.h>

#include "num/num.h"

void dump_number(struct buf *out, double d)
{
	char *p = buf_reserve(out, NUM_DOUBLE_BYTES);

	if (d != d) {
		buf_add_str(out, "null");
		return;
	}
	if (d > DBL_MAX)
		d = DBL_MAX;
	if (d < -DBL_MAX)
		d = -DBL_MAX;
	out->len += num_print_double(p, d);
}

static void check_output(struct run *r, const struct buf *out, size_t start)
{
	if (out->len - start > r->limits.bytes)
		run_limit(r, "the program wrote more than its bytes for one record");
}

static void add_literal(struct buf *out, uint8_t type)
{
	buf_add_str(out, type == JSON_NULL ? "null" : type == JSON_TRUE ? "true" : "false");
}

/* ---- as jq -c ---- */

/* From 1.7 on a number of the record keeps its digits, in a form of libjq's own: what is not in our form is its. */
void dump_as_read(struct run *r, struct buf *out, struct value v)
{
	size_t start = out->len;

	dump_number(out, value_double(v));
	if (is_later(r) && v.form == FORM_TEXT &&
		!slice_eq((struct slice){v.p, v.len}, (struct slice){out->p + start, out->len - start}))
		run_elsewhere(r);
}

void leave_other_forms(struct run *r, struct value v)
{
	if (is_later(r) && v.form == FORM_TEXT) {
		buf_reset(&r->message);
		dump_as_read(r, &r->message, v);
	}
}

/* Each libjq from 1.7 on has a depth of its own behind which it prints something else. */
static void leave_deep(struct run *r, int depth)
{
	enum { DEEP = 256 };

	if (depth > DEEP && is_later(r))
		run_elsewhere(r);
}

static void dump(struct run *r, struct buf *out, size_t start, struct value v, int depth)
{
	run_step(r, 1);
	check_output(r, out, start);
	leave_deep(r, depth);
	if (v.type == JSON_NUMBER) {
		dump_as_read(r, out, v);
	} else if (v.type == JSON_STRING) {
		json_add_string(out, value_text(r, v));
	} else if (v.type == JSON_ARRAY) {
		struct array *a = value_array(r, v);

		buf_add_char(out, '[');
		for (uint32_t i = 0; i < a->n; i++) {
			if (i)
				buf_add_char(out, ',');
			dump(r, out, start, a->items[i], depth + 1);
		}
		buf_add_char(out, ']');
	} else if (v.type == JSON_OBJECT) {
		struct object *o = value_object(r, v);

		buf_add_char(out, '{');
		for (uint32_t i = 0; i < o->n; i++) {
			if (i)
				buf_add_char(out, ',');
			json_add_string(out, o->entries[i].key);
			buf_add_char(out, ':');
			dump(r, out, start, o->entries[i].value, depth + 1);
		}
		buf_add_char(out, '}');
	} else {
		add_literal(out, v.type);
	}
}

void value_dump(struct run *r, struct buf *out, struct value v)
{
	dump(r, out, out->len, v, 0);
}

/* ---- output ---- */

static const char *const colors[] = {
	"", "\033[1;30m", "\033[0;39m", "\033[0;39m", "\033[0;39m", "\033[0;32m", "\033[1;39m", "\033[1;39m"};
static const char color_off[] = "\033[0m", color_key[] = "\033[34;1m";

struct printer {
	struct run *r;
	struct buf *out;
	size_t start;
	bool is_plain; /* containers of the record are copied as they are */
};

static void add_color(struct printer *p, const char *color)
{
	if (p->r->format.is_colored)
		buf_add_str(p->out, color);
}

static void add_line(struct printer *p, int depth)
{
	int indent = p->r->format.indent;

	if (indent == 0)
		return;
	buf_add_char(p->out, '\n');
	for (int i = 0; i < (indent < 0 ? depth : depth * indent); i++)
		buf_add_char(p->out, indent < 0 ? '\t' : ' ');
}

/* JSON text of a string with every character above 0x7e as \uXXXX; escapes that stand there stay. */
static void add_ascii(struct buf *out, const char *p, size_t len)
{
	for (const unsigned char *s = (const unsigned char *)p, *end = s + len; s < end;) {
		uint32_t c = *s++;
		int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

		if (c < 0x80) {
			buf_add_char(out, (char)c);
			continue;
		}
		c &= 0x3fu >> more;
		while (more-- > 0)
			c = c << 6 | (*s++ & 0x3f);
		if (c < 0x10000)
			buf_addf(out, "\\u%04x", c);
		else
			buf_addf(out, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
	}
}

/* The quoted text of a string: as the record has it, or made from its characters. */
static void add_string(struct printer *p, struct slice text, struct slice plain)
{
	struct buf quoted = BUF_INIT;

	if (!p->r->format.is_ascii) {
		if (text.p)
			buf_add_slice(p->out, text);
		else
			json_add_string(p->out, plain);
		return;
	}
	if (!text.p) {
		json_add_string(&quoted, plain);
		text = buf_slice(&quoted);
	}
	add_ascii(p->out, text.p, text.len);
	buf_release(&quoted);
}

static void print(struct printer *p, struct value v, int depth);

static void print_array(struct printer *p, struct value v, int depth)
{
	struct array *a = value_array(p->r, v);
	const char *color = colors[JSON_ARRAY];

	if (a->n == 0) {
		buf_add_str(p->out, "[]");
		return;
	}
	buf_add_char(p->out, '[');
	for (uint32_t i = 0; i < a->n; i++) {
		if (i)
			buf_add_char(p->out, ',');
		add_line(p, depth + 1);
		print(p, a->items[i], depth + 1);
		add_color(p, color);
	}
	add_line(p, depth);
	add_color(p, color);
	buf_add_char(p->out, ']');
}

static void print_entry(struct printer *p, const struct entry *e, int depth)
{
	const char *color = colors[JSON_OBJECT];

	add_line(p, depth + 1);
	add_color(p, color_off);
	add_color(p, color_key);
	add_string(p, e->text, e->key);
	add_color(p, color_off);
	add_color(p, color);
	buf_add_str(p->out, p->r->format.indent ? ": " : ":");
	add_color(p, color_off);
	print(p, e->value, depth + 1);
	add_color(p, color);
}

static void print_object(struct printer *p, struct value v, int depth)
{
	struct object *o = value_object(p->r, v);
	uint32_t *order = p->r->format.is_sorted ? object_order(p->r, o) : NULL;

	if (o->n == 0) {
		buf_add_str(p->out, "{}");
		return;
	}
	buf_add_char(p->out, '{');
	for (uint32_t i = 0; i < o->n; i++) {
		if (i)
			buf_add_char(p->out, ',');
		print_entry(p, &o->entries[order ? order[i] : i], depth);
	}
	add_line(p, depth);
	add_color(p, colors[JSON_OBJECT]);
	buf_add_char(p->out, '}');
}

/* The usual case, without a call per piece: an object of texts and numbers, compact. */
static void print_plain_object(struct printer *p, const struct object *o, int depth)
{
	for (uint32_t i = 0; i < o->n; i++) {
		const struct entry *e = &o->entries[i];
		bool is_text = e->value.form == FORM_TEXT;
		char *to;

		if (!e->text.p) {
			buf_add_char(p->out, i ? ',' : '{');
			json_add_string(p->out, e->key);
			buf_add_char(p->out, ':');
		} else {
			to = buf_reserve(p->out, e->text.len + 2);
			*to++ = i ? ',' : '{';
			memcpy(to, e->text.p, e->text.len);
			to[e->text.len] = ':';
			p->out->len += e->text.len + 2;
		}
		if (is_text)
			buf_add(p->out, e->value.p, e->value.len);
		else
			print(p, e->value, depth + 1);
	}
	buf_add_char(p->out, '}');
	run_step(p->r, o->n);
	check_output(p->r, p->out, p->start);
}

static void print(struct printer *p, struct value v, int depth)
{
	run_step(p->r, 1);
	check_output(p->r, p->out, p->start);
	leave_deep(p->r, depth);
	if (v.form == FORM_TEXT && (p->is_plain || (v.type <= JSON_NUMBER && !p->r->format.is_colored))) {
		buf_add(p->out, v.p, v.len);
		return;
	}
	if (p->is_plain && v.type == JSON_OBJECT && v.object->n) {
		print_plain_object(p, v.object, depth);
		return;
	}
	add_color(p, colors[v.type]);
	if (v.type == JSON_STRING)
		add_string(p, v.form == FORM_TEXT ? (struct slice){v.p, v.len} : (struct slice){NULL, 0},
			v.form == FORM_TEXT ? (struct slice){NULL, 0} : (struct slice){v.p, v.len});
	else if (v.type == JSON_ARRAY)
		print_array(p, v, depth);
	else if (v.type == JSON_OBJECT)
		print_object(p, v, depth);
	else if (v.form == FORM_TEXT)
		buf_add(p->out, v.p, v.len);
	else if (v.type == JSON_NUMBER)
		dump_number(p->out, v.number);
	else
		add_literal(p->out, v.type);
	add_color(p, color_off);
}

void value_print_inner(struct run *r, struct buf *out, struct value v)
{
	struct printer p = {.r = r, .out = out, .start = r->out_start, .is_plain = true};

	print(&p, v, 1);
}

void value_print(struct run *r, struct buf *out, struct value v)
{
	const struct jq_format *f = &r->format;
	struct printer p = {.r = r, .out = out, .start = r->out_start};

	p.is_plain = !f->indent && !f->is_ascii && !f->is_sorted && !f->is_colored;
	if (f->is_seq)
		buf_add_char(out, '\x1e');
	if ((f->is_raw || f->is_joined || f->is_nul) && v.type == JSON_STRING && !f->is_ascii) {
		buf_add_slice(out, value_text(r, v));
	} else if (p.is_plain && r->record && v.form == FORM_TEXT && v.p == r->root.p && v.len == r->root.len) {
		buf_add(out, r->record->p, r->record->len);
	} else {
		print(&p, v, 0);
	}
	if (f->is_nul)
		buf_add_char(out, '\0');
	else if (!f->is_joined)
		buf_add_char(out, '\n');
	check_output(r, out, r->out_start);
}
