/*
 * stage: what a tool does with a batch. A tool is a stage. One thread unless its kind says otherwise.
 */
#ifndef TLM_STAGE_H
#define TLM_STAGE_H

#include <stdbool.h>

#include "batch/batch.h"
#include "buf/buf.h"
#include "err/err.h"

struct stage;

struct stage_ops {
	/* Takes one batch of whole lines (BATCH_LINES) and appends output lines to out. It counts every record it reads
	 * in the ledger (read and its fate) and hands bad ones to reject_add(). Returns 0; 1 when it wants no more
	 * input (halt, a limit): the run ends as at the end of the inputs; or -1 with err: the run ends, after a
	 * data error (ERR_DATA: --strict) as at a signal: what went out before stands. It may keep the bytes of the
	 * batch: batch_take(). */
	int (*batch)(struct stage *g, struct batch *in, struct buf *out, struct err *err);
	/* Optional, for a stage that holds batches back to work on several at once: their results go out now, for the
	 * input pauses, or a record that the stage does not see comes next. Returns as batch. */
	int (*settle)(struct stage *g, struct buf *out, struct err *err);
	/* Optional: where batch() said 1, the first line behind those that it took; their source may be asked for it.
	 */
	uint64_t (*rest)(const struct stage *g);
	/* Optional: an input has ended (or failed). */
	int (*input_end)(struct stage *g, uint32_t input, struct buf *out, struct err *err);
	/* Optional: all inputs have ended, or (is_stopped) a signal asked to stop: what is still held goes out. */
	int (*end)(struct stage *g, bool is_stopped, struct buf *out, struct err *err);
	void (*close)(struct stage *g);
	/* Optional: everything an input holds was given, more may come. */
	int (*caught_up)(struct stage *g, uint32_t input, struct buf *out, struct err *err);
	/* Optional: the next moment of the monotonic clock (µs) at which tick() wants to run, -1 for none. */
	int64_t (*deadline)(const struct stage *g);
	int (*tick)(struct stage *g, int64_t now_us, struct buf *out, struct err *err);
};

/* First member of every kind of stage. */
struct stage {
	const struct stage_ops *ops;
};

void stage_close(struct stage *g); /* does nothing for NULL */

#endif
