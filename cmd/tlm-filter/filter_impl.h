/* filter_impl: what the files of the stage share. */
#ifndef TLM_FILTER_IMPL_H
#define TLM_FILTER_IMPL_H

#include "filter.h"
#include "jqworker/jqworker.h"
#include "json/json.h"

struct reading;

/* One record that was handed to a worker. */
struct sent {
	struct slice raw;
	uint64_t line;
	bool is_mark; /* not handed out: it waits for its turn */
};

struct filter {
	struct stage stage;
	struct filter_opts opts;
	struct jq_program *program;
	struct json_scan *scan;
	struct jq_run *run;      /* native */
	struct jqworker *worker; /* libjq; of a native program NULL until it is needed */
	struct sent *sent;       /* n_sent of cap_sent: of the batch at hand */
	size_t n_sent, cap_sent;
	struct reading *reading; /* the program reads by itself: reading.c; then there is no run and no worker */
	bool calls_input;        /* or has its input by -s or --stream */
	struct buf plain;        /* --seq: the batch without its separators */
	uint64_t outputs;
	bool is_last_true, is_halted;
	int halt_status;
	struct buf halt_message;
	/* lines of the batch that leave as they are, in one piece */
	const char *copy_from, *copy_to;
	const struct batch *in;
	struct buf *out;
	size_t noted_bytes; /* of out, whose lines are in the origins of the batch */
	struct sink *sink;  /* borrowed */
};

/* filter.c */
void filter_note_sent(struct filter *f, struct slice raw, uint64_t line, bool is_mark);
void filter_count_outputs(struct filter *f, uint64_t outputs, bool is_last_true);
int filter_spill(struct filter *f, struct err *err);
int filter_reject(struct filter *f, enum reject_reason reason, struct slice raw, uint64_t line, uint64_t byte,
	struct slice message, struct err *err);
int filter_reject_json(struct filter *f, const struct json_record *record, struct err *err);
void filter_halt(struct filter *f, int status, struct slice message);

typedef int line_fn(struct filter *f, struct slice text, uint64_t line, struct err *err);
int filter_each_line(struct filter *f, line_fn *fn, struct err *err);

/* reading.c: programs that read their records themselves */
struct reading *reading_open(struct filter *f, const struct jqworker_opts *worker, struct err *err);
void reading_close(struct reading *r); /* does nothing for NULL */
int reading_batch(struct filter *f, struct err *err);
int reading_end(struct filter *f, bool is_stopped, struct err *err);

#endif
