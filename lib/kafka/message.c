#include "kafka/message.h"

#include <string.h>

#include "etime/etime.h"
#include "json/json.h"
#include "reject/reject.h"

int64_t message_time(const rd_kafka_message_t *m)
{
	rd_kafka_timestamp_type_t type;
	int64_t ms = rd.message_timestamp(m, &type);

	return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? BATCH_NO_TIME : ms * 1000;
}

/*
 * A line break between tokens is a blank; one inside a string would make valid what is not, so it becomes a CR, which
 * is as little allowed there. Whether a byte is inside a string is known by counting quotes that no backslash escapes.
 */
static void replace_breaks(char *p, const char *end)
{
	bool is_string = false;

	for (; p < end; p++) {
		if (*p == '"')
			is_string = !is_string;
		else if (*p == '\\' && is_string && p + 1 < end && p[1] != '\n')
			p++;
		else if (*p == '\n')
			*p = is_string ? '\r' : ' ';
	}
}

void message_add_line(struct buf *out, const char *p, size_t len)
{
	char *to = buf_reserve(out, len + 1);

	if (len && p[len - 1] == '\n')
		len--;
	if (len) {
		memcpy(to, p, len);
		if (memchr(to, '\n', len))
			replace_breaks(to, to + len);
	}
	to[len] = '\n';
	out->len += len + 1;
}

/* ---- the envelope ---- */

/* ,"NAME":"..." or, where the bytes are no text, ,"NAME_b64":"..." */
static void add_bytes(struct buf *out, const char *name, const void *p, size_t len)
{
	size_t start = out->len;

	buf_addf(out, ",\"%s\":", name);
	if (json_try_string(out, (struct slice){p, len}))
		return;
	out->len = start;
	buf_addf(out, ",\"%s_b64\":\"", name);
	buf_add_base64(out, p, len);
	buf_add_char(out, '"');
}

static void add_header(struct buf *out, const char *name, const void *value, size_t len)
{
	buf_add_char(out, '[');
	reject_add_text(out, name);
	buf_add_char(out, ',');
	if (!value) {
		buf_add_str(out, "null]");
		return;
	}
	if (!json_try_string(out, (struct slice){value, len})) {
		buf_add_str(out, "{\"b64\":\"");
		buf_add_base64(out, value, len);
		buf_add_str(out, "\"}");
	}
	buf_add_char(out, ']');
}

static void add_headers(struct buf *out, const rd_kafka_message_t *m)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t len;

	buf_add_str(out, ",\"headers\":[");
	if (rd.message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		for (size_t i = 0; rd.header_get_all(headers, i, &name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR;
			i++) {
			if (i)
				buf_add_char(out, ',');
			add_header(out, name, value, len);
		}
	}
	buf_add_char(out, ']');
}

static void add_time(struct buf *out, const rd_kafka_message_t *m)
{
	int64_t us = message_time(m);
	char text[ETIME_ISO_BYTES];
	size_t n;

	if (us == BATCH_NO_TIME)
		return;
	/* always three digits: the fraction is left out of a whole second only */
	n = etime_print_iso(text, us);
	if (us % 1000000 == 0)
		buf_addf(out, ",\"ts\":\"%.*s.000Z\"", (int)n - 1, text);
	else
		buf_addf(out, ",\"ts\":\"%.*s\"", (int)n, text);
}

/* What is JSON once its line breaks are blanks stands as that, everything else in base64. */
static void add_value(struct buf *out, const rd_kafka_message_t *m)
{
	size_t before = out->len, start;
	struct json_record record;

	if (!m->payload)
		return;
	buf_add_str(out, ",\"value\":");
	start = out->len;
	message_add_line(out, m->payload, m->len);
	json_check(out->p + start, out->len - start - 1, JSON_DEPTH_DEFAULT, &record);
	if (record.status == JSON_OK) {
		memmove(out->p + start, record.value.p, record.value.len);
		out->len = start + record.value.len;
		return;
	}
	out->len = before;
	buf_add_str(out, ",\"value_b64\":\"");
	buf_add_base64(out, m->payload, m->len);
	buf_add_char(out, '"');
}

void message_add_envelope(struct buf *out, const rd_kafka_message_t *m, const char *topic)
{
	buf_addf(out, "{\"topic\":\"%s\",\"partition\":%d,\"offset\":%lld", topic, m->partition, (long long)m->offset);
	add_time(out, m);
	if (m->key)
		add_bytes(out, "key", m->key, m->key_len);
	add_headers(out, m);
	add_value(out, m);
	buf_add_str(out, "}\n");
}
