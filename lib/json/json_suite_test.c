/*
 * Every file of nst/JSONTestSuite as a record between two good ones, by both kernels. The decisions where the suite
 * leaves one are in README.md of this folder and in the table here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"

#define GOOD "{\"a\":[1,\"\xc3\xa9\",{\"b\":null}]}"

/* What the files i_... and those whose name does not tell end in. */
static const struct decision {
	const char *name;
	enum json_status status;
} decisions[] = {
	{"i_number_double_huge_neg_exp.json", JSON_OK},
	{"i_number_huge_exp.json", JSON_OK},
	{"i_number_neg_int_huge_exp.json", JSON_OK},
	{"i_number_pos_double_huge_exp.json", JSON_OK},
	{"i_number_real_neg_overflow.json", JSON_OK},
	{"i_number_real_pos_overflow.json", JSON_OK},
	{"i_number_real_underflow.json", JSON_OK},
	{"i_number_too_big_neg_int.json", JSON_OK},
	{"i_number_too_big_pos_int.json", JSON_OK},
	{"i_number_very_big_negative_int.json", JSON_OK},
	{"i_object_key_lone_2nd_surrogate.json", JSON_OK},
	{"i_string_1st_surrogate_but_2nd_missing.json", JSON_OK},
	{"i_string_1st_valid_surrogate_2nd_invalid.json", JSON_OK},
	{"i_string_incomplete_surrogate_and_escape_valid.json", JSON_OK},
	{"i_string_incomplete_surrogate_pair.json", JSON_OK},
	{"i_string_incomplete_surrogates_escape_valid.json", JSON_OK},
	{"i_string_invalid_lonely_surrogate.json", JSON_OK},
	{"i_string_invalid_surrogate.json", JSON_OK},
	{"i_string_inverted_surrogates_U+1D11E.json", JSON_OK},
	{"i_string_lone_second_surrogate.json", JSON_OK},
	{"i_string_UTF-16LE_with_BOM.json", JSON_BAD},
	{"i_string_UTF-8_invalid_sequence.json", JSON_BAD},
	{"i_string_UTF8_surrogate_U+D800.json", JSON_BAD},
	{"i_string_invalid_utf-8.json", JSON_BAD},
	{"i_string_iso_latin_1.json", JSON_BAD},
	{"i_string_lone_utf8_continuation_byte.json", JSON_BAD},
	{"i_string_not_in_unicode_range.json", JSON_BAD},
	{"i_string_overlong_sequence_2_bytes.json", JSON_BAD},
	{"i_string_overlong_sequence_6_bytes.json", JSON_BAD},
	{"i_string_overlong_sequence_6_bytes_null.json", JSON_BAD},
	{"i_string_truncated-utf-8.json", JSON_BAD},
	{"i_string_utf16BE_no_BOM.json", JSON_BAD},
	{"i_string_utf16LE_no_BOM.json", JSON_BAD},
	{"i_structure_500_nested_arrays.json", JSON_TOO_DEEP},
	{"i_structure_UTF-8_BOM_empty_object.json", JSON_BAD},
	/* values over several lines are several records */
	{"y_array_with_1_and_newline.json", JSON_BAD},
	{"y_object_with_newlines.json", JSON_BAD},
	/* nothing at all is a blank line */
	{"n_single_space.json", JSON_BLANK},
	{"n_structure_no_data.json", JSON_BLANK},
	/* the limit is met before the end */
	{"n_structure_100000_opening_arrays.json", JSON_TOO_DEEP},
	{"n_structure_open_array_object.json", JSON_TOO_DEEP},
};

static enum json_status decide(const char *name)
{
	for (size_t i = 0; i < sizeof decisions / sizeof *decisions; i++)
		if (strcmp(decisions[i].name, name) == 0)
			return decisions[i].status;
	assert_true(*name == 'y' || *name == 'n');
	return *name == 'y' ? JSON_OK : JSON_BAD;
}

static void assert_good(const struct json_record *r)
{
	assert_int_equal(r->status, JSON_OK);
	assert_int_equal(r->len, sizeof GOOD - 1);
	assert_memory_equal(r->p, GOOD, sizeof GOOD - 1);
}

/* The file's bytes are one line or several; the worst line must be what was decided, and have its place. */
static void check_file(const char *name, const char *bytes, size_t len)
{
	struct json_scan *scan = json_scan_open(NULL, JSON_DEPTH_DEFAULT);
	struct buf b = BUF_INIT;
	struct json_record r;
	enum json_status worst = JSON_OK;
	size_t text_len = len && bytes[len - 1] == '\n' ? len - 1 : len, lines = 1;

	for (size_t i = 0; i < text_len; i++)
		lines += bytes[i] == '\n';
	buf_add_str(&b, GOOD "\n");
	buf_add(&b, bytes, text_len);
	buf_add_str(&b, "\n" GOOD "\n");
	buf_reserve(&b, JSON_PAD_BYTES);
	memset(b.p + b.len, 0, JSON_PAD_BYTES);
	json_scan_batch(scan, b.p, b.len);
	assert_int_equal(json_scan_next(scan, &r), 1);
	assert_good(&r);
	for (size_t i = 0; i < lines; i++) {
		assert_int_equal(json_scan_next(scan, &r), 1);
		if (r.status > worst)
			worst = r.status;
		if (r.status == JSON_BAD || r.status == JSON_TOO_DEEP) {
			assert_non_null(r.message);
			assert_in_range(r.byte, 1, r.len + 1);
		} else if (r.status == JSON_OK && lines == 1) {
			assert_memory_equal(r.p, bytes, text_len);
		}
	}
	if (worst != decide(name))
		fail_msg("%s: status %d", name, (int)worst);
	assert_int_equal(json_scan_next(scan, &r), 1);
	assert_good(&r);
	assert_int_equal(json_scan_next(scan, &r), 0);
	json_scan_close(scan);
	buf_release(&b);
}

/* The next 512 bytes of a tar archive. False at its end. */
static bool read_block(FILE *tar, char block[512])
{
	return fread(block, 1, 512, tar) == 512 && block[0] != 0;
}

/* One file of the archive: a header with name, size (octal) and kind, then its bytes in whole blocks. */
static void check_entry(FILE *tar, const char header[512], size_t *n_files)
{
	const char *name = strrchr(header, '/');
	size_t len = strtoul(header + 124, NULL, 8), whole = (len + 511) / 512 * 512;
	char *bytes = malloc(whole + 1);

	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, whole, tar), whole);
	if (strstr(header, "test_parsing/") && header[156] == '0') {
		for (int is_portable = 0; is_portable < 2; is_portable++) {
			json_force_portable(is_portable);
			check_file(name + 1, bytes, len);
		}
		json_force_portable(false);
		++*n_files;
	}
	free(bytes);
}

static FILE *open_suite(char block[512])
{
	const char *data = getenv("TLM_DATA");
	char command[4096];
	FILE *tar;

	snprintf(command, sizeof command, "zstd -dcq '%s/json-test-suite.tar.zst' 2>/dev/null",
		data ? data : "../shared/data");
	tar = popen(command, "r");
	if (tar && !read_block(tar, block)) {
		pclose(tar);
		tar = NULL;
	}
	return tar;
}

static void every_file_ends_as_decided(void **state)
{
	char block[512];
	size_t n_files = 0;
	FILE *tar = open_suite(block);

	(void)state;
	assert_non_null(tar);
	do
		check_entry(tar, block, &n_files);
	while (read_block(tar, block));
	pclose(tar);
	assert_int_equal(n_files, 318);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_ends_as_decided),
	};

	char block[512];
	FILE *tar = open_suite(block);

	if (!tar) {
		puts("1..0 # SKIP json-test-suite.tar.zst or zstd is missing");
		return 0;
	}
	pclose(tar);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("json_suite", tests, NULL, NULL);
}
