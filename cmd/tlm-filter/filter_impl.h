/* filter_impl: what the files of the stage share. */
#ifndef TLM_FILTER_IMPL_H
#define TLM_FILTER_IMPL_H

#include "filter.h"
#include "jobs/jobs.h"
#include "jqworker/jqworker.h"
#include "json/json.h"
#include "mark/mark.h"
#include "mem/mem.h"

struct reading;

enum { FILTER_SPILL_BYTES = 1 << 20 }; /* output beyond this goes to the sink inside a batch */

/* Records that did not fail: what the books do not show yet. */
struct fates {
	uint64_t kept, filtered, empty;
	uint64_t outputs; /* those of failed records too */
	bool is_last_true;
};

/* A record that failed, told in its turn. */
struct failure {
	enum reject_reason reason;
	struct slice raw;
	uint64_t line, byte;
	size_t text_at, text_bytes; /* the message, in the texts of the part */
	struct fates before;        /* since the failure before, its own outputs among them */
	size_t out_bytes, origins_bytes;
};

/* A record of which libjq has the answer, or one that waits for its turn among those. */
struct sent {
	struct slice raw;
	uint64_t line;
	enum { SENT_RECORD, SENT_MARK, SENT_BAD } what;
	/* SENT_BAD */
	enum reject_reason reason;
	uint64_t byte;
	const char *message;
};

/*
 * Some lines of one batch on their way through the program: any thread works on a part, without a look at anything
 * beside it; the thread of the stage settles parts in the order of the input.
 */
struct part {
	_Alignas(MEM_APART_BYTES) const struct filter *filter;
	struct batch in;
	struct slice lines; /* of the batch, separators left out */
	uint64_t number;    /* of the task */
	size_t at;          /* worked off up to here, .. */
	uint64_t line;      /* .. which is the line with this index in the batch */
	bool is_elsewhere;  /* a record is for libjq: */
	struct sent elsewhere;
	struct slice record;
	struct sent *sent; /* n_sent of cap_sent: to libjq, answered in this order */
	size_t n_sent, cap_sent;
	struct buf *out;
	size_t noted_bytes; /* of out, whose lines are in the origins */
	/* lines that leave as they are, in one piece */
	const char *copy_from, *copy_to;
	struct fates fates;
	struct failure *failures;
	size_t n_failures, cap_failures;
	struct buf texts, own_out, own_origins, plain;
};

/* What a thread has for itself; the first is the stage's. */
struct lane {
	_Alignas(MEM_APART_BYTES) struct json_scan *scan;
	struct jq_run *run; /* NULL: libjq runs the program */
	bool has_sieve;     /* the scanner passes over records that the program drops */
};

struct filter {
	struct stage stage;
	struct filter_opts opts;
	struct jq_program *program;
	struct lane *lanes;
	unsigned n_lanes;
	struct jobs *jobs; /* NULL: one lane */
	struct part part;  /* of the batch at hand */
	struct part *ring; /* several batches at once: parts that were begun, the oldest at first; or NULL */
	size_t n_ring, cap_ring, first;
	struct jqworker *worker; /* libjq; of a native program NULL until it is needed */
	struct reading *reading; /* the program reads by itself: reading.c; then there is no run and no worker */
	bool calls_input;        /* or has its input by -s or --stream */
	bool has_place;          /* libjq is told where records stand */
	uint64_t outputs;
	bool is_last_true, is_halted;
	int halt_status;
	uint64_t rest; /* when the run ends at a record: the line behind that */
	struct buf halt_message;
	struct sink *sink; /* borrowed */
};

/* part.c: lines of a batch and what becomes of them */
void filter_part_begin(struct part *p, const struct filter *f, struct slice lines, uint64_t line);
void filter_part_release(struct part *p);
bool filter_part_is_done(const struct part *p);
void filter_copy_line(struct part *p, struct slice raw);
void filter_flush_copy(struct part *p);
void filter_note_origins(struct part *p, uint64_t line);
void filter_fail(struct part *p, enum reject_reason reason, struct slice raw, uint64_t line, uint64_t byte,
	struct slice message);
void filter_fail_json(struct part *p, const struct json_record *record);
bool filter_next_line(const char **at, const char *end, struct slice *text);
/* What input_line_number says of a record, and input_filename: of -n, as of nothing that was read. */
uint64_t filter_place(const struct part *p, uint64_t line, const char **input);
int filter_settle(struct filter *f, struct part *p, struct err *err);
int filter_write(struct filter *f, struct part *p, struct err *err);
int filter_spill(struct filter *f, struct part *p, struct err *err);

/* Of one record. */
static inline void filter_take_fate(struct part *p, uint64_t outputs, bool is_last_true, bool is_good)
{
	p->fates.kept += is_good && outputs;
	p->fates.filtered += is_good && !outputs;
	p->fates.outputs += outputs;
	if (outputs)
		p->fates.is_last_true = is_last_true;
}

/* For a sink that keeps what else a message held. */
static inline void filter_note_lines(struct part *p, uint64_t line)
{
	if (p->in.origins)
		filter_note_origins(p, line);
}

static inline bool filter_is_mark(const struct filter *f, const struct json_record *record)
{
	return f->opts.has_marks && record->status == JSON_OK && mark_is(record->p, record->len);
}

/* native.c */
void filter_work(struct part *p, struct lane *lane);
int filter_take_here(struct filter *f, struct batch *in, struct buf *out, struct err *err);
int filter_finish_native(struct filter *f, struct part *p, struct err *err);

/* held.c */
int filter_hold(struct filter *f, struct batch *in, struct err *err);
int filter_take_held(struct filter *f, struct err *err);

/* libjq.c: programs that libjq runs record by record */
int filter_find_calls(struct filter *f, size_t *at, struct err *err); /* sets calls_input */
int filter_open_worker(struct filter *f, struct err *err);
struct sent *filter_note_sent(struct part *p, struct slice raw, uint64_t line);
void filter_halt(struct filter *f, int status, struct slice message);
int filter_ask_worker(struct filter *f, struct part *p, struct err *err);
int filter_send(struct filter *f, struct part *p, struct err *err);
int filter_take_answers(struct filter *f, struct part *p, struct err *err);

/* reading.c: programs that read their records themselves */
struct reading *reading_open(struct filter *f, const struct jqworker_opts *worker, struct err *err);
void reading_close(struct reading *r); /* does nothing for NULL */
int reading_batch(struct filter *f, struct err *err);
int reading_end(struct filter *f, bool is_stopped, struct err *err);

#endif
