/*
 * source: where batches come from: an interface, and its kinds for files and pipes.
 *
 * A source gives the next batch, or says "nothing yet" (the pump then flushes the sink before it waits), "end",
 * or an error with the place. It never blocks inside source_next() on a pipe that has nothing: it answers
 * SOURCE_WAIT, so live lines leave at once. One thread.
 */
#ifndef TLM_SOURCE_H
#define TLM_SOURCE_H

#include "batch/batch.h"
#include "err/err.h"

enum source_result { SOURCE_ERROR = -1, SOURCE_END = 0, SOURCE_BATCH = 1, SOURCE_WAIT = 2 };

struct source;

struct source_ops {
	/*
	 * Fills *b. SOURCE_ERROR fills *err with the place; the source is then past the failed input, and the next
	 * call goes on with the following one (the pump prints, remembers the status and calls again).
	 */
	enum source_result (*next)(struct source *s, struct batch *b, struct err *err);
	/*
	 * Waits until next() may have something, until_us of the monotonic clock has come (-1: no limit), or a
	 * signal (stop_fd()). Called only after SOURCE_WAIT. Optional for sources that never say it.
	 */
	void (*wait)(struct source *s, int64_t until_us);
	/*
	 * For a source that holds records back, after a signal: what it has read and may leave, without reading on. As
	 * next(), until it says SOURCE_END or SOURCE_ERROR. Optional.
	 */
	enum source_result (*drain)(struct source *s, struct batch *b, struct err *err);
	/*
	 * Of a source that remembers elsewhere what was read (a group of Kafka); all optional. deadline(): when
	 * commit() is due (monotonic µs), -1 for never. commit(): everything given so far is safe where it went, and is
	 * not to be given again; is_final: wait for the answer. refuse(): the batch just given was not taken from this
	 * line on. on_revoke(): what must be called (it makes everything safe, without commit()) before the source
	 * gives up what it reads. keep_alive(): called every second or so while the output is blocked.
	 */
	int64_t (*deadline)(const struct source *s);
	int (*commit)(struct source *s, bool is_final, struct err *err);
	void (*refuse)(struct source *s, const struct batch *b, uint64_t line);
	void (*on_revoke)(struct source *s, int (*deliver)(void *ctx, struct err *err), void *ctx);
	void (*keep_alive)(struct source *s);
	/* Optional: how many records wait that were not given, -1 for unknown. */
	int64_t (*lag)(const struct source *s);
	/* Number of inputs there will be in all (agg's watermark needs it); 0 when unknown. */
	uint32_t (*inputs)(const struct source *s);
	/* Total bytes of all inputs as stored, 0 when unknown (a pipe), and how many were read: for the meter's ETA. */
	void (*progress)(const struct source *s, uint64_t *read_bytes, uint64_t *total_bytes);
	void (*close)(struct source *s);
};

/* First member of every kind of source. */
struct source {
	const struct source_ops *ops;
};

static inline enum source_result source_next(struct source *s, struct batch *b, struct err *err)
{
	return s->ops->next(s, b, err);
}

/* Does nothing for NULL. */
void source_close(struct source *s);

/*
 * Files and pipes, one after the other: "-" is stdin, anything else a path. Opened when their turn comes. Compressed
 * input (gz zst xz lz4 bz2 by magic bytes, see compress.h) may consist of several members; of a broken one the whole
 * lines before the fault are given, the partial line is not. Plain input has its own fast path. A BOM at the start of
 * an input is cut here; a CR before an LF stays (the scanner leaves it out of the record). A last line without '\n'
 * gets one. Each input ends with a BATCH_INPUT_END, one that failed too (first the error, then it). Errors, all ERR_IO:
 * "cannot open: ...", "is a directory", "is UTF-16, convert it first", "broken zstd data: it ends too soon", "broken
 * zstd data: the file is empty" (where its suffix says zst). names are borrowed; line_max_bytes up to
 * BATCH_LINE_MAX_BYTES.
 */
struct source *source_files(const char *const *names, size_t n_names, size_t line_max_bytes);

/* Whole lines that are there already, as one input of that name. Both are borrowed. */
struct source *source_text(const char *name, const char *text);

#endif
