#include "engine/runs.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/runs_impl.h"
#include "group/group.h"
#include "mem/mem.h"

/* W is so far that no record of this time is taken any more. */
static bool is_past(const struct runs *r, int64_t us, int64_t watermark_us)
{
	return watermark_us == WINDOW_FOREVER || watermark_us > window_add_us(us, r->opts->grace_us);
}

/* ---- owners ---- */

struct owner *runs_owner(struct runs *r, struct slice key, uint64_t hash)
{
	struct owner *o = owners_find(&r->owners, key, hash);

	return o ? o : owners_add(&r->owners, key, hash);
}

/* The limits count a group of which something is open or waits. */
void runs_count_owner(struct runs *r, struct owner *o)
{
	bool is_busy = o->is_going || o->n_holds;

	if (is_busy != o->is_counted)
		r->counts->groups += is_busy ? 1 : -UINT64_C(1);
	o->is_counted = is_busy;
}

/* Forgets an owner that nothing needs any more. */
static void drop_if_idle(struct runs *r, struct owner *o)
{
	runs_count_owner(r, o);
	if (o->is_counted || o->is_due)
		return;
	if (o->is_there)
		keep_drop(&r->keep, RUNS_KIND, 0, o->head.key);
	owners_drop(&r->owners, o);
}

/* ---- runs ---- */

static int64_t end_by_gap(const struct runs *r, const struct owner *o)
{
	return r->spec->session_us ? window_add_us(o->last_us, r->spec->session_us) : WINDOW_FOREVER;
}

/* The last time at which a record could still go into the open run. */
static int64_t end_of(const struct runs *r, const struct owner *o)
{
	int64_t us = end_by_gap(r, o);

	return o->open && o->open->border_us != WINDOW_FOREVER && o->open->border_us - 1 < us ? o->open->border_us - 1
											      : us;
}

struct run *runs_open_run(struct runs *r, struct owner *o, int64_t us)
{
	o->open = mem_alloc(1, sizeof *o->open + r->opts->list->state_bytes);
	*o->open = (struct run){.owner = o,
		.first_us = us,
		.last_us = us,
		.border_us = r->spec->session_max_us ? window_pane_at(&r->borders, us).end_us : WINDOW_FOREVER,
		.is_cut = o->is_cut};
	o->is_going = o->is_touched = true;
	o->is_cut = false;
	r->n_runs++;
	return o->open;
}

/* The open run closes when W is past us; is_cut: it goes on behind a border. */
static void close_run(struct runs *r, struct owner *o, int64_t us, bool is_cut)
{
	struct run *run = o->open;

	if (run) {
		if (r->n_closing == r->cap_closing) {
			r->cap_closing = r->cap_closing ? 2 * r->cap_closing : 16;
			r->closing = mem_resize(r->closing, r->cap_closing, sizeof(struct run *));
		}
		run->is_cut |= is_cut;
		run->number = r->n_closing;
		run->closes_us =
			r->opts->has_time ? window_add_us(window_add_us(us, r->opts->grace_us), 1) : WINDOW_NEVER;
		r->closing[r->n_closing++] = run;
		o->n_holds++;
	}
	o->open = NULL;
	o->is_going = o->is_cut = is_cut;
	o->is_touched = true;
}

/* What is over before the time of the next record. */
static void close_over(struct runs *r, struct owner *o, int64_t us)
{
	while (o->is_going && end_of(r, o) < us)
		close_run(r, o, end_of(r, o), end_of(r, o) < end_by_gap(r, o));
}

/* The run that takes the next record of an owner, begun if it shall; NULL: it is outside of all. */
static struct run *find_run(struct runs *r, struct owner *o, int64_t us, bool is_start)
{
	const struct window_spec *s = r->spec;

	if (o->is_going) {
		close_over(r, o, us);
		if (is_start && !s->has_end)
			close_run(r, o, us, false);
		if (o->is_going)
			return o->open ? o->open : runs_open_run(r, o, us);
	}
	return is_start || !s->has_start ? runs_open_run(r, o, us) : NULL;
}

void runs_charge_run(struct runs *r, struct run *run)
{
	const struct owner *o = run->owner;

	windows_charge(r->opts, r->counts, &run->charged,
		sizeof *run + r->opts->list->state_bytes + sizeof *o + o->head.key.len, run->states);
}

/*
 * The next time for the heap: no later than the end of the run of an owner, whatever comes. A run that goes on behind a
 * border, still without a record, may begin at W at the earliest, and ends at the border behind that, if not by its
 * gap.
 */
static int64_t bound_of(const struct runs *r, const struct owner *o, int64_t watermark_us)
{
	int64_t us = end_of(r, o), border_us;

	if (o->open || us == WINDOW_FOREVER)
		return us;
	border_us = window_pane_at(&r->borders, watermark_us - r->opts->grace_us).end_us;
	return border_us - 1 < us ? border_us - 1 : us;
}

void runs_push_due(struct runs *r, struct owner *o, int64_t watermark_us)
{
	o->is_due = o->is_going && end_of(r, o) != WINDOW_FOREVER;
	if (o->is_due)
		waiting_add(&r->due, &(struct agg_place){.time_us = bound_of(r, o, watermark_us)}, o);
}

/* Behind the record that was folded. */
static void end_record(struct runs *r, struct owner *o, int64_t us, bool is_end)
{
	struct run *run = o->open;

	run->last_us = o->last_us = us;
	run->n_records++;
	o->is_touched = true;
	if (is_end || (r->spec->every_n && run->n_records == r->spec->every_n)) {
		close_run(r, o, us, false);
	} else if (!o->is_due) {
		runs_push_due(r, o, WINDOW_NEVER); /* its run is open: W does not matter */
	}
}

static void fold_held(struct runs *r, struct held *h, const struct agg_place *place)
{
	struct owner *o = h->owner;
	struct run *run = find_run(r, o, place->time_us, h->is_start);

	if (run) {
		agg_states_merge(r->opts->list, run->states, h->states);
		runs_charge_run(r, run);
		end_record(r, o, place->time_us, h->is_end);
	} else {
		r->counts->outside++;
	}
	if (h->is_there)
		keep_drop(&r->keep, HELD_KIND, (int64_t)place->line, o->head.key);
	r->counts->bytes -= h->charged;
	agg_states_release(r->opts->list, h->states);
	free(h);
	o->n_holds--;
	drop_if_idle(r, o);
}

/* Runs that end without a record. */
static void close_due(struct runs *r, int64_t watermark_us)
{
	while (r->due.n && is_past(r, r->due.items[0].place.time_us, watermark_us)) {
		struct owner *o = r->due.items[0].thing;

		waiting_pop(&r->due);
		if (o->is_going && is_past(r, end_of(r, o), watermark_us))
			close_over(r, o, end_of(r, o) + (end_of(r, o) != WINDOW_FOREVER));
		runs_push_due(r, o, watermark_us);
		if (!o->is_due)
			drop_if_idle(r, o);
	}
}

/* ---- rows out ---- */

static int compare_runs(const void *a, const void *b)
{
	const struct run *x = *(struct run *const *)a, *y = *(struct run *const *)b;
	int order;

	if (x->last_us != y->last_us)
		return x->last_us < y->last_us ? -1 : 1;
	if (x->first_us != y->first_us)
		return x->first_us < y->first_us ? -1 : 1;
	order = slice_cmp(x->owner->head.key, y->owner->head.key);
	return order ? order : (x->number > y->number) - (x->number < y->number);
}

static int emit(struct runs *r, const struct run *run, bool is_final, struct err *err)
{
	struct engine_row row = {.has_bounds = r->opts->has_time,
		.start_us = run->first_us,
		.end_us = run->last_us,
		.key = run->owner->head.key,
		.states = run->states,
		.closes_us = run->closes_us,
		.is_final = is_final,
		.known_us = WINDOW_FOREVER,
		.is_first_of_window = true,
		.is_last_of_window = true,
		.is_cut = run->is_cut};

	r->counts->rows++;
	if (is_final)
		r->counts->kept += run->n_records;
	return r->opts->row(r->opts->context, &row, err);
}

static void free_run(struct runs *r, struct run *run)
{
	r->counts->bytes -= run->charged;
	agg_states_release(r->opts->list, run->states);
	free(run);
	r->n_runs--;
}

static int emit_closing(struct runs *r, bool is_final, struct err *err)
{
	int result = 0;

	if (r->n_closing > 1)
		qsort(r->closing, r->n_closing, sizeof(struct run *), compare_runs);
	for (size_t i = 0; i < r->n_closing; i++) {
		struct owner *o = r->closing[i]->owner;

		r->closing_at = i + 1;
		if (result == 0)
			result = emit(r, r->closing[i], is_final, err);
		free_run(r, r->closing[i]);
		o->n_holds--;
		drop_if_idle(r, o);
	}
	r->n_closing = r->closing_at = 0;
	return result;
}

static void close_all(struct runs *r)
{
	while (r->due.n) {
		((struct owner *)r->due.items[r->due.n - 1].thing)->is_due = false;
		r->due.n--;
	}
	for (struct owner *o = owners_next(&r->owners, NULL), *next; o; o = next) {
		next = owners_next(&r->owners, o);
		close_run(r, o, WINDOW_FOREVER, false);
		drop_if_idle(r, o);
	}
}

/* Values hold up to the last of their window, whatever is known. */
static int advance(
	struct engine_windows *windows, int64_t watermark_us, int64_t known_us, bool is_final, struct err *err)
{
	struct runs *r = (struct runs *)windows;

	(void)known_us;
	while (r->held.n && is_past(r, r->held.items[0].place.time_us, watermark_us)) {
		struct waiting_item first = r->held.items[0];

		waiting_pop(&r->held);
		fold_held(r, first.thing, &first.place);
	}
	if (watermark_us == WINDOW_FOREVER)
		close_all(r);
	else
		close_due(r, watermark_us);
	return r->n_closing ? emit_closing(r, is_final, err) : 0;
}

/* ---- records in ---- */

static enum engine_fate refuse(struct runs *r, int64_t us, int64_t watermark_us)
{
	*r->late = (struct engine_late){.start_us = us,
		.end_us = us,
		.windows = 1,
		.late_us = watermark_us - window_add_us(us, r->opts->grace_us)};
	r->counts->late++;
	if (r->late->late_us > r->counts->late_max_us)
		r->counts->late_max_us = r->late->late_us;
	return ENGINE_LATE;
}

/* A record that waits needs room, whatever its group. */
static bool has_room(const struct runs *r, const struct engine_record *record)
{
	const struct owner *o;

	if (!windows_are_full(r->opts, r->counts))
		return true;
	if (r->opts->limits.bytes && r->counts->bytes >= r->opts->limits.bytes && r->opts->has_time)
		return false;
	o = owners_find(&r->owners, record->key, record->hash);
	return o && o->is_counted && !windows_cannot_grow(r->opts, r->counts);
}

/* Without times the order of records is that in which they come. */
static enum engine_fate fold_now(struct runs *r, const struct engine_record *record, struct err *err)
{
	struct owner *o = runs_owner(r, record->key, record->hash);
	struct run *run = find_run(r, o, 0, record->is_start);

	r->counts->taken++;
	if (run) {
		agg_states_add(r->opts->list, run->states, record->values, &record->place);
		runs_charge_run(r, run);
		end_record(r, o, 0, record->is_end);
		runs_count_owner(r, o);
	} else {
		r->counts->outside++;
		drop_if_idle(r, o);
	}
	return r->n_closing && emit_closing(r, true, err) ? ENGINE_ERROR : ENGINE_TAKEN;
}

struct held *runs_hold(struct runs *r, struct slice key, uint64_t hash, const struct agg_place *place)
{
	struct held *h = mem_alloc(1, sizeof *h + r->opts->list->state_bytes);

	h->owner = runs_owner(r, key, hash);
	h->owner->n_holds++;
	runs_count_owner(r, h->owner);
	waiting_add(&r->held, place, h);
	r->counts->taken++;
	return h;
}

void runs_charge_held(struct runs *r, struct held *h)
{
	windows_charge(r->opts, r->counts, &h->charged, sizeof *h + r->opts->list->state_bytes + sizeof *r->held.items,
		h->states);
}

static enum engine_fate add(
	struct engine_windows *windows, const struct engine_record *record, int64_t watermark_us, struct err *err)
{
	struct runs *r = (struct runs *)windows;
	struct held *h;

	if (!r->opts->has_time)
		return has_room(r, record) ? fold_now(r, record, err) : ENGINE_FULL;
	if (advance(windows, watermark_us, WINDOW_FOREVER, true, err))
		return ENGINE_ERROR;
	if (is_past(r, record->place.time_us, watermark_us))
		return refuse(r, record->place.time_us, watermark_us);
	if (!has_room(r, record))
		return ENGINE_FULL;
	h = runs_hold(r, record->key, record->hash, &record->place);
	h->is_start = record->is_start;
	h->is_end = record->is_end;
	agg_states_add(r->opts->list, h->states, record->values, &record->place);
	runs_charge_held(r, h);
	return ENGINE_TAKEN;
}

static int64_t oldest_start(const struct engine_windows *windows)
{
	const struct runs *r = (const struct runs *)windows;
	int64_t oldest_us = r->held.n ? r->held.items[0].place.time_us : WINDOW_FOREVER;

	for (size_t i = r->closing_at; i < r->n_closing; i++)
		oldest_us = r->closing[i]->first_us < oldest_us ? r->closing[i]->first_us : oldest_us;
	for (const struct owner *o = owners_next(&r->owners, NULL); o; o = owners_next(&r->owners, o))
		oldest_us = o->open && o->open->first_us < oldest_us ? o->open->first_us : oldest_us;
	return oldest_us;
}

static void memory(const struct engine_windows *windows, size_t *bytes, size_t *groups)
{
	const struct runs *r = (const struct runs *)windows;
	size_t states = r->opts->list->state_bytes;

	*groups = r->owners.n;
	*bytes = owners_bytes(&r->owners) + r->n_runs * (sizeof(struct run) + states) +
		 r->held.n * (sizeof(struct held) + states + sizeof *r->held.items) + r->due.n * sizeof *r->due.items;
}

static void close_runs(struct engine_windows *windows)
{
	struct runs *r = (struct runs *)windows;

	for (size_t i = 0; i < r->held.n; i++) {
		struct held *h = r->held.items[i].thing;

		agg_states_release(r->opts->list, h->states);
		free(h);
	}
	for (struct owner *o = owners_next(&r->owners, NULL); o; o = owners_next(&r->owners, o)) {
		if (o->open)
			free_run(r, o->open);
	}
	owners_release(&r->owners);
	keep_release(&r->keep);
	free(r->closing);
	waiting_release(&r->held);
	waiting_release(&r->due);
	free(r);
}

static const struct engine_windows_ops ops = {
	.add = add,
	.advance = advance,
	.oldest_start = oldest_start,
	.digest = runs_digest,
	.save = runs_save,
	.load = runs_load,
	.loaded = runs_loaded,
	.memory = memory,
	.close = close_runs,
};

struct engine_windows *runs_open(const struct engine_opts *opts, struct engine_late *late, struct engine_counts *counts)
{
	struct runs *r = mem_alloc_apart(1, sizeof *r);

	assert(opts->has_time || (!opts->window.session_us && !opts->window.session_max_us));
	r->windows.ops = &ops;
	r->opts = opts;
	r->spec = &opts->window;
	r->borders = (struct window_spec){
		.calendar = WINDOW_MULTIPLE, .size_us = opts->window.session_max_us, .zone = opts->window.zone};
	owners_init(&r->owners, sizeof(struct owner));
	r->keep.is_on = opts->is_kept;
	r->late = late;
	r->counts = counts;
	return &r->windows;
}
