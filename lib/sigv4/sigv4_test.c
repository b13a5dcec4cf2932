#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sigv4/sigv4.h"

#define S(text) SLICE_LIT(text)
#define INIT(text)                                                                                                     \
	{                                                                                                              \
		text, sizeof text - 1                                                                                  \
	}

static const struct sigv4_key key = {INIT("AKIAIOSFODNN7EXAMPLE"), INIT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")};

static void check(const struct sigv4_request *r, const char *signed_names, const char *signature)
{
	struct buf got = BUF_INIT, want = BUF_INIT;

	sigv4_sign(r, &key, &got, NULL);
	buf_addf(&want,
		"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
		"SignedHeaders=%s, Signature=%s",
		signed_names, signature);
	assert_string_equal(buf_cstr(&got), buf_cstr(&want));
	buf_release(&got);
	buf_release(&want);
}

/* The examples of the S3 documentation, "Authenticating Requests: Using the Authorization Header". */
static void documented_examples(void **state)
{
	static const struct sigv4_pair put[] = {
		{INIT("Date"), INIT("Fri, 24 May 2013 00:00:00 GMT")},
		{INIT("Host"), INIT("examplebucket.s3.amazonaws.com")},
		{INIT("x-amz-date"), INIT("20130524T000000Z")},
		{INIT("x-amz-storage-class"), INIT("REDUCED_REDUNDANCY")},
		{INIT("x-amz-content-sha256"),
			INIT("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")},
	};
	static const struct sigv4_pair list[] = {
		{INIT("host"), INIT("examplebucket.s3.amazonaws.com")},
		{INIT("x-amz-content-sha256"),
			INIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")},
		{INIT("x-amz-date"), INIT("20130524T000000Z")},
	};
	static const struct sigv4_pair query[] = {{INIT("prefix"), INIT("J")}, {INIT("max-keys"), INIT("2")}};
	struct sigv4_request r = {.method = S("PUT"),
		.path = S("/test$file.text"),
		.headers = put,
		.n_headers = 5,
		.payload = put[4].value,
		.date = S("20130524T000000Z"),
		.region = S("us-east-1"),
		.service = S("s3")};

	(void)state;
	check(&r, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
		"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
	r.method = S("GET");
	r.path = S("/");
	r.headers = list;
	r.n_headers = 3;
	r.query = query;
	r.n_query = 2;
	r.payload = list[1].value;
	check(&r, "host;x-amz-content-sha256;x-amz-date",
		"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void bytes_are_encoded_once(void **state)
{
	static const struct sigv4_pair query[] = {
		{INIT("b"), INIT("1")}, {INIT("a"), INIT("z&")}, {INIT("a"), INIT("%2F")}, {INIT("a-"), INIT("")}};
	struct buf out = BUF_INIT;

	(void)state;
	sigv4_add_path(&out, S("/d=a b/%2F+~_.-\xe1\x88\xb4/x"));
	assert_string_equal(buf_cstr(&out), "/d%3Da%20b/%252F%2B~_.-%E1%88%B4/x");
	buf_reset(&out);
	sigv4_add_query(&out, query, 4);
	assert_string_equal(buf_cstr(&out), "a=%252F&a=z%26&a-=&b=1");
	buf_reset(&out);
	sigv4_encode(&out, S("a/b"));
	assert_string_equal(buf_cstr(&out), "a%2Fb");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documented_examples),
		cmocka_unit_test(bytes_are_encoded_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
