#include "kafka/rd.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct rd rd;

static const char *const names[] = {
#define RD_NAME(name) "rd_kafka_" #name,
	RD_FUNCTIONS(RD_NAME)};

/* The table is filled as an array of pointers, which is what POSIX says of dlsym() and functions. */
int rd_load(struct err *err)
{
	static bool is_loaded;
	void *lib;

	if (is_loaded)
		return 0;
	lib = dlopen("librdkafka.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return err_set(
			err, ERR_PROGRAM, "topics of Kafka need librdkafka, which cannot be loaded: %.100s", dlerror());
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		void *at = dlsym(lib, names[i]);

		if (!at)
			return err_set(err, ERR_PROGRAM, "this librdkafka is older than 2.0: it has no %s", names[i]);
		memcpy((char *)&rd + i * sizeof at, &at, sizeof at);
	}
	is_loaded = true;
	return 0;
}
