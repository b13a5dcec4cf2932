/*
 * reject: where bad records go. One line per record to the place of --rejects with the whole raw record, or a
 * short form on stderr: the first of a kind in full, then counted, the totals at the end; control characters
 * escaped. One thread.
 */
#ifndef TLM_REJECT_H
#define TLM_REJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "batch/batch.h"
#include "buf/buf.h"
#include "err/err.h"
#include "ledger/ledger.h"
#include "meter/meter.h"
#include "sink/sink.h"

enum { REJECT_FIRST_RECORDS = 1000 }; /* all of the first ones rejected: it is the wrong input, the run stops */

struct reject_opts {
	const char *place;   /* --rejects, NULL for none */
	bool is_set_later;   /* the place is no file: reject_set_sink() brings it */
	bool is_appended;    /* a file is appended to: the run has no end */
	bool is_dry_run;     /* the place is not opened: rejects are judged and counted as if it were */
	bool is_strict;      /* --strict: stop at the first */
	uint64_t max;        /* --max-rejects, 0 for no limit */
	bool is_quiet;       /* -q: no short form on stderr */
	bool is_verbose;     /* -v: every one on stderr, not only the first of a kind */
	struct meter *meter; /* erased before a message; NULL for none */
};

struct reject;

/* ledger is borrowed: reject_add() counts in it. NULL with err when the place cannot be opened. */
struct reject *reject_open(const struct reject_opts *opts, struct ledger *ledger, struct err *err);

/* The place, opened; taken over. Before the first record. */
void reject_set_sink(struct reject *r, struct sink *k);

/*
 * One record. b gives the name of the input; line is its number from 1; byte (from 1, 0 unknown) the position in the
 * line. raw is the record as it came (no line end); raw_bytes its full length if it was cut, else raw.len.
 * Counts rejected and the reason. The caller counts read, before the call. Returns 0, or -1 with err when the run must
 * stop: --strict, --max-rejects have been rejected, the first 1,000 all rejected (ERR_DATA), or the place failed
 * (ERR_IO).
 */
int reject_add(struct reject *r, enum reject_reason reason, const struct batch *b, uint64_t line, uint64_t byte,
	struct slice raw, uint64_t raw_bytes, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 9, 10)));

/* Whether the last one was one too many: the run stops, and what follows in the input is not read. */
bool reject_has_stopped(const struct reject *r);

/* A good record was seen that the books do not show yet (it is held back): so it is not the wrong input. */
void reject_note_good(struct reject *r);

/* The line of the last record that was rejected. */
uint64_t reject_last_line(const struct reject *r);

/* Appends `,"source":"...","line":N`, or for a message `,"source":"kafka:TOPIC","partition":N,"offset":N`. */
void reject_add_place(struct buf *out, const struct batch *b, uint64_t line);

/* Appends `,"raw":"..."` or, where the bytes are not UTF-8, `,"raw_b64":"..."` (late rows use it too). */
void reject_add_raw(struct buf *out, struct slice raw);

/* Appends a text of the system (a file's name) as a JSON string; a byte that is not UTF-8 becomes U+FFFD. */
void reject_add_text(struct buf *out, const char *text);

/* Rows so far leave the process: before a wait, with the main sink. Returns 0, or -1 with ERR_IO. */
int reject_flush(struct reject *r, struct err *err);

/* What reject_flush() handed on is safe (sink sync()). Returns 0, or -1 with ERR_IO. */
int reject_sync(struct reject *r, struct err *err);

/* From now on the first rejected record ends the run, as with --strict, unless there is a place for rejects: a source
 * that is told what was done (a group of Kafka) must not go past it. */
void reject_stop_at_first(struct reject *r);

/* Totals on stderr where there was no place; flushes and finishes the place, which stands whatever became of the run,
 * but not if it failed (has_failed) before it read anything: an older file of rejects stays then.
 * STATUS_OK or STATUS_REJECTED; -1 with ERR_IO when the place failed. */
int reject_finish(struct reject *r, bool has_failed, struct err *err);
void reject_close(struct reject *r);

#endif
