#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "digest/digest.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sums),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
