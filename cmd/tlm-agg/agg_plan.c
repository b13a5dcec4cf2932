#include "agg_impl.h"

#include <stdlib.h>
#include <string.h>

#include "compress/compress.h"
#include "etime/etime.h"
#include "mem/mem.h"
#include "num/num.h"

enum { WINDOWS_MAX = 1000000 }; /* that one record is in */

static const char *const calendars[] = {[WINDOW_DAY] = "day", [WINDOW_WEEK] = "week", [WINDOW_MONTH] = "month"};

static enum window_calendar find_calendar(const char *name)
{
	for (enum window_calendar c = WINDOW_DAY; c <= WINDOW_MONTH; c++) {
		if (strcmp(name, calendars[c]) == 0)
			return c;
	}
	return WINDOW_NO_CALENDAR;
}

static int plan_zone(struct agg *g, struct err *err)
{
	struct err inner = ERR_INIT;

	if (!g->opts.tz)
		return 0;
	g->zone = etime_zone_open(g->opts.tz, &inner);
	if (!g->zone)
		return err_set(err, inner.code, "--tz: %.200s", inner.msg);
	g->window.zone = g->zone;
	return 0;
}

/* Borders come from the calendar of a zone alone. */
static int plan_calendar(struct agg *g, struct err *err)
{
	const struct agg_options *o = &g->opts;

	if (o->every_us)
		return err_set(err, ERR_USAGE, "--every: a %s of the calendar cannot hop", o->window);
	if (o->offset_us)
		return err_set(err, ERR_USAGE, "--offset: a %s of the calendar begins at midnight of --tz", o->window);
	return plan_zone(g, err);
}

static int plan_sessions(struct agg *g, struct err *err)
{
	const struct agg_options *o = &g->opts;

	if (strcmp(o->window, "all") != 0)
		return err_set(err, ERR_USAGE, "--session: a record cannot be in windows of -w too");
	if (o->every_us)
		return err_set(err, ERR_USAGE, "--every: sessions begin with their records");
	if (o->offset_us)
		return err_set(err, ERR_USAGE, "--offset: sessions begin with their records");
	if (o->top)
		return err_set(err, ERR_USAGE, "--top: a session has only one row");
	if (o->tz && !o->session_max_us && !g->frame.rotate)
		return err_set(err, ERR_USAGE, "--tz: sessions without --session-max have no use for it");
	g->window.session_us = o->session_us;
	g->window.session_max_us = o->session_max_us;
	return plan_zone(g, err);
}

/* What windows of consecutive records of a group have no use for. */
static int check_runs(const struct agg *g, const char *what, struct err *err)
{
	const struct agg_options *o = &g->opts;

	if (strcmp(o->window, "all") != 0)
		return err_set(err, ERR_USAGE, "%s: a record cannot be in windows of -w too", what);
	if (o->every_us)
		return err_set(err, ERR_USAGE, "--every: the windows of %s begin with their records", what);
	if (o->offset_us)
		return err_set(err, ERR_USAGE, "--offset: the windows of %s begin with their records", what);
	if (o->top)
		return err_set(err, ERR_USAGE, "--top: a window of %s has only one row", what);
	return 0;
}

static int plan_counts(struct agg *g, struct err *err)
{
	const struct agg_options *o = &g->opts;

	if (o->start || o->end)
		return err_set(err, ERR_USAGE, "--every-n: trips end with a record of --end or --start");
	if (o->session_us || o->session_max_us)
		return err_set(err, ERR_USAGE, "--every-n: a record cannot be in sessions too");
	if (o->tz && !g->frame.rotate)
		return err_set(err, ERR_USAGE, "--tz: count windows have no use for it");
	g->window.every_n = (uint64_t)o->every_n;
	return check_runs(g, "--every-n", err) ? -1 : plan_zone(g, err);
}

static int plan_trips(struct agg *g, struct err *err)
{
	const struct agg_options *o = &g->opts;

	if (o->tz && !o->session_max_us && !g->frame.rotate)
		return err_set(err, ERR_USAGE, "--tz: trips without --session-max have no use for it");
	if (check_runs(g, o->start ? "--start" : "--end", err))
		return -1;
	g->window.session_us = o->session_us;
	g->window.session_max_us = o->session_max_us;
	g->window.has_start = o->start;
	g->window.has_end = o->end;
	return plan_zone(g, err);
}

void agg_plan_format(struct agg *g)
{
	static const struct {
		const char *suffix;
		enum rows_format format;
	} forms[] = {{".csv", ROWS_CSV}, {".tsv", ROWS_TSV}};
	const char *name = g->opts.output ? g->opts.output : "";
	size_t len = strlen(name);

	if (g->opts.format >= 0)
		return;
	g->opts.format = ROWS_NDJSON;
	if (compress_by_suffix(name) != COMPRESS_NONE)
		len = (size_t)(strrchr(name, '.') - name);
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		size_t n = strlen(forms[i].suffix);

		if (len > n && strncmp(name + len - n, forms[i].suffix, n) == 0)
			g->opts.format = forms[i].format;
	}
}

/* What cannot go out in parts that add up. */
static int check_early(const struct agg *g, struct err *err)
{
	const struct window_spec *w = &g->window;
	const char *why = NULL;

	if (w->session_us || w->every_n || w->has_start || w->has_end ||
		(!w->is_all && !w->calendar && w->advance_us < w->size_us))
		why = "needs windows that do not overlap: -w, without --every";
	else if (g->emit != ENGINE_FINAL)
		why = "does not go with --emit update or every";
	else if (g->opts.is_filling)
		why = "does not go with --fill";
	else if (g->opts.top || g->opts.having)
		why = "a part of a window cannot be judged: no --top and --having";
	else if (g->list.carried_bytes)
		why = "values that hold over borders of windows do not come in parts";
	return why ? err_set(err, ERR_USAGE, "--on-full emit-early: %s", why) : 0;
}

int agg_plan_limits(struct agg *g, struct err *err)
{
	const struct agg_options *o = &g->opts;

	if (o->on_full >= 0 && !o->max_keys && !o->max_mem_bytes)
		return err_set(err, ERR_USAGE, "--on-full: needs --max-keys or --max-mem");
	return o->on_full == ON_FULL_EMIT_EARLY ? check_early(g, err) : 0;
}

int agg_plan_files(struct agg *g, struct err *err)
{
	if (!g->frame.rotate)
		return 0;
	if (g->opts.format == ROWS_TABLE)
		return err_set(err, ERR_USAGE,
			"-o %.100s: a table is for people, not for files by the time; %%%% is a percent sign",
			g->opts.output);
	if (g->emit != ENGINE_FINAL)
		return err_set(err, ERR_USAGE,
			"-o %.100s: files by time take final rows only, not those of --emit; %%%% is a percent sign",
			g->opts.output);
	rotate_start(g->frame.rotate, g->zone, g->opts.format != ROWS_NDJSON);
	return 0;
}

int agg_plan_window(struct agg *g, struct err *err)
{
	const struct agg_options *o = &g->opts;
	struct window_spec *w = &g->window;
	struct err inner = ERR_INIT;

	*w = (struct window_spec){.calendar = o->session_us ? WINDOW_NO_CALENDAR : find_calendar(o->window)};
	if (o->is_filling && (o->every_n || o->start || o->end || o->session_us || strcmp(o->window, "all") == 0))
		return err_set(err, ERR_USAGE, "--fill: needs a window of time, as in -w 1m");
	if (o->every_n)
		return plan_counts(g, err);
	if (o->start || o->end)
		return plan_trips(g, err);
	if (o->session_us)
		return plan_sessions(g, err);
	if (o->session_max_us)
		return err_set(err, ERR_USAGE, "--session-max: needs --session, --start or --end");
	if (w->calendar)
		return plan_calendar(g, err);
	if (o->tz && !g->frame.rotate)
		return err_set(err, ERR_USAGE, "--tz: needs a window of the calendar, as in -w day");
	if (plan_zone(g, err))
		return -1;
	if (strcmp(o->window, "all") == 0) {
		w->is_all = true;
		if (o->every_us)
			return err_set(err, ERR_USAGE, "--every: needs a window of time, as in -w 10m --every 1m");
		if (o->offset_us)
			return err_set(err, ERR_USAGE, "--offset: needs a window of time, as in -w 1h --offset 15m");
		return 0;
	}
	if (num_parse_duration(slice_str(o->window), &w->size_us, &inner))
		return err_set(err, ERR_USAGE, "-w: %.120s", inner.msg);
	if (w->size_us <= 0)
		return err_set(err, ERR_USAGE, "-w %.60s: a window cannot be empty", o->window);
	w->advance_us = o->every_us ? o->every_us : w->size_us;
	if (w->size_us / w->advance_us > WINDOWS_MAX)
		return err_set(err, ERR_USAGE, "--every: a record would be in %lld windows of -w %.60s, more than %d",
			(long long)(w->size_us / w->advance_us), o->window, (int)WINDOWS_MAX);
	if (w->advance_us > w->size_us)
		return err_set(err, ERR_USAGE,
			"--every is more than the window of -w %.60s: records would be in no window", o->window);
	w->offset_us = o->offset_us % w->advance_us;
	return 0;
}

static int parse_emit(struct agg *g, struct err *err)
{
	static const char every[] = "every=";
	const char *text = g->opts.emit;
	struct err inner = ERR_INIT;

	if (!text || strcmp(text, "final") == 0)
		return 0;
	if (strcmp(text, "update") == 0) {
		g->emit = ENGINE_UPDATE;
		return 0;
	}
	if (strncmp(text, every, sizeof every - 1) != 0)
		return err_set(err, ERR_USAGE, "--emit %.60s: must be final, update or every=DURATION", text);
	g->emit = ENGINE_EVERY;
	if (num_parse_duration(slice_str(text + sizeof every - 1), &g->emit_every_us, &inner))
		return err_set(err, ERR_USAGE, "--emit %.60s: %.120s", text, inner.msg);
	if (g->emit_every_us <= 0)
		return err_set(err, ERR_USAGE, "--emit %.60s: rows cannot come every moment", text);
	return 0;
}

/* Rows before the final one: what they cannot stand beside. */
int agg_plan_emit(struct agg *g, struct err *err)
{
	const struct agg_options *o = &g->opts;

	if (parse_emit(g, err))
		return -1;
	if (g->emit == ENGINE_FINAL)
		return 0;
	if (g->emit == ENGINE_UPDATE && g->window.is_all)
		return err_set(err, ERR_USAGE,
			"--emit update: the whole stream is complete at its end only: --emit every=10s tells rows on "
			"the way");
	if (g->window.every_n || g->window.has_start || g->window.has_end)
		return err_set(err, ERR_USAGE,
			"--emit %.60s: count windows and trips are told once, when no record can change them", o->emit);
	if (g->emit == ENGINE_UPDATE && !o->grace_us)
		return err_set(err, ERR_USAGE,
			"--emit update: needs --grace, in which a complete window still changes, as in --grace 1h");
	if (o->top)
		return err_set(
			err, ERR_USAGE, "--top: rows that --emit %.60s tells one by one cannot be compared", o->emit);
	if (o->is_filling)
		return err_set(err, ERR_USAGE, "--fill: a window without records has nothing to tell before it closes");
	if (g->frame.rotate)
		return err_set(err, ERR_USAGE, "--emit %.60s: files by the time hold one row for each window", o->emit);
	return 0;
}

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
		buf_addf(out, "window: a %s of the calendar in %s", calendars[g->window.calendar],
			g->opts.tz ? g->opts.tz : "UTC");
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
	if (g->opts.is_partial)
		buf_addf(out, "\nrows are partial: config %016llx, window %.*s",
			(unsigned long long)g->partial.head.config, (int)g->window_text.len, g->window_text.p);
	buf_addf(out, "\nstate of a group: %u bytes and its key\n", g->list.state_bytes);
	rows_close(rows);
}
