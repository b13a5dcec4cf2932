/*
 * json: lines of JSON, validated strictly and read as spans.
 *
 * A scanner goes over a batch of whole lines and gives one record after the other: valid by RFC 8259
 * (UTF-8 checked, no NUL, depth limited) or not, and where; and for each wanted path the span of its
 * value. Nothing is copied and nothing is allocated per record.
 *
 * Stage 1 finds the quotes and line ends of a window of the batch with SIMD (AVX2 or portable words,
 * chosen at run time) after Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019; UTF-8
 * after Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte", 2021. Stage 2 walks
 * the records over that index.
 *
 * Memory: a scanner owns its index; spans borrow from the batch until the next json_scan_next() (the span
 * array) and until the batch goes away (the bytes). One scanner per thread.
 */
#ifndef TLM_JSON_H
#define TLM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"
#include "fieldpath/fieldpath.h"

enum {
	JSON_PAD_BYTES = 64,     /* readable bytes that must follow every batch; their contents do not matter */
	JSON_DEPTH_DEFAULT = 64, /* containers inside each other */
	JSON_DEPTH_MAX = 10000
};

enum json_type { JSON_ABSENT, JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* The text of one value: numbers and literals as written, strings with their quotes, containers with their brackets. */
struct json_span {
	const char *p;
	uint32_t len;       /* 0 when absent */
	uint8_t type;       /* enum json_type */
	uint8_t is_escaped; /* a string that holds a backslash */
};

/* The bytes between the quotes of a string span, escapes untouched. */
static inline struct slice json_inside(struct json_span s)
{
	return (struct slice){s.p + 1, s.len - 2};
}

/* ---- the set of wanted paths ---- */

struct json_paths;

struct json_paths *json_paths_open(void);
void json_paths_close(struct json_paths *paths);

/* Adds a path and returns its slot (0, 1, ...); an equal path has one slot. "." is the record itself. */
size_t json_paths_add(struct json_paths *paths, const struct fieldpath *path);
size_t json_paths_add_key(struct json_paths *paths, const char *key); /* the same for a key of the record, as it is */
size_t json_paths_count(const struct json_paths *paths);

/* ---- the scanner ---- */

enum json_status {
	JSON_OK,
	JSON_BLANK,   /* nothing but blanks and tabs (and a CR): count it as empty */
	JSON_BAD,     /* not one JSON value: byte and message say where and what */
	JSON_TOO_DEEP /* more containers inside each other than the limit */
};

struct json_record {
	const char *p; /* the line, without "\n" or "\r\n" */
	size_t len;
	uint64_t line; /* index in the batch, from 0, blank lines counted */
	enum json_status status;
	uint8_t type;                  /* enum json_type of the whole value when JSON_OK */
	bool is_tight;                 /* known to be an object without blanks outside its members' values, whose keys
					* hold no escapes and are all different */
	size_t byte;                   /* JSON_BAD, JSON_TOO_DEEP: byte of the line, from 1 */
	const char *message;           /* the same: "expected ',' or '}' after a value"; a literal */
	struct json_span value;        /* the value without blanks around it, when JSON_OK */
	const struct json_span *spans; /* by slot; JSON_ABSENT where there is none */
};

struct json_scan;

/* paths may be NULL or empty (validate only), is borrowed and must not change afterwards. depth_max 1..JSON_DEPTH_MAX.
 */
struct json_scan *json_scan_open(const struct json_paths *paths, int depth_max);
void json_scan_close(struct json_scan *scan);

/* Starts on a batch: whole lines, the last byte '\n', at most 128 MiB, JSON_PAD_BYTES readable behind. Borrowed. */
void json_scan_batch(struct json_scan *scan, const char *p, size_t len);

/* The next record of the batch: 1, or 0 at its end. Duplicate keys: the last one wins. */
int json_scan_next(struct json_scan *scan, struct json_record *record);

/*
 * A sieve, for who wants no record whose string in `slot` is not this text (without quotes, unescaped): from the next
 * batch on such records may be passed over, so that nothing but their end is found out. Only valid ones are, and by far
 * not all need be: the caller still looks. The text is copied; one too long for it changes nothing.
 */
void json_scan_sieve(struct json_scan *scan, size_t slot, struct slice text);

/* How many were passed over since the last call. */
uint64_t json_scan_passed(struct json_scan *scan);

/* One value that stands alone (a cell, a program's literal): as json_scan_next(), p[len] need not be readable. */
void json_check(const char *p, size_t len, int depth_max, struct json_record *record);

/* Name of the code that runs: "avx2", "portable". json_force_portable(true) is for tests and TLM_SIMD=portable. */
const char *json_simd_name(void);
void json_force_portable(bool is_portable);

/* ---- values inside a valid span ---- */

/* Members of an object or elements of an array, in order, duplicates included. */
struct json_iter {
	const char *p, *end;
	bool is_object;
};
void json_iter_init(struct json_iter *it, struct json_span container);
/* 1 and *key (objects; a string span) and *value, or 0 at the end. */
int json_iter_next(struct json_iter *it, struct json_span *key, struct json_span *value);

/* The value at a path below a span (last of duplicate keys), or a JSON_ABSENT span. */
struct json_span json_get(struct json_span from, const struct fieldpath *path);

/* Appends the unescaped bytes of a string span. Lone surrogates become U+FFFD, as in jq. */
void json_unescape(struct buf *out, struct json_span string);

/* The unescaped bytes: borrowed from the span where nothing is escaped, else written to *tmp (reset first). */
struct slice json_text(struct json_span string, struct buf *tmp);

/* Whether a string span equals these unescaped bytes. */
bool json_string_eq(struct json_span string, struct slice bytes);

/* Order of values: absent < null < false < true < numbers (by value) < strings (by UTF-8 bytes) < arrays < objects
 * (those two by their text). Negative, 0, positive. */
int json_cmp(struct json_span a, struct json_span b);

/* ---- writing ---- */

/* Appends "..." : escapes only what RFC 8259 demands (", \, below 0x20, and 0x7f as jq does); text must be valid UTF-8.
 */
void json_add_string(struct buf *out, struct slice text);

/* The same when text is valid UTF-8 without NUL, else false and nothing is added. */
bool json_try_string(struct buf *out, struct slice text);

/* Whether the bytes are valid UTF-8. */
bool json_is_utf8(const char *p, size_t len);

/* Appends `,"key":` or `"key":` (no comma right behind '{' or at the start); key is a C literal without escapes. */
void json_add_key(struct buf *out, const char *key);

#endif
