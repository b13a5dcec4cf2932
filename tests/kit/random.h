/* random: the same numbers in each run (xorshift64), for tests. */
#ifndef TLM_TESTS_RANDOM_H
#define TLM_TESTS_RANDOM_H

#include <stdint.h>

static uint64_t seed = 88172645463325252u;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16) % below;
}

#endif
