#include "reader.h"

#include <inttypes.h>
#include <stdlib.h>

#include "held.h"
#include "json/json.h"
#include "mark/mark.h"
#include "mem/mem.h"
#include "source/source.h"

enum { BATCHES_A_TURN = 8 }; /* without a record: a sort window takes in much, and all may be rejected */

struct reader {
	const struct replay_opts *opts;
	struct tool *tool;
	const char *name;
	bool is_repeat;
	struct source *source;
	struct csv *csv; /* NULL: NDJSON */
	struct csv_opts csv_opts;
	struct json_paths *paths;
	struct json_scan *scan;
	struct batch batch;
	struct batch place; /* of the input alone, for rejects of CSV */
	struct buf lines;   /* made of CSV, or of the good ones among bad */
	struct buf tmp;
	uint64_t max;     /* of reader_text(): no row behind so many good ones is looked at; 0: no limit */
	bool is_bulk;     /* reader_text() is what is called */
	struct held held; /* else: bad rows of CSV in the batch */
	unsigned n_batches;
	bool has_text, has_long, has_ended, is_stopped;
	bool has_good; /* a record of it was good, and the rejects know */
	bool has_stop; /* the rejects said stop; told when what was good before has gone out */
	struct err stop_err;
};

static int reject_now(struct reader *in, const struct csv_bad *bad, struct err *err)
{
	in->tool->ledger.read++;
	in->is_stopped = reject_add(in->tool->reject, REJECT_CSV, &in->place, bad->line, bad->byte, bad->raw,
				 bad->raw.len, err, "%s", bad->message) != 0;
	return in->is_stopped ? -1 : 0;
}

/* The bad rows of CSV that stand before the n_good-th good one of the batch. */
static int reject_held(struct reader *in, size_t n_good, struct err *err)
{
	struct csv_bad bad;

	while (held_take(&in->held, n_good, &bad)) {
		if (reject_now(in, &bad, err))
			return -1;
	}
	return 0;
}

static int reject_row(void *context, const struct csv_bad *bad, struct err *err)
{
	struct reader *in = context;
	size_t n_good;

	csv_rows(in->csv, &n_good);
	if (in->is_repeat || (in->max && n_good >= in->max))
		return 0;
	if (!in->is_bulk) {
		held_add(&in->held, bad, n_good);
		return 0;
	}
	if (n_good)
		reject_note_good(in->tool->reject);
	return reject_now(in, bad, err);
}

static int open_csv(struct reader *in, enum input_kind kind, struct err *err)
{
	const struct replay_opts *o = in->opts;

	in->csv_opts = (struct csv_opts){
		.delimiter = o->delimiter_char   ? o->delimiter_char
			     : kind == INPUT_TSV ? '\t'
						 : ',',
		.header = o->header,
		.types = o->types,
		.skip_lines = (uint32_t)o->skip_lines,
		.no_infer = o->no_infer,
		.empty = (enum csv_empty)o->empty,
		.is_latin1 = o->encoding == 1,
		.row_max_bytes = in->tool->common.max_line_bytes,
	};
	in->csv = csv_open(&in->csv_opts, reject_row, in, err);
	return in->csv ? 0 : -1;
}

struct reader *reader_open(const struct replay_opts *o, struct tool *t, const char *name, uint32_t ordinal,
	bool is_repeat, struct err *err)
{
	struct reader *in = mem_alloc(1, sizeof *in);
	enum input_kind kind = replay_opts_kind(o, name);

	in->opts = o;
	in->tool = t;
	in->name = name;
	in->is_repeat = is_repeat;
	batch_init(&in->batch);
	in->place.name = name;
	in->place.input = ordinal;
	if (kind != INPUT_NDJSON && open_csv(in, kind, err)) {
		reader_close(in);
		return NULL;
	}
	if (o->needs_time) {
		in->paths = json_paths_open();
		json_paths_add(in->paths, &o->field.path);
	}
	in->source = source_files(&in->name, 1, t->common.max_line_bytes);
	return in;
}

/* What reading needs, a quarter of a MiB: there may be thousands of inputs that have ended, or not begun. */
static void let_go(struct reader *in)
{
	csv_close(in->csv);
	in->csv = NULL;
	json_scan_close(in->scan);
	in->scan = NULL;
	batch_release(&in->batch);
	buf_release(&in->lines);
	held_release(&in->held);
	buf_release(&in->tmp);
}

void reader_close(struct reader *in)
{
	if (!in)
		return;
	let_go(in);
	source_close(in->source);
	json_paths_close(in->paths);
	free(in);
}

/* What the reader of CSV said no to ends the input, what the rejects said no to ends the run. */
static enum reader_result fail(struct reader *in, struct err *err)
{
	err_at(err, in->name, err->line, err->byte);
	in->has_ended = !in->is_stopped;
	return in->is_stopped ? READ_STOP : READ_ERROR;
}

/* What was good before the rejects said stop goes out first. False where nothing is put off. */
static bool can_put_off(struct reader *in, enum reader_result got, struct err *err)
{
	if (got != READ_STOP)
		return false;
	in->has_stop = true;
	in->stop_err = *err;
	err_reset(err);
	return true;
}

static void count_empty(struct reader *in, uint64_t n)
{
	if (!in->is_repeat)
		in->tool->ledger.empty += n;
}

/* CSV: the batch becomes in->lines, one for each row; with -1 those before the one that said stop. */
static int convert(struct reader *in, struct err *err)
{
	int r = 0;

	buf_reset(&in->lines);
	if (in->batch.kind == BATCH_LINES)
		r = csv_feed(in->csv, in->batch.p, in->batch.len, in->batch.first_line, &in->lines, err);
	else if (in->batch.kind == BATCH_TOO_LONG)
		r = csv_break(in->csv, &in->lines, err);
	else
		r = csv_end(in->csv, &in->lines, err);
	count_empty(in, csv_take_empty(in->csv));
	memset(buf_reserve(&in->lines, JSON_PAD_BYTES), 0, JSON_PAD_BYTES);
	return r;
}

static int reject_long(struct reader *in, struct err *err)
{
	const struct batch *b = &in->batch;

	in->has_long = false;
	in->tool->ledger.read++;
	in->is_stopped =
		reject_add(in->tool->reject, REJECT_TOO_LONG, b, b->first_line, 0, (struct slice){b->p, b->len},
			b->long_bytes, err, "the line has %" PRIu64 " bytes, more than --max-line", b->long_bytes) != 0;
	return in->is_stopped ? -1 : 0;
}

/* Gets the next lines of JSON: into in->lines (CSV) or in->batch. READ_RECORD when there are some. */
static enum reader_result fill(struct reader *in, struct slice *text, struct err *err)
{
	for (;;) {
		enum source_result got;

		if (in->has_long && reject_long(in, err))
			return fail(in, err);
		if (in->has_stop) {
			in->has_stop = false;
			*err = in->stop_err;
			return READ_STOP;
		}
		if (in->has_ended) {
			let_go(in);
			return READ_END;
		}
		if (++in->n_batches % BATCHES_A_TURN == 0)
			return READ_AGAIN;
		got = source_next(in->source, &in->batch, err);
		if (got == SOURCE_ERROR)
			return READ_ERROR;
		if (got == SOURCE_WAIT)
			return READ_WAIT;
		if (got == SOURCE_END || in->batch.kind == BATCH_INPUT_END)
			in->has_ended = true;
		if (got == SOURCE_END)
			continue;
		in->has_long = in->batch.kind == BATCH_TOO_LONG && !in->is_repeat;
		if (!in->is_repeat)
			in->tool->ledger.bytes_in += in->has_long ? in->batch.long_bytes : in->batch.len;
		*text = (struct slice){in->batch.p, in->batch.kind == BATCH_LINES ? in->batch.len : 0};
		if (in->csv) {
			enum reader_result failed = convert(in, err) ? fail(in, err) : READ_RECORD;

			if (failed != READ_RECORD && !can_put_off(in, failed, err))
				return failed;
			*text = buf_slice(&in->lines);
		}
		if (text->len)
			return READ_RECORD;
		if (reject_held(in, 0, err))
			return fail(in, err);
	}
}

static void scan(struct reader *in, struct slice text)
{
	if (!in->scan)
		in->scan = json_scan_open(in->paths, (int)in->tool->common.max_depth);
	json_scan_batch(in->scan, text.p, text.len);
}

void reader_end(struct reader *in)
{
	in->has_ended = true;
}

/* ---- records one by one ---- */

/* Where a record came from, for its reject: the row of a CSV, else the line itself. */
static struct slice find_origin(const struct reader *in, const struct json_record *j, uint64_t *line)
{
	size_t n;

	if (in->csv) {
		const struct csv_row *row = &csv_rows(in->csv, &n)[j->line];

		*line = row->line;
		return (struct slice){row->p, row->len};
	}
	*line = in->batch.first_line + j->line;
	return (struct slice){j->p, j->len};
}

/* The first line of an input has cells, not JSON: its user forgot to say so. */
static void hint_at_csv(const struct reader *in, uint64_t line, struct slice raw)
{
	if (in->csv || in->opts->is_ndjson || line != 1 || in->is_repeat || in->tool->common.is_quiet || raw.len == 0)
		return;
	if (strchr("{[\"", raw.p[0]) || !(memchr(raw.p, ',', raw.len) || memchr(raw.p, '\t', raw.len)))
		return;
	tool_warn(in->tool, "%s: looks like CSV or TSV: say --csv or --tsv", in->name);
}

static enum reader_result reject(struct reader *in, const struct json_record *j, enum reject_reason reason,
	const char *subject, const char *what, struct err *err)
{
	uint64_t line;
	struct slice raw = find_origin(in, j, &line);
	bool has_byte = j->status == JSON_BAD || j->status == JSON_TOO_DEEP;

	if (in->is_repeat)
		return READ_RECORD;
	in->tool->ledger.read++;
	if (reason == REJECT_JSON)
		hint_at_csv(in, line, raw);
	if (reject_add(in->tool->reject, reason, &in->place, line, has_byte ? j->byte : 0, raw, raw.len, err, "%s%s%s",
		    subject, *subject ? " " : "", what) == 0)
		return READ_RECORD;
	in->is_stopped = true;
	return fail(in, err);
}

/* Where marks are made those of the input go; true: it was one. A bad one is rejected. */
static bool drop_mark(struct reader *in, const struct json_record *j, enum reader_result *result, struct err *err)
{
	const char *why;
	int64_t time_us;

	if (!in->opts->marks_us || in->csv || !mark_is(j->p, j->len))
		return false;
	if (mark_read(j->value, &time_us, &why))
		*result = reject(in, j, REJECT_MARK, "", why, err);
	return true;
}

/* Whether the record is not good: it is counted and rejected then, *result says what the rejects said. */
static bool refuse(struct reader *in, const struct json_record *j, enum reader_result *result, struct err *err)
{
	*result = READ_RECORD;
	if (j->status == JSON_OK)
		return drop_mark(in, j, result, err);
	if (j->status == JSON_BLANK)
		count_empty(in, 1);
	else
		*result = reject(in, j, j->status == JSON_BAD ? REJECT_JSON : REJECT_TOO_DEEP, "", j->message, err);
	return true;
}

/* Puts the time of the record into r. READ_RECORD; *is_timed says whether it has one. */
static enum reader_result find_time(
	struct reader *in, const struct json_record *j, struct record *r, bool *is_timed, struct err *err)
{
	const struct timefield *field = &in->opts->field;
	const char *why = NULL;

	*is_timed = false;
	if (j->type != JSON_OBJECT)
		return reject(in, j, REJECT_NOT_OBJECT, "", "is not an object", err);
	if (timefield_get(field, j->spans[0], &in->tmp, &r->time_us, &why))
		return reject(in, j, REJECT_NO_TIME, field->path.text, why, err);
	*is_timed = true;
	r->time_at = (uint32_t)(j->spans[0].p - j->p);
	r->time_len = j->spans[0].len;
	r->time_type = j->spans[0].type;
	return READ_RECORD;
}

/* Told at once: a merge holds the record, or its caller leaves it out, while another input is read. */
static void note_good(struct reader *in)
{
	if (!in->has_good)
		reject_note_good(in->tool->reject);
	in->has_good = true;
}

enum reader_result reader_next(struct reader *in, struct record *r, struct err *err)
{
	struct json_record j;
	struct slice text;
	enum reader_result got;

	for (;;) {
		bool is_timed = true;

		if (!in->has_text) {
			got = fill(in, &text, err);
			if (got != READ_RECORD)
				return got;
			scan(in, text);
			in->has_text = true;
		}
		if (!json_scan_next(in->scan, &j)) {
			in->has_text = false;
			if (reject_held(in, SIZE_MAX, err))
				return fail(in, err);
			continue;
		}
		if (in->held.rows.len && reject_held(in, j.line, err))
			return fail(in, err);
		if (refuse(in, &j, &got, err)) {
			if (got != READ_RECORD)
				return got;
			continue;
		}
		*r = (struct record){.p = j.p, .len = j.len};
		if (in->opts->needs_time) {
			got = find_time(in, &j, r, &is_timed, err);
			if (got != READ_RECORD)
				return got;
		}
		if (is_timed) {
			note_good(in);
			find_origin(in, &j, &r->line);
			return READ_RECORD;
		}
	}
}

/* ---- in bulk ---- */

/* Cuts text behind its max-th line; *n lines are left. */
static void cut_lines(struct slice *text, uint64_t *n, uint64_t max)
{
	const char *p = text->p;

	if (!max || *n <= max)
		return;
	for (uint64_t i = 0; i < max; i++)
		p = (const char *)memchr(p, '\n', text->len - (size_t)(p - text->p)) + 1;
	text->len = (size_t)(p - text->p);
	*n = max;
}

static void count_good(struct reader *in, uint64_t n)
{
	if (!in->is_repeat)
		in->tool->ledger.read += n;
}

/*
 * Checks the lines of the batch. While all are good and none is blank or ends in CR LF, the answer is the batch itself;
 * from the first one that is not, good records are copied in runs.
 */
static enum reader_result check_lines(struct reader *in, struct slice *text, uint64_t *n, uint64_t max, struct err *err)
{
	const char *run = text->p, *next = text->p;
	struct json_record j;
	enum reader_result got;

	*n = 0;
	buf_reset(&in->lines);
	scan(in, *text);
	while ((!max || *n < max) && json_scan_next(in->scan, &j)) {
		bool is_bad = refuse(in, &j, &got, err), is_plain = !is_bad && j.p == next && j.p[j.len] == '\n';

		if (is_bad && got != READ_RECORD) {
			if (!can_put_off(in, got, err))
				return got;
			break;
		}
		count_good(in, !is_bad);
		*n += !is_bad;
		if (!is_plain) {
			buf_add(&in->lines, run, (size_t)(next - run));
			if (!is_bad) {
				buf_add(&in->lines, j.p, j.len);
				buf_add_char(&in->lines, '\n');
			}
		}
		next = j.p + j.len;
		next += *next == '\r';
		next++;
		if (!is_plain)
			run = next;
	}
	if (run == text->p && in->lines.len == 0) {
		*text = (struct slice){run, (size_t)(next - run)};
		return READ_RECORD;
	}
	buf_add(&in->lines, run, (size_t)(next - run));
	buf_reserve(&in->lines, JSON_PAD_BYTES);
	*text = buf_slice(&in->lines);
	return READ_RECORD;
}

enum reader_result reader_text(struct reader *in, struct slice *text, uint64_t *n, uint64_t max, struct err *err)
{
	enum reader_result got;
	size_t n_rows;

	in->max = max;
	in->is_bulk = true;
	got = fill(in, text, err);
	if (got != READ_RECORD)
		return got;
	if (in->csv) {
		csv_rows(in->csv, &n_rows);
		*n = n_rows;
		cut_lines(text, n, max);
		count_good(in, *n);
	} else {
		got = check_lines(in, text, n, max, err);
	}
	return got;
}

const char *reader_name(const struct reader *in)
{
	return in->name;
}

void reader_wait(struct reader *in, int64_t until_us)
{
	in->source->ops->wait(in->source, until_us);
}

void reader_progress(const struct reader *in, uint64_t *read_bytes, uint64_t *total_bytes)
{
	*read_bytes = *total_bytes = 0;
	if (in->source->ops->progress)
		in->source->ops->progress(in->source, read_bytes, total_bytes);
}
