/* digest_impl: what the files of this module share. Private. */
#ifndef TLM_DIGEST_IMPL_H
#define TLM_DIGEST_IMPL_H

#include <stddef.h>
#include <stdint.h>

/* The portable form of digest_crc32c(), which tests compare with the fast one. */
uint32_t digest_crc32c_plain(uint32_t crc, const void *p, size_t len);

#endif
