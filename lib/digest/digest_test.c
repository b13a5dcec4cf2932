#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "digest/digest.h"
#include "digest/digest_impl.h"

/* The examples of FIPS 180-4 and of RFC 6234. */
static void known_sums(void **state)
{
	static const struct {
		const char *text;
		const char *hex;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	struct digest *d = digest_open();
	char hex[DIGEST_HEX_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t len = strlen(cases[i].text);

		/* In two pieces, and the object used again. */
		digest_add(d, cases[i].text, len / 2);
		digest_add(d, cases[i].text + len / 2, len - len / 2);
		digest_take_hex(d, hex);
		assert_string_equal(hex, cases[i].hex);
		digest_reset(d);
	}
	digest_close(d);
}

/* RFC 4231, cases 1, 2 and 6 (a key longer than a block). */
static void known_codes(void **state)
{
	static const struct {
		const char *key;
		size_t key_len;
		const char *text, *hex;
	} cases[] = {
		{"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", 20, "Hi There",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"Jefe", 4, "what do ya want for nothing?",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{NULL, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	};
	char long_key[131], hex[DIGEST_HEX_BYTES + 1];
	uint8_t sum[DIGEST_BYTES], back[DIGEST_BYTES];

	(void)state;
	memset(long_key, 0xaa, sizeof long_key);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice key = {cases[i].key ? cases[i].key : long_key, cases[i].key_len};

		digest_hmac(key, slice_str(cases[i].text), sum);
		digest_hex(sum, sizeof sum, hex);
		assert_string_equal(hex, cases[i].hex);
		assert_true(digest_unhex(hex, back, sizeof back));
		assert_memory_equal(back, sum, sizeof sum);
	}
	assert_false(digest_unhex("0g", back, 1));
	assert_false(digest_unhex("0", back, 1));
	assert_false(digest_unhex("001", back, 1));
}

/* RFC 3720, appendix B.4, and the check value of the catalogue of CRCs. */
static void known_crcs(void **state)
{
	uint8_t bytes[1000] = {0};

	(void)state;
	assert_int_equal(digest_crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	assert_int_equal(digest_crc32c(0, bytes, 32), 0x62a8ab43);
	assert_int_equal(digest_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(digest_crc32c_plain(0, "123456789", 9), 0xe3069283);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * i >> 3);
	for (size_t at = 0; at < 20; at++) {
		size_t len = sizeof bytes - 2 * at;
		uint32_t whole = digest_crc32c(0, bytes + at, len), half = digest_crc32c(0, bytes + at, 100 + at);

		assert_int_equal(whole, digest_crc32c_plain(0, bytes + at, len));
		assert_int_equal(whole, digest_crc32c(half, bytes + 2 * at + 100, len - 100 - at));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sums),
		cmocka_unit_test(known_codes),
		cmocka_unit_test(known_crcs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
