#include "source/lines.h"

#include <string.h>

typedef uint8_t bytes32 __attribute__((vector_size(32)));

enum { ROUND_STEPS = 255 }; /* a byte of the sum holds no more */

static inline uint64_t sum(const bytes32 *v)
{
	uint64_t total = 0;

	for (size_t i = 0; i < sizeof *v; i++)
		total += (*v)[i];
	return total;
}

/* Bytes that are equal give 0xff, which is subtracted: 32 counters of 8 bits, emptied before they overflow. */
static inline __attribute__((always_inline)) uint64_t count(const char *p, size_t len)
{
	uint64_t total = 0;

	while (len >= sizeof(bytes32)) {
		size_t steps = len / sizeof(bytes32);
		bytes32 counts = {0};

		if (steps > ROUND_STEPS)
			steps = ROUND_STEPS;
#pragma GCC unroll 5
		for (size_t i = 0; i < steps; i++) {
			bytes32 v;

			memcpy(&v, p + i * sizeof v, sizeof v);
			counts -= (bytes32)(v == '\n');
		}
		total += sum(&counts);
		p += steps * sizeof counts;
		len -= steps * sizeof counts;
	}
	for (size_t i = 0; i < len; i++)
		total += p[i] == '\n';
	return total;
}

uint64_t lines_count_portable(const char *p, size_t len)
{
	return count(p, len);
}

#if defined(__x86_64__)
static __attribute__((target("avx2"))) uint64_t count_avx2(const char *p, size_t len)
{
	return count(p, len);
}

uint64_t lines_count(const char *p, size_t len)
{
	return __builtin_cpu_supports("avx2") ? count_avx2(p, len) : count(p, len);
}
#else
uint64_t lines_count(const char *p, size_t len)
{
	return count(p, len);
}
#endif

/* Goes in steps of max_bytes: the last newline within reach of a line's start proves all lines up to it. */
size_t lines_fit(const char *p, size_t len, size_t max_bytes, bool *is_long)
{
	size_t at = 0;
	const char *end;

	*is_long = false;
	while (len - at > max_bytes) {
		end = memrchr(p + at, '\n', max_bytes + 1);
		if (!end) {
			*is_long = true;
			return at;
		}
		at = (size_t)(end - p) + 1;
	}
	end = memrchr(p + at, '\n', len - at);
	return end ? (size_t)(end - p) + 1 : at;
}
