/* Key, time and headers out of a line, and whole messages out of envelopes. */
#include <stdlib.h>
#include <string.h>

#include "kafka/producer.h"
#include "mem/mem.h"
#include "num/num.h"

enum { TS, KEY, KEY_B64, HEADERS, VALUE, VALUE_B64, PAYLOAD, PARTITION };

static const char *const envelope_names[8] = {[TS] = "ts",
	[KEY] = "key",
	[KEY_B64] = "key_b64",
	[HEADERS] = "headers",
	[VALUE] = "value",
	[VALUE_B64] = "value_b64",
	[PAYLOAD] = "payload",
	[PARTITION] = "partition"};

/* ---- open ---- */

static int add_path(struct fields *f, const char *param, const char *text, size_t *slot, struct err *err)
{
	struct fieldpath path = FIELDPATH_INIT;
	struct err sub = ERR_INIT;

	if (fieldpath_parse(&path, slice_str(text), NULL, &sub)) {
		fieldpath_release(&path);
		return err_set(err, ERR_USAGE, "%s%.80s: %.80s", param, text, sub.msg);
	}
	*slot = json_paths_add(f->paths, &path);
	fieldpath_release(&path);
	return 0;
}

static int add_time(struct fields *f, size_t i, const char *text, struct err *err)
{
	if (timefield_parse(&f->formats[i], text, err))
		return -1;
	f->time[i] = json_paths_add(f->paths, &f->formats[i].path);
	f->has_time = true;
	return 0;
}

static int add_key(struct fields *f, const struct address *a, const struct kafka_row *row, struct err *err)
{
	size_t n = a->key ? 1 : row ? row->n_key : 0;

	f->key = mem_alloc(n, sizeof *f->key);
	f->n_key = n;
	f->is_keyed = !a->key && row && row->is_keyed;
	f->has_key = n || f->is_keyed;
	if (a->key)
		return add_path(f, "key=", a->key, &f->key[0], err);
	for (size_t i = 0; i < n; i++)
		f->key[i] = json_paths_add(f->paths, &row->key[i]);
	return 0;
}

static int add_times(struct fields *f, const struct address *a, const struct kafka_row *row, struct err *err)
{
	static const char *const names[] = {"window_start", "window_end", "session_end"};

	if (a->ts)
		return add_time(f, 0, a->ts, err);
	for (size_t i = 0; row && row->has_row_time && i < 3; i++) {
		char text[32] = "";

		strcat(text, names[i]);
		if (row->time_unit)
			strcat(strcat(text, ":"), row->time_unit);
		if (add_time(f, i, text, err))
			return -1;
		f->has_row_time = true;
	}
	return 0;
}

int fields_open(
	struct fields *f, const struct address *a, bool is_envelope, const struct kafka_row *row, struct err *err)
{
	*f = (struct fields){.is_envelope = is_envelope};
	f->paths = json_paths_open();
	for (size_t i = 0; is_envelope && i < sizeof envelope_names / sizeof *envelope_names; i++)
		if (add_path(f, "", envelope_names[i], &f->envelope[i], err))
			return -1;
	if (is_envelope && (a->key || a->ts || a->headers))
		return err_set(err, ERR_USAGE, "-J brings key, time and headers: leave out key=, ts= and headers=");
	if (add_key(f, a, row, err) || add_times(f, a, row, err))
		return -1;
	if (a->headers) {
		f->has_headers = true;
		if (add_path(f, "headers=", a->headers, &f->headers, err))
			return -1;
	}
	if (json_paths_count(f->paths))
		f->scan = json_scan_open(f->paths, JSON_DEPTH_MAX);
	return 0;
}

void fields_close(struct fields *f)
{
	json_scan_close(f->scan);
	json_paths_close(f->paths);
	for (size_t i = 0; i < 3; i++)
		timefield_release(&f->formats[i]);
	free(f->key);
	buf_release(&f->tmp);
	buf_release(&f->key_text);
	buf_release(&f->value_text);
}

/* ---- parts ---- */

/* The bytes that a value stands for as a key or a header: of a string its text, of anything else its JSON. */
static struct slice bytes_of(struct json_span span, struct buf *tmp)
{
	if (span.type == JSON_STRING)
		return json_text(span, tmp);
	return (struct slice){span.p, span.len};
}

static void take_key(struct fields *f, const struct json_record *line, struct outgoing *m)
{
	if (f->n_key == 1) {
		struct json_span span = line->spans[f->key[0]];

		if (span.type != JSON_ABSENT && span.type != JSON_NULL)
			m->key = bytes_of(span, &f->key_text);
		else
			m->key = f->is_keyed ? SLICE_LIT("null") : (struct slice){NULL, 0};
		return;
	}
	buf_reset(&f->key_text);
	buf_add_char(&f->key_text, '[');
	for (size_t i = 0; i < f->n_key; i++) {
		struct json_span span = line->spans[f->key[i]];

		if (i)
			buf_add_char(&f->key_text, ',');
		if (span.type == JSON_ABSENT)
			buf_add_str(&f->key_text, "null");
		else
			buf_add(&f->key_text, span.p, span.len);
	}
	buf_add_char(&f->key_text, ']');
	m->key = buf_slice(&f->key_text);
}

static bool get_time(struct fields *f, size_t i, const struct json_record *line, int64_t *us)
{
	const char *why;

	return line->spans[f->time[i]].type != JSON_ABSENT &&
	       timefield_get(&f->formats[i], line->spans[f->time[i]], &f->tmp, us, &why) == 0;
}

static int64_t floor_ms(int64_t us)
{
	return us >= 0 ? us / 1000 : (us - 999) / 1000;
}

/* The time of a row is that with which it would be aggregated again: within its window. */
static void take_time(struct fields *f, const struct json_record *line, struct outgoing *m)
{
	int64_t us, start_us;
	bool has;

	if (!f->has_row_time) {
		has = get_time(f, 0, line, &us);
	} else if ((has = get_time(f, 1, line, &us))) {
		us -= 1000;
		if (get_time(f, 0, line, &start_us) && start_us > us)
			us = start_us;
	} else {
		has = get_time(f, 2, line, &us);
	}
	if (has && floor_ms(us) > 0)
		m->time_ms = floor_ms(us);
}

/* ---- headers ---- */

static void add_header(struct fields *f, struct outgoing *m, struct json_span name, struct json_span value)
{
	struct buf name_text = BUF_INIT;
	struct slice n = json_text(name, &name_text), v = {NULL, 0};
	struct json_iter it;
	struct json_span key, inner;

	if (value.type == JSON_OBJECT) {
		json_iter_init(&it, value);
		if (json_iter_next(&it, &key, &inner) && slice_eq(json_inside(key), SLICE_LIT("b64")) &&
			inner.type == JSON_STRING) {
			buf_reset(&f->tmp);
			if (buf_add_unbase64(&f->tmp, json_inside(inner)))
				v = (struct slice){f->tmp.p ? f->tmp.p : "", f->tmp.len};
		}
	}
	if (!v.p && value.type != JSON_NULL)
		v = bytes_of(value, &f->tmp);
	if (!m->headers)
		m->headers = rd.headers_new(8);
	rd.header_add(m->headers, n.p, (ssize_t)n.len, v.p, (ssize_t)v.len);
	buf_release(&name_text);
}

/* {"NAME":VALUE,...}, [[NAME,VALUE],...], or [NAME,VALUE,NAME,VALUE,...] as kcat prints them. */
static void take_headers(struct fields *f, struct json_span span, struct outgoing *m)
{
	struct json_iter it, pair;
	struct json_span key, value, name = {.type = JSON_ABSENT};

	if (m->headers) {
		rd.headers_destroy(m->headers);
		m->headers = NULL;
	}
	if (span.type != JSON_OBJECT && span.type != JSON_ARRAY)
		return;
	json_iter_init(&it, span);
	while (json_iter_next(&it, &key, &value)) {
		if (span.type == JSON_OBJECT) {
			add_header(f, m, key, value);
		} else if (value.type == JSON_ARRAY) {
			struct json_span second = {.type = JSON_NULL};

			json_iter_init(&pair, value);
			if (json_iter_next(&pair, &key, &name) && name.type == JSON_STRING) {
				json_iter_next(&pair, &key, &second);
				add_header(f, m, name, second);
			}
			name.type = JSON_ABSENT;
		} else if (name.type == JSON_ABSENT) {
			name = value;
		} else {
			if (name.type == JSON_STRING)
				add_header(f, m, name, value);
			name.type = JSON_ABSENT;
		}
	}
}

/* ---- envelopes ---- */

static int take_bytes(struct json_span text, struct json_span b64, struct buf *tmp, struct slice *to)
{
	if (b64.type == JSON_STRING) {
		buf_reset(tmp);
		if (!buf_add_unbase64(tmp, json_inside(b64)))
			return -1;
		*to = (struct slice){tmp->p ? tmp->p : "", tmp->len};
		return 0;
	}
	if (text.type == JSON_ABSENT || text.type == JSON_NULL)
		*to = (struct slice){NULL, 0};
	else
		*to = bytes_of(text, tmp);
	return 0;
}

static void take_envelope_time(struct fields *f, struct json_span ts, struct outgoing *m)
{
	static const struct etime_format iso = {ETIME_ISO, NULL};
	int64_t n;

	if (ts.type == JSON_NUMBER && num_to_i64(ts.p, ts.len, &n) && n > 0) {
		m->time_ms = n; /* kcat's are milliseconds */
	} else if (ts.type == JSON_STRING) {
		struct slice text = json_text(ts, &f->tmp);

		if (etime_parse(&iso, text.p, text.len, false, &n) && floor_ms(n) > 0)
			m->time_ms = floor_ms(n);
	}
}

/* A record that is taken for an envelope by mistake would become a tombstone. */
static bool has_part(const struct json_span *spans, const size_t *at)
{
	for (size_t i = 0; i < sizeof envelope_names / sizeof *envelope_names; i++)
		if (spans[at[i]].type != JSON_ABSENT)
			return true;
	return false;
}

static int take_envelope(struct fields *f, const struct json_record *line, struct outgoing *m, struct err *err)
{
	const struct json_span *s = line->spans;
	const size_t *at = f->envelope;
	int64_t partition;

	if (line->status != JSON_OK || line->type != JSON_OBJECT || !has_part(s, at))
		return err_set(err, ERR_DATA, "-J: a record is no envelope, an object with key, headers and value");
	if (s[at[PARTITION]].type == JSON_NUMBER && num_to_i64(s[at[PARTITION]].p, s[at[PARTITION]].len, &partition) &&
		partition >= 0 && partition <= INT32_MAX && m->partition == RD_KAFKA_PARTITION_UA)
		m->partition = (int32_t)partition;
	take_envelope_time(f, s[at[TS]], m);
	take_headers(f, s[at[HEADERS]], m);
	if (take_bytes(s[at[KEY]], s[at[KEY_B64]], &f->key_text, &m->key))
		return err_set(err, ERR_DATA, "-J: key_b64 of a record is not base64");
	if (s[at[PAYLOAD]].type != JSON_ABSENT && s[at[PAYLOAD]].type != JSON_NULL)
		return take_bytes(s[at[PAYLOAD]], (struct json_span){.type = JSON_ABSENT}, &f->value_text, &m->value);
	if (s[at[VALUE]].type != JSON_ABSENT) {
		m->value = (struct slice){s[at[VALUE]].p, s[at[VALUE]].len};
		return 0;
	}
	if (take_bytes(s[at[VALUE]], s[at[VALUE_B64]], &f->value_text, &m->value))
		return err_set(err, ERR_DATA, "-J: value_b64 of a record is not base64");
	return 0;
}

int fields_take(struct fields *f, const struct json_record *line, struct outgoing *m, struct err *err)
{
	if (f->is_envelope)
		return take_envelope(f, line, m, err);
	if (line->status != JSON_OK)
		return 0;
	if (f->has_key)
		take_key(f, line, m);
	if (f->has_time)
		take_time(f, line, m);
	if (f->has_headers)
		take_headers(f, line->spans[f->headers], m);
	return 0;
}
