/* spool_impl: what the files of this module share. Private. */
#ifndef TLM_SPOOL_IMPL_H
#define TLM_SPOOL_IMPL_H

#include "spool/spool.h"

#define PART_SUFFIX ".part"
#define SALVAGE_SUFFIX ".salvage"

enum { KNOWN_DIRS = 1024, RUN_HASH_BYTES = 16 };

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
};

/* Takes the lock of the run folder `run`, made when missing and is_new. The descriptor; -2: a living process has it;
 * -3: there is no such run; -1 with err. */
int spool_lock(const char *run, bool is_new, struct err *err);

/* Removes parts, their folders and the folder `tree` itself. */
int spool_remove_tree(const char *tree, struct err *err);

/* Whether it has the form of the run ids that spool_open() makes. */
bool spool_is_random_id(const char *run_id);

/* The file `from` gets the name `to`, synced up to the root; then it is told. sum is replaced by that of an old object
 * with the same raw lines. */
int spool_place(struct spool *spool, const char *from, const char *to, enum codec_kind kind, struct segment_sum *sum,
	spool_told_fn *told, void *ctx, struct err *err);

/* Length of the directory part of a path, without its last '/'. */
size_t spool_dir_len(const char *path);

#endif
