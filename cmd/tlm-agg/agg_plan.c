#include "agg_impl.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"
#include "num/num.h"

int agg_plan_groups(struct agg *g, struct err *err)
{
	for (size_t i = 0; i < g->opts.groups.n; i++) {
		const char *text = g->opts.groups.items[i];
		struct err inner = ERR_INIT;

		if (rows_fields_parse(&g->groups, &g->n_groups, text, &inner))
			return err_set(err, inner.code, "-g %.60s: %s", text, inner.msg);
	}
	return 0;
}

static int set_time(struct agg *g, const char *text, struct err *err)
{
	struct err inner = ERR_INIT;

	if (strcmp(text, "@kafka") == 0) {
		g->time_from = TIME_MESSAGE;
		return g->frame.is_topic ? 0 : err_set(err, ERR_USAGE, "--time @kafka: there is no topic to read");
	}
	if (timefield_parse(&g->time, text, &inner))
		return err_set(err, inner.code, "--time %.60s: %s", text, inner.msg);
	g->time_from = TIME_FIELD;
	return 0;
}

int agg_plan_time(struct agg *g, struct err *err)
{
	return g->opts.time ? set_time(g, g->opts.time, err) : 0;
}

/* What the report cannot stand beside, and its form. */
int agg_plan_lateness(struct agg *g, struct err *err)
{
	struct agg_options *o = &g->opts;

	if (!o->is_explaining)
		return 0;
	if (g->frame.rotate)
		return err_set(err, ERR_USAGE, "--explain-lateness: gives one report, no file for each time of -o");
	if (o->latest)
		return err_set(err, ERR_USAGE, "--explain-lateness: gives no rows for --latest");
	if (o->format < 0)
		o->format = ROWS_TABLE;
	if (o->format != ROWS_TABLE && o->format != ROWS_NDJSON)
		return err_set(err, ERR_USAGE, "--explain-lateness: --format is table or ndjson");
	return 0;
}

int agg_plan_quorum(struct agg *g, struct err *err)
{
	const char *text = g->opts.quorum, *colon = text ? strchr(text, ':') : NULL;
	struct err inner = ERR_INIT;
	int64_t n;

	if (!text)
		return 0;
	if (!colon || num_parse_int((struct slice){text, (size_t)(colon - text)}, 1, WINDOW_QUORUM_MAX, &n, &inner))
		return err_set(err, ERR_USAGE, "--quorum %.100s: must be N:FIELD, N from 1 to %d", text,
			(int)WINDOW_QUORUM_MAX);
	if (fieldpath_parse(&g->voter, slice_str(colon + 1), NULL, &inner))
		return err_set(err, inner.code, "--quorum %.60s: %.100s", text, inner.msg);
	window_clock_set_quorum(&g->clock, (uint32_t)n);
	return 0;
}

static bool has_field(struct json_span record, const char *name)
{
	struct fieldpath path = FIELDPATH_INIT;
	struct err err = ERR_INIT;
	bool has = false;

	if (fieldpath_parse(&path, slice_str(name), NULL, &err) == 0)
		has = json_get(record, &path).type != JSON_ABSENT;
	fieldpath_release(&path);
	return has;
}

static bool can_do_without_time(const struct agg *g)
{
	return g->window.is_all || g->window.every_n;
}

/* Rows of tlm-agg carry their own time. */
static int guess_time(struct agg *g, struct json_span record, struct err *err)
{
	if (has_field(record, "window_end")) {
		if (set_time(g, "window_start", err) || timefield_parse(&g->time_end, "window_end", err))
			return -1;
		g->time_from = TIME_WINDOW;
	} else if (has_field(record, "session_end")) {
		return set_time(g, "session_end", err);
	} else if (can_do_without_time(g) && g->emit == ENGINE_FINAL && !g->opts.quorum && !g->opts.is_explaining) {
		if (g->list.timed)
			return err_set(err, ERR_PROGRAM,
				"%s: means nothing without the time of the records: say --time", g->list.timed);
		g->time_from = TIME_NONE;
	} else {
		return err_set(err, ERR_USAGE,
			"no --time: say which field holds the time, as in --time ts:iso or --time timeMili:ms");
	}
	return 0;
}

struct rows *agg_plan_rows(const struct agg *g, const struct agg_list *list, enum rows_format format, struct err *err)
{
	struct rows_opts opts = {.format = format,
		.time = (enum rows_time)g->opts.time_out,
		.has_bounds = g->time_from != TIME_NONE && (g->time_from != TIME_UNKNOWN || !can_do_without_time(g)),
		.is_session = g->window.session_us || g->window.has_start || g->window.has_end,
		.has_rev = g->emit != ENGINE_FINAL,
		.has_cut = g->window.session_max_us > 0,
		.has_partition = g->frame.has_group,
		.has_topic = g->frame.has_topic,
		.topic = g->frame.topic,
		.partition = g->frame.partition,
		.has_part = g->opts.on_full == ON_FULL_EMIT_EARLY,
		.fields = g->groups,
		.n_fields = g->n_groups,
		.list = list,
		.partial = g->opts.is_partial ? &g->partial : NULL};

	return rows_open(&opts, err);
}

void agg_plan_list(const struct agg *g, struct agg_list *list)
{
	list->is_coercing = g->opts.is_coercing;
	if (g->opts.max_gap_us)
		agg_list_hold(list, g->opts.max_gap_us);
	list->exact_max = (uint32_t)g->opts.exact_max;
}

/* Which paths a scanner looks for: the same slots for each. */
void agg_plan_paths(struct agg *g, struct json_paths *paths, bool is_first)
{
	if (is_first) {
		g->group_slots = mem_alloc(g->n_groups, sizeof *g->group_slots);
		g->field_slots = mem_alloc(g->list.n_fields, sizeof *g->field_slots);
	}
	if (g->time_from == TIME_FIELD || g->time_from == TIME_WINDOW)
		g->time_slot = json_paths_add(paths, &g->time.path);
	if (g->time_from == TIME_WINDOW)
		g->time_end_slot = json_paths_add(paths, &g->time_end.path);
	if (g->clock.quorum)
		g->voter_slot = json_paths_add(paths, &g->voter);
	for (size_t i = 0; i < g->n_groups; i++)
		g->group_slots[i] = json_paths_add(paths, &g->groups[i].path);
	for (size_t i = 0; i < g->list.n_fields; i++)
		g->field_slots[i] = json_paths_add(paths, &g->list.fields[i].path);
}

int agg_plan_outputs(struct agg *g, struct err *err)
{
	if (g->frame.rotate && g->time_from == TIME_NONE)
		return err_set(err, ERR_USAGE, "-o %.100s: no --time for the names of files; %%%% is a percent sign",
			g->opts.output);
	g->rows = agg_plan_rows(g, &g->list, (enum rows_format)g->opts.format, err);
	if (!g->rows)
		return -1;
	if (g->having) {
		g->having_rows = agg_plan_rows(g, &g->list, ROWS_NDJSON, err);
		if (!g->having_rows)
			return -1;
	}
	if (g->opts.latest) {
		struct rows *rows = agg_plan_rows(g, &g->list, g->latest_form, err);

		if (!rows)
			return -1;
		g->latest = latest_open(g->opts.latest, rows, g->latest_form, (enum rows_time)g->opts.time_out);
	}
	return 0;
}

int agg_plan_first_record(struct agg *g, struct json_span record, struct err *err)
{
	if (g->time_from == TIME_UNKNOWN && guess_time(g, record, err))
		return -1;
	return 0;
}

/* ---- --dry-run ---- */

static void explain_duration(struct buf *out, const char *before, int64_t us)
{
	buf_add_str(out, before);
	out->len += num_print_duration(buf_reserve(out, NUM_DOUBLE_BYTES), us);
}

static void explain_trips(const struct agg *g, struct buf *out)
{
	buf_add_str(out, "window: a trip");
	if (g->opts.start)
		buf_addf(out, " from a record with %s", g->opts.start);
	if (g->opts.end)
		buf_addf(out, " up to one with %s", g->opts.end);
	if (g->window.session_us)
		explain_duration(out, ", without gaps of more than ", g->window.session_us);
	if (g->window.session_max_us)
		explain_duration(out, ", cut at multiples of ", g->window.session_max_us);
}

static void explain_window(const struct agg *g, struct buf *out)
{
	if (g->window.is_all) {
		buf_add_str(out, "window: the whole stream");
	} else if (g->window.every_n) {
		buf_addf(out, "window: %llu records of a group", (unsigned long long)g->window.every_n);
	} else if (g->opts.start || g->opts.end) {
		explain_trips(g, out);
	} else if (g->window.session_us) {
		explain_duration(out, "window: sessions with gaps of at most ", g->window.session_us);
		if (g->window.session_max_us)
			explain_duration(out, ", cut at multiples of ", g->window.session_max_us);
	} else if (g->window.calendar) {
		buf_addf(out, "window: a %s of the calendar in %s", g->opts.window, g->opts.tz ? g->opts.tz : "UTC");
	} else {
		explain_duration(out, "window: ", g->window.size_us);
		explain_duration(out, " every ", g->window.advance_us);
		explain_duration(out, ", starts at ", g->window.offset_us);
		buf_add_str(out, " past 1970-01-01T00:00:00Z");
	}
	explain_duration(out, "\nwaits: ", g->opts.delay_us);
	explain_duration(out, " for records out of order, ", g->opts.grace_us);
	buf_add_str(out, " of grace\n");
	if (g->clock.quorum)
		buf_addf(out, "stream time: as far as %u of the values of %s have come\n", g->clock.quorum,
			g->voter.text);
}

void agg_explain(const struct agg *g, struct buf *out)
{
	struct err err = ERR_INIT;
	struct rows *rows = agg_plan_rows(g, &g->list, (enum rows_format)g->opts.format, &err);

	if (g->opts.is_merging)
		buf_addf(out, "reads partial rows: config %016llx\n", (unsigned long long)g->partial.head.config);
	else
		buf_addf(out, "time: %s\n",
			g->opts.time ? g->opts.time
				     : "of the window_end or session_end of the records, if they have it");
	if (g->opts.where)
		buf_addf(out, "records: those with %s\n", g->opts.where);
	explain_window(g, out);
	buf_addf(out, "late records: %s\n", g->opts.late ? g->opts.late : "counted, status 5");
	if (g->emit != ENGINE_FINAL)
		buf_addf(out, "rows before the final one: %s\n", g->opts.emit);
	if (g->opts.latest)
		buf_addf(out, "newest rows: %s\n", g->opts.latest);
	if (g->frame.rotate)
		buf_addf(out, "files: %s\n", g->opts.output);
	buf_addf(out, "inputs: %u\ncolumns: ", g->frame.n_inputs);
	rows_columns(rows, out);
	if (g->opts.having)
		buf_addf(out, "\nrows: those with %s", g->opts.having);
	if (g->opts.top)
		buf_addf(out, "\nrows of a window: the largest of %s", g->opts.top);
	if (g->opts.state_topic)
		buf_addf(out, "\nstate topic: %s", g->opts.state_topic);
	if (g->opts.is_partial)
		buf_addf(out, "\nrows are partial: config %016llx, window %.*s",
			(unsigned long long)g->partial.head.config, (int)g->window_text.len, g->window_text.p);
	buf_addf(out, "\nstate of a group: %u bytes and its key\n", g->list.state_bytes);
	rows_close(rows);
}
