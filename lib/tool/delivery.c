/*
 * Delivery: whether output, rejects and offsets share a transaction. That is so from a group to a topic of the same
 * cluster; everywhere else a record may come twice after a failure, and never not at all.
 */
#include <stdio.h>
#include <string.h>

#include "sink/sink.h"
#include "tool/impl.h"

static const char *output_of(const struct tool *t)
{
	return t->common.output ? t->common.output : "-";
}

static void tell(struct tool *t, const char *place, const char *why)
{
	if (!t->common.is_quiet)
		tool_warn(t, "%.120s: at least once: %s", place, why);
}

/* The place of the output decides. */
static int choose(struct tool *t, const char *name, bool is_topic, struct err *err)
{
	bool is_asked = t->common.delivery == TOOL_EXACTLY_ONCE;
	bool is_same = false;

	t->has_chosen = true;
	if (is_asked && (!t->has_group || !is_topic))
		return err_set(err, ERR_USAGE,
			"--delivery exactly-once: needs a group and a topic of the same cluster as sink: -G GROUP -o "
			"kafka:TOPIC");
	if (!t->has_group || !is_topic || t->common.delivery == TOOL_AT_LEAST_ONCE)
		return 0;
	if (kafka_is_same_cluster(t->source, &t->common.kafka, name, &is_same, err))
		return -1;
	if (is_asked && !is_same)
		return err_set(err, ERR_USAGE, "--delivery exactly-once: %.120s is in another cluster", name);
	if (!is_same)
		tell(t, name, "it is in another cluster than what is read");
	t->is_exact = is_same;
	return 0;
}

/* A topic that is read without end would grow for ever. */
static int check_loop(const struct tool *t, const char *name, struct err *err)
{
	if (t->source && kafka_feeds(t->source, name))
		return err_set(err, ERR_USAGE, "%.120s: is read, and what is written there would be read again", name);
	return 0;
}

/* A topic for late records or rejects. */
static struct sink *open_beside(struct tool *t, const char *name, struct err *err)
{
	static const struct kafka_row row = {0}; /* of our own making, whatever form the records have */
	bool is_same = false;

	if (check_loop(t, name, err))
		return NULL;
	if (!t->is_exact)
		return kafka_sink(&t->common.kafka, name, &row, err);
	if (kafka_is_same_cluster(t->source, &t->common.kafka, name, &is_same, err))
		return NULL;
	if (!is_same) {
		err_set(err, ERR_USAGE,
			"%.120s: is in another cluster than the output: write a file, or say --delivery at-least-once",
			name);
		return NULL;
	}
	return kafka_exact_sink(t->source, &t->common.kafka, name, &row, err);
}

static int open_rejects(struct tool *t, struct err *err)
{
	const char *name = t->common.rejects;
	struct sink *k;

	if (!name || !kafka_is_place(name)) {
		if (name && t->is_exact && strncmp(name, "/dev/", 5) != 0)
			tell(t, name, "a file is in no transaction");
		return 0;
	}
	k = open_beside(t, name, err);
	if (!k)
		return -1;
	reject_set_sink(t->reject, k);
	return 0;
}

struct sink *tool_topic_sink(struct tool *t, const char *name, const struct kafka_row *row, struct err *err)
{
	struct sink *k;

	if (check_loop(t, name, err) || choose(t, name, true, err))
		return NULL;
	k = t->is_exact ? kafka_exact_sink(t->source, &t->common.kafka, name, row, err)
			: kafka_sink(&t->common.kafka, name, row, err);
	if (k && open_rejects(t, err)) {
		sink_close(k);
		return NULL;
	}
	return k;
}

int tool_lake_sink(struct tool *t, struct err *err)
{
	t->has_chosen = true;
	if (t->common.delivery == TOOL_EXACTLY_ONCE && !t->has_group)
		return err_set(err, ERR_USAGE, "--delivery exactly-once: needs a group: -G GROUP kafka:TOPIC");
	if (t->common.delivery == TOOL_AT_LEAST_ONCE && t->has_group)
		return err_set(err, ERR_USAGE, "--delivery at-least-once: from a group to a lake is exactly once");
	return open_rejects(t, err);
}

int tool_other_sink(struct tool *t, struct err *err)
{
	return choose(t, output_of(t), false, err) || open_rejects(t, err) ? -1 : 0;
}

struct sink *tool_beside(struct tool *t, const char *name, struct err *err)
{
	if (kafka_is_place(name))
		return open_beside(t, name, err);
	if (t->is_exact && strncmp(name, "/dev/", 5) != 0)
		tell(t, name, "a file is in no transaction");
	return t->is_endless ? sink_file_append(name, err) : sink_file(name, err);
}
