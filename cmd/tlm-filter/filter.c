#include "filter_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jqworker/jqworker.h"
#include "json/json.h"
#include "mark/mark.h"
#include "mem/mem.h"

enum {
	SPILL_BYTES = 1 << 20,    /* output beyond this goes to the sink inside a batch */
	OUT_KEPT_BYTES = 16 << 20 /* of the output buffer between records */
};

static void flush_copy(struct filter *f)
{
	if (f->copy_from)
		buf_add(f->out, f->copy_from, (size_t)(f->copy_to - f->copy_from));
	f->copy_from = f->copy_to = NULL;
}

/* The line as it came, a CR before its LF left out. Neighbours leave in one piece. */
static void copy_line(struct filter *f, const char *p, size_t len)
{
	if (f->copy_to == p && p[len] == '\n') {
		f->copy_to += len + 1;
		return;
	}
	flush_copy(f);
	if (p[len] == '\n') {
		f->copy_from = p;
		f->copy_to = p + len + 1;
		return;
	}
	buf_add(f->out, p, len);
	buf_add_char(f->out, '\n');
}

/* For a sink that keeps what else a message held: each line that was made since the last call is of this record. */
static void note_lines(struct filter *f, uint64_t line)
{
	const char *p, *end;
	size_t n = 0;

	if (!f->in->origins)
		return;
	flush_copy(f);
	end = f->out->p + f->out->len;
	for (p = f->out->p + f->noted_bytes; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
		n++;
	batch_note(f->in, line, n);
	f->noted_bytes = f->out->len;
}

/* What a batch of any number of large outputs gives is written in constant memory. */
int filter_spill(struct filter *f, struct err *err)
{
	struct batch b;

	if (f->out->len < SPILL_BYTES)
		return 0;
	flush_copy(f);
	buf_reserve(f->out, JSON_PAD_BYTES);
	b = *f->in;
	b.p = f->out->p;
	b.len = f->out->len;
	if (!b.origins || !b.origins->len)
		b.records = NULL;
	if (f->sink->ops->write(f->sink, &b, err))
		return -1;
	f->noted_bytes = 0;
	if (b.origins)
		buf_reset(b.origins);
	f->opts.ledger->bytes_out += f->out->len;
	if (f->out->cap > OUT_KEPT_BYTES)
		buf_release(f->out);
	buf_reset(f->out);
	return 0;
}

/* Called behind each record with what became of it. */
static int after_record(struct filter *f, uint64_t line, int result, struct err *err)
{
	note_lines(f, line);
	return result ? result : filter_spill(f, err);
}

int filter_reject(struct filter *f, enum reject_reason reason, struct slice raw, uint64_t line, uint64_t byte,
	struct slice message, struct err *err)
{
	return reject_add(f->opts.reject, reason, f->in, f->in->first_line + line, byte, raw, raw.len, err, "%.*s",
		(int)message.len, message.p);
}

int filter_reject_json(struct filter *f, const struct json_record *record, struct err *err)
{
	enum reject_reason reason = record->status == JSON_BAD ? REJECT_JSON : REJECT_TOO_DEEP;

	f->opts.ledger->read++;
	return filter_reject(f, reason, (struct slice){record->p, record->len}, record->line, record->byte,
		slice_str(record->message), err);
}

static int reject_mark(struct filter *f, const struct json_record *record, const char *why, struct err *err)
{
	f->opts.ledger->read++;
	return filter_reject(
		f, REJECT_MARK, (struct slice){record->p, record->len}, record->line, 0, slice_str(why), err);
}

static bool is_mark(const struct filter *f, const struct json_record *record)
{
	return f->opts.has_marks && record->status == JSON_OK && mark_is(record->p, record->len);
}

void filter_count_outputs(struct filter *f, uint64_t outputs, bool is_last_true)
{
	if (!outputs)
		return;
	f->outputs += outputs;
	f->is_last_true = is_last_true;
	f->opts.ledger->out += outputs;
}

/* The fate of a record that did not fail. */
static void count_fate(struct filter *f, uint64_t outputs, bool is_last_true)
{
	f->opts.ledger->read++;
	if (outputs)
		f->opts.ledger->kept++;
	else
		f->opts.ledger->filtered++;
	filter_count_outputs(f, outputs, is_last_true);
}

static int take_answer(
	struct filter *f, const struct sent *sent, const struct jqworker_answer *answer, struct err *err);
static int open_worker(struct filter *f, struct err *err);
static int take_answers(struct filter *f, struct err *err);

/* ---- native ---- */

/* One record on which a native program would take too long: a worker's limits decide, opened with the first. */
static int ask_worker(struct filter *f, struct slice record, struct sent sent, struct err *err)
{
	struct jqworker_answer answer;

	if ((!f->worker && open_worker(f, err)) || jqworker_add(f->worker, record, err))
		return -1;
	return jqworker_next(f->worker, &answer, err) < 0 ? -1 : take_answer(f, &sent, &answer, err);
}

/* Of -n it is not one of many records that failed. */
static int fail_run(struct slice message, struct err *err)
{
	return err_set(err, ERR_DATA, "the program failed: %.*s", (int)message.len, message.p);
}

static int take_result(
	struct filter *f, const struct jq_result *result, struct slice raw, uint64_t line, struct err *err)
{
	if (result->status == JQ_OK) {
		count_fate(f, result->outputs, result->is_last_true);
		return 0;
	}
	if (f->opts.is_null_input)
		return fail_run(result->message, err);
	/* outputs before the error stand, as in jq; the fate of the record is that it was rejected */
	f->opts.ledger->read++;
	filter_count_outputs(f, result->outputs, result->is_last_true);
	return filter_reject(
		f, result->status == JQ_ERROR ? REJECT_PROGRAM : REJECT_LIMIT, raw, line, 0, result->message, err);
}

static int evaluate(struct filter *f, const struct json_record *record, struct err *err)
{
	struct jq_result result;

	flush_copy(f);
	jq_run_record(f->run, record, f->out, &result);
	if (result.status == JQ_ELSEWHERE)
		return ask_worker(f, (struct slice){record->value.p, record->value.len},
			(struct sent){{record->p, record->len}, record->line, false}, err);
	return take_result(f, &result, (struct slice){record->p, record->len}, record->line, err);
}

static int take_native(struct filter *f, struct err *err)
{
	uint64_t kept = 0, dropped = 0;
	struct json_record record;
	const char *why = NULL;
	int64_t time_us;
	int result = 0;

	json_scan_batch(f->scan, f->in->p, f->in->len);
	while (!result && json_scan_next(f->scan, &record)) {
		if (record.status == JSON_BLANK) {
			f->opts.ledger->empty++;
			continue;
		}
		if (is_mark(f, &record) && mark_read(record.value, &time_us, &why) == 0) {
			if (!f->sink->is_topic)
				copy_line(f, record.p, record.len);
			continue;
		}
		/* the good ones of this batch are counted at its end */
		if ((record.status != JSON_OK || is_mark(f, &record)) && (kept || dropped))
			reject_note_good(f->opts.reject);
		if (is_mark(f, &record)) {
			result = reject_mark(f, &record, why, err);
			continue;
		}
		if (record.status != JSON_OK) {
			result = filter_reject_json(f, &record, err);
			continue;
		}
		switch (jq_judge(f->run, &record, f->out)) {
		case JQ_DROP:
			dropped++;
			break;
		case JQ_KEEP:
			copy_line(f, record.p, record.len);
			f->is_last_true = record.type != JSON_NULL && record.type != JSON_FALSE;
			kept++;
			break;
		case JQ_WROTE:
			f->is_last_true = true;
			kept++;
			break;
		case JQ_EVALUATE:
			result = evaluate(f, &record, err);
			break;
		}
		result = after_record(f, record.line, result, err);
	}
	flush_copy(f);
	f->opts.ledger->read += kept + dropped;
	f->opts.ledger->kept += kept;
	f->opts.ledger->filtered += dropped;
	f->opts.ledger->out += kept;
	f->outputs += kept;
	return result;
}

/* ---- lines as strings (-R) ---- */

int filter_each_line(struct filter *f, line_fn *fn, struct err *err)
{
	const char *p = f->in->p, *end = p + f->in->len;

	for (uint64_t line = 0; p < end; line++) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		struct slice text = {p, (size_t)(lf - p)};

		p = lf + 1;
		if (text.len && text.p[text.len - 1] == '\r')
			text.len--;
		if (!json_is_utf8(text.p, text.len)) {
			/* rejects come in the order of the lines */
			int result = f->run || f->reading ? 0 : take_answers(f, err);

			if (result)
				return result;
			f->opts.ledger->read++;
			if (filter_reject(f, REJECT_JSON, text, line, 0, SLICE_LIT("the line is not UTF-8"), err))
				return -1;
			continue;
		}
		if (after_record(f, line, fn(f, text, line, err), err))
			return -1;
	}
	return 0;
}

static int run_line(struct filter *f, struct slice text, uint64_t line, struct err *err)
{
	struct jq_result result;

	jq_run_place(f->run, f->in->name, f->in->first_line + line);
	jq_run_text(f->run, text, f->out, &result);
	if (result.status == JQ_ELSEWHERE)
		return ask_worker(f, text, (struct sent){text, line, false}, err);
	return take_result(f, &result, text, line, err);
}

/* ---- libjq ---- */

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

static int send_line(struct filter *f, struct slice text, uint64_t line, struct err *err)
{
	return send(f, text, text, line, err);
}

void filter_halt(struct filter *f, int status, struct slice message)
{
	f->is_halted = true;
	f->halt_status = status;
	buf_add_slice(&f->halt_message, message);
}

static int take_answer(struct filter *f, const struct sent *sent, const struct jqworker_answer *answer, struct err *err)
{
	if (answer->is_same)
		copy_line(f, sent->raw.p, sent->raw.len);
	else if (answer->out.len) {
		flush_copy(f);
		buf_add_slice(f->out, answer->out);
	}
	switch (answer->fate) {
	case JQWORKER_HALTED:
		filter_halt(f, answer->status, answer->message);
		count_fate(f, answer->outputs, answer->last == JQWORKER_LAST_TRUE);
		return 1;
	case JQWORKER_DONE:
		count_fate(f, answer->outputs, answer->last == JQWORKER_LAST_TRUE);
		return 0;
	case JQWORKER_ERROR:
	case JQWORKER_KILLED:
		break;
	}
	if (f->opts.is_null_input)
		return fail_run(answer->message, err);
	f->opts.ledger->read++;
	filter_count_outputs(f, answer->outputs, answer->last == JQWORKER_LAST_TRUE);
	return filter_reject(f, answer->fate == JQWORKER_ERROR ? REJECT_PROGRAM : REJECT_LIMIT, sent->raw, sent->line,
		0, answer->message, err);
}

static int take_answers(struct filter *f, struct err *err)
{
	struct jqworker_answer answer;
	int more, result = 0;

	for (size_t i = 0; result == 0 && i < f->n_sent; i++) {
		if (f->sent[i].is_mark) {
			if (!f->sink->is_topic)
				copy_line(f, f->sent[i].raw.p, f->sent[i].raw.len);
			continue;
		}
		more = jqworker_next(f->worker, &answer, err);
		if (more <= 0)
			return more;
		if (answer.notes.len)
			fwrite(answer.notes.p, 1, answer.notes.len, stderr);
		result = take_answer(f, &f->sent[i], &answer, err);
		result = after_record(f, f->sent[i].line, result, err);
	}
	f->n_sent = 0;
	return result;
}

/* What was sent is answered before a bad record is told, so rejects come in the order of the lines. */
static int send_records(struct filter *f, struct err *err)
{
	struct json_record record;
	const char *why = NULL;
	int64_t time_us;
	int result = 0;

	json_scan_batch(f->scan, f->in->p, f->in->len);
	while (!result && json_scan_next(f->scan, &record)) {
		if (record.status == JSON_BLANK) {
			f->opts.ledger->empty++;
		} else if (is_mark(f, &record) && mark_read(record.value, &time_us, &why) == 0) {
			filter_note_sent(f, (struct slice){record.p, record.len}, record.line, true);
		} else if (is_mark(f, &record)) {
			result = take_answers(f, err);
			if (!result)
				result = reject_mark(f, &record, why, err);
		} else if (record.status == JSON_OK) {
			result = send(f, (struct slice){record.value.p, record.value.len},
				(struct slice){record.p, record.len}, record.line, err);
		} else {
			result = take_answers(f, err);
			if (!result)
				result = filter_reject_json(f, &record, err);
		}
	}
	return result;
}

static int take_libjq(struct filter *f, struct err *err)
{
	int result = f->opts.is_raw_input ? filter_each_line(f, send_line, err) : send_records(f, err);

	if (!result)
		result = take_answers(f, err);
	flush_copy(f);
	return result;
}

/* RFC 7464: a separator stands in front of each record. */
static void take_separators(struct filter *f, struct batch *in)
{
	char *to;

	buf_reset(&f->plain);
	to = buf_reserve(&f->plain, in->len + JSON_PAD_BYTES);
	for (size_t i = 0; i < in->len; i++)
		if (in->p[i] != '\x1e' || (i && in->p[i - 1] != '\n'))
			*to++ = in->p[i];
	in->p = f->plain.p;
	in->len = (size_t)(to - f->plain.p);
}

static int take_batch(struct stage *g, struct batch *in, struct buf *out, struct err *err)
{
	struct filter *f = (struct filter *)g;

	f->in = in;
	f->out = out;
	f->noted_bytes = out->len;
	if (f->opts.format.is_seq && !f->opts.is_raw_input)
		take_separators(f, in);
	if (f->reading)
		return reading_batch(f, err);
	if (f->run)
		jq_run_place(f->run, in->name, in->first_line);
	if (!f->run)
		return take_libjq(f, err);
	return f->opts.is_raw_input ? filter_each_line(f, run_line, err) : take_native(f, err);
}

/* ---- open and close ---- */

static void close_stage(struct stage *g)
{
	filter_close((struct filter *)g);
}

static int end(struct stage *g, bool is_stopped, struct buf *out, struct err *err)
{
	struct filter *f = (struct filter *)g;

	f->out = out;
	return f->reading ? reading_end(f, is_stopped, err) : 0;
}

static const struct stage_ops ops = {.batch = take_batch, .end = end, .close = close_stage};

struct stage *filter_stage(struct filter *f, struct sink *sink)
{
	f->sink = sink;
	return &f->stage;
}

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

static int open_worker(struct filter *f, struct err *err)
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
		.is_proven = f->run != NULL,
		.workers = 1};

	if (f->opts.is_reading)
		f->reading = reading_open(f, &opts, err);
	else
		f->worker = jqworker_open(&opts, err);
	free(program);
	return f->worker || f->reading ? 0 : -1;
}

/* What the options ask of the evaluator and the program does not have. */
static int check_evaluator(const struct filter *f, bool is_native, struct err *err)
{
	if (f->opts.evaluator == FILTER_NATIVE && !is_native)
		return err_set(err, ERR_PROGRAM, "--evaluator=native: only libjq runs %s",
			f->opts.is_reading ? "programs that read by themselves" : jq_foreign(f->program));
	if (!is_native && jq_is_native_only(f->program))
		return err_set(err, ERR_PROGRAM,
			"%s: tlm:: functions, input_line_number and input_filename are native only",
			f->opts.is_reading ? "a program that reads by itself" : "--evaluator=libjq");
	return 0;
}

struct filter *filter_open(const struct filter_opts *opts, size_t *at, struct err *err)
{
	struct filter *f = mem_alloc(1, sizeof *f);
	/* -n is one run that its user waits for, not one of many records */
	const struct jq_limits unlimited = {UINT64_MAX, UINT64_MAX};
	const struct jq_setup setup = {opts->vars, opts->n_vars, jqworker_has_1_7() ? JQ_DIALECT_1_7 : JQ_DIALECT_1_6};
	bool is_native;

	f->stage.ops = &ops;
	f->opts = *opts;
	f->program = jq_program_open(opts->program, &setup, at, err);
	if (!f->program)
		goto fail;
	*at = SIZE_MAX;
	f->calls_input = opts->is_slurp || opts->is_stream || jq_input_call(f->program);
	is_native = opts->evaluator != FILTER_LIBJQ && !jq_foreign(f->program) && !f->calls_input;
	f->opts.is_reading = f->calls_input || (opts->is_null_input && !is_native);
	/* the one input is null, not a line of text */
	if (opts->is_null_input && !f->calls_input)
		f->opts.is_raw_input = false;
	if (f->opts.is_reading && opts->has_marks) {
		err_set(err, ERR_USAGE, "--marks: a program that reads by itself has no place for them");
		goto fail;
	}
	if (check_evaluator(f, is_native, err))
		goto fail;
	if (is_native)
		f->run = jq_run_open(f->program, &opts->format, opts->is_null_input ? &unlimited : NULL);
	else if (open_worker(f, err))
		goto fail;
	f->scan = json_scan_open(is_native ? jq_paths(f->program) : NULL, opts->max_depth);
	return f;
fail:
	filter_close(f);
	return NULL;
}

const char *filter_lines(const struct filter *f)
{
	if (!f->opts.is_null_input || f->calls_input)
		return NULL;
	return f->reading ? "" : "null\n";
}

void filter_close(struct filter *f)
{
	if (!f)
		return;
	jqworker_close(f->worker);
	reading_close(f->reading);
	jq_run_close(f->run);
	json_scan_close(f->scan);
	jq_program_close(f->program);
	buf_release(&f->halt_message);
	buf_release(&f->plain);
	free(f->sent);
	free(f);
}

void filter_explain(const struct filter *f, struct buf *out)
{
	if (f->reading)
		buf_addf(out, "evaluator: libjq, in one process, because of %s\n",
			f->opts.is_slurp         ? "--slurp"
			: f->opts.is_stream      ? "--stream"
			: f->calls_input         ? jq_input_call(f->program)
			: jq_foreign(f->program) ? jq_foreign(f->program)
						 : "--evaluator=libjq");
	else if (f->run || jq_foreign(f->program))
		jq_explain(f->program, out);
	else
		buf_add_str(out, "evaluator: libjq, in a worker process, because of --evaluator=libjq\n");
}

int filter_verdict(const struct filter *f)
{
	if (!f->outputs)
		return STATUS_NO_OUTPUT;
	return f->is_last_true ? STATUS_OK : STATUS_NO;
}

bool filter_halted(const struct filter *f, int *status, struct buf *message)
{
	if (!f->is_halted)
		return false;
	*status = f->halt_status;
	buf_add_slice(message, buf_slice(&f->halt_message));
	return true;
}
