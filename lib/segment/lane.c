/*
 * A lane is a thread and a ring of pieces, done in the order in which they were given: a segment is done when its last
 * piece is, so one number tells it. The buffers of caller and ring are exchanged, not copied. The one who gives waits
 * for half a ring to be done when it is full, so that the two do not wake each other for every piece.
 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "mem/mem.h"
#include "segment/segment_impl.h"

enum { N_PIECES = SEGMENT_LANE_BYTES / SEGMENT_BUFFER_BYTES };

struct piece {
	struct segment *segment;
	struct buf raw;
};

enum lane_state { LANE_NEW, LANE_RUNS, LANE_IS_NONE };

struct segment_lane {
	enum lane_state state; /* the caller's */
	pthread_t thread;
	char *out; /* CODEC_OUT_BYTES, the thread's */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t is_work, is_done;
	struct piece pieces[N_PIECES];    /* by number modulo their count */
	uint64_t n_given, n_done, wanted; /* the caller waits for n_done to be so large; 0: it does not */
	bool is_idle, is_closing, has_failed;
};

struct segment_lanes {
	unsigned n, next;
	struct segment_lane *lanes;
};

/* ---- the thread ---- */

/* What follows a piece that failed is dropped. */
static bool encode(struct segment_lane *lane, const struct piece *piece)
{
	struct segment *s = piece->segment;

	return s->late.code == ERR_NONE &&
	       segment_encode(s, lane->out, piece->raw.p, piece->raw.len, CODEC_ADD, &s->late) == 0;
}

static void *work(void *context)
{
	struct segment_lane *lane = context;
	bool is_good;

	pthread_mutex_lock(&lane->lock);
	for (;;) {
		if (lane->n_done < lane->n_given) {
			pthread_mutex_unlock(&lane->lock);
			is_good = encode(lane, &lane->pieces[lane->n_done % N_PIECES]);
			pthread_mutex_lock(&lane->lock);
			lane->has_failed |= !is_good;
			lane->n_done++;
			if (lane->wanted && lane->n_done >= lane->wanted)
				pthread_cond_signal(&lane->is_done);
		} else if (lane->is_closing) {
			break;
		} else {
			lane->is_idle = true;
			pthread_cond_wait(&lane->is_work, &lane->lock);
			lane->is_idle = false;
		}
	}
	pthread_mutex_unlock(&lane->lock);
	return NULL;
}

static void start(struct segment_lane *lane)
{
	sigset_t all, before;

	lane->out = mem_alloc(1, CODEC_OUT_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	lane->state = pthread_create(&lane->thread, NULL, work, lane) ? LANE_IS_NONE : LANE_RUNS;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- the caller ---- */

struct segment_lanes *segment_lanes_open(unsigned n)
{
	struct segment_lanes *lanes = mem_alloc(1, sizeof *lanes);

	assert(n <= SEGMENT_LANES_MAX);
	lanes->n = n;
	lanes->lanes = mem_alloc(n, sizeof *lanes->lanes);
	for (unsigned i = 0; i < n; i++) {
		pthread_mutex_init(&lanes->lanes[i].lock, NULL);
		pthread_cond_init(&lanes->lanes[i].is_work, NULL);
		pthread_cond_init(&lanes->lanes[i].is_done, NULL);
	}
	return lanes;
}

static void close_lane(struct segment_lane *lane)
{
	if (lane->state == LANE_RUNS) {
		pthread_mutex_lock(&lane->lock);
		lane->is_closing = true;
		pthread_cond_signal(&lane->is_work);
		pthread_mutex_unlock(&lane->lock);
		pthread_join(lane->thread, NULL);
	}
	pthread_cond_destroy(&lane->is_done);
	pthread_cond_destroy(&lane->is_work);
	pthread_mutex_destroy(&lane->lock);
	for (size_t i = 0; i < N_PIECES; i++)
		buf_release(&lane->pieces[i].raw);
	free(lane->out);
}

void segment_lanes_close(struct segment_lanes *lanes)
{
	if (!lanes)
		return;
	for (unsigned i = 0; i < lanes->n; i++)
		close_lane(&lanes->lanes[i]);
	free(lanes->lanes);
	free(lanes);
}

struct segment_lane *segment_lanes_next(struct segment_lanes *lanes)
{
	return lanes->n ? &lanes->lanes[lanes->next++ % lanes->n] : NULL;
}

/* The lock is held. */
static void wait_for(struct segment_lane *lane, uint64_t n_done)
{
	lane->wanted = n_done;
	while (lane->n_done < n_done)
		pthread_cond_wait(&lane->is_done, &lane->lock);
	lane->wanted = 0;
}

static void put(struct segment_lane *lane, struct segment *s)
{
	struct piece *piece = &lane->pieces[lane->n_given % N_PIECES];
	struct buf empty = piece->raw;

	*piece = (struct piece){s, s->raw};
	s->raw = empty;
	buf_reset(&s->raw);
	buf_reserve(&s->raw, SEGMENT_BUFFER_BYTES);
	s->lane_end = ++lane->n_given;
	if (lane->is_idle)
		pthread_cond_signal(&lane->is_work);
}

bool segment_lane_give(struct segment_lane *lane, struct segment *s, int *got, struct err *err)
{
	bool has_failed;

	if (lane->state == LANE_NEW)
		start(lane);
	if (lane->state == LANE_IS_NONE)
		return false;
	pthread_mutex_lock(&lane->lock);
	if (lane->n_given - lane->n_done == N_PIECES)
		wait_for(lane, lane->n_given - N_PIECES / 2);
	put(lane, s);
	has_failed = lane->has_failed;
	pthread_mutex_unlock(&lane->lock);
	*got = has_failed ? segment_lane_settle(lane, s, err) : 0;
	return true;
}

int segment_lane_settle(struct segment_lane *lane, struct segment *s, struct err *err)
{
	if (s->lane_end) {
		pthread_mutex_lock(&lane->lock);
		wait_for(lane, s->lane_end);
		pthread_mutex_unlock(&lane->lock);
		s->lane_end = 0;
	}
	if (s->late.code == ERR_NONE)
		return 0;
	*err = s->late;
	return -1;
}
