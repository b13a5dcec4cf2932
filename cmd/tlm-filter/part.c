/*
 * A part: lines of a batch, what the program made of them, and those that failed; settled by the thread of the stage,
 * which alone writes to the books, the rejects and the sink.
 */
#include <stdlib.h>
#include <string.h>

#include "filter_impl.h"
#include "mem/mem.h"

enum { OUT_KEPT_BYTES = 16 << 20 }; /* of an output buffer between batches */

/* ---- lines in ---- */

/* RFC 7464: a separator stands in front of each record. */
static void take_separators(struct part *p)
{
	struct slice in = p->lines;
	char *to;

	buf_reset(&p->plain);
	to = buf_reserve(&p->plain, in.len + JSON_PAD_BYTES);
	for (size_t i = 0; i < in.len; i++)
		if (in.p[i] != '\x1e' || (i && in.p[i - 1] != '\n'))
			*to++ = in.p[i];
	p->lines = (struct slice){p->plain.p, (size_t)(to - p->plain.p)};
}

/* in and out of the part are set. */
void filter_part_begin(struct part *p, const struct filter *f, struct slice lines, uint64_t line)
{
	p->filter = f;
	p->lines = lines;
	p->at = 0;
	p->line = line;
	p->is_elsewhere = false;
	p->noted_bytes = p->out->len;
	p->fates = (struct fates){0};
	if (f->opts.format.is_seq && !f->opts.is_raw_input)
		take_separators(p);
}

void filter_part_release(struct part *p)
{
	free(p->failures);
	free(p->sent);
	buf_release(&p->texts);
	buf_release(&p->own_out);
	buf_release(&p->own_origins);
	buf_release(&p->plain);
}

bool filter_part_is_done(const struct part *p)
{
	return p->at == p->lines.len && !p->is_elsewhere;
}

/* The next line as text; false behind the last one. */
bool filter_next_line(const char **at, const char *end, struct slice *text)
{
	const char *lf;

	if (*at == end)
		return false;
	lf = memchr(*at, '\n', (size_t)(end - *at));
	*text = (struct slice){*at, (size_t)(lf - *at)};
	*at = lf + 1;
	return true;
}

uint64_t filter_place(const struct part *p, uint64_t line, const char **input)
{
	bool is_none = p->filter->opts.is_null_input && !p->filter->reading;

	*input = is_none ? "-" : p->in.name;
	return is_none ? 0 : p->in.first_line + line;
}

/* ---- lines out ---- */

void filter_flush_copy(struct part *p)
{
	if (p->copy_from)
		buf_add(p->out, p->copy_from, (size_t)(p->copy_to - p->copy_from));
	p->copy_from = p->copy_to = NULL;
}

/* The line as it came, a CR before its LF left out. Neighbours leave in one piece. */
void filter_copy_line(struct part *p, struct slice raw)
{
	if (p->copy_to == raw.p && raw.p[raw.len] == '\n') {
		p->copy_to += raw.len + 1;
		return;
	}
	filter_flush_copy(p);
	if (raw.p[raw.len] == '\n') {
		p->copy_from = raw.p;
		p->copy_to = raw.p + raw.len + 1;
		return;
	}
	buf_add(p->out, raw.p, raw.len);
	buf_add_char(p->out, '\n');
}

/* Each line that was made since the last call is of this record. */
void filter_note_origins(struct part *p, uint64_t line)
{
	const char *at, *end;
	size_t n = 0;

	filter_flush_copy(p);
	end = p->out->p + p->out->len;
	for (at = p->out->p + p->noted_bytes; at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
		n++;
	batch_note(&p->in, line, n);
	p->noted_bytes = p->out->len;
}

/* ---- records that failed ---- */

static size_t origins_bytes(const struct part *p)
{
	return p->in.origins ? p->in.origins->len : 0;
}

/* raw is borrowed from the batch; outputs of the record are there already. */
void filter_fail(
	struct part *p, enum reject_reason reason, struct slice raw, uint64_t line, uint64_t byte, struct slice message)
{
	struct failure *e;

	filter_flush_copy(p);
	filter_note_lines(p, line);
	if (p->n_failures == p->cap_failures) {
		p->cap_failures = p->cap_failures ? 2 * p->cap_failures : 16;
		p->failures = mem_resize(p->failures, p->cap_failures, sizeof *p->failures);
	}
	e = &p->failures[p->n_failures++];
	*e = (struct failure){
		reason, raw, line, byte, p->texts.len, message.len, p->fates, p->out->len, origins_bytes(p)};
	buf_add_slice(&p->texts, message);
	p->fates = (struct fates){0};
}

void filter_fail_json(struct part *p, const struct json_record *record)
{
	enum reject_reason reason = record->status == JSON_BAD ? REJECT_JSON : REJECT_TOO_DEEP;

	filter_fail(p, reason, (struct slice){record->p, record->len}, record->line, record->byte,
		slice_str(record->message));
}

/* ---- settling ---- */

static void count(struct filter *f, const struct fates *fates)
{
	struct ledger *l = f->opts.ledger;

	l->read += fates->kept + fates->filtered;
	l->kept += fates->kept;
	l->filtered += fates->filtered;
	l->empty += fates->empty;
	l->out += fates->outputs;
	f->outputs += fates->outputs;
	if (fates->outputs)
		f->is_last_true = fates->is_last_true;
}

/* The run ends at this record: what was made behind it is no part of it. */
static void cut(struct part *p, const struct failure *e)
{
	p->copy_from = p->copy_to = NULL;
	p->out->len = e->out_bytes;
	if (p->in.origins)
		p->in.origins->len = e->origins_bytes;
	p->fates = (struct fates){0};
}

static int tell(struct filter *f, struct part *p, const struct failure *e, struct err *err)
{
	struct slice message = {p->texts.p + e->text_at, e->text_bytes};

	count(f, &e->before);
	/* of -n it is not one of many records that failed */
	if (f->opts.is_null_input && !f->reading)
		return err_set(err, ERR_DATA, "the program failed: %.*s", (int)message.len, message.p);
	f->opts.ledger->read++;
	return reject_add(f->opts.reject, e->reason, &p->in, p->in.first_line + e->line, e->byte, e->raw, e->raw.len,
		err, "%.*s", (int)message.len, message.p);
}

/* What the books and the rejects shall know of a part so far. 0, or -1: the run ends, what stands is in out. */
int filter_settle(struct filter *f, struct part *p, struct err *err)
{
	int result = 0;

	for (size_t i = 0; i < p->n_failures && result == 0; i++) {
		result = tell(f, p, &p->failures[i], err);
		if (result)
			cut(p, &p->failures[i]);
	}
	count(f, &p->fates);
	p->fates = (struct fates){0};
	p->n_failures = 0;
	buf_reset(&p->texts);
	return result;
}

/* Lines that leave as they are, and nothing beside them, leave from where they were read. */
int filter_write(struct filter *f, struct part *p, struct err *err)
{
	struct batch b = p->in;

	if (p->copy_from && !p->out->len) {
		b.p = p->copy_from;
		b.len = (size_t)(p->copy_to - p->copy_from);
		p->copy_from = p->copy_to = NULL;
	} else {
		filter_flush_copy(p);
		buf_reserve(p->out, JSON_PAD_BYTES);
		b.p = p->out->p;
		b.len = p->out->len;
	}
	if (!b.origins || !b.origins->len)
		b.records = NULL;
	if (b.len && f->sink->ops->write(f->sink, &b, err))
		return -1;
	p->noted_bytes = 0;
	if (b.origins)
		buf_reset(b.origins);
	f->opts.ledger->bytes_out += b.len;
	if (p->out->cap > OUT_KEPT_BYTES)
		buf_release(p->out);
	buf_reset(p->out);
	return 0;
}

/* What a batch of any number of large outputs gives is written in constant memory. */
int filter_spill(struct filter *f, struct part *p, struct err *err)
{
	filter_flush_copy(p);
	return p->out->len < FILTER_SPILL_BYTES ? 0 : filter_write(f, p, err);
}
