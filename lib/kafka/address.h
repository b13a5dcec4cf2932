/* What the text of a Kafka place says; private to lib/kafka. No library behind it. */
#ifndef TLM_KAFKA_ADDRESS_H
#define TLM_KAFKA_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "err/err.h"
#include "opt/opt.h"

enum point_kind {
	POINT_BEGINNING,
	POINT_END,
	POINT_STORED,     /* what the group has committed */
	POINT_OFFSET,     /* N */
	POINT_BEFORE_END, /* -N */
	POINT_AFTER,      /* +N: behind the beginning, or as the end of a range behind its start */
	POINT_TIME        /* @TIME: the first message of that time or later */
};

struct point {
	enum point_kind kind;
	int64_t n; /* an offset, a count, or milliseconds since 1970 */
};

struct address {
	char *text;    /* owned; what follows points into it */
	char *brokers; /* of kafka://, or NULL */
	char **topics; /* n_topics; one that begins with '^' is a regular expression */
	size_t n_topics;
	bool has_offset, has_end;
	struct point from, to; /* to is exclusive */
	char *group, *key, *ts, *headers;
	bool has_envelope, is_envelope;
	bool has_partitions;
	int32_t first_partition, last_partition; /* inclusive */
	uint64_t limit;                          /* 0: none */
	struct opt_list properties;              /* "NAME=VALUE", every other parameter */
};

/* Returns 0, or -1 with ERR_USAGE; release() in both cases. */
int address_parse(struct address *a, const char *text, bool is_sink, struct err *err);
void address_release(struct address *a);

/* "beginning" "end" "stored" "N" "-N" "+N" "@TIME" "@-2h", or FROM..TO (either may be empty). now_ms: for @-2h. */
int address_parse_range(struct address *a, const char *text, int64_t now_ms, struct err *err);

#endif
