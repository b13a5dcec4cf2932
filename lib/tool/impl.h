/* What the files of tool share. */
#ifndef TLM_TOOL_IMPL_H
#define TLM_TOOL_IMPL_H

#include "tool/tool.h"

/* delivery.c: -o is a topic; one of --rejects is opened too. */
struct sink *tool_topic_sink(struct tool *t, const char *name, const struct kafka_row *row, struct err *err);

#endif
