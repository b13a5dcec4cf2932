/*
 * Programs that libjq runs record by record: the records of a part go to its workers, the answers come back in order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter_impl.h"
#include "mem/mem.h"

/* ---- workers ---- */

static const char *const *environment(void)
{
	union {
		char **in;
		const char *const *out;
	} all = {environ};

	return all.out;
}

/* What local times need of the environment. */
static const char *find_zone(void)
{
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "TZ=", 3) == 0)
			return *e;
	return NULL;
}

/* *zone is two pointers, of which opts borrows; program a copy that the caller frees. */
static struct jqworker_opts worker_opts(const struct filter *f, const char *program, const char *zone[2])
{
	const struct jq_format *format = &f->opts.format;
	bool is_unread = jq_is_unread(f->program), is_proven = f->lanes && f->lanes[0].run;

	zone[0] = find_zone();
	zone[1] = NULL;
	return (struct jqworker_opts){.program = program,
		.named_json = f->opts.named_json,
		.positional_json = f->opts.positional_json,
		.lib_dirs = f->opts.lib_dirs,
		.program_dir = f->opts.program_dir,
		.form = (format->is_raw ? JQWORKER_RAW : 0u) | (format->is_joined ? JQWORKER_JOIN : 0u) |
			(format->is_nul ? JQWORKER_NUL : 0u) | (format->is_seq ? JQWORKER_SEQ : 0u) |
			(format->is_ascii ? JQWORKER_ASCII : 0u) | (format->is_sorted ? JQWORKER_SORTED : 0u) |
			(format->is_colored ? JQWORKER_COLOR : 0u),
		.indent = format->indent,
		.env = is_unread || jq_reads_environment(f->program) ? environment() : zone,
		.has_place = is_unread || jq_place_call(f->program),
		.body_at = jq_body_at(f->program),
		.is_raw_input = f->opts.is_raw_input,
		.is_proven = is_proven,
		.workers = is_proven ? 1 : f->opts.jobs};
}

int filter_find_calls(struct filter *f, size_t *at, struct err *err)
{
	struct jqworker_opts opts;
	const char *zone[2];
	char *program;
	int result;

	f->calls_input = f->opts.is_slurp || f->opts.is_stream || jq_input_call(f->program);
	if (f->calls_input || !jq_is_unread(f->program))
		return 0;
	program = mem_dup(f->opts.program.p, f->opts.program.len);
	opts = worker_opts(f, program, zone);
	result = jqworker_ask_input(&opts, &f->calls_input, err);
	if (result && err->code == ERR_PROGRAM)
		jq_doubt(f->program, at, err);
	free(program);
	return result;
}

int filter_open_worker(struct filter *f, struct err *err)
{
	char *program = mem_dup(f->opts.program.p, f->opts.program.len);
	const char *zone[2];
	struct jqworker_opts opts = worker_opts(f, program, zone);

	f->has_place = opts.has_place;
	if (f->opts.is_reading)
		f->reading = reading_open(f, &opts, err);
	else
		f->worker = jqworker_open(&opts, err);
	free(program);
	return f->worker || f->reading ? 0 : -1;
}

/* ---- answers ---- */

void filter_halt(struct filter *f, int status, struct slice message)
{
	f->is_halted = true;
	f->halt_status = status;
	buf_add_slice(&f->halt_message, message);
}

/* 1: the program has halted. */
static int take_answer(struct filter *f, struct part *p, const struct sent *sent, const struct jqworker_answer *answer)
{
	bool is_good = answer->fate == JQWORKER_DONE || answer->fate == JQWORKER_HALTED;

	if (answer->notes.len)
		fwrite(answer->notes.p, 1, answer->notes.len, stderr);
	if (answer->is_same)
		filter_copy_line(p, sent->raw);
	else if (answer->out.len) {
		filter_flush_copy(p);
		buf_add_slice(p->out, answer->out);
	}
	filter_take_fate(p, answer->outputs, answer->last == JQWORKER_LAST_TRUE, is_good);
	if (!is_good)
		filter_fail(p, answer->fate == JQWORKER_ERROR ? REJECT_PROGRAM : REJECT_LIMIT, sent->raw, sent->line, 0,
			answer->message);
	filter_note_lines(p, sent->line);
	if (answer->fate != JQWORKER_HALTED)
		return 0;
	f->rest = p->in.first_line + sent->line + 1;
	filter_halt(f, answer->status, answer->message);
	return 1;
}

static int add(struct filter *f, const struct part *p, struct slice record, uint64_t line, struct err *err)
{
	const char *input;

	if (f->has_place) {
		line = filter_place(p, line, &input);
		jqworker_place(f->worker, input, line);
	}
	return jqworker_add(f->worker, record, err);
}

/*
 * The record on which a native program would take too long: a worker's limits decide. It is opened with the first, when
 * no other thread is at work.
 */
int filter_ask_worker(struct filter *f, struct part *p, struct err *err)
{
	struct jqworker_answer answer;
	int result;

	p->is_elsewhere = false;
	if (!f->worker && f->jobs)
		jobs_wait(f->jobs);
	if ((!f->worker && filter_open_worker(f, err)) || add(f, p, p->record, p->elsewhere.line, err))
		return -1;
	if (jqworker_next(f->worker, &answer, err) < 0)
		return -1;
	result = take_answer(f, p, &p->elsewhere, &answer);
	return filter_settle(f, p, err) ? -1 : result;
}

/* One of a part that was sent, in its turn. 1: the program has halted. */
static int take_sent(struct filter *f, struct part *p, const struct sent *sent, struct err *err)
{
	struct jqworker_answer answer;

	switch (sent->what) {
	case SENT_MARK:
		if (!f->sink->is_topic)
			filter_copy_line(p, sent->raw);
		return 0;
	case SENT_BAD:
		filter_fail(p, sent->reason, sent->raw, sent->line, sent->byte, slice_str(sent->message));
		return 0;
	case SENT_RECORD:
		break;
	}
	if (jqworker_next(f->worker, &answer, err) <= 0)
		return -1;
	return take_answer(f, p, sent, &answer);
}

int filter_take_answers(struct filter *f, struct part *p, struct err *err)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < p->n_sent; i++) {
		result = take_sent(f, p, &p->sent[i], err);
		if (result >= 0 && ((p->n_failures && filter_settle(f, p, err)) || filter_spill(f, p, err)))
			result = -1;
	}
	p->n_sent = 0;
	return filter_settle(f, p, err) ? -1 : result;
}

/* ---- records ---- */

struct sent *filter_note_sent(struct part *p, struct slice raw, uint64_t line)
{
	if (p->n_sent == p->cap_sent) {
		p->cap_sent = p->cap_sent ? p->cap_sent * 2 : 512;
		p->sent = mem_resize(p->sent, p->cap_sent, sizeof *p->sent);
	}
	p->sent[p->n_sent] = (struct sent){.raw = raw, .line = line};
	return &p->sent[p->n_sent++];
}

static void note_bad(
	struct part *p, struct slice raw, uint64_t line, enum reject_reason reason, uint64_t byte, const char *message)
{
	struct sent *sent = filter_note_sent(p, raw, line);

	sent->what = SENT_BAD;
	sent->reason = reason;
	sent->byte = byte;
	sent->message = message;
}

static int send_record(struct filter *f, struct part *p, const struct json_record *record, struct err *err)
{
	struct slice raw = {record->p, record->len};
	const char *why = NULL;
	int64_t time_us;

	if (record->status == JSON_BLANK) {
		p->fates.empty++;
	} else if (record->status != JSON_OK) {
		note_bad(p, raw, record->line, record->status == JSON_BAD ? REJECT_JSON : REJECT_TOO_DEEP, record->byte,
			record->message);
	} else if (!filter_is_mark(f, record)) {
		filter_note_sent(p, raw, record->line);
		return add(f, p, (struct slice){record->value.p, record->value.len}, record->line, err);
	} else if (mark_read(record->value, &time_us, &why) == 0) {
		filter_note_sent(p, raw, record->line)->what = SENT_MARK;
	} else {
		note_bad(p, raw, record->line, REJECT_MARK, 0, why);
	}
	return 0;
}

static int send_records(struct filter *f, struct part *p, struct err *err)
{
	struct json_scan *scan = f->lanes[0].scan;
	struct json_record record;
	int result = 0;

	json_scan_batch(scan, p->lines.p, p->lines.len);
	while (!result && json_scan_next(scan, &record))
		result = send_record(f, p, &record, err);
	return result;
}

static int send_texts(struct filter *f, struct part *p, struct err *err)
{
	const char *at = p->lines.p, *end = at + p->lines.len;
	struct slice text;
	int result = 0;

	for (uint64_t line = 0; !result && filter_next_line(&at, end, &text); line++) {
		if (json_is_utf8(text.p, text.len)) {
			filter_note_sent(p, text, line);
			result = add(f, p, text, line, err);
		} else {
			note_bad(p, text, line, REJECT_JSON, 0, "the line is not UTF-8");
		}
	}
	return result;
}

/* The part is begun: its records go to the workers. */
int filter_send(struct filter *f, struct part *p, struct err *err)
{
	return f->opts.is_raw_input ? send_texts(f, p, err) : send_records(f, p, err);
}
