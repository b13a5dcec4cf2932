/*
 * Signs requests for tests. Each line of stdin is one JSON object: method, path, date, region, service, payload, id,
 * secret (strings), query and headers (arrays of pairs of strings). For each: one line with the authorization and the
 * canonical request as a JSON array.
 */
#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"
#include "mem/mem.h"
#include "sigv4/sigv4.h"

static struct slice text(struct json_span span)
{
	struct buf tmp = BUF_INIT;

	json_unescape(&tmp, span);
	return (struct slice){mem_dup(tmp.p, tmp.len), tmp.len};
}

static struct slice member(struct json_span object, const char *name)
{
	struct json_iter it;
	struct json_span key, value;

	json_iter_init(&it, object);
	while (json_iter_next(&it, &key, &value)) {
		if (json_string_eq(key, slice_str(name)))
			return value.type == JSON_STRING ? text(value) : (struct slice){value.p, value.len};
	}
	fprintf(stderr, "sign: no %s\n", name);
	exit(2);
}

static size_t pairs(struct json_span object, const char *name, struct sigv4_pair *out, size_t max)
{
	struct slice list = member(object, name);
	struct json_iter it, pair;
	struct json_span key, value;
	size_t n = 0;

	json_iter_init(&it, (struct json_span){.p = list.p, .len = (uint32_t)list.len, .type = JSON_ARRAY});
	while (n < max && json_iter_next(&it, &key, &value)) {
		json_iter_init(&pair, value);
		json_iter_next(&pair, &key, &value);
		out[n].name = text(value);
		json_iter_next(&pair, &key, &value);
		out[n++].value = text(value);
	}
	return n;
}

static void sign(struct json_span object)
{
	struct sigv4_pair query[64], headers[64];
	struct sigv4_request r = {.method = member(object, "method"),
		.path = member(object, "path"),
		.query = query,
		.headers = headers,
		.n_query = pairs(object, "query", query, 64),
		.n_headers = pairs(object, "headers", headers, 64),
		.payload = member(object, "payload"),
		.date = member(object, "date"),
		.region = member(object, "region"),
		.service = member(object, "service")};
	struct sigv4_key key = {member(object, "id"), member(object, "secret")};
	struct buf authorization = BUF_INIT, canonical = BUF_INIT, line = BUF_INIT;

	sigv4_sign(&r, &key, &authorization, &canonical);
	buf_add_char(&line, '[');
	json_add_string(&line, buf_slice(&authorization));
	buf_add_char(&line, ',');
	json_add_string(&line, buf_slice(&canonical));
	buf_add_char(&line, 0x5d);
	puts(buf_cstr(&line));
	buf_release(&authorization);
	buf_release(&canonical);
	buf_release(&line);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) > 0) {
		struct json_record r;

		json_check(line, (size_t)len - 1, JSON_DEPTH_DEFAULT, &r);
		if (r.status != JSON_OK)
			return 2;
		sign(r.value);
	}
	return 0;
}
