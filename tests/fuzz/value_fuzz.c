/*
 * Any value of a record as a part of a path: its directory is one name below the root, and the value can be read from
 * it again, so that two values never share one. Of each input 64 values are made: itself, and mixtures of its bytes
 * with those that have a meaning in paths, encodings and directories.
 */
#include <stdlib.h>
#include <string.h>

#include "json/json.h"
#include "template/template.h"

enum { VALUES = 64 };

static void must(int is_true)
{
	if (!is_true)
		abort();
}

/* Bytes that are no UTF-8 stand for the characters of those numbers. */
static void add_text(struct buf *out, const uint8_t *p, size_t len)
{
	if (len && json_is_utf8((const char *)p, len)) {
		buf_add(out, p, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x80)
			buf_add_char(out, (char)p[i]);
		else
			buf_add(out, (const char[]){(char)(0xc0 | p[i] >> 6), (char)(0x80 | (p[i] & 63))}, 2);
	}
}

static void mix(struct buf *out, const uint8_t *data, size_t size, uint64_t *x)
{
	static const struct slice pieces[] = {SLICE_LIT("../"), SLICE_LIT(".."), SLICE_LIT("/"), SLICE_LIT("%2e"),
		SLICE_LIT("%"), SLICE_LIT("\0"), SLICE_LIT("\n"), SLICE_LIT("a=b"), SLICE_LIT("."), SLICE_LIT("{v}"),
		SLICE_LIT("+"), SLICE_LIT(" "), SLICE_LIT("\xc3\xa9"), SLICE_LIT("\\"), SLICE_LIT("_manifests"),
		SLICE_LIT(TEMPLATE_NULL)};

	for (uint64_t n = *x >> 61; n > 0; n--) {
		*x = *x * UINT64_C(6364136223846793005) + 1442695040888963407;
		if (size && *x >> 63) {
			size_t from = (size_t)(*x >> 40) % size, len = (size_t)(*x >> 32) % 8;

			add_text(out, data + from, len < size - from ? len : size - from);
		} else {
			buf_add_slice(out, pieces[(*x >> 50) % (sizeof pieces / sizeof *pieces)]);
		}
	}
}

static int digit(char c)
{
	must((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

static void decode(struct slice name, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if (c == '%') {
			must(i + 2 < name.len);
			c = (char)(digit(name.p[i + 1]) << 4 | digit(name.p[i + 2]));
			i += 2;
		} else {
			must((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
				strchr("._-", c));
		}
		buf_add_char(out, c);
	}
}

/* A template and the scanner of its records; kept from input to input, as the tool keeps them from record to record. */
struct place {
	size_t skip; /* of a rendered directory: what stands before the value */
	struct json_paths *paths;
	struct template *template;
	struct json_scan *scan;
};

static void open_place(struct place *p, const char *text, size_t skip)
{
	struct err err = ERR_INIT;

	p->skip = skip;
	p->paths = json_paths_open();
	p->template = template_open(text, NULL, p->paths, &err);
	must(p->template != NULL);
	p->scan = json_scan_open(p->paths, 16);
}

/* The directory of a value: one name, which is neither hidden nor the way up, and holds the value. */
static void check(const struct place *p, struct slice value)
{
	static struct buf line, out, back;
	struct template_fault fault;
	struct json_record r;
	struct slice name;

	buf_reset(&line);
	buf_reset(&out);
	buf_add_str(&line, "{\"v\":");
	json_add_string(&line, value);
	buf_add_str(&line, "}\n");
	buf_reserve(&line, JSON_PAD_BYTES);
	json_scan_batch(p->scan, line.p, line.len);
	must(json_scan_next(p->scan, &r) && r.status == JSON_OK);
	if (template_render(p->template, 0, r.spans, &out, &fault) < 0) {
		must(value.len * 3 > TEMPLATE_VALUE_MAX_BYTES);
		return;
	}
	must(out.len > p->skip && out.p[0] != '.' && out.len <= TEMPLATE_NAME_MAX_BYTES &&
		!memchr(out.p, '/', out.len));
	name = (struct slice){out.p + p->skip, out.len - p->skip};
	decode(name, &back);
	if (value.len == 0)
		must(slice_eq(name, SLICE_LIT(TEMPLATE_NULL)));
	else
		must(slice_eq(buf_slice(&back), value) && !slice_eq(name, SLICE_LIT(TEMPLATE_NULL)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct place places[2];
	struct buf value = BUF_INIT;
	uint64_t x = size;

	if (!places[0].scan) {
		open_place(&places[0], "/r/{v}", 0);
		open_place(&places[1], "/r/d={v}", 2);
	}
	buf_reserve(&value, 1);
	for (size_t i = 0; i < size; i++)
		x = (x ^ data[i]) * UINT64_C(0x100000001b3);
	add_text(&value, data, size);
	for (int i = 0; i < VALUES; i++) {
		check(&places[i % 2], buf_slice(&value));
		buf_reset(&value);
		mix(&value, data, size, &x);
	}
	buf_release(&value);
	return 0;
}
