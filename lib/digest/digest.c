/*
 * The plain functions of libcrypto, not EVP: EVP loads providers first, which costs a millisecond at every start and
 * crashes inside the library when memory runs out there. These allocate nothing and run the same code for the hash.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "digest/digest.h"

#include <stdlib.h>

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
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[SHA256_DIGEST_LENGTH];

	SHA256_Final(sum, &d->ctx);
	for (size_t i = 0; i < sizeof sum; i++) {
		hex[2 * i] = digits[sum[i] >> 4];
		hex[2 * i + 1] = digits[sum[i] & 15];
	}
	hex[DIGEST_HEX_BYTES] = '\0';
}
