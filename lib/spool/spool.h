/*
 * spool: where segments wait until they are objects, and what a killed run left there.
 *
 *     ROOT/.tlm-spool/HASH/RUN/lock                held (flock) by the run while it lives
 *     ROOT/.tlm-spool/HASH/RUN/tree/DIR/NAME.part  a segment that will be the object ROOT/DIR/NAME
 *
 * HASH stands for destination and template; the tree of a run mirrors that of the lake, so a leftover tells its object
 * by its own name and nothing else need be written or kept in step. It lies inside the root, or in another directory of
 * the same file system (then DIR/HASH/RUN/...), so that a link gives an object its name at once.
 *
 * Order of work for an object: its bytes and its names synced in the spool; the directory made; a link, never over an
 * existing name; the directories synced; told; then the name in the spool removed. So at any moment a record is in the
 * spool or in the lake, and one that is in both is the same file or has the same raw lines, which the next start finds
 * out.
 *
 * Objects are published in groups: each step is done for all before the next, so that they share the waits for the disk
 * (of 272 objects one after the other, nearly all of the time went there).
 *
 * Where the lake is a store (S3), a finished segment is synced, gets the name NAME.ready, its directory is synced, and
 * it is handed over; once it is stored and told, it leaves the spool. The tree then mirrors the keys below the root.
 *
 *     DIR/HASH/RUN/tree/DIR/NAME.ready             whole and durable: will be stored as it is
 *
 * Memory: spool_close() frees. One thread.
 */
#ifndef TLM_SPOOL_H
#define TLM_SPOOL_H

#include <stdbool.h>

#include "buf/buf.h"
#include "err/err.h"
#include "segment/segment.h"
#include "store/store.h"

#define SPOOL_DIR ".tlm-spool"

enum {
	SPOOL_RUN_ID_MAX_BYTES = 64,
	SPOOL_GROUP_MAX = 128 /* objects that are published together; each holds a descriptor */
};

struct spool;

struct spool_opts {
	const char *root;     /* the lake's root, absolute, without a '/' at its end; made when it is missing */
	const char *dir;      /* where the spool lies, made when missing; NULL: ROOT/.tlm-spool */
	const char *identity; /* destination and template: what a later start must share to salvage this run */
	const char *run_id;   /* --run-id, NULL: a new one of time and chance */
	size_t group_max;     /* objects of a group; 0: SPOOL_GROUP_MAX, which it cannot pass */
	struct store *store;  /* where objects go; NULL: the directory root. With a store dir must be given, and root is
				 what the names of objects begin with: "" or "/a/b".
				 spool_close() closes it, as does spool_open() when it fails */
	uint64_t max_waiting_bytes; /* with a store: publishing waits while so much has not been stored */
	bool is_remade;             /* what it holds can be had again from elsewhere: see packs below */
};

/*
 * Makes the run's folder and takes its lock. With a run_id what an earlier run of that name left is discarded.
 * NULL with err: ERR_USAGE for a dir on another file system, or a bad name ("a/b", ".x", one that looks like a random
 * one, above 64 bytes); ERR_IO when the name is in use by a living process, or a folder cannot be made.
 */
struct spool *spool_open(const struct spool_opts *opts, struct err *err);

/* Lets go of the lock; removes the run's folders if nothing is left in them. Does nothing for NULL. */
void spool_close(struct spool *spool);

const char *spool_run_id(const struct spool *spool);

/* Whether it has a --run-id, and so will be repeated. */
bool spool_is_named(const struct spool *spool);

/* The store is the caller's again. Nothing may be on its way. */
void spool_leave_store(struct spool *spool);

/* Whether a --run-id is one: 0, or -1 with ERR_USAGE. */
int spool_check_run_id(const char *run_id, struct err *err);

/* Begins a segment for the object DIR/NAME (name with its suffix). */
int spool_begin(struct spool *spool, struct segment *s, struct slice dir, const char *name, struct err *err);

/* Flushes the segments, and on disk they are, with all names that lead to them. */
int spool_sync(struct spool *spool, struct segment **list, size_t n, struct err *err);

/*
 * The same in two steps, so that the caller need not wait for the disk: between them segments may be added to and
 * ended, but not released. A second begin waits for the first, as does publishing, and then fails if that has. 0 or -1;
 * the end of one that was not begun is 0.
 */
int spool_sync_begin(struct spool *spool, struct segment **list, size_t n, struct err *err);
int spool_sync_wait(struct spool *spool, struct err *err);

/* An object that got its name. */
struct spool_object {
	const char *path; /* its absolute path; with a store its name with a '/' before it */
	const struct segment_sum *sum;
	bool is_old; /* it was there already, with the same raw lines */
	void *tag;   /* of its pack, or NULL */
};

/* What the caller does meanwhile. */
struct spool_hooks {
	/* Tells of an object (a manifest line, flushed). 0; 1: it is none that counts; -1. */
	int (*tell)(void *ctx, const struct spool_object *object, struct err *err);
	/* Makes last what was told; the objects then leave the spool. May be NULL. 0 or -1. */
	int (*keep)(void *ctx, struct err *err);
	/* Now and then while a store is waited for: true when nothing may be waited for any more. May be NULL. */
	bool (*idle)(void *ctx);
	/* An object of a pack was not stored: true when that is of no account any more. May be NULL. */
	bool (*forgive)(void *ctx, void *tag);
	void *ctx;
};

/* Ends a segment and adds it to the group that the next spool_publish() publishes; the segment is free for the next. */
int spool_add(struct spool *spool, struct segment *s, struct err *err);

/* The same from a hook, while a group is published: it joins the next. */
int spool_add_later(struct spool *spool, struct segment *s, struct err *err);

/* Whether the group has its upper size, or with a store the spool. */
bool spool_is_full(const struct spool *spool);

/*
 * The objects of the group get their names in the lake, are told in the order in which they were added, and leave the
 * spool; the group is then empty. 0, or -1: ERR_REFUSED when an object of that name has other lines. What stands before
 * the one that failed is published all the same; what does not get so far stays in the spool.
 */
int spool_publish(struct spool *spool, const struct spool_hooks *hooks, struct err *err);

/*
 * With a store spool_publish() only hands over: outcomes that are there are taken by each call, all others waited for
 * by spool_settle(). 0, or -1 with the first error of the store; what was not stored stays in the spool.
 */
int spool_settle(struct spool *spool, const struct spool_hooks *hooks, struct err *err);

/* Whether something was handed over and not yet taken. */
bool spool_is_waiting(const struct spool *spool);

/*
 * Packs: objects that wait for a word of the caller, who can have their records again from elsewhere. So nothing of
 * them need last in the spool: it is not synced for a store, never salvaged, and what dead runs left is removed when a
 * spool that is_remade is opened. The tag comes back with each object.
 */
struct spool_pack;
struct spool_pack *spool_pack_open(struct spool *spool, void *tag);

/* Ends a segment as the object DIR/NAME, DIR as it was begun. 0 or -1. */
int spool_pack_add(struct spool_pack *pack, struct segment *s, const char *name, struct err *err);

/* Publishes all of it; the pack is closed. Outcomes are taken as after spool_publish(). 0 or -1. */
int spool_pack_publish(struct spool_pack *pack, const struct spool_hooks *hooks, struct err *err);

/* Removes what it holds. Does nothing for NULL. */
void spool_pack_close(struct spool_pack *pack);

/* Takes the outcomes that are there within wait_us. 0, or -1 with the first error. */
int spool_take(struct spool *spool, int64_t wait_us, const struct spool_hooks *hooks, struct err *err);

/* Bytes in packs, and handed over and not yet stored. */
uint64_t spool_waiting_bytes(const struct spool *spool);

/* Removes what is left of the own run (a repeatable one that did not end well). */
int spool_discard(struct spool *spool, struct err *err);

/* How many dead runs of this place a salvage would find; changes nothing, and makes nothing. */
uint64_t spool_count_dead(const struct spool_opts *opts);

/* What a salvage did. */
struct spool_salvage {
	uint64_t runs, objects, records;
	const char
		*unfinished; /* a repeatable run (--run-id) that was not finished, or NULL; borrowed from the spool */
};

/* Sees each whole line of a leftover before it is told, to find its times (sum->has_time, min_us, max_us). ctx is that
 * of the hooks. */
typedef int spool_lines_fn(void *ctx, const char *p, size_t len, struct segment_sum *sum, struct err *err);

/*
 * Publishes what dead runs of the same identity left, up to the last whole line of each segment. Runs that live and
 * repeatable runs are left alone. `set` encodes leftovers of its own kind; others get one of theirs. 0, or -1.
 */
int spool_salvage(struct spool *spool, spool_lines_fn *lines, const struct spool_hooks *hooks,
	struct spool_salvage *result, struct err *err);

#endif
