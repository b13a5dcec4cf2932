/*
 * digest: SHA-256 (FIPS 180-4) by libcrypto, which uses the SHA instructions of the processor where there are any.
 *
 * Only this module includes OpenSSL's header. A digest is used again and again without an allocation.
 * One thread per object.
 */
#ifndef TLM_DIGEST_H
#define TLM_DIGEST_H

#include <stddef.h>

enum { DIGEST_HEX_BYTES = 64 };

struct digest;

/* An empty digest, ready for digest_add(). Never NULL. */
struct digest *digest_open(void);
void digest_close(struct digest *d); /* does nothing for NULL */

/* Starts anew. */
void digest_reset(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t len);

/* The 64 lower-case hexadecimal digits of all that was added, and a NUL; then digest_reset() comes next. */
void digest_take_hex(struct digest *d, char hex[DIGEST_HEX_BYTES + 1]);

#endif
