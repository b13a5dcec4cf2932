/*
 * The shared memory between the parent and one worker; private to lib/jqworker.
 *
 * Records go through an area of two halves: the parent fills one, and goes on in the other once all that stands there
 * is answered. Answers come back through a ring. Both sides only look at counters that grow; a byte on the doorbell (a
 * socket pair) says "look again", so a byte too many does no harm and what a dead worker has answered is not lost.
 */
#ifndef TLM_JQWORKER_CHANNEL_H
#define TLM_JQWORKER_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RING_BYTES = 4 << 20,   /* a power of two */
	HALF_BYTES = 128 << 20, /* pages that were never used take no memory */
	DOOR_BYTES = 64 << 10   /* the worker rings after so many bytes of answers */
};

struct channel {
	_Atomic uint64_t sent;          /* records in the area, ever */
	_Atomic uint64_t begun;         /* records that a worker took up, ever */
	_Atomic uint64_t done;          /* records answered, ever */
	_Atomic uint64_t head;          /* bytes written to the ring, ever */
	_Atomic uint64_t tail;          /* bytes taken from it, ever */
	_Atomic bool is_worker_waiting; /* for room in the ring */
	uint64_t first_record;          /* where a new worker begins */
	size_t first_at;
	char ring[RING_BYTES];
	_Atomic uint64_t turn; /* the record that begins at the front of the other half */
	char area[2 * HALF_BYTES];
};

/* In the ring: this, then out, message and notes, then up to 7 bytes that align the next. */
struct answer_head {
	uint32_t out_bytes, message_bytes, notes_bytes;
	uint32_t outputs;
	int32_t status;
	uint8_t fate, last, is_same, pad;
};

struct channel *channel_open(void); /* NULL with errno */
void channel_close(struct channel *c);

/* ---- the area; both sides ---- */

/* Adds the record with this number at *at, which moves behind it; a newline follows the record. The oldest one that is
 * still needed stands at `first`. False when there is no room. */
bool channel_put(struct channel *c, uint64_t number, size_t *at, size_t first, const char *p, size_t len);

/* The record with this number: it stands at *at, or where a half begins; *at moves behind it. */
const char *channel_record(const struct channel *c, uint64_t number, size_t *at, size_t *len);

/* The record is answered: if it was a large one, its memory goes back to the system. */
void channel_drop(const char *record, size_t len);

/* ---- the ring ---- */

static inline size_t answer_bytes(const struct answer_head *h)
{
	return (sizeof *h + h->out_bytes + h->message_bytes + h->notes_bytes + 7) & ~(size_t)7;
}

/* Copies len bytes of the ring from position at. */
void channel_copy(const struct channel *c, uint64_t at, void *to, size_t len);

/* Worker: appends at *head (published by the caller), waiting for room; rings door then. */
void channel_write(struct channel *c, int door, uint64_t *head, const void *p, size_t len);

/* Parent: bytes up to tail were taken. */
void channel_take(struct channel *c, int door, uint64_t tail);

/* ---- the doorbell ---- */

void door_ring(int door);

/* Empties it; when must_wait, after waiting for a ring. False when the other side has gone. */
bool door_answer(int door, bool must_wait);

#endif
