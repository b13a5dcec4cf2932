/*
 * meter: the progress line and the periodic --stats lines. The line is drawn only if stderr is a terminal, the sink is
 * not stdout and the run took over 1 s; once a second: records, rate, bytes, elapsed, ETA; erased at the end. One
 * thread.
 */
#ifndef TLM_METER_H
#define TLM_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"

struct meter_opts {
	bool is_drawn;          /* false: -q, --no-progress, stderr no terminal, or the sink is stdout */
	bool has_stats;         /* --stats */
	int64_t stats_every_us; /* --stats=30s; 0: only at the end */
};

struct meter {
	struct meter_opts opts;
	int64_t start_us, drawn_us, stats_us;
	uint64_t drawn_read;
	bool is_on_screen;
};

void meter_init(struct meter *m, const struct meter_opts *opts);

/* Cheap when nothing is due. read_bytes and total_bytes as stored (total 0: unknown). */
void meter_tick(struct meter *m, const struct ledger *l, int64_t now_us, uint64_t read_bytes, uint64_t total_bytes);

/* When meter_tick() wants to run next (monotonic µs), or -1. */
int64_t meter_deadline(const struct meter *m);

/* One status line for people on stderr (SIGUSR1). */
void meter_status(struct meter *m, const struct ledger *l, int64_t now_us);

/*
 * A message on stderr: "tool: text", one line in one write, the progress line erased first (m NULL: there is none).
 * Control characters (C0, DEL, C1 in UTF-8) would reach the terminal: they are shown as \xNN.
 */
void meter_say(struct meter *m, const char *tool, const char *text);

/* Erases the line before a message or at the end; with --stats prints the last line. */
void meter_erase(struct meter *m);
void meter_finish(struct meter *m, const struct ledger *l);

#endif
