#include "jqworker/jqworker.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jqworker/channel.h"
#include "jqworker/program.h"
#include "jqworker/spawner.h"
#include "mem/mem.h"

enum {
	PIECE_BYTES = 32 << 10, /* records go to the workers in such pieces, in turn */
	TICK_MS = 50,           /* how often the limits are looked at while nothing comes */
	COMPILE_MS = 10000,
	IDLE_DEATHS_MAX = 20,
	WALL_FACTOR = 10 /* time on the wall that a record may take, in times of its processor time */
};

struct slot {
	struct channel *channel;
	int door;
	pid_t pid; /* 0 until it is known */
	bool is_alive;
	int status; /* of waitpid() when it has died */
	uint64_t sent, answered;
	size_t put_at, answered_at;
	uint64_t tail;       /* of the ring: taken */
	uint64_t lent_bytes; /* of the ring behind tail: the last answer, borrowed by the caller */
	struct buf big;      /* an answer that is longer than the ring is, or goes around its end */
	bool is_big_lent;
	uint64_t seen_done;      /* for the limits: done when it was looked at last, ... */
	int64_t cpu_us, wall_us; /* ... and the times then */
	uint64_t late_record;    /* the one it is killed for; UINT64_MAX none */
};

/* So many records in a row went to one slot. */
struct piece {
	uint32_t slot, count;
};

struct jqworker {
	struct slot *slots;
	int n;
	int control;
	pid_t spawner;
	bool is_compiled; /* the spawner listens */
	bool calls_input;
	struct buf placed; /* the place of the next record, and then the record */
	long time_ms;
	size_t memory_bytes;
	int current;         /* slot of the open piece */
	uint32_t open_count; /* records in it */
	size_t open_bytes;
	struct buf pieces;   /* closed ones, in order */
	size_t front;        /* the first one with records that were not answered */
	uint32_t front_done; /* of it */
	bool is_halted;
	bool has_success;
	unsigned idle_deaths; /* in a row, of workers that ran nothing */
	unsigned killed;      /* records, as long as there is no success */
	struct buf message;   /* of a killed record */
};

static int64_t clock_us(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) != 0)
		return 0;
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- the spawner's socket ---- */

static int lose_spawner(struct err *err)
{
	return err_set(err, ERR_IO, "the parent of the workers of libjq has ended");
}

static int take_report(struct jqworker *w, const struct report *r, struct err *err)
{
	struct slot *s = &w->slots[r->slot];

	if (r->what == REPORT_BORN) {
		s->pid = r->pid;
	} else if (r->status == -1) {
		errno = r->pid;
		return err_sys(err, "cannot start a worker of libjq");
	} else {
		s->is_alive = false;
		s->status = r->status;
	}
	return 0;
}

/* ---- starting and ending ---- */

static void start(struct jqworker *w, uint32_t slot)
{
	struct slot *s = &w->slots[slot];
	struct channel *c = s->channel;

	atomic_store(&c->head, 0);
	atomic_store(&c->tail, 0);
	atomic_store(&c->is_worker_waiting, false);
	atomic_store(&c->begun, s->answered);
	atomic_store(&c->done, s->answered);
	c->first_record = s->answered;
	c->first_at = s->answered_at;
	s->tail = 0;
	s->lent_bytes = 0;
	buf_reset(&s->big);
	s->is_big_lent = false;
	s->pid = 0;
	s->is_alive = true;
	s->seen_done = s->answered;
	s->cpu_us = 0;
	s->wall_us = clock_us(CLOCK_MONOTONIC);
	s->late_record = UINT64_MAX;
	spawner_command(w->control, COMMAND_SPAWN, slot);
}

static int wait_compiled(struct jqworker *w, struct err *err)
{
	struct report r;
	int rc = spawner_hear(w->control, &r, COMPILE_MS);

	if (rc == 0)
		return err_set(err, ERR_PROGRAM, "the program could not be compiled within %ds", COMPILE_MS / 1000);
	if (rc < 0)
		return err_set(err, ERR_PROGRAM, "the program ended libjq while it was compiled");
	if (r.what == REPORT_FAILED)
		return err_set(err, ERR_PROGRAM, "%s", r.text);
	w->is_compiled = true;
	w->calls_input = r.status == 1;
	for (int i = 0; i < w->n; i++)
		start(w, (uint32_t)i);
	return 0;
}

static int fork_spawner(struct jqworker *w, const struct jqworker_opts *opts, bool is_asked, struct err *err)
{
	struct spawner s = {opts, -1, getpid(), NULL, NULL, w->n, is_asked};
	int ends[2], rc = -1;

	s.doors = mem_alloc((size_t)w->n, sizeof *s.doors);
	s.channels = mem_alloc((size_t)w->n, sizeof(struct channel *));
	memset(s.doors, -1, (size_t)w->n * sizeof *s.doors);
	for (int i = 0; i < w->n; i++) {
		s.channels[i] = w->slots[i].channel = channel_open();
		if (!s.channels[i] || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
			goto done;
		w->slots[i].door = ends[0];
		s.doors[i] = ends[1];
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		goto done;
	w->control = ends[0];
	s.control = ends[1];
	w->spawner = fork();
	if (w->spawner == 0)
		spawner_run(&s);
	rc = w->spawner < 0 ? -1 : 0;
done:
	if (rc != 0)
		err_sys(err, "cannot start libjq");
	if (s.control >= 0)
		close(s.control);
	for (int i = 0; i < w->n; i++)
		if (s.doors[i] >= 0)
			close(s.doors[i]);
	free(s.doors);
	free(s.channels);
	return rc;
}

/* Who only asks needs no worker. */
static struct jqworker *open_as(const struct jqworker_opts *opts, bool is_asked, struct err *err)
{
	struct jqworker *w = mem_alloc(1, sizeof *w);
	struct jqworker_opts all = *opts;

	all.workers = opts->workers > 0 ? opts->workers : 1;
	all.time_ms = opts->time_ms ? opts->time_ms : JQWORKER_TIME_MS;
	all.memory_bytes = opts->memory_bytes ? opts->memory_bytes : JQWORKER_MEMORY_BYTES;
	all.output_bytes = opts->output_bytes ? opts->output_bytes : JQWORKER_OUTPUT_BYTES;
	w->n = is_asked ? 0 : all.workers;
	w->time_ms = all.time_ms;
	w->memory_bytes = all.memory_bytes;
	w->has_success = opts->is_proven;
	w->control = -1;
	w->slots = mem_alloc((size_t)w->n, sizeof *w->slots);
	for (int i = 0; i < w->n; i++)
		w->slots[i].door = -1;
	if (fork_spawner(w, &all, is_asked, err) != 0 || wait_compiled(w, err) != 0) {
		jqworker_close(w);
		return NULL;
	}
	return w;
}

struct jqworker *jqworker_open(const struct jqworker_opts *opts, struct err *err)
{
	return open_as(opts, false, err);
}

int jqworker_ask_input(const struct jqworker_opts *opts, bool *calls_input, struct err *err)
{
	struct jqworker *w = open_as(opts, true, err);

	if (!w)
		return -1;
	*calls_input = w->calls_input;
	jqworker_close(w);
	return 0;
}

/* The spawner ends its workers and itself when nobody holds the other end of its socket: all are gone then. */
void jqworker_close(struct jqworker *w)
{
	if (!w)
		return;
	if (w->control >= 0)
		close(w->control);
	if (w->spawner > 0) {
		if (!w->is_compiled)
			kill(w->spawner, SIGKILL);
		while (waitpid(w->spawner, NULL, 0) < 0 && errno == EINTR)
			;
	}
	for (int i = 0; i < w->n; i++) {
		channel_close(w->slots[i].channel);
		if (w->slots[i].door >= 0)
			close(w->slots[i].door);
		buf_release(&w->slots[i].big);
	}
	buf_release(&w->placed);
	buf_release(&w->pieces);
	buf_release(&w->message);
	free(w->slots);
	free(w);
}

/* ---- giving records ---- */

static void close_piece(struct jqworker *w)
{
	struct slot *s = &w->slots[w->current];
	struct piece piece = {(uint32_t)w->current, w->open_count};

	if (w->open_count == 0)
		return;
	/* the time that an idle worker has waited is not the record's */
	if (atomic_load(&s->channel->done) == s->sent)
		s->wall_us = clock_us(CLOCK_MONOTONIC);
	s->sent += w->open_count;
	atomic_store_explicit(&s->channel->sent, s->sent, memory_order_release);
	door_ring(s->door);
	buf_add(&w->pieces, &piece, sizeof piece);
	w->current = (w->current + 1) % w->n;
	w->open_count = 0;
	w->open_bytes = 0;
}

void jqworker_place(struct jqworker *w, const char *input, uint64_t line)
{
	buf_reset(&w->placed);
	program_put_place(&w->placed, input, line);
}

int jqworker_add(struct jqworker *w, struct slice record, struct err *err)
{
	struct slot *s = &w->slots[w->current];

	if (w->is_halted)
		return 0;
	if (w->placed.len) {
		buf_add_slice(&w->placed, record);
		record = buf_slice(&w->placed);
	}
	if (!channel_put(s->channel, s->sent + w->open_count, &s->put_at, s->answered_at, record.p, record.len))
		return err_set(err, ERR_INTERNAL, "too much for the workers of libjq at once");
	w->open_count++;
	w->open_bytes += record.len;
	buf_reset(&w->placed);
	if (w->open_bytes >= PIECE_BYTES)
		close_piece(w);
	return 0;
}

/* ---- taking answers ---- */

static void fill(struct jqworker_answer *a, const struct answer_head *h, const char *p)
{
	a->fate = h->fate;
	a->last = h->last;
	a->is_same = h->is_same;
	a->outputs = h->outputs;
	a->status = h->status;
	a->out = (struct slice){p, h->out_bytes};
	a->message = (struct slice){p + h->out_bytes, h->message_bytes};
	a->notes = (struct slice){p + h->out_bytes + h->message_bytes, h->notes_bytes};
}

/* The answer at the front of the ring, if it is whole; what goes around the ring's end is put together in big. */
static bool take(struct slot *s, struct jqworker_answer *a)
{
	uint64_t there = atomic_load_explicit(&s->channel->head, memory_order_acquire) - s->tail;
	struct answer_head h;
	size_t at = s->tail & (RING_BYTES - 1), bytes;

	if (s->big.len == 0) {
		if (there < sizeof h)
			return false;
		channel_copy(s->channel, s->tail, &h, sizeof h);
		bytes = answer_bytes(&h);
		if (there >= bytes && at + bytes <= RING_BYTES) {
			s->lent_bytes = bytes;
			fill(a, &h, s->channel->ring + at + sizeof h);
			return true;
		}
		if (there < bytes && there < RING_BYTES / 2)
			return false;
	} else {
		memcpy(&h, s->big.p, sizeof h);
		bytes = answer_bytes(&h);
	}
	if (there > bytes - s->big.len)
		there = bytes - s->big.len;
	channel_copy(s->channel, s->tail, buf_reserve(&s->big, there), there);
	s->big.len += there;
	s->tail += there;
	channel_take(s->channel, s->door, s->tail);
	if (s->big.len < bytes)
		return false;
	s->is_big_lent = true;
	fill(a, &h, s->big.p + sizeof h);
	return true;
}

/* What was lent by the last answer is given back to the ring; a large buffer to the system. */
static void give_back(struct jqworker *w)
{
	for (int i = 0; i < w->n; i++) {
		struct slot *s = &w->slots[i];

		if (s->lent_bytes) {
			s->tail += s->lent_bytes;
			s->lent_bytes = 0;
			channel_take(s->channel, s->door, s->tail);
		}
		if (s->is_big_lent) {
			s->is_big_lent = false;
			buf_reset(&s->big);
			if (s->big.cap > RING_BYTES)
				buf_release(&s->big);
		}
	}
}

static void count_answer(struct jqworker *w, struct slot *s)
{
	struct piece *piece = (struct piece *)(void *)(w->pieces.p + w->front);
	const char *record;
	size_t len;

	record = channel_record(s->channel, s->answered, &s->answered_at, &len);
	channel_drop(record, len);
	s->answered++;
	if (++w->front_done == piece->count) {
		w->front += sizeof *piece;
		w->front_done = 0;
	}
	if (w->front == w->pieces.len) {
		buf_reset(&w->pieces);
		w->front = 0;
	}
}

static void say_reason(struct jqworker *w, const struct slot *s)
{
	struct buf *m = &w->message;

	buf_reset(m);
	if (s->late_record == s->answered) {
		buf_addf(m,
			w->time_ms % 1000 ? "the program took longer than %ldms" : "the program took longer than %lds",
			w->time_ms % 1000 ? w->time_ms : w->time_ms / 1000);
	} else if (WIFEXITED(s->status) && WEXITSTATUS(s->status) == WORKER_NO_MEMORY) {
		buf_add_str(m, "the program needed more than ");
		size_add(m, w->memory_bytes);
	} else if (WIFSIGNALED(s->status)) {
		buf_addf(m, "the program ended the worker: %s", strsignal(WTERMSIG(s->status)));
	} else {
		buf_addf(m, "the program ended the worker: status %d", WEXITSTATUS(s->status));
	}
}

/* 1, or -1 when no record has succeeded yet and too many were killed. */
static int count_fate(struct jqworker *w, const struct jqworker_answer *a, struct err *err)
{
	if (a->fate != JQWORKER_KILLED)
		w->has_success = true;
	else if (!w->has_success && ++w->killed >= JQWORKER_FAILURES_MAX)
		return err_set(err, ERR_PROGRAM, "the program never succeeds: %.*s", (int)a->message.len, a->message.p);
	return 1;
}

/*
 * The worker has died, and all that it had answered is taken: the record it was running is the killer, unless it was
 * killed for being late with one that it finished in the same moment. 1 with an answer, 0 to try again, -1.
 */
static int bury(struct jqworker *w, uint32_t slot, struct jqworker_answer *a, struct err *err)
{
	struct slot *s = &w->slots[slot];
	bool is_guilty = atomic_load(&s->channel->begun) > s->answered &&
			 (s->late_record == UINT64_MAX || s->late_record == s->answered);

	if (is_guilty) {
		say_reason(w, s);
		*a = (struct jqworker_answer){.fate = JQWORKER_KILLED, .message = buf_slice(&w->message)};
		count_answer(w, s);
		w->idle_deaths = 0;
	} else if (++w->idle_deaths > IDLE_DEATHS_MAX) {
		return err_set(err, ERR_IO, "the workers of libjq end before they begin");
	}
	start(w, slot);
	return is_guilty ? count_fate(w, a, err) : 0;
}

/* Kills the worker of a record that has taken too long. */
static void check_time(struct jqworker *w, uint32_t slot)
{
	struct slot *s = &w->slots[slot];
	uint64_t done = atomic_load_explicit(&s->channel->done, memory_order_acquire);
	int64_t wall_us = clock_us(CLOCK_MONOTONIC), limit_us = w->time_ms * 1000;
	bool is_idle = done == s->sent || atomic_load(&s->channel->is_worker_waiting);
	clockid_t clock;
	int64_t cpu_us;

	if (!s->is_alive || !s->pid || s->late_record != UINT64_MAX || clock_getcpuclockid(s->pid, &clock) != 0)
		return;
	cpu_us = clock_us(clock);
	if (done != s->seen_done || is_idle) {
		s->seen_done = done;
		s->cpu_us = cpu_us;
		s->wall_us = wall_us;
	} else if (cpu_us - s->cpu_us >= limit_us || wall_us - s->wall_us >= limit_us * WALL_FACTOR) {
		s->late_record = done;
		spawner_command(w->control, COMMAND_KILL, slot);
	}
}

/* Sleeps until this slot's worker rings, one of them dies, or it is time to look at the limits. */
static int wait_for(struct jqworker *w, const struct slot *s, struct err *err)
{
	struct pollfd p[2] = {{s->door, POLLIN, 0}, {w->control, POLLIN, 0}};
	int rc = poll(p, 2, TICK_MS);

	if (rc == 0)
		for (int i = 0; i < w->n; i++)
			check_time(w, (uint32_t)i);
	if (rc > 0 && p[0].revents)
		door_answer(s->door, false);
	if (rc > 0 && p[1].revents) {
		struct report r;

		if (spawner_hear(w->control, &r, 0) < 0)
			return lose_spawner(err);
		return take_report(w, &r, err);
	}
	return 0;
}

static void halt(struct jqworker *w)
{
	w->is_halted = true;
	buf_reset(&w->pieces);
	w->front = 0;
}

int jqworker_next(struct jqworker *w, struct jqworker_answer *a, struct err *err)
{
	close_piece(w);
	give_back(w);
	while (w->pieces.len) {
		uint32_t slot = ((struct piece *)(void *)(w->pieces.p + w->front))->slot;
		struct slot *s = &w->slots[slot];
		int rc;

		if (take(s, a)) {
			count_answer(w, s);
			if (a->fate == JQWORKER_HALTED)
				halt(w);
			return count_fate(w, a, err);
		}
		rc = s->is_alive ? wait_for(w, s, err) : bury(w, slot, a, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}
