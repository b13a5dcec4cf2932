/*
 * The index of a window: where the bytes stand that a reader of CSV has to look at.
 *
 * Telemetry has one in eight such bytes, so a compare of 32 bytes at a time and a loop over the bits of the mask is
 * worth it: 2 to 4 GB/s. The portable twin stores each position and moves on only if it counts: no branch.
 */
#include "csv/csv_internal.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static bool is_portable_forced;

void csv_force_portable(bool is_portable)
{
	is_portable_forced = is_portable;
}

size_t csv_index_portable(const char *p, size_t len, char delimiter, uint32_t *positions)
{
	uint8_t is_marked[256] = {0};
	size_t n = 0;

	for (unsigned i = 0; i < 256; i++)
		is_marked[i] = i < 0x20 || i >= 0x7f || i == '"' || i == '\\' || i == (uint8_t)delimiter;
	for (size_t i = 0; i < len; i++) {
		positions[n] = (uint32_t)i;
		n += is_marked[(uint8_t)p[i]];
	}
	return n;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint32_t mark_32(const char *p, __m256i delimiter)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
	__m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), v); /* signed: 0x80 and above too */
	__m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
	__m256i slash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
	__m256i del = _mm256_cmpeq_epi8(v, _mm256_set1_epi8(0x7f));
	__m256i mark = _mm256_or_si256(_mm256_or_si256(low, quote),
		_mm256_or_si256(_mm256_or_si256(slash, del), _mm256_cmpeq_epi8(v, delimiter)));

	return (uint32_t)_mm256_movemask_epi8(mark);
}

/* Eight positions are stored at once, more only where there are more: the loop over single bits would mispredict. */
__attribute__((target("avx2,bmi,popcnt"))) static size_t csv_index_avx2(
	const char *p, size_t len, char delimiter, uint32_t *positions)
{
	__m256i d = _mm256_set1_epi8(delimiter);
	uint32_t *to = positions;

	for (size_t i = 0; i < len; i += 64) {
		uint64_t mask = mark_32(p + i, d) | (uint64_t)mark_32(p + i + 32, d) << 32;
		int n;

		if (len - i < 64)
			mask &= (UINT64_C(1) << (len - i)) - 1;
		n = __builtin_popcountll(mask);
		for (int done = 0; done < n; done += 8) {
			for (int j = 0; j < 8; j++) {
				to[done + j] = (uint32_t)i + (uint32_t)_tzcnt_u64(mask);
				mask &= mask - 1;
			}
		}
		to += n;
	}
	return (size_t)(to - positions);
}
#endif

csv_index_fn *csv_index_best(void)
{
	const char *simd = getenv("TLM_SIMD");

	if (is_portable_forced || (simd && strcmp(simd, "portable") == 0))
		return csv_index_portable;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
		return csv_index_avx2;
#endif
	return csv_index_portable;
}
