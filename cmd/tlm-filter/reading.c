/*
 * Programs that read their records themselves: -s, --stream, and those that call input or inputs. One process of libjq
 * takes what each batch holds; a record's fate is that of the run that took it: the last one of a run that raised an
 * error is rejected.
 */
#include <stdio.h>
#include <stdlib.h>

#include "filter_impl.h"
#include "mem/mem.h"

struct reading {
	struct jqworker_session *session;
	uint64_t given, settled; /* records: handed over; whose fate is known */
	uint64_t base;           /* handed over before the batch at hand */
	uint32_t told;           /* outputs of the run at hand that came and are counted */
	struct buf last;         /* the last record of the batch before, for an error at the end */
	uint64_t last_line;
	struct batch last_in;
	bool is_waiting;   /* it has said that it wants more, and has got nothing since */
	bool is_all_given; /* the session knows that there is no more */
	bool is_over;
};

struct reading *reading_open(struct filter *f, const struct jqworker_opts *worker, struct err *err)
{
	struct jqworker_session_opts opts = {.worker = worker,
		.reading = f->opts.is_null_input ? JQWORKER_NULL : JQWORKER_EACH,
		.is_stream = f->opts.is_stream,
		.is_slurp = f->opts.is_slurp};
	struct reading *r = mem_alloc(1, sizeof *r);

	r->session = jqworker_session_open(&opts, err);
	if (r->session)
		return r;
	reading_close(r);
	return NULL;
}

void reading_close(struct reading *r)
{
	if (!r)
		return;
	jqworker_session_close(r->session);
	buf_release(&r->last);
	free(r);
}

/* The last record that was taken, as a reject. */
static int reject_last(struct filter *f, struct slice message, struct err *err)
{
	struct reading *r = f->reading;
	struct sent sent = {.raw = buf_slice(&r->last), .line = r->last_line};
	const struct batch *in = &r->last_in;

	if (f->part.n_sent && r->settled > r->base) {
		sent = f->part.sent[r->settled - r->base - 1];
		in = &f->part.in;
	}
	return reject_add(f->opts.reject, REJECT_PROGRAM, in, in->first_line + sent.line, 0, sent.raw, sent.raw.len,
		err, "%.*s", (int)message.len, message.p);
}

/* They count as they come: a run that a signal ends has put out what it has. */
static void count_outputs(struct filter *f, const struct jqworker_session_event *e)
{
	uint32_t n = e->outputs - f->reading->told;

	f->reading->told = e->what == JQWORKER_RUN ? 0 : e->outputs;
	f->outputs += n;
	f->opts.ledger->out += n;
	if (e->outputs)
		f->is_last_true = e->last == JQWORKER_LAST_TRUE;
}

/* One run has ended: the records that it took have their fate. */
static int settle(struct filter *f, const struct jqworker_session_event *e, struct err *err)
{
	struct reading *r = f->reading;
	struct ledger *l = f->opts.ledger;
	uint64_t n = e->taken - r->settled;
	bool is_failed = e->fate == JQWORKER_ERROR;

	r->settled = e->taken;
	l->open -= n;
	count_outputs(f, e);
	if (e->outputs)
		l->kept += n - (is_failed && n);
	else
		l->filtered += n - (is_failed && n);
	if (e->fate == JQWORKER_HALTED) {
		filter_halt(f, e->status, e->text);
		r->is_over = true;
		return 1;
	}
	if (!is_failed)
		return 0;
	if (n)
		return reject_last(f, e->text, err);
	return err_set(err, ERR_DATA, "the program failed: %.*s", (int)e->text.len, e->text.p);
}

/* What the program says, until it wants more than it was given. */
static int listen(struct filter *f, struct err *err)
{
	struct reading *r = f->reading;
	struct jqworker_session_event e;
	int result = 0;

	while (!result) {
		if (jqworker_session_next(r->session, &e, err))
			return -1;
		switch (e.what) {
		case JQWORKER_OUTPUT:
			buf_add_slice(f->part.out, e.text);
			count_outputs(f, &e);
			result = filter_spill(f, &f->part, err);
			break;
		case JQWORKER_NOTES:
			fwrite(e.text.p, 1, e.text.len, stderr);
			break;
		case JQWORKER_RUN:
			result = settle(f, &e, err);
			break;
		case JQWORKER_NEED:
			/* said in the middle of what was given when that comes in pieces */
			r->is_waiting = e.taken == r->given;
			if (r->is_waiting && !r->is_all_given)
				return 0;
			break;
		case JQWORKER_ENDED:
			r->is_over = true;
			return 1;
		case JQWORKER_COMPILED:
			break;
		}
	}
	return result;
}

/* 1 when the program is over. Of a batch without a good record it has nothing to say. */
static int hear(struct filter *f, struct err *err)
{
	return f->reading->is_waiting ? 0 : listen(f, err);
}

static void give(struct filter *f, struct slice record, struct slice raw, uint64_t line)
{
	const char *input;

	filter_note_sent(&f->part, raw, line);
	if (f->has_place) {
		line = filter_place(&f->part, line, &input);
		jqworker_session_place(f->reading->session, input, line);
	}
	jqworker_session_give(f->reading->session, record);
	f->reading->given++;
	f->reading->is_waiting = false;
	f->opts.ledger->read++;
	f->opts.ledger->open++;
}

/* Texts that are slurped are given with their line ends. Bad ones as in give_records(). */
static int give_texts(struct filter *f, struct err *err)
{
	const char *at = f->part.lines.p, *end = at + f->part.lines.len;
	struct slice text;
	int result = 0;

	for (uint64_t line = 0; !result && filter_next_line(&at, end, &text); line++) {
		bool has_end = f->opts.is_slurp && !(at == end && f->part.in.is_unended);

		if (json_is_utf8(text.p, text.len)) {
			give(f, (struct slice){text.p, text.len + has_end}, text, line);
			continue;
		}
		result = hear(f, err);
		if (result)
			break;
		filter_fail(&f->part, REJECT_JSON, text, line, 0, SLICE_LIT("the line is not UTF-8"));
		result = filter_settle(f, &f->part, err);
	}
	return result;
}

/* A bad record is judged when the program wants what stands behind it: where it ends before, that is not read. */
static int give_records(struct filter *f, struct err *err)
{
	struct json_scan *scan = f->lanes[0].scan;
	struct json_record record;
	int result = 0;

	json_scan_batch(scan, f->part.lines.p, f->part.lines.len);
	while (!result && json_scan_next(scan, &record)) {
		if (record.status == JSON_BLANK) {
			f->opts.ledger->empty++;
		} else if (record.status == JSON_OK) {
			give(f, (struct slice){record.value.p, record.value.len}, (struct slice){record.p, record.len},
				record.line);
		} else if ((result = hear(f, err)) == 0) {
			filter_fail_json(&f->part, &record);
			result = filter_settle(f, &f->part, err);
		}
	}
	return result;
}

/* The batch goes; its last record stays for an error that comes later. */
static void keep_last(struct filter *f)
{
	struct reading *r = f->reading;
	struct part *p = &f->part;

	if (p->n_sent) {
		buf_reset(&r->last);
		buf_add_slice(&r->last, p->sent[p->n_sent - 1].raw);
		r->last_line = p->sent[p->n_sent - 1].line;
		r->last_in = (struct batch){.name = p->in.name, .input = p->in.input, .first_line = p->in.first_line};
	}
	p->n_sent = 0;
	r->base = r->given;
}

/* The program is over: what stands behind the last record that it took. */
static uint64_t find_rest(const struct filter *f)
{
	const struct reading *r = f->reading;
	const struct part *p = &f->part;

	return p->in.first_line + (r->settled > r->base ? p->sent[r->settled - r->base - 1].line + 1 : 0);
}

int reading_batch(struct filter *f, struct err *err)
{
	int result = f->opts.is_raw_input ? give_texts(f, err) : give_records(f, err);

	if (!result)
		result = hear(f, err);
	f->rest = find_rest(f);
	keep_last(f);
	return result;
}

int reading_end(struct filter *f, bool is_stopped, struct err *err)
{
	struct reading *r = f->reading;

	/* what a stopped run would say of half its input is no answer */
	if (r->is_over || is_stopped)
		return 0;
	jqworker_session_no_more(r->session);
	r->is_all_given = true;
	return listen(f, err) < 0 ? -1 : 0;
}
