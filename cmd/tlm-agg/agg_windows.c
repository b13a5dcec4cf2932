/* What windows the options ask for, how much of them may be open, and where their rows go. */
#include "agg_impl.h"

#include <string.h>

#include "compress/compress.h"
#include "etime/etime.h"
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
	if (kafka_is_place(name))
		return;
	if (compress_by_suffix(name) != COMPRESS_NONE)
		len = (size_t)(strrchr(name, '.') - name);
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		size_t n = strlen(forms[i].suffix);

		if (len > n && strncmp(name + len - n, forms[i].suffix, n) == 0)
			g->opts.format = (int)forms[i].format;
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
