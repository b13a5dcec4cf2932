/*
 * Programs that libjq runs record by record: the records of a batch go to its workers, the answers come back in order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter_impl.h"
#include "mark/mark.h"
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

int filter_open_worker(struct filter *f, struct err *err)
{
	const struct jq_format *format = &f->opts.format;
	char *program = mem_dup(f->opts.program.p, f->opts.program.len);
	const char *zone[2] = {find_zone(), NULL};
	struct jqworker_opts opts = {.program = program,
		.named_json = f->opts.named_json,
		.positional_json = f->opts.positional_json,
		.lib_dirs = f->opts.lib_dirs,
		.program_dir = f->opts.program_dir,
		.form = (format->is_raw ? JQWORKER_RAW : 0u) | (format->is_joined ? JQWORKER_JOIN : 0u) |
			(format->is_nul ? JQWORKER_NUL : 0u) | (format->is_seq ? JQWORKER_SEQ : 0u) |
			(format->is_ascii ? JQWORKER_ASCII : 0u) | (format->is_sorted ? JQWORKER_SORTED : 0u) |
			(format->is_colored ? JQWORKER_COLOR : 0u),
		.indent = format->indent,
		.env = jq_reads_environment(f->program) ? environment() : zone,
		.is_raw_input = f->opts.is_raw_input,
		.is_proven = f->lanes[0].run != NULL,
		.workers = f->lanes[0].run ? 1 : f->opts.jobs};

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
	filter_halt(f, answer->status, answer->message);
	return 1;
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
	if ((!f->worker && filter_open_worker(f, err)) || jqworker_add(f->worker, p->record, err))
		return -1;
	if (jqworker_next(f->worker, &answer, err) < 0)
		return -1;
	result = take_answer(f, p, &p->sent, &answer);
	return filter_settle(f, p, err) ? -1 : result;
}

static int take_answers(struct filter *f, struct err *err)
{
	struct part *p = &f->part;
	struct jqworker_answer answer;
	int more, result = 0;

	for (size_t i = 0; result == 0 && i < f->n_sent; i++) {
		if (f->sent[i].is_mark) {
			if (!f->sink->is_topic)
				filter_copy_line(p, f->sent[i].raw);
			continue;
		}
		more = jqworker_next(f->worker, &answer, err);
		if (more <= 0)
			return more;
		result = take_answer(f, p, &f->sent[i], &answer);
		if ((p->n_failures && filter_settle(f, p, err)) || filter_spill(f, p, err))
			result = -1;
	}
	f->n_sent = 0;
	return result;
}

/* ---- records ---- */

void filter_note_sent(struct filter *f, struct slice raw, uint64_t line, bool is_mark)
{
	if (f->n_sent == f->cap_sent) {
		f->cap_sent = f->cap_sent ? f->cap_sent * 2 : 4096;
		f->sent = mem_resize(f->sent, f->cap_sent, sizeof *f->sent);
	}
	f->sent[f->n_sent++] = (struct sent){raw, line, is_mark};
}

static int send(struct filter *f, struct slice record, struct slice raw, uint64_t line, struct err *err)
{
	filter_note_sent(f, raw, line, false);
	return jqworker_add(f->worker, record, err);
}

/* What was sent is answered before a bad record is told, so rejects come in the order of the lines. */
static int send_record(struct filter *f, const struct json_record *record, struct err *err)
{
	struct part *p = &f->part;
	struct slice raw = {record->p, record->len};
	const char *why = NULL;
	int64_t time_us;
	int result;

	if (record->status == JSON_BLANK) {
		p->fates.empty++;
		return 0;
	}
	if (record->status == JSON_OK && !filter_is_mark(f, record))
		return send(f, (struct slice){record->value.p, record->value.len}, raw, record->line, err);
	if (record->status == JSON_OK && mark_read(record->value, &time_us, &why) == 0) {
		filter_note_sent(f, raw, record->line, true);
		return 0;
	}
	if ((result = take_answers(f, err)))
		return result;
	if (record->status == JSON_OK)
		filter_fail(p, REJECT_MARK, raw, record->line, 0, slice_str(why));
	else
		filter_fail_json(p, record);
	return filter_settle(f, p, err);
}

static int send_records(struct filter *f, struct err *err)
{
	struct json_scan *scan = f->lanes[0].scan;
	struct json_record record;
	int result = 0;

	json_scan_batch(scan, f->part.lines.p, f->part.lines.len);
	while (!result && json_scan_next(scan, &record))
		result = send_record(f, &record, err);
	return result;
}

static int send_texts(struct filter *f, struct err *err)
{
	const char *at = f->part.lines.p, *end = at + f->part.lines.len;
	struct slice text;
	int result = 0;

	for (uint64_t line = 0; !result && filter_next_line(&at, end, &text); line++) {
		if (json_is_utf8(text.p, text.len)) {
			result = send(f, text, text, line, err);
			continue;
		}
		if ((result = take_answers(f, err)))
			break;
		filter_fail(&f->part, REJECT_JSON, text, line, 0, SLICE_LIT("the line is not UTF-8"));
		result = filter_settle(f, &f->part, err);
	}
	return result;
}

/* The part of the batch at hand is begun. */
int filter_take_libjq(struct filter *f, struct err *err)
{
	int result = f->opts.is_raw_input ? send_texts(f, err) : send_records(f, err);

	if (!result)
		result = take_answers(f, err);
	return filter_settle(f, &f->part, err) ? -1 : result;
}
