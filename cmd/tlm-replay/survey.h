/* survey: --dry-run. Reads everything, sends nothing, and says on stdout in one line what a replay would be. */
#ifndef REPLAY_SURVEY_H
#define REPLAY_SURVEY_H

#include "options.h"
#include "tool/tool.h"

/* Returns 0, or -1 with err. Inputs that fail are told and remembered in t->status. */
int survey_run(const struct replay_opts *o, struct tool *t, const char *const *names, size_t n_names, struct err *err);

#endif
