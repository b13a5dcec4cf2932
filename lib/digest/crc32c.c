/*
 * CRC-32C, polynomial 0x1edc6f41 reflected. The plain form takes a byte at a step from a table; the processor's own
 * instruction, where there is one, takes eight.
 */
#include <string.h>

#include "digest/digest.h"
#include "digest/digest_impl.h"

static uint32_t entry_of(uint32_t byte)
{
	for (int bit = 0; bit < 8; bit++)
		byte = byte & 1 ? byte >> 1 ^ UINT32_C(0x82f63b78) : byte >> 1;
	return byte;
}

uint32_t digest_crc32c_plain(uint32_t crc, const void *p, size_t len)
{
	const uint8_t *from = p;
	uint32_t table[256];

	for (uint32_t i = 0; i < 256; i++)
		table[i] = entry_of(i);
	crc = ~crc;
	for (; len; len--)
		crc = crc >> 8 ^ table[(crc ^ *from++) & 0xff];
	return ~crc;
}

#ifdef __x86_64__

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *p, size_t len)
{
	const uint8_t *from = p;
	uint64_t wide = ~crc;

	for (; len >= 8; from += 8, len -= 8) {
		uint64_t v;

		memcpy(&v, from, 8);
		wide = __builtin_ia32_crc32di(wide, v);
	}
	crc = (uint32_t)wide;
	for (; len; len--)
		crc = __builtin_ia32_crc32qi(crc, *from++);
	return ~crc;
}

uint32_t digest_crc32c(uint32_t crc, const void *p, size_t len)
{
	return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, p, len) : digest_crc32c_plain(crc, p, len);
}

#else

uint32_t digest_crc32c(uint32_t crc, const void *p, size_t len)
{
	return digest_crc32c_plain(crc, p, len);
}

#endif
