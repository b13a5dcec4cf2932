#include "sigv4/sigv4.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "digest/digest.h"
#include "mem/mem.h"

enum { DAY_BYTES = 8 };

/* ---- percent-encoding ---- */

static bool is_plain(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

static void encode(struct buf *out, struct slice bytes, char kept)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		if (is_plain(bytes.p[i]) || (kept && bytes.p[i] == kept)) {
			buf_add_char(out, bytes.p[i]);
			continue;
		}
		buf_add_char(out, '%');
		buf_add_char(out, digits[c >> 4]);
		buf_add_char(out, digits[c & 15]);
	}
}

void sigv4_encode(struct buf *out, struct slice bytes)
{
	encode(out, bytes, '\0');
}

void sigv4_add_path(struct buf *out, struct slice path)
{
	encode(out, path, '/');
}

/* ---- order ---- */

/* A pair in the form that is sorted and signed: both parts in one buf. */
struct entry {
	struct buf text;
	size_t name_len, index;
};

static struct slice name_of(const struct entry *e)
{
	return (struct slice){e->text.p, e->name_len};
}

static struct slice value_of(const struct entry *e)
{
	return (struct slice){e->text.p + e->name_len, e->text.len - e->name_len};
}

static int by_name_and_value(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = slice_cmp(name_of(x), name_of(y));

	return order ? order : slice_cmp(value_of(x), value_of(y));
}

/* Values of one header keep the order in which they are sent. */
static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = slice_cmp(name_of(x), name_of(y));

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static void release(struct entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_release(&entries[i].text);
	free(entries);
}

void sigv4_add_query(struct buf *out, const struct sigv4_pair *query, size_t n_query)
{
	struct entry *entries = mem_alloc(n_query, sizeof *entries);

	for (size_t i = 0; i < n_query; i++) {
		encode(&entries[i].text, query[i].name, '\0');
		entries[i].name_len = entries[i].text.len;
		encode(&entries[i].text, query[i].value, '\0');
	}
	qsort(entries, n_query, sizeof *entries, by_name_and_value);
	for (size_t i = 0; i < n_query; i++) {
		if (i)
			buf_add_char(out, '&');
		buf_add_slice(out, name_of(&entries[i]));
		buf_add_char(out, '=');
		buf_add_slice(out, value_of(&entries[i]));
	}
	release(entries, n_query);
}

/* ---- headers ---- */

/* Without blanks around it, and one blank where there were several. */
static void add_value(struct buf *out, struct slice value)
{
	bool is_due = false, has_any = false;

	for (size_t i = 0; i < value.len; i++) {
		if (strchr(" \t\r\n", value.p[i]) && value.p[i]) {
			is_due = has_any;
			continue;
		}
		if (is_due)
			buf_add_char(out, ' ');
		buf_add_char(out, value.p[i]);
		is_due = false;
		has_any = true;
	}
}

static struct entry *sort_headers(const struct sigv4_request *r)
{
	struct entry *entries = mem_alloc(r->n_headers, sizeof *entries);

	for (size_t i = 0; i < r->n_headers; i++) {
		const struct sigv4_pair *h = &r->headers[i];

		for (size_t j = 0; j < h->name.len; j++)
			buf_add_char(&entries[i].text, (char)tolower((unsigned char)h->name.p[j]));
		entries[i].name_len = h->name.len;
		entries[i].index = i;
		add_value(&entries[i].text, h->value);
	}
	qsort(entries, r->n_headers, sizeof *entries, by_name);
	return entries;
}

static bool is_again(const struct entry *entries, size_t i)
{
	return i > 0 && slice_eq(name_of(&entries[i - 1]), name_of(&entries[i]));
}

static void add_headers(struct buf *out, const struct entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_again(entries, i)) {
			buf_add_char(out, ',');
		} else {
			if (i)
				buf_add_char(out, '\n');
			buf_add_slice(out, name_of(&entries[i]));
			buf_add_char(out, ':');
		}
		buf_add_slice(out, value_of(&entries[i]));
	}
	if (n)
		buf_add_char(out, '\n');
}

static void add_signed_names(struct buf *out, const struct entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_again(entries, i))
			continue;
		if (i)
			buf_add_char(out, ';');
		buf_add_slice(out, name_of(&entries[i]));
	}
}

/* ---- the three steps: canonical request, string to sign, signature ---- */

static void add_canonical(struct buf *out, const struct sigv4_request *r, const struct entry *headers)
{
	buf_add_slice(out, r->method);
	buf_add_char(out, '\n');
	sigv4_add_path(out, r->path);
	buf_add_char(out, '\n');
	sigv4_add_query(out, r->query, r->n_query);
	buf_add_char(out, '\n');
	add_headers(out, headers, r->n_headers);
	buf_add_char(out, '\n');
	add_signed_names(out, headers, r->n_headers);
	buf_add_char(out, '\n');
	buf_add_slice(out, r->payload);
}

static void add_scope(struct buf *out, const struct sigv4_request *r)
{
	buf_add(out, r->date.p, DAY_BYTES);
	buf_add_char(out, '/');
	buf_add_slice(out, r->region);
	buf_add_char(out, '/');
	buf_add_slice(out, r->service);
	buf_add_str(out, "/aws4_request");
}

static void add_string_to_sign(struct buf *out, const struct sigv4_request *r, struct slice canonical)
{
	uint8_t sum[DIGEST_BYTES];
	char hex[DIGEST_HEX_BYTES + 1];

	digest_sum(canonical.p, canonical.len, sum);
	digest_hex(sum, sizeof sum, hex);
	buf_add_str(out, "AWS4-HMAC-SHA256\n");
	buf_add_slice(out, r->date);
	buf_add_char(out, '\n');
	add_scope(out, r);
	buf_add_char(out, '\n');
	buf_add_str(out, hex);
}

/* The key of a day, a region and a service, made from the secret by a chain of codes. */
static void derive(const struct sigv4_request *r, struct slice secret, uint8_t key[DIGEST_BYTES])
{
	const struct slice steps[] = {{r->date.p, DAY_BYTES}, r->region, r->service, SLICE_LIT("aws4_request")};
	struct buf first = BUF_INIT;

	buf_add_str(&first, "AWS4");
	buf_add_slice(&first, secret);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct slice with = i ? (struct slice){(const char *)key, DIGEST_BYTES} : buf_slice(&first);

		digest_hmac(with, steps[i], key);
	}
	explicit_bzero(first.p, first.len);
	buf_release(&first);
}

static void add_authorization(struct buf *out, const struct sigv4_request *r, const struct sigv4_key *key,
	const struct entry *headers, const char *signature)
{
	buf_add_str(out, "AWS4-HMAC-SHA256 Credential=");
	buf_add_slice(out, key->id);
	buf_add_char(out, '/');
	add_scope(out, r);
	buf_add_str(out, ", SignedHeaders=");
	add_signed_names(out, headers, r->n_headers);
	buf_addf(out, ", Signature=%s", signature);
}

void sigv4_sign(
	const struct sigv4_request *r, const struct sigv4_key *key, struct buf *authorization, struct buf *canonical)
{
	struct entry *headers = sort_headers(r);
	struct buf request = BUF_INIT, text = BUF_INIT;
	uint8_t with[DIGEST_BYTES], sum[DIGEST_BYTES];
	char signature[DIGEST_HEX_BYTES + 1];

	assert(r->date.len == SIGV4_DATE_BYTES);
	add_canonical(&request, r, headers);
	if (canonical)
		buf_add_slice(canonical, buf_slice(&request));
	add_string_to_sign(&text, r, buf_slice(&request));
	derive(r, key->secret, with);
	digest_hmac((struct slice){(const char *)with, sizeof with}, buf_slice(&text), sum);
	digest_hex(sum, sizeof sum, signature);
	add_authorization(authorization, r, key, headers, signature);
	explicit_bzero(with, sizeof with);
	release(headers, r->n_headers);
	buf_release(&request);
	buf_release(&text);
}
