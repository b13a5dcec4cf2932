/* What a group of Kafka changes in the options, what it cannot do, and what its windows depend on. */
#include "agg_group_impl.h"

#define SESSION_MAX_US (INT64_C(86400) * 1000000)

void agg_group_defaults(struct agg_options *o)
{
	if (o->session_us && !o->session_max_us && !o->start && !o->end)
		o->session_max_us = SESSION_MAX_US;
}

static int refuse(struct err *err, const char *what, const char *why)
{
	return err_set(err, ERR_USAGE, "%s with a group: %s", what, why);
}

int agg_group_check(const struct agg *model, const struct agg_options *o, struct err *err)
{
	static const char needs_state[] =
		"cannot be rebuilt from a part of the log: say --state-topic, or read without -G";
	static const char one_file[] = "the file would be of all partitions; read the topic of the rows without -G";

	if (model->window.is_all && !o->state_topic)
		return refuse(err, "-w all", needs_state);
	if ((o->every_n || o->start || o->end) && !o->state_topic)
		return refuse(err, o->every_n ? "--every-n" : o->start ? "--start" : "--end", needs_state);
	if (o->is_filling && !o->state_topic)
		return refuse(err, "--fill", needs_state);
	if (o->is_explaining)
		return refuse(err, "--explain-lateness", "read the topic without -G");
	if (o->latest || model->frame.rotate)
		return refuse(err, o->latest ? "--latest" : "-o with %", one_file);
	if (model->opts.format > ROWS_NDJSON)
		return refuse(err, o->format > ROWS_NDJSON ? "--format" : "-o with .csv or .tsv", "rows are ndjson");
	if (o->on_full > ON_FULL_FAIL)
		return refuse(err, "--on-full", "what is dropped depends on when a member began");
	if (model->list.carried_bytes && !o->max_gap_us && !o->state_topic)
		return refuse(err, "values that hold",
			"say --max-gap: how far back the log is needed for them, or --state-topic");
	return 0;
}

static void add_text(uint64_t *hash, const char *text)
{
	*hash = rebuild_hash(*hash, slice_str(text ? text : ""));
}

uint64_t agg_group_hash(const struct agg_options *o, const char *list)
{
	const int64_t numbers[] = {o->every_us, o->offset_us, o->session_us, o->session_max_us, o->delay_us,
		o->grace_us, o->max_ahead_us, o->exact_max, o->max_gap_us, o->is_coercing, o->has_marks};
	uint64_t hash = 0;

	hash = rebuild_hash(hash, (struct slice){(const char *)numbers, sizeof numbers});
	add_text(&hash, list);
	add_text(&hash, o->time);
	add_text(&hash, o->window);
	add_text(&hash, o->tz);
	add_text(&hash, o->quorum);
	add_text(&hash, o->where);
	add_text(&hash, o->emit);
	for (size_t i = 0; i < o->groups.n; i++)
		add_text(&hash, o->groups.items[i]);
	if (o->every_n)
		hash = rebuild_hash(hash, (struct slice){(const char *)&o->every_n, sizeof o->every_n});
	if (o->start || o->end) {
		add_text(&hash, o->start);
		add_text(&hash, o->end);
	}
	if (o->is_merging)
		add_text(&hash, "merge");
	if (o->is_filling)
		add_text(&hash, "fill");
	return hash;
}
