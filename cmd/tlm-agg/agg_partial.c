/* --partial and --merge: what goes together with them, and the head that all partial rows of a kind have in common. */
#include "agg_impl.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

struct conflict {
	bool is_given;
	const char *option, *why;
};

static int check_conflicts(const char *with, const struct conflict *conflicts, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (conflicts[i].is_given)
			return err_set(err, ERR_USAGE, "%s: %s %s", with, conflicts[i].option, conflicts[i].why);
	}
	return 0;
}

static int check_partial(const struct agg *g, struct err *err)
{
	static const char *const choose = "is for rows with results: give it to tlm-agg --merge";
	static const char *const cannot =
		"makes windows that depend on the order of all records: they cannot be merged";
	const struct agg_options *o = &g->opts;
	const struct conflict conflicts[] = {
		{o->format != ROWS_NDJSON, "csv, tsv and table", "have no form for states: only ndjson has"},
		{o->time_out != ROWS_ISO, "--time-out", choose},
		{o->having, "--having", choose},
		{o->top, "--top", choose},
		{o->latest, "--latest", choose},
		{o->is_filling, "--fill", choose},
		{g->emit != ENGINE_FINAL, "--emit", choose},
		{o->is_explaining, "--explain-lateness", "writes no rows"},
		{o->every_n, "--every-n", cannot},
		{o->start, "--start", cannot},
		{o->end, "--end", cannot},
	};

	if (check_conflicts("--partial", conflicts, sizeof conflicts / sizeof *conflicts, err))
		return -1;
	if (g->frame.n_inputs > AGG_INPUTS_MAX)
		return err_set(err, ERR_USAGE, "--partial: at most %d inputs", AGG_INPUTS_MAX);
	return 0;
}

static int check_merge(const struct agg *g, struct err *err)
{
	static const char *const there = "is for records: give it to tlm-agg --partial";
	static const char *const cannot = "makes windows that cannot be merged";
	const struct agg_options *o = &g->opts;
	const struct conflict conflicts[] = {
		{o->time, "--time", "has no use: partial rows carry their windows"},
		{o->where, "--where", there},
		{o->is_coercing, "--coerce", there},
		{o->max_ahead_us >= 0, "--max-ahead", there},
		{o->quorum, "--quorum", there},
		{o->has_marks, "--marks", there},
		{o->is_explaining, "--explain-lateness", there},
		{o->every_n, "--every-n", cannot},
		{o->start, "--start", cannot},
		{o->end, "--end", cannot},
	};

	if (check_conflicts("--merge", conflicts, sizeof conflicts / sizeof *conflicts, err))
		return -1;
	if (g->frame.n_inputs > AGG_PRODUCERS_MAX)
		return err_set(err, ERR_USAGE, "--merge: at most %d inputs", AGG_PRODUCERS_MAX);
	return 0;
}

/* Names that stand beside the states, and groups that cannot be read back. */
static int check_names(const struct agg *g, struct err *err)
{
	const char *option = g->opts.is_merging ? "--merge" : "--partial";

	for (size_t i = 0; i < g->list.n_calls; i++) {
		if (agg_is_head_name(slice_str(g->list.calls[i].name)))
			return err_set(err, ERR_PROGRAM, "%s: the name %s belongs to the state itself: say as NAME",
				option, g->list.calls[i].name);
	}
	for (size_t i = 0; i < g->n_groups; i++) {
		const struct rows_field *f = &g->groups[i];

		for (size_t k = 0; k < f->path.n_steps && !f->name; k++) {
			if (f->path.steps[k].is_index)
				return err_set(err, ERR_PROGRAM,
					"%s: -g %s: an index needs a name here: say %s as NAME", option, f->path.text,
					f->path.text);
		}
	}
	return 0;
}

/* ---- the head ---- */

static void add_duration(struct buf *out, const char *before, int64_t us)
{
	buf_add_str(out, before);
	out->len += num_print_duration(buf_reserve(out, NUM_DOUBLE_BYTES), us);
}

/* Windows in words, the same for the same windows: agg_merge.c reads them. */
static void describe_windows(const struct agg *g, struct buf *out)
{
	const struct window_spec *w = &g->window;
	const char *zone = g->opts.tz ? g->opts.tz : "UTC";

	if (w->is_all) {
		buf_add_str(out, "all");
	} else if (w->session_us) {
		add_duration(out, "session ", w->session_us);
		if (w->session_max_us) {
			add_duration(out, " max ", w->session_max_us);
			buf_addf(out, " %s", zone);
		}
	} else if (w->calendar) {
		buf_addf(out, "%s %s", g->opts.window, zone);
	} else {
		add_duration(out, "", w->size_us);
		if (w->advance_us < w->size_us)
			add_duration(out, " every ", w->advance_us);
		if (w->offset_us)
			add_duration(out, " offset ", w->offset_us);
	}
}

static uint64_t make_config(const struct agg *g)
{
	struct buf groups = BUF_INIT;
	uint64_t config;

	for (size_t i = 0; i < g->n_groups; i++) {
		buf_add_str(&groups, "group ");
		fieldpath_canonical(&groups, &g->groups[i].path);
		buf_addf(&groups, " %s\n", g->groups[i].name ? g->groups[i].name : "");
	}
	config = agg_config(&g->list, buf_slice(&groups));
	buf_release(&groups);
	return config;
}

/* The partitions of a group are read by stages of their own, but are the inputs of one producer: ties of first and last
 * are decided as if one process had read them all. */
static int number_partition(struct agg *g, struct err *err)
{
	if (g->frame.partition >= AGG_INPUTS_MAX)
		return err_set(err, ERR_USAGE, "--partial: at most %d partitions", AGG_INPUTS_MAX);
	g->first_input = (uint32_t)g->frame.partition;
	g->partial.first_inputs = &g->first_input;
	g->partial.head.n_inputs = g->first_input + 1;
	return 0;
}

int agg_plan_partial(struct agg *g, struct err *err)
{
	if ((g->opts.is_partial && check_partial(g, err)) || (g->opts.is_merging && check_merge(g, err)) ||
		check_names(g, err))
		return -1;
	describe_windows(g, &g->window_text);
	g->partial.head = (struct agg_head){
		.config = make_config(g), .window = buf_slice(&g->window_text), .n_inputs = g->frame.n_inputs};
	return g->frame.has_group && !g->opts.is_merging ? number_partition(g, err) : 0;
}
