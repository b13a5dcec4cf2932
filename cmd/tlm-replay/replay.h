/*
 * replay: the source of tlm-replay. It gives the records of all inputs when they are due, and keeps the books on them:
 * read, kept, filtered, out and the errors of the pace.
 */
#ifndef REPLAY_REPLAY_H
#define REPLAY_REPLAY_H

#include "options.h"
#include "source/source.h"
#include "tool/tool.h"

/* All is borrowed. NULL with err. The names are those of the inputs. */
struct source *replay_open(
	const struct replay_opts *o, struct tool *t, const char *const *names, size_t n_names, struct err *err);

/* Writes the errors of the pace into the ledger; once, at the end. */
void replay_report(struct source *s);

#endif
