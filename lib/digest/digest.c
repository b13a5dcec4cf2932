#include "digest/digest.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "mem/mem.h"

enum { SHA256_BYTES = 32 };

struct digest {
	EVP_MD *md; /* fetched once: an implicit fetch at each reset costs microseconds */
	EVP_MD_CTX *ctx;
};

struct digest *digest_open(void)
{
	struct digest *d = mem_alloc(1, sizeof *d);

	/* The configuration file of OpenSSL has nothing to say here, and reading it costs start-up time. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	d->md = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	d->ctx = EVP_MD_CTX_new();
	if (!d->md || !d->ctx)
		mem_fail();
	digest_reset(d);
	return d;
}

void digest_close(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	EVP_MD_free(d->md);
	free(d);
}

void digest_reset(struct digest *d)
{
	if (EVP_DigestInit_ex2(d->ctx, d->md, NULL) != 1)
		mem_fail();
}

void digest_add(struct digest *d, const void *p, size_t len)
{
	if (EVP_DigestUpdate(d->ctx, p, len) != 1)
		mem_fail();
}

void digest_take_hex(struct digest *d, char hex[DIGEST_HEX_BYTES + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[EVP_MAX_MD_SIZE];

	if (EVP_DigestFinal_ex(d->ctx, sum, NULL) != 1)
		mem_fail();
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		hex[2 * i] = digits[sum[i] >> 4];
		hex[2 * i + 1] = digits[sum[i] & 15];
	}
	hex[DIGEST_HEX_BYTES] = '\0';
}
