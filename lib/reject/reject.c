#include "reject/reject.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"
#include "mem/mem.h"
#include "sink/sink.h"

#define CSV_HINT " (tlm-replay reads CSV and TSV)"

enum { ROWS_BYTES = 64 << 10, LAST_BYTES = 100 };

struct reject {
	struct reject_opts opts;
	struct ledger *ledger;
	struct sink *sink;             /* NULL: the short form, or a dry run */
	struct buf rows;               /* not yet handed to the sink */
	char place[BATCH_PLACE_BYTES]; /* of the last one, where it is a message: an error may borrow it */
	uint64_t line;                 /* of the last one */
	bool has_good;                 /* a record was good, whatever the books say */
	bool has_stopped;              /* the run must stop because of the last one */
	bool has_csv;                  /* an input with rejects is called CSV, which this tool does not read */
};

struct reject *reject_open(const struct reject_opts *opts, struct ledger *ledger, struct err *err)
{
	struct reject *r = mem_alloc(1, sizeof *r);

	r->opts = *opts;
	r->ledger = ledger;
	if (opts->place && !opts->is_dry_run && !opts->is_set_later) {
		r->sink = opts->is_appended ? sink_file_append(opts->place, err) : sink_file(opts->place, err);
		if (!r->sink) {
			free(r);
			return NULL;
		}
	}
	return r;
}

void reject_close(struct reject *r)
{
	if (!r)
		return;
	sink_close(r->sink);
	buf_release(&r->rows);
	free(r);
}

void reject_set_sink(struct reject *r, struct sink *k)
{
	r->sink = k;
}

uint64_t reject_last_line(const struct reject *r)
{
	return r->line;
}

void reject_note_good(struct reject *r)
{
	r->has_good = true;
}

/* ---- rows ---- */

void reject_add_raw(struct buf *out, struct slice raw)
{
	size_t start = out->len;

	buf_add_str(out, ",\"raw\":");
	if (json_try_string(out, raw))
		return;
	out->len = start;
	buf_add_str(out, ",\"raw_b64\":\"");
	buf_add_base64(out, raw.p, raw.len);
	buf_add_char(out, '"');
}

/* Names of files and messages may hold any byte: one that is not UTF-8 becomes U+FFFD. */
void reject_add_text(struct buf *out, const char *text)
{
	struct buf clean = BUF_INIT;
	size_t len = strlen(text);

	if (json_try_string(out, (struct slice){text, len}))
		return;
	for (size_t i = 0; i < len;) {
		size_t n = 1;

		while (n < 4 && i + n < len && !json_is_utf8(text + i, n))
			n++;
		if (json_is_utf8(text + i, n)) {
			buf_add(&clean, text + i, n);
			i += n;
		} else {
			buf_add_str(&clean, "\xef\xbf\xbd");
			i++;
		}
	}
	json_add_string(out, buf_slice(&clean));
	buf_release(&clean);
}

void reject_add_place(struct buf *out, const struct batch *b, uint64_t line)
{
	buf_add_str(out, ",\"source\":");
	if (!b->records) {
		reject_add_text(out, b->name);
		buf_addf(out, ",\"line\":%llu", (unsigned long long)line);
		return;
	}
	buf_addf(out, "\"kafka:%s\",\"partition\":%d,\"offset\":%lld", b->topic, (int)b->partition,
		(long long)b->records[line - b->first_line].offset);
}

static void add_row(struct reject *r, enum reject_reason reason, const struct batch *b, uint64_t line, uint64_t byte,
	const char *message, struct slice raw, uint64_t raw_bytes)
{
	struct buf *out = &r->rows;

	buf_addf(out, "{\"reason\":\"%s\"", reject_reason_name(reason));
	reject_add_place(out, b, line);
	if (byte)
		buf_addf(out, ",\"byte\":%llu", (unsigned long long)byte);
	buf_add_str(out, ",\"message\":");
	reject_add_text(out, message);
	reject_add_raw(out, raw);
	if (raw_bytes != raw.len)
		buf_addf(out, ",\"raw_bytes\":%llu", (unsigned long long)raw_bytes);
	buf_addf(out, ",\"tool\":\"%s\"}\n", r->ledger->tool);
}

/* ---- the short form ---- */

/* Whether the name says CSV ("x.csv", "x.tsv.zst"), which only tlm-replay reads. */
static bool is_foreign_csv(const struct reject *r, const char *name)
{
	return (strstr(name, ".csv") || strstr(name, ".tsv")) && strcmp(r->ledger->tool, "tlm-replay") != 0;
}

static void say_one(struct reject *r, const struct err *what)
{
	char text[512];

	err_format(what, text, sizeof text);
	meter_say(r->opts.meter, r->ledger->tool, text);
}

static void say_totals(struct reject *r)
{
	const struct ledger *l = r->ledger;
	struct buf line = BUF_INIT;
	bool is_first = true;

	buf_addf(&line, "%llu of %llu records rejected:", (unsigned long long)l->rejected, (unsigned long long)l->read);
	for (int i = 0; i < REJECT_REASONS; i++) {
		if (!l->rejects[i])
			continue;
		buf_addf(&line, "%s %llu %s", is_first ? "" : ",", (unsigned long long)l->rejects[i],
			reject_reason_name((enum reject_reason)i));
		is_first = false;
	}
	buf_add_str(&line, r->has_csv ? CSV_HINT : " (--rejects FILE keeps them)");
	meter_say(r->opts.meter, l->tool, buf_cstr(&line));
	buf_release(&line);
}

/* ---- one record ---- */

/* Whether the run must stop now; what holds the place and the message of this record. */
static int judge(const struct reject *r, const struct err *what, struct err *err)
{
	const struct ledger *l = r->ledger;

	if (r->opts.is_strict) {
		if (err->code == ERR_NONE)
			*err = *what;
		return -1;
	}
	if (r->opts.max && l->rejected >= r->opts.max)
		return err_set(err, ERR_DATA, "%llu record%s rejected, the limit of --max-rejects",
			(unsigned long long)l->rejected, l->rejected == 1 ? "" : "s");
	if (l->rejected == REJECT_FIRST_RECORDS && l->read == l->rejected && !r->has_good) {
		err_set(err, ERR_DATA, "the first %d records were all rejected, the last one: %.*s%s",
			(int)REJECT_FIRST_RECORDS, (int)err_trim(what->msg, strnlen(what->msg, LAST_BYTES)), what->msg,
			is_foreign_csv(r, what->input) ? CSV_HINT : "");
		return err_at(err, what->input, what->line, what->byte);
	}
	return 0;
}

int reject_add(struct reject *r, enum reject_reason reason, const struct batch *b, uint64_t line, uint64_t byte,
	struct slice raw, uint64_t raw_bytes, struct err *err, const char *fmt, ...)
{
	struct err what = {.code = ERR_DATA, .byte = byte};
	va_list ap;

	what.input = batch_place(b, line, r->place, &what.line);
	r->line = line;
	if (b->records && raw_bytes == raw.len && b->records[line - b->first_line].value.p) {
		raw = b->records[line - b->first_line].value;
		raw_bytes = raw.len;
	}
	va_start(ap, fmt);
	err_print(what.msg, sizeof what.msg, fmt, ap);
	va_end(ap);
	r->ledger->rejected++;
	r->ledger->rejects[reason]++;
	r->has_csv |= reason == REJECT_JSON && is_foreign_csv(r, b->name);
	if (r->sink) {
		add_row(r, reason, b, line, byte, what.msg, raw, raw_bytes);
		if (r->rows.len >= ROWS_BYTES && reject_flush(r, err))
			return -1;
	} else if (!r->opts.place && !r->opts.is_quiet && !r->opts.is_strict &&
		   (r->ledger->rejects[reason] == 1 || r->opts.is_verbose)) {
		say_one(r, &what);
	}
	r->has_stopped = judge(r, &what, err) < 0;
	return r->has_stopped ? -1 : 0;
}

bool reject_has_stopped(const struct reject *r)
{
	return r->has_stopped;
}

/* ---- the end ---- */

int reject_flush(struct reject *r, struct err *err)
{
	if (!r->sink)
		return 0;
	if (r->rows.len && sink_write_bytes(r->sink, buf_slice(&r->rows), err))
		return -1;
	buf_reset(&r->rows);
	return r->sink->ops->flush(r->sink, err);
}

int reject_sync(struct reject *r, struct err *err)
{
	if (reject_flush(r, err))
		return -1;
	return r->sink && r->sink->ops->sync ? r->sink->ops->sync(r->sink, err) : 0;
}

void reject_stop_at_first(struct reject *r)
{
	r->opts.is_strict |= !r->opts.place;
}

int reject_finish(struct reject *r, bool has_failed, struct err *err)
{
	if (r->sink) {
		if (reject_flush(r, err)) {
			struct err ignored = ERR_INIT;

			r->sink->ops->finish(r->sink, false, &ignored);
			return -1;
		}
		return r->sink->ops->finish(r->sink, !has_failed || r->ledger->read, err) ? -1 : STATUS_OK;
	}
	if (!r->ledger->rejected || r->opts.place)
		return STATUS_OK;
	if (!r->opts.is_quiet && !r->opts.is_strict)
		say_totals(r);
	return STATUS_REJECTED;
}
