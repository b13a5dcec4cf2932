/* spool_impl: what the files of this module share. Private. */
#ifndef TLM_SPOOL_IMPL_H
#define TLM_SPOOL_IMPL_H

#include "durable/durable.h"
#include "jobs/jobs.h"
#include "spool/spool.h"

#define PART_SUFFIX ".part"
#define SALVAGE_SUFFIX ".salvage"
#define READY_SUFFIX ".ready"

enum { KNOWN_DIRS = 1024, RUN_HASH_BYTES = 16 };

/* An object on its way from the spool into the lake. */
struct spool_item {
	char *from, *to;
	char *leftover;  /* removed before `from`; NULL: none */
	size_t keep_len; /* what stays of the path of `from` when its folders are empty */
	int fd;          /* of `from`, to be synced; -1: it was */
	enum codec_kind kind;
	struct segment_sum sum;
	bool is_old;
	bool is_ready;    /* for a store: it has its name READY_SUFFIX */
	bool is_name_new; /* names that lead to `from` may not be on disk */
	void *tag;        /* of a pack */
};

/* An object that was handed to a store. */
struct spool_job {
	struct store_object object; /* first */
	struct spool_item item;
	struct spool_job *next;
};

/* A sync of open segments, and what came of it. */
struct spool_syncing {
	struct durable_job *jobs; /* NULL: none is on its way */
	char **paths;             /* of jobs */
	size_t n;
	struct durable_dirs dirs;
	int got; /* 0, or -1 with err */
	struct err err;
};

#define SPOOL_SYNCING_INIT                                                                                             \
	{                                                                                                              \
		NULL, NULL, 0, DURABLE_DIRS_INIT, 0, ERR_INIT                                                          \
	}

struct spool {
	char *root;
	char *dir;       /* of the spool: ROOT/.tlm-spool, or as given */
	size_t keep_len; /* of the path of dir, or of the root if dir is inside it: what stays at the end */
	struct buf base; /* dir/HASH */
	struct buf run;  /* base/RUN */
	struct buf tree; /* run/tree */
	char *run_id;
	bool is_named;
	int lock_fd;
	char *unfinished;
	uint64_t known[KNOWN_DIRS]; /* hashes of directories of the lake that this process synced with all above them */
	struct durable_dirs dirs;   /* of the step that is being done */
	struct spool_item group[SPOOL_GROUP_MAX];
	size_t n_group, group_max;
	struct spool_item *later; /* join the next group */
	size_t n_later;
	struct store *store;
	uint64_t max_waiting_bytes, waiting_bytes, group_bytes, pack_bytes;
	struct spool_job *first, *last; /* handed over and not taken */
	struct jobs *syncer;            /* one thread; NULL: not needed yet */
	struct spool_syncing syncing;
};

/* Takes the lock of the run folder `run`, made when missing and is_new. The descriptor; -2: a living process has it;
 * -3: there is no such run; -1 with err. */
int spool_lock(const char *run, bool is_new, struct err *err);

/* The path of the runs of a place: dir/HASH. */
void spool_add_base(struct buf *out, const char *dir, const char *identity);

/* Removes parts, their folders and the folder `tree` itself. */
int spool_remove_tree(const char *tree, struct err *err);

/* Whether it has the form of the run ids that spool_open() makes. */
bool spool_is_random_id(const char *run_id);

/* Adds an object to the group, which must not be full, and takes its strings and fd. */
void spool_add_item(struct spool *spool, const struct spool_item *item);

/* The bytes of the first n of the group, and the directories gathered in spool->dirs; how many came through. */
size_t spool_sync_bytes(struct spool *spool, size_t n, struct err *err);
size_t spool_sync_names(struct spool *spool, size_t n, struct err *err);

/* Gathers the directory of a path in the spool and those above it. */
void spool_add_chain(const struct spool *spool, struct durable_dirs *dirs, const char *path, size_t len);

/* Removes an item's file, and its leftover, and what folders that empties. */
int spool_leave(struct spool *spool, struct spool_item *item, struct err *err);
void spool_release_item(struct spool_item *item);

/* Hands one to the store; takes its strings. */
void spool_begin_job(struct spool *spool, struct spool_item *item);

/* Removes what runs that are dead left. */
int spool_remove_dead(struct spool *spool, struct err *err);

/* Ends a segment as an object of that name in its directory (NULL: its own); the strings are the caller's. */
int spool_end_item(struct spool *spool, struct segment *s, const char *name, struct spool_item *item, struct err *err);

/* Forgets what was handed over; the store must have been closed. */
void spool_drop_jobs(struct spool *spool);

/* spool_publish() for a store. */
int spool_hand_over(struct spool *spool, const struct spool_hooks *hooks, struct err *err);

/* Forgets the group and closes its files. */
void spool_drop_group(struct spool *spool);

/* Length of the directory part of the first len bytes of a path, without its last '/'. */
size_t spool_dir_len(const char *path, size_t len);

#endif
