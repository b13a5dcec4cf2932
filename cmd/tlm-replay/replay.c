/*
 * Two ways through one merge. In bulk, where neither times nor a pace matter, batches of good lines pass as they are.
 * Else record by record: each gets its place on the timeline, the pace says when it is due; what is due goes into one
 * batch, and where nothing is, the answer is "wait" and wait() sleeps until the next one.
 */
#include "replay.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "etime/etime.h"
#include "json/json.h"
#include "marker.h"
#include "mem/mem.h"
#include "merge.h"
#include "pace.h"
#include "rebase.h"
#include "stop/stop.h"
#include "timeline.h"

enum {
	LEFT_OUT_MAX = 4096, /* records left out in one call before the pump gets its turn */
	REPORT_US = 1000000,
	WALK_MIN_US = 100000
};

struct replay {
	struct source base;
	const struct replay_opts *opts;
	struct tool *tool;
	struct ledger *ledger;
	struct merge *merge;
	struct timeline timeline;
	struct pace pace;
	struct marker marker;
	bool is_bulk;
	struct kafka_lag *lag; /* --max-lag, NULL: none */
	uint64_t sent_max;     /* what the lag allows */

	int64_t loop; /* from 0 */
	uint64_t n_sent;
	bool has_base;
	int64_t base_us; /* what the first record's time becomes */

	struct record record; /* the next one to go, if has_record */
	bool has_record;      /* scheduled */
	bool is_held;         /* read, but the group is behind: it has no place on the schedule yet */
	int64_t played_us, due_us;
	int64_t walk_at_us; /* when time, on its way to the next record, is told again; 0: with the record */
	struct buf out, tmp;

	bool is_blocked; /* wait() waits for the merge's input, else for the clock */
	bool has_waited; /* the input was waited for since the last record */
	bool has_ended;
	bool has_pending; /* the merge's last answer, with its error: acted on when what was due before has left */
	enum reader_result pending;
	struct err pending_err;
	int64_t reported_us; /* when the pace was written into the ledger */
};

static enum source_result give(struct batch *b, const char *p, size_t len)
{
	b->kind = BATCH_LINES;
	b->p = p;
	b->len = len;
	b->name = "replay";
	b->input = 0;
	b->first_line = 0;
	b->long_bytes = 0;
	return SOURCE_BATCH;
}

/* The batch that was made so far changes hands. */
static enum source_result give_out(struct replay *r, struct batch *b)
{
	struct buf swap = b->own;

	b->own = r->out;
	r->out = swap;
	buf_reset(&r->out);
	buf_reserve(&b->own, JSON_PAD_BYTES);
	return give(b, b->own.p, b->own.len);
}

static bool is_full(const struct replay *r)
{
	return r->opts->limit && r->n_sent >= (uint64_t)r->opts->limit;
}

/* The end of a loop: 1, the next one begins; 0, it was the last; -1 with err. */
static int begin_loop(struct replay *r, struct err *err)
{
	if (++r->loop >= r->opts->loops || r->n_sent == 0)
		return 0;
	/* Files that were emptied or removed: loops without an end would go round and send nothing. */
	if (merge_is_empty(r->merge))
		return err_set(err, ERR_IO, "--loop: nothing is left to play");
	timeline_rewind(&r->timeline);
	return merge_rewind(r->merge, err) ? -1 : 1;
}

/* What an answer of the merge that is no record means for next(). */
static enum source_result turn(struct replay *r, enum reader_result got, struct batch *b, struct err *err)
{
	int begun;

	switch (got) {
	case READ_WAIT:
		r->is_blocked = r->has_waited = true;
		return SOURCE_WAIT;
	case READ_AGAIN:
		return give(b, "", 0);
	case READ_STOP:
		r->has_ended = true;
		return SOURCE_ERROR;
	case READ_ERROR:
		return SOURCE_ERROR;
	default:
		break;
	}
	begun = begin_loop(r, err);
	r->has_ended = begun <= 0;
	if (begun < 0)
		return SOURCE_ERROR;
	return begun ? give(b, "", 0) : SOURCE_END;
}

/* ---- in bulk ---- */

static enum source_result next_bulk(struct replay *r, struct batch *b, struct err *err)
{
	struct slice text;
	uint64_t n, left = r->opts->limit ? (uint64_t)r->opts->limit - r->n_sent : 0;
	enum reader_result got = merge_text(r->merge, &text, &n, left, err);

	if (got != READ_RECORD)
		return turn(r, got, b, err);
	r->n_sent += n;
	r->ledger->kept += r->loop == 0 ? n : 0;
	r->ledger->out += n;
	return give(b, text.p, text.len);
}

/* ---- record by record ---- */

static void count_left_out(struct replay *r)
{
	if (r->loop > 0)
		return;
	r->ledger->read++;
	r->ledger->filtered++;
}

static bool is_wanted(const struct replay_opts *o, const struct record *record)
{
	return !(o->has_from && record->time_us < o->from_us) && !(o->has_to && record->time_us >= o->to_us);
}

/* The time that is written into the record that is due at due_us. */
static int64_t new_time(struct replay *r, int64_t due_us)
{
	const struct replay_opts *o = r->opts;

	if (o->rebase == REBASE_NONE)
		return r->record.time_us + r->timeline.loop_recorded_us;
	if (!r->has_base) {
		r->has_base = true;
		r->base_us = o->has_rebase_to ? o->rebase_to_us : pace_wall(&r->pace, r->pace.start_us);
	}
	if (o->rebase == REBASE_SHIFT)
		return r->base_us + r->played_us;
	return r->base_us + due_us - r->pace.start_us;
}

static const char *source_name(const struct replay *r)
{
	return reader_name(merge_reader(r->merge));
}

/*
 * A record was left out: time has come to it all the same. Not where times are rewritten and the record has none of its
 * own: outside --from and --to, which a timeline of several loops does not hold; or where time is when it leaves.
 */
static void see_left_out(struct replay *r)
{
	const struct replay_opts *o = r->opts;
	bool is_inside = is_wanted(o, &r->record);

	if (!r->marker.every_us || o->rebase == REBASE_SCALE || (!is_inside && (o->rebase || o->loops > 1)))
		return;
	marker_see(&r->marker, is_inside ? new_time(r, 0) : r->record.time_us, source_name(r), &r->out);
}

/* The schedule waits for a record: in between its time passes, told at most every 100 ms. */
static void walk(struct replay *r, int64_t now_us)
{
	double speed = r->opts->rebase == REBASE_SCALE ? 1 : r->pace.speed;
	int64_t next_us, multiple_us;
	double left_us;

	r->walk_at_us = 0;
	if (!r->marker.every_us || speed <= 0 || r->due_us == PACE_NEVER)
		return;
	next_us = new_time(r, r->due_us);
	left_us = (double)(r->due_us - now_us) * speed;
	if (!(left_us < 1e17) || next_us < ETIME_MIN_US || next_us > ETIME_MAX_US)
		return;
	multiple_us = marker_walk(&r->marker, next_us - (int64_t)left_us, next_us, source_name(r), &r->out);
	r->walk_at_us = r->due_us - (int64_t)((double)(next_us - multiple_us) / speed) + 1;
	if (r->walk_at_us < now_us + WALK_MIN_US)
		r->walk_at_us = now_us + WALK_MIN_US;
}

/* Puts the record on the timeline and the schedule. False: it is left out. */
static bool schedule(struct replay *r)
{
	if (r->opts->needs_time) {
		if (!is_wanted(r->opts, &r->record))
			return false;
		r->played_us = timeline_add(&r->timeline, r->record.time_us);
		r->ledger->disorder = r->timeline.n_disorder;
	}
	if (!r->opts->is_paced && r->pace.has_start)
		return true;
	return pace_due(&r->pace, r->played_us, ledger_now_us(), r->has_waited, &r->due_us);
}

/* Appends the record to the batch. Returns 0, or -1: it cannot be sent with its new time. */
static int send_record(struct replay *r, struct err *err)
{
	const struct record *record = &r->record;
	bool has_new_time = r->opts->needs_time && (r->opts->rebase || r->timeline.loop_recorded_us);

	if (!has_new_time)
		buf_add(&r->out, record->p, record->len);
	else if (!rebase_add(&r->out, &r->opts->field, record, new_time(r, r->due_us), &r->tmp))
		return err_set(err, ERR_USAGE, "the time of a record leaves the years 1 to 9999");
	buf_add_char(&r->out, '\n');
	if (r->marker.every_us)
		marker_see(&r->marker, new_time(r, r->due_us), source_name(r), &r->out);
	if (r->opts->is_paced)
		pace_send(&r->pace, r->due_us);
	r->n_sent++;
	r->ledger->out++;
	if (r->loop == 0) {
		r->ledger->read++;
		r->ledger->kept++;
	}
	r->has_record = r->has_waited = false;
	return 0;
}

/* How many records may go until the group is --max-lag behind. */
static int see_lag(struct replay *r, struct err *err)
{
	uint64_t behind, most = (uint64_t)r->opts->max_lag;

	if (!r->lag)
		return 0;
	if (kafka_lag_behind(r->lag, r->n_sent, &behind, err))
		return -1;
	r->sent_max = r->n_sent + (behind < most ? most - behind : 0);
	return 0;
}

/* The record waits for the group. It gets its place on the schedule when it may go, and a bucket gains nothing. */
static bool hold(struct replay *r)
{
	r->is_held = r->n_sent >= r->sent_max;
	r->has_waited |= r->is_held;
	return r->is_held;
}

static void leave_out(struct replay *r)
{
	r->has_record = false;
	count_left_out(r);
	see_left_out(r);
}

/*
 * The record was on time when it got its place on the schedule; but the output of those before it was waited for since
 * then, or the whole process stood still.
 */
static void judge_again(struct replay *r)
{
	int64_t now_us = ledger_now_us();

	if (now_us - r->due_us > PACE_BEHIND_US && !pace_due(&r->pace, r->played_us, now_us, r->has_waited, &r->due_us))
		leave_out(r);
}

/* The next record that is wanted, scheduled. READ_RECORD without one: it is held, or enough was left out for one call.
 */
static enum reader_result find_record(struct replay *r, struct err *err)
{
	if (r->has_record && r->opts->catchup != CATCHUP_BURST)
		judge_again(r);
	for (unsigned n_left_out = 0; !r->has_record; n_left_out++) {
		enum reader_result got = r->is_held ? READ_RECORD : merge_next(r->merge, &r->record, err);

		if (got != READ_RECORD)
			return got;
		if (hold(r))
			return READ_RECORD;
		r->has_record = schedule(r);
		if (!r->has_record) {
			leave_out(r);
			if (n_left_out == LEFT_OUT_MAX)
				return READ_RECORD;
		}
	}
	return READ_RECORD;
}

/* The merge gave no record: what is due goes first, the answer is kept for the next call. */
static enum source_result put_off(struct replay *r, enum reader_result got, struct batch *b, struct err *err)
{
	if (r->out.len == 0)
		return turn(r, got, b, err);
	if (got != READ_WAIT && got != READ_AGAIN) {
		r->has_pending = true;
		r->pending = got;
		r->pending_err = *err;
		err_reset(err);
	}
	return give_out(r, b);
}

/* Fills the batch with what is due. */
static enum source_result next_due(struct replay *r, struct batch *b, struct err *err)
{
	while (!stop_signal()) {
		enum reader_result got = find_record(r, err);

		if (got != READ_RECORD)
			return put_off(r, got, b, err);
		if (r->is_held && !r->out.len)
			return SOURCE_WAIT;
		if (!r->has_record)
			return give_out(r, b);
		if (r->opts->is_paced && r->due_us > ledger_now_us()) {
			r->is_blocked = false;
			walk(r, ledger_now_us());
			return r->out.len ? give_out(r, b) : SOURCE_WAIT;
		}
		if (send_record(r, err))
			return put_off(r, READ_STOP, b, err);
		if (is_full(r) || r->out.len >= BATCH_BYTES)
			return give_out(r, b);
	}
	return r->out.len ? give_out(r, b) : SOURCE_END;
}

/* What was handed out has left by now, or stands in the sink because more is due at once. */
static void settle(struct replay *r, bool is_end)
{
	int64_t now_us;

	if (!r->opts->is_paced)
		return;
	now_us = ledger_now_us();
	pace_settle(&r->pace, now_us);
	if (is_end || now_us - r->reported_us >= REPORT_US) {
		pace_report(&r->pace, r->ledger);
		r->reported_us = now_us;
	}
}

static enum source_result replay_next(struct source *s, struct batch *b, struct err *err)
{
	struct replay *r = (struct replay *)s;

	settle(r, false);
	if (r->has_ended || is_full(r))
		return SOURCE_END;
	if (see_lag(r, err)) {
		r->has_ended = true;
		return SOURCE_ERROR;
	}
	if (r->has_pending) {
		r->has_pending = false;
		*err = r->pending_err;
		return turn(r, r->pending, b, err);
	}
	return r->is_bulk ? next_bulk(r, b, err) : next_due(r, b, err);
}

/* A signal: what was read and is due leaves, with the records that a sort window, a silent input or a lag held back. */
static enum source_result replay_drain(struct source *s, struct batch *b, struct err *err)
{
	struct replay *r = (struct replay *)s;

	if (r->is_bulk || r->has_ended)
		return SOURCE_END;
	merge_end(r->merge);
	r->sent_max = UINT64_MAX;
	while (!is_full(r) && r->out.len < BATCH_BYTES && find_record(r, err) == READ_RECORD) {
		if (!r->has_record)
			continue;
		if ((r->opts->is_paced && r->due_us > ledger_now_us()) || send_record(r, err))
			break;
	}
	if (r->out.len)
		return give_out(r, b);
	return err->code == ERR_NONE ? SOURCE_END : SOURCE_ERROR;
}

/* Until a moment (-1: no limit), a signal, or what else the descriptor tells (-1: none). */
static void sleep_until(int64_t until_us, int also)
{
	struct pollfd fds[] = {{.fd = stop_fd(), .events = POLLIN}, {.fd = also, .events = POLLIN}};
	int64_t left_us = until_us - ledger_now_us();
	struct timespec left = {.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000};

	if (until_us < 0 || left_us > 0)
		ppoll(fds, 2, until_us < 0 ? NULL : &left, NULL);
}

static void replay_wait(struct source *s, int64_t until_us)
{
	struct replay *r = (struct replay *)s;

	settle(r, false);
	if (r->is_held) {
		sleep_until(until_us, kafka_lag_hurry(r->lag));
		return;
	}
	if (r->is_blocked) {
		reader_wait(merge_reader(r->merge), until_us);
		return;
	}
	if (until_us < 0 || r->due_us < until_us)
		until_us = r->due_us;
	if (r->walk_at_us && r->walk_at_us < until_us)
		until_us = r->walk_at_us;
	sleep_until(until_us, -1);
}

static void replay_progress(const struct source *s, uint64_t *read_bytes, uint64_t *total_bytes)
{
	merge_progress(((const struct replay *)s)->merge, read_bytes, total_bytes);
}

static void replay_close(struct source *s)
{
	struct replay *r = (struct replay *)s;

	merge_close(r->merge);
	kafka_lag_close(r->lag);
	pace_release(&r->pace);
	buf_release(&r->out);
	buf_release(&r->tmp);
	free(r);
}

void replay_report(struct source *s)
{
	settle((struct replay *)s, true);
}

static const struct source_ops ops = {
	.next = replay_next,
	.wait = replay_wait,
	.drain = replay_drain,
	.progress = replay_progress,
	.close = replay_close,
};

struct source *replay_open(
	const struct replay_opts *o, struct tool *t, const char *const *names, size_t n_names, struct err *err)
{
	struct replay *r;

	if (o->marks_us && t->common.kafka.is_envelope) {
		err_set(err, ERR_USAGE, "--marks: a mark has no envelope: leave out -J");
		return NULL;
	}
	r = mem_alloc(1, sizeof *r);
	r->base.ops = &ops;
	r->opts = o;
	r->tool = t;
	r->ledger = &t->ledger;
	r->is_bulk = !o->needs_time && !o->is_paced && !o->max_lag;
	t->ledger.has_disorder = o->needs_time;
	timeline_init(&r->timeline, o->max_gap_us);
	pace_init(&r->pace, o);
	marker_init(&r->marker, o->marks_us);
	r->sent_max = UINT64_MAX;
	if (o->max_lag && !(r->lag = kafka_lag_open(&t->common.kafka, t->common.output, o->lag_group, err))) {
		replay_close(&r->base);
		return NULL;
	}
	r->merge = merge_open(o, t, names, n_names, err);
	if (!r->merge) {
		replay_close(&r->base);
		return NULL;
	}
	if (o->is_paced)
		prctl(PR_SET_TIMERSLACK, 1UL); /* ns: the default lets the kernel wake us 50 us late */
	return &r->base;
}
