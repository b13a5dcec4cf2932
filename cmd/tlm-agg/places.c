#include "places.h"

#include <string.h>

#include "place/place.h"
#include "rotate.h"

/* A place for rows besides the output, which must not go where others go. */
static int check_place(const struct tool *t, const char *option, const char *place, bool is_topic, struct err *err)
{
	const char *output = t->common.output ? t->common.output : "-";

	if (!place || strncmp(place, "/dev/", 5) == 0)
		return 0;
	if (is_topic ? tool_check_place(t, option, place, err) : tool_check_file(option, place, err))
		return -1;
	if (place_is_same(place, output))
		return err_set(err, ERR_USAGE, "%s %.100s: the output goes there already", option, place);
	if (t->common.rejects && place_is_same(place, t->common.rejects))
		return err_set(err, ERR_USAGE, "%s %.100s: the rejects go there already", option, place);
	if (tool_reads(t, 1, place))
		return err_set(err, ERR_USAGE, "%s %.100s: is read, and cannot be written too", option, place);
	return 0;
}

/* Whether a place is this topic, of whatever cluster. */
static bool is_topic(const char *place, const char *topic)
{
	const char *at;

	if (!place || !kafka_is_place(place))
		return false;
	at = strrchr(place, '/');
	at = at ? at + 1 : strchr(place, ':') + 1;
	return strcspn(at, "?") == strlen(topic) && strncmp(at, topic, strlen(topic)) == 0;
}

/* A topic by its name, where nothing else goes. */
static int check_state_topic(
	const struct tool *t, const struct agg_options *o, const char *const *names, size_t n, struct err *err)
{
	const char *topic = o->state_topic;
	bool is_taken;

	if (!topic)
		return 0;
	if (!*topic ||
		strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != strlen(topic))
		return err_set(err, ERR_USAGE,
			"--state-topic %.100s: must be the name of a topic in the cluster that is read", topic);
	if (!kafka_has_group(&t->common.kafka, names, n))
		return err_set(err, ERR_USAGE, "--state-topic: is for a group: -G GROUP kafka:TOPIC");
	is_taken = is_topic(t->common.output, topic) || is_topic(t->common.rejects, topic) || is_topic(o->late, topic);
	for (size_t i = 0; i < n; i++)
		is_taken |= is_topic(names[i], topic);
	return is_taken ? err_set(err, ERR_USAGE, "--state-topic %.100s: is read or written already", topic) : 0;
}

static int check_places(const struct tool *t, const struct agg_options *o, struct err *err)
{
	if (check_place(t, "--late", o->late, true, err) || check_place(t, "--latest", o->latest, false, err))
		return -1;
	if (o->late && o->latest && place_is_same(o->late, o->latest))
		return err_set(err, ERR_USAGE, "--latest %.100s: the late records go there already", o->latest);
	return 0;
}

int places_open(struct places *p, struct tool *t, const struct agg_options *o, struct agg_frame *frame, struct err *err)
{
	uint64_t read_bytes, total_bytes = 0;
	const char *const *names;
	size_t n_names;

	if (tool_source_names(t, 1, &names, &n_names, err) || check_places(t, o, err) ||
		check_state_topic(t, o, names, n_names, err))
		return -1;
	frame->is_topic = kafka_is_place(names[0]);
	frame->has_group = kafka_has_group(&t->common.kafka, names, n_names);
	frame->has_topic = frame->has_group && kafka_has_topics(names, n_names);
	if (t->common.output && kafka_is_place(t->common.output) && o->format > ROWS_NDJSON)
		return err_set(err, ERR_USAGE, "--format: a topic takes ndjson");
	if (o->is_merging && t->common.max_line_bytes == BATCH_LINE_DEFAULT_BYTES)
		t->common.max_line_bytes = BATCH_LINE_MAX_BYTES; /* the states of a row may be many */
	frame->n_inputs = 1;
	if (!frame->is_topic || !t->common.is_dry_run) {
		p->source = tool_source(t, 1, err);
		if (!p->source)
			return -1;
		if (o->state_topic && kafka_reads(p->source, o->state_topic))
			return err_set(
				err, ERR_USAGE, "--state-topic %.100s: is read or written already", o->state_topic);
		if (!frame->has_group)
			frame->n_inputs = p->source->ops->inputs(p->source);
		if (p->source->ops->progress)
			p->source->ops->progress(p->source, &read_bytes, &total_bytes);
	}
	frame->is_live = !total_bytes;
	if (!rotate_is_pattern(t->common.output))
		return 0;
	frame->rotate = rotate_open(t->common.output, err);
	if (!frame->rotate)
		return -1;
	p->sink = rotate_sink(frame->rotate);
	return 0;
}

static void warn(void *ctx, const char *text)
{
	struct tool *t = ctx;

	if (!t->common.is_quiet)
		tool_warn(t, "%s", text);
}

/* The sink first: it decides whether there are transactions, which the place of late records then shares. */
static int open_sinks(struct places *p, struct tool *t, const struct agg_options *o, struct agg *agg, struct err *err)
{
	struct kafka_row row;

	if (!p->sink) {
		agg_row(agg, &row);
		p->sink = tool_row_sink(t, &row, err);
	} else if (tool_other_sink(t, err)) {
		return -1;
	}
	if (p->sink && o->late && !o->is_explaining)
		p->late = tool_beside(t, o->late, err);
	return err->code == ERR_NONE ? 0 : -1;
}

int places_open_sinks(struct places *p, struct tool *t, const struct agg_options *o, struct agg *agg,
	const struct agg_frame *frame, struct err *err)
{
	if (frame->has_group) {
		p->group = agg_group_open(agg, o, t->operands[0], frame, p->source, warn, t, err);
		if (!p->group)
			return -1;
	}
	if (open_sinks(p, t, o, agg, err))
		return -1;
	if (p->group)
		agg_group_set_sinks(p->group, p->sink, p->late);
	if (o->state_topic) {
		p->table = kafka_table_open(p->source, o->state_topic, err);
		if (!p->table)
			return -1;
		agg_group_set_table(p->group, p->table);
	}
	agg_set_sink(agg, p->sink);
	agg_set_late(agg, p->late);
	return 0;
}

struct stage *places_stage(struct places *p, struct agg *agg)
{
	return p->group ? agg_group_stage(p->group) : agg_stage(agg);
}

int places_finish(struct places *p, struct agg *agg, struct buf *out, struct err *err)
{
	return p->group ? agg_group_finish(p->group, out, err) : agg_finish(agg, out, err);
}

void places_close(struct places *p)
{
	agg_group_close(p->group);
	sink_close(p->late);
	sink_close(p->sink);
	kafka_table_close(p->table);
	source_close(p->source);
}
