/*
 * digest: SHA-256 (FIPS 180-4) by libcrypto, which uses the SHA instructions of the processor where there are any; HMAC
 * (RFC 2104) over it; CRC-32C (RFC 3720); and the texts they are written as.
 *
 * Only this module includes OpenSSL's header. A digest is used again and again without an allocation.
 * One thread per object.
 */
#ifndef TLM_DIGEST_H
#define TLM_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"

enum { DIGEST_BYTES = 32, DIGEST_HEX_BYTES = 64 };

struct digest;

/* An empty digest, ready for digest_add(). Never NULL. */
struct digest *digest_open(void);
void digest_close(struct digest *d); /* does nothing for NULL */

/* Starts anew. */
void digest_reset(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t len);

/* The 64 lower-case hexadecimal digits of all that was added, and a NUL; then digest_reset() comes next. */
void digest_take_hex(struct digest *d, char hex[DIGEST_HEX_BYTES + 1]);

/* The sum of one piece of bytes, and its authentication code with a key of any length. */
void digest_sum(const void *p, size_t len, uint8_t sum[DIGEST_BYTES]);
void digest_hmac(struct slice key, struct slice text, uint8_t sum[DIGEST_BYTES]);

/* CRC-32C of bytes that follow those of which crc is the sum (0: none). */
uint32_t digest_crc32c(uint32_t crc, const void *p, size_t len);

/* Lower-case hexadecimal digits, two a byte, and a NUL; and back: false when they are not 2 * len of such digits. */
void digest_hex(const uint8_t *p, size_t len, char *hex);
bool digest_unhex(const char *hex, uint8_t *p, size_t len);

#endif
