#include "json/json_impl.h"

#include <pthread.h>
#include <stdlib.h>

/*
 * Which kernel serves: the best one that the processor has. A further one (AVX-512, NEON) is a file that fills a
 * struct json_kernel, and a line here.
 */

static const struct json_kernel *best = &json_kernel_portable;
static bool is_forced_portable;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void)
{
	const char *wish = getenv("TLM_SIMD");

	if (wish && strcmp(wish, json_kernel_portable.name) == 0)
		return;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
		__builtin_cpu_supports("popcnt")) {
		json_kernel_avx2_init();
		best = &json_kernel_avx2;
	}
#endif
}

const struct json_kernel *json_kernel(void)
{
	pthread_once(&once, choose);
	return is_forced_portable ? &json_kernel_portable : best;
}

const char *json_simd_name(void)
{
	return json_kernel()->name;
}

void json_force_portable(bool is_portable)
{
	is_forced_portable = is_portable;
}
