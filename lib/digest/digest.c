/*
 * The plain functions of libcrypto, not EVP: EVP loads providers first, which costs a millisecond at every start and
 * crashes inside the library when memory runs out there. These allocate nothing and run the same code for the hash.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "digest/digest.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "mem/mem.h"

struct digest {
	SHA256_CTX ctx;
};

struct digest *digest_open(void)
{
	struct digest *d = mem_alloc(1, sizeof *d);

	digest_reset(d);
	return d;
}

void digest_close(struct digest *d)
{
	free(d);
}

void digest_reset(struct digest *d)
{
	SHA256_Init(&d->ctx);
}

void digest_add(struct digest *d, const void *p, size_t len)
{
	SHA256_Update(&d->ctx, p, len);
}

void digest_take_hex(struct digest *d, char hex[DIGEST_HEX_BYTES + 1])
{
	unsigned char sum[SHA256_DIGEST_LENGTH];

	SHA256_Final(sum, &d->ctx);
	digest_hex(sum, sizeof sum, hex);
}

void digest_sum(const void *p, size_t len, uint8_t sum[DIGEST_BYTES])
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, p, len);
	SHA256_Final(sum, &ctx);
}

void digest_hmac(struct slice key, struct slice text, uint8_t sum[DIGEST_BYTES])
{
	unsigned char block[SHA256_CBLOCK] = {0};
	SHA256_CTX ctx;

	if (key.len > sizeof block)
		digest_sum(key.p, key.len, block);
	else if (key.len)
		memcpy(block, key.p, key.len);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] ^= 0x36;
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, block, sizeof block);
	SHA256_Update(&ctx, text.p, text.len);
	SHA256_Final(sum, &ctx);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] ^= 0x36 ^ 0x5c;
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, block, sizeof block);
	SHA256_Update(&ctx, sum, DIGEST_BYTES);
	SHA256_Final(sum, &ctx);
}

/* ---- texts ---- */

void digest_hex(const uint8_t *p, size_t len, char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[p[i] >> 4];
		hex[2 * i + 1] = digits[p[i] & 15];
	}
	hex[2 * len] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_unhex(const char *hex, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int high = hex_value(hex[2 * i]), low = high < 0 ? -1 : hex_value(hex[2 * i + 1]);

		if (low < 0)
			return false;
		p[i] = (uint8_t)(high << 4 | low);
	}
	return hex[2 * len] == '\0';
}
