/* The options of tlm-replay: their table, and what they mean together. */
#ifndef REPLAY_OPTIONS_H
#define REPLAY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "csv/csv.h"
#include "opt/opt.h"
#include "timefield/timefield.h"

enum rebase { REBASE_NONE, REBASE_SHIFT, REBASE_SCALE };
enum catchup { CATCHUP_BURST, CATCHUP_SKIP, CATCHUP_STRETCH };

#define LOOP_FOREVER INT64_MAX

struct replay_opts {
	/* as given */
	const char *time;
	double speed;  /* 0: none, or max */
	double rate;   /* records a second, 0: none */
	int64_t limit; /* 0: none */
	const char *from, *to;
	int64_t max_gap_us; /* 0: none */
	int64_t loops;
	int rebase; /* enum rebase */
	const char *rebase_to;
	int64_t sort_window_us; /* 0: none */
	int64_t marks_us;       /* 0: no marks */
	int catchup;            /* enum catchup */
	int64_t max_lag;        /* records, 0: not watched */
	const char *lag_group;
	bool is_csv, is_tsv, is_ndjson;
	const char *delimiter, *header, *types;
	int64_t skip_lines;
	bool no_infer;
	int empty;    /* enum csv_empty */
	int encoding; /* 0: UTF-8, 1: ISO 8859-1 */

	/* made by replay_opts_check() */
	bool has_time; /* field is filled */
	struct timefield field;
	bool has_from, has_to, has_rebase_to;
	int64_t from_us, to_us, rebase_to_us;
	char delimiter_char; /* 0: by the kind of input */
	bool needs_time;     /* a record without a time cannot be replayed */
	bool is_paced;       /* records leave by the clock */
};

#define REPLAY_OPTS_DEFAULT                                                                                            \
	{                                                                                                              \
		.loops = 1                                                                                             \
	}

enum input_kind { INPUT_NDJSON, INPUT_CSV, INPUT_TSV };

extern const struct opt_spec replay_spec;

/* Reads the values that depend on each other and checks them all. names: of the inputs; sink: NULL for stdout. Returns
 * 0, or -1 with err. */
int replay_opts_check(
	struct replay_opts *o, const char *const *names, size_t n_names, const char *sink, struct err *err);
void replay_opts_release(struct replay_opts *o);

/* By --csv, --tsv, --ndjson, else by the suffix before compression. */
enum input_kind replay_opts_kind(const struct replay_opts *o, const char *name);

#endif
