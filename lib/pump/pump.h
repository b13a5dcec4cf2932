/*
 * pump: the only loop of the toolkit: source -> stage -> sink.
 *
 * It reads, flushes the sink before it waits, hands too-long lines to the rejects, tells the stage when an input ends,
 * prints and remembers inputs that fail and goes on with the next, ends the run when the output fails, stops at a
 * signal (what the source holds and the stage ends with still goes out, within the grace period), keeps the meter, and
 * asks the ledger at the end. Where the source wants to know what is safe, it delivers: see below. One thread.
 */
#ifndef TLM_PUMP_H
#define TLM_PUMP_H

#include "err/err.h"
#include "ledger/ledger.h"
#include "meter/meter.h"
#include "reject/reject.h"
#include "sink/sink.h"
#include "source/source.h"
#include "stage/stage.h"

struct pump {
	const char *tool;      /* for messages */
	struct ledger *ledger; /* borrowed, as are the next two */
	struct reject *reject;
	struct meter *meter;
	int status;      /* worst status of what was survived: a failed input is STATUS_LOCAL */
	bool has_run;    /* pump_run() was called */
	bool is_whole;   /* an input that fails ends the run: else what follows it is read */
	bool is_counted; /* the source counts bytes_in itself (replay); else the pump does, by the batches */
	/*
	 * How a batch is delivered where the source remembers elsewhere what was read (commit() in source.h). NULL: the
	 * sink and the rejects are synced, then the source commits: at least once. Another way (one transaction of
	 * output and offsets) does both itself. Called when source deadline() has come, before the source gives up what
	 * it reads, and at the end (is_final).
	 */
	int (*deliver)(void *ctx, struct source *source, struct sink *sink, bool is_final, struct err *err);
	void *deliver_ctx;
};

/*
 * Runs until the end. stage NULL: batches go to the sink as they are (their records are counted by the source or the
 * sink then). Returns 0, or -1 with the error that ended the run (ERR_PIPE when stdout's reader went away). The sink is
 * finished here: good at status 0, 1, 4, 5; not at a signal or an error. source, stage and sink stay open for the
 * caller.
 */
int pump_run(struct pump *p, struct source *source, struct stage *stage, struct sink *sink, struct err *err);

#endif
