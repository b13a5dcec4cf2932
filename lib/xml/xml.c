#include "xml/xml.h"

#include <limits.h>

#include <expat.h>

#include "mem/mem.h"

struct walk {
	XML_Parser parser;
	xml_element_fn *element;
	void *ctx;
	struct buf path, text;
	bool is_ended, is_bad;
};

static void begin(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
	struct walk *w = ctx;

	(void)attributes;
	if (w->path.len + strlen(name) + 1 > XML_PATH_MAX_BYTES) {
		w->is_bad = true;
		XML_StopParser(w->parser, XML_FALSE);
		return;
	}
	if (w->path.len)
		buf_add_char(&w->path, '/');
	buf_add_str(&w->path, name);
	buf_reset(&w->text);
}

static void take_text(void *ctx, const XML_Char *p, int len)
{
	struct walk *w = ctx;

	buf_add(&w->text, p, (size_t)len);
}

static void end(void *ctx, const XML_Char *name)
{
	struct walk *w = ctx;
	size_t name_len = strlen(name);

	/* expat may still call this after it was asked to stop */
	if (w->is_ended || w->is_bad)
		return;
	if (!w->element(w->ctx, buf_cstr(&w->path), buf_slice(&w->text))) {
		w->is_ended = true;
		XML_StopParser(w->parser, XML_FALSE);
	}
	w->path.len -= name_len;
	if (w->path.len)
		w->path.len--;
	buf_reset(&w->text);
}

bool xml_walk(struct slice document, xml_element_fn *element, void *ctx)
{
	struct walk w = {.element = element, .ctx = ctx};
	bool is_good;

	if (document.len == 0 || document.len > INT_MAX)
		return false;
	w.parser = XML_ParserCreate(NULL);
	if (!w.parser)
		mem_fail();
	XML_SetUserData(w.parser, &w);
	XML_SetElementHandler(w.parser, begin, end);
	XML_SetCharacterDataHandler(w.parser, take_text);
	is_good = XML_Parse(w.parser, document.p, (int)document.len, XML_TRUE) == XML_STATUS_OK;
	XML_ParserFree(w.parser);
	buf_release(&w.path);
	buf_release(&w.text);
	return (is_good || w.is_ended) && !w.is_bad;
}

struct search {
	const char *path;
	struct buf *out;
	bool is_found;
};

static bool match(void *ctx, const char *path, struct slice text)
{
	struct search *s = ctx;

	if (strcmp(path, s->path) != 0)
		return true;
	buf_add_slice(s->out, text);
	s->is_found = true;
	return false;
}

bool xml_find(struct slice document, const char *path, struct buf *out)
{
	struct search s = {path, out, false};

	xml_walk(document, match, &s);
	return s.is_found;
}

static bool take_root(void *ctx, const char *path, struct slice text)
{
	struct search *s = ctx;

	(void)text;
	buf_add(s->out, path, strcspn(path, "/"));
	s->is_found = true;
	return false;
}

bool xml_root(struct slice document, struct buf *out)
{
	struct search s = {NULL, out, false};

	xml_walk(document, take_root, &s);
	return s.is_found;
}

void xml_add_text(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '&')
			buf_add_str(out, "&amp;");
		else if (text.p[i] == '<')
			buf_add_str(out, "&lt;");
		else if (text.p[i] == '>')
			buf_add_str(out, "&gt;");
		else
			buf_add_char(out, text.p[i]);
	}
}
