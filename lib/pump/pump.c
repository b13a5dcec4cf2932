/*
 * The loop: next batch, stage, sink; and between two batches whatever is due. It waits only after the sink and the
 * rejects were flushed, so a live line leaves at once, and not longer than the nearest deadline of sink and meter.
 */
#include "pump/pump.h"

#include <assert.h>
#include <stdbool.h>

#include "json/json.h"
#include "stop/stop.h"

/* How the run came to its end, so far. */
enum flow {
	FLOW_ON,      /* it did not */
	FLOW_END,     /* all inputs have ended, or the stage wants no more */
	FLOW_STOPPED, /* a signal or a data error: no more reading, but what is held goes out */
	FLOW_FAILED   /* output or stage failed */
};

struct run {
	struct pump *p;
	struct source *source;
	struct stage *stage;
	struct sink *sink;
	struct batch in;
	struct buf out;  /* of the stage, for one batch */
	bool has_commit; /* the source wants to know what is safe */
	struct err *err;
};

/* A data error stops the run at one record: the source has not given that one, nor what stands behind it. */
static enum flow fail(const struct run *r)
{
	if (r->err->code != ERR_DATA)
		return FLOW_FAILED;
	if (r->source->ops->refuse && r->in.records)
		r->source->ops->refuse(r->source, &r->in, reject_last_line(r->p->reject));
	return FLOW_STOPPED;
}

/* The stage wants no more: what it did not take of the batch is there for the next run. */
static enum flow end_early(const struct run *r)
{
	uint64_t line;

	if (r->source->ops->refuse && r->in.records && r->stage->ops->rest) {
		line = r->stage->ops->rest(r->stage);
		if (line < r->in.first_line + r->in.n_records)
			r->source->ops->refuse(r->source, &r->in, line);
	}
	return FLOW_END;
}

static int write_batch(struct run *r, const struct batch *b)
{
	if (b->len == 0)
		return 0;
	r->p->ledger->bytes_out += b->len;
	return r->sink->ops->write(r->sink, b, r->err);
}

/* Hands on what the stage appended; a sink may read JSON_PAD_BYTES behind it. */
static int write_out(struct run *r)
{
	struct batch b = r->in;

	buf_reserve(&r->out, JSON_PAD_BYTES);
	b.kind = BATCH_LINES;
	b.p = r->out.p;
	b.len = r->out.len;
	if (b.records && (!b.origins || !b.origins->len))
		b.records = NULL; /* the stage has made lines of its own */
	if (write_batch(r, &b))
		return -1;
	buf_reset(&r->out);
	if (r->in.origins)
		buf_reset(r->in.origins);
	return 0;
}

/* What the stage made goes on. ret: what it said. */
static enum flow take_result(struct run *r, int ret)
{
	/* The records before the one that ended the run stand. */
	if ((ret >= 0 || r->err->code == ERR_DATA) && write_out(r))
		return FLOW_FAILED;
	if (ret < 0)
		return fail(r);
	return ret > 0 ? end_early(r) : FLOW_ON;
}

static enum flow take_lines(struct run *r)
{
	if (!r->p->is_counted)
		r->p->ledger->bytes_in += r->in.len;
	if (!r->stage)
		return write_batch(r, &r->in) ? fail(r) : FLOW_ON;
	return take_result(r, r->stage->ops->batch(r->stage, &r->in, &r->out, r->err));
}

/* A stage that holds batches back works on them now. */
static enum flow settle(struct run *r)
{
	if (!r->stage || !r->stage->ops->settle)
		return FLOW_ON;
	return take_result(r, r->stage->ops->settle(r->stage, &r->out, r->err));
}

static enum flow take_too_long(struct run *r)
{
	const struct batch *b = &r->in;
	enum flow flow = settle(r);

	if (flow != FLOW_ON)
		return flow;
	if (!r->p->is_counted)
		r->p->ledger->bytes_in += b->long_bytes;
	r->p->ledger->read++;
	if (reject_add(r->p->reject, REJECT_TOO_LONG, b, b->first_line, 0, (struct slice){b->p, b->len}, b->long_bytes,
		    r->err, "the line has %llu bytes, more than --max-line", (unsigned long long)b->long_bytes))
		return fail(r);
	return FLOW_ON;
}

static enum flow take_input_end(struct run *r)
{
	if (!r->stage || !r->stage->ops->input_end)
		return FLOW_ON;
	if (r->stage->ops->input_end(r->stage, r->in.input, &r->out, r->err))
		return fail(r);
	return write_out(r) ? FLOW_FAILED : FLOW_ON;
}

static enum flow take_caught_up(struct run *r)
{
	if (!r->stage || !r->stage->ops->caught_up)
		return FLOW_ON;
	if (r->stage->ops->caught_up(r->stage, r->in.input, &r->out, r->err))
		return fail(r);
	return write_out(r) ? FLOW_FAILED : FLOW_ON;
}

static enum flow take_batch(struct run *r)
{
	if (!r->sink->is_topic)
		r->in.origins = NULL; /* nobody asks */
	switch (r->in.kind) {
	case BATCH_LINES:
		return take_lines(r);
	case BATCH_TOO_LONG:
		return take_too_long(r);
	case BATCH_INPUT_END:
		return take_input_end(r);
	case BATCH_CAUGHT_UP:
		return take_caught_up(r);
	}
	assert(false && "a batch has one of three kinds");
	return FLOW_FAILED;
}

/* An input that fails is named, the next one is read, the status is remembered. */
static void tell_input_error(struct pump *p, const struct err *what)
{
	char text[512];

	err_format(what, text, sizeof text);
	meter_say(p->meter, p->tool, text);
	p->status = err_worse(p->status, err_status(what->code));
}

static void progress(const struct run *r, uint64_t *read_bytes, uint64_t *total_bytes)
{
	*read_bytes = *total_bytes = 0;
	if (r->source->ops->progress)
		r->source->ops->progress(r->source, read_bytes, total_bytes);
}

/* Everything that was given and written is safe. */
static int make_safe(void *ctx, struct err *err)
{
	struct run *r = ctx;

	if (settle(r) == FLOW_FAILED)
		return err == r->err ? -1 : (*err = *r->err, -1);
	if (r->sink->ops->flush(r->sink, err) || (r->sink->ops->sync && r->sink->ops->sync(r->sink, err)))
		return -1;
	return reject_sync(r->p->reject, err);
}

static int deliver(struct run *r, bool is_final)
{
	if (!r->has_commit)
		return 0;
	if (r->p->deliver)
		return r->p->deliver(r->p->deliver_ctx, r->source, r->sink, is_final, r->err);
	return make_safe(r, r->err) || r->source->ops->commit(r->source, is_final, r->err) ? -1 : 0;
}

static void keep_alive(void *ctx)
{
	struct run *r = ctx;

	r->source->ops->keep_alive(r->source);
}

static void note_lag(const struct run *r)
{
	if (r->source->ops->lag) {
		r->p->ledger->has_lag = true;
		r->p->ledger->lag = r->source->ops->lag(r->source);
	}
}

/* What is due by the clock: the sink's tick, a delivery, the meter, a status line. */
static int do_due(struct run *r)
{
	int64_t now_us = ledger_now_us(), at_us, meter_us = meter_deadline(r->p->meter);
	uint64_t read_bytes, total_bytes;

	if (r->sink->ops->deadline && (at_us = r->sink->ops->deadline(r->sink)) >= 0 && now_us >= at_us &&
		r->sink->ops->tick(r->sink, now_us, r->err))
		return -1;
	if (r->stage && r->stage->ops->tick && r->stage->ops->deadline &&
		(at_us = r->stage->ops->deadline(r->stage)) >= 0 && now_us >= at_us &&
		(r->stage->ops->tick(r->stage, now_us, &r->out, r->err) || write_out(r)))
		return -1;
	if (r->has_commit && (at_us = r->source->ops->deadline(r->source)) >= 0 && now_us >= at_us && deliver(r, false))
		return -1;
	if (meter_us >= 0 && now_us >= meter_us) {
		note_lag(r);
		progress(r, &read_bytes, &total_bytes);
		meter_tick(r->p->meter, r->p->ledger, now_us, read_bytes, total_bytes);
	}
	if (stop_take_status()) {
		note_lag(r);
		meter_status(r->p->meter, r->p->ledger, now_us);
	}
	return 0;
}

static int64_t nearest(int64_t a_us, int64_t b_us)
{
	if (a_us < 0 || b_us < 0)
		return a_us < 0 ? b_us : a_us;
	return a_us < b_us ? a_us : b_us;
}

static int flush(struct run *r)
{
	return r->sink->ops->flush(r->sink, r->err) || reject_flush(r->p->reject, r->err) ? -1 : 0;
}

static enum flow wait_for_input(struct run *r)
{
	int64_t until_us = meter_deadline(r->p->meter);
	enum flow flow = settle(r);

	if (flow != FLOW_ON)
		return flow;
	if (flush(r))
		return FLOW_FAILED;
	if (r->sink->ops->deadline)
		until_us = nearest(until_us, r->sink->ops->deadline(r->sink));
	if (r->stage && r->stage->ops->deadline)
		until_us = nearest(until_us, r->stage->ops->deadline(r->stage));
	if (r->has_commit)
		until_us = nearest(until_us, r->source->ops->deadline(r->source));
	r->source->ops->wait(r->source, until_us);
	stop_drain();
	return FLOW_ON;
}

static enum flow step(struct run *r)
{
	struct err what = ERR_INIT;
	enum flow flow = FLOW_ON;

	switch (source_next(r->source, &r->in, &what)) {
	case SOURCE_BATCH:
		flow = take_batch(r);
		break;
	case SOURCE_WAIT:
		flow = wait_for_input(r);
		break;
	case SOURCE_END:
		return FLOW_END;
	case SOURCE_ERROR:
		tell_input_error(r->p, &what);
		flow = r->p->is_whole ? FLOW_STOPPED : FLOW_ON;
		break;
	}
	if (flow == FLOW_ON && do_due(r))
		return FLOW_FAILED;
	return flow;
}

/* After a signal the source lets go what it holds. */
static enum flow drain_source(struct run *r, enum flow how)
{
	struct err what = ERR_INIT;
	enum source_result got = SOURCE_END;
	enum flow flow = FLOW_ON;

	while (flow == FLOW_ON && (got = r->source->ops->drain(r->source, &r->in, &what)) == SOURCE_BATCH)
		flow = take_batch(r);
	if (got == SOURCE_ERROR)
		tell_input_error(r->p, &what);
	return flow == FLOW_FAILED ? FLOW_FAILED : how;
}

/* The stage lets go what it holds, the sink and the rejects are flushed. */
static int drain(struct run *r, bool is_stopped)
{
	struct err err = ERR_INIT;

	if (r->stage && r->stage->ops->end && r->stage->ops->end(r->stage, is_stopped, &r->out, &err)) {
		if (r->err->code == ERR_NONE)
			*r->err = err;
		if (err.code != ERR_DATA)
			return -1;
	}
	if (r->stage && write_out(r))
		return -1;
	return flush(r);
}

/* The books, before the output is put into place where the stage kept them, else behind it (the sink keeps them). */
static int check_books(struct run *r, bool is_finished)
{
	if (is_finished != !r->stage || r->err->code != ERR_NONE)
		return 0;
	return ledger_check(r->p->ledger, r->err);
}

static bool is_good(const struct run *r)
{
	int status = err_worse(r->p->status, err_status(r->err->code));

	if (r->err->code == ERR_PIPE || stop_signal())
		return false;
	return status == STATUS_OK || status == STATUS_NO || status == STATUS_NO_OUTPUT || status == STATUS_REJECTED;
}

static void finish(struct run *r, enum flow flow)
{
	struct err saved = *r->err, err = ERR_INIT;

	if (flow != FLOW_FAILED) {
		/* A data error stays the one that is told, unless the output fails too. */
		err_reset(r->err);
		if (drain(r, flow == FLOW_STOPPED) == 0 && deliver(r, true) == 0 && saved.code != ERR_NONE)
			*r->err = saved;
		check_books(r, false);
	} else if (r->err->code != ERR_PIPE) {
		r->sink->ops->flush(r->sink, &err);
		err_reset(&err);
	}
	if (r->sink->ops->finish(r->sink, is_good(r), &err) && err.code != ERR_NONE &&
		(r->err->code == ERR_NONE || r->err->code == ERR_DATA))
		*r->err = err;
	check_books(r, true);
}

int pump_run(struct pump *p, struct source *source, struct stage *stage, struct sink *sink, struct err *err)
{
	struct run r = {.p = p, .source = source, .stage = stage, .sink = sink, .err = err};
	enum flow flow = FLOW_ON;

	p->has_run = true;
	batch_init(&r.in);
	r.has_commit = source->ops->commit != NULL;
	if (source->ops->on_revoke)
		source->ops->on_revoke(source, make_safe, &r);
	if (source->ops->keep_alive) {
		sink->on_blocked = keep_alive;
		/* taken back before the return */
		/* cppcheck-suppress autoVariables */
		sink->blocked_ctx = &r;
	}
	while (flow == FLOW_ON)
		flow = stop_signal() ? FLOW_STOPPED : step(&r);
	if (flow != FLOW_FAILED && stop_signal() && source->ops->drain)
		flow = drain_source(&r, flow);
	note_lag(&r);
	finish(&r, flow);
	sink->on_blocked = NULL;
	sink->blocked_ctx = NULL;
	if (source->ops->on_revoke)
		source->ops->on_revoke(source, NULL, NULL);
	batch_release(&r.in);
	buf_release(&r.out);
	return err->code == ERR_NONE ? 0 : -1;
}
