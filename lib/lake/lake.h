/*
 * lake: the sink that stores each record in exactly one object below a directory: semantics of tlm-s3put.
 *
 * A record's directory comes from its template; the records of a directory are collected in a segment of the spool,
 * which becomes an object when it is full (size, count, age, span of event time), when too many directories are open
 * (the one least recently used goes first), or at the end. Every stored object is told as one manifest row.
 *
 * The lake counts in the ledger: read; then rejected (reject_add()), or open while in the spool and kept once stored.
 *
 * From a group of Kafka it is exactly once. Records of a partition are collected in a batch, whose segments are sealed
 * together: any limit counts the batch. What the batch is, its first offset and the one behind its last, is the *plan*:
 * it is committed as metadata of the offset where the batch begins before anything of it is stored, and the offset
 * behind it when all is. Objects are named by topic, partition, first and last offset. So whoever has the partition
 * next finds the plan, reads the very records again and stores the very objects; who was taken for dead cannot commit,
 * so it stores nothing that another does not. The spool holds nothing that Kafka does not.
 *
 * Memory: constant; per open directory what a segment takes. All calls: one thread.
 */
#ifndef TLM_LAKE_H
#define TLM_LAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"
#include "err/err.h"
#include "etime/etime.h"
#include "ledger/ledger.h"
#include "reject/reject.h"
#include "sink/sink.h"
#include "store/store.h"
#include "template/template.h"
#include "timefield/timefield.h"

enum {
	LAKE_OPEN_DEFAULT = 256, /* of max_open */
	LAKE_OPEN_MAX = 100000,
	LAKE_SYNC_DEFAULT_US = 1000000
};
#define LAKE_SIZE_DEFAULT_BYTES (UINT64_C(256) << 20)
#define LAKE_SPOOL_DEFAULT_BYTES (UINT64_C(1) << 30)
#define LAKE_MANIFESTS TEMPLATE_MANIFESTS

/* How a lake that is fed by a group commits: the group asks lake_position() of each partition meanwhile. */
struct lake_group {
	int (*commit)(void *ctx, bool is_final, struct err *err);
	void *ctx;
	uint64_t options;  /* a hash of what decides which objects become of records */
	const char *words; /* the same as the user typed it, told to those who find a plan of other options; or NULL */
	bool is_planning_anew; /* the plans that are found are not carried out, see tlm-s3put(1) on --forget-plan */
};

struct lake_opts {
	const char *place;              /* the absolute directory and template behind file:// */
	const struct timefield *time;   /* --time, NULL for none: rows of tlm-agg have window_end or session_end */
	bool is_message_time;           /* --time @kafka */
	const struct lake_group *group; /* NULL: what is read cannot be had again */
	const struct etime_zone *zone;  /* --tz of the template's codes, NULL: UTC */
	const char *spool;              /* --spool: see spool.h; NULL: inside the root */
	struct store *store;      /* S3: taken over, closed with the lake; NULL: the directory. Then place is the key
				     behind the bucket, with a '/' before it, and spool is given */
	const char *url;          /* what stands before a path in a row: "s3://BUCKET"; NULL: "file://" */
	const char *identity;     /* what tells this destination from others of the same place: an endpoint; or NULL */
	uint64_t max_spool_bytes; /* sealed objects that wait for the store; 0: no limit */
	size_t key_max_bytes;     /* of an object's place without its first '/'; 0: no limit */
	const char *manifests;    /* where rows are stored as objects, too: ROOT/_manifests; NULL: nowhere */
	const char *run_id;       /* --run-id, NULL for none */
	enum codec_kind codec;
	int level;        /* 0: the codec's default */
	unsigned n_lanes; /* threads that compress beside the caller's (segment.h) */
	size_t max_open;
	uint64_t max_size_bytes; /* raw bytes of an object; a longer record makes a longer object */
	uint64_t max_records;    /* 0: no limit, as for the next three */
	int64_t max_age_us;      /* since its first record came, monotonic clock */
	int64_t max_span_us;     /* of event time since its first record */
	int64_t max_ahead_us;    /* with a group: records later than T of their partition by more are rejected */
	int64_t sync_us;         /* how often open segments are flushed to disk; not with run_id or a group */
	int depth_max;           /* of a record */
	bool has_marks;          /* lines that are marks (mark.h) are dropped, in no ledger */
	bool is_dry_run;         /* rows of what would be stored, nothing is written */
	struct ledger *ledger;   /* borrowed, as all below */
	struct reject *reject;
	struct sink *manifest; /* takes the rows; finished and closed by the caller */
	void (*warn)(void *ctx, const char *text);
	void *warn_ctx;
};

/*
 * Opens the lake, publishes what dead runs of the same place left, and is ready for batches. opts is copied, what it
 * points to is borrowed. NULL with err: ERR_PROGRAM for a template that is wrong, ERR_USAGE for a run id, level or
 * place of manifests, ERR_IO, ERR_REFUSED when a leftover meets an object with other records.
 *
 * write() ends with ERR_USAGE when the template needs a time and there is none. finish() stores what is open unless the
 * lake has failed; a run with a run_id that was not good discards it instead, since its repetition brings it again.
 */
struct sink *lake_open(const struct lake_opts *opts, struct err *err);

/*
 * ---- partitions of a group; input is that of their batches ----
 *
 * A partition is ours from lake_take() to lake_forget(), which drops what is not stored. All may be called while the
 * lake waits in write() and calls on_blocked().
 */

/* committed: its offset, -1 for none. 0, or -1 with ERR_REFUSED: metadata of something else, or a plan that was made
 * with other options, of which opts.warn tells. */
int lake_take(struct sink *lake, uint32_t input, int64_t committed, struct slice metadata, struct err *err);
void lake_forget(struct sink *lake, uint32_t input);

/* No batch may hold records of both sides of this offset; INT64_MAX: none is near. */
int64_t lake_bound(struct sink *lake, uint32_t input, int64_t offset);

/* What to commit of it. False: nothing. lake_committed(): that was done. */
bool lake_position(struct sink *lake, uint32_t input, int64_t *offset, struct buf *metadata);
void lake_committed(struct sink *lake, uint32_t input);

/* No more may come for now: what is open is planned at the next tick(), which is due at once. */
void lake_end_batches(struct sink *lake);

/*
 * Time to commit. is_final: all that was read is stored and committed, unless the partitions are lost meanwhile.
 * Partitions that are given up have what is on its way stored by sync(), for a short time. 0 or -1.
 */
int lake_deliver(struct sink *lake, bool is_final, struct err *err);

#endif
