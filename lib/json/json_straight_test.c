/* The way without an index against the oracle: streams of records of one form, some of which differ in one place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "../../tests/kit/json_mutate.h"
#include "../../tests/kit/json_oracle.h"
#include "json/json_impl.h"

enum { DEPTH = 8, RECORDS = 300 };

static const char *const path_texts[] = {"id", "v", ".", "pos.lat", "tags[1]", "tags[-1]", "w", "last"};
enum { N_PATHS = sizeof path_texts / sizeof *path_texts };

/* ---- how many records went without an index ---- */

static struct json_kernel counting;
static bool (*go_straight)(struct json_scan *, const struct json_shape *, struct json_record *);
static uint64_t hits, misses;

static bool count_straight(struct json_scan *scan, const struct json_shape *shape, struct json_record *record)
{
	bool is_hit = go_straight(scan, shape, record);

	hits += is_hit;
	misses += !is_hit && shape->straight.n_values != UINT32_MAX;
	return is_hit;
}

/* ---- records ---- */

/* What a sieve asks for: neighbours, no text at all, the longest that it takes, and one more. */
static const char *const sieve_texts[] = {"SPEED", "SPEE", "SPEEDS", "", "thirty-one bytes, the longest..",
	"thirty-two bytes are one more...", "LAT", "a\"b", "\xc3\xa9"};
enum { SIEVE_TEXTS = sizeof sieve_texts / sizeof *sieve_texts, SIEVE_PLAIN = SIEVE_TEXTS - 2, SIEVE_FORMS = 3 };

/* '#' a number of three digits, '~' one that varies, '=' a text of one length, '%' one whose bytes keep to a range
 * each,
 * '$' one that varies, '@' one that a sieve may ask for, '?' a word. */
static const char *const forms[] = {
	"{\"id\":=,\"t\":#,\"v\":~,\"w\":$,\"last\":#}",
	"{\"id\":$,\"v\":~,\"pos\":{\"lat\":~,\"lon\":-#},\"tags\":[#,=,$],\"w\":?}",
	"{\"v\":#,\"w\":\"a text that is longer than thirty-two bytes, always the same\",\"v\":~,\"last\":$ }",
	" { \"w\" : = , \"v\" : ~ , \"tags\" : [ ~ , ~ , ~ ] }",
	"{\"id\":=}\r",
	"{\"id\":=,\"w\":[]}",
	"{\"id\":%,\"v\":~,\"tags\":[%],\"w\":%}",
	"{\"w\":#,\"pos\":{\"lat\":1},\"pos\":{},\"v\":[\"=\"],\"last\":{\"a\":[]},\"id\":$}",
	"{\"\xc3\xa9\":~,\"id\":=,\"v\":?}",
	"{\"id\":=,\"v\":~,\"w\":@,\"last\":#}",
	"{\"w\":@,\"id\":#,\"tags\":[@,~]}",
	"{\"w\":?,\"w\":@}",
};
enum { FORMS = sizeof forms / sizeof *forms };

static void add_number(struct buf *b, bool is_odd)
{
	static const char *const odd[] = {"0", "-0", "1e5", "-1.5E-7", "0.0", "01", "-", "1.", ".5", "+1", "1e", "--1",
		"1.2.3", "-01", "00", "1-1", "1234567890123456789012345678901", "12345678901234567890123456789012",
		"-1234567890123456789012345678901.5", "1e+", "true", "\"1\"", ""};

	if (is_odd)
		buf_add_str(b, odd[any(sizeof odd / sizeof *odd)]);
	else
		buf_addf(b, "%s%u.%0*u", any(3) ? "" : "-", any(1000), (int)any(5) + 1, any(9));
}

/* Of a length near a border of the way, and with a byte in it that may be none of a string. */
static void add_odd_text(struct buf *b)
{
	static const uint32_t lengths[] = {0, 1, 2, 5, 31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128, 129, 300};
	static const char *const parts[] = {"\\\"", "\\\\", "\\u00e9", "\\x", "\x7f", "\x1f", "\t", "\xc3\xa9", "\xc3",
		"\xff", "\"", "'", "\\", "{\\\"a\\\":1}"};
	uint32_t n = lengths[any(sizeof lengths / sizeof *lengths)];
	uint32_t at = any(2) ? n : any(n + 1);

	for (uint32_t i = 0; i <= n; i++) {
		if (i == at && any(3))
			buf_add_str(b, parts[any(sizeof parts / sizeof *parts)]);
		if (i < n)
			buf_add_char(b, (char)('a' + any(26)));
	}
}

/* The ranges that quote and backslash cut. */
static char in_range(size_t range)
{
	return range == 0 ? " !"[any(2)] : range == 1 ? "#09AZ["[any(6)] : "]_az~\x7f"[any(6)];
}

static void add_text(struct buf *b, bool is_odd, size_t len, bool is_ranged)
{
	uint32_t how = is_odd ? any(4) : 0, at = any((uint32_t)len + 1);

	buf_add_char(b, '"');
	if (how == 1)
		add_odd_text(b);
	else
		for (size_t i = 0; i < len; i++)
			/* of its length, but for one byte */
			buf_add_char(b, how && i == at ? "\"\\\x1f\x7f\x80 0a"[any(8)]
					: is_ranged    ? in_range(i % 3)
						       : "veh-0, :]}{[ ~"[any(14)]);
	buf_add_char(b, '"');
}

static void add_form(struct buf *b, const char *form, bool is_odd)
{
	static const char *const words[] = {"true", "false", "null", "7", "12.5", "-1e5", "nul", "True", "nulll", "t"};

	for (; *form; form++) {
		bool is_here = is_odd && any(4) == 0;

		if (*form == '?')
			buf_add_str(b, words[any(is_here ? 10 : 5)]);
		else if (*form == '#' && !is_here)
			buf_addf(b, "%u", 100 + any(900));
		else if (*form == '~' || *form == '#')
			add_number(b, is_here);
		else if (*form == '@' && !is_here)
			json_add_string(b, slice_str(sieve_texts[any(is_odd ? SIEVE_TEXTS : SIEVE_PLAIN)]));
		else if (*form == '@' || *form == '=' || *form == '$' || *form == '%')
			add_text(b, is_here,
				*form == '$' || *form == '@' ? any(24)
				: *form == '='               ? 9
							     : 70,
				*form == '%');
		else
			buf_add_char(b, *form);
	}
}

static void add_record(struct buf *b, const char *form, uint32_t odd_in)
{
	bool is_odd = odd_in && any(odd_in) == 0;
	size_t start = b->len;

	add_form(b, form, is_odd);
	if (is_odd && any(2))
		mutate(b, start);
	for (size_t i = start; i < b->len; i++)
		if (b->p[i] == '\n')
			b->p[i] = ' ';
	buf_add_char(b, '\n');
}

/* ---- tests ---- */

/* In memory that ends where the promise ends, so that a sanitizer sees a read too far. */
static void check_batch(struct json_scan *scan, const struct fieldpath *paths, const struct buf *b)
{
	char *p = malloc(b->len + JSON_PAD_BYTES);
	const char *wrong;

	assert_non_null(p);
	memcpy(p, b->p, b->len);
	memset(p + b->len, (int)"\"0\n}\\x\xff\0"[any(8)], JSON_PAD_BYTES);
	wrong = oracle_compare(scan, paths, N_PATHS, DEPTH, p, b->len);
	if (wrong)
		print_message("# %s\n", wrong);
	assert_null(wrong);
	free(p);
}

/* Windows are small, so that the way without an index begins again soon. */
static void check_stream(struct json_scan *scan, const struct fieldpath *paths, uint32_t odd_in)
{
	static const size_t windows[] = {256, 512, 1024};
	uint32_t first = any(FORMS), n = any(3) ? 1 : 1 + any(3);
	struct buf b = BUF_INIT;

	scan->window_bytes = windows[any(3)];
	for (uint32_t batch = 0; batch < 4; batch++) {
		buf_reset(&b);
		for (uint32_t i = 0; i < RECORDS; i++)
			add_record(&b, forms[(first + (odd_in == 1 ? any(n) : i % n)) % FORMS], odd_in);
		check_batch(scan, paths, &b);
	}
	buf_release(&b);
}

/* A scanner that counts in hits and misses what goes without an index. */
static struct json_scan *open_counting(struct json_paths *set)
{
	struct json_scan *scan = json_scan_open(set, DEPTH);

	counting = *scan->kernel;
	go_straight = counting.straight;
	if (go_straight)
		counting.straight = count_straight;
	scan->kernel = &counting;
	return scan;
}

/* All are records. */
static void count_records(struct json_scan *scan, struct buf *b)
{
	struct json_record record;

	buf_reserve(b, JSON_PAD_BYTES);
	hits = misses = 0;
	json_scan_batch(scan, b->p, b->len);
	while (json_scan_next(scan, &record))
		assert_int_equal(record.status, JSON_OK);
}

static void records_without_an_index_agree(void **state)
{
	static const uint32_t odd_in[] = {0, 1, 40, 80, 100, 200};
	struct fieldpath paths[N_PATHS];
	struct json_paths *set = json_paths_open();
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < N_PATHS; i++) {
		assert_int_equal(fieldpath_parse(&paths[i], slice_str(path_texts[i]), NULL, &err), 0);
		assert_int_equal(json_paths_add(set, &paths[i]), i);
	}
	for (int round = 0; round < 400; round++) {
		struct json_scan *scan = open_counting(set);

		check_stream(scan, paths, odd_in[any(6)]);
		json_scan_close(scan);
	}
	/* enough of them went that way, and enough that looked like it did not */
	print_message("# %llu without an index, %llu not\n", (unsigned long long)hits, (unsigned long long)misses);
	assert_true(!go_straight || (hits > 50000 && misses > 500));
	json_paths_close(set);
	for (size_t i = 0; i < N_PATHS; i++)
		fieldpath_release(&paths[i]);
}

/* What the sieve gives is what the other scanner gives, but for valid records with another string. */
static uint64_t check_sieve(struct json_scan *sieve, struct json_scan *all, size_t slot, struct slice text)
{
	struct json_record got, want;
	uint64_t passed = 0;
	bool is_more;

	do {
		is_more = json_scan_next(sieve, &got);
		while (json_scan_next(all, &want) && !(is_more && want.line == got.line)) {
			assert_int_equal(want.status, JSON_OK);
			assert_int_equal(want.spans[slot].type, JSON_STRING);
			assert_false(json_string_eq(want.spans[slot], text));
			passed++;
		}
		if (is_more) {
			assert_int_equal(got.line, want.line);
			assert_int_equal(got.status, want.status);
			assert_ptr_equal(got.p, want.p);
			assert_int_equal(got.len, want.len);
		}
		for (size_t i = 0; is_more && i < N_PATHS; i++) {
			assert_int_equal(got.spans[i].type, want.spans[i].type);
			assert_int_equal(got.spans[i].len, want.spans[i].len);
			if (want.spans[i].len)
				assert_ptr_equal(got.spans[i].p, want.spans[i].p);
		}
	} while (is_more);
	assert_int_equal(json_scan_passed(sieve), passed);
	return passed;
}

static uint64_t check_sieve_stream(const struct json_paths *set)
{
	struct json_scan *all = json_scan_open(set, DEPTH), *sieve = json_scan_open(set, DEPTH);
	struct slice text = slice_str(sieve_texts[any(SIEVE_TEXTS)]);
	uint32_t first = any(3) ? FORMS - SIEVE_FORMS : any(FORMS), n = 1 + any(3), odd_in = any(2) * 50;
	size_t slot = any(2) ? 6 : any(N_PATHS);
	struct buf b = BUF_INIT;
	uint64_t passed = 0;

	json_scan_sieve(sieve, slot, text);
	sieve->window_bytes = 256;
	for (uint32_t batch = 0; batch < 4; batch++) {
		buf_reset(&b);
		for (uint32_t i = 0; i < RECORDS; i++)
			add_record(&b, forms[(first + i % n) % FORMS], odd_in);
		buf_reserve(&b, JSON_PAD_BYTES);
		json_scan_batch(sieve, b.p, b.len);
		json_scan_batch(all, b.p, b.len);
		passed += check_sieve(sieve, all, slot, text);
	}
	json_scan_close(all);
	json_scan_close(sieve);
	buf_release(&b);
	return passed;
}

static void a_sieve_holds_back_other_strings_only(void **state)
{
	struct json_paths *set = json_paths_open();
	struct fieldpath path;
	struct err err = ERR_INIT;
	uint64_t passed = 0;

	(void)state;
	for (size_t i = 0; i < N_PATHS; i++) {
		assert_int_equal(fieldpath_parse(&path, slice_str(path_texts[i]), NULL, &err), 0);
		json_paths_add(set, &path);
		fieldpath_release(&path);
	}
	for (int round = 0; round < 200; round++)
		passed += check_sieve_stream(set);
	print_message("# %llu of %d passed over\n", (unsigned long long)passed, 200 * 4 * RECORDS);
	assert_true(!json_kernel()->sift || passed > 30000);
	json_paths_close(set);
}

/* Bytes of a text that are in one range at first, and in two later on. */
static void identifiers_of_digits_and_letters_need_no_index(void **state)
{
	struct json_scan *scan = open_counting(NULL);
	struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_addf(&b, "{\"id\":\"%08x%08x\",\"v\":%u}\n", any(UINT32_MAX), any(UINT32_MAX), any(10000));
	count_records(scan, &b);
	print_message("# %llu of 20000 without an index\n", (unsigned long long)hits);
	assert_true(!go_straight || hits > 15000);
	buf_release(&b);
	json_scan_close(scan);
}

/* Where values vary by much, or the stream changes its form, indexes are made again, and less and less is tried. */
static void the_way_rests_where_it_is_of_no_use(void **state)
{
	struct json_scan *scan = open_counting(NULL);
	struct buf b = BUF_INIT;

	(void)state;
	scan->window_bytes = 64;
	for (int i = 0; i < 20000; i++)
		buf_addf(&b, "{\"a\":\"\xc3\xa9%d\",\"b\":%d}\n", i % 10, 100 + i % 100);
	count_records(scan, &b);
	assert_true(hits == 0 && misses < 1000);
	buf_release(&b);
	json_scan_close(scan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_without_an_index_agree),
		cmocka_unit_test(identifiers_of_digits_and_letters_need_no_index),
		cmocka_unit_test(the_way_rests_where_it_is_of_no_use),
		cmocka_unit_test(a_sieve_holds_back_other_strings_only),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("json_straight", tests, NULL, NULL);
}
